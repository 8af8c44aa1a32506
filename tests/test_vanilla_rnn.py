"""The vanilla RNN: torch's own numbers from the same weights, its gradients, its first values, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import vanilla_rnn
from engine.models.vanilla_rnn import INITS

NUMBERS = InputSpec("features", (4,), 10)
SYMBOLS = InputSpec("sequence", (19,), 10, vocabulary=12)
IMAGES = InputSpec("image", (1, 28, 28), 10)


def reference(model: Any, nonlinearity: str = "tanh") -> nn.RNN:
    """torch's own recurrent network with the weights of `model`; its second bias is 0."""
    hidden, inputs = model.w_hx.weight.shape
    rnn = nn.RNN(inputs, hidden, nonlinearity=nonlinearity, batch_first=True)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(model.w_hx.weight)
        rnn.bias_ih_l0.copy_(model.w_hx.bias)
        rnn.weight_hh_l0.copy_(model.w_hh.weight)
        rnn.bias_hh_l0.zero_()
    return rnn


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_numbers_give_what_torchs_rnn_gives(nonlinearity: str) -> None:
    model: Any = vanilla_rnn.build(NUMBERS, hidden_size=16, nonlinearity=nonlinearity)
    x = torch.randn(7, 4)
    expected = model.w_ph(reference(model, nonlinearity)(x[:, :, None])[0][:, -1])
    torch.testing.assert_close(model(x), expected)


def test_tokens_are_one_hot_and_read_at_their_own_end() -> None:
    model: Any = vanilla_rnn.build(SYMBOLS, hidden_size=16)
    tokens, lengths = torch.randint(0, 12, (6, 19)), torch.tensor([19, 1, 4, 7, 2, 19])
    one_hot = torch.eye(12)[tokens][:, :, 2:]  # padding and unknown are no symbol: all zeros
    outputs = reference(model)(one_hot)[0]
    expected = model.w_ph(torch.stack([outputs[row, length - 1] for row, length in enumerate(lengths.tolist())]))
    torch.testing.assert_close(model(tokens, lengths), expected)


def test_gradients_are_torchs() -> None:
    model: Any = vanilla_rnn.build(SYMBOLS, hidden_size=16, init="orthogonal")
    rnn = reference(model)
    tokens, lengths = torch.randint(2, 12, (6, 19)), torch.full((6,), 19)
    model(tokens, lengths).square().sum().backward()
    head = [model.w_ph.weight.detach(), model.w_ph.bias.detach()]
    nn.functional.linear(rnn(torch.eye(12)[tokens][:, :, 2:])[0][:, -1], *head).square().sum().backward()
    torch.testing.assert_close(model.w_hx.weight.grad, rnn.weight_ih_l0.grad)
    torch.testing.assert_close(model.w_hx.bias.grad, rnn.bias_ih_l0.grad)
    torch.testing.assert_close(model.w_hh.weight.grad, rnn.weight_hh_l0.grad)


