"""A vanilla recurrent network of three linear layers, read where the sequence ends."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, needs, one_of

KINDS = ("sequence", "features")
Tensor = torch.Tensor
NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}
INITS = ("uniform", "normal", "glorot", "orthogonal", "identity")

_SPECIAL = 2
"""Tokens that are no symbol: padding and unknown. Both are a step whose input is zero."""


class Recurrence(nn.Module):
    """h_t = tanh(z_t + W_hh h_{t-1}) from h_0 = 0: takes all z (n, steps, hidden), gives all h of the same shape."""

    def __init__(self, hidden_size: int, nonlinearity: str) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity
        self.weight = nn.Parameter(torch.empty(hidden_size, hidden_size))

    def forward(self, driven: Tensor) -> Tensor:
        """The hidden states (n, steps, hidden) under what drives them, W_hx x_t + b_h, of the same shape."""
        function = NONLINEARITIES[self.nonlinearity]
        transposed = self.weight.t()
        # unbind: its gradient is one stack, that of indexing step by step a full tensor of zeros for each
        first, *rest = driven.unbind(1)
        states = [function(first)]
        for step in rest:
            states.append(function(torch.addmm(step, states[-1], transposed)))
        return torch.stack(states, 1)

    def extra_repr(self) -> str:
        """What a printed model says of it."""
        return f"{self.weight.shape[0]}, nonlinearity={self.nonlinearity!r}"


class VanillaRNN(nn.Module):
    """h_t = tanh(W_hx x_t + W_hh h_{t-1} + b_h), logits = W_ph h_T + b_p, T being each sequence's own last step.

    Takes features (n, steps), one number a step, or tokens (n, longest) with their lengths (n,), one-hot.

    Parameters: hidden · (inputs + hidden + 1) + classes · (hidden + 1); inputs is 1 for numbers, and for tokens the
    size of the vocabulary without padding and unknown.
    """

    def __init__(self, inputs: int, classes: int, *, hidden_size: int, nonlinearity: str) -> None:
        super().__init__()
        self.inputs = inputs
        self.w_hx = nn.Linear(inputs, hidden_size)
        self.w_hh = Recurrence(hidden_size, nonlinearity)
        self.w_ph = nn.Linear(hidden_size, classes)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (n, classes) of numbers (n, steps), or of tokens (n, longest) with their lengths (n,)."""
        # all steps at once: only the recurrence has to wait for the step before
        states = self.w_hh(self.w_hx(self._encoded(x, lengths)))
        logits: Tensor = self.w_ph(self._last(states, lengths))
        return logits

    def _encoded(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Inputs (n, steps, inputs) in the number format of the weights."""
        kind = self.w_hx.weight.dtype
        if lengths is None:
            return x.to(kind)[:, :, None]
        return functional.one_hot(x, self.inputs + _SPECIAL)[:, :, _SPECIAL:].to(kind)

    def _last(self, states: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return states[:, -1]
        rows = torch.arange(states.shape[0], device=states.device)
        return states[rows, (lengths - 1).clamp(min=0)]


def build(
    spec: InputSpec,
    *,
    hidden_size: int = 128,
    nonlinearity: str = "tanh",
    init: str = "normal",
    recurrent_scale: float = 1.0,
) -> nn.Module:
    """A vanilla recurrent network: h_t = tanh(W_hx x_t + W_hh h_{t-1} + b_h), and W_ph h_T + b_p where it ends.

    Args:
        spec: features, each column a step of one number, or sequences, each token one-hot.
        hidden_size: hidden units.
        nonlinearity: tanh or relu.
        init: the weights' first values: uniform (from -1/sqrt(inputs) to 1/sqrt(inputs) of each layer, biases too, as
            torch.nn.Linear), normal (deviation 1/sqrt(inputs), biases 0), glorot (uniform by Glorot and Bengio 2010,
            biases 0), orthogonal or identity (W_hh so, the rest as glorot; Saxe et al. 2014, Le et al. 2015).
        recurrent_scale: what the first W_hh is multiplied by. With identity and tanh, above 1 each unit begins as a
            latch that holds the sign it took first (Bengio, Simard and Frasconi 1994).

    Raises:
        SettingsError: no sequences or features, or an impossible value.
    """
    needs("vanilla_rnn", spec, *KINDS)
    one_of("nonlinearity", nonlinearity, NONLINEARITIES)
    one_of("init", init, INITS)
    at_least_one(hidden_size=hidden_size)
    if not 0 < recurrent_scale <= 100:
        raise SettingsError(f"model.recurrent_scale = {recurrent_scale}: it must be above 0 and at most 100")
    inputs = 1 if spec.kind == "features" else spec.vocabulary - _SPECIAL
    if inputs < 1 or spec.shape[0] < 1:
        raise SettingsError("model vanilla_rnn needs at least one column, or one symbol beside padding and unknown")
    model = VanillaRNN(inputs, spec.classes, hidden_size=hidden_size, nonlinearity=nonlinearity)
    initialise(model, init, recurrent_scale)
    return model


def initialise(model: VanillaRNN, init: str, recurrent_scale: float) -> None:
    """Set all first values as `init` says, W_hh `recurrent_scale` times as large."""
    for layer in (model.w_hx, model.w_ph):
        _first_weight(layer.weight, init if init in ("uniform", "normal") else "glorot")
        if init == "uniform":
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.bias, -bound, bound)
        else:
            nn.init.zeros_(layer.bias)
    _first_weight(model.w_hh.weight, init)
    with torch.no_grad():
        model.w_hh.weight.mul_(recurrent_scale)


def _first_weight(weight: Tensor, init: str) -> None:
    """Fill a matrix (outputs, inputs)."""
    deviation = weight.shape[1] ** -0.5
    match init:
        case "uniform":
            nn.init.uniform_(weight, -deviation, deviation)
        case "normal":
            nn.init.normal_(weight, 0.0, deviation)
        case "glorot":
            nn.init.xavier_uniform_(weight)
        case "orthogonal":
            nn.init.orthogonal_(weight)
        case "identity":
            nn.init.eye_(weight)
