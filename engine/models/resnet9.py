"""A small residual network for 32 × 32 images that trains fast: nine layers with weights."""

from __future__ import annotations

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import large_enough, needs

KINDS = ("image",)
SMALLEST = 32
Tensor = torch.Tensor


class Residual(nn.Module):
    """What goes in, and beside it two blocks over it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*block(channels, channels), *block(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to the same."""
        result: Tensor = x + self.blocks(x)
        return result


def block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    """Convolution 3 × 3, batch norm, ReLU, and pooling where it is asked for."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
    return [*layers, nn.ReLU(inplace=True), *([nn.MaxPool2d(2)] if pool else [])]


class Scale(nn.Module):
    """Multiplies by a constant: logits that begin small let the first steps be long."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return x * self.factor


def build(spec: InputSpec, *, width: int = 64, scale: float = 0.125) -> nn.Module:
    """The nine-layer residual network of Page, "How to train your ResNet" (2018): 6,573,120 parameters at 10 classes.

    Args:
        spec: images of at least 32 × 32.
        width: channels of the first layer; 2, 4 and 8 times as many follow.
        scale: what the logits are multiplied by.

    Raises:
        SettingsError: no images, too small ones, or an impossible value.
    """
    needs("resnet9", spec, *KINDS)
    large_enough("resnet9", spec, SMALLEST)
    if width < 1 or not scale > 0:
        raise SettingsError(f"model.width = {width}, model.scale = {scale}: both must be greater than 0")
    return nn.Sequential(
        *block(spec.shape[0], width),
        *block(width, 2 * width, pool=True),
        Residual(2 * width),
        *block(2 * width, 4 * width, pool=True),
        *block(4 * width, 8 * width, pool=True),
        Residual(8 * width),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, spec.classes, bias=False),
        Scale(scale),
    )
