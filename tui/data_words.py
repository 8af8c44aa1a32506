"""What a data summary says in words and figures, for the details of an experiment and for a run; without Textual."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len

from engine.balance import balance
from engine.data_notes import strange_characters
from engine.jsonio import number
from tui.text import number as shown
from tui.text import pad, safe
from tui.theme import Inks
from tui.widgets.table import Line

NAMES = {" ": "space", "\n": "newline", "\t": "tab", "\r": "return", "\ufffd": "unknown"}
"""What characters that nobody sees are called."""
FIGURES = ("mean", "deviation", "least", "most")
IMBALANCED = 10.0
"""From this ratio of the largest to the smallest class on it is said in the colour of warnings."""
_CELLS = 11


def whole(value: Any) -> int:
    """A count; 0 for what is none."""
    return int(value) if isinstance(value, (int, float)) and value == value and abs(value) < 1e18 else 0


def table_of(value: Any) -> dict[str, Any]:
    """An object; empty for what is none."""
    return value if isinstance(value, dict) else {}


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, where it is one."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def form_of(summary: Mapping[str, Any]) -> str:
    """What the labels are: class, tokens or numbers."""
    stated = summary.get("labels")
    if stated in ("class", "tokens", "numbers"):
        return str(stated)
    return "numbers" if any(quantities_of(split) for split in table_of(summary.get("splits")).values()) else "class"


def class_counts(summary: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many samples of each class each split has; of texts how many of each character, those never used left out."""
    splits = {str(name): table_of(table_of(split).get("classes")) for name, split in _splits(summary).items()}
    counts = {n: {str(k): max(0, whole(v)) for k, v in classes.items()} for n, classes in splits.items() if classes}
    if form_of(summary) != "tokens":
        return counts
    used = {key for classes in counts.values() for key, count in classes.items() if count}
    return {n: {NAMES.get(k, k): v for k, v in classes.items() if k in used} for n, classes in counts.items()}


def class_names(summary: Mapping[str, Any]) -> list[str]:
    """All classes, those without samples too; none for texts, where what is never used is of no interest."""
    names = summary.get("classes")
    return [str(name) for name in names] if isinstance(names, list) and form_of(summary) == "class" else []


def kinds(summary: Mapping[str, Any]) -> str:
    """How many classes there are, or characters, or quantities."""
    form, names = form_of(summary), summary.get("classes")
    count = len(names) if isinstance(names, list) else 0
    if form == "tokens":
        count = len({key for counts in class_counts(summary).values() for key in counts})
    one, many = {"class": ("class", "classes"), "tokens": ("character", "characters")}.get(
        form, ("quantity", "quantities")
    )
    return f"{count:,} {one if count == 1 else many}" if count else ""


def _splits(summary: Mapping[str, Any]) -> dict[str, Any]:
    return table_of(summary.get("splits"))


# ---------------------------------------------------------------------------------------------------------- quantities


def quantities_of(split: Any) -> dict[str, dict[str, Any]]:
    """The quantities of a split and what they are like."""
    found = table_of(table_of(split).get("quantities"))
    return {str(name): figures for name, figures in found.items() if isinstance(figures, dict)}


def quantity_lines(summary: Mapping[str, Any], width: int, ink: Inks) -> list[Line]:
    """Mean, deviation and range of each quantity, a line for each split."""
    splits = {str(name): quantities_of(split) for name, split in _splits(summary).items()}
    names = list(dict.fromkeys(name for found in splits.values() for name in found))
    label = min(max([9, *map(len, splits)]), 24) + 2
    columns = [*FIGURES]
    while len(columns) > 1 and label + (_CELLS + 1) * len(columns) > width:
        columns.pop(1 if len(columns) == 4 else -1)
    lines: list[Line] = []
    for name in names:
        lines += [[]] if lines else []
        head: Line = [(safe(name, label - 1).ljust(label), ink.strong)]
        lines.append([*head, *((f" {column:>{_CELLS}}", ink.muted) for column in columns)])
        for split, found in splits.items():
            if name not in found:
                continue
            line: Line = [(pad(f"  {safe(split)}", label), ink.muted)]
            values = [_figure(found[name].get(column)) for column in columns]
            lines.append([*line, *((f" {value:>{_CELLS}}", ink.text) for value in values)])
    return lines


