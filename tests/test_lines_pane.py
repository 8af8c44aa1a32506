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


class GrowingApp(PaneApp):
    """One pane that is as high as its lines."""

    CSS = "LinesPane { height: auto; max-height: 10; border: round red; }"


@pytest.mark.parametrize(("rows", "height"), [(1, 3), (6, 8), (60, 10)])
async def test_the_height_follows_lines_that_come_while_a_layout_is_due(rows: int, height: int) -> None:
    app = GrowingApp()
    async with app.run_test(size=(40, 20)) as pilot:
        builder = app.pane._builder
        assert builder is not None
        await until(pilot, lambda: app.pane.outer_size.height == 5)
        app.pane.refresh(layout=True)  # is due from here on,
        app.screen._clear_arrangement_cache()
        app.screen._refresh_layout()  # something else lays out before,
        app.lines = rows
        app.pane.show(builder)  # and only now the lines come
        await until(pilot, lambda: app.pane.outer_size.height == height, seconds=2)
