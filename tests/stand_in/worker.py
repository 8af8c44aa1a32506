"""A worker without torch that does what `DLTUI_STUB` says, to test launching and supervising by themselves."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from engine import leases
from engine.jsonio import write_json
from engine.processes import process_start
from engine.runs import RunPaths, load_run, write_state


def _announce(paths: RunPaths) -> None:
    state = load_run(paths).state
    state.state, state.pid, state.pid_start = "running", os.getpid(), process_start(os.getpid())
    state.metrics = {"train/loss": 0.5}
    write_state(paths, state)


def _stop(_number: int, _frame: FrameType | None) -> None:
    print("saved", flush=True)
    sys.exit(130)


def _checkpoint(_number: int, _frame: FrameType | None) -> None:
    Path("checkpointed").touch()


def main() -> int:
    paths = RunPaths(Path(sys.argv[1]))
    plan = os.environ.get("DLTUI_STUB", "finish")
    print("stub", plan, "in", Path.cwd(), flush=True)
    leases.hold(paths)
    if plan == "explain":
        paths.control.mkdir(exist_ok=True)
        write_json(paths.control / "failure.json", {"cause": "no memory left on cuda:0", "cause_kind": "out-of-memory"})
        return 1
    if plan == "raise":
        raise ValueError("the loss\x1b[31m is not a number")
    if plan == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if plan == "environment":
        print("environment", *sorted(f"{name}={value}" for name, value in os.environ.items()), sep="\n")
    if plan == "wait":
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGUSR2, _checkpoint)
    _announce(paths)
    if plan == "children":
        os.fork()
    if plan == "orphan" and os.fork() == 0:
        os.setsid()  # a loader that outlives the worker
        Path(f"orphan-{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while plan in ("wait", "deaf", "children", "orphan") and time.monotonic() < deadline:
        time.sleep(0.05)
    return int(plan.removeprefix("exit ")) if plan.startswith("exit ") else 0


if __name__ == "__main__":
    sys.exit(main())
