"""A multilayer perceptron of any depth."""

from __future__ import annotations

import math

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import needs, one_of, shares

KINDS = ("features", "image")
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
    needs("mlp", spec, *KINDS)
    one_of("activation", activation, ACTIVATIONS)
    widths = [128] if hidden is None else hidden
    if any(width < 1 for width in widths):
        raise SettingsError(f"model.hidden = {widths}: a layer needs at least 1 unit")
    shares(dropout=dropout)
    # flattening a row of features again would only cost time
    layers: list[nn.Module] = [nn.Flatten()] if len(spec.shape) > 1 else []
    size = math.prod(spec.shape)
    for width in widths:
        layers += [nn.Linear(size, width), ACTIVATIONS[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        size = width
    return nn.Sequential(*layers, nn.Linear(size, spec.classes))
