"""An interrupted run goes on as if nothing had happened: weights to the byte, series to the point."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoints import list_checkpoints
from engine.jsonio import read_json, write_json
from engine.provenance import code_files
from engine.records import RunPaths
from tests.helpers import wait_until
from tests.worker_runs import (
    curves,
    events,
    failure,
    last_step,
    log,
    make_run,
    run_worker,
    same_curves,
    start_worker,
    state,
    train,
    weights,
)

LONG: dict[str, Any] = {
    "optimizer": {"name": "SGD", "lr": 0.05, "momentum": 0.9},
    "scheduler": {"name": "OneCycleLR", "max_lr": 0.1, "total_steps": "auto"},
    "train": {"epochs": 30, "batch_size": 32, "clip_grad_norm": 1.0},
    "checkpoint": {"every": "7 steps", "keep": 2},
}


def interrupt(paths: RunPaths, number: signal.Signals, step: int) -> int:
    """Start a worker, signal it when it has reached `step`, and give its exit code."""
    with start_worker(paths) as process:
        wait_until(lambda: last_step(paths) >= step or process.poll() is not None, 60, f"step {step}\n{log(paths)}")
        process.send_signal(number)
        return process.wait(60)


def test_killed_again_and_again(tmp_path: Path) -> None:
    whole = train(tmp_path, **LONG)
    paths = make_run(tmp_path, **LONG)
    for step in (3, 60, 61, 150, 290):
        assert interrupt(paths, signal.SIGKILL, step) == -signal.SIGKILL
    run_worker(paths)
    assert 2 <= len(events(paths, "resumed")) <= 5  # a kill may come before the sitting has begun
    assert weights(paths) == weights(whole)
    assert weights(paths, "best") == weights(whole, "best")
    same_curves(paths, whole)
    assert state(paths)["metrics"] == pytest.approx(state(whole)["metrics"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_and_resumed_twice(tmp_path: Path, number: signal.Signals) -> None:
    whole = train(tmp_path, **LONG)
    paths = make_run(tmp_path, **LONG)
    for step in (40, 200):
        assert interrupt(paths, number, step) == 130
        saved = read_json(paths.checkpoints / "last" / "checkpoint.json")
        assert saved["step"] == last_step(paths) >= step  # nothing of what was done is lost
    run_worker(paths)
    assert weights(paths) == weights(whole)
    same_curves(paths, whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"name": "Adam", "lr": 1e-3}, "train": {"epochs": 20, "batch_size": 32, "accumulate": 3}},
        {"scheduler": {"name": "ReduceLROnPlateau", "patience": 1}, "train": {"epochs": 20, "batch_size": 32}},
        {
            "train": {"epochs": 20, "batch_size": 32, "precision": "bf16"},
            "scheduler": {"name": "StepLR", "step_size": 3},
        },
        {
            "data": {"name": "names_demo", "validation": 0.1, "limit": 300},
            "model": {"name": "lstm_classifier", "hidden_size": 8, "num_layers": 2, "dropout": 0.3},
            "train": {"epochs": 10, "batch_size": 16},
        },
    ],
    ids=["accumulate", "plateau", "bf16", "lstm"],
)
def test_killed_with_other_settings(tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = {"checkpoint": {"every": "5 steps"}, **changes}
    whole = train(tmp_path, **settings)
    paths = make_run(tmp_path, **settings)
    assert interrupt(paths, signal.SIGKILL, 33) == -signal.SIGKILL
    run_worker(paths)
    assert weights(paths) == weights(whole)
    same_curves(paths, whole)


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    one, two, other = train(tmp_path), train(tmp_path), train(tmp_path, seed=1)
    same_curves(one, two)
    assert weights(one) == weights(two) != weights(other)


def test_without_a_checkpoint_it_starts_over(tmp_path: Path) -> None:
    settings = {
        **LONG,
        "checkpoint": {"every": "10 epochs", "monitor": "train/loss"},
        "evaluate": {"every": "10 epochs"},
    }
    paths = make_run(tmp_path, **settings)
    assert interrupt(paths, signal.SIGKILL, 20) == -signal.SIGKILL
    assert not list(paths.checkpoints.glob("step-*"))
    run_worker(paths)
    same_curves(paths, train(tmp_path, **settings))
    assert list((paths.series / ".cut").rglob("*.f8"))  # what was logged before is kept aside


def test_a_finished_run_grows(tmp_path: Path) -> None:
    paths = train(tmp_path)
    write_json(paths.control / "limits.json", {"train.epochs": 6})
    run_worker(paths)
    assert state(paths)["epoch"] == 6
    assert weights(paths) == weights(train(tmp_path, train={"epochs": 6, "batch_size": 32}))
    assert read_json(paths.artifact("train.json"))["epochs"] == 6


def test_a_schedule_fitted_to_the_run_stays_at_its_end(tmp_path: Path) -> None:
    paths = train(tmp_path, scheduler={"name": "OneCycleLR", "max_lr": 0.1, "total_steps": "auto"})
    write_json(paths.control / "limits.json", {"train.epochs": 4})
    run_worker(paths)
    rates = dict(curves(paths)["lr"])
    assert len({rates[step] for step in rates if step > 36}) == 1


def test_a_schedule_that_ends_before_the_run_is_told_of_at_its_beginning(tmp_path: Path) -> None:
    whole = train(tmp_path, scheduler={"name": "OneCycleLR", "max_lr": 0.1, "total_steps": "auto"})
    assert events(whole, "warning") == []
    paths = train(
        tmp_path,
        parent=f"{whole.id}:step-00000012",
        scheduler={"name": "OneCycleLR", "max_lr": 0.1, "total_steps": "auto"},
        train={"epochs": 5},
    )
    (warning,) = events(paths, "warning")
    assert "from step 36 on the learning rate stays as it is then" in warning["message"]


def test_own_code_that_was_edited_since_the_launch_is_told_of(tmp_path: Path) -> None:
    module = tmp_path / "net.py"
    module.write_text("from torch import nn\ndef build(spec):\n    return nn.Linear(64, 10)\n")
    paths = make_run(tmp_path, model={"name": "net:build"})
    info = read_json(paths.run)
    write_json(paths.run, info | {"code": code_files(info["settings"], tmp_path)})
    run_worker(paths)
    assert events(paths, "warning") == []
    module.write_text(module.read_text() + "# another line\n")
    write_json(paths.control / "limits.json", {"train.epochs": 4})
    run_worker(paths)
    (warning,) = events(paths, "warning")
    assert "net.py: edited since the launch" in warning["message"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    whole = train(tmp_path, **LONG)
    paths = make_run(tmp_path, **LONG)
    interrupt(paths, signal.SIGKILL, 100)
    folder = list_checkpoints(paths)[-1].folder  # the kill may have come before `last` was set to it
    content = bytearray((folder / "training.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "training.safetensors").write_bytes(content)
    run_worker(paths)
    assert "damaged" in events(paths, "warning")[0]["message"]
    assert weights(paths) == weights(whole)
    same_curves(paths, whole)


def test_checkpoint_on_request(tmp_path: Path) -> None:
    settings = {
        **LONG,
        "checkpoint": {"every": "1000 epochs", "monitor": "train/loss"},
        "evaluate": {"every": "1000 epochs"},
    }
    settings["train"] = {"epochs": 100000, "batch_size": 32}
    settings["scheduler"] = None
    paths = make_run(tmp_path, **settings)
    with start_worker(paths) as process:
        wait_until(lambda: last_step(paths) >= 5, 60)
        process.send_signal(signal.SIGUSR2)
        first = wait_until(lambda: sorted(paths.checkpoints.glob("step-*")), 30)[-1].name
        (paths.control / "checkpoint").write_text("{}")
        wait_until(lambda: os.readlink(paths.checkpoints / "last") != first, 30)
        wait_until(lambda: not (paths.control / "checkpoint").exists(), 30)
        (paths.control / "stop").write_text("{}")  # a file alone will do
        assert process.wait(60) == 130
    assert last_step(paths) == read_json(paths.checkpoints / "last" / "checkpoint.json")["step"]


def test_continue_another_run(tmp_path: Path) -> None:
    parent = train(tmp_path)
    child = train(tmp_path, parent=f"{parent.id}:last", train={"epochs": 6, "batch_size": 32})
    assert weights(child) == weights(train(tmp_path, train={"epochs": 6, "batch_size": 32}))
    assert curves(child)["train/loss"][0][0] == 37
    assert state(child)["best"]["step"] > 36
    assert (child.checkpoints / "best").exists()


def test_continue_with_another_rate(tmp_path: Path) -> None:
    parent = train(tmp_path)
    child = train(tmp_path, parent=parent.id, optimizer={"lr": 1e-4}, train={"epochs": 5, "batch_size": 32})
    assert {value for _, value in curves(child)["lr"]} == {1e-4}
    other = train(
        tmp_path, parent=parent.id, optimizer={"name": "SGD", "lr": 1e-2}, train={"epochs": 5, "batch_size": 32}
    )
    assert "begins anew" in events(other, "warning")[0]["message"]


def test_weights_only(tmp_path: Path) -> None:
    origin = train(tmp_path, experiment="origin")
    child = make_run(tmp_path, init_from=f"{origin.id}:last", train={"steps": 1, "batch_size": 32})
    run_worker(child)
    assert curves(child)["train/loss"][0][0] == 1
    assert weights(child) != weights(origin)
    wrong = make_run(tmp_path, init_from=origin.id, model={"name": "mlp", "hidden": [17]})
    run_worker(wrong, expect=2)
    assert "0.weight is (17, 64) in the model, (16, 64)" in failure(wrong)["cause"]
    missing = make_run(tmp_path, init_from="nothing-of-the-kind")
    run_worker(missing, expect=2)
    assert "nothing-of-the-kind" in failure(missing)["cause"]


def test_one_worker_a_run(tmp_path: Path) -> None:
    paths = make_run(tmp_path, train={"epochs": 100000, "batch_size": 32})
    with start_worker(paths) as process:
        wait_until(lambda: last_step(paths) >= 1, 60, log(paths))
        run_worker(paths, expect=1)
        assert f"process {process.pid}" in log(paths)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130


def test_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    paths = make_run(tmp_path, train={"epochs": 100000, "batch_size": 32})
    with start_worker(paths) as process:
        wait_until(lambda: last_step(paths) >= 1, 60, log(paths))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    again = start_worker(paths)
    with again:
        wait_until(lambda: last_step(paths) >= 1 and state(paths)["state"] == "running", 60, log(paths))
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 130


def test_stop_while_loading(tmp_path: Path) -> None:
    paths = make_run(tmp_path)
    with start_worker(paths) as process:
        wait_until(lambda: state(paths)["state"] == "starting", 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
