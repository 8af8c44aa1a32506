"""A convolutional network slid over the image of a line, and a Transformer that writes its text token by token."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, shares
from engine.models.line_cnn import LineFeatures, check_lines

KINDS = ("image",)
LABELS = "prefix"
Tensor = torch.Tensor

_LONGEST_WAVE = 10_000
"""The slowest of the sinusoids turns once in 2 pi times this many positions (Vaswani et al., 2017)."""


class Positions(nn.Module):
    """Adds to vectors (n, positions, dim) the sinusoids of their positions, then drops some; it has no parameters."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        rates = torch.exp(torch.arange(0, dim, 2) * (-math.log(_LONGEST_WAVE) / dim))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """The vectors with their positions, of the same shape."""
        rates: Tensor = self.get_buffer("rates")
        angles = torch.arange(vectors.shape[1], device=vectors.device)[:, None] * rates
        waves = torch.stack([angles.sin(), angles.cos()], 2).flatten(1).to(vectors.dtype)
        result: Tensor = self.dropout(vectors + waves)
        return result


class Attention(nn.Module):
    """Scaled dot-product attention of several heads: each takes its own part of the `dim` numbers of a vector."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.share = heads, dropout
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, asking: Tensor, keys_values: Tensor, causal: bool = False) -> Tensor:
        """What each vector of `asking` (n, length, dim) finds, of the same shape.

        Args:
            asking: the vectors.
            keys_values: (n, positions, 2 * dim) what `key_value` makes of the vectors that are looked at.
            causal: whether vector k may look at positions 0 to k only.
        """
        parts = (self.query(asking), *keys_values.chunk(2, 2))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        found = functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.share if self.training else 0.0, is_causal=causal
        )
        result: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return result


class Layer(nn.Module):
    """Attention among the vectors, attention to an image's (a decoder's layer only) and two linear layers.

    Each normalises what goes into it, not what comes out (Xiong et al., 2020): a short warm-up will do.
    """

    def __init__(self, dim: int, heads: int, feedforward: int, dropout: float, decoder: bool) -> None:
        super().__init__()
        self.decoder = decoder
        self.norm_within, self.within = nn.LayerNorm(dim), Attention(dim, heads, dropout)
        if decoder:
            self.norm_across, self.across = nn.LayerNorm(dim), Attention(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feedforward, dim)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor, image: Tensor | None = None) -> Tensor:
        """The vectors (n, length, dim) with what they have found.

        Args:
            vectors: of an encoder, where each sees all; of a decoder, where each sees itself and those before.
            image: a decoder's: (n, windows, 2 * dim) what `across.key_value` makes of the windows.
        """
        normed = self.norm_within(vectors)
        vectors = vectors + self.dropout(self.within(normed, self.within.key_value(normed), causal=self.decoder))
        if image is not None:
            vectors = vectors + self.dropout(self.across(self.norm_across(vectors), image))
        result: Tensor = vectors + self.dropout(self.feedforward(self.norm(vectors)))
        return result


