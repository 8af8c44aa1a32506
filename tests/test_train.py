"""Training as a run folder shows it: what is written, when, and that its numbers are right."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.dataset import Dataset, Split
from engine.evaluate import evaluate_run, predict
from engine.jsonio import read_json
from engine.loop_state import LoopState
from engine.runs import load_run
from engine.series import read_records, series_path
from engine.task import Evaluation
from engine.tasks.classification import Classification
from tests.worker_runs import curves, events, log, make_run, run_worker, state, train, weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run that several tests look at: three epochs of 12 steps, evaluated and saved each epoch."""
    return train(tmp_path_factory.mktemp("runs"), seed=3)


def test_everything_is_in_the_folder(finished: Any) -> None:
    assert read_json(finished.data)["splits"]["validation"]["count"] == 40
    assert read_json(finished.model)["parameters"] == 64 * 16 + 16 + 170
    assert sorted(p.name for p in finished.evaluation.iterdir())[-3:] == [f"val-{n:08d}.json" for n in (12, 24, 36)]
    for name in ("loss.png", "accuracy.png", "confusion_matrix.png"):
        assert finished.artifact(name).read_bytes().startswith(b"\x89PNG")
    names = sorted(os.listdir(finished.checkpoints))
    assert names[-5:] == ["epoch-0003", "last", "step-00000012", "step-00000024", "step-00000036"]
    assert os.readlink(finished.checkpoints / "last") == "step-00000036"
    assert "finished" in log(finished)


def test_series_have_each_step_once(finished: Any) -> None:
    found = curves(finished)
    assert [step for step, _ in found["train/loss"]] == list(range(1, 37))
    assert [step for step, _ in found["val/accuracy"]] == [12, 24, 36]
    assert dict(found["epoch"])[36] == 3.0
    assert dict(found["samples"])[36] == 3 * 360
    assert found["lr"][0] == (1, 5e-3)
    assert read_records(series_path(finished.series, "train/loss"))["time"].min() > 1e9


def test_state_and_final_metrics(finished: Any) -> None:
    now = state(finished)
    assert (now["step"], now["total_steps"], now["epoch"], now["total_epochs"]) == (36, 36, 3.0, 3.0)
    metrics = now["metrics"]
    assert {
        "test/accuracy",
        "test/auc",
        "test/macro_f1",
        "test/weighted_recall",
        "test_last/accuracy",
    } <= metrics.keys()
    assert {"val/majority", "test/majority", "train/loss"} <= metrics.keys()
    best = now["best"]
    points = dict(curves(finished)["val/accuracy"])
    assert best["value"] == max(points.values()) == points[best["step"]]
    tested = read_json(finished.artifact("test.json"))
    assert tested["accuracy"] == metrics["test/accuracy"]
    assert {"loss", "precision", "recall", "f1", "auc", "duration"} <= tested.keys()


