"""What is saved comes back the same: tagged JSON, every optimizer, every scheduler; and what is damaged is noticed."""

from __future__ import annotations

import copy
import inspect
import math
import os
from collections import Counter, OrderedDict, deque
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from engine import checkpoint, tagged
from engine.checkpoints import delete_checkpoint, find_checkpoint, list_checkpoints, prune, set_link, sweep_leftovers
from engine.errors import NotFoundError, RunError, SettingsError
from engine.optim import build_optimizer, build_schedule, restore_optimizer
from engine.records import RunPaths


def through_json(value: Any) -> Any:
    tensors: dict[str, torch.Tensor] = {}
    encoded = msgspec.json.decode(msgspec.json.encode(tagged.encode(value, tensors)))
    return tagged.decode(encoded, tensors)


def same(one: Any, other: Any) -> bool:
    """Equal in type and value, tensors by bits, NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and bool(torch.equal(one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8),
    st.integers(0, 5).map(lambda n: torch.arange(n, dtype=torch.float64)),
)  # fmt: skip
KEYS = st.one_of(st.integers(), st.text(max_size=4), st.just("$tuple"), st.tuples(st.integers(), st.booleans()))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4).map(OrderedDict),
        st.lists(inner, max_size=3).map(lambda items: deque(items, 5)),
    ),
    max_leaves=12,
)


@hypothesis.given(VALUES)
@hypothesis.settings(deadline=None, max_examples=150)
def test_any_value_comes_back(value: Any) -> None:
    assert same(through_json(value), value)


def test_values_of_their_own_kind() -> None:
    value = [Counter({10: 2, 20: 1}), {1, 2}, frozenset({"a"}), torch.float16, torch.device("cpu"), 2**200, 1j]
    assert same(through_json(value), value)
    back = through_json({"array": np.arange(3, dtype=np.int32), "number": np.float32(0.1)})
    assert back["array"].dtype == np.int32
    assert isinstance(back["number"], np.float32)


def test_a_function_is_refused_with_its_place() -> None:
    with pytest.raises(tagged.UnsavableError, match=r"schedule/lr_lambdas/0: the function .*lambda"):
        tagged.encode({"schedule": {"lr_lambdas": [lambda e: e]}}, {})
    with pytest.raises(SettingsError, match="cannot be saved"):
        checkpoint.check_savable({"optimizer": object()})


class Tied(nn.Module):
    """A model with one weight under two names, and a buffer."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4, bias=bias), nn.Linear(4, 4, bias=bias)
        self.two.weight = self.one.weight
        self.register_buffer("seen", torch.tensor(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.two(torch.tanh(self.one(x)))
        return result


def save(paths: RunPaths, step: int = 1, model: nn.Module | None = None, **training: Any) -> Path:
    return checkpoint.save(
        paths,
        model=model or Tied(),
        training=training,
        loop={"step": step},
        epoch=step / 2,
        step=step,
        metrics={"a": 1.0},
    )


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    folder = tmp_path / "e0001"
    folder.mkdir()
    return RunPaths(folder)


def test_tied_weights_are_kept_once(paths: RunPaths) -> None:
    from safetensors import safe_open

    model = Tied()
    folder = save(paths, model=model)
    with safe_open(str(folder / "model.safetensors"), "pt") as file:
        assert sorted(file.keys()) == ["one.bias", "one.weight", "seen", "two.bias"]
    other = Tied()
    checkpoint.load_weights(other, checkpoint.load(folder).model, "e0001")
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in model.state_dict().items())
    assert other.one.weight is other.two.weight


def steps(optimizer: torch.optim.Optimizer, model: nn.Module, sparse: bool, count: int) -> None:
    for number in range(count):
        x = torch.tensor([number % 3, 1]) if sparse else torch.full((2, 4), 0.1 * number + 0.3)

        def closure(x: torch.Tensor = x) -> torch.Tensor:
            for p in model.parameters():
                p.grad = None
            loss: torch.Tensor = model(x).square().mean()
            loss.backward()
            return loss

        closure()
        optimizer.step(closure)


OPTIMIZERS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
)
MORE: dict[str, dict[str, Any]] = {"SGD": {"lr": 0.1, "momentum": 0.9}, "ASGD": {"t0": 2.0}, "Adam": {"amsgrad": True}}


