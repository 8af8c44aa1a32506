"""Starting runs: the device, the folder with all that is recorded before the first step, and the process."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import leases, locks, provenance
from engine.control import request_checkpoint, stop
from engine.devices import Device
from engine.errors import EngineError, RunError
from engine.jsonio import plain, write_bytes, write_json
from engine.origins import check_origin
from engine.processes import boot_id, hostname, username
from engine.records import ENDED, Marks, RunInfo, RunPaths, State, write_marks, write_state
from engine.resume import limits, resume
from engine.runs import Run, RunsFolder, load_run
from engine.settings import Settings
from engine.start import WORKER, start, take_device
from engine.words import template

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
    notify: str | None = None
    """Where the supervisor tells of the end: a webhook's URL, or empty for what the person's settings name."""


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
        NotFoundError: what it is to begin with is not there.
        SettingsError: that is at the run's limit already.
    """
    check_origin(runs, request.parent, request.settings, request.folder)
    git = provenance.GitQuery(request.folder, leave_out=runs.root)
    spec = request.device or request.settings.device
    device, lease = take_device(spec)
    descriptors = [] if lease is None else [lease]
    try:
        paths = runs.new()
        try:
            lock = locks.lock_run(paths)
            descriptors.append(lock)
            environment = provenance.environment(request.environment)
            write_folder(paths, request, device, git, environment)
            if lease is not None:
                leases.describe(device, paths.id, paths.folder)
            start(paths, request.folder, device, environment, lock, lease, worker)
        except OSError as error:
            shutil.rmtree(paths.folder, ignore_errors=True)
            raise RunError(
                f"{paths.id} could not be started: {error.filename or paths.folder}: {error.strerror}"
            ) from error
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return paths


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
    for override in _overrides(request):
        words += ["-s", override]
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


def write_folder(
    paths: RunPaths, request: LaunchRequest, device: Device, git: provenance.GitQuery, environment: dict[str, str]
) -> None:
    """Write all that a run's folder holds before its worker exists; run.json comes last, vouching for the rest."""
    tags = list(dict.fromkeys((*request.settings.tags, *request.tags)))
    created = time.time()
    if tags:
        write_marks(paths, Marks(tags=tags))
    write_notes(paths, request)
    if request.notify is not None:
        from engine.notices import ask_supervisor

        ask_supervisor(paths, request.notify)
    state = State(state="queued", host=hostname(), boot_id=boot_id(), device=device.name, created=created)
    write_state(paths, state)
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
        cwd=str(Path.cwd()),
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
    state.state = "starting"  # from here on a launcher that dies leaves a run that is lost, not one that waits for ever
    write_state(paths, state)
    write_json(paths.run, info)


def write_notes(paths: RunPaths, request: LaunchRequest) -> None:
    """Begin the run's journal entry; one that is there already stays as it is."""
    motivation = "\n\n".join(text for text in (request.settings.motivation.strip(), request.note.strip()) if text)
    text = template(f"{paths.id} · {request.experiment}", motivation)
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


def _overrides(request: LaunchRequest) -> tuple[str, ...]:
    """What was changed of the experiment's own settings, as `-s` takes it."""
    from engine import experiments
    from engine.changes import changed, overrides

    try:
        file = experiments.load(experiments.find_file(None, request.folder))
        base = experiments.resolve(file, request.experiment)
    except EngineError:
        base = Settings()  # the experiment is gone: say everything
    found = changed(base, request.settings, request.folder)
    names = {key: value for key, value in found.items() if key.endswith(".name")}
    return overrides({**names, **dict(sorted(found.items()))})
