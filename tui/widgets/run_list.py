"""The list of runs."""

from __future__ import annotations

import time
from collections.abc import Iterable

from textual import events

from engine.index import Row
from tui.details import progress
from tui.run_view import BEST, TEST, score
from tui.scores import parted
from tui.text import age, dash, duration, number, safe
from tui.theme import Inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import GAP, Column, Line, arrange, draw_row

SORT_KEYS = {
    "run": "created", "experiment": "experiment", "best": BEST, "test": TEST, "time": "seconds",
    "age": "created", "device": "device", "state": "state", "tags": "tags", "epoch": "epoch",
}  # fmt: skip
"""What a click on a column's title sorts by."""


class RunList(LineList[Row]):
    """One run a line: state, id, star, experiment, metrics, duration, age, device, tags."""

    def __init__(self) -> None:
        super().__init__(id="runs", classes="panel")
        self.selected: set[str] = set()
        """Ids of the runs that the next action is for; none means the one under the cursor."""
        self.sort = ("created", True)
        self._columns = _columns(12, 8, 0)
        self._minute = 0

    def measure(self, experiments: Iterable[str], ids: int, monitors: Iterable[str | None] = ()) -> None:
        """Fit the columns to the longest experiment name and id, and say the metrics where not all are accuracies."""
        metrics = {parted(monitor)[1] for monitor in monitors if monitor}
        metric = max(map(len, metrics)) if metrics - {"accuracy"} else 0
        columns = _columns(max([10, *map(len, experiments)]), ids, metric)
        if columns != self._columns:
            self._columns = columns
            self.forget()

    def tick(self) -> bool:
        """Repaint the ages when another minute has begun; whether it did."""
        minute = int(time.time() // 60)
        if minute == self._minute:
            return False
        self._minute = minute
        self.refresh()
        return True

    def sorted_by(self, key: str, descending: bool) -> None:
        """Mark the column that the rows are sorted by."""
        if self.sort == (key, descending):
            return
        self.sort = (key, descending)
        self.refresh_line(round(self.scroll_y))

    def version(self, item: Row) -> int:
        """A row is drawn anew each minute, and when it is selected or not any more."""
        return self._minute * 2 + (item.run in self.selected)

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' names, an arrow at the one they are sorted by."""
        cells = {}
        arranged = arrange(self._columns, width)
        marked = False
        for column, size in arranged:
            title = column.title
            if not marked and SORT_KEYS.get(column.key) == self.sort[0] and column.key != "run":
                arrow = symbol("down" if self.sort[1] else "up")
                title = f"{title} {arrow}" if len(title) + 2 <= size else title[: size - 1] + arrow
                marked = True
                cells[column.key] = (title, ink.accent)
            else:
                cells[column.key] = (title, ink.title)
        return draw_row(arranged, cells, ink.text)

    def draw_item(self, item: Row, width: int, ink: Inks) -> Line:
        """One run."""
        state = ink.state(item.state)
        chosen = item.run in self.selected
        tested, test, _ = score(item, TEST)
        watched = score(item, BEST)[0]
        cells = {
            "mark": (symbol("selected") if chosen else symbol(item.state), ink.warning if chosen else state),
            "run": (item.run, ink.strong),
            "star": (symbol("star") if item.star else "", ink.star),
            "experiment": (_title(item), ink.text),
            "state": (_state(item), state),
            "metric": (safe(", ".join(dict.fromkeys(name for name in (watched, tested) if name))), ink.muted),
            "best": (number(item.best), ink.text if item.best is not None else ink.faint),
            "test": (number(test), ink.text if test is not None else ink.faint),
            "time": (duration(item.seconds or None), ink.muted),
            "age": (age(item.started or item.created), ink.muted),
            "device": (safe(item.device) or dash(), ink.muted),
            "tags": (safe(" ".join(item.tags)), ink.accent),
        }
        return draw_row(arrange(self._columns, width), cells, ink.text)

    def column_at(self, x: int) -> str | None:
        """The key of the column at cell `x` of the title line."""
        at = 1
        for column, width in arrange(self._columns, self.room - 1):
            if at <= x < at + width + GAP:
                return column.key
            at += width + GAP
        return None

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and self.items:
            event.stop()
            key = SORT_KEYS.get(self.column_at(offset.x) or "")
            if key:
                self.screen.sort_by(key)  # type: ignore[attr-defined]
            return
        await super()._on_click(event)


def _title(row: Row) -> str:
    return safe(f"{row.experiment} {row.name}" if row.name else row.experiment)


def _state(row: Row) -> str:
    done = progress(row) if row.live else None
    return row.state if done is None else f"{100 * done:.0f} %"


def _columns(experiment: int, ids: int, metric: int) -> tuple[Column, ...]:
    return (
        Column("mark", "", 1),
        Column("run", "run", max(5, ids)),
        Column("star", "", 1),
        Column("experiment", "experiment", min(experiment, 18), 48),
        Column("state", "state", 8, 10, rank=4),
        *([Column("metric", "metric", min(max(6, metric), 14), 20, rank=3)] if metric else []),
        Column("best", "best", 7, 9, right=True, rank=1),
        Column("test", "test", 7, 9, right=True, rank=2),
        Column("time", "time", 8, 9, right=True, rank=5),
        Column("age", "age", 6, 7, right=True, rank=3),
        Column("device", "device", 6, 8, rank=6),
        Column("tags", "tags", 8, 1_000, rank=7),
    )
