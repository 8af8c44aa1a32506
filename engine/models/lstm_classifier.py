"""A sequence classifier: embedding, LSTM, and one linear layer over what is read of the LSTM's outputs."""

from __future__ import annotations

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError, nearest

Tensor = torch.Tensor
READS = ("last", "last_step", "mean", "max")


class LSTMClassifier(nn.Module):
    """Reads tokens (n, longest) with their lengths (n,) and gives logits (n, classes)."""

    def __init__(
        self,
        tokens: int,
        classes: int,
        *,
        hidden_size: int,
        num_layers: int,
        embedding_dim: int,
        bidirectional: bool,
        dropout: float,
        read: str,
    ) -> None:
        super().__init__()
        self.read = read
        self.embedding = nn.Embedding(tokens, embedding_dim, padding_idx=0)
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(
            embedding_dim, hidden_size, num_layers, batch_first=True, dropout=between, bidirectional=bidirectional
        )
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(hidden_size * (2 if bidirectional else 1), classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, classes) of tokens (n, longest), padded with 0 behind `lengths` (n,)."""
        embedded = self.embedding(tokens)
        if self.read == "last_step":
            outputs = self.lstm(embedded)[0][:, -1]
        elif self.lstm.bidirectional:
            outputs = self._read(self._packed(embedded, lengths), lengths)
        else:
            # forwards, padding comes after everything that is read: no need to leave it out
            outputs = self._read(self.lstm(embedded)[0], lengths)
        logits: Tensor = self.head(self.dropout(outputs))
        return logits

    def _packed(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            embedded, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        outputs: Tensor = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=embedded.shape[1]
        )[0]
        return outputs

    def _read(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """One vector (n, features) for each sequence of outputs (n, longest, features)."""
        if self.read == "last":
            return self._last(outputs, lengths)
        inside = torch.arange(outputs.shape[1], device=outputs.device) < lengths.clamp(min=1)[:, None]
        if self.read == "max":
            return outputs.masked_fill(~inside[:, :, None], -torch.inf).amax(1)
        return (outputs * inside[:, :, None]).sum(1) / lengths.clamp(min=1)[:, None]

    def _last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """The forward direction's output at the last token, and the backward direction's at the first."""
        rows = torch.arange(outputs.shape[0], device=outputs.device)
        last = outputs[rows, (lengths - 1).clamp(min=0)]
        if not self.lstm.bidirectional:
            return last
        half = self.lstm.hidden_size
        return torch.cat([last[:, :half], outputs[:, 0, half:]], 1)


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
        read: last (at each sequence's own end), last_step (at the batch's last position, padding or not), mean or max.

    Raises:
        SettingsError: no sequences, or an impossible value.
    """
    if spec.kind != "sequence":
        fitting = "lenet, cnn, mlp, logistic" if spec.kind == "image" else "mlp, logistic"
        raise SettingsError(
            f"model lstm_classifier needs sequences; this data set has {spec.kind} inputs", hint=f"here fit: {fitting}"
        )
    if read not in READS:
        raise SettingsError(f"model.read = {read!r}", hint=nearest(read, READS))
    for name, value in (("hidden_size", hidden_size), ("num_layers", num_layers), ("embedding_dim", embedding_dim)):
        if value < 1:
            raise SettingsError(f"model.{name} = {value}: it must be at least 1")
    if not 0 <= dropout < 1:
        raise SettingsError(f"model.dropout = {dropout}: it must be from 0 to below 1")
    return LSTMClassifier(
        spec.vocabulary,
        spec.classes,
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_dim=embedding_dim,
        bidirectional=bidirectional,
        dropout=dropout,
        read=read,
    )
