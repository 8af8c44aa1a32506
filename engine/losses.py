"""Losses as the training loop takes them: a mean over a batch, and what it is a mean of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from engine.batches import Batch
from engine.errors import SettingsError

Tensor = torch.Tensor


class Loss:
    """A torch.nn loss of a model's output and a batch's labels."""

    def __init__(self, name: str, module: torch.nn.Module) -> None:
        self.name, self.module = name, module
        self.summed = getattr(module, "reduction", "mean") == "sum"
        """Whether it is a sum and not a mean."""

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        value: Tensor = self.module(output, batch.labels)
        return value

    def size(self, batch: Batch) -> Tensor | int:
        """What the mean over this batch divides by; losses of parts are averaged with it as weight."""
        return len(batch)


class ConvertedLoss(Loss):
    """The same with the output changed first: log-probabilities, or a shape of its own."""

    def __init__(self, name: str, module: torch.nn.Module, convert: Callable[[Tensor], Tensor]) -> None:
        super().__init__(name, module)
        self._convert = convert

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        value: Tensor = self.module(self._convert(output), batch.labels)
        return value


def build_module(
    table: Mapping[str, Any], known: tuple[str, ...], device: torch.device, **fixed: Any
) -> tuple[str, Any]:
    """The name and the torch.nn module of a loss table.

    Args:
        table: its name and arguments.
        known: the losses of the task, the usual one first.
        device: where its weights are needed.
        fixed: arguments that the task itself gives.

    Raises:
        SettingsError: it is none of those, refuses its arguments, or gives more than one number.
    """
    arguments = dict(table)
    name = arguments.pop("name", known[0])
    if name not in known:
        reason = "there is no such loss" if not hasattr(torch.nn, str(name)) else "it is no loss of this task"
        raise SettingsError(f"loss {name!r}: {reason}", hint=f"known: {', '.join(known)}")
    reduction = arguments.get("reduction", "mean")
    if reduction not in ("mean", "sum"):
        raise SettingsError(f"loss.reduction = {reduction!r}: training needs one number", hint="mean or sum")
    kind = getattr(torch.nn, name)
    legacy = ("size_average", "reduce")
    arguments = {key: value for key, value in arguments.items() if key not in legacy or value is not None}
    try:
        return name, kind(**arguments, **fixed).to(device)
    except (TypeError, ValueError) as error:
        own = ", ".join(key for key in inspect.signature(kind).parameters if key not in legacy)
        raise SettingsError(f"loss {name}: {error}", hint=f"its arguments: {own}") from error
