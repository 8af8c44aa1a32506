"""A character language model: embedding, a recurrent network, and one linear layer over its output at each position."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import at_least_one, here_fit, needs, one_of, shares

KINDS = ("sequence",)
LABELS = "tokens"
Tensor = torch.Tensor
CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class CharRNN(nn.Module):
    """Reads tokens (n, longest) and gives logits (n, longest, classes) of what follows each, from what stands up to it.

    Parameters, with g = 1, 3 or 4 gates for rnn, gru and lstm: tokens · embedding + g · hidden · (inputs + hidden + 2)
    for each layer, inputs being embedding for the first and hidden for the others, + classes · (hidden + 1). Tied
    weights count once.
    """

    def __init__(
        self,
        tokens: int,
        classes: int,
        *,
        cell: str,
        hidden_size: int,
        num_layers: int,
        embedding_dim: int,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding_dim)
        between = dropout if num_layers > 1 else 0.0
        self.rnn = CELLS[cell](embedding_dim, hidden_size, num_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(hidden_size, classes)
        if tied:
            self._tie()

    def _tie(self) -> None:
        self.head.weight = self.embedding.weight
        # an embedding's usual deviation of 1 would begin with logits of sqrt(hidden), sure of arbitrary characters
        nn.init.normal_(self.head.weight, 0.0, self.head.in_features**-0.5)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (n, longest, classes) of tokens (n, longest), padded with 0 behind `lengths` (n,).

        What is behind a sequence's end has logits too; it comes after all that counts and changes none of it.
        """
        outputs: Tensor = self.rnn(self.embedding(tokens))[0]
        logits: Tensor = self.head(self.dropout(outputs))
        return logits


def build(
    spec: InputSpec,
    *,
    cell: str = "lstm",
    hidden_size: int = 256,
    num_layers: int = 1,
    embedding_dim: int = 64,
    dropout: float = 0.0,
    tied: bool = False,
) -> nn.Module:
    """A recurrent language model: at each token, logits of the next one from all before it.

    Args:
        spec: sequences with one label for each token.
        cell: rnn (tanh), gru or lstm.
        hidden_size: units of each layer.
        num_layers: layers on top of each other.
        embedding_dim: numbers a token becomes.
        dropout: share of units dropped between layers and before the last one.
        tied: one matrix for the embedding and the last layer (Press and Wolf 2017); both must be of one size.

    Raises:
        SettingsError: no sequences, labels that are no tokens, or an impossible value.
    """
    _check_data(spec)
    one_of("cell", cell, CELLS)
    at_least_one(hidden_size=hidden_size, num_layers=num_layers, embedding_dim=embedding_dim)
    shares(dropout=dropout)
    if tied:
        _check_tied(spec, hidden_size, embedding_dim)
    return CharRNN(
        spec.vocabulary,
        spec.classes,
        cell=cell,
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_dim=embedding_dim,
        dropout=dropout,
        tied=tied,
    )


def _check_data(spec: InputSpec) -> None:
    needs("char_rnn", spec, *KINDS)
    if not spec.longest_label:
        raise SettingsError(
            "model char_rnn gives the next token at each position; this data set has one class a sample",
            hint=f"{here_fit(spec)}; a text to go on with is the data set text_blocks",
        )
    if spec.teacher_forcing:
        raise SettingsError(
            "model char_rnn reads one sequence; this task gives it the label tokens beside the inputs",
            hint="leave task out: then it is the one that the data set is made for",
        )


def _check_tied(spec: InputSpec, hidden_size: int, embedding_dim: int) -> None:
    if embedding_dim != hidden_size:
        raise SettingsError(
            f"model.tied needs embedding_dim ({embedding_dim}) to be hidden_size ({hidden_size})",
            hint=f"set model.embedding_dim = {hidden_size}, or model.tied = false",
        )
    if spec.classes != spec.vocabulary:
        raise SettingsError(
            f"model.tied needs labels of the same tokens as the inputs; here are {spec.classes} and {spec.vocabulary}",
            hint="set model.tied = false",
        )
