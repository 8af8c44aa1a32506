"""CSV files as people have them: any common separator, quoted or not, packed or not, each fault told with its line."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError, SettingsError, nearest

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "?"})
"""What stands for a missing value, whatever its case."""

_SEPARATORS = (",", ";", "\t", "|")
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}


@dataclass(frozen=True)
class Table:
    """The cells of a file, as text without surrounding blanks."""

    path: Path
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    """Of each row, the line of the file it ends on."""
    notes: tuple[str, ...] = ()

    def position(self, name: str | int, key: str) -> int:
        """The column that `name` means: a name, or a number counted from 0, from the end when negative.

        Raises:
            SettingsError: there is none; `key` is the setting to be corrected.
        """
        if isinstance(name, str) and name in self.columns:
            return self.columns.index(name)
        try:
            position = int(name)
            self.columns[position]
        except (ValueError, IndexError):
            raise SettingsError(
                f"{key}: {self.path} has no column {name!r}", hint=nearest(str(name), self.columns)
            ) from None
        return position % len(self.columns)


def is_missing(cell: str) -> bool:
    """Whether a cell says that its value is not known."""
    return cell.casefold() in MISSING


def as_number(cell: str) -> float | None:
    """The number a cell holds, NaN for a missing one, None when it is text."""
    if is_missing(cell):
        return math.nan
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def read_table(path: Path, *, separator: str = "auto", header: bool = True) -> Table:
    """Read a CSV file.

    Args:
        path: plain or gzip.
        separator: one character, "tab", or "auto" for the one that fits the first lines.
        header: whether the first line names the columns; else they are "column 0", "column 1", …

    Raises:
        DataError: it is missing, empty, not UTF-8, or has a row of another length; with the line.
        SettingsError: `separator` is none.
    """
    text = _text(path)
    separator = _separator(separator, text)
    rows, lines = _rows(path, text, separator)
    if not rows:
        raise DataError(f"{path} is empty", hint="give a file with a header line and rows, or set data.path to another")
    columns = _column_names(rows[0]) if header else tuple(f"column {i}" for i in range(len(rows[0])))
    notes = []
    if header:
        first, rows, lines = rows[0], rows[1:], lines[1:]
        if all(as_number(cell) is not None for cell in first):
            notes.append(
                "the first line, taken as column names, is all numbers: set data.header = false if it is a row"
            )
    if not rows:
        raise DataError(f"{path} has a header line but no rows", hint="give a file with rows below its header")
    return Table(path, columns, rows, lines, tuple(notes))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not a CSV file", hint="set data.path to a file in it") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="check the file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(
                f"{path} is UTF-16", hint=f"convert it: iconv -f utf-16 -t utf-8 {path.name} > new.csv"
            ) from None
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x})",
            hint=f"convert it, for example: iconv -f latin1 -t utf-8 {path.name} > new.csv",
        ) from None


def _separator(given: str, text: str) -> str:
    if given == "auto":
        return _sniffed(text)
    separator = _NAMED.get(given, given)
    if len(separator) != 1 or separator in '"\r\n':
        raise SettingsError(f"data.separator = {given!r}: it must be one character, 'tab' or 'auto'")
    return separator


def _sniffed(text: str) -> str:
    """The separator that gives the first lines the same, largest number of cells."""
    sample = [line for line in io.StringIO(text[:20_000]) if line.strip()][:20]
    if len(text) > 20_000:
        sample = sample[:-1] or sample
    best, most = ",", 1
    for separator in _SEPARATORS:
        try:
            widths = {len(row) for row in csv.reader(sample, delimiter=separator) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and max(widths) > most:
            best, most = separator, max(widths)
    return best


def _rows(path: Path, text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) and len(cells) < 2:
                continue  # a blank line
            if rows and len(cells) != len(rows[0]):
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(cells)} values, where the first line has {len(rows[0])}",
                    hint=f"the separator taken is {separator!r}; correct the line, or set data.separator",
                )
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: {error}",
            hint="check the quotes: a quoted value must end with a quote, and quotes inside it are doubled",
        ) from None
    return rows, lines


def _column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Names from a header line; an empty one gets its number, one that stands twice a count."""
    names: list[str] = []
    for i, cell in enumerate(cells):
        name, count = cell or f"column {i}", 1
        while name in names:
            count += 1
            name = f"{cell or f'column {i}'} ({count})"
        names.append(name)
    return tuple(names)
