"""A plain convolutional network: blocks of convolution, batch norm, ReLU and pooling, then one linear layer."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import block_sizes, needs, shares, size_of

KINDS = ("image",)
SMALLEST = 8
"""Of the three blocks that it has when nothing else is said."""


def build(spec: InputSpec, *, widths: list[int] | None = None, dropout: float = 0.0) -> nn.Module:
    """A convolutional network: 3 × 3 convolution, batch norm, ReLU and pooling in each block, then one linear layer.

    Args:
        spec: images of 8 × 8 and up; each block halves them.
        widths: channels of each block; [32, 64, 128] when absent.
        dropout: share of the last layer's inputs dropped while training.

    Raises:
        SettingsError: no images, too small ones for so many blocks, or an impossible value.
    """
    needs("cnn", spec, *KINDS)
    channels = [32, 64, 128] if widths is None else widths
    block_sizes("widths", channels, "channel", [32, 64, 128])
    shares(dropout=dropout)
    size, height, width = spec.shape
    layers: list[nn.Module] = []
    for block in channels:
        if min(height, width) < 2:
            raise SettingsError(
                f"model.widths has {len(channels)} blocks, each halving the image;"
                f" {size_of(spec)} is too small for that",
                hint=f"give at most {len(layers) // 4} widths",
            )
        layers += [nn.Conv2d(size, block, 3, padding=1, bias=False), nn.BatchNorm2d(block), nn.ReLU(), nn.MaxPool2d(2)]
        size, height, width = block, height // 2, width // 2
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Flatten(), *drop, nn.Linear(size * height * width, spec.classes))
