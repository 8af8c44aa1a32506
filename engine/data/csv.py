"""Any CSV file: one row a sample, one column the label."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns import MOST_VALUES, fit_columns, read_columns
from engine.data_folder import absent, locate
from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError
from engine.tables import Table, as_number, is_missing, read_table


def load(
    root: Path,
    *,
    path: str,
    label: str | int | None = None,
    columns: list[str] | None = None,
    drop: list[str] | None = None,
    separator: str = "auto",
    header: bool = True,
    missing: str = "fill",
    scale: bool = True,
    task: str = "classification",
) -> Dataset:
    """Any CSV file: text columns one-hot, gaps filled and numbers scaled by what the train split says.

    Args:
        root: the data folder, which a relative path starts from.
        path: the file, plain or gzip.
        label: the column to be predicted, by name or number (from 0, from the end when negative); the last when absent.
        columns: the columns to use; all when absent.
        drop: columns not to use.
        separator: one character, "tab", or "auto" for the one that fits the first lines.
        header: whether the first line names the columns; else they are "column 0", "column 1", …
        missing: "fill" gaps with the train split's median or most frequent value, "drop" rows with gaps, or "error".
        scale: bring numbers to mean 0 and deviation 1 of the train split.
        task: what is learnt: with "regression" the label is a quantity and not a class.

    Raises:
        DataError: the file is missing or cannot be learnt from; with the line.
        SettingsError: a column that is not there, or an impossible argument.
    """
    if missing not in ("fill", "drop", "error"):
        raise SettingsError(f"data.missing = {missing!r}: it must be 'fill', 'drop' or 'error'")
    table = read_table(_find(root, path), separator=separator, header=header)
    target = table.position(-1 if label is None else label, "data.label")
    positions = _used(table, target, columns, drop)
    table, label_notes = _labelled(table, target)
    table, gap_notes = _without_gaps(table, positions, missing)
    classes, labels = _quantity(table, target) if task == "regression" else _classes(table, target)
    used, raw, notes = read_columns(table, positions)
    if not used:
        raise DataError(f"{table.path}: no column is left to learn from", hint="; ".join(notes) or "set data.columns")
    return Dataset(
        "features",
        {"train": Split(raw, labels)},
        classes,
        columns=tuple(column.name for column in used),
        note="; ".join((*table.notes, *label_notes, *gap_notes, *notes)),
        fit=lambda dataset: fit_columns(dataset, used, table.columns, scale),
    )


def _find(root: Path, path: str) -> Path:
    found = locate(path, root)
    if found is None:
        raise DataError(
            absent("file", path, root),
            hint="set data.path to a CSV file: absolute, or relative to one of the two",
        )
    return found


def _used(table: Table, target: int, columns: list[str] | None, drop: list[str] | None) -> list[int]:
    dropped = {table.position(name, "data.drop") for name in drop or ()}
    if target in dropped:
        raise SettingsError(
            f"data.drop: {table.columns[target]!r} is the label", hint="set data.label to another column"
        )
    chosen = (
        range(len(table.columns)) if columns is None else [table.position(name, "data.columns") for name in columns]
    )
    used = [position for position in dict.fromkeys(chosen) if position != target and position not in dropped]
    if not used:
        raise SettingsError(
            f"{table.path}: no column is left besides the label {table.columns[target]!r}",
            hint=f"its columns: {', '.join(table.columns[:40])}",
        )
    return used


def _labelled(table: Table, target: int) -> tuple[Table, list[str]]:
    """The rows that have a label."""
    kept = [i for i, row in enumerate(table.rows) if not is_missing(row[target])]
    without = len(table.rows) - len(kept)
    if not kept:
        raise DataError(
            f"{table.path}: no row has a {table.columns[target]!r}", hint="set data.label to another column"
        )
    notes = [f"{without:,} rows without a {table.columns[target]!r} are left out"] if without else []
    return _take(table, kept), notes


def _without_gaps(table: Table, positions: list[int], missing: str) -> tuple[Table, list[str]]:
    if missing == "fill":
        return table, []
    gaps = {i: [p for p in positions if is_missing(row[p])] for i, row in enumerate(table.rows)}
    gaps = {i: found for i, found in gaps.items() if found}
    if not gaps:
        return table, []
    if missing == "error":
        shown = [
            f"line {table.lines[i]}: {', '.join(table.columns[p] for p in found)}"
            for i, found in list(gaps.items())[:5]
        ]
        more = f"\n… and {len(gaps) - 5:,} more" if len(gaps) > 5 else ""
        raise DataError(
            f"{table.path} has gaps in {len(gaps):,} rows:\n" + "\n".join(shown) + more,
            hint='set data.missing = "fill" or "drop", or leave columns out with data.drop',
        )
    kept = [i for i in range(len(table.rows)) if i not in gaps]
    if not kept:
        raise DataError(
            f"{table.path}: every row has a gap", hint='set data.missing = "fill", or data.drop to leave columns out'
        )
    return _take(table, kept), [f"{len(gaps):,} rows with gaps are left out"]


def _take(table: Table, rows: list[int]) -> Table:
    if len(rows) == len(table.rows):
        return table
    return replace(table, rows=[table.rows[i] for i in rows], lines=[table.lines[i] for i in rows])


def _quantity(table: Table, target: int) -> tuple[tuple[str, ...], NDArray[Any]]:
    """The label's name, and each row's number."""
    numbers = [as_number(row[target]) for row in table.rows]
    for line, row, value in zip(table.lines, table.rows, numbers, strict=True):
        if value is None or not math.isfinite(value):
            raise DataError(
                f"{table.path}:{line}: the label {table.columns[target]!r} is {row[target]!r}, which is no number",
                hint="set data.label to a column of numbers, or leave task out to learn classes",
            )
    return (table.columns[target],), np.array(numbers, np.float32)


def _classes(table: Table, target: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The label's values in order (of number, where all are), and each row's."""
    texts = [row[target] for row in table.rows]
    numbers = {text: as_number(text) for text in set(texts)}
    values = sorted(numbers, key=lambda v: (numbers[v] or 0.0, v)) if None not in numbers.values() else sorted(numbers)
    if len(values) > MOST_VALUES and len(values) > len(texts) / 2:
        raise DataError(
            f"{table.path}: the label {table.columns[target]!r} has {len(values):,} different values"
            f" in {len(texts):,} rows",
            hint='set data.label to a column of classes; a quantity is learnt with task = "regression"',
        )
    index = {value: i for i, value in enumerate(values)}
    return tuple(values), np.array([index[text] for text in texts], np.int64)
