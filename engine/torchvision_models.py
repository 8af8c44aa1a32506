"""Models of torchvision, built for a data set: its number of classes, one grey channel repeated to three."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torchvision.models

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import here_fit
from engine.text import printable


class GreyToColour(torch.nn.Module):
    """Repeats the one channel of grey images for a model that wants three."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, 1, height, width) to logits (batch, classes)."""
        logits: torch.Tensor = self.model(images.expand(-1, 3, -1, -1))
        return logits


def builder(name: str) -> Callable[..., torch.nn.Module]:
    """The `build(spec, **arguments)` of torchvision.models.NAME, without pretrained weights."""

    def build(spec: InputSpec, **arguments: Any) -> torch.nn.Module:
        return _build(name, spec, arguments)

    return build


def _build(name: str, spec: InputSpec, arguments: dict[str, Any]) -> torch.nn.Module:
    shown = f"torchvision:{printable(name)}"
    if spec.kind != "image":
        raise SettingsError(f"model {shown} takes images; this data set has {spec.kind} inputs", hint=here_fit(spec))
    if spec.shape[0] not in (1, 3):
        raise SettingsError(f"model {shown} takes images of 1 or 3 channels; these have {spec.shape[0]}")
    if arguments.get("aux_logits"):
        raise SettingsError(f"model {shown}: aux_logits gives several outputs, which the loop cannot train")
    function = getattr(torchvision.models, name)
    try:
        model = function(weights=None, num_classes=spec.classes, **_without_auxiliary(function, arguments))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise SettingsError(f"model {shown} cannot be built: {printable(error)}") from error
    built: torch.nn.Module = GreyToColour(model) if spec.shape[0] == 1 else model
    return built


def _without_auxiliary(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Inception and GoogLeNet have extra outputs unless told otherwise, and draw their initial weights very slowly."""
    returned = inspect.get_annotations(inspect.unwrap(function), eval_str=True).get("return")
    taken = inspect.signature(returned).parameters if isinstance(returned, type) else {}
    extra = {key: value for key, value in (("aux_logits", False), ("init_weights", True)) if key in taken}
    if "aux_logits" not in taken:
        extra = {}  # init_weights of the others is their own business
    return {**extra, **arguments}
