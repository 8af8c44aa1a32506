"""What a run learns from: classes, characters or quantities in each split, the majority, leaks across splits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual.app import App
from textual.binding import Binding, BindingType

from engine.jsonio import number as numeric
from tui.data_words import (
    balance_lines,
    class_counts,
    class_names,
    form_of,
    kinds,
    leaks,
    no_leak,
    quantity_lines,
    rows_of,
    told,
    whole,
)
from tui.plots.bars import Look, bars_of, draw_bars
from tui.plots.inks import shade_style, style_of
from tui.run_store import SPLITS as RENAMED
from tui.run_store import RunSnapshot, Wants
from tui.text import number, percent, safe, wrap
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.run_tab import LinesTab, notice
from tui.widgets.run_words import epochs
from tui.widgets.table import Line

if TYPE_CHECKING:
    from tui.plots.lines import Line as Pieces

SPLITS = ("train", "validation", "test")
ORDERS = {
    "count": "most frequent first",
    "class": "in the order of the classes",
    "score": "the lowest F1 first",
}
"""How the classes can be ordered, and how it is said; by a score only where there are any."""
WIDEST = 160
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


@dataclass(frozen=True)
class Chosen:
    """How the classes are shown: what the keys of the tab change."""

    order: str = "count"
    """One of `ORDERS`."""
    log: bool = False


class DataTab(LinesTab):
    """data.json, drawn, with the scores of the chosen evaluation."""

    NAME = "data"
    TITLE = "Data"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", "order", id="run.data.order",
                tooltip="The classes by their count, in their order, or those with the lowest F1 first"),
        Binding("L", "log", "log", id="run.data.log", tooltip="Logarithmic bars: rare classes beside frequent ones"),
        Binding("v", "samples", "samples", id="run.data.samples", tooltip="Rows of the data, by split and class"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.chosen = Chosen()

    def wants(self) -> Wants:
        """The evaluation that the Evaluation tab shows is read too: its scores stand beside the classes."""
        return Wants(self.NAME, evaluation=self.run_screen.chosen_evaluation)

    def content(self, snapshot: RunSnapshot) -> object:
        """data.json is written before the first step, once; evaluations come and go."""
        baselines = tuple(snapshot.baseline(prefix) for prefix in _prefixes(snapshot))
        return (snapshot.data, snapshot.alive, snapshot.evaluation, self.chosen, *baselines)

    def lines(self, snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
        """All of it."""
        return data_lines(self.app, snapshot, width, ink, self.chosen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There must be classes to order."""
        return bool(class_counts(self.snapshot.data.table)) if action in ("order", "log") else True

    def action_order(self) -> None:
        """Order the classes otherwise."""
        orders = [order for order in ORDERS if order != "score" or _scores(self.snapshot)]
        at = orders.index(self.chosen.order) if self.chosen.order in orders else -1
        self._choose(replace(self.chosen, order=orders[(at + 1) % len(orders)]))

    def action_log(self) -> None:
        """Draw the bars on the other scale."""
        self._choose(replace(self.chosen, log=not self.chosen.log))

    def _choose(self, chosen: Chosen) -> None:
        self.chosen = chosen
        self.show(self.snapshot)

    def action_samples(self) -> None:
        """Browse the rows of the data."""
        from tui.screens.samples import browse_run

        browse_run(self.run_screen, data=True)


def data_lines(app: App[Any], snapshot: RunSnapshot, width: int, ink: Inks, chosen: Chosen | None = None) -> list[Line]:
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
    table = {**table, "splits": _splits(table)}
    counts, room = class_counts(table), min(WIDEST, width - 2)
    lines += [[(" ", ink.text), *line] for line in balance_lines(table, width - 2, ink)]
    if counts:
        lines += _class_lines(app, snapshot, table, room, ink, chosen or Chosen())
    else:
        lines.append([])
        figures = quantity_lines(table, room, ink)
        lines += [[(" ", ink.text), *line] for line in figures]
        lines += [] if figures else [[(" no classes: the targets are numbers", ink.muted)]]
    return lines


