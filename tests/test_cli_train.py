"""train and its relatives as real processes: results, exit codes, ctrl+c, a lost terminal, groups, going on."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine import leases
from engine.devices import Device
from engine.runs import ENDED, RunPaths, load_run
from tests.cli_world import EXPERIMENTS
from tests.helpers import engine_command, engine_json, environment, run_engine, wait_until
from tests.stand_in.box import T4, Box, box, library

__all__ = ["box", "library"]

MODEL = """
import torch

class Tired(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.layer = torch.nn.Linear(spec.shape[0], spec.classes)
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        print("call", self.calls)
        if self.calls == 3:
            raise ValueError("tired of forwarding")
        return self.layer(x)

def build(spec):
    return Tired(spec)
"""


def new_world(folder: Path) -> Path:
    (folder / "experiments.toml").write_text(EXPERIMENTS)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return new_world(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with one finished run, which no test changes, and what `train --json` said of it."""
    folder = new_world(tmp_path_factory.mktemp("trained"))
    leases = str(tmp_path_factory.mktemp("leases"))
    done = run_engine(
        "train", "digits-mlp", "--json", "--note", "why not", "--tag", "first", cwd=folder, DLTUI_LEASES=leases
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("e0001 digits-mlp on cpu")
    assert len(done.stdout.splitlines()) == 1, "progress goes to stderr"
    return folder, json.loads(done.stdout)


def test_the_result_of_training(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    assert {"run", "state", "metrics", "seconds"} <= result.keys()
    assert (result["run"], result["state"]) == ("e0001", "finished")
    assert result["metrics"]["test/accuracy"] > 0.5
    found = engine_json("show", "e0001", "--json", cwd=folder)
    assert found["metrics"] == result["metrics"]
    assert found["note"] == "why not"
    assert set(found["tags"]) >= {"first"}
    assert found["parameters"] > 0
    assert engine_json("metrics", "e0001", "--json", cwd=folder).keys() >= {"train/loss", "val/accuracy"}
    names = {a for c in engine_json("checkpoints", "e0001", "--json", cwd=folder) for a in c["aliases"]}
    assert {"best", "last"} <= names
    data = engine_json("data", "e0001", "--json", cwd=folder)
    assert data["splits"].keys() == {"train", "validation", "test"}
    assert run_engine("show", "e0001", cwd=folder).returncode == 0
    assert engine_json("list", "--json", cwd=folder)[0]["runs"] == 1


def test_evaluate_and_predict(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, result = trained
    content = engine_json("evaluate", "e0001:best", "--json", cwd=folder)
    assert content["metrics"]["accuracy"] == pytest.approx(result["metrics"]["test/accuracy"])
    assert len(content["confusion"]) == 10
    table = run_engine("evaluate", "e0001:last", "--split", "validation", cwd=folder)
    assert table.returncode == 0, table.stderr
    assert "precision" in table.stdout
    pixels = ",".join(["0"] * 64)
    answers = engine_json("predict", "e0001", pixels, pixels, "--json", cwd=folder)
    assert len(answers) == 2
    assert answers[0]["predicted"] in [str(digit) for digit in range(10)]
    assert 0 < answers[0]["probability"] <= 1
    wrong = run_engine("predict", "e0001", "1,2,3", cwd=folder)
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    assert run_engine("predict", "e0001:none", pixels, cwd=folder).returncode == 3


def test_what_a_run_is_to_begin_with_is_looked_at_before_it_is_made(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    for arguments, code, says in (
        (["--from", "e0001"], 2, "e0001:last has 2 epochs done, and train.epochs is 2: nothing is left to train"),
        (["digits-mlp", "-s", "init_from=e0009"], 3, "no run 'e0009'"),
        (["digits-mlp", "-s", "init_from=e0001:epoch-0077"], 3, "epoch-0077"),
        (["digits-mlp", "-s", "init_from=digits-long"], 3, "there is no finished run of that experiment"),
    ):
        done = run_engine("train", *arguments, cwd=folder)
        assert done.returncode == code, done.stderr
        assert says in done.stderr
    assert [run["run"] for run in engine_json("runs", "--json", cwd=folder)] == ["e0001"]


def test_changed_data_is_noticed(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    (tmp_path / "experiments.toml").write_text(
        '[experiments.own]\ndata = { name = "csv", path = "t.csv" }\nmodel = "logistic"\ntrain = { epochs = 2 }\n'
    )
    assert run_engine("train", "own", cwd=tmp_path).returncode == 0
    before = {p: p.read_bytes() for p in (tmp_path / "runs" / "e0001").glob("*.json") if p.name != "state.json"}
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", *rows[:50]]) + "\n")
    scored = run_engine("evaluate", "e0001", cwd=tmp_path)
    assert scored.returncode == 0
    assert "the data is not what e0001 was trained on" in scored.stderr
    resumed = run_engine("train", "--resume", "e0001", "-s", "train.epochs=4", cwd=tmp_path)
    assert resumed.returncode == 1
    assert "the data is not what e0001 was trained on" in resumed.stderr
    assert {path: path.read_bytes() for path in before} == before, "what was found with the old data stays"
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    assert run_engine("train", "--resume", "e0001", "-s", "train.epochs=4", cwd=tmp_path).returncode == 0


def test_epochs_are_told_without_a_validation_split_and_an_early_end_is_explained(world: Path) -> None:
    given = [
        "-s",
        "data.validation=0",
        "-s",
        "train.early_stopping={patience=2,min_delta=100.0}",
        "-s",
        "train.epochs=9",
    ]
    done = run_engine("train", "digits-mlp", *given, cwd=world)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("epoch ")] == ["1/9", "2/9", "3/9"]
    assert "stopped early: train/loss has not improved" in done.stdout


def test_evaluate_shares_a_gpu_with_nobody(
    trained: tuple[Path, dict[str, Any]], box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = trained
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    held = leases.acquire(Device(name="cuda:1", kind="cuda", uuid=T4), "e0042", folder)
    try:
        busy = run_engine("evaluate", "e0001", "--device", "cuda:1", cwd=folder, **box.variables)
    finally:
        os.close(held)
    assert busy.returncode == 4
    assert "e0042" in busy.stderr
    unseen = run_engine("evaluate", "e0001", "--device", "cuda:1", cwd=folder, **box.variables)
    assert unseen.returncode == 4
    assert "cannot use cuda:1" in unseen.stderr, "the real torch finds no GPU here"
    assert leases.holder(T4) is None


def test_show_and_check_an_experiment(world: Path) -> None:
    found = engine_json("show", "digits-mlp", "--json", cwd=world)
    assert found["settings"]["optimizer"]["lr"] == 0.01
    assert found["parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert found["data"]["splits"]["train"]["count"] > 1000
    assert run_engine("check", "digits-mlp", cwd=world).returncode == 0
    done = run_engine("check", "digits-mlp", "digits-broken", "--json", cwd=world)
    assert done.returncode == 2
    first, second = json.loads(done.stdout)
    assert first["ok"]
    assert not second["ok"]
    assert "Adamm" in second["problems"][0]["message"]


def test_plain_progress_and_rerun(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = trained
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "e0001").symlink_to(folder / "runs" / "e0001")
    done = run_engine("rerun", "e0001", "-s", "train.epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("e0002 digits-mlp on cpu")
    assert any(line.startswith("epoch 1/1") and "val/accuracy" in line for line in lines)
    assert any("test/accuracy" in line and "always answering" in line for line in lines)
    assert "\x1b" not in done.stdout
    assert engine_json("show", "e0002", "--json", cwd=tmp_path)["settings"]["train"]["epochs"] == 1


def test_a_failure_says_cause_and_log_and_exits_1_or_2(world: Path) -> None:
    (world / "tired.py").write_text(MODEL)
    done = run_engine("train", "digits-mlp", "-s", "model.name=tired:build", "--json", cwd=world)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["state"] == "failed"
    assert "tired of forwarding" in done.stderr
    assert "(tired.py:13)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "in forward" not in done.stderr
    assert "in forward" in (world / "runs" / result["run"] / "log.txt").read_text()
    wrong = run_engine("train", "digits-mlp", "-s", "loss.class_weight=[1.0, 2.0]", cwd=world)
    assert wrong.returncode == 2, wrong.stderr
    assert "class" in wrong.stderr


class Training:
    """`engine train …` as a process, waited for until its run computes."""

    def __init__(self, world: Path, *arguments: str, terminal: bool = False) -> None:
        self.world = world
        self.master = -1
        before = set(self._ids())
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if terminal:
            self.master, slave = pty.openpty()
            options = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        self.process = subprocess.Popen(
            engine_command("train", *arguments), cwd=world, env=environment(TERM="xterm-256color"), text=True,
            start_new_session=True, **options,
        )  # fmt: skip
        if terminal:
            os.close(slave)
        self.run = wait_until(lambda: next(iter(set(self._ids()) - before), None), 60)
        self.paths = RunPaths(world / "runs" / self.run)

    def _ids(self) -> list[str]:
        folder = self.world / "runs"
        return [entry.name for entry in folder.iterdir() if entry.name.startswith("e")] if folder.is_dir() else []

    def shown(self) -> bytes:
        """What came to the terminal since the last look."""
        try:
            return os.read(self.master, 65536)
        except BlockingIOError:
            return b""

    def until_it_computes(self) -> None:
        wait_until(lambda: load_run(self.paths).state.step > 0, 60, "a step")

    def until_ended(self) -> str:
        wait_until(lambda: load_run(self.paths).status in ENDED, 60, "the end")
        return load_run(self.paths).status


def test_ctrl_c_stops_with_a_checkpoint_and_the_run_can_go_on(world: Path) -> None:
    training = Training(world, "digits-long", "--json")
    training.until_it_computes()
    training.process.send_signal(signal.SIGINT)
    stdout, stderr = training.process.communicate(timeout=60)
    assert training.process.returncode == 130
    assert json.loads(stdout.splitlines()[-1])["state"] == "stopped"
    assert "ctrl+c again" in stderr
    first = load_run(training.paths).state.step
    assert any("last" in c["aliases"] for c in engine_json("checkpoints", training.run, "--json", cwd=world))
    resumed = engine_json("train", "digits-long", "--resume", training.run, "--detach", "--json", cwd=world)
    assert resumed["run"] == training.run
    wait_until(lambda: load_run(training.paths).state.step > first, 60, "a step after going on")
    saved = engine_json("checkpoint", training.run, "--json", cwd=world)
    assert saved["step"] > first
    assert run_engine("rm", training.run, cwd=world).returncode == 1, "it is alive"
    assert run_engine("stop", training.run, "--wait", cwd=world).returncode == 0
    assert run_engine("wait", training.run, cwd=world).returncode == 130


def test_a_second_ctrl_c_ends_at_once_and_nothing_is_damaged(world: Path) -> None:
    training = Training(world, "digits-long")
    training.until_it_computes()
    training.process.send_signal(signal.SIGINT)
    training.process.send_signal(signal.SIGINT)
    training.process.communicate(timeout=60)
    assert training.process.returncode == 130
    assert training.until_ended() in ("stopped", "failed")
    assert run_engine("show", training.run, cwd=world).returncode == 0
    series = engine_json("metrics", training.run, "train/loss", "--json", cwd=world)["train/loss"]["step"]
    assert series == sorted(set(series))


def test_losing_the_terminal_only_stops_following(world: Path) -> None:
    training = Training(world, "digits-long", terminal=True)
    try:
        os.set_blocking(training.master, False)
        wait_until(lambda: b"epoch" in training.shown(), 60, "the bar")
        training.until_it_computes()
        os.close(training.master)  # the window is closed
        training.process.send_signal(signal.SIGHUP)
        training.process.wait(30)
        step = load_run(training.paths).state.step
        wait_until(lambda: load_run(training.paths).state.step > step, 30, "training goes on")
        assert load_run(training.paths).status == "running"
    finally:
        training.process.kill()
        training.process.wait()
        run_engine("stop", training.run, "--now", cwd=world)
    training.until_ended()


def test_a_group_in_order(world: Path) -> None:
    done = run_engine("train", "digits-three", "--json", cwd=world)
    assert done.returncode == 0, done.stderr
    *runs, group = map(json.loads, done.stdout.splitlines())
    assert [run["run"] for run in runs] == ["e0001", "e0002"]
    assert group["runs"] == ["e0001", "e0002"]
    assert group["state"] == "finished"
    values = [run["metrics"]["test/accuracy"] for run in runs]
    assert group["metrics"]["test/accuracy"] == pytest.approx(sum(values) / 2)
    rates = [engine_json("show", run, "--json", cwd=world)["settings"]["optimizer"]["lr"] for run in group["runs"]]
    assert rates == [0.01, 0.001]
    found = engine_json("runs", "--where", f"group == '{group['group']}'", "--json", cwd=world)
    assert len(found) == 2
    child = engine_json("train", "--from", "e0001:best", "-s", "train.epochs=2", "--json", cwd=world)
    assert child["parent"] == "e0001:best"
    assert child["state"] == "finished"
    newest = engine_json("train", "--from", "digits-three:best", "-s", "train.epochs=3", "--json", cwd=world)
    assert (newest["run"], newest["parent"]) == ("e0004", "e0003:best")


def test_a_detached_group_goes_on_by_itself(world: Path) -> None:
    done = run_engine("train", "digits-mlp", "-s", "train.epochs=1", "--seeds", "2", "--detach", cwd=world)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "e0001"
    second = RunPaths(world / "runs" / "e0002")
    wait_until(lambda: load_run(second).status == "finished", 100, "the second run")
    seeds = [engine_json("show", run, "--json", cwd=world)["seed"] for run in ("e0001", "e0002")]
    assert seeds == [0, 1]
