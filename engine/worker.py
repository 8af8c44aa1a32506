"""The process that trains one run: `python -P -m engine.worker RUNDIR`.

Its supervisor writes how it ended; the worker itself only says why it failed where it can explain that. Exit codes:
0 finished, 130 stopped, 2 settings that cannot be used, 1 failed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from engine.errors import DataError, EngineError, NotFoundError, SettingsError, UsageError
from engine.interrupts import STOPPED, Interrupts, Stopped
from engine.jsonio import encode, read_json, write_json
from engine.memory import is_out_of_memory
from engine.records import RunPaths

if TYPE_CHECKING:
    from engine.heartbeat import Heartbeat
    from engine.runs import Run

on_exception: Callable[[Exception], None] | None = None
"""What is called with an exception that nobody foresaw, before it is explained: a debugger."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RESERVED = 4096


def main(argv: list[str]) -> int:
    """Train the run in the folder `argv[0]`."""
    if len(argv) != 1:
        print("usage: python -P -m engine.worker RUNDIR", file=sys.stderr)
        return 2
    paths = RunPaths(Path(argv[0]).resolve())
    interrupts = Interrupts(paths)
    try:
        interrupts.install()  # before anything slow: a stop must find its handler
        from engine.heartbeat import Heartbeat
        from engine.locks import hold

        hold(paths)
    except EngineError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except Stopped:
        return STOPPED
    heartbeat = Heartbeat(paths)
    code = _guarded(paths, interrupts, heartbeat)
    heartbeat.stop()
    from engine.supervisor import end_if_orphaned

    with contextlib.suppress(OSError):
        end_if_orphaned(paths, code)
    return code


def _guarded(paths: RunPaths, interrupts: Interrupts, heartbeat: Heartbeat) -> int:
    """Train, and turn whatever goes wrong into an exit code and an explanation."""
    try:
        _reserve(paths)
        heartbeat.start()
        return _train(paths, interrupts, heartbeat)
    except Stopped:
        print("stopped", flush=True)
        return STOPPED
    except EngineError as error:
        code = 2 if isinstance(error, (SettingsError, UsageError, NotFoundError)) else 1
        _explain(paths, error.message, _kind(error), error.hint)
        return code
    except Exception as error:  # the last resort: everything a run can die of ends as one line and a traceback
        if on_exception is not None:
            on_exception(error)
        return _unexpected(paths, error)


def _train(paths: RunPaths, interrupts: Interrupts, heartbeat: Heartbeat) -> int:
    from engine.runs import load_run

    run = load_run(paths)
    if not run.info.settings:
        raise SettingsError(f"{paths.run}: {'; '.join(run.problems) or 'there are no settings'}")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # lets cuBLAS be deterministic
    from engine.spinning import Spinning

    with Spinning(threads=(run.info.settings.get("train") or {}).get("threads")):
        return _train_run(paths, run, interrupts, heartbeat)


def _train_run(paths: RunPaths, run: Run, interrupts: Interrupts, heartbeat: Heartbeat) -> int:
    from engine.beginning import begin
    from engine.machine_watch import MachineWatch
    from engine.runs import append_event
    from engine.session import open_session
    from engine.train import Training

    session = open_session(paths, run.info, heartbeat, interrupts)
    begin(session)
    interrupts.begin_training()
    training = Training(session)
    watch = MachineWatch(paths, lambda: session.loop.step)
    watch.start()
    try:
        training.run()
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise _disk_full(session.saved_step, error) from error
    finally:
        watch.stop()
    if not interrupts.stop:
        from engine.finish import finish

        finish(session)
        return 0
    append_event(paths, "stopped", epoch=session.epochs_done, step=session.loop.step)
    print(f"stopped at step {session.loop.step:,}", flush=True)
    return STOPPED


class DiskFullError(EngineError):
    """There is no room left for what a run writes."""


class MemoryFullError(EngineError):
    """The device or the machine has not enough memory for a step."""


def _disk_full(saved_step: int | None, error: OSError) -> DiskFullError:
    kept = f"the checkpoint of step {saved_step:,} is whole" if saved_step is not None else "no checkpoint was written"
    where = f": {error.filename}" if error.filename else ""
    return DiskFullError(
        f"no space left on the disk{where}; {kept}",
        hint="make room and resume the run; checkpoint.keep = 1 keeps fewer checkpoints",
    )


