"""What the runs screen shows: the rows of the present view, and how its filter and order are chosen."""

from __future__ import annotations

import dataclasses

from textual import getters, on, work
from textual.containers import Container

from engine.index import Row
from tui.messages import ViewApplied
from tui.run_view import NEWEST, Outcome, View, apply
from tui.screens.main_screen import MainScreen
from tui.store import Snapshot
from tui.text import safe
from tui.theme import inks, symbol
from tui.widgets.filter_bar import FilterBar
from tui.widgets.line_list import LineList
from tui.widgets.run_list import RunList
from tui.widgets.table import Line, entitle

SOON = 2_000
"""With fewer runs than this a view is applied at once, without a thread."""


class ShownRuns(MainScreen):
    """The list of runs, filtered and ordered; `RunsScreen` adds what is done with them, and all keys."""

    MODE = "runs"
    PLACEHOLDER = "words, or val/accuracy > 0.9 and optimizer.name == SGD and age < 7d"

    listing = getters.query_one("#runs", RunList)

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self._rows: tuple[Row, ...] | None = None
        self._outcome = Outcome(self.view)

    def body(self) -> Container:
        """The list of runs."""
        return Container(RunList(), id="body")

    def main_list(self) -> LineList[object]:
        """The list of runs."""
        return self.listing  # type: ignore[return-value]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(30, self._tick)

    def _tick(self) -> None:
        if self.is_current:
            self.listing.tick()

    # what is shown

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the rows as they are now; the cursor stays on its run."""
        super().take_snapshot(snapshot)
        self.listing.tick()
        if snapshot.rows != self._rows or self._rows is None:
            self._rows = snapshot.rows
            self._apply()

    def show_view(self, view: View) -> None:
        """Filter and sort as `view` says."""
        self.view = view
        if self._rows is not None:  # else the first snapshot will be shown so
            self._apply()

    def _apply(self) -> None:
        rows = self._rows or ()
        cheap = self.view.sort == NEWEST and not self.view.filter
        if cheap or len(rows) < SOON:
            self._show(apply(rows, self.view))
        else:
            self._apply_later(rows, self.view)

    @work(thread=True, exclusive=True, exit_on_error=False, group="view")
    def _apply_later(self, rows: tuple[Row, ...], view: View) -> None:
        self.post_message(ViewApplied(apply(rows, view)))

    @on(ViewApplied)
    def _applied(self, message: ViewApplied) -> None:
        if message.outcome.view == self.view:
            self._show(message.outcome)

    def _show(self, outcome: Outcome) -> None:
        self._outcome = outcome
        bar = self.filter_bar()
        if bar is not None:
            bar.say(outcome.error)
        runs = self.listing
        current = runs.current
        position = None
        if current is not None:
            position = next((i for i, row in enumerate(outcome.rows) if row.run == current.run), None)
        ids = len(outcome.rows[0].run) if outcome.rows else 5
        runs.measure({row.experiment for row in outcome.rows}, ids, {row.monitor for row in outcome.rows})
        runs.sorted_by(self.view.sort, self.view.descending)
        runs.empty = self._empty_lines()
        if runs.cursor == 0 and self.view.sort == NEWEST and round(runs.scroll_y) == 0:
            position = 0  # at the top of the newest one stays at the top
        runs.set_items(outcome.rows, position)
        self._say_title()

    def _say_title(self) -> None:
        total, shown = len(self._rows or ()), len(self._outcome.rows)
        parts = [
            f"Runs {symbol('dot')} {total:,}" if shown == total else f"Runs {symbol('dot')} {shown:,} of {total:,}"
        ]
        if self.view.experiment:
            parts.append(f"of {self.view.experiment}")
        if self.view.filter:
            parts.append(f"/ {self.view.filter}")
        if self.view.sort != NEWEST or not self.view.descending:
            parts.append(f"by {self.view.sort} {symbol('down' if self.view.descending else 'up')}")
        chosen = len(self.listing.selected)
        hidden = self._outcome.hidden
        said = [f"{chosen} selected"] if chosen else []
        said += [f"{hidden} archived, A shows them"] if hidden else []
        entitle(self.listing, "   ".join(parts), "   ".join(said), 70)

    def _select(self, ids: set[str]) -> None:
        self.listing.selected = ids
        self.listing.refresh()
        self._say_title()

    def _lacking(self) -> list[tuple[str, str]]:
        """The keys of the filter that no run has, each with what may be meant."""
        from engine.errors import UsageError
        from engine.query import lacking, parse

        try:
            keys = sorted(parse(self.view.filter).keys)
        except UsageError:
            return []  # said where it is typed
        return [(key, hint) for key in keys if (hint := lacking(key, self._rows or ())) is not None]

    def _empty_lines(self) -> list[Line]:
        ink = inks(self.app)
        if self._rows:
            words = [(" No run fits ", ink.muted), (safe(self.view.filter or self.view.experiment), ink.text)]
            hints = [[(f" no run has {safe(key)!r}; {safe(hint)}", ink.warning)] for key, hint in self._lacking()]
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

    # filter and order

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        self.show_view(dataclasses.replace(self.view, filter=message.text.strip()))

    @on(FilterBar.Closed)
    def _filter_closed(self) -> None:
        self.listing.focus()

    def sort_by(self, key: str) -> None:
        """Sort by a key of the query language; again by the same turns the order round."""
        self.show_view(self.view.sorted_by(key))

    def action_turn(self) -> None:
        """Turn the order round."""
        self.show_view(dataclasses.replace(self.view, descending=not self.view.descending))

    def action_sort(self) -> None:
        """Choose what to sort by."""
        from tui.screens.confirm import Choice, ChoiceScreen

        choices = [
            Choice(NEWEST, "age", "a", "when it was launched"),
            Choice("best", "best", "b", "the best value of what its checkpoints watch"),
            Choice("test", "test", "x", "the score on the test split: accuracy, error rate, whatever the task has"),
            Choice("experiment", "experiment", "e"),
            Choice("state", "state", "s"),
            Choice("seconds", "time", "t", "how long it trained"),
            Choice("device", "device", "d"),
            *(Choice(name, name) for name in self._metric_names()),
        ]

        def chosen(key: str | None) -> None:
            if key is not None:
                self.sort_by(key)

        self.app.push_screen(ChoiceScreen("Sort by", choices, self.view.sort), chosen)

    def _metric_names(self) -> list[str]:
        names: dict[str, None] = {}
        for row in self._outcome.rows[:200]:
            names.update(dict.fromkeys(row.metrics))
        return sorted(name for name in names if "/" in name)

    def action_archived(self) -> None:
        """Show or hide archived runs."""
        self.show_view(dataclasses.replace(self.view, archived=not self.view.archived))

    def action_back(self) -> None:
        """Drop the selection; else the filter; else go to the experiments."""
        bar = self.filter_bar()
        if self.listing.selected:
            self._select(set())
        elif self.view.filter or self.view.experiment:
            if bar is not None:
                bar.clear()
            self.show_view(dataclasses.replace(self.view, filter="", experiment=""))
            self.listing.focus()
        else:
            self.dltui.action_go("experiments")
