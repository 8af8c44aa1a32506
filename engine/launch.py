"""Starting runs: the device, the folder, what is recorded of a run before its first step, and the process that keeps it alive."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine import devices, leases, provenance
from engine.control import clear_requests, request_checkpoint, stop
from engine.devices import Device
from engine.errors import EngineError, NoDeviceError, RunError, UsageError
from engine.jsonio import plain, read_json, write_bytes, write_json
from engine.processes import boot_id, hostname, username
from engine.records import ALIVE, ENDED, FORMAT, Marks, RunInfo, RunPaths, State, write_marks, write_state
from engine.runs import Run, RunsFolder, load_run
from engine.settings import Settings

__all__ = [
    "LaunchRequest",
    "command",
    "command_line",
    "launch",
    "limits",
    "request_checkpoint",
    "resume",
    "stop",
    "wait",
]

WORKER = "engine.worker"

GROWABLE = ("train.epochs", "train.steps", "train.minutes")
"""The only settings that a resumed run may change, and only upwards."""


@dataclass(frozen=True)
class LaunchRequest:
    """What is to be run, as a person asked for it."""

    experiment: str
    settings: Settings
    folder: Path
    """The folder of experiments.toml; the worker's working directory."""
    device: str | None = None
    """auto | cpu | cuda:N | a GPU's UUID; the settings' own when None."""
    note: str = ""
    tags: tuple[str, ...] = ()
    parent: str | None = None
    """`e0031:best` where the run continues another's checkpoint."""
    group: str | None = None
    argv: tuple[str, ...] = ()
    """The headless command that does the same; put together from the rest when empty."""
    environment: Mapping[str, str] | None = None
    """The variables captured when the run was queued; the present ones when None."""


def launch(runs: RunsFolder, request: LaunchRequest, *, worker: str = WORKER) -> RunPaths:
    """Start a run in the background and return its paths at once.

    Args:
        runs: where its folder is made.
        request: what to run.
        worker: the module that the run's process executes.

    Raises:
        NoDeviceError: the device is busy, or no GPU is free.
        UsageError: there is no such device.
        RunError: the runs folder cannot be written.
    """
    git = provenance.GitQuery(request.folder, leave_out=runs.root)
    spec = request.device or request.settings.device
    device, lease = _take_device(spec)
    descriptors = [] if lease is None else [lease]
    try:
        paths = runs.new()
        try:
            lock = leases.lock_run(paths)
            descriptors.append(lock)
            environment = provenance.environment(request.environment)
            _write_folder(paths, request, device, git, environment)
            if lease is not None:
                leases.describe(device, paths.id, paths.folder)
            _start(paths, request.folder, device, environment, lock, lease, worker)
        except OSError as error:
            shutil.rmtree(paths.folder, ignore_errors=True)
            raise RunError(
                f"{paths.id} could not be started: {error.filename or paths.folder}: {error.strerror}"
            ) from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return paths


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
    lock = leases.lock_run(run.paths)
    descriptors = [lock]
    try:
        run = load_run(run.paths)
        _check_resumable(run)  # it may have been resumed, and have ended, since the first look
        chosen, lease = _take_device(device or _device_of(run))
        if lease is not None:
            descriptors.append(lease)
        _check_same_kind(run, chosen, device)
        _reopen(run, chosen, grown)
        if lease is not None:
            leases.describe(chosen, run.id, run.paths.folder)
        _start(run.paths, Path(run.info.folder), chosen, provenance.environment(), lock, lease, worker)
    except OSError as error:
        raise RunError(
            f"{run_id} could not be resumed: {error.filename or run.paths.folder}: {error.strerror}"
        ) from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return run.paths


def wait(paths: RunPaths, timeout: float | None = None) -> Run:
    """Wait until a run has ended, or for `timeout` seconds; returns the run as it is then."""
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = 0.01
    while True:
        run = load_run(paths)
        if run.status in ENDED or (deadline is not None and time.monotonic() >= deadline):
            return run
        time.sleep(pause)
        pause = min(0.2, pause * 1.2)


def command(request: LaunchRequest) -> list[str]:
    """The arguments of the headless command that does the same."""
    if request.argv:
        return list(request.argv)
    words = ["engine", "train", request.experiment]
    for key, value in sorted(_overrides(request).items()):
        words += ["-s", f"{key}={_written(value)}"]
    if request.device and request.device != request.settings.device:
        words += ["--device", request.device]
    if request.parent:
        words += ["--from", request.parent]
    if request.note:
        words += ["--note", request.note]
    for tag in request.tags:
        words += ["--tag", tag]
    return words


def command_line(request: LaunchRequest) -> str:
    """The headless command that does the same, quoted for a shell."""
    return shlex.join(command(request))


def limits(paths: RunPaths) -> dict[str, float]:
    """The limits a resumed run has grown to: `train.epochs` and the like; empty when it never did."""
    try:
        content = read_json(paths.control / "limits.json")
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: content[key] for key in GROWABLE if isinstance(content.get(key), (int, float))}


def _take_device(spec: str) -> tuple[Device, int | None]:
    """Choose a device and take its lease; where `auto` loses a race for a GPU, it tries the next."""
    while True:
        device = devices.choose(spec)
        if device.uuid is None:
            return device, None
        try:
            return device, leases.acquire(device, "", "")
        except NoDeviceError:
            if spec != "auto":
                raise


