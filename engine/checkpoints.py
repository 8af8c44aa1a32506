"""The checkpoints of a run as files: listing, finding, pruning, deleting. No torch here, so that browsing is quick.

A checkpoint is a folder `step-00000450` that exists if and only if it is complete; `best`, `last` and `epoch-0010` are
relative symlinks beside it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import NotFoundError, RunError, nearest
from engine.jsonio import number, read_json
from engine.records import RunPaths

CONTENT = "checkpoint.json"
FORMAT = 1
_FOLDER = re.compile(r"step-([0-9]{8,18})")


@dataclass(frozen=True)
class CheckpointInfo:
    """One checkpoint, as its JSON tells it."""

    name: str
    """best or last where it is that, else the name of its folder."""
    folder: Path
    epoch: float
    step: int
    metrics: dict[str, float]
    bytes: int
    created: float
    aliases: tuple[str, ...]
    """Every symlink that leads to it."""
    problem: str = ""
    """Why it cannot be read; empty when it can."""


def folder_name(step: int) -> str:
    """The folder of the checkpoint made at a step."""
    return f"step-{step:08d}"


def epoch_alias(epoch: int) -> str:
    """The symlink to the checkpoint made at the end of an epoch."""
    return f"epoch-{epoch:04d}"


def list_checkpoints(paths: RunPaths) -> list[CheckpointInfo]:
    """All checkpoints of a run, oldest step first. Never raises: what cannot be read carries its problem."""
    links = _links(paths)
    folders = [(int(match[1]), entry) for entry in _names(paths) if (match := _FOLDER.fullmatch(entry))]
    found = []
    for step, name in sorted(folders):
        folder = paths.checkpoints / name
        if folder.is_symlink() or not folder.is_dir():
            continue
        aliases = tuple(sorted((a for a, target in links.items() if target == name), key=_alias_order))
        found.append(_read(folder, step, aliases))
    return found


def _names(paths: RunPaths) -> list[str]:
    try:
        return os.listdir(paths.checkpoints)
    except OSError:
        return []


def _links(paths: RunPaths) -> dict[str, str]:
    links = {}
    for name in _names(paths):
        with contextlib.suppress(OSError):
            links[name] = os.readlink(paths.checkpoints / name).rstrip("/")
    return links


def _alias_order(alias: str) -> tuple[int, str]:
    return ({"best": 0, "last": 1}.get(alias, 2), alias)


def _read(folder: Path, step: int, aliases: tuple[str, ...]) -> CheckpointInfo:
    name = aliases[0] if aliases and aliases[0] in ("best", "last") else folder.name
    try:
        content = read_json(folder / CONTENT)
        files = {file: int(entry["bytes"]) for file, entry in content["files"].items()}
        epoch, metrics, created = content["epoch"], content["metrics"], content["created"]
        size = sum(files.values()) + (folder / CONTENT).stat().st_size
        numbers = {key: number(value) for key, value in metrics.items()}
        problem = _missing(folder, files)
        return CheckpointInfo(name, folder, number(epoch), step, numbers, size, number(created), aliases, problem)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return CheckpointInfo(name, folder, 0.0, step, {}, 0, 0.0, aliases, f"{CONTENT} cannot be read: {error}")


def _missing(folder: Path, files: dict[str, int]) -> str:
    for name, size in files.items():
        try:
            actual = (folder / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if actual != size:
            return f"{name} has {actual:,} bytes instead of {size:,}"
    return ""


def find_checkpoint(paths: RunPaths, name: str = "last") -> CheckpointInfo:
    """A checkpoint by name: best, last, epoch-0010 (or epoch-10), step-00000450 (or step-450).

    Raises:
        NotFoundError: there is none of that name.
    """
    known = list_checkpoints(paths)
    wanted = _canonical(name)
    for info in known:
        if wanted in (info.folder.name, *info.aliases):
            return info
    if wanted == "last" and known:
        return known[-1]
    names = [alias for info in known for alias in (*info.aliases, info.folder.name)]
    hint = nearest(name, names) or f"{paths.id} has no checkpoints"
    raise NotFoundError(f"{paths.id} has no checkpoint {name!r}", hint=hint)


def _canonical(name: str) -> str:
    match = re.fullmatch(r"(step|epoch)-([0-9]{1,18})", name)
    if match is None:
        return name
    return folder_name(int(match[2])) if match[1] == "step" else epoch_alias(int(match[2]))


def set_link(paths: RunPaths, alias: str, target: str) -> None:
    """Point the symlink `alias` at the checkpoint folder `target`, in one step.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    temporary = paths.checkpoints / f".{alias}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    try:
        os.replace(temporary, paths.checkpoints / alias)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


