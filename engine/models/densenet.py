"""DenseNet and DenseNet-BC: dense blocks, in which each layer reads what all layers before it gave, and transitions."""

from __future__ import annotations

import math

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, block_sizes, needs, one_of, shares, size_of

KINDS = ("image",)
SMALLEST = 4
"""Of the three blocks that it has when nothing else is said."""
Tensor = torch.Tensor
STEMS = ("cifar", "imagenet")
WIDER = 4
"""Channels between a bottleneck's two convolutions, in growth rates."""


class DenseLayer(nn.Module):
    """One layer of a dense block: what it was given, with `growth` new channels behind it."""

    def __init__(self, inputs: int, growth: int, *, bottleneck: bool, dropout: float) -> None:
        super().__init__()
        between = WIDER * growth if bottleneck else inputs
        narrowing = _convolved(inputs, between, 1, dropout) if bottleneck else []
        self.new = nn.Sequential(*narrowing, *_convolved(between, growth, 3, dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, height, width) to (n, inputs + growth, height, width)."""
        return torch.cat([x, self.new(x)], 1)


def build(
    spec: InputSpec,
    *,
    depth: int = 40,
    growth: int = 12,
    compression: float = 0.5,
    bottleneck: bool = True,
    dropout: float = 0.0,
    blocks: list[int] | None = None,
    stem: str = "cifar",
) -> nn.Module:
    """DenseNet; as it stands DenseNet-BC of 40 layers, with compression 1 and no bottleneck the plain one.

    Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, 2017, arXiv 1608.06993. The first
    convolution gives 16 channels, twice the growth rate in DenseNet-BC and with the imagenet stem. DenseNet-121 is
    growth 32, blocks [6, 12, 24, 16] and the imagenet stem: 7,978,856 parameters at 3 channels and 1000 classes.

    Args:
        spec: images; the cifar stem is meant for those of up to 64 × 64.
        depth: layers with weights, in three dense blocks of the same size; not used when `blocks` are given.
        growth: channels that each layer adds (k in the paper).
        compression: share of the channels that a transition between blocks keeps (θ in the paper).
        bottleneck: narrow a layer's input to 4 growth rates by a 1 × 1 convolution first.
        dropout: share of each convolution's outputs dropped while training, the first one's excepted.
        blocks: layers of each dense block.
        stem: cifar (3 × 3 convolution) or imagenet (7 × 7 convolution and max pooling, each halving the image).

    Raises:
        SettingsError: no images, too small ones for so many blocks, or an impossible value.
    """
    _check(spec, growth, compression, dropout, stem)
    sizes = _sizes(depth, bottleneck, blocks)
    _check_shape(spec, len(sizes), stem)
    wide = stem == "imagenet" or (bottleneck and compression < 1)
    channels = 2 * growth if wide else 16
    layers = _stem(stem, spec.shape[0], channels)
    for number, size in enumerate(sizes):
        if number:
            kept = max(1, math.floor(channels * compression))
            layers += [*_convolved(channels, kept, 1, dropout), nn.AvgPool2d(2)]
            channels = kept
        for _ in range(size):
            layers.append(DenseLayer(channels, growth, bottleneck=bottleneck, dropout=dropout))
            channels += growth
    layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(channels, spec.classes))
    _initialise(model)
    return model


def _convolved(inputs: int, outputs: int, kernel: int, dropout: float) -> list[nn.Module]:
    """Batch norm and ReLU come before the convolution: each reader of shared channels scales them for itself."""
    layers: list[nn.Module] = [
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
    ]
    return [*layers, nn.Dropout(dropout)] if dropout else layers


def _stem(stem: str, inputs: int, channels: int) -> list[nn.Module]:
    if stem == "cifar":
        return [nn.Conv2d(inputs, channels, 3, padding=1, bias=False)]
    return [
        nn.Conv2d(inputs, channels, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
    ]


def _initialise(model: nn.Module) -> None:
    """Weights as in He et al. 2015; the last layer begins without bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def _sizes(depth: int, bottleneck: bool, blocks: list[int] | None) -> list[int]:
    """Layers of each dense block."""
    if blocks is not None:
        block_sizes("blocks", blocks, "layer", [6, 12, 24, 16])
        return blocks
    # the first convolution, two transitions and the last layer are the other 4
    step = 6 if bottleneck else 3
    size, left = divmod(depth - 4, step)
    if left or size < 1:
        below = 4 + step * max(1, size)
        with_or_without = "with" if bottleneck else "without"
        raise SettingsError(
            f"model.depth = {depth}: three equal blocks {with_or_without} bottlenecks have {step} · n + 4 layers",
            hint=f"such as {below} or {below + step}; or give model.blocks",
        )
    return [size] * 3


def _check(spec: InputSpec, growth: int, compression: float, dropout: float, stem: str) -> None:
    needs("densenet", spec, *KINDS)
    at_least_one(growth=growth)
    if not 0 < compression <= 1:
        raise SettingsError(
            f"model.compression = {compression}: it must be above 0 and at most 1", hint="1 keeps all channels"
        )
    shares(dropout=dropout)
    one_of("stem", stem, STEMS)


def _check_shape(spec: InputSpec, blocks: int, stem: str) -> None:
    """Each transition halves the image; the stem of ImageNet, rounding up, quarters it."""
    least = 2 ** (blocks - 1)
    sides = [math.ceil(side / 4) if stem == "imagenet" else side for side in spec.shape[1:]]
    if min(sides) < least:
        raise SettingsError(
            f"{blocks} dense blocks after the {stem} stem, each halving the last one's image:"
            f" {size_of(spec)} is too small",
            hint=f"give at most {int(math.log2(min(sides))) + 1} blocks in model.blocks"
            + (", or model.stem = 'cifar'" if stem == "imagenet" else ""),
        )