def _kind(error: EngineError) -> str:
    if isinstance(error, DiskFullError):
        return "disk-full"
    if isinstance(error, DataError):
        return "data"
    if type(error).__name__ == "NonFiniteError":
        return "non-finite"
    return "settings" if error.exit_code in (2, 3) else "exception"


def _unexpected(paths: RunPaths, error: Exception) -> int:
    """Explain what no code foresaw: memory, disk, or a mistake whose traceback goes to the log."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        full = _disk_full(None, error)
        _explain(paths, full.message.rpartition(";")[0], "disk-full", full.hint)
        return 1
    if is_out_of_memory(error):
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = _memory_hint(paths)
        _explain(paths, f"out of memory: {first[:300]}", "out-of-memory", hint)
        return 1
    if "Expected more than 1 value per channel" in str(error):
        _explain(paths, _ONE_SAMPLE, "settings", "set train.drop_last = true, or another train.batch_size")
        return 2
    if "does not support dense gradients" in str(error):
        _explain(paths, _DENSE, "settings", "set optimizer.name = Adam, which does the same for dense gradients")
        return 2
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        traceback.print_exc()
        words = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = next((line for line in words if "compiler" in line.lower()), words[0] if words else "")
        _explain(paths, f"the model could not be compiled: {said[:300]}", "settings", _COMPILER, say=False)
        return 2
    traceback.print_exc()
    _explain(paths, _one_line(error), "exception", "the traceback is in log.txt", say=False)
    return 1


_MEMORY_HINT = (
    "halve train.batch_size and double train.accumulate: the gradients stay the same; or train.precision = bf16"
)
_ONE_MEMORY_HINT = (
    "a batch of one sample is too much already: train.checkpoint_gradients = true and train.precision = bf16 need less,"
    " a smaller model or data.resize less still"
)
_DATA_MEMORY_HINT = "the data set does not fit: data.limit takes fewer samples, a smaller data.size smaller images"
_COMPILER = "set train.compile = false; on a CPU torch.compile needs a C++ compiler, such as g++"
_DENSE = "SparseAdam takes sparse gradients, and this model's are dense"
_ONE_SAMPLE = "the last batch of the epoch has a single sample, which batch norm cannot train on"


def _memory_hint(paths: RunPaths) -> str:
    """What needs less memory, by what there was no room for."""
    if not paths.model.exists():
        return _DATA_MEMORY_HINT
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if read_json(paths.run)["settings"]["train"].get("batch_size", 64) == 1:
            return _ONE_MEMORY_HINT
    return _MEMORY_HINT


def _one_line(error: Exception) -> str:
    """TypeName: message (file:line), of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:500]}{place}"


def _reserve(paths: RunPaths) -> None:
    """Room on the disk for an explanation, so that a full one can be told of."""
    paths.control.mkdir(exist_ok=True)
    (paths.control / "failure.json").unlink(missing_ok=True)
    with open(paths.control / ".reserved", "wb") as file:
        file.write(b" " * _RESERVED)


def _explain(paths: RunPaths, cause: str, kind: str, hint: str, *, say: bool = True) -> None:
    """Leave control/failure.json for the supervisor, and the message in the log."""
    if say:
        with contextlib.suppress(OSError):
            print(f"{cause}\n{hint}".strip(), file=sys.stderr, flush=True)
    failure = {"cause": cause, "cause_kind": kind, "hint": hint}
    target = paths.control / "failure.json"
    with contextlib.suppress(OSError):
        from engine.runs import append_event

        append_event(paths, "failed", cause=cause, cause_kind=kind, hint=hint)
    try:
        write_json(target, failure)
    except OSError:
        with contextlib.suppress(OSError):
            _write_reserved(paths, encode(failure)[:_RESERVED], target)


def _write_reserved(paths: RunPaths, content: bytes, target: Path) -> None:
    """On a full disk: into the block that was set aside, which then gets the right name."""
    reserved = paths.control / ".reserved"
    with open(reserved, "r+b") as file:
        file.write(content.ljust(_RESERVED))
    os.replace(reserved, target)


def leave(code: int) -> NoReturn:
    """End now. All is written, and what the interpreter does at its end is no good to anybody: a thread of torch's or
    of ours that still runs then takes the process down with SIGABRT, and a stopped run would count as failed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
