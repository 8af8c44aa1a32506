"""The perceptron in numpy: torch's own logits, gradients and SGD steps from the same weights, what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.data import moons
from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import numpy_mlp
from engine.models.numpy_mlp import NumpyMLP

PLANE = InputSpec("features", (2,), 2)
SIZES = st.lists(st.integers(1, 30), max_size=3)
LIMITS = {torch.float32: 1e-6, torch.float64: 1e-12}


def built(features: int, hidden: list[int], classes: int, kind: torch.dtype = torch.float32) -> NumpyMLP:
    """The model for so many features and classes."""
    model = numpy_mlp.build(InputSpec("features", (features,), classes), hidden=hidden)
    assert isinstance(model, NumpyMLP)
    return model.to(kind)


def reference(model: NumpyMLP) -> nn.Sequential:
    """torch's own network with copies of the weights of `model`."""
    layers: list[nn.Module] = []
    for layer in copy.deepcopy(model.layers):
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def batches(steps: int, batch: int, features: int, classes: int, seed: int = 0) -> tuple[Any, Any]:
    """Inputs (steps, batch, features) float32 and labels (steps, batch)."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(steps, batch, features)).astype(np.float32)
    return inputs, generator.integers(0, classes, (steps, batch))


def torch_steps(net: nn.Module, inputs: Any, labels: Any, learning_rate: float) -> tuple[list[float], list[float]]:
    """What `sgd_steps` does, by torch.optim.SGD: losses and shares of right answers."""
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    kind = next(net.parameters()).dtype
    losses, right = [], []
    for x, y in zip(torch.tensor(inputs, dtype=kind), torch.tensor(labels), strict=True):
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((logits.argmax(1) == y).double().mean().item())
    return losses, right


def assert_same_weights(model: nn.Module, net: nn.Module, limit: float) -> None:
    for own, other in zip(model.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=limit, atol=limit)


# ------------------------------------------------------------------------------------------------ forward and backward


@pytest.mark.parametrize("kind", list(LIMITS))
@settings(max_examples=60, deadline=None)
@given(
    hidden=SIZES, n=st.integers(1, 20), features=st.integers(1, 40), classes=st.integers(1, 12), seed=st.integers(0, 99)
)
def test_logits_and_gradients_are_autograds(
    kind: torch.dtype, hidden: list[int], n: int, features: int, classes: int, seed: int
) -> None:
    torch.manual_seed(seed)
    model = built(features, hidden, classes, kind)
    net = reference(model)
    x, labels = torch.randn(n, features, dtype=kind), torch.randint(0, classes, (n,))
    own_x, other_x = x.clone().requires_grad_(), x.clone().requires_grad_()
    own, other = model(own_x), net(other_x)
    torch.testing.assert_close(own, other, rtol=LIMITS[kind], atol=LIMITS[kind])
    for logits in (own, other):
        nn.functional.cross_entropy(logits, labels).backward()
    for (name, mine), theirs in zip(model.named_parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=LIMITS[kind], atol=LIMITS[kind], msg=name)
    torch.testing.assert_close(own_x.grad, other_x.grad, rtol=LIMITS[kind], atol=LIMITS[kind])


def test_gradients_are_those_of_differences() -> None:
    model = built(3, [4, 5], 2, torch.float64)
    names, values = zip(*model.named_parameters(), strict=True)
    x = torch.randn(4, 3, dtype=torch.float64)

    def logits(*weights: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(model, dict(zip(names, weights, strict=True)), (x,))
        return result

    assert torch.autograd.gradcheck(logits, values)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("loss", [nn.MultiMarginLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)])
def test_any_loss_and_optimizer_of_torch(optimizer: Any, loss: nn.Module) -> None:
    model = built(5, [16], 3, torch.float64)
    net = reference(model)
    x, labels = torch.randn(20, 5, dtype=torch.float64), torch.randint(0, 3, (20,))
    for trained in (model, net):
        steps = optimizer(trained.parameters(), lr=1e-2)
        for _ in range(20):
            steps.zero_grad()
            loss(trained(x), labels).backward()
            steps.step()
    assert_same_weights(model, net, 1e-9)


def test_single_inputs_to_a_model_in_double() -> None:
    model = built(3, [4], 2)
    x = torch.randn(5, 3)
    single = model(x)
    torch.testing.assert_close(model.double()(x).float(), single)
    with torch.no_grad():
        assert not model(x).requires_grad


# ----------------------------------------------------------------------------------------------------------- SGD steps


@settings(max_examples=60, deadline=None)
@given(
    hidden=SIZES, steps=st.integers(1, 12), batch=st.integers(1, 9), features=st.integers(1, 12),
    classes=st.integers(1, 6), rate=st.sampled_from([0.0, 1e-3, 0.1, 0.5]), seed=st.integers(0, 99),
)  # fmt: skip
def test_steps_are_those_of_torchs_sgd(
    hidden: list[int], steps: int, batch: int, features: int, classes: int, rate: float, seed: int
) -> None:
    torch.manual_seed(seed)
    model = built(features, hidden, classes)
    net = reference(model)
    inputs, labels = batches(steps, batch, features, classes, seed)
    losses, right = model.sgd_steps(inputs, labels, rate)
    assert losses.dtype == right.dtype == np.float64
    expected = torch_steps(net, inputs, labels, rate)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(right, expected[1], rtol=0, atol=1e-12)
    assert_same_weights(model, net, 1e-5)


@pytest.mark.parametrize("batch", [1, 16])
def test_many_steps_in_double_to_the_last_digits(batch: int) -> None:
    torch.manual_seed(1)
    model = built(4, [20, 10], 3, torch.float64)
    net = reference(model)
    inputs, labels = batches(300, batch, 4, 3)
    losses, _ = model.sgd_steps(inputs, labels, 0.1)
    np.testing.assert_allclose(losses, torch_steps(net, inputs, labels, 0.1)[0], rtol=1e-10, atol=1e-11)
    assert_same_weights(model, net, 1e-10)


def test_all_at_once_or_one_after_the_other_is_the_same() -> None:
    model = built(4, [8], 3)
    other = copy.deepcopy(model)
    inputs, labels = batches(10, 3, 4, 3)
    together = model.sgd_steps(inputs, labels, 0.1)
    single = [other.sgd_steps(inputs[i : i + 1], labels[i : i + 1], 0.1) for i in range(10)]
    np.testing.assert_array_equal(together[0], np.concatenate([losses for losses, _ in single]))
    assert_same_weights(model, other, 0)


def test_weights_stay_where_they_are_and_are_looked_up_anew() -> None:
    torch.manual_seed(2)
    model, source = built(4, [8], 3), built(4, [8], 3)
    places = [p.data_ptr() for p in model.parameters()]
    inputs, labels = batches(5, 2, 4, 3)
    model.sgd_steps(inputs, labels, 0.1)
    assert [p.data_ptr() for p in model.parameters()] == places
    for assign in (False, True):  # copied into the memory, and put in its place
        model.load_state_dict(copy.deepcopy(source.state_dict()), assign=assign)
        net = reference(source)
        losses, _ = model.sgd_steps(inputs, labels, 0.1)
        np.testing.assert_allclose(losses, torch_steps(net, inputs, labels, 0.1)[0], atol=1e-5)
        assert_same_weights(model, net, 1e-5)
    net = reference(model.double())
    model.sgd_steps(inputs, labels, 0.1)
    torch_steps(net, inputs, labels, 0.1)
    assert_same_weights(model, net, 1e-12)


def test_a_copy_is_trained_apart() -> None:
    model = built(4, [8], 3)
    inputs, labels = batches(5, 2, 4, 3)
    model.sgd_steps(inputs, labels, 0.1)
    other = copy.deepcopy(model)
    before = [p.clone() for p in model.parameters()]
    net = reference(model)
    other.sgd_steps(inputs, labels, 0.1)
    torch_steps(net, inputs, labels, 0.1)
    assert all(torch.equal(p, was) for p, was in zip(model.parameters(), before, strict=True))
    assert_same_weights(other, net, 1e-5)


def test_batches_of_another_size_in_between() -> None:
    model = built(4, [8], 3)
    net = reference(model)
    for batch in (3, 1, 3, 7):
        inputs, labels = batches(4, batch, 4, 3, batch)
        losses, _ = model.sgd_steps(inputs, labels, 0.1)
        np.testing.assert_allclose(losses, torch_steps(net, inputs, labels, 0.1)[0], atol=1e-5)
    assert_same_weights(model, net, 1e-5)


def test_huge_logits_have_a_finite_loss() -> None:
    torch.manual_seed(3)
    model = built(4, [8], 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(100)
    net = reference(model)
    inputs, labels = batches(1, 6, 4, 3)
    losses, right = model.sgd_steps(inputs, labels, 0.1)
    expected = torch_steps(net, inputs, labels, 0.1)
    assert losses[0] > 100
    np.testing.assert_allclose(losses, expected[0], rtol=1e-5)
    np.testing.assert_allclose(right, expected[1])
    assert_same_weights(model, net, 1e-4)


def test_what_is_not_finite_shows_in_the_loss() -> None:
    model = built(2, [4], 2)
    inputs, labels = batches(3, 1, 2, 2)
    inputs[1] = np.nan
    losses, _ = model.sgd_steps(inputs, labels, 0.1)
    assert np.isfinite(losses).tolist() == [True, False, False]


def test_it_learns_the_moons() -> None:
    torch.manual_seed(0)
    train = moons.load(None, samples=400).splits["train"]  # type: ignore[arg-type]
    model = built(2, [20], 2)
    order = np.random.default_rng(0).permutation(np.arange(400).repeat(20))
    inputs, labels = train.inputs[order][:, None], train.labels[order][:, None]
    losses, right = model.sgd_steps(inputs, labels, 0.1)
    assert right[-400:].mean() > 0.98
    assert losses[-400:].mean() < 0.1
    assert (model(torch.tensor(train.inputs)).argmax(1).numpy() == train.labels).mean() > 0.98


# --------------------------------------------------------------------------------------------------------------- model


def test_parameters_names_and_first_values_are_torchs() -> None:
    torch.manual_seed(5)
    model = numpy_mlp.build(InputSpec("features", (4,), 3), hidden=[6, 5])
    torch.manual_seed(5)
    layers = [nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)]
    expected = {f"layers.{i}.{name}": value for i, one in enumerate(layers) for name, value in one.named_parameters()}
    assert list(dict(model.named_parameters())) == list(expected)
    assert all(torch.equal(value, expected[name]) for name, value in model.named_parameters())


@pytest.mark.parametrize(("hidden", "parameters"), [(None, 102), ([], 6), ([7, 5], 21 + 40 + 12)])
def test_parameters_count_and_the_table_adds_up(hidden: list[int] | None, parameters: int) -> None:
    model = numpy_mlp.build(PLANE, hidden=hidden)
    table = model_table(model, PLANE)
    assert table["parameters"] == table["trainable"] == parameters
    assert sum(row["parameters"] for row in table["layers"]) == parameters


@pytest.mark.parametrize(
    ("spec", "arguments", "words"),
    [
        (InputSpec("image", (1, 28, 28), 10), {}, "needs features; this data set has image inputs"),
        (InputSpec("sequence", (19,), 18, vocabulary=60), {}, "here fit: lstm_classifier"),
        (PLANE, {"hidden": [20, 0]}, "model.hidden = [20, 0]: a layer needs at least 1 unit"),
    ],
)
def test_what_does_not_fit_is_refused(spec: InputSpec, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        numpy_mlp.build(spec, **arguments)
    assert words in str(caught.value)


def test_another_device_is_refused_in_words() -> None:
    model = built(2, [20], 2).to("meta")
    with pytest.raises(SettingsError, match="computes on the CPU; here it is on meta"):
        model(torch.zeros(1, 2, device="meta"))