def _class_lines(
    app: App[Any], snapshot: RunSnapshot, table: dict[str, Any], width: int, ink: Inks, chosen: Chosen
) -> list[Line]:
    """A bar for each class and split, beside what the chosen evaluation scored on the class."""
    counts, scores = class_counts(table), _scores(snapshot)
    look = Look(chosen.log, scores, ("recall", "F1") if scores else (), every=True, ascii_only=ascii_mode())
    words = "how often each character is to be predicted" if form_of(table) == "tokens" else "samples of each class"
    order = chosen.order if scores or chosen.order != "score" else "count"
    words += f", {ORDERS[order]}"
    words += "; logarithmic" if chosen.log else ""
    if scores and (key := snapshot.evaluation_key):
        epoch = numeric(snapshot.evaluation.table.get("epoch"))
        when = f"epoch {epochs(epoch)}" if epoch == epoch else f"step {key.step:,}"
        words += f"; recall and F1 on {safe(RENAMED.get(key.split, key.split))}, {when}"
    bars = bars_of(counts, class_names(table), ordered=order == "count")
    if order == "score":
        bars.sort(key=lambda bar: weakness(*scores.get(bar.label, (math.nan, math.nan))))
    title: list[Line] = [[], *([(f" {line}", ink.muted)] for line in wrap(words, width, 3)), []]
    return title + styled(app, draw_bars(bars, width, splits=list(counts), look=look))


def _scores(snapshot: RunSnapshot) -> dict[str, tuple[float, float]]:
    """Recall and F1 of each class in the chosen evaluation."""
    rows = rows_of(snapshot.evaluation.table.get("per_class"))
    return {str(row.get("class", "")): (numeric(row.get("recall")), numeric(row.get("f1"))) for row in rows}


def weakness(recall: float, f1: float) -> tuple[bool, float, float]:
    """Orders classes: the lowest F1 first, of equal ones the lowest recall; those without a score last."""
    return f1 != f1, 0.0 if f1 != f1 else f1, 0.0 if recall != recall else recall


def _prefixes(snapshot: RunSnapshot) -> list[str]:
    """The splits as metrics call them."""
    several = [split for split in _splits(snapshot.data.table) if split not in SPLITS]
    return ["train", "val", *several, "test"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _splits(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = table.get("splits")
    splits = found if isinstance(found, dict) else {}
    found = {str(name): split for name, split in splits.items() if isinstance(split, dict)}
    several = [name for name in found if name not in SPLITS]
    return {name: found[name] for name in (*SPLITS[:2], *several, *SPLITS[2:]) if name in found}


def _head(snapshot: RunSnapshot, table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """What it is, and how many samples each split has."""
    data = snapshot.info.settings.get("data")
    name = table.get("name") or (data.get("name") if isinstance(data, dict) else "") or ""
    shape = _list(table.get("shape"))
    shown = f" {symbol('times')} ".join("any length" if n is None else safe(n) for n in shape)
    words = [safe(table.get("kind") or ""), shown, kinds(table)]
    lines: list[Line] = [[(f" {safe(name)}", ink.strong), (f"   {'   '.join(w for w in words if w)}", ink.muted)]]
    splits = _splits(table)
    total = sum(whole(split.get("count")) for split in splits.values())
    line: Line = [(" ", ink.text)]
    for split, content in splits.items():
        count = whole(content.get("count"))
        line += [
            (f"{safe(split)} ", ink.muted),
            (f"{count:,}", ink.text),
            (f" {percent(count / total)}   " if total else "   ", ink.muted),
        ]
    lines.append(line)
    source = table.get("source")
    train = source.get("train") if isinstance(source, dict) else None
    if isinstance(train, dict):
        said = f" {_cut(data)} the train file of {whole(train.get('count')):,}{_most(table, train)}"
        lines.append([(said, ink.muted)])
    return lines


def _cut(data: Any) -> str:
    """How the validation split came about."""
    folds, fold = (data.get("folds"), data.get("fold")) if isinstance(data, dict) else (None, None)
    if isinstance(folds, int) and isinstance(fold, int):
        return f"validation is fold {fold + 1} of {folds} of"
    return "validation was cut off"


def _most(table: dict[str, Any], train: dict[str, Any]) -> str:
    """The majority class of the whole train file, as in ": Russian 6,272 (46.9 %)"."""
    majority, classes, total = table.get("majority"), train.get("classes"), whole(train.get("count"))
    if not (isinstance(majority, dict) and isinstance(classes, dict) and total):
        return ""
    count = whole(classes.get(majority.get("class")))
    return f": {safe(str(majority.get('class')))} {count:,} ({percent(count / total)})"


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
    for prefix in _prefixes(snapshot):
        split, value = safe(RENAMED.get(prefix, prefix)), snapshot.baseline(prefix)
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
    """Inputs that are in two splits, or nearly: what is scored has been seen; and what else is to be known."""
    lines: list[Line] = []
    for words, serious in told(table):
        style = ink.warning if serious else ink.muted
        for position, row in enumerate(wrap(words, width - 4, 3)):
            lines.append([(f" {symbol('warning')} " if not position else "   ", style), (row, style)])
    if not leaks(table) and (words := no_leak(table)):
        lines.append([(f" {symbol('finished')} ", ink.good), (words, ink.muted)])
    return lines