def _figure(value: Any) -> str:
    return shown(number(value))


# -------------------------------------------------------------------------------------------------------------- balance


def balance_lines(summary: Mapping[str, Any], width: int, ink: Inks) -> list[Line]:
    """Imbalance ratio and effective number of classes of the first split, and of the others that are much unlike it."""
    found = {split: values for split, values in balance(summary).items() if values["effective"] is not None}
    names = summary.get("classes")
    of = f" of {len(names):,}" if isinstance(names, list) else ""
    told = [split for split, values in found.items() if split == next(iter(found)) or _unlike(values, found)]
    lines: list[Line] = []
    for split in told:
        ratio, effective = _known(found[split]["imbalance"]), _known(found[split]["effective"])
        first: Line = [(f"{safe(split)}   " if len(told) > 1 else "", ink.muted), ("imbalance ratio ", ink.muted)]
        first.append((_ratio(ratio), ink.warning if ratio >= IMBALANCED else ink.text))
        second: Line = [("effective number of classes ", ink.muted), (f"{effective:.1f}", ink.text), (of, ink.muted)]
        whole_line: Line = [*first, ("   ", ink.muted), *second]
        lines += [whole_line] if sum(cell_len(text) for text, _ in whole_line) <= width else [first, second]
    return lines


def _unlike(values: Mapping[str, float | None], found: Mapping[str, Mapping[str, float | None]]) -> bool:
    """Whether a split's balance is told beside that of the first one: a seeded cut is never exactly as even."""
    first = next(iter(found.values()))
    ratio, effective = (_known(values[key]) / _known(first[key]) for key in ("imbalance", "effective"))
    return not (0.67 < ratio < 1.5 and 0.95 < effective < 1.05)


def _ratio(ratio: float) -> str:
    return "infinite: a class has no samples" if ratio == math.inf else f"{ratio:,.1f}"


def _known(value: float | None) -> float:
    return math.nan if value is None else value


# ----------------------------------------------------------------------------------------------------------- duplicates


def leaks(summary: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What stands in two splits, the same or nearly, in words; and whether it is across splits, which is a leak."""
    same, inputs = table_of(summary.get("duplicates")), table_of(summary.get("duplicate_inputs"))
    nearly = table_of(summary.get("near_duplicates"))
    found: list[tuple[str, bool]] = []
    for pair in dict.fromkeys([*same, *inputs, *nearly]):
        rows, given, near = (whole(table_of(table.get(pair)).get("rows")) for table in (same, inputs, nearly))
        first, _, second = str(pair).partition("/")
        if not second:
            found += [(f"{_rows(rows)} of {safe(first)} {_are(rows)} there more than once", False)] if rows else []
            continue
        if rows:
            distinct = whole(table_of(same.get(pair)).get("distinct"))
            found.append((f"{_rows(rows, second)} ({distinct:,} distinct) {_are(rows)} in {safe(first)} too", True))
        if given > rows:
            more = given - rows
            found.append((f"{_rows(more, second)} {_are(more)} in {safe(first)} too, with other labels", True))
        if near > max(rows, given):
            more = near - max(rows, given)
            found.append((f"{_rows(more, second)} {_are(more)} nearly the same as rows of {safe(first)}", True))
    return found


def told(summary: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """What people should know of the data, in words, and whether it is a warning: leaks, and strange characters."""
    return [*leaks(summary), *((safe(words), True) for words in strange_characters(summary))]


def _rows(count: int, split: str = "") -> str:
    return f"{count:,} {safe(split)} {'row' if count == 1 else 'rows'}".replace("  ", " ")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def no_leak(summary: Mapping[str, Any]) -> str:
    """What is said where nothing stands in two splits; nothing where nobody looked."""
    if not isinstance(summary.get("duplicates"), dict):
        return ""
    near = table_of(summary.get("near_duplicates"))
    return "no input is in two splits" + (", nor one nearly the same" if near else "")
