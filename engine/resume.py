"""Going on with a run that has ended: run.json wins, only the limits may grow, and of two at once one is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine import leases, locks, provenance
from engine.control import clear_requests
from engine.devices import Device
from engine.errors import NoDeviceError, RunError, UsageError
from engine.jsonio import read_json, write_json
from engine.processes import boot_id, hostname
from engine.records import ALIVE, FORMAT, RunPaths, State, write_state
from engine.runs import Run, RunsFolder, load_run
from engine.start import WORKER, start, take_device

GROWABLE = ("train.epochs", "train.steps", "train.minutes")
"""The only settings that a resumed run may change, and only upwards."""


def resume(
    runs: RunsFolder, run_id: str, grow: Sequence[str] = (), *, device: str | None = None, worker: str = WORKER
) -> RunPaths:
    """Go on with a run that has ended, from its last checkpoint.

    Args:
        runs: where it lies.
        run_id: the run.
        grow: `train.epochs=20` and the like: the only settings that may change, and only upwards.
        device: another device than the run's settings name.
        worker: the module that the run's process executes.

    Raises:
        NotFoundError: there is no such run.
        RunError: it is alive, on another host, read-only or damaged.
        UsageError: something else than a limit was to change, or a limit was to shrink.
        NoDeviceError: the device is busy.
    """
    run = runs.find(run_id)
    _check_resumable(run)
    grown = _grown(run, grow)
    lock = locks.lock_run(run.paths)
    descriptors = [lock]
    try:
        run = load_run(run.paths)
        _check_resumable(run)  # it may have been resumed, and have ended, since the first look
        chosen, lease = take_device(device or _device_of(run))
        if lease is not None:
            descriptors.append(lease)
        _check_same_kind(run, chosen, device)
        _reopen(run, chosen, grown)
        if lease is not None:
            leases.describe(chosen, run.id, run.paths.folder)
        start(run.paths, Path(run.info.folder), chosen, provenance.environment(), lock, lease, worker)
    except OSError as error:
        raise RunError(
            f"{run_id} could not be resumed: {error.filename or run.paths.folder}: {error.strerror}"
        ) from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return run.paths


def limits(paths: RunPaths) -> dict[str, float]:
    """The limits a resumed run has grown to: `train.epochs` and the like; empty when it never did."""
    try:
        content = read_json(paths.control / "limits.json")
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: content[key] for key in GROWABLE if isinstance(content.get(key), (int, float))}


def _check_resumable(run: Run) -> None:
    if run.info.format > FORMAT or not run.info.settings:
        raise RunError(
            run.read_only_reason or f"{run.id} cannot be resumed: {'; '.join(run.problems) or 'it has no settings'}"
        )
    status, state = run.status, run.state
    host = state.host or run.info.host
    if status in ALIVE:
        pid = state.pid or state.supervisor_pid
        process = f"process {pid} on {host}" if pid else locks.lock_holder(run.paths)
        raise RunError(f"{run.id} is {status}: {process}", hint=f"engine stop {run.id} stops it")
    if host and host != hostname():
        raise RunError(
            f"{run.id} ran on {host}; it can be resumed there", hint=f"here, --from {run.id} continues it in a new run"
        )
    if reason := run.read_only_reason:
        raise RunError(reason)


def _grown(run: Run, grow: Sequence[str]) -> dict[str, float]:
    """The run's limits after growing them as asked."""
    grown = limits(run.paths)
    train = run.info.settings.get("train") or {}
    for rule in grow:
        key, equals, text = rule.partition("=")
        key = key.strip()
        if key not in GROWABLE or not equals:
            raise UsageError(
                f"a resumed run keeps its settings; {rule!r} cannot change", hint=f"only {', '.join(GROWABLE)} may grow"
            )
        new, old = _limit(key, text), grown.get(key, train.get(key.partition(".")[2]))
        if old is None:
            raise UsageError(f"{run.id} has no limit {key} that could grow", hint=f"it was given {_given(train)}")
        if new < old:
            raise UsageError(f"{key} of {run.id} is {old:g} and can only grow; {text} is less")
        grown[key] = new
    return grown


def _limit(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{key}={text}: not a number") from None
    if not 0 < value < float("inf"):
        raise UsageError(f"{key}={text}: must be a positive number")
    return int(value) if value == int(value) else value


def _given(train: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{key}={train[key.partition('.')[2]]}" for key in GROWABLE if train.get(key.partition(".")[2]))
        or "none"
    )


def _device_of(run: Run) -> str:
    """The device to resume on: the one the settings name; for `auto`, the kind the run began on."""
    spec = str(run.info.settings.get("device") or "auto")
    return "cpu" if spec == "auto" and run.info.device.get("kind") == "cpu" else spec


def _check_same_kind(run: Run, chosen: Device, asked: str | None) -> None:
    if asked is None and run.info.device.get("kind") == "cuda" and chosen.kind == "cpu":
        raise NoDeviceError(
            f"{run.id} ran on {run.info.device.get('title') or 'a GPU'}, and there is none here",
            hint="--device cpu goes on without",
        )


def _reopen(run: Run, device: Device, grown: dict[str, float]) -> None:
    clear_requests(run.paths)
    if grown:
        run.paths.control.mkdir(exist_ok=True)
        write_json(run.paths.control / "limits.json", grown)
    readable = run.state if run.state.state != "unreadable" else State(created=run.info.created)
    fresh: dict[str, Any] = {
        "cause": None,
        "cause_kind": None,
        "exit_code": None,
        "ended": None,
        "pid": None,
        "pid_start": None,
    }
    fresh |= {
        "supervisor_pid": None,
        "supervisor_start": None,
        "host": hostname(),
        "boot_id": boot_id(),
        "device": device.name,
    }
    if grown:  # how many steps that comes to is known once the data is there; until then it is not all done
        fresh |= {"total_steps": None, "total_epochs": None}
    write_state(run.paths, msgspec.structs.replace(readable, state="starting", **fresh))
