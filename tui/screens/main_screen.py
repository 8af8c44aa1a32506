"""What the three main screens have in common: header, footer, the filter line, and taking snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from tui.widgets.footer import Footer
from tui.widgets.header import Header

if TYPE_CHECKING:
    from tui.app import DltuiApp
    from tui.store import Snapshot
    from tui.widgets.filter_bar import Completer, FilterBar
    from tui.widgets.line_list import LineList


class MainScreen(Screen[None]):
    """One of the screens behind 1, 2 and 3."""

    MODE: ClassVar[str] = ""
    PLACEHOLDER: ClassVar[str] = ""
    AUTO_FOCUS = "LineList"

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """Header, what the screen shows, footer."""
        yield Header(self.MODE)
        yield self.body()
        yield Footer()

    def body(self) -> Container:
        """What stands between header and footer."""
        raise NotImplementedError

    def main_list(self) -> LineList[object]:
        """The list that has the focus when nothing else has."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.take_snapshot(self.dltui.snapshot)

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.take_snapshot(self.dltui.snapshot)

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show what changed."""
        self.query_one(Header).update(snapshot)

    def filter_bar(self) -> FilterBar | None:
        """The filter line, once it was opened."""
        from tui.widgets.filter_bar import FilterBar

        found = self.query(FilterBar)
        return found.first() if found else None

    def completer(self) -> Completer | None:
        """What may be written in the filter; None where it is words alone."""
        return None

    async def action_filter(self) -> None:
        """Open the filter line; it is made when first asked for, so that nobody waits for it at start."""
        from tui.widgets.filter_bar import FilterBar

        bar = self.filter_bar()
        if bar is None:
            bar = FilterBar(self.PLACEHOLDER, self.completer())
            await self.mount(bar, before=self.query_one(Footer))
        bar.open()

    def action_back(self) -> None:
        """Drop the filter, if there is one."""
        bar = self.filter_bar()
        if bar is not None and bar.has_class("-shown"):
            bar.clear()
            self.main_list().focus()