def model_for(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "SparseAdam":
        return nn.Embedding(4, 3, sparse=True)
    return Tied(bias=name != "Muon")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on_from_a_checkpoint(paths: RunPaths, name: str) -> None:
    """Training, saving, loading into a new one and training on equals training all along, bit by bit."""
    sparse = name == "SparseAdam"
    table = {"name": name, **MORE.get(name, {})}
    model = model_for(name)
    optimizer = build_optimizer(table, model.named_parameters())
    steps(optimizer, model, sparse, 3)
    folder = save(paths, model=model, optimizer=optimizer.state_dict())
    other = model_for(name)
    loaded = checkpoint.load(folder)
    checkpoint.load_weights(other, loaded.model, "e0001")
    again = build_optimizer(table, other.named_parameters())
    restore_optimizer(again, loaded.training["optimizer"])
    assert same(normal(again.state_dict()), normal(optimizer.state_dict()))
    steps(optimizer, model, sparse, 3)
    steps(again, other, sparse, 3)
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in model.state_dict().items())


def normal(state: Any) -> Any:
    """Insertion order and default dictionaries aside."""
    if isinstance(state, dict):
        return {key: normal(state[key]) for key in sorted(state, key=repr)}
    return [normal(v) for v in state] if isinstance(state, list) else state


SCHEDULERS: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 2},
    "MultiStepLR": {"milestones": [2, 5]},
    "ConstantLR": {"total_iters": 3},
    "LinearLR": {"total_iters": 6},
    "ExponentialLR": {"gamma": 0.9},
    "PolynomialLR": {"total_iters": 9},
    "CosineAnnealingLR": {"T_max": "auto"},
    "CosineAnnealingWarmRestarts": {"T_0": 3},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": "auto"},
    "ReduceLROnPlateau": {"patience": 1, "factor": 0.5},
}


def test_every_scheduler_of_torch_is_known() -> None:
    base = torch.optim.lr_scheduler.LRScheduler
    known = {
        name
        for name, kind in vars(torch.optim.lr_scheduler).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base and not name.startswith("_")
    }
    assert known - {"LambdaLR", "MultiplicativeLR", "SequentialLR", "ChainedScheduler"} == set(SCHEDULERS)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_goes_on_from_a_checkpoint(paths: RunPaths, name: str) -> None:
    def build() -> Any:
        model = model_for("SGD")
        optimizer = build_optimizer({"name": "SGD", "lr": 0.1, "momentum": 0.9}, model.named_parameters())
        schedule = build_schedule({"name": name, **SCHEDULERS[name]}, optimizer, steps=12, epochs=12, mode="min")
        steps(optimizer, model, False, 1)
        assert schedule is not None
        return schedule, optimizer

    def advance(schedule: Any, optimizer: Any, done: range) -> list[float]:
        rates = []
        for number in done:
            schedule.advance(number, 1.0 + number % 4)
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    schedule, optimizer = build()
    advance(schedule, optimizer, range(5))
    folder = save(paths, schedule=schedule.state(), optimizer=optimizer.state_dict())
    again, other = build()
    loaded = checkpoint.load(folder).training
    restore_optimizer(other, loaded["optimizer"])
    again.restore(loaded["schedule"])
    assert same(again.state(), schedule.state())
    assert advance(again, other, range(5, 15)) == advance(schedule, optimizer, range(5, 15))


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
def test_schedulers_made_of_functions_are_refused(name: str) -> None:
    optimizer = build_optimizer({"name": "SGD", "lr": 0.1}, model_for("SGD").named_parameters())
    with pytest.raises(SettingsError, match="function"):
        build_schedule({"name": name}, optimizer, steps=1, epochs=1, mode="min")