def test_history_by_epoch(finished: Any) -> None:
    content = read_json(finished.artifact("train.json"))
    losses = [value for _, value in curves(finished)["train/loss"]]
    rows = content["history"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[1]["train/loss"] == pytest.approx(np.mean(losses[12:24]))
    assert rows[2]["val/accuracy"] == dict(curves(finished)["val/accuracy"])[36]
    assert 0 < content["accuracy"] <= 1


def test_events_tell_the_story(finished: Any) -> None:
    assert [e["epoch"] for e in events(finished, "epoch")] == [1, 2, 3]
    assert [e["step"] for e in events(finished, "evaluated")] == [12, 24, 36]
    assert [e["name"] for e in events(finished, "checkpoint")] == [f"step-{n:08d}" for n in (12, 24, 36)]
    assert events(finished, "started")
    assert events(finished, "finished")[0]["metrics"]["test/accuracy"] == state(finished)["metrics"]["test/accuracy"]


def test_evaluation_file(finished: Any) -> None:
    content = read_json(finished.evaluation / "val-00000036.json")
    confusion = np.array(content["confusion"])
    assert confusion.shape == (10, 10)
    assert confusion.sum() == 40
    assert np.trace(confusion) / 40 == content["metrics"]["accuracy"]
    assert [row["support"] for row in content["per_class"]] == confusion.sum(1).tolist()
    assert 15 <= len(content["samples"]) <= 30
    assert all(0 <= sample["probability"] <= 1 for sample in content["samples"])


def test_evaluate_a_checkpoint_again(finished: Any) -> None:
    run = load_run(finished)
    before = read_json(finished.artifact("test.json"))
    content = evaluate_run(run, "best", "test")
    assert content["metrics"] == pytest.approx(before["metrics"])
    assert content["checkpoint"] == "best"
    right = content["right"]
    assert len(right) == content["count"]
    assert right.count("1") / len(right) == pytest.approx(content["metrics"]["accuracy"])
    assert all((right[one["row"]] == "1") is (one["true"] == one["predicted"]) for one in content["samples"])
    assert "right" not in read_json(finished.evaluation / "val-00000036.json"), "only the last one needs it"
    assert evaluate_run(run, "epoch-1", "train")["epoch"] == 1.0
    assert (finished.evaluation / "train-00000012.json").exists()


def test_a_sequence_run_answers_text(tmp_path: Path) -> None:
    paths = train(
        tmp_path,
        data={"name": "names_demo", "validation": 0.1, "limit": 300},
        model={"name": "lstm_classifier", "hidden_size": 8, "num_layers": 1},
        train={"epochs": 1, "batch_size": 32},
    )
    sample = read_json(next(paths.evaluation.glob("val-*.json")))["samples"][0]
    assert sample["input"]
    answers = predict(load_run(paths), [sample["input"], sample["input"][:2]])
    assert answers[0]["predicted"] == answers[0]["top"][0][0]
    assert answers[0]["probability"] == pytest.approx(sample["probability"], abs=1e-4)


def test_limits(tmp_path: Path) -> None:
    assert state(train(tmp_path, train={"epochs": 0.5, "batch_size": 32}))["step"] == 6
    assert state(train(tmp_path, train={"epochs": 9, "steps": 5, "batch_size": 32}))["step"] == 5
    paths = train(tmp_path, train={"epochs": None, "minutes": 0.01, "batch_size": 32})
    assert 0.5 < state(paths)["seconds"] < 20
    assert (paths.checkpoints / "last" / "checkpoint.json").exists()


def test_due_by_steps_and_kept(tmp_path: Path) -> None:
    paths = train(
        tmp_path, evaluate={"every": "10 steps"}, checkpoint={"every": "4 steps", "keep": 2, "monitor": "val/loss"}
    )
    assert [step for step, _ in curves(paths)["val/loss"]] == [10, 20, 30, 36]
    left = sorted(int(p.name[5:]) for p in paths.checkpoints.glob("step-*"))
    assert left[-2:] == [32, 36]
    assert set(left) - {32, 36} <= {state(paths)["best"]["step"]}
    assert state(paths)["best"]["mode"] == "min"


def test_early_stopping(tmp_path: Path) -> None:
    stopping = {"patience": 2, "min_delta": 10.0}
    paths = train(tmp_path, train={"epochs": 50, "batch_size": 32, "early_stopping": stopping})
    assert state(paths)["epoch"] == 3
    run_worker(paths)  # a run that stopped early is at its end
    assert state(paths)["epoch"] == 3


def test_schedules_move_at_their_own_pace(tmp_path: Path) -> None:
    by_epoch = train(tmp_path, scheduler={"name": "StepLR", "step_size": 1, "gamma": 0.5})
    used = [(1, 5e-3), (12, 5e-3), (13, 2.5e-3), (24, 2.5e-3), (25, 1.25e-3), (36, 1.25e-3)]
    assert curves(by_epoch)["lr"] == used, "the rate that a step was made with, where it changes and at an epoch's end"
    assert [(e["step"], e["value"]) for e in events(by_epoch, "lr")] == [(13, 2.5e-3), (25, 1.25e-3)]
    by_step = train(tmp_path, scheduler={"name": "OneCycleLR", "max_lr": 0.1, "total_steps": "auto"})
    rates = [value for _, value in curves(by_step)["lr"]]
    assert len(rates) == 36
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    chosen = train(tmp_path, scheduler={"name": "CosineAnnealingLR", "T_max": "auto", "interval": "step"})
    expected = [(step, 5e-3 * (1 + math.cos(math.pi * (step - 1) / 36)) / 2) for step in range(1, 37)]
    assert [step for step, _ in curves(chosen)["lr"]] == [step for step, _ in expected]
    assert [rate for _, rate in curves(chosen)["lr"]] == pytest.approx([rate for _, rate in expected])
    plateau = train(tmp_path, scheduler={"name": "ReduceLROnPlateau", "patience": 0, "threshold": 10.0})
    assert curves(plateau)["lr"][-1][1] < 5e-3


def test_only_one_answer_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "constant.py").write_text(CONSTANT)
    paths = train(
        tmp_path,
        model={"name": "constant:build"},
        optimizer={"name": "SGD", "lr": 1e-9},
        train={"epochs": 6, "batch_size": 32},
    )
    findings = [e["message"] for e in events(paths, "finding")]
    assert len([m for m in findings if m.startswith("it only answers '3': 40 of 40 validation predictions")]) == 1