PROTECTED = frozenset({"best", "last"})
"""What pruning leaves, besides the newest."""
ONLY_BEST = frozenset({"best"})


def prunable(paths: RunPaths, keep: int = 0, *, protected: frozenset[str] = PROTECTED) -> list[CheckpointInfo]:
    """The checkpoints that pruning deletes: all but the newest `keep` and those that `protected` names.

    The newest of all stays too, unless `protected` names another that is there: a run keeps one to go on from.
    """
    known = list_checkpoints(paths)
    sound = {alias for info in known if not info.problem for alias in info.aliases}
    least = 0 if protected == ONLY_BEST and "best" in sound else 1
    newest = {info.folder.name for info in known[max(0, len(known) - max(least, keep)) :]}
    return [info for info in known if info.folder.name not in newest and not protected & set(info.aliases)]


def prune(paths: RunPaths, keep: int, *, protected: frozenset[str] = PROTECTED) -> list[str]:
    """Delete what `prunable` names.

    Returns:
        The names of the folders deleted.
    """
    gone = prunable(paths, keep, protected=protected)
    for info in gone:
        _delete(paths, info)
    return [info.folder.name for info in gone]


def delete_checkpoint(paths: RunPaths, name: str) -> None:
    """Delete a checkpoint and the symlinks to it.

    Raises:
        NotFoundError: there is none of that name.
        RunError: it is the last or the best one, which a run needs to go on, or it cannot be deleted.
    """
    info = find_checkpoint(paths, name)
    kept = [alias for alias in ("best", "last") if alias in info.aliases]
    if kept:
        raise RunError(
            f"{info.folder.name} of {paths.id} is its {' and '.join(kept)} checkpoint",
            hint=f"to delete the whole run: engine rm {paths.id}",
        )
    try:
        _delete(paths, info)
    except OSError as error:
        raise RunError(f"{info.folder} cannot be deleted: {error.strerror}") from error


def _delete(paths: RunPaths, info: CheckpointInfo) -> None:
    """The folder first gets a name that no reader looks at, so that it goes as it came: all at once."""
    for alias in info.aliases:
        (paths.checkpoints / alias).unlink(missing_ok=True)
    hidden = paths.checkpoints / f".gone-{info.folder.name}-{time.time_ns()}.tmp"
    os.rename(info.folder, hidden)
    shutil.rmtree(hidden)


def sweep_leftovers(paths: RunPaths) -> None:
    """Remove what a killed worker left half written or half deleted. Only the run's own worker may call it."""
    for name in _names(paths):
        path = paths.checkpoints / name
        if name.startswith(".") and name.endswith(".tmp"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def parse_reference(text: str, default: str = "last") -> tuple[str, str]:
    """Split `e0031:best` into the run and the checkpoint's name."""
    run, colon, name = text.partition(":")
    return run, name if colon and name else default


def summary(info: CheckpointInfo) -> dict[str, Any]:
    """A checkpoint as `engine checkpoints --json` shows it."""
    return {
        "name": info.name,
        "epoch": info.epoch,
        "step": info.step,
        "metrics": info.metrics,
        "bytes": info.bytes,
        "path": str(info.folder),
        "created": info.created,
        "aliases": list(info.aliases),
        "problem": info.problem,
    }
