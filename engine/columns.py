"""Columns of a table as model input: numbers scaled, text one-hot, gaps filled; all learnt from the train split."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.errors import DataError, nearest
from engine.tables import Table, as_number, is_missing

MOST_VALUES = 50
"""Text columns with more distinct values than this, and than half their cells, are left out as free text; of others
with more, the most frequent get a column each."""

LARGEST = 1e30
"""Numbers beyond this are refused: their squares do not fit, nor do they into float32."""

Raw = NDArray[np.float64]
"""(n, columns): numbers as they are, text as the number of its value, NaN for what is missing."""


@dataclass(frozen=True)
class Column:
    """One column of the file that is used."""

    name: str
    position: int
    """In the file, counted from 0."""
    values: tuple[str, ...] = ()
    """Of a text column, every value of the file in order; empty for numbers."""


def read_columns(table: Table, positions: Sequence[int]) -> tuple[list[Column], Raw, list[str]]:
    """The columns at `positions`, free text left out.

    Returns:
        The columns, their cells, and notes on what was left out or is not as it seems.

    Raises:
        DataError: a number is infinite or too large.
    """
    columns, cells, notes = [], [], []
    for position in positions:
        texts = [row[position] for row in table.rows]
        name = table.columns[position]
        numbers = [as_number(text) for text in texts]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers):
            _check_column(table, name, known)
            if all(math.isnan(number) for number in known):
                notes.append(f"{name!r} has no values and is left out")
                continue
            columns.append(Column(name, position))
            cells.append(np.array(known, np.float64))
            continue
        values = sorted({text for text in texts if not is_missing(text)})
        present = sum(not is_missing(text) for text in texts)
        notes += _odd_cell(table, name, texts, numbers)
        if len(values) > MOST_VALUES and len(values) > present / 2:
            notes.append(f"{name!r} is free text ({len(values)} different values) and is left out")
            continue
        code = {value: float(i) for i, value in enumerate(values)}
        columns.append(Column(name, position, tuple(values)))
        cells.append(np.array([code.get(text, math.nan) for text in texts], np.float64))
    raw = np.stack(cells, axis=1) if cells else np.zeros((len(table.rows), 0))
    return columns, raw, notes


def _check_column(table: Table, name: str, numbers: Sequence[float]) -> None:
    for line, number in zip(table.lines, numbers, strict=True):
        if abs(number) > LARGEST:
            raise DataError(
                f"{table.path}, line {line}: {name!r} is infinite or too large",
                hint=f"replace it by a number of at most {LARGEST:g}",
            )


def _odd_cell(table: Table, name: str, texts: Sequence[str], numbers: Sequence[float | None]) -> list[str]:
    """A note when a column is text only because of a few cells."""
    odd = [i for i, number in enumerate(numbers) if number is None]
    if len(odd) * 10 > len(texts):
        return []
    return [f"{name!r} is taken as text: {texts[odd[0]]!r} in line {table.lines[odd[0]]} is no number"]


@dataclass(frozen=True)
class FittedColumns:
    """What the train split taught: how raw cells become model input."""

    columns: tuple[Column, ...]
    file_columns: tuple[str, ...]
    """All columns of the file, for rows given whole."""
    fills: tuple[float, ...]
    """What stands for a missing cell: median, or the most frequent value's number."""
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    kept: tuple[tuple[int, ...], ...]
    """Of a text column, the values (by number) that have a column of their own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of the model's input."""
        names: list[str] = []
        for column, kept in zip(self.columns, self.kept, strict=True):
            names += [f"{column.name}={column.values[k]}" for k in kept] if column.values else [column.name]
        return tuple(names)

    def transform(self, raw: Raw) -> NDArray[np.float32]:
        """Raw cells (n, columns) as model input (n, d); scaled before they lose their precision to float32."""
        parts = []
        for i, column in enumerate(self.columns):
            cells = np.where(np.isnan(raw[:, i]), self.fills[i], raw[:, i])
            if column.values:
                parts.append((cells[:, None] == np.array(self.kept[i])[None]).astype(np.float64))
            else:
                parts.append(((cells - self.means[i]) / self.deviations[i])[:, None])
        return np.concatenate(parts, axis=1).astype(np.float32)

    def describe(self, row: NDArray[np.float32]) -> list[str]:
        """Model input (d,) as it stood in the file, "Age=22"; a gap as what filled it."""
        described, position = [], 0
        for i, column in enumerate(self.columns):
            width = len(self.kept[i]) if column.values else 1
            cells, position = row[position : position + width], position + width
            described.append(f"{column.name}={self._cell(i, cells)}")
        return described

    def _cell(self, i: int, cells: NDArray[np.float32]) -> str:
        column = self.columns[i]
        if not column.values:
            return f"{float(cells[0]) * self.deviations[i] + self.means[i]:.5g}"
        return column.values[self.kept[i][int(np.argmax(cells))]] if cells.any() else "(other)"

    def encode(self, given: Sequence[str]) -> Split:
        """Rows from a command line, "Age=22,Sex=male" or "22,male", as a split with labels 0.

        Raises:
            DataError: naming the row, and the column or value that is wrong.
        """
        raw = np.array([self._raw_row(text) for text in given], np.float64).reshape(len(given), len(self.columns))
        return Split(self.transform(raw), np.zeros(len(given), np.int64))

    def _raw_row(self, text: str) -> list[float]:
        try:
            cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True), [])]
        except csv.Error as error:
            raise DataError(f"{text!r}: {error}", hint="check its quotes") from None
        names = [column.name for column in self.columns]
        if any(cell.partition("=")[0].strip() in names for cell in cells if "=" in cell):
            found = self._by_name(text, cells, names)
        elif len(cells) == len(names):
            found = dict(zip(names, cells, strict=True))
        elif len(cells) == len(self.file_columns):
            found = {column.name: cells[column.position] for column in self.columns}
        else:
            raise DataError(
                f"{text!r} has {len(cells)} values, expected {len(names)}",
                hint=f"give {', '.join(names)}, in this order or as name=value",
            )
        return [self._number(text, column, found.get(column.name, "")) for column in self.columns]

    def _by_name(self, text: str, cells: Sequence[str], names: Sequence[str]) -> dict[str, str]:
        found = {}
        for cell in cells:
            name, equals, value = cell.partition("=")
            name = name.strip()
            if not equals:
                raise DataError(f"{text!r}: {cell!r} is not name=value", hint="name every value, or none")
            if name in names:
                found[name] = value.strip()
            elif name not in self.file_columns:
                raise DataError(f"{text!r}: there is no column {name!r}", hint=nearest(name, names))
        return found

    def _number(self, text: str, column: Column, cell: str) -> float:
        if is_missing(cell):
            return math.nan
        if column.values:
            if cell not in column.values:
                raise DataError(
                    f"{text!r}: {column.name!r} is never {cell!r} in the data", hint=nearest(cell, column.values)
                )
            return float(column.values.index(cell))
        number = as_number(cell)
        if number is None or abs(number) > LARGEST:
            raise DataError(f"{text!r}: {column.name!r} is {cell!r}", hint="give a finite number")
        return number


