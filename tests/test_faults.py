"""What can go wrong in a worker: each has an exit code and a cause in a sentence, and loses nothing that was saved."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoints import list_checkpoints
from engine.jsonio import read_json
from engine.series import series_path
from tests.helpers import environment, wait_until
from tests.worker_runs import curves, events, failure, last_step, log, make_run, run_worker, start_worker, state, train

USER_MODEL = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.layer = nn.Linear(inputs, classes)
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        out = self.layer(x)
        if self.training and self.calls > 30:
            {fault}
        return out

def build(spec):
    return Model(spec.shape[0], spec.classes)
"""


def with_fault(folder: Path, fault: str, **changes: Any) -> Any:
    """A run of a user's model that trains well for 30 steps and then does `fault`."""
    (folder / "faulty.py").write_text(USER_MODEL.format(fault=fault))
    return make_run(folder, model={"name": "faulty:build"}, checkpoint={"every": "10 steps"}, **changes)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, value: str) -> None:
    paths = with_fault(tmp_path, f"out = out * float('{value}')")
    run_worker(paths, expect=1)
    said = failure(paths)
    assert said["cause_kind"] == "non-finite"
    assert "at step 31 (epoch 3)" in said["cause"]
    assert "lr" in said["hint"]
    assert events(paths, "finding")[-1]["level"] == "error"
    steps = [info.step for info in list_checkpoints(paths)]
    assert steps[-1] == 30
    assert all(math.isfinite(v) for _, v in curves(paths)["train/loss"])


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    fault = "self.layer.weight.register_hook(lambda g: g * float('nan'))"
    paths = with_fault(tmp_path, fault, train={"steps": 31, "batch_size": 32, "epochs": None})
    run_worker(paths, expect=1)
    assert failure(paths)["cause_kind"] == "non-finite"
    assert list_checkpoints(paths)[-1].step == 30


def test_out_of_memory_says_what_to_try(tmp_path: Path) -> None:
    paths = with_fault(tmp_path, "torch.empty(2**58)")
    run_worker(paths, expect=1)
    said = failure(paths)
    assert said["cause_kind"] == "out-of-memory"
    assert "batch_size" in said["hint"]
    assert "accumulate" in said["hint"]


def test_a_mistake_of_the_users_model(tmp_path: Path) -> None:
    paths = with_fault(tmp_path, "raise KeyError('no such thing')")
    run_worker(paths, expect=1)
    assert failure(paths) == {
        "cause": "KeyError: 'no such thing' (faulty.py:15)",
        "cause_kind": "exception",
        "hint": "the traceback is in log.txt",
    }
    assert "Traceback" in log(paths)
    assert list_checkpoints(paths)[-1].step == 30


