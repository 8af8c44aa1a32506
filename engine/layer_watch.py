"""Gradient norms and update-to-weight ratios of each layer, measured at some of the steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch

Tensor = torch.Tensor


class LayerWatch:
    """Measures a model's layers before and after an optimizer step."""

    def __init__(self, model: torch.nn.Module) -> None:
        grouped: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                grouped.setdefault(name.rpartition(".")[0] or name, []).append(parameter)
        self.layers = list(grouped)
        """A layer is a module with parameters of its own."""
        self._parameters = [p for group in grouped.values() for p in group]
        self._sizes = [len(group) for group in grouped.values()]
        self._before: list[Tensor] = []

    def gradients(self) -> Tensor:
        """The L2 norm of each layer's gradient, (layers,); NaN for one that has none."""
        missing = torch.full((1,), float("nan"), device=self._parameters[0].device)
        return self._norms(missing if p.grad is None else p.grad for p in self._parameters)

    def remember(self) -> None:
        """Note the weights before the step."""
        self._before = [p.detach().clone() for p in self._parameters]

    def update_ratios(self) -> Tensor:
        """The norm of each layer's change since `remember`, divided by that of its weights before, (layers,)."""
        with torch.no_grad():
            changes = torch._foreach_sub([p.detach() for p in self._parameters], self._before)
        ratios = self._norms(changes) / self._norms(self._before).clamp_min(1e-12)
        self._before = []
        return ratios

    def _norms(self, tensors: Iterable[Tensor]) -> Tensor:
        """One norm for each layer of those of its parameters."""
        norms = torch.stack([norm.float() for norm in torch._foreach_norm(list(tensors))])
        return torch.stack([part.square().sum().sqrt() for part in torch.split(norms, self._sizes)])
