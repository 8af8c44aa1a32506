"""`experiments.toml`: what experiments there are, what each resolves to, and everything that is wrong with the file.

Nothing heavy is imported here: 40 experiments are read and checked in a few milliseconds.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.completion import completions, keys
from engine.errors import NotFoundError, RunError, SettingsError, nearest
from engine.inheritance import Problem, ProblemsError, Source, beside
from engine.merge import Table
from engine.resolving import (
    apply_overrides,
    check_all,
    checked,
    closely,
    each_value,
    expand,
    flatten,
    resolve,
    settings_from_run,
)
from engine.rules import parse_every
from engine.settings import DataOptions, Recipe, Settings
from engine.table_checks import filled
from engine.text import printable
from engine.toml_lines import read, shown_path

__all__ = [
    "Experiment",
    "ExperimentFile",
    "Problem",
    "apply_overrides",
    "check_all",
    "completions",
    "copy_packaged",
    "expand",
    "find_file",
    "flatten",
    "keys",
    "load",
    "parse_every",
    "resolve",
    "settings_from_run",
]

FILE_NAME = "experiments.toml"
PACKAGED = Path(__file__).parent / FILE_NAME


@dataclass(frozen=True)
class Experiment:
    """A named recipe of the file."""

    name: str
    settings: Settings
    """Resolved, with the defaults of data set and model; a matrix experiment's are those of its first run."""
    extends: str | None
    own: dict[str, Any]
    """Its table as written."""
    merged: dict[str, Any]
    """Its table with all it inherits."""
    seeds: int | None = None
    matrix: dict[str, list[Any]] = field(default_factory=dict)
    sweep: dict[str, Any] | None = None
    command: list[str] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] | str | None = None
    cwd: str | None = None
    env: dict[str, Any] = field(default_factory=dict)
    python: str | None = None
    checkpoints: Any = None
    resume_arg: str | list[str] | None = None
    source: Source | None = field(default=None, repr=False, compare=False)
    folder: Path = field(default_factory=Path, repr=False, compare=False)

    @property
    def line(self) -> int:
        """Where its table begins in the file."""
        return (self.source and self.source.lines.line(("experiments", self.name))) or 1

    @property
    def runs(self) -> int:
        """How many runs one launch makes: matrix × seeds."""
        count = self.seeds or 1
        for values in self.matrix.values():
            count *= len(values)
        return count

    @property
    def runnable(self) -> bool:
        """Whether this version can run it."""
        return self.command is None and self.sweep is None

    def differing(self) -> dict[str, Any]:
        """Dotted keys of the settings that differ from what would hold if nothing were written."""
        usual = flatten(Settings()) | _usual(self.settings, self.folder)
        flat = flatten(msgspec.structs.replace(self.settings, description="", motivation="", tags=[]))
        return {key: value for key, value in flat.items() if key not in usual or usual[key] != value}


def _usual(settings: Settings, folder: Path) -> dict[str, Any]:
    """What data set and model take when nothing is said."""
    usual = {
        f"data.{key}": value for key, value in msgspec.structs.asdict(DataOptions(name="")).items() if key != "name"
    }
    for kind in ("data", "model"):
        name = getattr(settings, kind).get("name", "")
        if name and not name.startswith("torchvision:"):
            try:
                signature = (signatures.dataset if kind == "data" else signatures.model)(name, folder)
            except SettingsError:
                continue
            usual |= {f"{kind}.{key}": value for key, value in filled(signature).items()}
    return usual


@dataclass(frozen=True)
class ExperimentFile:
    """An experiments file as it was read; bad experiments are told of in `problems`, the others are usable."""

    path: Path
    packaged: bool
    """Whether it is the one that came with the program: read-only; copy it to change it."""
    experiments: dict[str, Experiment]
    """Those without problems, in the file's order."""
    problems: tuple[Problem, ...]
    folder: Path
    """Where the user's modules and relative paths of csv files are looked for."""
    broken: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    """The experiments with problems."""
    source: Source | None = field(default=None, repr=False, compare=False)

    def get(self, name: str) -> Experiment:
        """The experiment of that name.

        Raises:
            NotFoundError: there is none.
            SettingsError: it has problems; all of them are told.
        """
        if name in self.experiments:
            return self.experiments[name]
        if name in self.broken:
            raise ProblemsError(closely(self, name))
        hint = nearest(name, [*self.experiments, *self.broken])
        raise NotFoundError(f"there is no experiment '{printable(name)}' in {shown_path(self.path)}", hint=hint)


