"""The pane of drawn lines."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from tests.tui_world import until
from tui.widgets.lines_pane import LinesPane


class PaneApp(App[None]):
    """One pane whose lines end at the right edge."""

    lines = 3

    def compose(self) -> ComposeResult:
        self.pane = LinesPane(lambda width, ink: [[("x" * (width - 1) + "|", ink.text)]] * self.lines)
        yield self.pane


@pytest.mark.parametrize("rows", [3, 60])
async def test_lines_are_drawn_for_the_width_that_a_scrollbar_leaves(rows: int) -> None:
    app = PaneApp()
    async with app.run_test(size=(40, 20)) as pilot:
        builder = app.pane._builder
        assert builder is not None
        app.lines = rows
        app.pane.show(builder)
        strips = app.pane.render_line
        await until(pilot, lambda: strips(0).text.endswith("|"))
        assert app.pane.scrollable_content_region.width == (39 if rows == 60 else 40)
