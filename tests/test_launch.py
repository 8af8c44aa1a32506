"""Launching, resuming, stopping: with real processes, and a worker that needs no torch."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import disk, provenance
from engine import launch as launching
from engine.errors import RunError, UsageError
from engine.jsonio import read_json
from engine.launch import LaunchRequest, command_line, launch, stop, wait
from engine.runs import RunsFolder, load_run
from engine.settings import Settings, Train
from tests.helpers import ROOT, environment, wait_until
from tests.stand_in.running import WORKER, Runner, runner

__all__ = ["runner"]


def test_a_run_is_recorded_before_its_worker_starts(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.launch.check_origin", lambda *_: None)  # the parent is a name here, and no run
    paths = runner.start(note="Because.", tags=("second", "first"), parent="e0009:best", group="g1")
    run = wait(paths, 30)
    assert (run.status, run.state.exit_code, run.state.cause) == ("finished", 0, None)
    info = run.info
    assert (info.run, info.experiment, info.parent, info.group, info.note) == (
        "e0001",
        "x",
        "e0009:best",
        "g1",
        "Because.",
    )
    assert info.settings["train"]["epochs"] == 2
    assert info.settings["optimizer"] == {"name": "Adam"}
    assert info.folder == str(runner.folder)
    assert info.python == sys.executable
    assert info.git is None
    assert info.device["kind"] == "cpu"
    assert info.host
    assert info.user
    assert info.argv == ["engine", "train", "x"]
    assert {"python", "torch", "numpy", "dltui"} <= set(info.versions)
    assert run.marks.tags == ["first", "second"] == info.tags
    notes = paths.notes.read_text()
    assert notes.index("## Motivation") < notes.index("Does it run?") < notes.index("Because.")
    assert notes.index("Because.") < notes.index("## Results") < notes.index("## Interpretation")
    assert run.state.metrics == {"train/loss": 0.5}, "what the worker wrote is kept"
    assert run.state.ended
    assert run.state.pid
    assert run.state.supervisor_pid
    assert not run.problems


def test_the_users_notes_are_never_overwritten(runner: Runner) -> None:
    paths = runner.runs.new()
    paths.notes.write_text("mine")
    launching.write_notes(paths, runner.request())
    assert paths.notes.read_text() == "mine"


def test_a_launch_is_quick(runner: Runner) -> None:
    runner.start()
    best = 9.0
    for _ in range(5):
        before = time.perf_counter()
        runner.start()
        best = min(best, time.perf_counter() - before)
    assert best < 0.06


def test_launching_imports_nothing_heavy() -> None:
    code = (
        "import sys; import engine.launch, engine.devices, engine.runs, engine.series; engine.devices.devices();"
        "print([m for m in ('torch', 'numpy', 'textual', 'psutil', 'sklearn', 'click', 'pynvml') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() in ("[]", "['pynvml']")


SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from engine.launch import LaunchRequest, launch
from engine.runs import RunsFolder
from engine.settings import Settings
folder = Path(sys.argv[1])
request = LaunchRequest("x", Settings(), folder, device="cpu", argv=("x",))
print(launch(RunsFolder(folder / "runs"), request, worker={WORKER!r}).id, flush=True)
"""


@pytest.mark.parametrize("pythonpath", [None, "", ":", ".", "sub", os.pathsep + str(ROOT)])
def test_a_folder_with_modules_of_the_same_names_works(
    runner: Runner, tmp_path_factory: pytest.TempPathFactory, pythonpath: str | None
) -> None:
    for name in ("engine", "tui", "queue", "signal", "tests", "msgspec"):
        (runner.folder / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "sub").mkdir()
    (elsewhere / "sub" / "engine.py").write_text("raise SystemExit('the wrong one')")
    env = {**environment(), "DLTUI_STUB": "finish"}
    env.pop("PYTHONPATH")
    if pythonpath is not None:
        env["PYTHONPATH"] = pythonpath
    command = [sys.executable, "-P", "-c", SCRIPT, str(runner.folder)]
    subprocess.run(command, cwd=elsewhere, env=env, check=True, capture_output=True)
    run = wait(runner.runs.paths("e0001"), 30)
    assert run.status == "finished", run.paths.log.read_text()
    assert f"in {runner.folder}" in run.paths.log.read_text(), "the worker's folder is that of experiments.toml"


