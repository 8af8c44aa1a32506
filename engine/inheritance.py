"""The tables of one experiments file: who extends whom, what comes of it, and where each key was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.annotations import got, too_deep
from engine.checks import Checker
from engine.errors import SettingsError, nearest
from engine.merge import MATRIX, NOT_INHERITED, Override, Path_, Table, has, inheritable, merge, nested, normalise
from engine.recipe import recipe_faults
from engine.settings import Recipe
from engine.table_checks import Fault
from engine.text import printable
from engine.toml_lines import LineMap, shown_path


class Problem(msgspec.Struct, frozen=True):
    """One error of the file, or of what was given beside it."""

    message: str
    line: int | None
    key: str
    """Dotted; empty where it is about a whole table."""
    hint: str = ""
    where: str = ""
    """The table, such as `[experiments.a]`, or the `-s` it came from."""
    file: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        # "train.epochs must be …" reads as a sentence, "optimizer.lrr: Adam has no …" needs the colon
        link = " " if self.message.startswith("must ") else ": "
        key = f"{self.key}{link}" if self.key else ""
        gap = "" if not self.where else " " if key else ": "
        return f"{place}{self.where}{gap}{key}{self.message}{f'; {self.hint}' if self.hint else ''}"


class ProblemsError(SettingsError):
    """Several problems told at once, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(dict.fromkeys(map(str, problems))))
        self.problems = tuple(problems)


