"""A run's settings as an experiment of its own: written into experiments.toml, whose other lines stay as they are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from engine.changes import WORDS, alike, changed, complete
from engine.errors import EngineError, RunError, UsageError
from engine.experiments import ExperimentFile, copy_packaged, flatten, load, resolve, settings_from_run
from engine.run import Run
from engine.settings import Settings
from engine.text import printable

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def free_name(file: ExperimentFile, experiment: str) -> str:
    """A name for a variant of an experiment that the file does not have: `names-lstm-2`."""
    taken = {*file.experiments, *file.broken}
    number = 2
    while f"{experiment}-{number}" in taken:
        number += 1
    return f"{experiment}-{number}"


def duplicate(file: ExperimentFile, run: Run, name: str, cwd: Path) -> Path:
    """Write a new experiment with the settings of a run at the end of the file; the packaged one is copied first.

    It extends the run's experiment where the differences can be told so, and else stands alone.

    Returns:
        The file written.

    Raises:
        UsageError: the name is taken, or is none.
        SettingsError: the run's settings cannot be read.
        RunError: the file cannot be written.
    """
    _check_name(file, name)
    settings = complete(settings_from_run(run.info), file.folder)
    path = (copy_packaged(cwd) if file.packaged else file.path).resolve()
    for table in _candidates(file, run, settings):
        if _write(path, name, table, settings):
            return path
    raise RunError(
        f"the settings of {run.id} cannot be written as an experiment of {path.name}",
        hint="engine rerun RUN -s KEY=VALUE runs them with changes",
    )


def name_problem(file: ExperimentFile, name: str) -> str:
    """Why an experiment cannot have a name; empty when it can."""
    try:
        _check_name(file, name)
    except UsageError as error:
        return f"{error.message}: {error.hint}"
    return ""


def _check_name(file: ExperimentFile, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{printable(name)!r} is no name for an experiment", hint="letters, digits, - and _")
    if name in file.experiments or name in file.broken:
        raise UsageError(f"there is an experiment {name!r} already", hint=f"such as {free_name(file, name)}")


def _candidates(file: ExperimentFile, run: Run, settings: Settings) -> list[dict[str, Any]]:
    """The table to write: first as a variant of its experiment, then on its own."""
    head = {"description": f"{run.info.experiment} as in {run.id}"}
    if settings.tags:
        head["tags"] = list(settings.tags)  # type: ignore[assignment]
    own = {key: value for key, value in flatten(settings).items() if value is not None and key not in WORDS}
    if settings.scheduler is None:
        own["scheduler"] = "none"
    found = [{**head, **own}]
    if run.info.experiment in file.experiments:
        try:
            base = resolve(file, run.info.experiment)
        except EngineError:
            return found
        origin = {"init_from": settings.init_from} if settings.init_from else {}  # `extends` does not pass it on
        changes = {**origin, **changed(base, settings, file.folder)}
        found.insert(0, {"extends": run.info.experiment, **head, **changes})
    return found


def _write(path: Path, name: str, flat: dict[str, Any], wanted: Settings) -> bool:
    """Write the file with one table more, if it then means what it should; whether it did."""
    import tomli

    before = path.read_bytes()
    text = _with_table(before.decode("utf-8"), name, flat)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        old, new = tomli.loads(before.decode("utf-8")), tomli.loads(text)
        new.get("experiments", {}).pop(name, None)
        if new != {"experiments": {}, **old}:
            return False
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.chmod(path.stat().st_mode & 0o777)
        if not _means(temporary, name, wanted):
            return False
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}", hint="is its folder yours?") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _means(path: Path, name: str, wanted: Settings) -> bool:
    try:
        return alike(resolve(load(path), name), wanted)
    except EngineError:
        return False


def _with_table(text: str, name: str, flat: dict[str, Any]) -> str:
    """The file's text, and the experiment below it: what is there already is not written anew."""
    import tomlkit

    table = tomlkit.table()
    for key, value in _nested(flat).items():
        table[key] = _inline(value) if isinstance(value, dict) else value
    above = tomlkit.table(is_super_table=True)
    above[name] = table
    document = tomlkit.document()
    document["experiments"] = above
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return text + gap + tomlkit.dumps(document)


def _inline(value: dict[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    table.update({key: _inline(item) if isinstance(item, dict) else item for key, item in value.items()})
    return table


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *above, last = key.split(".")
        table = nested
        for part in above:
            table = table.setdefault(part, {})
        table[last] = value
    return nested
