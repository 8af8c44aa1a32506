"""Checking what an experiment may hold beside the settings of a run: matrix, seeds, sweep, command and their kin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.annotations import got, unstorable
from engine.errors import nearest
from engine.settings import Recipe, Settings, Sweep
from engine.table_checks import Fault, TableChecker, elsewhere
from engine.text import printable


def recipe_faults(table: Mapping[str, Any]) -> list[Fault]:
    """Faults in those keys of an experiment that are no settings of a run: matrix, seeds, sweep, command and so on."""
    checker = TableChecker(Path())
    for key, value in table.items():
        if key == "sweep":
            checker.struct(Sweep, value, ("sweep",))
        elif key in Recipe.__struct_fields__:
            checker.field(Recipe, key, value, (key,))
            if reason := unstorable(value):
                checker.fault((key,), reason)
    faults = checker.faults
    faults += _matrix_faults(table.get("matrix")) + _sweep_faults(table)
    command = table.get("command")
    if isinstance(command, list) and (not command or not all(isinstance(part, str) and part for part in command[:1])):
        faults.append(Fault(("command",), "must name a program"))
    if isinstance(table.get("seeds"), int) and not isinstance(table["seeds"], bool) and table["seeds"] < 1:
        faults.append(Fault(("seeds",), f"must be at least 1, got {table['seeds']}"))
    return faults


def _sweep_faults(table: Mapping[str, Any]) -> list[Fault]:
    faults = [
        Fault((key,), f"a sweep has no {key}") for key in ("matrix", "seeds") if "sweep" in table and key in table
    ]
    sweep = table.get("sweep")
    if isinstance(sweep, dict):
        if not sweep.get("space"):
            faults.append(
                Fault(("sweep", "space"), "a sweep needs a space to search", 'such as { "optimizer.lr" = [0.1, 0.01] }')
            )
        trials = sweep.get("trials")
        if isinstance(trials, int) and not isinstance(trials, bool) and trials < 1:
            faults.append(Fault(("sweep", "trials"), f"must be at least 1, got {trials}"))
        for key, values in sweep["space"].items() if isinstance(sweep.get("space"), dict) else ():
            if not (isinstance(values, (list, dict)) and values):
                faults.append(
                    Fault(
                        ("sweep", "space", key),
                        f"must be a list of values or a table with low and high, got {got(values)}",
                    )
                )
    return faults


def _matrix_faults(matrix: Any) -> list[Fault]:
    faults = []
    known = [*Settings.__struct_fields__]
    for key, values in matrix.items() if isinstance(matrix, dict) else ():
        path = ("matrix", str(key))
        if not isinstance(values, list) or not values:
            faults.append(
                Fault(path, f"must be a list of values, got {got(values) if values != [] else 'an empty one'}")
            )
        if str(key).split(".")[0] not in known or not all(str(key).split(".")):
            faults.append(
                Fault(path, f"no such setting: '{printable(key)}'", elsewhere(str(key)) or nearest(str(key), known))
            )
    return faults
