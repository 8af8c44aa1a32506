"""The supervisor: whatever happens to a worker, state.json says how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.jsonio import read_json, write_json
from engine.launch import stop, wait
from engine.processes import boot_id, hostname, process_start
from engine.runs import RunPaths, State, load_run, write_state
from engine.supervisor import (
    CAUSE_LIMIT,
    Ending,
    end_if_orphaned,
    ending_of,
    last_words,
    main,
    oom_kills,
    write_end,
)
from tests.helpers import environment, wait_until
from tests.stand_in.running import Runner, runner

__all__ = ["runner"]


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    """A run folder whose state says it runs."""
    paths = RunPaths(tmp_path / "e0001")
    paths.control.mkdir(parents=True)
    write_json(paths.run, {"run": "e0001", "settings": {"seed": 0}})
    write_state(paths, State(state="running", step=7, metrics={"val/accuracy": 0.9}))
    return paths


@pytest.mark.parametrize(
    ("plan", "status", "code", "kind", "cause"),
    [
        ("finish", "finished", 0, None, None),
        ("raise", "failed", 1, "exception", "ValueError: the loss\x1b[31m is not a number"),
        ("explain", "failed", 1, "out-of-memory", "no memory left on cuda:0"),
        ("segfault", "failed", 139, "signal", "killed by SIGSEGV; log.txt may show where"),
        ("exit 2", "failed", 2, "settings", None),
        ("exit 130", "stopped", 130, "user", "stopped by a signal"),
        ("exit 7", "failed", 7, "exception", None),
    ],
)
def test_each_end_is_told(
    runner: Runner, plan: str, status: str, code: int, kind: str | None, cause: str | None
) -> None:
    run = wait(runner.start(plan), 30)
    assert (run.status, run.state.exit_code, run.state.cause_kind) == (status, code, kind)
    assert cause is None or run.state.cause == cause
    assert run.state.ended is not None
    assert run.state.cause is None or run.state.cause.strip()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_named(runner: Runner, number: signal.Signals) -> None:
    paths = runner.running("deaf")
    state = load_run(paths).state
    assert state.pid is not None
    os.kill(state.pid, number)
    run = wait(paths, 30)
    if number is signal.SIGINT:  # Python's own handler: a KeyboardInterrupt
        assert run.status == "stopped"
        return
    assert run.state.cause is not None
    assert number.name in run.state.cause
    assert run.status == ("stopped" if number is signal.SIGTERM else "failed")
    assert run.state.exit_code == 128 + number
    assert run.state.metrics == {"train/loss": 0.5}, "what the worker wrote is kept"
    if number is signal.SIGKILL:
        assert "out-of-memory" in run.state.cause


def test_a_signal_to_the_supervisor_reaches_the_worker(runner: Runner) -> None:
    paths = runner.running()
    state = load_run(paths).state
    assert state.supervisor_pid is not None
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGTERM):
        os.kill(state.supervisor_pid, number)
    run = wait(paths, 30)
    assert (run.status, run.state.exit_code) == ("stopped", 130)
    assert paths.log.read_text().endswith("saved\n")


def test_a_killed_supervisor_leaves_the_worker_running(runner: Runner) -> None:
    paths = runner.running()
    state = load_run(paths).state
    assert state.supervisor_pid is not None
    os.kill(state.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: process_start(state.supervisor_pid or 0) is None, 30)
    assert load_run(paths).status == "running"
    stop(load_run(paths))
    assert wait(paths, 30).status == "lost", "nobody was there to write how it ended"


def test_a_worker_without_supervisor_writes_its_own_end(paths: RunPaths) -> None:
    assert not end_if_orphaned(paths, 0), "it never had a supervisor"
    state = load_run(paths).state
    state.supervisor_pid, state.supervisor_start = os.getpid(), process_start(os.getpid())
    write_state(paths, state)
    assert not end_if_orphaned(paths, 0), "its supervisor lives"
    state.supervisor_start = 1.0
    write_state(paths, state)
    assert end_if_orphaned(paths, 0)
    assert load_run(paths).status == "finished"
    assert not end_if_orphaned(paths, 1), "it has been written"


def test_an_unreadable_state_still_gets_an_end(runner: Runner) -> None:
    paths = runner.running("deaf")
    pid = load_run(paths).state.pid
    assert pid is not None
    paths.state.write_bytes(b'{"state": "runn')
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: load_run(paths).state.state == "failed", 30)
    paths.state.unlink()
    write_end(paths, Ending("finished"), 0)
    assert load_run(paths).status == "finished"


def test_what_a_killed_writer_left_half_written_is_removed(paths: RunPaths) -> None:
    (paths.folder / ".state.json.123.456.tmp").write_text('{"st')
    write_end(paths, Ending("failed", "killed", "signal"), -9)
    assert not list(paths.folder.glob(".*"))
    assert load_run(paths).state.step == 7


def test_the_cause_is_the_last_line_of_this_sitting(paths: RunPaths) -> None:
    paths.log.write_bytes(b"an earlier sitting's error\n")
    start = paths.log.stat().st_size
    assert ending_of(paths, 1, start).cause == "the worker ended with exit code 1 and said nothing"
    with open(paths.log, "ab") as log:
        log.write(b"Traceback\n  10%\r 50%\rValueError: \xff no\n\n  \n")
    assert ending_of(paths, 1, start) == Ending("failed", "ValueError: \ufffd no", "exception")
    told = "the worker ended with exit code 7; it last said: ValueError: \ufffd no"
    assert ending_of(paths, 7, start).cause == told, "os._exit in a model says nothing itself"
    assert last_words(paths.folder / "none") == ""


@pytest.mark.parametrize("content", ["", "[]", '{"cause": 5}', '{"cause": " "}', "{", '{"cause_kind": "x"}'])
def test_a_useless_explanation_is_passed_over(paths: RunPaths, content: str) -> None:
    (paths.control / "failure.json").write_text(content)
    assert ending_of(paths, 1).cause == "the worker ended with exit code 1 and said nothing"


def test_a_long_cause_is_bounded_and_kept_as_it_is(paths: RunPaths) -> None:
    cause = "[red]\x1b]0;owned\x07\u202e" + "x" * 10_000
    write_json(paths.control / "failure.json", {"cause": cause, "cause_kind": "data", "hint": "look"})
    write_end(paths, ending_of(paths, 1), 1)
    found = read_json(paths.state)["cause"]
    assert len(found) == CAUSE_LIMIT
    assert found.startswith(cause[:100])


def test_the_kernels_memory_killer_is_told_apart(paths: RunPaths, tmp_path: Path) -> None:
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (cgroups / "job").mkdir(parents=True)
    assert oom_kills(proc, cgroups) == 0
    (proc / "vmstat").write_text("nr_free_pages 1\noom_kill 2\n")
    assert oom_kills(proc, cgroups) == 2
    (proc / "self" / "cgroup").write_text("0::/job\n")
    (cgroups / "job" / "memory.events").write_text("low 0\noom 9\noom_kill 5\n")
    assert oom_kills(proc, cgroups) == 5
    assert ending_of(paths, -signal.SIGKILL, 0, 1).cause_kind == "out-of-memory"
    assert ending_of(paths, -signal.SIGKILL, 0, 0).cause_kind == "signal"
    assert ending_of(paths, -signal.SIGSEGV, 0, 1).cause_kind == "signal"


def test_a_full_disk_does_not_hide_the_end(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        paths = RunPaths(disk / "e0001")
        paths.folder.mkdir()
        write_json(paths.run, {"run": "e0001"})
        write_state(paths, State(state="running", metrics={"a": 1.0}))
        with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        write_end(paths, Ending("failed", "no space left on device", "disk-full"), 1)
        run = load_run(paths)
        assert (run.status, run.state.cause_kind, run.state.metrics) == ("failed", "disk-full", {"a": 1.0})
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_worker_that_cannot_start_is_a_failure(paths: RunPaths) -> None:
    command = [sys.executable, "-P", "-m", "engine.supervisor", str(paths.folder), "--worker", "no.such.module"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    run = load_run(paths)
    assert (run.status, run.state.exit_code) == ("failed", 1)


def test_a_request_to_stop_that_came_first_is_heeded(paths: RunPaths) -> None:
    (paths.control / "stop").touch()
    command = [sys.executable, "-P", "-m", "engine.supervisor", str(paths.folder), "--worker", "no.such.module"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    assert load_run(paths).state.cause == "stopped before it started"


def test_wrong_arguments_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["x", "--unknown", "1"], ["x", "--lock"], ["x", "--lock", "y"]):
        assert main(argv) == 2
    assert "usage" in capsys.readouterr().err


def test_the_supervisor_is_small(runner: Runner) -> None:
    paths = runner.running()
    state = load_run(paths).state
    maps = Path(f"/proc/{state.supervisor_pid}/maps").read_text()
    assert "torch" not in maps
    assert "numpy" not in maps
    status = Path(f"/proc/{state.supervisor_pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 40_000, "kB"
    assert (state.host, state.boot_id) == (hostname(), boot_id())
    assert time.time() - (state.updated or 0) < 60
