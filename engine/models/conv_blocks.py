"""Two convolutions with ReLU, one max pooling, dropout and two linear layers: a first network for characters."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import at_least_one, large_enough, needs, shares

KINDS = ("image",)
SMALLEST = 2


def build(spec: InputSpec, *, channels: int = 64, fc_dim: int = 128, dropout: float = 0.25) -> nn.Module:
    """The CNN of the Full Stack Deep Learning course's text recogniser: two blocks of convolution and ReLU.

    Each block is a 3 × 3 convolution that keeps the image's size, then ReLU. Max pooling halves the image, dropout
    follows; then come a linear layer with ReLU and one to the classes. 1,654,035 parameters at 1 × 28 × 28 and 83
    classes.

    Args:
        spec: images of 2 × 2 and up.
        channels: of both convolutions.
        fc_dim: units of the first linear layer.
        dropout: share of its inputs dropped while training.

    Raises:
        SettingsError: no images, too small ones, or an impossible value.
    """
    needs("conv_blocks", spec, *KINDS)
    large_enough("conv_blocks", spec, SMALLEST)
    at_least_one(channels=channels, fc_dim=fc_dim)
    shares(dropout=dropout)
    size, height, width = spec.shape
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        *_block(size, channels),
        *_block(channels, channels),
        nn.MaxPool2d(2),
        *drop,
        nn.Flatten(),
        nn.Linear(channels * (height // 2) * (width // 2), fc_dim),
        nn.ReLU(),
        nn.Linear(fc_dim, spec.classes),
    )


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