def test_a_state_of_other_types_comes_back_exactly(paths: RunPaths) -> None:
    class Own(torch.optim.SGD):
        """Keeps what the parameters' own type cannot hold."""

    def build() -> tuple[nn.Module, Own]:
        model = model_for("SGD")
        return model, Own(model.parameters(), lr=0.1, momentum=0.9)

    model, optimizer = build()
    steps(optimizer, model, False, 2)
    for number, state in enumerate(optimizer.state.values()):
        state |= {
            "exact": torch.tensor(1 / 3, dtype=torch.float64),
            "count": torch.tensor([2**40 + 1]),
            "note": (number,),
        }
    folder = save(paths, optimizer=optimizer.state_dict())
    _, again = build()
    restore_optimizer(again, checkpoint.load(folder).training["optimizer"])
    assert same(normal(again.state_dict()), normal(copy.deepcopy(optimizer.state_dict())))


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "checkpoint.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damage_is_noticed(paths: RunPaths, file: str, harm: str) -> None:
    folder = save(paths, rng=torch.arange(9))
    path = folder / file
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 0x20
        path.write_bytes(content if harm == "flip" else content[:-3])
    if file == "checkpoint.json" and harm == "flip":
        return  # a flipped letter in a metric's name is no damage that anybody could see
    with pytest.raises(RunError, match=r"damaged|cannot be read"):
        checkpoint.load(folder)


def test_nothing_half_written_is_left_when_the_disk_is_full(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    save(paths, step=1)
    set_link(paths, "last", "step-00000001")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(paths, step=2)
    monkeypatch.undo()
    assert sorted(os.listdir(paths.checkpoints)) == ["last", "step-00000001"]
    assert checkpoint.load(find_checkpoint(paths, "last").folder).step == 1


def test_list_find_prune_delete(paths: RunPaths) -> None:
    for step in range(1, 7):
        folder = save(paths, step=step)
        set_link(paths, "last", folder.name)
        if step % 2 == 0:
            set_link(paths, f"epoch-{step // 2:04d}", folder.name)
    set_link(paths, "best", "step-00000002")
    assert [info.step for info in list_checkpoints(paths)] == [1, 2, 3, 4, 5, 6]
    assert find_checkpoint(paths, "best").aliases == ("best", "epoch-0001")
    assert find_checkpoint(paths, "epoch-2").step == find_checkpoint(paths, "step-4").step == 4
    assert prune(paths, 2) == ["step-00000001", "step-00000003", "step-00000004"]
    assert [info.name for info in list_checkpoints(paths)] == ["best", "step-00000005", "last"]
    assert not os.path.lexists(paths.checkpoints / "epoch-0002")
    with pytest.raises(NotFoundError, match="no checkpoint 'epoch-2'"):
        find_checkpoint(paths, "epoch-2")
    with pytest.raises(RunError, match="best"):
        delete_checkpoint(paths, "best")
    delete_checkpoint(paths, "step-5")
    assert [info.step for info in list_checkpoints(paths)] == [2, 6]


def test_leftovers_of_a_kill_are_swept(paths: RunPaths) -> None:
    save(paths)
    (paths.checkpoints / ".step-00000002.77.tmp").mkdir()
    (paths.checkpoints / ".last.77.tmp").symlink_to("step-00000002")
    sweep_leftovers(paths)
    assert os.listdir(paths.checkpoints) == ["step-00000001"]


def test_a_checkpoint_of_a_newer_version_says_so(paths: RunPaths) -> None:
    folder = save(paths)
    path = folder / "checkpoint.json"
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9'))
    with pytest.raises(RunError, match="format 9"):
        checkpoint.load(folder)


def test_missing_folder_lists_nothing(paths: RunPaths) -> None:
    assert list_checkpoints(paths) == []
    with pytest.raises(NotFoundError, match="has no checkpoint 'last'"):
        find_checkpoint(paths)