class LineCNNTransformer(nn.Module):
    """Writes the text of images of lines (n, channels, height, width); token 0 is both its start and its end."""

    def __init__(
        self,
        features: LineFeatures,
        dim: int,
        classes: int,
        *,
        encoder_layers: int,
        decoder_layers: int,
        heads: int,
        feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        sizes = (dim, heads, feedforward, dropout)
        self.features = features
        self.positions = Positions(dim, dropout)
        self.encoder = nn.Sequential(*(Layer(*sizes, decoder=False) for _ in range(encoder_layers)), nn.LayerNorm(dim))
        self.embedding = nn.Embedding(classes, dim)
        self.decoder = nn.ModuleList(Layer(*sizes, decoder=True) for _ in range(decoder_layers))
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Logits (n, length, classes) of what follows each of the tokens (n, length), which begin with 0."""
        logits: Tensor = self.head(self._read(tokens, self._look(images)))
        return logits

    def decode(self, images: Tensor, longest: int) -> Tensor:
        """What the model writes by itself, always the likeliest token: (n, longest), 0 from the end of each text on."""
        seen = self._look(images)
        tokens = torch.zeros(images.shape[0], longest + 1, dtype=torch.int64, device=images.device)
        writing = torch.ones(images.shape[0], dtype=torch.bool, device=images.device)
        for place in range(longest):
            last = self._read(tokens[:, : place + 1], seen)[:, -1]
            tokens[:, place + 1] = self.head(last).argmax(1) * writing
            writing &= tokens[:, place + 1] != 0
            if not writing.any():
                break
        return tokens[:, 1:]

    def _look(self, images: Tensor) -> list[Tensor]:
        """What each layer of the decoder looks at: keys and values of the windows, (n, windows, 2 * dim)."""
        encoded = self.encoder(self.positions(self.features(images)))
        return [layer.across.key_value(encoded) for layer in self._layers()]

    def _read(self, tokens: Tensor, seen: list[Tensor]) -> Tensor:
        """Vectors (n, length, dim), each of the tokens up to its own place and of the image."""
        vectors: Tensor = self.positions(self.embedding(tokens))
        for layer, image in zip(self._layers(), seen, strict=True):
            vectors = layer(vectors, image)
        return vectors

    def _layers(self) -> list[Layer]:
        return [layer for layer in self.decoder if isinstance(layer, Layer)]


def build(
    spec: InputSpec,
    *,
    widths: list[int] | None = None,
    window_width: int = 28,
    window_stride: int = 8,
    dim: int = 128,
    encoder_layers: int = 0,
    decoder_layers: int = 2,
    heads: int = 4,
    feedforward: int = 256,
    dropout: float = 0.1,
) -> nn.Module:
    """The convolutional network of line_cnn as encoder, and a Transformer decoder that attends to its windows.

    As LineCNNTransformer of the Full Stack Deep Learning course; layers of Vaswani et al., "Attention Is All You Need",
    2017. Windows and tokens have sinusoids added for their positions.

    Args:
        spec: images whose width is a multiple of `window_stride`, labelled with sequences of tokens; the model is given
            the tokens before the one it predicts.
        widths: channels of each block of convolution; [16, 32, 64] when absent. Each halves the height.
        window_width: columns of a window.
        window_stride: columns from one window to the next.
        dim: numbers that a window and a token become.
        encoder_layers: Transformer layers over the windows, before the decoder; 0 leaves that to the convolutions.
        decoder_layers: Transformer layers that write.
        heads: of each attention; they share `dim`.
        feedforward: hidden units between attentions.
        dropout: share of units dropped in all Transformer layers while training.

    Raises:
        SettingsError: no images of lines, another task than seq2seq, or an impossible value.
    """
    channels = [16, 32, 64] if widths is None else widths
    check_lines("line_cnn_transformer", spec, channels, window_width, window_stride)
    _check_task(spec)
    at_least_one(dim=dim, decoder_layers=decoder_layers, heads=heads, feedforward=feedforward)
    shares(dropout=dropout)
    _check_sizes(dim, heads, encoder_layers)
    features = LineFeatures(spec.shape, channels, window_width=window_width, window_stride=window_stride, features=dim)
    return LineCNNTransformer(
        features,
        dim,
        spec.classes,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        heads=heads,
        feedforward=feedforward,
        dropout=dropout,
    )


def _check_task(spec: InputSpec) -> None:
    if not spec.teacher_forcing:
        raise SettingsError(
            "model line_cnn_transformer writes token by token; this task does not give it the tokens before",
            hint='task = "seq2seq", or model = "line_cnn"',
        )


def _check_sizes(dim: int, heads: int, encoder_layers: int) -> None:
    if encoder_layers < 0:
        raise SettingsError(f"model.encoder_layers = {encoder_layers}: it must be at least 0", hint="0 leaves them out")
    if dim % heads or dim % 2:
        raise SettingsError(
            f"model.dim = {dim}: it must be even, and a multiple of model.heads = {heads}",
            hint="such as 128 with 4 heads",
        )
