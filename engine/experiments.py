"""`experiments.toml`: what experiments there are, what each resolves to, and everything that is wrong with the file.

Nothing heavy is imported here: 40 experiments are read and checked in a few milliseconds.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.checks import Checker, Fault, filled, parse_every
from engine.completion import completions, keys
from engine.errors import NotFoundError, RunError, SettingsError, nearest
from engine.inheritance import Problem, Source, beside, shown_path
from engine.jsonio import number
from engine.merge import Override, Table, merge, normalise, override, parse_override
from engine.merge import flatten as flatten_table
from engine.runs import RunInfo
from engine.settings import DataOptions, Recipe, Settings
from engine.text import printable
from engine.toml_lines import read

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
MOST_RUNS = 10_000
"""A matrix of more runs than this is a mistake."""


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
            raise _error(self.broken[name])
        hint = nearest(name, [*self.experiments, *self.broken])
        raise NotFoundError(f"there is no experiment '{printable(name)}' in {shown_path(self.path)}", hint=hint)


def _error(problems: Sequence[Problem]) -> SettingsError:
    return SettingsError("\n".join(dict.fromkeys(map(str, problems))))


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


def load(path: Path) -> ExperimentFile:
    """Read and check an experiments file.

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
    for name in source.tables:
        found = _read_experiment(source, name, folder)
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
    settings: Settings | None = None
    if problem is None:
        complete = "command" not in table
        first = () if faults else next(_combinations(table.get("matrix") or {}), ())
        settings, found = _checked(table, first, folder, deep=False, complete=complete)
        problems += [source.problem(name, fault, first) for fault in found]
    if problems or settings is None:
        return tuple(dict.fromkeys(problems))
    return _experiment(source, name, table, settings, folder)


def _experiment(source: Source, name: str, table: Table, settings: Settings, folder: Path) -> Experiment:
    recipe = {key: table[key] for key in Recipe.__struct_fields__ if key in table and table[key] is not None}
    recipe.pop("extends", None)
    own = source.written[name]
    return Experiment(name, settings, source.parent(name), own, table, source=source, folder=folder, **recipe)


def _checked(
    table: Table, overrides: Sequence[Override], folder: Path, *, deep: bool, complete: bool = True
) -> tuple[Settings | None, list[Fault]]:
    """The settings that a merged table with overrides over it means, and what is wrong with it."""
    wanted = {key: value for key, value in table.items() if key not in Recipe.__struct_fields__}
    checker = Checker(folder, deep=deep, complete=complete)
    settings = checker.settings(override(wanted, overrides))
    return settings, checker.faults


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


# ------------------------------------------------------------------------------------------------------------ resolving


def check_all(file: ExperimentFile) -> None:
    """Check every experiment against the signatures of what it names.

    Raises:
        SettingsError: all problems of the file, one a line.
    """
    problems = list(file.problems)
    for experiment in file.experiments.values():
        for overrides in _each_value(experiment.matrix):
            _, faults = _checked(
                experiment.merged, overrides, file.folder, deep=True, complete=experiment.command is None
            )
            if file.source is not None:
                problems += [file.source.problem(experiment.name, fault, tuple(overrides)) for fault in faults]
    if problems:
        raise _error(sorted(problems, key=lambda problem: problem.line or 0))


def resolve(file: ExperimentFile, name: str, overrides: Sequence[str] = ()) -> Settings:
    """The complete settings of one run of an experiment; the first one where it has a matrix.

    Args:
        overrides: `key=value` each, as `-s` takes them.

    Raises:
        NotFoundError: there is no such experiment.
        SettingsError: everything that is wrong with it, or it is of a kind that cannot be run.
    """
    experiment = _runnable(file, name)
    given = _parsed(overrides)
    first = next(_combinations(_free(experiment.matrix, given)))
    return _settings(file, experiment, (*first, *given))


def expand(file: ExperimentFile, name: str, overrides: Sequence[str] = (), seeds: int | None = None) -> list[Settings]:
    """The settings of all runs of an experiment: its matrix times its seeds, the seed varying fastest.

    A key that `overrides` sets is no longer varied by the matrix.

    Args:
        seeds: how many seeds, instead of the experiment's own number.

    Raises:
        NotFoundError: there is no such experiment.
        SettingsError: everything that is wrong with any of them, or more than 10,000 runs.
    """
    experiment = _runnable(file, name)
    given = _parsed(overrides)
    free = _free(experiment.matrix, given)
    many = _seed_count(experiment, seeds)
    _refuse_too_many(experiment, free, many)
    found: list[Settings] = []
    problems: list[Problem] = []
    for combination in _combinations(free):
        try:
            settings = _settings(file, experiment, (*combination, *given))
        except _Problems as error:
            problems += error.problems
            continue
        found += (
            [msgspec.structs.replace(settings, seed=settings.seed + i) for i in range(many)] if many > 1 else [settings]
        )
    if problems:
        raise _error(problems)
    return found


def _seed_count(experiment: Experiment, seeds: int | None) -> int:
    if seeds is not None and seeds < 1:
        raise SettingsError(f"seeds must be at least 1, got {seeds}")
    many = seeds or experiment.seeds or 1
    if many > 1 and "seed" in experiment.matrix:
        raise SettingsError(
            f"experiment '{printable(experiment.name)}': the matrix varies the seed already", hint="leave out seeds"
        )
    return many


