"""What the runs screen shows: the rows of the present view, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import msgspec
from textual import getters, on, work
from textual.containers import Container

from engine.rows import Row
from tui.messages import ViewApplied
from tui.run_columns import RunColumns, choose_columns
from tui.run_view import NEWEST, Order, Outcome, View, apply, lines_of, read_filter, unknown_key
from tui.screens.main_screen import MainScreen
from tui.store import Snapshot
from tui.text import safe
from tui.theme import inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.run_list import RunList
from tui.widgets.table import Line, entitle

if TYPE_CHECKING:
    from engine.query_words import QueryError

SOON = 500
"""With fewer runs than this a view is applied at once, without a thread."""


class ShownRuns(MainScreen):
    """The list of runs as a view has it."""

    MODE = "runs"
    PLACEHOLDER = "words, or val/accuracy > 0.9 and optimizer.name == 'SGD' and age < 7d"

    listing = getters.query_one("#runs", RunList)

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self.view_name = ""
        """Of the saved view that was chosen."""
        self._rows: tuple[Row, ...] | None = None
        self._asked = self._saved = self.view
        """The view being shown; it differs from `view` while the filter cannot be read. And the saved view as it is."""
        self._outcome = Outcome(self.view)
        self._unreadable: QueryError | None = None
        self._readable = ""
        """The filter typed last that could be read."""
        self._reading = False
        """Whether runs are being found that no index knew of: there may be more than are shown."""
        self._from_the_top = False
        """Whether the list is shown from its first line next time, not where it was."""
        self._folded: set[tuple[Hashable, ...]] = set()
        """The groups whose runs are hidden."""

    def body(self) -> Container:
        """The list of runs."""
        return Container(RunList(), id="body")

    def main_list(self) -> LineList[object]:
        """The list of runs."""
        return self.listing  # type: ignore[return-value]

    def on_mount(self) -> None:
        self.set_interval(30, self._tick)

    def on_resize(self) -> None:
        self.call_after_refresh(self.say_title)

    def _tick(self) -> None:
        if self.is_current:
            self.listing.tick()

    # the rows of the view

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the rows as they are now; the cursor stays on its run, and what is looked at where it is."""
        super().take_snapshot(snapshot)
        self.listing.tick()
        found, reading = self._rows is not None and len(snapshot.rows) > len(self._rows), self._reading
        self._reading = not snapshot.verified and (reading or found)
        if reading and not self._reading:
            self.call_after_refresh(self.say_title)
        if snapshot.rows != self._rows or self._rows is None:
            self._rows = snapshot.rows
            self._apply()

    def show_view(self, view: View) -> None:
        """Filter, order, gather and lay out as `view` says."""
        if view.groups != self.view.groups:
            self._folded.clear()
        if view.orders != self.view.orders:  # who sorts wants to see what comes first
            self._from_the_top = True
        self.view = view
        self._read_filter()
        if self._rows is not None:  # else the first snapshot will be shown so
            self._apply()

    def _read_filter(self) -> None:
        """While the filter is being typed and cannot be read yet, the list stays at the last one that could."""
        bar = self.filter_bar()
        open_ = bar is not None and bar.has_class("-shown")
        query, self._unreadable = read_filter(self.view.filter.strip())
        if query is not None and bar is not None and bar.typing:
            self._unreadable = unknown_key(query, self._rows or ())
        if self._unreadable is None:
            self._readable = self.view.filter
        self._asked = msgspec.structs.replace(self.view, filter=self._readable)
        if bar is not None and open_:
            bar.say(self._unreadable)
        elif self._unreadable is not None:
            self.notify(f"The filter cannot be read: {self._unreadable.problem}", severity="error")

    def _apply(self) -> None:
        rows = self._rows or ()
        first = not self.listing.items and self._asked == View()
        if len(rows) < SOON or first:
            self._show(*_applied(rows, self._asked))
        else:
            self._apply_later(rows, self._asked)

    # with a description of its own: Textual's would be the repr of all rows, on the event loop
    @work(thread=True, exclusive=True, exit_on_error=False, group="view", description="apply a view")
    def _apply_later(self, rows: tuple[Row, ...], view: View) -> None:
        self.post_message(ViewApplied(*_applied(rows, view)))

    @on(ViewApplied)
    def _view_applied(self, message: ViewApplied) -> None:
        if message.outcome.view == self._asked:
            self._show(message.outcome, message.columns)

    def _show(self, outcome: Outcome, columns: RunColumns) -> None:
        self._outcome = outcome
        bar = self.filter_bar()
        if bar is not None:
            bar.say(self._unreadable or outcome.error)
        runs = self.listing
        if not outcome.rows:
            runs.empty = self._empty_lines()
        # at the top of the newest one stays at the top
        newest = runs.cursor == 0 and outcome.view.orders == View().orders and round(runs.scroll_y) == 0
        top, self._from_the_top = self._from_the_top or (newest and not outcome.groups), False
        runs.show(lines_of(outcome, self._folded), columns, outcome.view.orders, top=top)
        self.say_title()

    def show_lines(self) -> None:
        """Show the lines anew, as groups are folded now."""
        self.listing.show(lines_of(self._outcome, self._folded), self.listing.columns, self.listing.orders)

    # what is said around them

    def say_title(self) -> None:
        """Say in the frame what is shown and what is selected."""
        entitle(self.listing, "   ".join(self._title_parts()), "   ".join(self._below_parts()), 100)

    def _title_parts(self) -> list[str]:
        view, total, shown = self.view, len(self._rows or ()), len(self._outcome.rows)
        many = f"{total:,}" if shown == total else f"{shown:,} of {total:,}"
        parts = [f"Runs {symbol('dot')} {many}{' so far, reading more' if self._reading else ''}"]
        if self.view_name:
            parts.append(f"view {self.view_name}{'' if view == self._saved else ', changed'}")
        if view.experiment:
            parts.append(f"of {view.experiment}")
        if view.filter:
            parts.append(f"/ {view.filter}")
        if view.orders != View().orders:
            parts.append(f"by {', '.join(map(_order_words, view.orders))}")
        if view.groups:
            count = len(self._outcome.groups)
            parts.append(f"{count:,} group{'s' * (count != 1)} by {', '.join(view.groups)}")
        return parts

    def _below_parts(self) -> list[str]:
        chosen, hidden = len(self.listing.selected), self._outcome.hidden
        left, right = self.listing.out_of_sight()
        said = [*self._in_group(), *([f"{chosen:,} selected"] if chosen else [])]
        said += [f"{hidden} archived, A shows them"] if hidden else []
        columns = [f"< {left}"] * bool(left) + [f"> {right}"] * bool(right)
        return said + ([f"{' '.join(columns)} more columns"] if columns else [])

    def _in_group(self) -> list[str]:
        """The group that the run under the cursor is shown in, where its heading is out of sight."""
        above = self.listing.heading_of(self.listing.cursor) if self._outcome.view.groups else None
        if above is None or self.listing.in_sight(above):
            return []
        from tui.run_groups import shown_value

        values = zip(above.keys, above.group.values, strict=True)
        return [f"in {', '.join(f'{key} {shown_value(key, value)}' for key, value in values)}"]

    @on(LineList.Highlighted)
    def _moved(self) -> None:
        if self._outcome.view.groups:
            self.say_title()

    def _empty_lines(self) -> list[Line]:
        ink = inks(self.app)
        if self._rows:
            words = [(" No run fits ", ink.muted), (safe(self.view.filter or self.view.experiment), ink.text)]
            error = self._outcome.error
            hints = [[(f" {safe(error.problem)}; {safe(error.hint)}", ink.warning)]] if error is not None else []
            return [words, *hints, [], [(" esc shows all", ink.muted)]]
        return [
            [(" No runs yet", ink.muted), (f" in {safe(self.dltui.store.root)}", ink.muted)],
            [],
            [
                (" 1", ink.key),
                (" shows the experiments; ", ink.muted),
                ("enter", ink.key),
                (" there launches one", ink.muted),
            ],
        ]

    # the selection

    def _select(self, ids: set[str]) -> None:
        self.listing.selected = ids
        self.listing.refresh()
        self.say_title()


def _applied(rows: tuple[Row, ...], view: View) -> tuple[Outcome, RunColumns]:
    outcome = apply(rows, view)
    return outcome, choose_columns(view.columns, rows, outcome.rows)


def _order_words(order: Order) -> str:
    key = "age" if order.key == NEWEST else order.key
    return f"{key} {symbol('down' if order.descending else 'up')}"
