"""Three 3 × 3 convolutions with batch norm and max pooling, and two linear layers."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import large_enough, needs

KINDS = ("image",)
SMALLEST = 8


def build(spec: InputSpec) -> nn.Module:
    """Convolutions of 16, 32 and 64 channels, each halved by pooling, then 1024 units with ReLU and the classes.

    Of a 128 × 128 image 64 × 16 × 16 = 16384 numbers are left for the first linear layer: 16,904,548 parameters at
    3 × 128 × 128 and 100 classes.

    Args:
        spec: images of 8 × 8 and up.

    Raises:
        SettingsError: no images, or too small ones.
    """
    needs("conv_ex2", spec, *KINDS)
    large_enough("conv_ex2", spec, SMALLEST)
    channels, height, width = spec.shape
    return nn.Sequential(
        *_block(channels, 16),
        *_block(16, 32),
        *_block(32, 64),
        nn.Flatten(),
        nn.Linear(64 * (height // 8) * (width // 8), 1024),
        nn.ReLU(),
        nn.Linear(1024, spec.classes),
    )


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
