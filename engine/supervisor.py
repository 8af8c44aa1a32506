"""The parent of one worker: starts it in its own process group, waits, and writes how it ended.

Run as `python -P -m engine.supervisor RUNDIR`, in a session of its own. Only a waiting parent learns how a process
died; if this one is killed, the worker goes on and readers derive from its process id what became of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from engine.checkpoints import list_checkpoints
from engine.jsonio import encode, read_json
from engine.locks import LEASE_VARIABLE, LOCK_VARIABLE, write_lock_holder
from engine.processes import boot_id, hostname, process_start
from engine.runs import ENDED, RunPaths, State, load_run, write_state

NOTIFY = "notify.json"
"""In the `control` folder: somebody wants to be told of the end."""
CAUSE_LIMIT = 2_000
"""Characters of a message kept in state.json."""

_TAIL = 16_384
_LEFT_OVER = 0.5


class Ending(NamedTuple):
    """How a worker ended, as state.json tells it."""

    state: str
    cause: str | None = None
    cause_kind: str | None = None


class Supervisor:
    """Starts and waits for one worker."""

    def __init__(self, paths: RunPaths, module: str, lock: int | None, lease: int | None) -> None:
        self._paths, self._module, self._lock, self._lease = paths, module, lock, lease
        self._worker: int | None = None
        self._log_start = 0
        self._oom_kills = oom_kills()

    def run(self) -> None:
        """Everything from the first state to the last."""
        self._take_signals()
        if self._lock is not None:
            write_lock_holder(self._lock)
        self._record_start()
        if stop_requested(self._paths):
            write_end(self._paths, Ending("stopped", "stopped before it started", "user"), 130)
            return
        with contextlib.suppress(OSError):
            self._log_start = self._paths.log.stat().st_size
        try:
            self._worker = self._spawn()
        except OSError as error:
            ending = Ending(
                "failed", f"the worker could not be started: {error.strerror}: {sys.executable}", "exception"
            )
            write_end(self._paths, ending, 1)
            return
        if self._lease is not None:
            os.close(self._lease)
        if stop_requested(self._paths):
            self._forward(signal.SIGTERM)
        code = self._wait()
        if self._lock is not None:
            os.close(self._lock)  # whoever reads of the end may resume at once; until then this process counts as alive
        write_end(self._paths, ending_of(self._paths, code, self._log_start, oom_kills() - self._oom_kills), code)

    def _take_signals(self) -> None:
        # both are inherited by the worker: a wake-up that comes before its own handler must not kill it
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._worker is None:
            request_file(self._paths, "stop")
        else:
            self._forward(signal.Signals(number))

    def _forward(self, number: signal.Signals) -> None:
        assert self._worker is not None
        with contextlib.suppress(ProcessLookupError):
            if (self._paths.control / "stop-now").exists():
                os.killpg(self._worker, signal.SIGKILL)
            else:
                os.kill(self._worker, number)

    def _record_start(self) -> None:
        run = load_run(self._paths)
        state = run.state if run.state.state != "unreadable" else State()
        state.state = "starting"
        state.host, state.boot_id = hostname(), boot_id()
        state.supervisor_pid, state.supervisor_start = os.getpid(), process_start(os.getpid())
        state.pid = state.pid_start = None
        _write(self._paths, state)

    def _spawn(self) -> int:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        for variable, descriptor in ((LOCK_VARIABLE, self._lock), (LEASE_VARIABLE, self._lease)):
            if descriptor is not None:
                environment[variable] = str(descriptor)
        command = [sys.executable, "-P", "-m", self._module, str(self._paths.folder)]
        return os.posix_spawn(
            sys.executable,
            command,
            environment,
            setpgroup=0,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT],
        )

    def _wait(self) -> int:
        """The worker's exit code, -N for a signal; what is left of its process group is ended with it."""
        assert self._worker is not None
        os.waitid(os.P_PID, self._worker, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(
                self._worker, signal.SIGKILL
            )  # the leader is a zombie yet, so the group's number is still its own
        _, status = os.waitpid(self._worker, 0)
        return os.waitstatus_to_exitcode(status)


def ending_of(paths: RunPaths, code: int, log_start: int = 0, oom: int = 0) -> Ending:
    """How a worker ended, from its exit code and from what it left behind.

    Args:
        paths: the run.
        code: its exit code, or -N when signal N killed it.
        log_start: where this sitting's part of log.txt begins.
        oom: how many processes the kernel killed for want of memory meanwhile.
    """
    if code == 0:
        return Ending("finished")
    if (paths.control / "stop-now").exists() and code < 0:
        return Ending("stopped", f"stopped at once; {_kept(paths)}", "user")
    if code in (-signal.SIGTERM, -signal.SIGINT):
        return Ending("stopped", f"stopped by {signal.Signals(-code).name} before it could save", "user")
    if code == 130:
        asked = "on request" if stop_requested(paths) else "by a signal"
        return Ending("stopped", f"stopped {asked}", "user")
    return _explained(paths) or (_killed(-code, oom) if code < 0 else _unexplained(paths, code, log_start))


def _explained(paths: RunPaths) -> Ending | None:
    """What the worker itself says of its failure."""
    try:
        failure = read_json(paths.control / "failure.json")
    except (OSError, ValueError):
        return None
    if not isinstance(failure, dict) or not isinstance(failure.get("cause"), str) or not failure["cause"].strip():
        return None
    kind = failure.get("cause_kind")
    return Ending("failed", failure["cause"], kind if isinstance(kind, str) and kind else "exception")


def _killed(number: int, oom: int) -> Ending:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number != signal.SIGKILL:
        return Ending("failed", f"killed by {name}; log.txt may show where", "signal")
    if oom > 0:
        return Ending(
            "failed", "killed by SIGKILL: the kernel's out-of-memory killer ended a process meanwhile", "out-of-memory"
        )
    return Ending("failed", "killed by SIGKILL: by hand, or by the kernel's out-of-memory killer (see dmesg)", "signal")


def _unexplained(paths: RunPaths, code: int, log_start: int) -> Ending:
    kind = "settings" if code == 2 else "exception"
    words = last_words(paths.log, log_start)
    if code == 1 and words:  # what an exception that nobody caught leaves
        return Ending("failed", words, kind)
    said = f"; it last said: {words}" if words else " and said nothing"
    return Ending("failed", f"the worker ended with exit code {code}{said}", kind)


def _kept(paths: RunPaths) -> str:
    """What there is to go on from."""
    kept = [info for info in list_checkpoints(paths) if not info.problem]
    return f"the newest checkpoint is of step {kept[-1].step:,}" if kept else "no checkpoint was written"


def last_words(log: Path, start: int = 0) -> str:
    """The last line of a log that is not empty, from byte `start` on; empty when there is none."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - _TAIL))
            lines = file.read(_TAIL).decode(errors="replace").split("\n")
    except OSError:
        return ""
    words = (line.rsplit("\r", 1)[-1].strip() for line in reversed(lines))
    return next((line for line in words if line), "")


def oom_kills(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """How many processes the kernel has killed for want of memory, in this cgroup or else on this machine."""
    try:
        group = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        group = []
    path = next((line[3:].strip("/") for line in group if line.startswith("0::")), None)
    candidates = [cgroups / path / "memory.events"] if path is not None else []
    counts = [_counter(file, "oom_kill") for file in (*candidates, proc / "vmstat")]
    return max((count for count in counts if count is not None), default=0)


def _counter(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next(
        (int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name and value.isdigit()),
        None,
    )


def stop_requested(paths: RunPaths) -> bool:
    """Whether somebody asked this run to stop."""
    return (paths.control / "stop").exists() or (paths.control / "stop-now").exists()


def request_file(paths: RunPaths, name: str) -> None:
    """Leave a request in the run's control folder; the file's time says when it was made."""
    paths.control.mkdir(exist_ok=True)
    (paths.control / name).write_bytes(encode({"time": time.time(), "pid": os.getpid()}) + b"\n")


def write_end(paths: RunPaths, ending: Ending, code: int) -> State:
    """Write how a run ended into state.json, keeping what the worker wrote; returns what was written.

    A state.json that cannot be read is replaced. A signal's number N becomes the exit code 128 + N.
    """
    run = load_run(paths)
    state = run.state if run.state.state != "unreadable" else State(supervisor_pid=os.getpid())
    state.state, state.cause_kind = ending.state, ending.cause_kind
    state.cause = None if ending.cause is None else _bounded(ending.cause)
    state.exit_code = 128 - code if code < 0 else code
    state.host = state.host or hostname()
    state.ended = time.time()
    _write(paths, state)
    _clean(paths)
    return state


def _bounded(text: str) -> str:
    text = text.strip()
    return text if len(text) <= CAUSE_LIMIT else text[: CAUSE_LIMIT - 1] + "…"


def _write(paths: RunPaths, state: State) -> None:
    try:
        write_state(paths, state)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _overwrite(paths, state)


def _overwrite(paths: RunPaths, state: State) -> None:
    """On a full disk there is no room for a new file, but there is for these bytes in the old one's block."""
    content = encode(state) + b"\n"
    descriptor = os.open(paths.state, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def _clean(paths: RunPaths) -> None:
    """Remove the half-written files that a killed worker left."""
    with contextlib.suppress(OSError):
        for path in paths.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def end_if_orphaned(paths: RunPaths, code: int) -> bool:
    """Called by a worker as its last act: write the end itself when its supervisor is gone; returns whether it did."""
    state = load_run(paths).state
    if (
        state.supervisor_pid is None
        or process_start(state.supervisor_pid) == state.supervisor_start
        or state.state in ENDED
    ):
        return False
    write_end(paths, ending_of(paths, code), code)
    return True


def _arguments(argv: list[str]) -> tuple[Path, str, int | None, int | None]:
    folder, options = Path(argv[0]), dict(zip(argv[1::2], argv[2::2], strict=True))
    lock, lease = options.pop("--lock", None), options.pop("--lease", None)
    module = options.pop("--worker", "engine.worker")
    if options:
        raise ValueError(next(iter(options)))
    return folder.resolve(), module, None if lock is None else int(lock), None if lease is None else int(lease)


def main(argv: list[str]) -> int:
    """Supervise the run in the folder `argv[0]`."""
    try:
        folder, module, lock, lease = _arguments(argv)
    except (ValueError, IndexError):
        print(
            "usage: python -P -m engine.supervisor RUNDIR [--worker MODULE] [--lock FD] [--lease FD]", file=sys.stderr
        )
        return 2
    Supervisor(RunPaths(folder), module, lock, lease).run()
    _tell(RunPaths(folder))
    return 0


def _tell(paths: RunPaths) -> None:
    """Send the notice of the end where it was asked for; what it takes is imported only then."""
    if (paths.control / NOTIFY).exists():
        from engine.notices import tell_if_asked

        tell_if_asked(paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