def test_a_full_disk_while_logging(tmp_path: Path) -> None:
    paths = make_run(tmp_path, checkpoint={"every": "5 steps", "monitor": "train/loss"}, evaluate={"every": "3 epochs"})
    series = series_path(paths.series, "val/loss")
    series.parent.mkdir(parents=True)
    series.symlink_to("/dev/full")
    run_worker(paths, expect=1)
    said = failure(paths)
    assert said["cause_kind"] == "disk-full"
    assert "the checkpoint of step 35 is whole" in said["cause"]
    series.unlink()
    run_worker(paths)
    assert state(paths)["step"] == 36


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        # each checkpoint takes a third of it
        paths = make_run(disk, model={"name": "mlp", "hidden": [900]}, checkpoint={"keep": 9}, train={"epochs": 9})
        run_worker(paths, expect=1)
        assert failure(paths)["cause_kind"] == "disk-full"
        assert not list(paths.checkpoints.glob(".*"))
        kept = list_checkpoints(paths)
        assert kept
        assert not any(info.problem for info in kept)
        assert read_json(paths.state)["step"] >= kept[-1].step
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"name": "lenet"}}, "lenet needs images"),
        ({"model": {"name": "mlpp"}}, "mlp"),
        ({"model": {"name": "mlp", "hiden": [3]}}, "hiden"),
        ({"optimizer": {"name": "Adamm"}}, "did you mean 'Adam'?"),
        ({"optimizer": {"name": "Adam", "lr": -1.0}}, "Invalid learning rate"),
        ({"optimizer": {"name": "Muon"}}, "2D"),
        ({"scheduler": {"name": "StepLR"}}, "step_size"),
        ({"scheduler": {"name": "LambdaLR"}}, "function"),
        ({"loss": {"name": "MSELoss"}}, "known: CrossEntropyLoss"),
        ({"loss": {"name": "CrossEntropyLoss", "class_weight": [1.0, 2.0]}}, "2 weights for 10 classes"),
        ({"loss": {"name": "CrossEntropyLoss", "reduction": "none"}}, "one number"),
        ({"train": {"epochs": None}}, "there is no end"),
        ({"train": {"drop_last": True, "batch_size": 1000}}, "leaves no batch"),
        ({"checkpoint": {"monitor": "test/accuracy"}}, "the test split is not evaluated"),
        ({"data": {"name": "digits", "validation": 0.0}, "checkpoint": {"monitor": "val/loss"}}, "data.validation"),
        ({"evaluate": {"splits": ["held-out"]}}, "held-out"),
        ({"train": {"precision": "fp16"}, "optimizer": {"name": "LBFGS"}}, "LBFGS"),
        ({"init_from": "e0099:best"}, "e0099"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    paths = make_run(tmp_path, **changes)
    run_worker(paths, expect=2)
    said = failure(paths)
    assert said["cause_kind"] == "settings"
    assert words in f"{said['cause']}\n{said['hint']}"
    assert "Traceback" not in log(paths)


def test_batch_norm_and_a_single_left_over_sample(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "data": {"name": "digits", "limit": 97, "validation": 0.0},
        "model": {"name": "normed:build"},
        "train": {"batch_size": 16},
    }
    text = "from torch import nn\ndef build(spec):\n    return nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 10))\n"
    (tmp_path / "normed.py").write_text(text)
    paths = make_run(tmp_path, **changes)
    run_worker(paths, expect=2)
    assert "drop_last" in failure(paths)["hint"]


def test_missing_data_is_told_as_such(tmp_path: Path) -> None:
    paths = make_run(tmp_path, data={"name": "csv", "path": "nowhere.csv", "label": "x"})
    code = run_worker(paths, expect=None)
    assert code in (1, 2)
    assert "nowhere.csv" in failure(paths)["cause"]


def test_a_failure_is_forgotten_by_the_next_sitting(tmp_path: Path) -> None:
    paths = with_fault(tmp_path, "raise KeyError('no such thing')")
    run_worker(paths, expect=1)
    (tmp_path / "faulty.py").write_text(USER_MODEL.format(fault="pass"))
    run_worker(paths)
    assert not (paths.control / "failure.json").exists()
    assert state(paths)["step"] == 36


def test_heartbeat_while_nothing_else_writes(tmp_path: Path) -> None:
    slow = "import time\n            time.sleep(100)"
    paths = with_fault(tmp_path, slow)
    with start_worker(paths) as process:
        wait_until(lambda: last_step(paths) >= 30, 60, log(paths))
        before = state(paths)["updated"]
        wait_until(lambda: state(paths)["updated"] > before + 5, 40)
        process.send_signal(signal.SIGKILL)


def test_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine.worker"], env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"usage" in done.stderr


def test_a_run_json_that_cannot_be_read(tmp_path: Path) -> None:
    paths = make_run(tmp_path)
    paths.run.write_text("{")
    run_worker(paths, expect=2)
    assert "run.json" in failure(paths)["cause"]


def test_finished_runs_have_no_failure(tmp_path: Path) -> None:
    paths = train(tmp_path, train={"epochs": 1})
    assert not (paths.control / "failure.json").exists()
    assert state(paths)["state"] == "running"  # the end is the supervisor's to write


def test_an_optimizer_for_sparse_gradients_says_that_these_are_dense(tmp_path: Path) -> None:
    paths = make_run(tmp_path, optimizer={"name": "SparseAdam", "lr": 0.01})
    run_worker(paths, expect=2)
    assert failure(paths) == {
        "cause": "SparseAdam takes sparse gradients, and this model's are dense",
        "cause_kind": "settings",
        "hint": "set optimizer.name = Adam, which does the same for dense gradients",
    }
