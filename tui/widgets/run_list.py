"""The list of runs."""

from __future__ import annotations

import time

from textual import events

from engine.rows import Row
from tui.run_columns import FIXED, RunColumns, cell, choose_columns
from tui.run_groups import draw_heading
from tui.run_view import Heading, Item, Order, place_of
from tui.theme import Inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import GAP, Column, Line, arrange, draw_row

ORDERED_AS = {"run": "created", "age": "created", "tag": "tags", "seconds": "time"}
"""Columns whose values are ordered by another key."""


class RunList(LineList[Item]):
    """One run a line: state, id, star, then the chosen columns; groups of them under headings."""

    def __init__(self) -> None:
        super().__init__(id="runs", classes="panel")
        self.selected: set[str] = set()
        """Ids of the runs that the next action is for; none means the one under the cursor."""
        self.orders: tuple[Order, ...] = (Order("created"),)
        self.columns = choose_columns((), ())
        self.pan = 0
        """How many of the columns at the left are out of sight."""
        self._minute = 0

    # what is under the cursor

    @property
    def current(self) -> Row | None:
        """The run under the cursor; None on a group's heading."""
        item = super().current
        return item if isinstance(item, Row) else None

    @property
    def heading(self) -> Heading | None:
        """The heading under the cursor."""
        item = super().current
        return item if isinstance(item, Heading) else None

    def under_cursor(self) -> list[Row]:
        """The run under the cursor; on a heading, those of its group."""
        item = super().current
        return list(item.group.rows) if isinstance(item, Heading) else [] if item is None else [item]

    def heading_of(self, index: int) -> Heading | None:
        """The heading that a line stands under, or is."""
        return next((item for item in reversed(self.items[: index + 1]) if isinstance(item, Heading)), None)

    def in_sight(self, item: Item) -> bool:
        """Whether a line is on the screen now."""
        first = max(0, round(self.scroll_y))
        return any(shown is item for shown in self.items[first : first + max(1, self.size.height - self.titled)])

    # what is shown

    def show(self, items: list[Item], columns: RunColumns, orders: tuple[Order, ...], *, top: bool = False) -> None:
        """Show other lines: what is looked at stays where it is on the screen.

        Args:
            top: put the cursor on the first line.
        """
        if columns != self.columns:
            self.columns = columns
            self.pan = min(self.pan, max(0, len(columns.keys) - 1))
            self.forget()
        self._mark_orders(orders)
        if top or not self.items:
            self.set_items(items, 0)
            return
        headings = any(isinstance(item, Heading) for item in items[:1])
        anchor = self._anchor()
        cursor = self._place(self.cursor, items, headings)
        place = cursor if anchor == self.cursor else self._place(anchor, items, headings)
        moved = 0 if place is None or round(self.scroll_y) == 0 else place - anchor
        self.replace_items(items, cursor, moved)

    def _anchor(self) -> int:
        """The line that is to stay where it is: that of the cursor when it is in sight, else the first in sight."""
        first = round(self.scroll_y)
        height = max(1, self.size.height - self.titled)
        return self.cursor if first <= self.cursor < first + height else min(first, len(self.items) - 1)

    def _place(self, index: int, items: list[Item], headings: bool) -> int | None:
        if not 0 <= index < len(self.items):
            return None
        return place_of(self.items[index], self.heading_of(index) if headings else None, items, headings)

    def tick(self) -> bool:
        """Repaint the ages when another minute has begun; whether it did."""
        minute = int(time.time() // 60)
        if minute == self._minute:
            return False
        self._minute = minute
        self.refresh()
        return True

    def _mark_orders(self, orders: tuple[Order, ...]) -> None:
        """Mark the columns that the rows are ordered by."""
        if orders != self.orders:
            self.orders = orders
            self.refresh_line(0)

    def version(self, item: Item) -> int:
        """A row is drawn anew each minute, and when it is selected or not any more."""
        if isinstance(item, Heading):
            return sum(row.run in self.selected for row in item.group.rows) if self.selected else 0
        return self._minute * 2 + (item.run in self.selected)

    # drawing

    def _arranged(self, width: int) -> list[tuple[Column, int]]:
        return arrange(self.columns.panned(self.pan), width)

    def out_of_sight(self) -> tuple[int, int]:
        """How many columns there is no room for: at the left, by panning, and at the right."""
        if self.room < 2:
            return 0, 0  # not laid out yet
        shown = len(self._arranged(self.room - 1)) - len(FIXED)
        return self.pan, max(0, len(self.columns.keys) - self.pan - shown)

    def move_columns(self, by: int) -> bool:
        """Bring columns in sight that there is no room for; whether there were any."""
        wanted = self.pan + by
        if wanted < 0 or (by > 0 and self.out_of_sight()[1] == 0):
            return False
        self.pan = wanted
        self.forget()
        return True

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' names, an arrow at those they are ordered by, and which comes first where there are several."""
        ranks = {order.key: rank for rank, order in enumerate(self.orders, 1)}
        cells = {}
        arranged = self._arranged(width)
        for column, size in arranged:
            rank = 0 if column.key == "run" else ranks.pop(ORDERED_AS.get(column.key, column.key), 0)
            mark = self._mark(rank)
            title = column.title
            if mark:
                title = f"{title} {mark}" if len(title) + 1 + len(mark) <= size else title[: size - len(mark)] + mark
            cells[column.key] = (title, ink.accent if mark else ink.title)
        return draw_row(arranged, cells, ink.text)

    def _mark(self, rank: int) -> str:
        if not rank:
            return ""
        arrow = symbol("down" if self.orders[rank - 1].descending else "up")
        return f"{arrow}{rank}" if len(self.orders) > 1 else arrow

    def draw_item(self, item: Item, width: int, ink: Inks) -> Line:
        """One run, or the heading of a group."""
        if isinstance(item, Heading):
            return draw_heading(item, width, ink, self.selected)
        chosen = item.run in self.selected
        mark = (symbol("selected") if chosen else symbol(item.state), ink.warning if chosen else ink.state(item.state))
        arranged = self._arranged(width)
        cells = {column.key: cell(item, column.key, ink) for column, _ in arranged if column.key != "mark"}
        return draw_row(arranged, {**cells, "mark": mark}, ink.text)

    # mouse

    def column_at(self, x: int) -> str | None:
        """The key of the column at cell `x` of the title line."""
        at = 1
        for column, width in self._arranged(self.room - 1):
            if at <= x < at + width + GAP:
                return column.key
            at += width + GAP
        return None

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and self.items:
            event.stop()
            key = self.column_at(offset.x)
            if key and key not in ("mark", "star", "metric"):
                further = event.shift or event.ctrl
                self.screen.sort_by(ORDERED_AS.get(key, key), further=further)  # type: ignore[attr-defined]
            return
        await super()._on_click(event)