def test_the_worker_gets_what_it_needs_and_no_secrets(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "HF_TOKEN": "s3cret-a", "WANDB_API_KEY": "s3cret-b", "SLURM_JWT": "s3cret-c",
        "AWS_SECRET_ACCESS_KEY": "s3cret-d",
        "https_proxy": "http://me:s3cret-e@proxy", "DLTUI_TOKEN": "s3cret-f", "SOMETHING": "s3cret-g",
    }  # fmt: skip
    for name, value in {**secrets, "OMP_NUM_THREADS": "3", "MY_DATA": "/here", "DLTUI_PASS": "MY_DATA"}.items():
        monkeypatch.setenv(name, value)
    paths = runner.start("environment")
    assert wait(paths, 30).status == "finished"
    log = paths.log.read_text()
    for line in ("CUDA_VISIBLE_DEVICES=", "OMP_NUM_THREADS=3", "MY_DATA=/here", "PYTHONUNBUFFERED=1"):
        assert line in log.splitlines()
    assert "s3cret" not in log
    assert "s3cret" not in paths.run.read_text()
    assert load_run(paths).info.environment["OMP_NUM_THREADS"] == "3"


def test_what_was_captured_when_it_was_queued_is_what_it_gets(runner: Runner) -> None:
    captured = {"PATH": os.environ["PATH"], "DLTUI_STUB": "environment", "OMP_NUM_THREADS": "7"}
    paths = launch(runner.runs, runner.request(environment=captured), worker=WORKER)
    assert wait(paths, 30).status == "finished"
    assert "OMP_NUM_THREADS=7" in paths.log.read_text().splitlines()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_and_uncommitted_changes_are_recorded(runner: Runner) -> None:
    git(runner.folder, "init", "-q")
    (runner.folder / "model.py").write_text("a = 1\n")
    git(runner.folder, "add", "model.py")
    git(runner.folder, "commit", "-qm", "first")
    clean = wait(runner.start(), 30).info.git
    assert clean is not None
    assert clean["commit"] == git(runner.folder, "rev-parse", "HEAD")
    assert (clean["dirty"], clean["diff_sha256"]) == (False, None)
    assert clean["untracked"] == [], "runs/ is nobody's code"
    (runner.folder / "model.py").write_text("a = 2\n")
    (runner.folder / "neu é.py").write_text("")
    run = wait(runner.start(), 30)
    assert run.info.git is not None
    assert run.info.git["dirty"]
    assert run.info.git["untracked"] == ["neu é.py"]
    git(runner.folder, "apply", "-R", str(run.paths.code_patch))
    assert (runner.folder / "model.py").read_text() == "a = 1\n", "code.patch is the difference to the commit"


def test_a_folder_of_git_without_commits_can_launch(runner: Runner) -> None:
    git(runner.folder, "init", "-q")
    run = wait(runner.start(), 30)
    assert run.status == "finished"
    assert run.info.git is not None
    assert run.info.git["commit"] is None


