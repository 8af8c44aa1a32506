"""A recurrent sequence classifier with any cell, dropout on the way in, and hashed n-grams beside it if wanted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, needs, one_of, shares
from engine.sequences import UNKNOWN

KINDS = ("sequence",)
Tensor = torch.Tensor
CELLS: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
READS = ("last", "last_step", "mean", "max", "mean_max")

_PRIME = 2**31 - 1
_BASE = 1_000_003
"""Of the rolling hash: their product stays far below 2**63."""


class HashedNgrams(nn.Module):
    """A linear classifier of the n-grams of a sequence, as logits (n, classes).

    Each n-gram of 2 to `longest_ngram` tokens, the sequence's start and end counted as tokens, is hashed to one of
    `buckets` rows of weights (feature hashing: Weinberger et al. 2009; of n-grams: Joulin et al. 2017, "Bag of Tricks
    for Efficient Text Classification"). The logits are their sum over the square root of how many there are.
    """

    def __init__(
        self, tokens: int, classes: int, *, longest_ngram: int, buckets: int, scale: float, dropout: float
    ) -> None:
        super().__init__()
        self.tokens, self.longest_ngram, self.scale, self.dropout = tokens, longest_ngram, scale, dropout
        # row 0 stays zero: it stands for no n-gram
        self.weights = nn.EmbeddingBag(buckets + 1, classes, mode="sum", padding_idx=0)
        nn.init.zeros_(self.weights.weight)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, classes) of tokens (n, longest), padded behind `lengths` (n,)."""
        found = self.rows(tokens, lengths)
        if self.training and self.dropout:
            found = found.masked_fill(torch.rand(found.shape, device=found.device) < self.dropout, 0)
        count = (found > 0).sum(1, keepdim=True).clamp(min=1)
        logits: Tensor = self.scale * self.weights(found) / count.sqrt()
        return logits

    def rows(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The row of each n-gram, (n, number), 0 where there is none so long at that place."""
        marked = self._marked(tokens, lengths)
        place = torch.arange(marked.shape[1], device=tokens.device)
        hashed, parts = marked, []
        for size in range(2, min(self.longest_ngram, marked.shape[1]) + 1):
            hashed = (hashed[:, :-1] * _BASE + marked[:, size - 1 :] + 1) % _PRIME
            inside = place[: hashed.shape[1]] + size <= lengths[:, None] + 2
            parts.append((hashed % (self.weights.num_embeddings - 1) + 1).masked_fill(~inside, 0))
        return torch.cat(parts, 1)

    def _marked(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens (n, longest + 2) with a mark for the start before the first and one for the end behind the last."""
        marked = nn.functional.pad(tokens, (1, 1))
        marked[:, 0] = self.tokens
        return marked.scatter(1, lengths[:, None] + 1, self.tokens + 1)


class RNNClassifier(nn.Module):
    """Reads tokens (n, longest) with their lengths (n,) and gives logits (n, classes)."""

    def __init__(
        self,
        tokens: int,
        classes: int,
        *,
        cell: str,
        hidden_size: int,
        num_layers: int,
        embedding_dim: int,
        bidirectional: bool,
        dropout: float,
        embedding_dropout: float,
        token_dropout: float,
        read: str,
        ngrams: HashedNgrams | None = None,
    ) -> None:
        super().__init__()
        self.read, self.token_dropout = read, token_dropout
        self.embedding = nn.Embedding(tokens, embedding_dim, padding_idx=0)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.rnn = CELLS[cell](
            embedding_dim,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
        )
        self.dropout = nn.Dropout(dropout)
        parts = (2 if bidirectional else 1) * (2 if read == "mean_max" else 1)
        self.head = nn.Linear(parts * hidden_size, classes)
        self.ngrams = ngrams

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, classes) of tokens (n, longest), padded with 0 behind `lengths` (n,)."""
        if self.training and self.token_dropout:
            tokens = self._without_some(tokens)
        embedded = self.embedding_dropout(self.embedding(tokens))
        if self.read == "last_step":
            outputs = self.rnn(embedded)[0][:, -1]
        else:
            outputs = self._read(self._outputs(embedded, lengths), lengths)
        logits: Tensor = self.head(self.dropout(outputs))
        return logits if self.ngrams is None else logits + self.ngrams(tokens, lengths)

    def _without_some(self, tokens: Tensor) -> Tensor:
        """Tokens of which a share is unknown; padding stays padding."""
        chosen = torch.rand(tokens.shape, device=tokens.device) < self.token_dropout
        return tokens.masked_fill(chosen & (tokens > 0), UNKNOWN)

    def _outputs(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        outputs: Tensor
        if self.rnn.bidirectional:
            packed = nn.utils.rnn.pack_padded_sequence(
                embedded, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
            )
            longest = embedded.shape[1]
            outputs, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=longest)
        else:
            # forwards, padding comes after everything that is read: no need to leave it out
            outputs, _ = self.rnn(embedded)
        return outputs

    def _read(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """One vector (n, features) for each sequence of outputs (n, longest, units)."""
        if self.read == "last":
            return self._last(outputs, lengths)
        inside = torch.arange(outputs.shape[1], device=outputs.device) < lengths.clamp(min=1)[:, None]
        parts = []
        if self.read in ("mean", "mean_max"):
            parts.append((outputs * inside[:, :, None]).sum(1) / lengths.clamp(min=1)[:, None])
        if self.read in ("max", "mean_max"):
            parts.append(outputs.masked_fill(~inside[:, :, None], -torch.inf).amax(1))
        return torch.cat(parts, 1)

    def _last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """The forward direction's output at the last token, and the backward direction's at the first."""
        rows = torch.arange(outputs.shape[0], device=outputs.device)
        last = outputs[rows, (lengths - 1).clamp(min=0)]
        if not self.rnn.bidirectional:
            return last
        half = self.rnn.hidden_size
        return torch.cat([last[:, :half], outputs[:, 0, half:]], 1)


def build(
    spec: InputSpec,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    num_layers: int = 1,
    embedding_dim: int = 32,
    bidirectional: bool = True,
    dropout: float = 0.0,
    embedding_dropout: float = 0.0,
    token_dropout: float = 0.0,
    read: str = "last",
    ngrams: int = 0,
    ngram_buckets: int = 32768,
    ngram_scale: float = 10.0,
    ngram_dropout: float = 0.0,
) -> nn.Module:
    """A recurrent network over the tokens of a sequence; with `ngrams`, plus a linear classifier of its n-grams.

    The two sum their logits, as the wide and the deep part of Cheng et al. 2016, "Wide & Deep Learning".

    Args:
        spec: sequences.
        cell: lstm, gru or rnn (a plain one, with tanh).
        hidden_size: units of each layer and direction.
        num_layers: layers on top of each other.
        embedding_dim: numbers a token becomes.
        bidirectional: read backwards too.
        dropout: share of units dropped between layers and before the last one.
        embedding_dropout: share of the embedded numbers dropped.
        token_dropout: share of the tokens that training replaces by the unknown one.
        read: last (at each sequence's own end), last_step (at the batch's last position, padding or not), mean, max,
            or mean_max (both side by side).
        ngrams: the longest n-grams that count, from 2; 0 for none.
        ngram_buckets: rows of weights that n-grams are hashed to.
        ngram_scale: what n-gram weights are multiplied by; optimizers whose steps do not depend on the gradient's size
            (Adam) learn them so many times faster than the rest.
        ngram_dropout: share of the n-grams that training leaves out.

    Raises:
        SettingsError: no sequences, or an impossible value.
    """
    needs("rnn_classifier", spec, *KINDS)
    one_of("cell", cell, CELLS)
    one_of("read", read, READS)
    at_least_one(
        hidden_size=hidden_size, num_layers=num_layers, embedding_dim=embedding_dim, ngram_buckets=ngram_buckets
    )
    shares(
        dropout=dropout,
        embedding_dropout=embedding_dropout,
        token_dropout=token_dropout,
        ngram_dropout=ngram_dropout,
    )
    return RNNClassifier(
        spec.vocabulary,
        spec.classes,
        cell=cell,
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_dim=embedding_dim,
        bidirectional=bidirectional,
        dropout=dropout,
        embedding_dropout=embedding_dropout,
        token_dropout=token_dropout,
        read=read,
        ngrams=_ngrams(spec, ngrams, ngram_buckets, ngram_scale, ngram_dropout),
    )


def _ngrams(spec: InputSpec, longest: int, buckets: int, scale: float, dropout: float) -> HashedNgrams | None:
    if longest == 0:
        return None
    if longest < 2:
        raise SettingsError(f"model.ngrams = {longest}: it must be at least 2", hint="0 for no n-grams")
    if not 0 < scale < float("inf"):
        raise SettingsError(f"model.ngram_scale = {scale}: it must be above 0")
    return HashedNgrams(
        spec.vocabulary, spec.classes, longest_ngram=longest, buckets=buckets, scale=scale, dropout=dropout
    )
