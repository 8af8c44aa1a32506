"""Numbers as people type them on a command line, for data sets of plain columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.dataset import Split
from engine.errors import DataError


def parse_number(text: str) -> float:
    """A finite number.

    Raises:
        ValueError: it is none ("1_000", which Python would take, included).
    """
    value = float(text)
    if "_" in text or not math.isfinite(value):
        raise ValueError(text)
    return value


def encode_numbers(given: Sequence[str], columns: Sequence[str], scale: float = 1.0) -> Split:
    """Rows such as "5.1, 3.5, 1.4, 0.2", one number for each column, as a split with labels 0.

    Args:
        given: one row each.
        columns: the names of the columns.
        scale: what each number is divided by.

    Raises:
        DataError: naming the row, and the value or count that is wrong.
    """
    rows = [_row(text, columns) for text in given]
    inputs = np.array(rows, np.float32).reshape(len(rows), len(columns)) / np.float32(scale)
    return Split(inputs, np.zeros(len(rows), np.int64))


def _row(text: str, columns: Sequence[str]) -> list[float]:
    cells = [cell.strip() for cell in text.split(",")]
    hint = "write one number for each column, separated by commas: " + _shown(columns)
    if len(cells) != len(columns):
        raise DataError(f"{text!r} has {len(cells)} values, expected {len(columns)}", hint=hint)
    row = []
    for cell, column in zip(cells, columns, strict=True):
        try:
            row.append(parse_number(cell))
        except ValueError:
            raise DataError(f"{text!r}: {cell!r}, for {column!r}, is not a finite number", hint=hint) from None
    return row


def _shown(columns: Sequence[str]) -> str:
    return ", ".join(columns[:8]) + (f", … ({len(columns)} in all)" if len(columns) > 8 else "")
