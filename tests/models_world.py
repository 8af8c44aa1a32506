"""Models of images without the cost of their weights."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import nn

from engine.dataset import InputSpec


def image(side: int, classes: int = 10, channels: int = 3) -> InputSpec:
    return InputSpec("image", (channels, side, side), classes)


def shapeless(module: ModuleType, spec: InputSpec, **arguments: Any) -> nn.Module:
    """The model without numbers in it: shapes and counts of big ones in no time."""
    with torch.device("meta"):
        model: nn.Module = module.build(spec, **arguments)
    return model
