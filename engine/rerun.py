"""A run once more: the request that repeats it exactly, and what is not as it was then."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine import provenance
from engine.changes import written
from engine.errors import EngineError
from engine.experiments import apply_overrides, settings_from_run
from engine.launch import LaunchRequest
from engine.resume import limits
from engine.run import Run

_TELLING = ("python", "torch", "numpy", "dltui")
"""Whose other version may change a result."""


def rerun_request(
    origin: Run, overrides: Sequence[str] = (), *, device: str | None = None, note: str = "", tags: Sequence[str] = ()
) -> LaunchRequest:
    """What launches a run again: its settings, seed and data, from the beginning or from the checkpoint it began with.

    Args:
        origin: the run.
        overrides: `key=value` each, to change some of its settings after all.
        device: another device than the kind it ran on.
        note: why it is run again.
        tags: tags of the new run.

    Raises:
        SettingsError: its settings cannot be read, or an override is wrong.
    """
    info = origin.info
    folder = Path(info.folder or ".")
    settings = settings_from_run(info)
    if overrides:
        settings = apply_overrides(settings, overrides, folder)
    return LaunchRequest(
        info.experiment,
        settings,
        folder,
        device or kind_of_device(origin),
        note,
        tuple(tags),
        info.parent,
        argv=("engine", *words(origin.id, overrides, device)),
    )


def words(run_id: str, overrides: Sequence[str] = (), device: str | None = None) -> list[str]:
    """The arguments after `engine` that run a run again."""
    changes = [word for override in overrides for word in ("-s", override)]
    return ["rerun", run_id, *changes, *(("--device", device) if device else ())]


def command_line(run_id: str, overrides: Sequence[str] = (), device: str | None = None) -> str:
    """The command that runs a run again, quoted for a shell."""
    return shlex.join(["engine", *words(run_id, overrides, device)])


def kind_of_device(origin: Run) -> str | None:
    """The CPU for what `auto` had put on the CPU; None leaves it to the settings."""
    spec = str(origin.info.settings.get("device") or "auto")
    return "cpu" if spec == "auto" and origin.info.device.get("kind") == "cpu" else None


def differences(origin: Run, request: LaunchRequest, runs: Path) -> list[str]:
    """What is not as it was when `origin` was launched, a sentence each; empty when all that is recorded is the same.

    Args:
        origin: the run.
        request: what would be launched now.
        runs: the runs folder, whose files are nobody's code.
    """
    git = provenance.GitQuery(request.folder, leave_out=runs)
    found = [*_versions(origin), *_data(origin, request), *_own_code(origin, request), *_limits(origin)]
    return [*_code(origin, git.result()[0]), *found]


def _code(origin: Run, now: dict[str, Any] | None) -> Iterator[str]:
    then = origin.info.git
    if not then or not now or not then.get("commit"):
        return
    if then["commit"] != now.get("commit"):
        commit = str(now.get("commit") or "none")
        yield f"on another commit: {commit[:10]} now, {str(then['commit'])[:10]} when {origin.id} ran"
    if then.get("diff_sha256") != now.get("diff_sha256"):
        yield f"the uncommitted changes are not those of {origin.id}{_patch(origin, then)}"


def _patch(origin: Run, then: dict[str, Any]) -> str:
    return f" (kept in {origin.paths.code_patch})" if then.get("diff_sha256") else ": it had none"


def _own_code(origin: Run, request: LaunchRequest) -> Iterator[str]:
    files = provenance.changed_code(origin.info.code, origin.info.settings, request.folder)
    if files:
        yield f"{', '.join(files)} changed since {origin.id}"


def _data(origin: Run, request: LaunchRequest) -> Iterator[str]:
    then = origin.info.data_fingerprint
    if not then:
        return
    from engine.summary import quick_fingerprint

    try:
        now = quick_fingerprint(request.settings, request.folder)
        before = quick_fingerprint(settings_from_run(origin.info), request.folder)
    except (EngineError, OSError):
        return  # the launch itself says what is wrong with the data
    if now == before != then:
        yield f"files of the data or of what reads it have other sizes or times than when {origin.id} ran"


def _versions(origin: Run) -> Iterator[str]:
    now = provenance.versions()
    for name in _TELLING:
        then = origin.info.versions.get(name)
        if then and now.get(name, then) != then:
            yield f"{name} {now[name]} now, {then} when {origin.id} ran"


def _limits(origin: Run) -> Iterator[str]:
    grown = limits(origin.paths)
    if grown:
        given = " ".join(f"-s {key}={written(value)}" for key, value in grown.items())
        yield f"{origin.id} was resumed beyond its settings; {given} goes as far"
