"""What is asked of a run that was launched: stop, a checkpoint, to go on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from engine.errors import NotFoundError, RunError, UsageError
from engine.jsonio import write_json
from engine.launch import limits, request_checkpoint, resume, stop, wait
from engine.processes import is_process, process_start
from engine.runs import load_run, write_state
from tests.helpers import environment, wait_until
from tests.stand_in.running import WORKER, Runner, runner

__all__ = ["runner"]


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