def test_a_hanging_git_holds_nobody_up(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    (runner.folder / ".git").mkdir()
    slow = runner.folder / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    before = time.monotonic()
    run = wait(runner.start(), 30)
    assert time.monotonic() - before < 2 * provenance.GIT_SECONDS
    assert run.status == "finished"
    assert run.info.git is not None
    assert "problem" in run.info.git


def test_a_huge_diff_is_cut(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    git(runner.folder, "init", "-q")
    (runner.folder / "big.txt").write_text("a\n")
    git(runner.folder, "add", "big.txt")
    git(runner.folder, "commit", "-qm", "first")
    (runner.folder / "big.txt").write_text("some text\n" * 20_000)
    monkeypatch.setattr(provenance, "PATCH_LIMIT", 10_000)
    run = wait(runner.start(), 30)
    assert run.info.git is not None
    assert run.info.git["truncated"]
    assert run.paths.code_patch.stat().st_size == 10_000


def test_changed_code_of_the_users_own_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "net.py").write_text("a = 1")
    settings = {"model": {"name": "mine.net:build"}, "data": {"name": "digits"}}
    recorded = provenance.code_files(settings, tmp_path)
    assert list(recorded) == ["mine/net.py"]
    assert provenance.changed_code(recorded, settings, tmp_path) == []
    (tmp_path / "mine" / "net.py").write_text("a = 2")
    assert provenance.changed_code(recorded, settings, tmp_path) == ["mine/net.py"]


def test_a_run_survives_the_death_of_its_launcher(runner: Runner) -> None:
    env = {**environment(), "DLTUI_STUB": "wait"}
    code = SCRIPT + "import time; time.sleep(60)"
    launcher = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(runner.folder)], env=env, stdout=subprocess.PIPE, start_new_session=True
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"e0001\n"
    os.killpg(launcher.pid, signal.SIGHUP)
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()
    paths = runner.runs.paths("e0001")
    wait_until(lambda: load_run(paths).status == "running", 30)
    state = load_run(paths).state
    assert state.supervisor_pid is not None
    assert os.getsid(state.supervisor_pid) == state.supervisor_pid
    for pid in (state.pid, state.supervisor_pid):
        assert pid is not None
        os.kill(pid, signal.SIGHUP)
    stop(load_run(paths))
    assert wait(paths, 30).status == "stopped"


def test_a_failed_launch_leaves_no_run(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no device 'cuda:77'"):
        runner.start(device="cuda:77")
    assert not runner.runs.root.exists()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RunError, match="could not be started: /nowhere/python"):
        runner.start()
    assert runner.runs.ids() == []


def test_the_command_line_says_the_same(runner: Runner) -> None:
    assert command_line(runner.request(argv=("engine", "train", "x", "--note", "a b"))) == "engine train x --note 'a b'"
    (runner.folder / "experiments.toml").write_text(
        '[experiments.x]\ndata = { name = "digits" }\nmodel = { name = "mlp" }\ntrain = { epochs = 2 }\n'
    )
    settings = Settings(data={"name": "digits"}, model={"name": "mlp"}, train=Train(epochs=3))
    request = LaunchRequest("x", settings, runner.folder, device="cpu", note="it's", tags=("a b",), parent="e0001:best")
    words = shlex.split(command_line(request))
    assert words[:3] == ["engine", "train", "x"]
    pairs = {"-s": "train.epochs=3", "--device": "cpu", "--from": "e0001:best", "--note": "it's", "--tag": "a b"}
    assert set(pairs.items()) <= set(itertools.pairwise(words))


def test_the_lock_file_names_the_worker(runner: Runner) -> None:
    paths = runner.running()
    assert wait_until(lambda: read_json(paths.lock)["pid"] == load_run(paths).state.pid, 10)
    assert json.loads(paths.lock.read_text())["host"]
    assert RunsFolder(runner.runs.root).find(paths.id).writable


def test_a_disk_that_cannot_hold_the_run_is_told_before(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "made" / "yet"
    free = disk.free_bytes(folder)
    assert free is not None
    warning = disk.disk_warning(folder, checkpoint_bytes=free)
    assert warning is not None
    assert re.fullmatch(rf"{re.escape(str(folder))} has [\d.]+ GB free; the run may need [\d.]+ GB", warning)
    assert disk.disk_warning(folder) is None or free < 2 * disk.RESERVE