def fit_columns(dataset: Dataset, columns: Sequence[Column], file_columns: tuple[str, ...], scale: bool) -> Dataset:
    """Learn fills, scales and categories from the train split of raw cells, and apply them to every split."""
    train: Raw = dataset.splits["train"].inputs
    fills, means, deviations, kept = [], [], [], []
    for i, column in enumerate(columns):
        cells = train[:, i][~np.isnan(train[:, i])]
        counts = np.bincount(cells.astype(np.int64), minlength=len(column.values)) if column.values else np.zeros(0)
        fill = _fill(cells, counts)
        filled = np.where(np.isnan(train[:, i]), fill, train[:, i])
        deviation = float(filled.std())
        number = scale and not column.values
        fills.append(fill)
        means.append(float(filled.mean()) if number else 0.0)
        # a constant column keeps its scale: its deviation is 0, or a rounding error of its size
        steady = not number or deviation <= 1e-12 * max(1.0, float(np.abs(filled).max()))
        deviations.append(1.0 if steady else deviation)
        by_count = np.argsort(-counts, kind="stable")[:MOST_VALUES]
        kept.append(tuple(sorted(int(k) for k in by_count if counts[k] > 0)))
    fitted = FittedColumns(tuple(columns), file_columns, tuple(fills), tuple(means), tuple(deviations), tuple(kept))
    splits = {n: Split(fitted.transform(s.inputs), s.labels) for n, s in dataset.splits.items()}
    return replace(
        dataset,
        splits=splits,
        columns=fitted.names,
        fit=None,
        encode=lambda given: fitted.encode(given),
        describe=fitted.describe,
    )


def _fill(cells: Raw, counts: NDArray[Any]) -> float:
    if not len(cells):
        return 0.0
    return float(np.argmax(counts)) if len(counts) else float(np.median(cells))