class Source:
    """What is written in an experiments file, and what inheritance makes of it."""

    def __init__(self, path: Path, data: Table, text: str) -> None:
        self.path = path
        self.lines = LineMap(text)
        self.problems: list[Problem] = []
        """Faults of the file as a whole."""
        self.defaults: Table = {}
        self.written: dict[str, Table] = {}
        """Each experiment as it stands in the file."""
        self.tables: dict[str, Table] = {}
        """The same with bare names written out."""
        self.unusable: dict[str, Problem] = {}
        """Experiments of which nothing can be understood."""
        self._passed: dict[str, Table] = {}
        self._broken: dict[str, Problem | None] = {}
        self._top_level(data)

    # ------------------------------------------------------------------------------------------------- reading it

    def _top_level(self, data: Table) -> None:
        for key in data:
            if key not in ("defaults", "experiments"):
                hint = nearest(key, ["defaults", "experiments"])
                hint = hint if hint.startswith("did") else f"an experiment is written [experiments.{bare(key)}]"
                self._problem((key,), f"no such table: '{printable(key)}'", hint)
        defaults, experiments = data.get("defaults", {}), data.get("experiments", {})
        if not isinstance(defaults, dict):
            self._problem(("defaults",), f"must be a table, got {got(defaults)}")
        elif too_deep(defaults):
            self._problem(("defaults",), "is nested deeper than any setting")
        else:
            self._read_defaults(defaults)
        if not isinstance(experiments, dict):
            self._problem(("experiments",), f"must hold tables, got {got(experiments)}", "write [experiments.NAME]")
        elif not experiments:
            self.problems.append(
                Problem(
                    "there is no experiment in it",
                    None,
                    "",
                    "begin with [experiments.NAME]",
                    file=shown_path(self.path),
                )
            )
        else:
            for name, table in experiments.items():
                self._read_experiment(name, table)

    def _read_defaults(self, table: Table) -> None:
        self.defaults = normalise({key: value for key, value in table.items() if key not in Recipe.__struct_fields__})
        for key in table.keys() - self.defaults.keys():
            self._problem(("defaults", key), f"'{key}' belongs to an experiment, not to [defaults]")

    def _read_experiment(self, name: str, table: Any) -> None:
        message = ""
        if not isinstance(table, dict):
            message = f"must be a table, got {got(table)}"
        elif not name.strip():
            message = "an experiment needs a name"
        elif too_deep(table):
            message = "is nested deeper than any setting"
        if message:
            line = self.lines.line(("experiments", name))
            self.unusable[name] = Problem(message, line, "", "", self.label(name), shown_path(self.path))
            return
        self.written[name] = table
        self.tables[name] = normalise(table)

    def _problem(self, path: Path_, message: str, hint: str = "") -> None:
        label = f"[{'.'.join(map(bare, path[:1]))}]"
        key = ".".join(map(printable, path[1:]))
        self.problems.append(Problem(message, self.lines.line(path), key, hint, label, shown_path(self.path)))

    # ------------------------------------------------------------------------------------------------ inheritance

    def parent(self, name: str) -> str | None:
        """The experiment that `name` extends."""
        parent = self.tables[name].get("extends")
        return parent if isinstance(parent, str) else None

    def merged(self, name: str) -> tuple[Table, Problem | None]:
        """The whole table of an experiment, and what is wrong with its ancestors (the table is then partial)."""
        self._inherit(name)
        parent = self.parent(name)
        inherited = self._passed.get(parent, self.defaults) if parent is not None else self.defaults
        own = {key: value for key, value in self.tables[name].items() if key != "extends"}
        return merge(inherited, own), self._broken[name]

    def _inherit(self, name: str) -> None:
        """Work out what `name` and its ancestors pass on, root first; no recursion, for chains of any length."""
        line: list[str] = []
        at: str | None = name
        problem: Problem | None = None
        while at is not None and at not in self._broken:
            if at in line:
                problem = self._cycle(line[line.index(at) :])
                at = None
                break
            line.append(at)
            parent = self.parent(at)
            if parent is not None and parent not in self.tables:
                problem = self._unknown_parent(at, parent)
                break
            at = parent
        if at is not None and at in self._broken:
            problem = self._broken[at]
        for each in reversed(line):
            parent = self.parent(each)
            inherited = self._passed.get(parent, self.defaults) if parent is not None else self.defaults
            self._passed[each] = merge(inherited, inheritable(self.tables[each]))
            self._broken[each] = problem

    def _cycle(self, names: list[str]) -> Problem:
        order = list(self.tables)
        first = min(range(len(names)), key=lambda i: order.index(names[i]))
        turned = [*names[first:], *names[:first]]
        shown = " → ".join(f"'{printable(name)}'" for name in [*turned, turned[0]][:20])
        return self.problem(turned[0], Fault(("extends",), f"extends itself in a circle: {shown}"))

    def _unknown_parent(self, name: str, parent: str) -> Problem:
        hint = nearest(parent, [other for other in self.tables if other != name])
        return self.problem(name, Fault(("extends",), f"there is no experiment '{printable(parent)}'", hint))

    # --------------------------------------------------------------------------------------------- telling of faults

    def label(self, name: str) -> str:
        """An experiment's table as it would be written."""
        return f"[experiments.{bare(name)}]"

    def problem(self, name: str, fault: Fault, overrides: tuple[Override, ...] = ()) -> Problem:
        """A fault of an experiment and where it was written: its own table, an ancestor's, [defaults] or a `-s`."""
        key = ".".join(map(printable, fault.path))
        given = _overriding(fault.path, overrides, exact=True)
        if given is None:
            place = self._place(name, fault.path, exact=True)
            given = None if place else _overriding(fault.path, overrides, exact=False)
            place = place or self._place(name, fault.path, exact=False)
            if given is None:
                label, path = place or (self.label(name), ("experiments", name))
                return Problem(fault.message, self.lines.line(path), key, fault.hint, label, shown_path(self.path))
        if given[2].startswith(MATRIX):
            path = ("experiments", name, "matrix", given[2].removeprefix(MATRIX))
            line = self.lines.line(path)
            return Problem(fault.message, line, key, fault.hint, self.label(name), shown_path(self.path))
        return Problem(fault.message, None, key, fault.hint, f"-s {printable(given[2])}:")

    def _place(self, name: str, path: Path_, *, exact: bool) -> tuple[str, Path_] | None:
        for length in range(len(path), 0 if not exact else len(path) - 1, -1):
            at: str | None = name
            seen: set[str] = set()
            while at is not None and at in self.tables and at not in seen:
                if has(self.tables[at], path[:length]) and (at == name or path[0] not in NOT_INHERITED):
                    return self.label(at), ("experiments", at, *path)
                seen.add(at)
                at = self.parent(at)
            if has(self.defaults, path[:length]):
                return "[defaults]", ("defaults", *path)
        return None

    def own_faults(self, name: str) -> list[Fault]:
        """Faults in what only the experiment's own table can hold."""
        return recipe_faults(self.tables[name])

    def default_problems(self) -> list[Problem]:
        """Faults of [defaults] that no experiment would show because all override them."""
        checker = Checker(self.path.parent, deep=False, complete=False)
        checker.settings(
            {key: value for key, value in self.defaults.items() if not isinstance(value, dict) or "name" in value}
        )
        return [
            Problem(
                fault.message,
                self.lines.line(("defaults", *fault.path)),
                ".".join(map(printable, fault.path)),
                fault.hint,
                "[defaults]",
                shown_path(self.path),
            )
            for fault in checker.faults
        ]


def _overriding(path: Path_, overrides: tuple[Override, ...], *, exact: bool) -> Override | None:
    """The last override that wrote what is at `path`; not exact: any that touched the same table."""
    for override in reversed(overrides):
        if has(normalise(nested(override[0], override[1])), path) or (not exact and override[0][0] == path[0]):
            return override
    return None


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def bare(key: str) -> str:
    """A key as TOML writes it: quoted unless it is plain."""
    return key if _BARE.fullmatch(key) else f'"{printable(key)}"'


def beside(path: Path) -> Path:
    """The folder a file lies in, absolute."""
    return path.absolute().parent
