"""The losses a classifier is trained with, built from their table, with class weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import SettingsError

Tensor = torch.Tensor
LossFunction = Callable[[Tensor, Tensor], Tensor]

KNOWN = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")


class Loss:
    """A loss of logits (n, classes) and class indices (n,), with what its mean is taken over."""

    def __init__(self, name: str, module: torch.nn.Module, weight: Tensor | None, *, summed: bool) -> None:
        self.module = module
        self.function: LossFunction = _of_log_probabilities(module) if name == "NLLLoss" else module
        self.summed = summed
        # cross entropy divides by the weights of the samples' classes, the margin loss by the number of samples
        self._weight = weight if name != "MultiMarginLoss" else None
        ignored = getattr(module, "ignore_index", -100)
        if ignored >= 0 and weight is not None and ignored < len(weight):
            self._weight = weight.clone()
            self._weight[ignored] = 0.0

    def size(self, labels: Tensor) -> Tensor | int:
        """What the mean over these samples divides by; losses of parts are averaged with it as weight."""
        return len(labels) if self._weight is None else self._weight[labels].sum()


def _of_log_probabilities(module: torch.nn.Module) -> LossFunction:
    def function(logits: Tensor, labels: Tensor) -> Tensor:
        result: Tensor = module(torch.log_softmax(logits, 1), labels)
        return result

    return function


def build_loss(
    table: Mapping[str, Any], classes: Sequence[str], labels: NDArray[np.int64], device: torch.device
) -> Loss:
    """The loss of a table.

    Args:
        table: its settings; `class_weight` is "balanced" or one weight a class.
        classes: the class names.
        labels: of the train split, for balanced weights.
        device: where the weights are needed.

    Raises:
        SettingsError: it is not a classification loss, refuses its arguments, or the weights do not fit the classes.
    """
    arguments = dict(table)
    name = arguments.pop("name", "CrossEntropyLoss")
    if name not in KNOWN:
        reason = "there is no such loss" if not hasattr(torch.nn, name) else "it is no loss of logits and a class"
        raise SettingsError(f"loss {name!r}: {reason}", hint=f"for classification: {', '.join(KNOWN)}")
    weight = _weight(arguments.pop("class_weight", None), classes, labels)
    reduction = arguments.get("reduction", "mean")
    if reduction not in ("mean", "sum"):
        raise SettingsError(f"loss.reduction = {reduction!r}: training needs one number", hint="mean or sum")
    if weight is not None:
        arguments["weight"] = weight
    kind = getattr(torch.nn, name)
    accepted = inspect.signature(kind).parameters
    legacy = ("size_average", "reduce")
    arguments = {key: value for key, value in arguments.items() if key not in legacy or value is not None}
    try:
        module = kind(**arguments).to(device)
    except (TypeError, ValueError) as error:
        own = ", ".join(key for key in accepted if key not in legacy)
        raise SettingsError(f"loss {name}: {error}", hint=f"its arguments: {own}") from error
    return Loss(name, module, None if weight is None else weight.to(device), summed=reduction == "sum")


def _weight(given: Any, classes: Sequence[str], labels: NDArray[np.int64]) -> Tensor | None:
    """One weight a class: n / (classes * count) when balanced, 1 for a class that does not occur."""
    if given is None:
        return None
    if given == "balanced":
        counts = np.bincount(labels, minlength=len(classes)).astype(np.float64)
        present = counts > 0
        weights = np.ones(len(classes))
        weights[present] = len(labels) / (present.sum() * counts[present])
        return torch.tensor(weights, dtype=torch.float32)
    if not isinstance(given, (list, tuple)) or not all(isinstance(w, (int, float)) for w in given):
        raise SettingsError(f"loss.class_weight = {given!r}", hint='give "balanced" or a list of one number a class')
    if len(given) != len(classes):
        shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
        raise SettingsError(
            f"loss.class_weight has {len(given)} weights for {len(classes)} classes", hint=f"in this order: {shown}"
        )
    return torch.tensor([float(w) for w in given], dtype=torch.float32)