def _refuse_too_many(experiment: Experiment, matrix: Mapping[str, list[Any]], seeds: int) -> None:
    runs = seeds
    for values in matrix.values():
        runs *= len(values)
    if runs > MOST_RUNS:
        raise SettingsError(
            f"experiment '{printable(experiment.name)}': matrix × seeds = {runs:,} runs; at most {MOST_RUNS:,} can be",
            hint="a sweep samples a large space",
        )


class _Problems(SettingsError):
    """A SettingsError that still knows its problems one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(dict.fromkeys(map(str, problems))))
        self.problems = problems


def _settings(file: ExperimentFile, experiment: Experiment, overrides: Sequence[Override]) -> Settings:
    settings, faults = _checked(experiment.merged, overrides, file.folder, deep=True)
    if settings is None:
        assert experiment.source is not None
        raise _Problems([experiment.source.problem(experiment.name, fault, tuple(overrides)) for fault in faults])
    return settings


def _runnable(file: ExperimentFile, name: str) -> Experiment:
    experiment = file.get(name)
    kind = "runs a command of its own" if experiment.command is not None else "is a sweep"
    if not experiment.runnable:
        raise SettingsError(
            f"experiment '{printable(name)}' {kind}; this version cannot run those yet",
            hint="it runs experiments with data and model",
        )
    return experiment


def _combinations(matrix: Mapping[str, list[Any]]) -> Iterator[tuple[Override, ...]]:
    """Overrides for every combination of a matrix, the last key varying fastest; one empty one without a matrix."""
    for values in itertools.product(*matrix.values()):
        yield tuple((tuple(key.split(".")), value, f"{key}={value}") for key, value in zip(matrix, values, strict=True))


def _each_value(matrix: Mapping[str, list[Any]]) -> Iterator[tuple[Override, ...]]:
    """Overrides in which each value of a matrix comes up at least once, the other keys at their first."""
    yield next(_combinations(matrix))
    for key, values in matrix.items():
        for value in values[1:]:
            yield next(_combinations({**matrix, key: [value]}))


def _free(matrix: Mapping[str, list[Any]], given: Sequence[Override]) -> dict[str, list[Any]]:
    """The keys of a matrix that no override fixes."""
    fixed = {".".join(path) for path, _, _ in given}
    return {key: values for key, values in matrix.items() if key not in fixed}


_NOT_OVERRIDABLE = {
    "extends": "write an experiment of its own for that",
    "matrix": "write it in the file",
    "sweep": "write it in the file",
    "seeds": "use --seeds N",
    "command": "write it in the file",
}


def _parsed(overrides: Sequence[str]) -> tuple[Override, ...]:
    parsed = []
    problems = []
    for text in overrides:
        try:
            given = parse_override(text)
        except SettingsError as error:
            problems.append(f"{error.message} ({error.hint})")
            continue
        if given[0][0] in _NOT_OVERRIDABLE:
            problems.append(f"-s {printable(text)}: {given[0][0]} cannot be set so; {_NOT_OVERRIDABLE[given[0][0]]}")
        parsed.append(given)
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(parsed)


def apply_overrides(settings: Settings, overrides: Sequence[str], file_folder: Path) -> Settings:
    """`settings` (of a run, say) with `-s key=value` over them, checked as a whole.

    Raises:
        SettingsError: all that is wrong with the outcome.
    """
    given = _parsed(overrides)
    result, faults = _checked(_as_table(settings), given, file_folder, deep=True)
    if result is None:
        raise _error([_without_file(fault, given) for fault in faults])
    return result


def _without_file(fault: Fault, given: tuple[Override, ...]) -> Problem:
    key = ".".join(map(printable, fault.path))
    texts = [text for path, _, text in given if path[0] == fault.path[0]]
    return Problem(fault.message, None, key, fault.hint, f"-s {printable(texts[-1])}:" if texts else "")


def settings_from_run(info: RunInfo) -> Settings:
    """The settings in a run's run.json.

    Raises:
        SettingsError: they are not settings of this version.
    """
    try:
        return msgspec.convert(_thawed(info.settings), Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"the settings of {printable(info.run)} cannot be read: {printable(error)}",
            hint="a newer dltui may have made it",
        ) from None


def _thawed(value: Any, key: str = "") -> Any:
    """Undo what JSON cannot say: the strings "inf", "-inf" and "NaN" were numbers, wherever no text is expected."""
    if isinstance(value, dict):
        return {name: _thawed(item, name) for name, item in value.items()}
    if isinstance(value, list) and key != "tags":
        return [_thawed(item, key) for item in value]
    if value in ("inf", "-inf", "NaN") and key not in (
        "description",
        "motivation",
        "name",
        "init_from",
        "data_dir",
        "tags",
    ):
        return number(value)
    return value


def _as_table(settings: Settings) -> Table:
    table: Table = msgspec.to_builtins(settings)
    return table


def flatten(settings: Settings | Mapping[str, Any]) -> dict[str, Any]:
    """Settings, or a table, with dotted keys such as "optimizer.lr"."""
    return flatten_table(_as_table(settings) if isinstance(settings, Settings) else settings)


def merge_tables(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Table:
    """`child` over `parent` as `extends` does it, bare names written out."""
    return merge(normalise(parent), normalise(child))
