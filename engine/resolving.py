"""What an experiment resolves to: `-s` over its table, a matrix times its seeds, the settings of a run changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.checks import Checker
from engine.errors import SettingsError
from engine.inheritance import Problem, ProblemsError
from engine.jsonio import number
from engine.merge import MATRIX, Override, Table, override, parse_override
from engine.merge import flatten as flatten_table
from engine.runs import RunInfo
from engine.settings import Recipe, Settings
from engine.table_checks import Fault
from engine.text import printable

if TYPE_CHECKING:
    from engine.experiments import Experiment, ExperimentFile

MOST_RUNS = 10_000
"""A matrix of more runs than this is a mistake."""

MANY_RUNS = 100
"""More runs than this are asked about before they are begun."""


def checked(
    table: Table, overrides: Sequence[Override], folder: Path, *, deep: bool, complete: bool = True
) -> tuple[Settings | None, list[Fault]]:
    """The settings that a merged table with overrides over it means, and what is wrong with it."""
    wanted = {key: value for key, value in table.items() if key not in Recipe.__struct_fields__}
    checker = Checker(folder, deep=deep, complete=complete)
    settings = checker.settings(override(wanted, overrides))
    return settings, checker.faults


def check_all(file: ExperimentFile) -> None:
    """Check every experiment against the signatures of what it names.

    Raises:
        SettingsError: all problems of the file, one a line.
    """
    problems = list(file.problems)
    for experiment in file.experiments.values():
        for overrides in each_value(experiment.matrix):
            _, faults = checked(
                experiment.merged, overrides, file.folder, deep=True, complete=experiment.command is None
            )
            if file.source is not None:
                problems += [file.source.problem(experiment.name, fault, tuple(overrides)) for fault in faults]
    for name in file.broken:
        problems += closely(file, name)
    if problems:
        raise ProblemsError(sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0))


def closely(file: ExperimentFile, name: str) -> tuple[Problem, ...]:
    """All problems of a broken experiment, those that torch's signatures show included."""
    known = file.broken[name]
    if file.source is None or name not in file.source.tables:
        return known
    table, problem = file.source.merged(name)
    if problem is not None:
        return known
    matrix = table.get("matrix")
    sound = isinstance(matrix, dict) and all(isinstance(values, list) and values for values in matrix.values())
    found = list(known)
    for overrides in each_value(matrix if sound and isinstance(matrix, dict) else {}):
        _, faults = checked(table, overrides, file.folder, deep=True, complete="command" not in table)
        found += [file.source.problem(name, fault, overrides) for fault in faults]
    return tuple(dict.fromkeys(found))


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
    first = next(combinations(_free(experiment.matrix, given)))
    return _each_fold(_settings(file, experiment, (*first, *given)))[0]


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
    for combination in combinations(free):
        try:
            settings = _settings(file, experiment, (*combination, *given))
        except ProblemsError as error:
            problems += error.problems
            continue
        found += [
            msgspec.structs.replace(each, seed=each.seed + i) for each in _each_fold(settings) for i in range(many)
        ]
    if problems:
        raise ProblemsError(problems)
    return found


def first_values(file: ExperimentFile, name: str, overrides: Sequence[str] = ()) -> list[Settings]:
    """The settings of those runs in which each value of the matrix comes up once: enough to check a large one.

    Raises:
        NotFoundError: there is no such experiment.
        SettingsError: everything that is wrong with any of them.
    """
    experiment = _runnable(file, name)
    given = _parsed(overrides)
    return [_settings(file, experiment, (*values, *given)) for values in each_value(_free(experiment.matrix, given))]


def count_runs(file: ExperimentFile, name: str, overrides: Sequence[str] = (), seeds: int | None = None) -> int:
    """How many runs `expand` would give; known without looking at each.

    Raises:
        NotFoundError: there is no such experiment.
        SettingsError: it is of a kind that cannot be run.
    """
    experiment = _runnable(file, name)
    runs = _seed_count(experiment, seeds)
    given = _parsed(overrides)
    for values in _free(experiment.matrix, given).values():
        runs *= len(values)
    data = override(experiment.merged, given).get("data")
    folds = data.get("folds") if isinstance(data, dict) and data.get("fold") is None else None
    return runs * folds if isinstance(folds, int) and folds > 0 else runs


def _each_fold(settings: Settings) -> list[Settings]:
    """The settings once for each fold, where they ask for folds without saying which."""
    folds = settings.data.get("folds")
    if not folds or settings.data.get("fold") is not None:
        return [settings]
    return [msgspec.structs.replace(settings, data={**settings.data, "fold": fold}) for fold in range(folds)]


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


def _settings(file: ExperimentFile, experiment: Experiment, overrides: Sequence[Override]) -> Settings:
    settings, faults = checked(experiment.merged, overrides, file.folder, deep=True)
    if settings is None:
        assert experiment.source is not None
        raise ProblemsError([experiment.source.problem(experiment.name, fault, tuple(overrides)) for fault in faults])
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


def combinations(matrix: Mapping[str, list[Any]]) -> Iterator[tuple[Override, ...]]:
    """Overrides for every combination of a matrix, the last key varying fastest; one empty one without a matrix."""
    for values in itertools.product(*matrix.values()):
        yield tuple((tuple(key.split(".")), value, f"{MATRIX}{key}") for key, value in zip(matrix, values, strict=True))


def each_value(matrix: Mapping[str, list[Any]]) -> Iterator[tuple[Override, ...]]:
    """Overrides in which each value of a matrix comes up at least once, the other keys at their first."""
    yield next(combinations(matrix))
    for key, values in matrix.items():
        for value in values[1:]:
            yield next(combinations({**matrix, key: [value]}))


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
    result, faults = checked(_as_table(settings), given, file_folder, deep=True)
    if result is None:
        raise ProblemsError([_without_file(fault, given) for fault in faults])
    return result


def _without_file(fault: Fault, given: tuple[Override, ...]) -> Problem:
    key = ".".join(map(printable, fault.path))
    texts = [text for path, _, text in given if path[0] == fault.path[0]]
    return Problem(fault.message, None, key, fault.hint, f"-s {printable(texts[-1])}:" if texts else "")


def settings_from_run(info: RunInfo) -> Settings:
    """The settings in a run's run.json.

    Raises:
        SettingsError: there are none, or they are not settings of this version.
    """
    if not info.settings:
        raise SettingsError(
            f"{printable(info.run) or 'the run'} has no settings: its run.json is missing or damaged",
            hint="engine show RUN says what of its folder is left",
        )
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
