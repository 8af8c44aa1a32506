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

import msgspec
import pytest

from engine import disk, provenance
from engine import launch as launching
from engine.errors import NotFoundError, RunError, UsageError
from engine.jsonio import read_json, write_json
from engine.launch import LaunchRequest, command_line, launch, limits, request_checkpoint, resume, stop, wait
from engine.processes import is_process, process_start
from engine.runs import RunsFolder, load_run, write_state
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


def test_stop_asks_and_the_worker_saves(runner: Runner) -> None:
    paths = runner.running()
    stop(load_run(paths))
    run = wait(paths, 30)
    assert (run.status, run.state.exit_code, run.state.cause_kind) == ("stopped", 130, "user")
    assert paths.log.read_text().endswith("saved\n")
    with pytest.raises(RunError, match=r"has ended already: stopped"):
        stop(run)


def test_stop_now_kills_the_worker_with_its_children(runner: Runner) -> None:
    paths = runner.running("children")
    pid = load_run(paths).state.pid
    assert pid is not None
    children = wait_until(lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text().split(), 30)
    stop(load_run(paths), now=True)
    assert wait(paths, 30).status == "stopped"
    wait_until(lambda: not any(process_start(int(child)) for child in children), 30)


def test_a_run_can_be_stopped_before_its_worker_is_there(runner: Runner) -> None:
    for now in (False, True):
        paths = runner.start("wait")
        stop(load_run(paths), now=now)
        run = wait(paths, 30)
        assert run.status == "stopped"
        assert run.state.cause_kind == "user"


def test_a_checkpoint_can_be_asked_for_at_any_time(runner: Runner) -> None:
    paths = runner.start("wait")
    request_checkpoint(load_run(paths))  # the worker has no handler yet: the signal must not kill it
    wait_until(lambda: load_run(paths).status == "running", 30)
    assert (paths.control / "checkpoint").exists()
    request_checkpoint(load_run(paths))
    wait_until((runner.folder / "checkpointed").exists, 30)
    early = runner.running("deaf")
    request_checkpoint(load_run(early))
    stop(load_run(early), now=True)
    assert wait(early, 30).state.cause == "stopped at once; no checkpoint was written"


def test_requests_never_reach_another_process(runner: Runner) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    paths = runner.running()
    state = load_run(paths).state
    pid, start = state.pid, state.pid_start
    state.pid, state.pid_start = bystander.pid, 1.0  # the number of a worker, given to another process since
    write_state(paths, state)
    stop(load_run(paths), now=True)
    assert wait(paths, 30).status == "stopped"
    assert bystander.poll() is None
    assert not is_process(pid, start)
    bystander.kill()
    bystander.wait()


def test_wait_returns_when_time_is_up(runner: Runner) -> None:
    paths = runner.running()
    before = time.monotonic()
    assert wait(paths, 0.2).status == "running"
    assert time.monotonic() - before < 5


def test_a_resumed_run_keeps_its_settings_and_may_only_grow(runner: Runner) -> None:
    paths = runner.start()
    before = wait(paths, 30).info
    for rule, words in {
        "optimizer.lr=1": "only train.epochs, train.steps, train.minutes may grow",
        "train.epochs=1": "can only grow",
        "train.epochs=many": "not a number",
        "train.epochs=inf": "positive",
        "train.steps=100": "no limit train.steps",
        "train.epochs": "only train.epochs",
    }.items():
        with pytest.raises(UsageError) as caught:
            resume(runner.runs, paths.id, [rule], worker=WORKER)
        assert words in str(caught.value)
    paths.control.mkdir(exist_ok=True)
    for name in ("stop", "stop-now", "checkpoint"):
        (paths.control / name).touch()
    write_json(paths.control / "failure.json", {"cause": "of the last sitting"})
    write_state(paths, msgspec.structs.replace(load_run(paths).state, total_steps=30, total_epochs=1.0))
    resume(runner.runs, paths.id, ["train.epochs=5"], worker=WORKER)
    run = wait(paths, 30)
    assert run.status == "finished"
    assert run.info == before, "run.json is written once"
    assert limits(paths) == {"train.epochs": 5}
    assert (run.state.total_steps, run.state.total_epochs) == (None, None), "not all done before it has begun"
    assert [path.name for path in paths.control.iterdir()] == ["limits.json"], "old requests are forgotten"
    with pytest.raises(UsageError, match="is 5 and can only grow"):
        resume(runner.runs, paths.id, ["train.epochs=4"], worker=WORKER)


def test_what_cannot_be_resumed_is_refused(runner: Runner) -> None:
    with pytest.raises(NotFoundError):
        resume(runner.runs, "e0001", worker=WORKER)
    paths = runner.running()
    pid = load_run(paths).state.pid
    with pytest.raises(RunError, match=rf"e0001 is running: process {pid} on "):
        resume(runner.runs, "e0001", worker=WORKER)
    stop(load_run(paths))
    run = wait(paths, 30)
    run.state.host = "elsewhere"
    write_state(paths, run.state)
    with pytest.raises(RunError, match="ran on elsewhere") as caught:
        resume(runner.runs, "e0001", worker=WORKER)
    assert "--from e0001" in caught.value.hint
    paths.run.write_text("{")
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        resume(runner.runs, "e0001", worker=WORKER)


def test_of_two_resumes_at_once_one_wins(runner: Runner) -> None:
    assert wait(runner.start(), 30).status == "finished"
    code = (
        "import sys; from pathlib import Path; from engine.launch import resume; from engine.runs import RunsFolder\n"
        "from engine.errors import EngineError\n"
        f"try: resume(RunsFolder(Path('runs')), 'e0001', ['train.epochs=9'], worker={WORKER!r})\n"
        "except EngineError as error: print(error.message); sys.exit(error.exit_code)"
    )
    env = {**environment(), "DLTUI_STUB": "wait"}
    command = [sys.executable, "-P", "-c", code]
    racers = [
        subprocess.Popen(command, cwd=runner.folder, env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    words = [racer.communicate(timeout=60)[0] for racer in racers]
    assert sorted(racer.returncode for racer in racers) == [0, 1, 1, 1]
    assert all("process" in word for word in words if word), "the losers name the winner"
    wait_until(lambda: load_run(runner.runs.paths("e0001")).status == "running", 30)


def test_a_run_can_be_resumed_the_moment_it_has_ended(runner: Runner) -> None:
    paths = runner.start()
    for _ in range(8):
        assert wait(paths, 30).status == "finished"
        resume(runner.runs, paths.id, worker=WORKER)
    wait(paths, 30)


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