CONSTANT = """
import torch
from torch import nn
class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.eye(10)[3])
    def forward(self, x):
        return self.bias.expand(len(x), 10)
def build(spec):
    return Constant()
"""


def evaluation(loss: float, confusion: list[list[int]], accuracy: float = 0.9) -> Evaluation:
    metrics = {"loss": loss, "accuracy": accuracy, "balanced_accuracy": accuracy, "majority": 0.5}
    return Evaluation(metrics, {"confusion": confusion})


def two_classes() -> Classification:
    rows = Split(np.zeros((2, 1), np.float32), np.array([0, 1]))
    return Classification(Dataset("features", {"train": rows}, ("a", "b")), CPU)


def test_overfitting_is_found_after_three_rises_and_told_once() -> None:
    loop, task = LoopState(), two_classes()
    told = []
    for number, loss in enumerate([1.0, 0.5, 0.6, 0.7, 0.6, 0.7, 0.8, 0.9, 1.0]):
        found = task.findings(loop, "val", evaluation(loss, [[9, 1], [1, 9]]), 1.0 / (number + 1))
        found = [finding for finding in found if finding.key not in loop.findings]
        loop.findings += [finding.key for finding in found]
        told += [(number, finding.message) for finding in found]
    assert [number for number, _ in told] == [7]
    assert "val/loss rose from 0.6 to 0.9" in told[0][1]


def test_a_loss_that_hardly_rises_is_no_overfitting() -> None:
    loop, task = LoopState(), two_classes()
    for number, loss in enumerate([1.0, 0.5, 0.501, 0.502, 0.504]):
        assert not task.findings(loop, "val", evaluation(loss, [[9, 1], [1, 9]]), 1.0 / (number + 1))


def test_chance_is_found() -> None:
    loop, task = LoopState(), two_classes()
    found = [task.findings(loop, "val", evaluation(0.7, [[5, 5], [5, 5]], 0.5), None) for _ in range(3)]
    assert found[:2] == [[], []]
    assert "at chance" in found[2][0].message


# ------------------------------------------------------------------------------------------------------------ real data


@pytest.mark.data
def test_moons_are_separated(tmp_path: Path) -> None:
    paths = make_run(
        tmp_path,
        data={"name": "moons", "samples": 1000, "noise": 0.1, "test": 0.2},
        model={"name": "mlp", "hidden": [20], "dropout": 0.0},
        optimizer={"name": "SGD", "lr": 0.01},
        train={"epochs": 40, "batch_size": 1},
        evaluate={"every": "10 epochs"},
        checkpoint={"every": "10 epochs"},
    )
    run_worker(paths)
    assert state(paths)["metrics"]["test/accuracy"] == 1.0
    assert weights(paths)


@pytest.mark.data
def test_padded_names_only_answer_russian(tmp_path: Path, real_data: Path) -> None:
    paths = make_run(
        tmp_path,
        data={"name": "names", "validation": 0.1, "pad_to": 29, "limit": 3000},
        model={"name": "lstm_classifier", "hidden_size": 32, "num_layers": 2, "read": "last_step"},
        optimizer={"name": "Adam", "lr": 1e-3},
        train={"epochs": 2, "batch_size": 128},
    )
    run_worker(paths, DLTUI_DATA=str(real_data))
    message = events(paths, "finding")[-1]["message"]
    assert message.startswith("it only answers 'Russian'")
    assert "equals the majority baseline 0.4" in message
    assert state(paths)["metrics"]["test/accuracy"] == pytest.approx(0.468, abs=0.001)
