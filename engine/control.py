"""Asking a running run for something: a file in its `control` folder says what, a signal only wakes the worker."""

from __future__ import annotations

import contextlib
import os
import signal

from engine.errors import RunError
from engine.processes import hostname, is_process, send_signal
from engine.runs import ENDED, Run, RunPaths, State, load_run
from engine.supervisor import Ending, request_file, write_end

REQUESTS = ("stop", "stop-now", "checkpoint", "failure.json")
"""What a new sitting of a run must not find from the one before."""


def stop(run: Run, *, now: bool = False) -> None:
    """Ask a run to save a checkpoint and stop; with `now`, kill it where it stands.

    Returns at once; `engine.launch.wait` waits for the end.

    Raises:
        RunError: it has ended, or belongs to another user or host.
    """
    state = _reachable(run)
    _request(run.paths, "stop")
    if now:
        _request(run.paths, "stop-now")
    if state.state == "queued" and state.pid is None and state.supervisor_pid is None:
        write_end(run.paths, Ending("stopped", "taken out of the queue", "user"), 130)
        return
    if now and state.pid is not None and _kill_group(state.pid, state.pid_start):
        return
    if not _signal(run, state.pid, state.pid_start, signal.SIGTERM):
        # not there yet: the supervisor passes it on, or finds the request before it starts the worker
        _signal(run, state.supervisor_pid, state.supervisor_start, signal.SIGTERM)


def request_checkpoint(run: Run) -> None:
    """Ask a running run to save a checkpoint now and go on.

    Raises:
        RunError: it is not running, or belongs to another user or host.
    """
    state = _reachable(run)
    _request(run.paths, "checkpoint")
    _signal(run, state.pid, state.pid_start, signal.SIGUSR2)


def clear_requests(paths: RunPaths) -> None:
    """Forget the requests of an earlier sitting."""
    for name in REQUESTS:
        with contextlib.suppress(FileNotFoundError):
            (paths.control / name).unlink()


def _reachable(run: Run) -> State:
    """The run's newest state, if this user on this host may act on it."""
    run = load_run(run.paths)
    if run.status in ENDED:
        raise RunError(f"{run.id} has ended already: {run.status}")
    if reason := run.read_only_reason:
        raise RunError(reason)
    return run.state


def _request(paths: RunPaths, name: str) -> None:
    try:
        request_file(paths, name)
    except OSError as error:
        raise RunError(f"{paths.id} cannot be asked: {paths.control / name}: {error.strerror}") from error


def _signal(run: Run, pid: int | None, start: float | None, number: signal.Signals) -> bool:
    try:
        return send_signal(pid, start, number)
    except PermissionError:
        raise RunError(
            f"process {pid} of {run.id} on {hostname()} belongs to another user", hint="ask its owner"
        ) from None


def _kill_group(pid: int, start: float | None) -> bool:
    """End a worker with its loaders; False when it is not there."""
    if not is_process(pid, start):
        return False
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    return True
