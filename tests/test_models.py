"""The models: parameter counts, shapes, what they refuse; and the layer table."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import example, model_table
from engine.models import cnn, lenet, logistic, lstm_classifier, mlp

FEATURES = InputSpec("features", (4,), 3)
GREY = InputSpec("image", (1, 28, 28), 10)
COLOUR = InputSpec("image", (3, 32, 32), 100)
TINY = InputSpec("image", (1, 8, 8), 10)
NAMES = InputSpec("sequence", (19,), 18, vocabulary=60)

LSTM = 60 * 20 + 4 * 100 * (20 + 100 + 2) + 4 * 100 * (100 + 100 + 2) + 101 * 18


@pytest.mark.parametrize(
    ("module", "spec", "arguments", "parameters"),
    [
        (logistic, FEATURES, {}, 15),
        (logistic, GREY, {}, 7850),
        (mlp, InputSpec("features", (2,), 2), {"hidden": [20]}, 102),
        (mlp, GREY, {}, 784 * 128 + 128 + 1290),
        (mlp, FEATURES, {"hidden": []}, 15),
        (lenet, GREY, {}, 61_706),
        (lenet, COLOUR, {}, 62_006 + 90 * 85),
        (cnn, TINY, {"widths": [16, 32]}, 9 * 16 + 32 + 9 * 16 * 32 + 64 + 10 * (32 * 4 + 1)),
        (cnn, COLOUR, {}, 9 * (3 * 32 + 32 * 64 + 64 * 128) + 448 + 100 * (128 * 16 + 1)),
        (lstm_classifier, NAMES, {}, LSTM),
    ],
)
def test_parameters_and_output(module: Any, spec: InputSpec, arguments: dict[str, Any], parameters: int) -> None:
    model = module.build(spec, **arguments)
    assert sum(p.numel() for p in model.parameters()) == parameters
    table = model_table(model, spec)
    assert table["parameters"] == table["trainable"] == parameters
    assert sum(row["parameters"] for row in table["layers"]) == parameters
    assert table["layers"][-1]["output_shape"] == [spec.classes]


@pytest.mark.parametrize(
    ("module", "spec", "arguments", "words"),
    [
        (lenet, FEATURES, {}, "needs images of 28 × 28 or 32 × 32"),
        (lenet, TINY, {}, "images of 1 × 8 × 8"),
        (lstm_classifier, GREY, {}, "needs sequences"),
        (cnn, NAMES, {}, "needs images"),
        (mlp, NAMES, {}, "needs features or images; this data set has sequence inputs"),
        (logistic, NAMES, {}, "needs features or images; this data set has sequence inputs"),
        (mlp, FEATURES, {"activation": "rellu"}, "did you mean 'relu'?"),
        (mlp, FEATURES, {"hidden": [0]}, "at least 1 unit"),
        (mlp, FEATURES, {"dropout": 1.0}, "below 1"),
        (cnn, TINY, {"widths": [4, 4, 4, 4]}, "give at most 3 widths"),
        (lstm_classifier, NAMES, {"read": "first"}, "model.read"),
        (lstm_classifier, NAMES, {"num_layers": 0}, "num_layers"),
    ],
)
def test_what_does_not_fit_is_refused(module: Any, spec: InputSpec, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        module.build(spec, **arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize("read", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(read: str, bidirectional: bool) -> None:
    model = lstm_classifier.build(NAMES, read=read, bidirectional=bidirectional).eval()
    tokens = torch.randint(1, 60, (5, 9))
    lengths = torch.tensor([9, 1, 4, 7, 2])
    tokens[torch.arange(9) >= lengths[:, None]] = 0
    wider = torch.cat([tokens, torch.zeros(5, 20, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(tokens, lengths), model(wider, lengths))
    for row, length in enumerate(lengths.tolist()):
        alone = model(tokens[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], model(tokens, lengths)[row])


def test_last_step_reads_the_padding() -> None:
    model = lstm_classifier.build(NAMES, read="last_step").eval()
    tokens, lengths = torch.ones(1, 3, dtype=torch.int64), torch.tensor([3])
    wider = torch.cat([tokens, torch.zeros(1, 20, dtype=torch.int64)], 1)
    assert not torch.allclose(model(tokens, lengths), model(wider, lengths))


class Reusing(nn.Module):
    """Calls one layer twice, has a parameter of its own, and returns its LSTM's states along the way."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.recurrent = nn.LSTM(4, 3, batch_first=True)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.drop(self.norm(self.shared(self.shared(x))))
        outputs, _ = self.recurrent(hidden[:, None])
        last: torch.Tensor = outputs[:, -1] * self.scale
        return last


def test_table_shows_reuse_and_leaves_the_model_alone() -> None:
    model = Reusing().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    table = model_table(model, FEATURES)
    rows = [(row["name"], row["parameters"], row.get("reused", False)) for row in table["layers"]]
    assert rows[:2] == [("shared", 20, False), ("shared", 0, True)]
    assert ("scale", 3, False) in rows
    assert table["parameters"] == sum(row["parameters"] for row in table["layers"])
    assert model.training
    assert model.drop.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_table_says_what_is_wrong_with_a_model() -> None:
    with pytest.raises(SettingsError, match=r"\(2, 5\) for 2 samples; the data set has 3 classes"):
        model_table(nn.Linear(4, 5), FEATURES)
    with pytest.raises(SettingsError, match="cannot take this data set's features samples of 4"):
        model_table(nn.Linear(7, 3), FEATURES)


def test_sizes_of_the_table() -> None:
    table = model_table(lenet.build(GREY), GREY)
    assert table["bytes"]["parameters"] == 4 * 61_706
    assert table["bytes"]["input"] == 4 * 784
    assert table["multiplications"] == 25 * 6 * 784 + 150 * 16 * 100 + 400 * 120 + 120 * 84 + 840
    assert math.prod(example(NAMES)[0].shape) == 2 * 19
