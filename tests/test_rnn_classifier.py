"""The recurrent classifier: counts, what padding and dropout do, its n-grams against a plain count, refusals."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import lstm_classifier, rnn_classifier
from engine.models.rnn_classifier import HashedNgrams, RNNClassifier

NAMES = InputSpec("sequence", (19,), 18, vocabulary=60)
SMALL: dict[str, Any] = {"hidden_size": 6, "embedding_dim": 5}
Tensor = torch.Tensor


def one_way(gates: int, entering: int, hidden: int) -> int:
    """Parameters of one direction of one layer: two matrices and two biases a gate."""
    return gates * hidden * (entering + hidden + 2)


def padded() -> tuple[Tensor, Tensor]:
    """Five sequences of different lengths."""
    tokens = torch.randint(2, 60, (5, 9), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([9, 1, 4, 7, 2])
    tokens[torch.arange(9) >= lengths[:, None]] = 0
    return tokens, lengths


def build(**arguments: Any) -> RNNClassifier:
    """A small model of names."""
    model = rnn_classifier.build(NAMES, **{**SMALL, **arguments})
    assert isinstance(model, RNNClassifier)
    return model


def with_ngrams(**arguments: Any) -> tuple[RNNClassifier, HashedNgrams]:
    """A model and its n-grams, their weights not zero, as after training."""
    model = build(**{"ngrams": 3, **arguments})
    assert model.ngrams is not None
    with torch.no_grad():
        model.ngrams.weights.weight[1:].normal_()
    return model, model.ngrams


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({}, 60 * 32 + 2 * one_way(4, 32, 128) + 18 * 257),
        ({"cell": "gru"}, 60 * 32 + 2 * one_way(3, 32, 128) + 18 * 257),
        ({"cell": "rnn"}, 60 * 32 + 2 * one_way(1, 32, 128) + 18 * 257),
        ({"bidirectional": False, "read": "last_step"}, 60 * 32 + one_way(4, 32, 128) + 18 * 129),
        ({"read": "mean_max"}, 60 * 32 + 2 * one_way(4, 32, 128) + 18 * 513),
        ({"cell": "gru", "num_layers": 2, **SMALL}, 300 + 2 * one_way(3, 5, 6) + 2 * one_way(3, 12, 6) + 18 * 13),
        ({"ngrams": 3, "ngram_buckets": 100, **SMALL}, 300 + 2 * one_way(4, 5, 6) + 18 * 13 + 18 * 101),
    ],
)
def test_parameters_and_output(arguments: dict[str, Any], parameters: int) -> None:
    model = rnn_classifier.build(NAMES, **arguments)
    assert sum(p.numel() for p in model.parameters()) == parameters
    table = model_table(model, NAMES)
    assert table["parameters"] == sum(row["parameters"] for row in table["layers"]) == parameters
    tokens, lengths = padded()
    assert model(tokens, lengths).shape == (5, 18)


@pytest.mark.parametrize("read", ["last", "mean", "max", "mean_max"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_padding_changes_nothing(cell: str, bidirectional: bool, read: str) -> None:
    model, _ = with_ngrams(cell=cell, bidirectional=bidirectional, read=read, ngrams=4)
    model.eval()
    tokens, lengths = padded()
    logits = model(tokens, lengths)
    wider = torch.cat([tokens, torch.zeros(5, 20, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(wider, lengths), logits)
    for row, length in enumerate(lengths.tolist()):
        alone = model(tokens[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], logits[row])


def test_last_step_reads_the_padding() -> None:
    model = build(read="last_step").eval()
    tokens, lengths = torch.ones(1, 3, dtype=torch.int64), torch.tensor([3])
    wider = torch.cat([tokens, torch.zeros(1, 20, dtype=torch.int64)], 1)
    assert not torch.allclose(model(tokens, lengths), model(wider, lengths))


def one_by_one(model: Any, tokens: Tensor, lengths: Tensor, read: str) -> Tensor:
    """Logits of each sequence by itself, nothing padded but where the padding is read."""
    half, logits = model.rnn.hidden_size, []
    for row, length in zip(tokens, lengths.tolist(), strict=True):
        outputs = model.rnn(model.embedding(row if read == "last_step" else row[:length])[None])[0][0]
        vectors = {
            "last": torch.cat([outputs[-1, :half], outputs[0, half:]]),
            "last_step": outputs[-1],
            "mean": outputs.mean(0),
            "max": outputs.amax(0),
        }
        logits.append(model.head(vectors[read]))
    return torch.stack(logits)


@pytest.mark.parametrize("read", ["last", "last_step", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_lstm_is_that_of_the_plain_classifier(bidirectional: bool, read: str) -> None:
    sizes: dict[str, Any] = {"num_layers": 2, "bidirectional": bidirectional, "read": read, **SMALL}
    ours, plain = rnn_classifier.build(NAMES, **sizes), lstm_classifier.build(NAMES, **sizes)
    ours.load_state_dict(plain.state_dict())
    logits = plain(*padded())
    torch.testing.assert_close(ours(*padded()), logits)
    torch.testing.assert_close(one_by_one(plain, *padded(), read), logits)


@pytest.mark.parametrize("name", ["dropout", "embedding_dropout", "token_dropout", "ngram_dropout"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    model, _ = with_ngrams(**{name: 0.5})
    batch = padded()
    model.train()
    assert not torch.equal(model(*batch), model(*batch))
    model.eval()
    assert torch.equal(model(*batch), model(*batch))
    none = build(ngrams=3).eval()
    none.load_state_dict(model.state_dict())
    assert torch.equal(none(*batch), model(*batch))


def test_token_dropout_makes_tokens_unknown_and_leaves_the_padding() -> None:
    model = build(token_dropout=0.25)
    tokens = torch.full((200, 50), 7)
    tokens[:, 40:] = 0
    seen: list[Tensor] = []
    model.embedding.register_forward_pre_hook(lambda _module, arguments: seen.append(arguments[0]))
    model(tokens, torch.full((200,), 40))
    assert (seen[0][:, 40:] == 0).all()
    assert set(seen[0][:, :40].unique().tolist()) == {1, 7}
    assert float((seen[0][:, :40] == 1).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert (tokens[:, :40] == 7).all()


def marked_ngrams(row: list[int], longest: int) -> list[tuple[int, ...]]:
    """The n-grams of 2 to `longest` tokens, by slicing; -1 is the start and -2 the end."""
    marked = [-1, *row, -2]
    sizes = range(2, longest + 1)
    return [tuple(marked[i : i + size]) for size in sizes for i in range(len(marked) - size + 1)]


@given(st.lists(st.lists(st.integers(1, 59), min_size=1, max_size=8), min_size=1, max_size=6), st.integers(2, 6))
def test_ngrams_are_those_of_slicing(sequences: list[list[int]], longest: int) -> None:
    layer = HashedNgrams(60, 3, longest_ngram=longest, buckets=2**20, scale=1.0, dropout=0.0)
    lengths = torch.tensor([len(s) for s in sequences])
    tokens = nn.utils.rnn.pad_sequence([torch.tensor(s) for s in sequences], batch_first=True)
    row_of: dict[tuple[int, ...], int] = {}
    for found, sequence in zip(layer.rows(tokens, lengths).tolist(), sequences, strict=True):
        expected = marked_ngrams(sequence, longest)
        rows = [row for row in found if row]
        assert len(rows) == len(expected)
        for ngram, row in zip(expected, rows, strict=True):
            assert row_of.setdefault(ngram, row) == row
        assert 0 < min(rows) <= max(rows) <= 2**20


def test_ngrams_spread_over_the_buckets() -> None:
    layer = HashedNgrams(60, 3, longest_ngram=2, buckets=2**15, scale=1.0, dropout=0.0)
    pairs = torch.cartesian_prod(torch.arange(1, 60), torch.arange(1, 60))
    rows = layer.rows(pairs, torch.full((len(pairs),), 2))[:, 1]
    most = Counter(rows.tolist()).most_common(1)[0][1]
    expected = 2**15 * (1 - math.exp(-len(pairs) / 2**15))
    assert len(rows.unique()) > 0.95 * expected
    assert most <= 4


def test_ngram_logits_are_their_sum_over_the_root_of_their_number() -> None:
    model, layer = with_ngrams(ngram_scale=2.5)
    model.eval()
    tokens, lengths = torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([2, 3])
    for row, (logits, rows) in enumerate(zip(layer(tokens, lengths), layer.rows(tokens, lengths), strict=True)):
        weights = layer.weights.weight[rows[rows > 0]]
        assert len(weights) == (5, 7)[row]
        torch.testing.assert_close(logits, 2.5 * weights.sum(0) / len(weights) ** 0.5)
    alone = build().eval()
    alone.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("ngrams.")})
    torch.testing.assert_close(model(tokens, lengths), alone(tokens, lengths) + layer(tokens, lengths))


def test_ngrams_learn_what_stands_next_to_what() -> None:
    layer = HashedNgrams(4, 2, longest_ngram=2, buckets=1000, scale=1.0, dropout=0.0)
    tokens = torch.tensor([[2, 3], [3, 2], [2, 2], [3, 3]])
    lengths, labels = torch.full((4,), 2), torch.tensor([0, 0, 1, 1])
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(layer(tokens, lengths), labels).backward()
        optimizer.step()
    assert layer(tokens, lengths).argmax(1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cell": "lstn"}, "did you mean 'lstm'?"),
        ({"cell": "transformer"}, "known: gru, lstm, rnn"),
        ({"read": "first"}, "model.read = 'first'"),
        ({"hidden_size": 0}, "model.hidden_size = 0: it must be at least 1"),
        ({"num_layers": 0}, "model.num_layers = 0"),
        ({"embedding_dim": -1}, "model.embedding_dim = -1"),
        ({"dropout": 1.0}, "model.dropout = 1.0: it must be from 0 to below 1"),
        ({"embedding_dropout": -0.1}, "model.embedding_dropout"),
        ({"token_dropout": float("nan")}, "model.token_dropout = nan"),
        ({"ngrams": 3, "ngram_dropout": 1.5}, "model.ngram_dropout"),
        ({"ngrams": 1}, "model.ngrams = 1: it must be at least 2"),
        ({"ngrams": -2}, "0 for no n-grams"),
        ({"ngrams": 3, "ngram_buckets": 0}, "model.ngram_buckets"),
        ({"ngrams": 3, "ngram_scale": 0.0}, "model.ngram_scale = 0.0: it must be above 0"),
    ],
)
def test_impossible_values_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        rnn_classifier.build(NAMES, **arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "fitting"),
    [(InputSpec("image", (1, 28, 28), 10), "cnn"), (InputSpec("features", (4,), 3), "here fit: logistic, mlp")],
)
def test_only_sequences_are_taken(spec: InputSpec, fitting: str) -> None:
    with pytest.raises(SettingsError, match="needs sequences") as caught:
        rnn_classifier.build(spec)
    assert fitting in str(caught.value)
