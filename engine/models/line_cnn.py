"""A convolutional network slid over the image of a line: one answer for each of its windows."""

from __future__ import annotations

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, block_sizes, here_fit, needs, shares

KINDS = ("image",)
LABELS = "tokens"
Tensor = torch.Tensor

_COARSEST = 4
"""Most columns of the image that one column of features stands for; a stroke of a pen is about as wide."""


class LineFeatures(nn.Module):
    """Images of lines (n, channels, height, width) as features of their windows, (n, windows, features).

    Each block is a convolution of stride 2, batch norm and ReLU. The stride is 2 in columns too as long as
    `window_stride` can be halved, and a cell of features no wider than 4 columns. The last convolution is as high as
    what the blocks leave, and `window_width` wide.

    Window k of S is centred at (k + 0.5) * width / S: kernels are as wide to the left of a cell's or a window's middle
    as to the right of it, so those of stride 2 have 4 columns, and a window may be up to 2 cells wider than asked for.
    """

    def __init__(
        self, shape: tuple[int, ...], widths: list[int], *, window_width: int, window_stride: int, features: int
    ) -> None:
        super().__init__()
        channels, height, _ = shape
        cell = 1
        layers: list[nn.Module] = []
        for width in widths:
            halved = cell < _COARSEST and window_stride % (2 * cell) == 0
            layers += _block(channels, width, halved)
            channels, height, cell = width, height // 2, cell * (2 if halved else 1)
        self.convolutions = nn.Sequential(*layers)
        step = window_stride // cell
        reach = _cells(window_width, cell, step)
        self.windows = nn.Sequential(
            nn.Conv2d(channels, features, (height, reach), (1, step), (0, (reach - step) // 2), bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Features (n, windows, features) of images (n, channels, height, width); width / window_stride windows."""
        features: Tensor = self.windows(self.convolutions(images))
        return features.squeeze(2).transpose(1, 2)


def _block(inputs: int, outputs: int, halved: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, (4, 4 if halved else 3), (2, 2 if halved else 1), padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def _cells(window_width: int, cell: int, step: int) -> int:
    """Cells in a window: enough for its width, and as many to the left of its own `step` cells as to the right."""
    cells = max(step, -(-window_width // cell))
    return cells + (cells - step) % 2


class LineCNN(nn.Module):
    """Logits (n, windows, classes) of images of lines (n, channels, height, width), each window judged by itself."""

    def __init__(self, features: LineFeatures, size: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(size, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, windows, classes)."""
        logits: Tensor = self.head(self.dropout(self.features(images)))
        return logits


def build(
    spec: InputSpec,
    *,
    widths: list[int] | None = None,
    window_width: int = 28,
    window_stride: int = 4,
    fc_dim: int = 128,
    dropout: float = 0.0,
) -> nn.Module:
    """A convolutional network slid over a line, after LineCNN of the Full Stack Deep Learning course.

    Convolutions of the whole image, then windows of their features with one hidden layer, all in one pass; each window
    sees `window_width` columns and what the convolutions bring in from beside them.

    Args:
        spec: images whose width is a multiple of `window_stride`, labelled with sequences of tokens.
        widths: channels of each block of convolution; [16, 32, 64] when absent. Each halves the height.
        window_width: columns of a window.
        window_stride: columns from one window to the next. A power of 2 is fastest: blocks then halve the width too,
            until a column of features stands for 4 of the image.
        fc_dim: units of the hidden layer.
        dropout: share of its units dropped while training.

    Raises:
        SettingsError: no images of lines, or an impossible value.
    """
    channels = [16, 32, 64] if widths is None else widths
    check_lines("line_cnn", spec, channels, window_width, window_stride)
    at_least_one(fc_dim=fc_dim)
    shares(dropout=dropout)
    if spec.teacher_forcing:
        raise no_decoder("line_cnn")
    features = LineFeatures(
        spec.shape, channels, window_width=window_width, window_stride=window_stride, features=fc_dim
    )
    return LineCNN(features, fc_dim, spec.classes, dropout)


def check_lines(name: str, spec: InputSpec, widths: list[int], window_width: int, window_stride: int) -> None:
    """Refuse what `LineFeatures` cannot be built for; `name` is the model's.

    Raises:
        SettingsError: no images labelled with tokens, or windows or blocks that do not fit the image.
    """
    needs(name, spec, *KINDS)
    if not spec.longest_label:
        raise SettingsError(
            f"model {name} needs a sequence of labels for each image; this data set has one class a sample",
            hint=here_fit(spec),
        )
    _check_blocks(spec, widths)
    _check_windows(spec.shape[2], window_width, window_stride)


def _check_blocks(spec: InputSpec, widths: list[int]) -> None:
    block_sizes("widths", widths, "channel", [16, 32, 64])
    if spec.shape[1] >> len(widths) == 0:
        raise SettingsError(
            f"model.widths has {len(widths)} blocks, each halving the height; {spec.shape[1]} rows are too few",
            hint=f"give at most {spec.shape[1].bit_length() - 1} widths",
        )


def _check_windows(width: int, window_width: int, window_stride: int) -> None:
    if not 1 <= window_stride <= width or width % window_stride:
        divisors = [str(stride) for stride in range(1, min(width, 28) + 1) if width % stride == 0]
        raise SettingsError(
            f"model.window_stride = {window_stride}: windows must spread evenly over the {width} columns of an image",
            hint=f"one of {', '.join(divisors)}",
        )
    if not window_stride <= window_width <= width:
        raise SettingsError(
            f"model.window_width = {window_width}: it must be from model.window_stride = {window_stride}"
            f" to the image's width, {width}",
            hint="about as wide as one character",
        )


def no_decoder(name: str) -> SettingsError:
    """What a model says that gives all its answers at once where the task gives it the tokens before."""
    return SettingsError(
        f"model {name} does not write token by token, as this task asks of it",
        hint='task = "ctc", or model = "line_cnn_transformer"',
    )
