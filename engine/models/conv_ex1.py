"""Four 5 × 5 convolutions with batch norm, one max pooling after the second, and one linear layer."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import large_enough, needs

KINDS = ("image",)
SMALLEST = 14


def build(spec: InputSpec) -> nn.Module:
    """Convolutions of 12, 12, 24 and 24 channels; a padding of 1 makes each take 2 pixels off the image's sides.

    A 32 × 32 image becomes 30, 28, pooled 14, 12 and 10 pixels a side, so that the linear layer reads 2400 numbers:
    266,416 parameters at 3 × 32 × 32 and 100 classes.

    Args:
        spec: images of 14 × 14 and up.

    Raises:
        SettingsError: no images, or too small ones.
    """
    needs("conv_ex1", spec, *KINDS)
    large_enough("conv_ex1", spec, SMALLEST)
    channels, height, width = spec.shape
    return nn.Sequential(
        *_block(channels, 12),
        *_block(12, 12),
        nn.MaxPool2d(2),
        *_block(12, 24),
        *_block(24, 24),
        nn.Flatten(),
        nn.Linear(24 * _left(height) * _left(width), spec.classes),
    )


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 5, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]


def _left(side: int) -> int:
    """Pixels that are left of a side behind the last convolution."""
    return (side - 4) // 2 - 4
