"""The character language model: its parameters, that it never looks ahead, what padding does, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.batches import DeviceSplit
from engine.data import text_blocks
from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import char_rnn
from engine.models.char_rnn import CELLS
from engine.tasks.next_token import NextToken

TEXT = InputSpec("sequence", (12,), 30, vocabulary=30, longest_label=12)
TAGS = InputSpec("sequence", (12,), 5, vocabulary=30, longest_label=12)
NAMES = InputSpec("sequence", (19,), 18, vocabulary=60)
IMAGES = InputSpec("image", (1, 28, 28), 10)
NUMBERS = InputSpec("features", (4,), 3)
PAIRS = InputSpec("sequence", (12,), 30, vocabulary=30, longest_label=12, teacher_forcing=True)
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def small(cell: str = "lstm", **arguments: Any) -> nn.Module:
    """A model of two layers in evaluation mode."""
    sizes: dict[str, Any] = {"hidden_size": 16, "num_layers": 2, "embedding_dim": 8, **arguments}
    return char_rnn.build(TEXT, cell=cell, **sizes).eval()


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("spec", [TEXT, TAGS])
def test_parameters_and_output(cell: str, spec: InputSpec) -> None:
    model = char_rnn.build(spec, cell=cell, hidden_size=16, num_layers=2, embedding_dim=8)
    layers = GATES[cell] * 16 * ((8 + 16 + 2) + (16 + 16 + 2))
    table = model_table(model, spec)
    assert table["parameters"] == table["trainable"] == 30 * 8 + layers + spec.classes * 17
    assert sum(row["parameters"] for row in table["layers"]) == table["parameters"]
    assert table["layers"][-1]["output_shape"] == [12, spec.classes]


def test_one_layer_by_default() -> None:
    model = char_rnn.build(TEXT)
    assert sum(p.numel() for p in model.parameters()) == 30 * 64 + 4 * 256 * (64 + 256 + 2) + 30 * 257


def test_tied_weights_are_one_matrix_that_counts_once() -> None:
    model: Any = char_rnn.build(TEXT, cell="gru", hidden_size=16, embedding_dim=16, tied=True)
    assert model.head.weight is model.embedding.weight
    assert model_table(model, TEXT)["parameters"] == 30 * 16 + 3 * 16 * (16 + 16 + 2) + 30
    tokens = torch.randint(2, 30, (3, 12))
    model(tokens, torch.full((3,), 12)).square().sum().backward()
    used = torch.zeros(30, dtype=torch.bool).index_fill(0, tokens.flatten(), True)
    assert model.head.weight.grad[~used].any(dim=1).all(), "the last layer's share of the gradient is missing"


@pytest.mark.parametrize("tied", [False, True])
def test_it_begins_without_an_opinion(tied: bool) -> None:
    torch.manual_seed(0)
    model = char_rnn.build(TEXT, hidden_size=64, embedding_dim=64, tied=tied)
    shares = model(torch.randint(2, 30, (20, 12)), torch.full((20,), 12)).softmax(2)
    assert 0.5 / 30 < shares.min() < shares.max() < 2 / 30


@pytest.mark.parametrize("cell", list(CELLS))
def test_the_recurrence_is_torchs_cell(cell: str) -> None:
    model: Any = char_rnn.build(TEXT, cell=cell, hidden_size=16, embedding_dim=8)
    one = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}[cell](8, 16)
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in model.rnn.state_dict().items()})
    tokens = torch.randint(0, 30, (4, 12))
    state: Any = None
    expected = []
    for step in model.embedding(tokens).unbind(1):
        state = one(step, state)
        expected.append(model.head(state[0] if cell == "lstm" else state))
    torch.testing.assert_close(model(tokens, torch.full((4,), 12)), torch.stack(expected, 1))


@settings(max_examples=40, deadline=None)
@given(cell=st.sampled_from(list(CELLS)), place=st.integers(0, 11), shift=st.integers(1, 29), seed=st.integers(0, 99))
def test_a_later_token_never_changes_earlier_logits(cell: str, place: int, shift: int, seed: int) -> None:
    torch.manual_seed(seed)
    model, lengths = small(cell), torch.full((3,), 12)
    tokens = torch.randint(0, 30, (3, 12))
    changed = tokens.clone()
    changed[:, place] = (changed[:, place] + shift) % 30
    before, after = model(tokens, lengths), model(changed, lengths)
    assert torch.equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any(dim=2).all(), "a token must reach all logits from its own on"


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), wider=st.integers(0, 6))
def test_padding_changes_nothing(lengths: list[int], wider: int) -> None:
    model = small()
    tokens = torch.randint(1, 30, (len(lengths), max(lengths) + wider))
    tokens[torch.arange(tokens.shape[1]) >= torch.tensor(lengths)[:, None]] = 0
    together = model(tokens, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = model(tokens[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row, :length], alone[0])


def test_dropout_is_for_training_alone() -> None:
    torch.manual_seed(0)
    model = small(dropout=0.5)
    tokens, lengths = torch.randint(0, 30, (3, 12)), torch.full((3,), 12)
    assert torch.equal(model(tokens, lengths), model(tokens, lengths))
    model.train()
    assert not torch.equal(model(tokens, lengths), model(tokens, lengths))


@pytest.mark.parametrize(
    ("spec", "arguments", "words"),
    [
        (IMAGES, {}, "needs sequences; this data set has image inputs"),
        (NUMBERS, {}, "needs sequences; this data set has features inputs"),
        (NAMES, {}, "this data set has one class a sample"),
        (PAIRS, {}, "reads one sequence"),
        (TEXT, {"cell": "lstmm"}, "did you mean 'lstm'?"),
        (TEXT, {"hidden_size": 0}, "model.hidden_size = 0: it must be at least 1"),
        (TEXT, {"num_layers": 0}, "model.num_layers = 0"),
        (TEXT, {"embedding_dim": -1}, "model.embedding_dim = -1"),
        (TEXT, {"dropout": 1.0}, "from 0 to below 1"),
        (TEXT, {"tied": True}, "set model.embedding_dim = 256, or model.tied = false"),
        (TAGS, {"tied": True, "embedding_dim": 256}, "labels of the same tokens as the inputs; here are 5 and 30"),
    ],
)
def test_what_does_not_fit_is_refused(spec: InputSpec, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        char_rnn.build(spec, **arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize("cell", list(CELLS))
def test_it_learns_hihello(cell: str) -> None:
    """Two letters are followed by different ones: h by i and e, l by l and o. Only what stood before tells which."""
    torch.manual_seed(0)
    data = text_blocks.load(Path(), text="hihello")
    task = NextToken(data, torch.device("cpu"))
    loss = task.build_loss({"name": "CrossEntropyLoss"})
    model = char_rnn.build(task.spec(), cell=cell, hidden_size=8, embedding_dim=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    batch = next(DeviceSplit(data, data.splits["train"], torch.device("cpu")).in_order(1))
    for _ in range(80):
        optimizer.zero_grad()
        loss(task.output(model, batch), batch).backward()
        optimizer.step()
    assert task.right(task.output(model, batch), batch) == 1
    spelt = task.continued(model.eval(), data.splits["train"].inputs[0, :1].tolist(), 6)
    assert "".join(data.vocabulary[token] for token in spelt) == "ihello"
