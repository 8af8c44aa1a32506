"""A sequence classifier: embedding, LSTM, and one linear layer over what is read of the LSTM's outputs."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import needs
from engine.models import rnn_classifier

KINDS = ("sequence",)


def build(
    spec: InputSpec,
    *,
    hidden_size: int = 100,
    num_layers: int = 2,
    embedding_dim: int = 20,
    bidirectional: bool = False,
    dropout: float = 0.0,
    read: str = "last",
) -> nn.Module:
    """An LSTM over the tokens of a sequence, read where the sequence ends.

    Args:
        spec: sequences.
        hidden_size: units of each layer.
        num_layers: layers on top of each other.
        embedding_dim: numbers a token becomes.
        bidirectional: read backwards too.
        dropout: share of units dropped between layers and before the last one.
        read: last (at each sequence's own end), last_step (at the batch's last position, padding or not), mean, max,
            or mean_max (both side by side).

    Raises:
        SettingsError: no sequences, or an impossible value.
    """
    needs("lstm_classifier", spec, *KINDS)
    return rnn_classifier.build(
        spec,
        cell="lstm",
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_dim=embedding_dim,
        bidirectional=bidirectional,
        dropout=dropout,
        read=read,
    )
