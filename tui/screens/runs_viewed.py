"""How what the runs screen shows is chosen: filter, order, columns, groups, saved views."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import on

from tui.run_view import View
from tui.screens.runs_shown import ShownRuns
from tui.widgets.filter_bar import Completer, FilterBar

if TYPE_CHECKING:
    from engine.query_completion import Completion


class ViewedRuns(ShownRuns):
    """The list of runs, and the dialogs that say which and how; `RunsScreen` adds what is done with them."""

    def on_mount(self) -> None:
        columns = self.plain_view().columns
        # another screen may have asked for a view already
        self.view = self.view if self.view.columns else replace(self.view, columns=columns)
        self._asked = replace(self._asked, columns=self.view.columns)

    def plain_view(self) -> View:
        """All runs, newest first, in the columns that were chosen last."""
        from tui.kept_columns import KeptColumns

        return View(columns=KeptColumns(self.dltui.store.runs).read())

    def show_asked(self, view: View) -> None:
        """Show what another screen asked for, in the columns that stand here."""
        self.show_view(view if view.columns else replace(view, columns=self.view.columns))

    def _keep_columns(self, _: None) -> None:
        """Keep the columns; those of a saved view are the view's."""
        if not self.view_name:
            from tui.kept_columns import KeptColumns

            KeptColumns(self.dltui.store.runs).write(self.view.columns)

    # filter

    def completer(self) -> Completer:
        """Keys, comparisons and values of the query language."""

        def find(text: str, cursor: int) -> Completion:
            from engine.query_completion import complete

            return complete(text, cursor, self._rows or (), time.time())

        return find

    async def action_filter(self) -> None:
        """Open the filter line, with the filter in force."""
        await super().action_filter()
        bar = self.filter_bar()
        if bar is not None and not bar.text and self.view.filter:
            bar.show_text(self.view.filter)

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        self.show_view(replace(self.view, filter=message.text.strip()))

    @on(FilterBar.Closed)
    def _filter_closed(self, message: FilterBar.Closed) -> None:
        self.screen.set_focus(self.listing)  # at once: the filter is not being typed any more
        # with the text as it was closed: one that was dropped is not complained of
        self.show_view(replace(self.view, filter=message.text.strip()))

    def action_archived(self) -> None:
        """Show or hide archived runs."""
        self.show_view(replace(self.view, archived=not self.view.archived))

    def action_back(self) -> None:
        """Drop the selection; else the filter; else go to the experiments."""
        bar = self.filter_bar()
        if self.listing.selected:
            self._select(set())
        elif self.view.filter or self.view.experiment:
            if bar is not None:
                bar.clear()
            self.show_view(replace(self.view, filter="", experiment=""))
            self.listing.focus()
        else:
            self.dltui.action_go("experiments")

    # order

    def sort_by(self, key: str, *, further: bool = False) -> None:
        """Sort by a key of the query language, or by it among runs alike so far; again by it turns it round."""
        rows = self._rows or ()
        self.show_view(self.view.then_by(key, rows) if further else self.view.sorted_by(key, rows))

    def action_turn(self) -> None:
        """Turn the order round."""
        self.show_view(self.view.turned())

    def action_sort(self) -> None:
        """Choose what to sort by, first, then second."""
        from tui.screens.run_order import SortScreen

        def chosen(view: View | None) -> None:
            if view is not None:
                self.show_view(replace(self.view, orders=view.orders))

        self.app.push_screen(SortScreen(self.view, self._rows or ()), chosen)

    def action_group(self) -> None:
        """Choose what to gather the runs by."""
        from tui.screens.run_order import GroupScreen

        def chosen(view: View | None) -> None:
            if view is not None:
                self.show_view(replace(self.view, groups=view.groups))

        self.app.push_screen(GroupScreen(self.view, self._rows or ()), chosen)

    def action_fold(self) -> None:
        """Hide the runs of the group under the cursor, or show them."""
        heading = self.listing.heading_of(self.listing.cursor)
        if heading is None:
            self.notify("The runs are not gathered; b gathers them by a setting, state or tag")
            return
        self._folded ^= {heading.identity}
        if heading.identity in self._folded:
            self.listing.move_to(next(i for i, item in enumerate(self.listing.items) if item is heading))
        self.show_lines()

    def action_fold_all(self) -> None:
        """Hide the runs of all groups; show them when all are hidden."""
        every = {group.values for group in self._outcome.groups}
        folded = self._folded >= every
        at = self.listing.heading_of(self.listing.cursor)
        self._folded = set() if folded else every
        if at is not None and not folded:
            self.listing.move_to(next(i for i, item in enumerate(self.listing.items) if item is at))
        self.show_lines()

    # columns and views

    def action_columns(self) -> None:
        """Choose, order and resize the columns."""
        from tui.screens.run_columns import ColumnsScreen

        def changed(view: View) -> None:
            self.show_view(replace(self.view, columns=view.columns))

        self.app.push_screen(ColumnsScreen(self.view, self._rows or (), changed), self._keep_columns)

    def action_pan(self, by: int) -> None:
        """Bring columns in sight that there is no room for."""
        if self.listing.move_columns(by):
            self.say_title()

    def action_views(self) -> None:
        """Switch to a saved view, save this one, delete one."""
        from tui.screens.run_views import ViewsScreen

        self.app.push_screen(
            ViewsScreen(self.dltui.store.runs, self.view, self.view_name, self.plain_view()), self._take_view
        )

    def _take_view(self, chosen: tuple[str, View] | None) -> None:
        if chosen is None:
            return
        self.view_name, self._saved = chosen
        bar = self.filter_bar()
        if bar is not None:
            bar.show_text(self._saved.filter)
        self.show_view(self._saved)
