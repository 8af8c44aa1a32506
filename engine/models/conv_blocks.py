"""Two convolutions with ReLU, one max pooling, dropout and two linear layers: a first network for characters."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError


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
    _check(spec, channels, fc_dim, dropout)
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


def _check(spec: InputSpec, channels: int, fc_dim: int, dropout: float) -> None:
    if spec.kind != "image":
        fitting = "lstm_classifier" if spec.kind == "sequence" else "mlp, logistic"
        raise SettingsError(
            f"model conv_blocks needs images; this data set has {spec.kind} inputs", hint=f"here fit: {fitting}"
        )
    if min(spec.shape[1:]) < 2:
        shape = " × ".join(map(str, spec.shape[1:]))
        raise SettingsError(
            f"model conv_blocks needs images of 2 × 2 and up; this data set has {shape}", hint="here fit: mlp, logistic"
        )
    for name, value in (("channels", channels), ("fc_dim", fc_dim)):
        if value < 1:
            raise SettingsError(
                f"model.{name} = {value}: it must be at least 1", hint=f"leave out {name} for a default"
            )
    if not 0 <= dropout < 1:
        raise SettingsError(f"model.dropout = {dropout}: it must be from 0 to below 1", hint="0 drops nothing")