def _write_folder(
    paths: RunPaths, request: LaunchRequest, device: Device, git: provenance.GitQuery, environment: dict[str, str]
) -> None:
    """Everything a run's folder holds before its worker exists; run.json comes last, so that it vouches for the rest."""
    tags = list(dict.fromkeys((*request.settings.tags, *request.tags)))
    created = time.time()
    if tags:
        write_marks(paths, Marks(tags=tags))
    write_notes(paths, request)
    write_state(paths, State(state="queued", host=hostname(), boot_id=boot_id(), device=device.name, created=created))
    settings = plain(request.settings)
    git_entry, patch = git.result()
    if patch:
        write_bytes(paths.code_patch, patch)
    info = RunInfo(
        run=paths.id,
        experiment=request.experiment,
        settings=settings,
        parent=request.parent,
        group=request.group,
        seed=request.settings.seed,
        argv=command(request),
        folder=str(request.folder.absolute()),
        git=git_entry,
        code=provenance.code_files(settings, request.folder),
        python=sys.executable,
        cwd=os.getcwd(),
        host=hostname(),
        user=username(),
        device={key: getattr(device, key) for key in ("kind", "name", "uuid", "index", "title")},
        versions=provenance.versions(),
        data_fingerprint=_fingerprint(request),
        environment=environment,
        created=created,
        note=request.note,
        tags=tags,
    )
    write_json(paths.run, info)


def write_notes(paths: RunPaths, request: LaunchRequest) -> None:
    """Begin the run's journal entry; one that is there already stays as it is."""
    motivation = "\n\n".join(text for text in (request.settings.motivation.strip(), request.note.strip()) if text)
    text = f"# {paths.id} · {request.experiment}\n\n## Motivation\n\n{motivation}\n\n## Results\n\n\n\n## Interpretation\n\n"
    with contextlib.suppress(FileExistsError), open(paths.notes, "x", encoding="utf-8", errors="replace") as file:
        file.write(text)


def _fingerprint(request: LaunchRequest) -> str | None:
    try:
        from engine.summary import quick_fingerprint
    except ImportError:
        return None
    try:
        return quick_fingerprint(request.settings, request.folder)
    except (EngineError, OSError):
        return None  # the worker will say what is wrong with the data


def _start(
    paths: RunPaths,
    folder: Path,
    device: Device,
    environment: dict[str, str],
    lock: int,
    lease: int | None,
    worker: str,
) -> None:
    """Start the supervisor in a session of its own, holding the run's lock and the device's lease."""
    state = load_run(paths).state
    state.state = "starting"
    write_state(paths, state)
    command = [sys.executable, "-P", "-m", "engine.supervisor", str(paths.folder.absolute()), "--lock", str(lock)]
    if lease is not None:
        command += ["--lease", str(lease)]
    if worker != WORKER:
        command += ["--worker", worker]
    with open(paths.log, "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder if folder.is_dir() else None,
            env=_process_environment(environment, device),
            start_new_session=True,
            pass_fds=[lock] if lease is None else [lock, lease],
        )
    _let_go(process)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """The supervisor outlives us; it is reaped where this process still lives when it ends."""
    import threading

    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()


def _process_environment(environment: dict[str, str], device: Device) -> dict[str, str]:
    """What the supervisor and the worker get: the captured variables, the device, and where this engine lies."""
    extra = {"CUDA_VISIBLE_DEVICES": device.uuid or ""}
    if device.uuid:
        extra["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    own = str(Path(__file__).resolve().parent.parent)
    if own not in {*site.getsitepackages(), site.getusersitepackages()}:
        # before all others: a folder with an engine.py of its own must not be found first
        extra["PYTHONPATH"] = os.pathsep.join(part for part in (own, environment.get("PYTHONPATH", "")) if part)
    return {**environment, **extra}


def _check_resumable(run: Run) -> None:
    if run.info.format > FORMAT or not run.info.settings:
        raise RunError(
            run.read_only_reason or f"{run.id} cannot be resumed: {'; '.join(run.problems) or 'it has no settings'}"
        )
    status, state = run.status, run.state
    host = state.host or run.info.host
    if status in ALIVE:
        process = (
            f"process {state.pid or state.supervisor_pid} on {host}"
            if state.pid or state.supervisor_pid
            else f"on {host}"
        )
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
    fresh = {"cause": None, "cause_kind": None, "exit_code": None, "ended": None, "pid": None, "pid_start": None}
    fresh |= {
        "supervisor_pid": None,
        "supervisor_start": None,
        "host": hostname(),
        "boot_id": boot_id(),
        "device": device.name,
    }
    write_state(run.paths, msgspec.structs.replace(readable, state="starting", **fresh))


def _overrides(request: LaunchRequest) -> dict[str, Any]:
    """What was changed of the experiment's own settings: dotted key to value."""
    from engine import experiments

    try:
        file = experiments.load(experiments.find_file(None, request.folder))
        base = experiments.flatten(experiments.resolve(file, request.experiment))
    except EngineError:
        return {}
    mine = experiments.flatten(request.settings)
    return {key: value for key, value in mine.items() if base.get(key) != value and value is not None}


def _written(value: Any) -> str:
    """A value as `-s` reads it."""
    import json

    return value if isinstance(value, str) else json.dumps(plain(value))
