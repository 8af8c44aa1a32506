"""A convolutional network slid over the image of a line, and a bidirectional LSTM over its windows."""

from __future__ import annotations

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import at_least_one, shares
from engine.models.line_cnn import LineFeatures, check_lines, no_decoder

KINDS = ("image",)
LABELS = "tokens"
Tensor = torch.Tensor


class LineCNNLSTM(nn.Module):
    """Logits (n, windows, classes) of images of lines (n, channels, height, width), each from the whole line."""

    def __init__(
        self, features: LineFeatures, size: int, classes: int, *, hidden_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.features = features
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(size, hidden_size, num_layers, batch_first=True, dropout=between, bidirectional=True)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(2 * hidden_size, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, windows, classes)."""
        outputs, _ = self.lstm(self.features(images))
        logits: Tensor = self.head(self.dropout(outputs))
        return logits


def build(
    spec: InputSpec,
    *,
    widths: list[int] | None = None,
    window_width: int = 28,
    window_stride: int = 8,
    fc_dim: int = 128,
    hidden_size: int = 128,
    num_layers: int = 1,
    dropout: float = 0.0,
) -> nn.Module:
    """The convolutional network of line_cnn with an LSTM over its windows, both ways (Shi et al., CRNN, 2015).

    Args:
        spec: images whose width is a multiple of `window_stride`, labelled with sequences of tokens.
        widths: channels of each block of convolution; [16, 32, 64] when absent. Each halves the height.
        window_width: columns of a window.
        window_stride: columns from one window to the next.
        fc_dim: what the LSTM is given of each window.
        hidden_size: units of the LSTM in each direction.
        num_layers: its layers on top of each other.
        dropout: share of units dropped between its layers and before the last linear one.

    Raises:
        SettingsError: no images of lines, or an impossible value.
    """
    channels = [16, 32, 64] if widths is None else widths
    check_lines("line_cnn_lstm", spec, channels, window_width, window_stride)
    at_least_one(fc_dim=fc_dim, hidden_size=hidden_size, num_layers=num_layers)
    shares(dropout=dropout)
    if spec.teacher_forcing:
        raise no_decoder("line_cnn_lstm")
    features = LineFeatures(
        spec.shape, channels, window_width=window_width, window_stride=window_stride, features=fc_dim
    )
    return LineCNNLSTM(features, fc_dim, spec.classes, hidden_size=hidden_size, num_layers=num_layers, dropout=dropout)