def test_gradients_are_those_of_differences() -> None:
    model = vanilla_rnn.build(InputSpec("sequence", (3,), 2, vocabulary=5), hidden_size=3).double()
    tokens, lengths = torch.tensor([[2, 3, 4], [4, 2, 0]]), torch.tensor([3, 2])
    names, values = zip(*model.named_parameters(), strict=True)

    def logits(*weights: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(
            model, dict(zip(names, weights, strict=True)), (tokens, lengths)
        )
        return result

    assert torch.autograd.gradcheck(logits, values)


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), wider=st.integers(0, 6))
def test_padding_changes_nothing(lengths: list[int], wider: int) -> None:
    model = vanilla_rnn.build(SYMBOLS, hidden_size=8)
    longest = max(lengths)
    tokens = torch.randint(2, 12, (len(lengths), longest + wider))
    tokens[torch.arange(longest + wider) >= torch.tensor(lengths)[:, None]] = 0
    together = model(tokens, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = model(tokens[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row], alone[0])


@pytest.mark.parametrize(
    ("spec", "arguments", "parameters"),
    [
        (NUMBERS, {}, 128 * (1 + 128 + 1) + 10 * 129),
        (SYMBOLS, {}, 128 * (10 + 128 + 1) + 10 * 129),
        (SYMBOLS, {"hidden_size": 5, "init": "glorot"}, 5 * (10 + 5 + 1) + 10 * 6),
    ],
)
def test_parameters_and_layers(spec: InputSpec, arguments: dict[str, Any], parameters: int) -> None:
    model = vanilla_rnn.build(spec, **arguments)
    table = model_table(model, spec)
    assert table["parameters"] == table["trainable"] == parameters
    assert [row["name"] for row in table["layers"]] == ["w_hx", "w_hh", "w_ph"]
    assert sum(row["parameters"] for row in table["layers"]) == parameters
    assert table["layers"][1]["output_shape"] == [spec.shape[0], arguments.get("hidden_size", 128)]


def test_one_step_and_an_empty_sequence() -> None:
    model = vanilla_rnn.build(InputSpec("features", (1,), 3), hidden_size=4)
    assert model(torch.ones(2, 1)).shape == (2, 3)
    model = vanilla_rnn.build(SYMBOLS, hidden_size=4)
    assert model(torch.zeros(1, 1, dtype=torch.int64), torch.tensor([0])).isfinite().all()


def test_in_double_and_in_bfloat16() -> None:
    model = vanilla_rnn.build(NUMBERS, hidden_size=8)
    x = torch.rand(3, 4)
    single = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert (model(x).float() - single).abs().max() < 0.05
    torch.testing.assert_close(model.double()(x).float(), single)


# -------------------------------------------------------------------------------------------------------- first values


def test_orthogonal_and_identity_are_what_they_say() -> None:
    turned: Any = vanilla_rnn.build(SYMBOLS, hidden_size=20, init="orthogonal", recurrent_scale=1.5)
    torch.testing.assert_close(turned.w_hh.weight @ turned.w_hh.weight.t(), 2.25 * torch.eye(20))
    straight: Any = vanilla_rnn.build(SYMBOLS, hidden_size=20, init="identity", recurrent_scale=0.5)
    assert torch.equal(straight.w_hh.weight, 0.5 * torch.eye(20))


@pytest.mark.parametrize(
    ("init", "deviation"), [("uniform", (3 * 128) ** -0.5), ("normal", 128**-0.5), ("glorot", 128**-0.5)]
)
def test_deviation_of_the_first_values(init: str, deviation: float) -> None:
    torch.manual_seed(0)
    weight = vanilla_rnn.build(SYMBOLS, init=init).get_parameter("w_hh.weight")
    assert weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert abs(weight.mean().item()) < 0.05 * deviation


@pytest.mark.parametrize("init", INITS)
def test_only_uniform_begins_with_biases(init: str) -> None:
    model = vanilla_rnn.build(SYMBOLS, init=init)
    for name in ("w_hx.bias", "w_ph.bias"):
        assert bool(model.get_parameter(name).any()) == (init == "uniform")


def test_a_latch_holds_the_sign_it_took_first() -> None:
    model: Any = vanilla_rnn.build(SYMBOLS, hidden_size=64, init="identity", recurrent_scale=2.5)
    driven = 0.3 * torch.randn(5, 200, 64).sign()
    states = model.w_hh(driven)
    assert torch.equal(states.sign(), driven[:, :1].sign().expand_as(states))


@pytest.mark.parametrize(
    ("spec", "arguments", "words"),
    [
        (IMAGES, {}, "needs sequences or features; this data set has image inputs"),
        (NUMBERS, {"hidden_size": 0}, "model.hidden_size = 0: it must be at least 1"),
        (NUMBERS, {"init": "ortogonal"}, "did you mean 'orthogonal'?"),
        (NUMBERS, {"nonlinearity": "Relu"}, "did you mean 'relu'?"),
        (NUMBERS, {"recurrent_scale": 0.0}, "above 0"),
        (NUMBERS, {"recurrent_scale": float("nan")}, "above 0"),
        (InputSpec("sequence", (4,), 2, vocabulary=2), {}, "at least one column, or one symbol"),
        (InputSpec("features", (0,), 2), {}, "at least one column"),
    ],
)
def test_what_does_not_fit_is_refused(spec: InputSpec, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        vanilla_rnn.build(spec, **arguments)
    assert words in str(caught.value)


def test_it_learns_what_came_first() -> None:
    torch.manual_seed(0)
    model = vanilla_rnn.build(SYMBOLS, hidden_size=32, init="identity", recurrent_scale=2.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    lengths = torch.full((128,), 19)
    for _ in range(60):
        tokens = torch.randint(2, 12, (128, 19))
        loss = nn.functional.cross_entropy(model(tokens, lengths), tokens[:, 0] - 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tokens = torch.randint(2, 12, (128, 19))
    assert (model(tokens, lengths).argmax(1) == tokens[:, 0] - 2).float().mean() > 0.95
