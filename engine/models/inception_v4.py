"""Inception-v4: stem, 4 + 7 + 3 Inception blocks with two reductions between them, global average, one linear layer."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import needs, shares, size_of

KINDS = ("image",)
Tensor = torch.Tensor
Conv = tuple[int, int, int]
"""Output channels, kernel height, kernel width."""

UNRESIZED = 75
"""Pixels a side from which on the last blocks still have one position."""
FEATURES = 1536
"""Channels of the last blocks."""


class Resize(nn.Module):
    """Brings images (n, channels, height, width) to size × size, bilinearly, proportions not kept."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, channels, size, size); those that have that size already are left as they are."""
        height, width = images.shape[-2:]
        if height == width == self.size:
            return images
        # only shrinking needs the wider filter: without it pixels would be skipped
        shrinking = max(height, width) > self.size
        return functional.interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=shrinking)

    def extra_repr(self) -> str:
        """What the module's printed form says of it."""
        return f"size={self.size}"


class Branches(nn.ModuleList):
    """Modules that all read the same input; what they give is joined along the channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, sum of the branches' channels, height, width)."""
        return torch.cat([branch(x) for branch in self], 1)


def build(spec: InputSpec, *, size: int | None = 299, dropout: float = 0.2) -> nn.Module:
    """Inception-v4 without an auxiliary head; 42,679,816 parameters at 3 channels and 1000 classes, 41,450,216 at 200.

    Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
    2016, arXiv 1602.07261, figures 3 to 9. Convolutions have no bias; batch norm has eps 0.001; weights begin as in
    He et al. 2015.

    Args:
        spec: images of any number of channels; without `size`, of 75 × 75 and up.
        size: pixels a side that the model itself brings images to, bilinearly; 0 leaves them as they are.
        dropout: share of the last layer's inputs dropped while training; 0.2 in the paper.

    Raises:
        SettingsError: no images, too small ones, or an impossible value.
    """
    _check(spec, size, dropout)
    model = nn.Sequential(
        OrderedDict(
            resize=Resize(size) if size else nn.Identity(),
            stem=_stem(spec.shape[0]),
            blocks_a=nn.Sequential(*(_block_a() for _ in range(4))),
            reduction_a=_reduction_a(),
            blocks_b=nn.Sequential(*(_block_b() for _ in range(7))),
            reduction_b=_reduction_b(),
            blocks_c=nn.Sequential(*(_block_c() for _ in range(3))),
            head=_head(spec.classes, dropout),
        )
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def _check(spec: InputSpec, size: int | None, dropout: float) -> None:
    needs("inception_v4", spec, *KINDS)
    if size and size < UNRESIZED:
        raise SettingsError(
            f"model.size = {size}: inception_v4 needs at least {UNRESIZED} pixels a side",
            hint=f"give {UNRESIZED} or more, or leave it out for 299",
        )
    if not size and min(spec.shape[1:]) < UNRESIZED:
        raise SettingsError(
            f"model inception_v4 needs images of {UNRESIZED} × {UNRESIZED} and up; this data set has {size_of(spec)}",
            hint=f"model.size = {UNRESIZED} or more makes the model enlarge them",
        )
    shares(dropout=dropout)


# ---------------------------------------------------------------------------------------------------------------- parts


def _conv(inputs: int, conv: Conv, stride: int = 1, padded: bool = True) -> nn.Sequential:
    outputs, height, width = conv
    padding = (height // 2, width // 2) if padded else 0
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False),
        nn.BatchNorm2d(outputs, eps=0.001),
        nn.ReLU(inplace=True),
    )


def _path(inputs: int, *convs: Conv, stride: int = 1, padded: bool = True) -> nn.Sequential:
    """Convolutions one after the other; `stride` and `padded` are the last one's, all others keep the image's size."""
    layers = []
    for conv in convs[:-1]:
        layers.append(_conv(inputs, conv))
        inputs = conv[0]
    return nn.Sequential(*layers, _conv(inputs, convs[-1], stride, padded))


def _shrinking(inputs: int, *convs: Conv) -> nn.Sequential:
    """Convolutions, the last of which halves the image as max pooling without padding does."""
    return _path(inputs, *convs, stride=2, padded=False)


def _pooled(inputs: int, outputs: int) -> nn.Sequential:
    """An average over 3 × 3 positions, those outside of the image not counted, then a 1 × 1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), _conv(inputs, (outputs, 1, 1)))


def _head(classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(FEATURES, classes))


# -------------------------------------------------------------------------------------------------- the paper's figures


def _stem(channels: int) -> nn.Sequential:
    """Figure 3: 299 × 299 pixels become 35 × 35 positions of 384 channels."""
    tall = ((64, 1, 1), (64, 1, 7), (64, 7, 1), (96, 3, 3))
    return nn.Sequential(
        _shrinking(channels, (32, 3, 3)),
        _path(32, (32, 3, 3), padded=False),
        _path(32, (64, 3, 3)),
        Branches([nn.MaxPool2d(3, 2), _shrinking(64, (96, 3, 3))]),
        Branches([_path(160, (64, 1, 1), (96, 3, 3), padded=False), _path(160, *tall, padded=False)]),
        Branches([_shrinking(192, (192, 3, 3)), nn.MaxPool2d(3, 2)]),
    )


def _block_a() -> Branches:
    """Figure 4: 384 channels to 384."""
    return Branches(
        [
            _path(384, (96, 1, 1)),
            _path(384, (64, 1, 1), (96, 3, 3)),
            _path(384, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
            _pooled(384, 96),
        ]
    )


def _reduction_a() -> Branches:
    """Figure 7 with k, l, m, n = 192, 224, 256, 384: 384 channels to 1024, 35 × 35 positions to 17 × 17."""
    return Branches(
        [_shrinking(384, (384, 3, 3)), _shrinking(384, (192, 1, 1), (224, 3, 3), (256, 3, 3)), nn.MaxPool2d(3, 2)]
    )


def _block_b() -> Branches:
    """Figure 5: 1024 channels to 1024."""
    return Branches(
        [
            _path(1024, (384, 1, 1)),
            _path(1024, (192, 1, 1), (224, 1, 7), (256, 7, 1)),
            _path(1024, (192, 1, 1), (192, 7, 1), (224, 1, 7), (224, 7, 1), (256, 1, 7)),
            _pooled(1024, 128),
        ]
    )


def _reduction_b() -> Branches:
    """Figure 8: 1024 channels to 1536, 17 × 17 positions to 8 × 8."""
    return Branches(
        [
            _shrinking(1024, (192, 1, 1), (192, 3, 3)),
            _shrinking(1024, (256, 1, 1), (256, 1, 7), (320, 7, 1), (320, 3, 3)),
            nn.MaxPool2d(3, 2),
        ]
    )


def _block_c() -> Branches:
    """Figure 6: 1536 channels to 1536; two of the branches fork again at their end."""
    return Branches(
        [
            _path(FEATURES, (256, 1, 1)),
            nn.Sequential(_path(FEATURES, (384, 1, 1)), _fork(384)),
            nn.Sequential(_path(FEATURES, (384, 1, 1), (448, 3, 1), (512, 1, 3)), _fork(512)),
            _pooled(FEATURES, 256),
        ]
    )


def _fork(inputs: int) -> Branches:
    return Branches([_conv(inputs, (256, 1, 3)), _conv(inputs, (256, 3, 1))])
