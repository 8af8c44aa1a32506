"""A multilayer perceptron of any depth."""

from __future__ import annotations

import math

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError, nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
}


def build(
    spec: InputSpec, *, hidden: list[int] | None = None, dropout: float = 0.0, activation: str = "relu"
) -> nn.Module:
    """A multilayer perceptron: linear layers with an activation between them.

    Args:
        spec: features or images; images are flattened.
        hidden: units of each hidden layer; [128] when absent.
        dropout: share of hidden units dropped while training.
        activation: relu, tanh, sigmoid, gelu, silu, elu or leaky_relu.

    Raises:
        SettingsError: an impossible value, or a data set of sequences.
    """
    if spec.kind == "sequence":
        raise SettingsError(
            "model mlp needs features or images; this data set has sequences", hint="for sequences: lstm_classifier"
        )
    if activation not in ACTIVATIONS:
        raise SettingsError(f"model.activation = {activation!r}", hint=nearest(activation, list(ACTIVATIONS)))
    widths = [128] if hidden is None else hidden
    if any(width < 1 for width in widths):
        raise SettingsError(f"model.hidden = {widths}: a layer needs at least 1 unit")
    if not 0 <= dropout < 1:
        raise SettingsError(f"model.dropout = {dropout}: it must be from 0 to below 1")
    # flattening a row of features again would only cost time
    layers: list[nn.Module] = [nn.Flatten()] if len(spec.shape) > 1 else []
    size = math.prod(spec.shape)
    for width in widths:
        layers += [nn.Linear(size, width), ACTIVATIONS[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        size = width
    return nn.Sequential(*layers, nn.Linear(size, spec.classes))