# -------------------------------------------------------------------------------------------------- finding and reading


def find_file(explicit: Path | None, cwd: Path) -> Path:
    """The experiments file to use: the one named, else ./experiments.toml, else the packaged one.

    Raises:
        NotFoundError: the one named does not exist.
    """
    if explicit is not None:
        path = cwd / explicit.expanduser()
        if not path.exists():
            raise NotFoundError(f"there is no {shown_path(path)}", hint="give an existing file with --file FILE")
        return path
    path = cwd / FILE_NAME
    return path if os.path.lexists(path) else PACKAGED


def load(path: Path, *, first: int | None = None) -> ExperimentFile:
    """Read and check an experiments file.

    Args:
        first: how many experiments are checked; the others are taken as their tables stand where that can be done, for
            a list that is checked in full soon after. All where it is None.

    Raises:
        NotFoundError: there is no such file.
        SettingsError: it cannot be read or is not TOML: file, line, column and the offending line.
    """
    data, text = read(path)
    source = Source(path, data, text)
    packaged = path.absolute() == PACKAGED.absolute()
    folder = Path.cwd() if packaged else beside(path)
    experiments: dict[str, Experiment] = {}
    broken: dict[str, tuple[Problem, ...]] = {name: (problem,) for name, problem in source.unusable.items()}
    for place, name in enumerate(source.tables):
        unchecked = _as_it_stands(source, name, folder) if first is not None and place >= first else None
        found = unchecked or _read_experiment(source, name, folder)
        if isinstance(found, Experiment):
            experiments[name] = found
        else:
            broken[name] = found
    every = [*source.problems, *source.default_problems(), *itertools.chain.from_iterable(broken.values())]
    problems = sorted(dict.fromkeys(every), key=lambda problem: problem.line or 0)
    return ExperimentFile(path, packaged, experiments, tuple(problems), folder, broken, source)


def _read_experiment(source: Source, name: str, folder: Path) -> Experiment | tuple[Problem, ...]:
    table, problem = source.merged(name)
    faults = source.own_faults(name)
    problems = [source.problem(name, fault) for fault in faults]
    if problem is not None:
        problems.append(problem)
    lonely = problem is not None or any(fault.path == ("extends",) for fault in faults)
    settings: Settings | None = None
    # without its parent the experiment's own table is checked for itself: one error must not hide the others
    table = source.tables[name] if lonely else table
    complete = not lonely and "command" not in table
    for overrides in each_value({} if faults or lonely else table.get("matrix") or {}):
        resolved, found = checked(table, overrides, folder, deep=False, complete=complete)
        settings = settings or resolved
        problems += [source.problem(name, fault, overrides) for fault in found]
    if problems or settings is None:
        return tuple(dict.fromkeys(problems))
    return _experiment(source, name, table, settings, folder)


def _as_it_stands(source: Source, name: str, folder: Path) -> Experiment | None:
    """An experiment by its table alone; None where that is not sound by itself."""
    table, problem = source.merged(name)
    if problem is not None or source.own_faults(name):
        return None
    try:
        settings = msgspec.convert({k: v for k, v in table.items() if k not in Recipe.__struct_fields__}, Settings)
    except msgspec.ValidationError:
        return None
    return _experiment(source, name, table, settings, folder)


def _experiment(source: Source, name: str, table: Table, settings: Settings, folder: Path) -> Experiment:
    recipe = {key: table[key] for key in Recipe.__struct_fields__ if key in table and table[key] is not None}
    recipe.pop("extends", None)
    own = source.written[name]
    return Experiment(name, settings, source.parent(name), own, table, source=source, folder=folder, **recipe)


def copy_packaged(cwd: Path) -> Path:
    """Write ./experiments.toml from the packaged one, so that it can be changed; one already there is left alone.

    Raises:
        RunError: the folder cannot be written.
    """
    path = cwd / FILE_NAME
    try:
        with open(path, "xb") as file:
            file.write(PACKAGED.read_bytes())
    except FileExistsError:
        pass
    except OSError as error:
        raise RunError(
            f"{shown_path(path)} cannot be written: {error.strerror}", hint="start in a folder you can write"
        ) from error
    return path
