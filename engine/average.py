"""An exponential moving average of a model's weights, which often does better than the weights themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch

Tensor = torch.Tensor


class WeightAverage:
    """Averages of all floating values of a model's state; numbers of another kind are those of the moment.

    After step t an average a of weights w becomes d * a + (1 - d) * w with d = min(decay, (1 + t) / (10 + t)), so that
    the first steps do not keep it at the initial weights (Polyak and Juditsky, 1992; the warm-up is TensorFlow's).
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self._pairs()

    def _pairs(self) -> None:
        """The tensors to be averaged and their averages, looked up once: the model's stay the same objects."""
        current = {name: value for name, value in self.model.state_dict().items() if value.is_floating_point()}
        self._names, self._current = list(current), list(current.values())
        self._averages = [self.values[name] for name in self._names]

    def update(self, step: int) -> None:
        """Take up the weights after optimizer step `step`, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, self._current, 1 - decay)

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Take up kept averages."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this context the model has the averages as its weights."""
        own = [value.clone() for value in self._current]
        self._put(self._averages)
        try:
            yield
        finally:
            self._put(own)

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for target, value in zip(self._current, values, strict=True):
                target.copy_(value)
