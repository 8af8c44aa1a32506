"""Training in this process, so that a debugger can be let in where it fails: `engine train NAME --pdb`."""

from __future__ import annotations

import os
import pdb  # noqa: T100
import sys
import traceback
from types import TracebackType

from engine import leases, locks, provenance, worker
from engine.launch import LaunchRequest, write_folder
from engine.origins import check_origin
from engine.runs import RunsFolder, load_run
from engine.start import device_variables, take_device
from engine.supervisor import ending_of, write_end


def train_here(runs: RunsFolder, request: LaunchRequest) -> tuple[str, int]:
    """Train a run in this process; where its code raises, a debugger opens at that frame.

    Its output goes to the terminal and not into log.txt. Closing the debugger ends the run as failed.

    Returns:
        The run's id and its exit code.

    Raises:
        EngineError: it cannot be launched.
    """
    check_origin(runs, request.parent, request.settings, request.folder)
    git = provenance.GitQuery(request.folder, leave_out=runs.root)
    device, lease = take_device(request.device or request.settings.device)
    paths = runs.new()
    lock = locks.lock_run(paths)
    write_folder(paths, request, device, git, provenance.environment(request.environment))
    os.environ.update(device_variables(device))
    os.environ[locks.LOCK_VARIABLE] = str(lock)
    if lease is not None:
        leases.describe(device, paths.id, paths.folder)
        os.environ[locks.LEASE_VARIABLE] = str(lease)
    paths.log.write_text("trained under a debugger: what it printed went to the terminal\n", encoding="utf-8")
    worker.on_exception = _debug
    code = worker.main([str(paths.folder)])
    if load_run(paths).status not in ("finished", "stopped", "failed"):
        write_end(paths, ending_of(paths, code), code)
    return paths.id, code


def _debug(error: Exception) -> None:
    """Open the debugger at the innermost frame of the user's own code, else of any."""
    traceback.print_exception(error, file=sys.stderr)
    trace = error.__traceback__
    if trace is not None:
        print("the debugger is at the innermost frame: w shows where, u goes up, q ends the run", file=sys.stderr)
        _post_mortem(trace)


def _post_mortem(trace: TracebackType) -> None:
    pdb.post_mortem(trace)
