"""What a run learns from: its classes in each split, the majority, leaks across splits, shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.app import App

from tui.plots.bars import bars_of, draw_bars
from tui.plots.inks import shade_style, style_of
from tui.run_store import RunSnapshot
from tui.text import number, percent, safe, wrap
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.run_tab import LinesTab, notice
from tui.widgets.table import Line

if TYPE_CHECKING:
    from tui.plots.lines import Line as Pieces

SPLITS = ("train", "validation", "test")
WIDEST = 110
"""Bars are not drawn wider than this."""


def styled(app: App[Any], lines: list[Pieces], indent: str = " ") -> list[Line]:
    """Lines of a plot in the styles of the app's theme."""
    from textual.color import Color

    back = Color.parse(app.current_theme.background or "#13161b")

    def style(color: str, tone: str) -> Any:
        if tone.startswith("on "):
            return shade_style(app, color, int(tone[3:]) / 100, back)
        return style_of(app, color, tone)

    return [[(indent, style("", "")), *((text, style(color, tone)) for text, color, tone in line)] for line in lines]


class DataTab(LinesTab):
    """data.json, drawn."""

    NAME = "data"
    TITLE = "Data"

    def content(self, snapshot: RunSnapshot) -> object:
        """data.json is written before the first step, once."""
        return (snapshot.data, snapshot.alive, snapshot.baseline("val"), snapshot.baseline("test"))

    def lines(self, snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
        """All of it."""
        return data_lines(self.app, snapshot, width, ink)


def data_lines(app: App[Any], snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    """Everything data.json says, at a glance from the top."""
    document = snapshot.data
    if document.problem:
        return notice(document.problem, width, ink, bad=True)
    if document.missing:
        more = (
            "The worker writes it before the first step." if snapshot.alive else "The run ended before it was written."
        )
        return notice("There is no summary of the data.", width, ink, more=more)
    table = document.table
    lines = _head(snapshot, table, width, ink)
    lines += _majority(snapshot, width, ink)
    lines += _leaks(table, width, ink)
    if table.get("note"):
        lines += [[(f" {line}", ink.muted)] for line in wrap(safe(table["note"]), min(100, width - 2), 4)]
    lines.append([])
    counts = _counts(table)
    if counts:
        room = min(WIDEST, width - 2)
        bars = bars_of(counts, [str(name) for name in _list(table.get("classes"))])
        lines += styled(app, draw_bars(bars, room, splits=list(counts), ascii_only=ascii_mode()))
    else:
        lines.append([(" no classes: the targets are numbers", ink.muted)])
    return lines


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _splits(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = table.get("splits")
    splits = found if isinstance(found, dict) else {}
    known = {name: splits[name] for name in SPLITS if isinstance(splits.get(name), dict)}
    return known | {str(k): v for k, v in splits.items() if k not in SPLITS and isinstance(v, dict)}


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and value == value and abs(value) < 1e18 else 0


def _counts(table: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Classes and their counts of each split that tells them."""
    counts = {}
    for name, split in _splits(table).items():
        classes = split.get("classes")
        if isinstance(classes, dict) and classes:
            counts[name] = {str(key): max(0, _whole(value)) for key, value in classes.items()}
    return counts


def _head(snapshot: RunSnapshot, table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """What it is, and how many samples each split has."""
    data = snapshot.info.settings.get("data")
    name = table.get("name") or (data.get("name") if isinstance(data, dict) else "") or ""
    shape = _list(table.get("shape"))
    shown = f" {symbol('times')} ".join("any length" if n is None else safe(n) for n in shape)
    words = [safe(table.get("kind") or ""), shown, _classes(table)]
    lines: list[Line] = [[(f" {safe(name)}", ink.strong), (f"   {'   '.join(w for w in words if w)}", ink.muted)]]
    splits = _splits(table)
    total = sum(_whole(split.get("count")) for split in splits.values())
    line: Line = [(" ", ink.text)]
    for split, content in splits.items():
        count = _whole(content.get("count"))
        line += [
            (f"{safe(split)} ", ink.muted),
            (f"{count:,}", ink.text),
            (f" {percent(count / total)}   " if total else "   ", ink.muted),
        ]
    lines.append(line)
    source = table.get("source")
    train = source.get("train") if isinstance(source, dict) else None
    if isinstance(train, dict):
        said = f" validation was cut off the train file of {_whole(train.get('count')):,}{_most(table, train)}"
        lines.append([(said, ink.muted)])
    return lines


def _most(table: dict[str, Any], train: dict[str, Any]) -> str:
    """The majority class of the whole train file, as in ": Russian 6,272 (46.9 %)"."""
    majority, classes, total = table.get("majority"), train.get("classes"), _whole(train.get("count"))
    if not (isinstance(majority, dict) and isinstance(classes, dict) and total):
        return ""
    count = _whole(classes.get(majority.get("class")))
    return f": {safe(str(majority.get('class')))} {count:,} ({percent(count / total)})"


def _classes(table: dict[str, Any]) -> str:
    count = len(_list(table.get("classes")))
    return f"{count:,} classes" if count else ""


def _majority(snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    majority = snapshot.majority
    if majority is None:
        return []
    name, share = majority
    line: Line = [
        (f" {symbol('warning')} " if share >= 0.4 else " ", ink.warning),
        ("always answering ", ink.muted),
        (safe(name, 24), ink.strong),
        (" scores", ink.muted),
    ]
    lines, used = [line], sum(cell_len(text) for text, _ in line)
    for prefix, split in (("train", "train"), ("val", "validation"), ("test", "test")):
        value = snapshot.baseline(prefix)
        if value is None:
            continue
        words: Line = [(f"  {number(value, 3)}", ink.text), (f" {split}", ink.muted)]
        cells = sum(cell_len(text) for text, _ in words)
        if used + cells > width and len(lines) == 1:
            lines.append([])
            used = 0
        lines[-1] += words
        used += cells
    return lines


def _leaks(table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """Inputs that are in two splits: what is scored has been seen."""
    found = table.get("duplicates")
    lines: list[Line] = []
    for pair, content in found.items() if isinstance(found, dict) else ():
        rows = _whole(content.get("rows")) if isinstance(content, dict) else 0
        if not rows:
            continue
        first, _, second = str(pair).partition("/")
        distinct = _whole(content.get("distinct"))
        words = (
            f"{rows:,} {safe(second)} rows ({distinct:,} distinct) are in {safe(first)} too"
            if second
            else f"{rows:,} rows of {safe(first)} are there more than once"
        )
        style = ink.warning if second else ink.muted
        for position, row in enumerate(wrap(words, width - 4, 3)):
            lines.append([(f" {symbol('warning')} " if not position else "   ", style), (row, style)])
    if isinstance(found, dict) and not lines:
        lines.append([(f" {symbol('finished')} ", ink.good), ("no input is in two splits", ink.muted)])
    return lines
