"""The numbers of training: losses, gradients and steps equal to torch's own."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.dataset import Dataset, Split
from engine.settings import Train
from engine.stepping import Stepper
from engine.tasks.classification import Classification
from tests.helpers import environment
from tests.rows_world import CPU, rows_of, split_of
from tests.worker_runs import curves, make_run, train, weights

# ------------------------------------------------------------------------------------------------ numbers themselves


def linear() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 4)


LOSSES = [
    {"name": "CrossEntropyLoss"},
    {"name": "CrossEntropyLoss", "class_weight": "balanced", "label_smoothing": 0.1},
    {"name": "CrossEntropyLoss", "class_weight": [1.0, 2.0, 3.0, 0.5], "reduction": "sum"},
    {"name": "NLLLoss", "class_weight": "balanced"},
    {"name": "MultiMarginLoss", "class_weight": [1.0, 2.0, 3.0, 0.5]},
]


@pytest.mark.parametrize("table", LOSSES)
@pytest.mark.parametrize("accumulate", [2, 3])
def test_accumulated_gradients_equal_the_full_batchs(table: dict[str, Any], accumulate: int) -> None:
    task = Classification(rows_of(10), CPU)
    split = split_of(task.dataset)

    def gradients(size: int) -> list[torch.Tensor]:
        model = linear()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        stepper = Stepper(model, task, task.build_loss(table), optimizer, Train(), CPU)
        values.append(stepper(list(split.in_order(size)), 0)[:2])
        return [p.grad for p in model.parameters() if p.grad is not None]

    values: list[Any] = []
    for whole, parts in zip(gradients(10), gradients(-(-10 // accumulate)), strict=True):
        torch.testing.assert_close(whole, parts)
    assert values[0] == pytest.approx(values[1])


def test_balanced_weights() -> None:
    rows = Split(np.zeros((6, 1), np.float32), np.array([0, 0, 0, 1, 2, 2]))
    task = Classification(Dataset("features", {"train": rows}, ("a", "b", "c")), CPU)
    balanced = torch.tensor([6 / 9, 6 / 3, 6 / 6])
    for given, wanted in (("balanced", balanced), ({"power": 0.5}, balanced.sqrt()), ([1, 2, 3], torch.arange(1.0, 4))):
        loss = task.build_loss({"name": "CrossEntropyLoss", "class_weight": given})
        torch.testing.assert_close(loss.module.weight, wanted)


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop", "Adagrad", "AdamW", "Rprop", "LBFGS"])
def test_a_step_equals_torchs_own(name: str) -> None:
    """The short way to an optimizer's step does what the long one does."""
    task = Classification(rows_of(8), CPU)
    batch = next(split_of(task.dataset).in_order(8))
    mine, theirs = linear(), linear()
    kind = getattr(torch.optim, name)
    stepper = Stepper(mine, task, task.build_loss({}), kind(mine.parameters(), lr=0.1), Train(), CPU)
    optimizer = kind(theirs.parameters(), lr=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(theirs(batch.inputs), batch.labels)
        value.backward()
        return value

    for _ in range(3):
        outcome = stepper([batch], 0)
        closure()
        optimizer.step(closure)
    assert math.isfinite(float(outcome[0]))
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_clipping_logs_the_norm(tmp_path: Path) -> None:
    paths = train(tmp_path, train={"epochs": 1, "batch_size": 32, "clip_grad_norm": 1e-3})
    norms = [value for _, value in curves(paths)["train/grad_norm"]]
    assert len(norms) == 12
    assert min(norms) > 1e-3  # before clipping


DEFERRED = """
import sys
from engine import stepping, worker
def deferred(self, *arguments):
    begin(self, *arguments)
    self.direct = False
begin, stepping.Stepper.__init__ = stepping.Stepper.__init__, deferred
sys.exit(worker.main(sys.argv[1:]))
"""


def test_values_fetched_later_are_the_same(tmp_path: Path) -> None:
    """As on a GPU, where asking for each step's loss would wait for it."""
    changes: dict[str, Any] = {"train": {"epochs": 8, "batch_size": 32, "clip_grad_norm": 1.0}}
    direct, deferred = train(tmp_path, **changes), make_run(tmp_path, **changes)
    command = [sys.executable, "-P", "-c", DEFERRED, str(deferred.folder)]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    assert weights(direct) == weights(deferred)
    one, other = curves(direct), curves(deferred)
    assert one.keys() == other.keys()
    for name, points in one.items():
        np.testing.assert_allclose(points, other[name], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_learns(tmp_path: Path, precision: str) -> None:
    paths = train(tmp_path, train={"epochs": 8, "batch_size": 32, "precision": precision})
    losses = [value for _, value in curves(paths)["train/loss"]]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_lbfgs_trains(tmp_path: Path) -> None:
    paths = train(
        tmp_path,
        model={"name": "logistic"},
        optimizer={"name": "LBFGS", "lr": 0.5, "max_iter": 4},
        train={"steps": 12, "batch_size": 360},
    )
    losses = [value for _, value in curves(paths)["train/loss"]]
    assert losses[-1] < losses[0] / 4
