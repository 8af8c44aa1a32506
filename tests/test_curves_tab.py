"""The Curves tab of a run: every key, the mouse, dialogs; what is remembered; what is written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from textual.events import MouseMove, MouseScrollDown, MouseScrollUp

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tests.run_world import drawn, live, opened, runs
from tests.tui_world import press, screen_text, seen, until
from tui.plots.shapes import shape_of
from tui.run_series import MOST_SERIES

__all__ = ["runs"]


def many_series(runs: Path, count: int = 300) -> RunPaths:
    """Make the run one of a program that logs very many series of its own."""
    paths = RunPaths(runs / "e0001")
    for path in paths.series.rglob("*.f8"):
        path.unlink()
    state = load_run(paths).state
    state.best, state.metrics = None, {}
    write_state(paths, state)
    with SeriesWriter(paths.series) as writer:
        for step in (1, 2, 3):
            writer.log(step, {f"layer{i:03}/norm": float(i + step) for i in range(count)})
    return paths


def titles(screen: Any) -> list[str]:
    """Of the panels in sight."""
    return [panel.title for panel in screen.tab.grid.shown]


# panels


async def test_300_series_of_ones_own_are_paged_and_found_by_typing(runs: Path) -> None:
    many_series(runs)
    async with opened(runs, size=(120, 40)) as (pilot, screen):
        await seen(pilot, "layer000/norm", "page 1 of")
        assert len(screen.tab._panels) == 300
        assert len(screen.tab.charts) <= 12
        await press(pilot, "pagedown")
        await seen(pilot, "page 2 of")
        assert "layer000/norm" not in screen_text(pilot)
        await press(pilot, "slash", *"layer29", "enter")
        await seen(pilot, "layer290/norm", "10 panels match")
        await drawn(pilot, screen)
        assert len(screen.store.caches) < 60, "only what was in sight is read"
        await press(pilot, "escape")
        await until(pilot, lambda: len(screen.tab._panels) == 300)
        await press(pilot, "g", "c")
        for _ in range(8):
            await press(pilot, "pagedown")
            await drawn(pilot, screen)
        assert len(screen.store.caches) <= MOST_SERIES + 6, "what was looked at long ago is forgotten"


async def test_words_that_match_nothing_say_so_and_escape_brings_all_back(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "loss")
        await press(pilot, "slash", *"nosuch", "enter")
        await seen(pilot, "0 panels match")
        await press(pilot, "escape")
        await until(pilot, lambda: titles(screen) == ["loss", "accuracy", "learning rate"])
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.screen is not screen)


async def test_series_that_stand_in_no_panel_are_told_of_and_words_that_match_none_in_the_middle(runs: Path) -> None:
    with SeriesWriter(RunPaths(runs / "e0001").series) as writer:
        writer.log(1, {f"layer{i:03}/norm": float(i) for i in range(40)})
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "41 more series: / or +")  # macro F1 too
        await press(pilot, "slash", *"nosuch")
        await seen(pilot, "No series has “nosuch” in its name: esc shows all")
        await press(pilot, "escape")
        await until(pilot, lambda: titles(screen) == ["loss", "accuracy", "learning rate"])
        await seen(pilot, "learning rate")
        assert "nosuch" not in screen_text(pilot)


async def test_what_was_set_long_ago_is_said_below_the_curves(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        assert not screen.tab.line.plain
        await press(pilot, "s", "L", "o")
        await until(pilot, lambda: screen.tab.line.plain == "EMA 0.9   log y   with outliers")
    async with opened(runs) as (pilot, screen):
        await until(pilot, lambda: screen.tab.line.plain == "EMA 0.9   log y   with outliers")
        await press(pilot, "comma")
        await until(pilot, lambda: screen.tab.line.plain.startswith("epoch "))


async def test_any_metrics_share_a_panel_of_ones_own(runs: Path) -> None:
    async with opened(runs, size=(160, 48)) as (pilot, screen):
        await seen(pilot, "learning rate")
        await press(pilot, "plus", *"macro", "enter", "shift+tab")
        await until(pilot, lambda: screen.tab._panels[-1].title == "macro_f1")
        for _ in "macro":
            await pilot.press("backspace")
        await press(pilot, *"lr", "enter", "escape")
        await until(pilot, lambda: screen.tab._panels[-1].series == ("val/macro_f1", "lr"))
        await drawn(pilot, screen)
        labels = [curve.label for curve in screen.tab.charts[-1].plot.curves]
        assert labels == ["validation", "lr"]
        assert len({curve.color for curve in screen.tab.charts[-1].plot.curves}) == 2


async def test_a_grid_is_chosen_and_holds_no_more_than_is_readable(runs: Path) -> None:
    many_series(runs, 30)
    async with opened(runs, size=(200, 60)) as (pilot, screen):
        await seen(pilot, "layer000/norm")
        await press(pilot, "g", "d")
        await until(pilot, lambda: len(titles(screen)) == 12)
        await drawn(pilot, screen)
        assert len({chart.region.y for chart in screen.tab.charts}) == 3
        assert len({chart.region.x for chart in screen.tab.charts}) == 4
        await press(pilot, "g", "1")
        await until(pilot, lambda: titles(screen) == ["layer000/norm"])
        await press(pilot, "p", "p")
        await until(pilot, lambda: titles(screen) == ["layer001/norm"]), "the marked panel's page is shown"
        await press(pilot, "g", "a")
        await until(pilot, lambda: len(titles(screen)) > 1)


# axes


async def test_every_axis_and_another_metric_run_along_x(runs: Path) -> None:
    paths = RunPaths(runs / "e0001")
    with SeriesWriter(paths.series) as writer:
        for step in (10, 600):
            writer.log(step, {"samples": step * 32.0})
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        plot = screen.tab.charts[0].plot
        for words, axis in [("samples", "samples"), ("time since", "time"), ("wall clock", "wall"), ("step", "step")]:
            await press(pilot, "x")
            await seen(pilot, f"x axis: {words}")
            assert plot.x_axis.value == axis
        await press(pilot, "X", *"macro", "enter")
        await seen(pilot, "x axis: val/macro_f1")
        await until(pilot, lambda: plot.view.shown is not None and plot.view.shown[0][1] <= 1.0)
        assert plot.x_name == "val/macro_f1"


async def test_logarithmic_axes_come_one_after_the_other(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        loss, accuracy = screen.tab.charts[0].plot, screen.tab.charts[1].plot
        found = []
        for _ in range(4):
            await press(pilot, "L")
            found.append((loss.log_y, loss.log_x, accuracy.log_y))
        assert found == [(True, False, False), (False, True, False), (True, True, False), (False, False, False)]


async def test_smoothing_goes_by_weight_or_by_window(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "w")
        await seen(pilot, "mean of 100 points")
        assert screen.tab.charts[0].plot.smooth == 100.0
        await press(pilot, "s", "s")
        assert screen.tab.charts[0].plot.smooth == 0.0
        await press(pilot, "w")
        assert screen.tab.charts[0].plot.smooth == 0.9


async def test_evaluations_are_smoothed_where_they_are_very_many(runs: Path) -> None:
    Maker(runs, 400, seed=2).make(2, time.time() - 300, end="finished", experiment="digits-mlp")
    for run_id, smoothed in (("e0001", False), ("e0002", True)):
        async with opened(runs, run_id) as (pilot, screen):
            await drawn(pilot, screen)
            plot = screen.tab.charts[0].plot
            shapes = {curve.series: shape_of(plot, curve, plot.view.shown[0]) for curve in plot.curves}
            assert shapes["train/loss"].raw is not None
            assert (shapes["val/loss"].raw is not None) is smoothed


# what is in sight


async def test_zoom_and_pan_anywhere_and_all_again(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await press(pilot, "x", "x", "x")
        await until(pilot, lambda: screen.tab.charts[0].plot.view.shown is not None)
        assert screen.tab.full_range() == (10.0, 600.0)
        screen.tab.point(100.0)
        await press(pilot, "z")
        low, high = screen.tab.charts[0].plot.zoom
        assert high - low == pytest.approx(295.0)
        assert low < 100.0 < high < 600.0, "around the crosshair, not at the end"
        await seen(pilot, "0 shows all")
        await press(pilot, "right_square_bracket")
        assert screen.tab.charts[0].plot.zoom[0] == pytest.approx(low + 0.25 * 295)
        assert {chart.plot.zoom for chart in screen.tab.charts} == {screen.tab.window.x}
        await press(pilot, "v", "up")
        assert screen.tab.charts[0].plot.fixed_y is not None
        assert screen.tab.charts[1].plot.fixed_y is None, "y is that of the marked panel alone"
        await press(pilot, "0")
        assert screen.tab.charts[0].plot.zoom is None
        assert screen.tab.charts[0].plot.fixed_y is None
        assert screen.tab.cursor is None


async def test_a_live_run_is_followed_at_its_end_and_left_alone_elsewhere(runs: Path) -> None:
    paths = live(runs / "e0001")
    async with opened(runs) as (pilot, screen):
        await press(pilot, "x", "x", "x", "z")
        await until(pilot, lambda: screen.tab.charts[0].plot.zoom is not None)
        with SeriesWriter(paths.series) as writer:
            writer.log(5000, {"train/loss": 0.5, "val/loss": 7.25})
        await until(pilot, lambda: screen.tab.charts[0].plot.zoom[1] >= 5000)
        await until(pilot, lambda: screen.tab.charts[0].plot.view.shown[1][1] >= 7.25), "and y with it"
        await press(pilot, "0")
        screen.tab.point(50.0)
        await press(pilot, "z", "z")
        before = screen.tab.charts[0].plot.zoom
        with SeriesWriter(paths.series) as writer:
            writer.log(9000, {"train/loss": 0.5})
        await until(pilot, lambda: screen.tab.full_range()[1] == 9000.0)
        assert screen.tab.charts[0].plot.zoom == before


async def test_the_wheel_zooms_around_the_pointer(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await press(pilot, "x", "x", "x")
        await drawn(pilot, screen)
        chart = screen.tab.charts[1]

        def wheel(kind: type, **keys: bool) -> None:
            x, y = chart.region.x + 20, chart.region.y + 5
            flags = {"shift": False, "meta": False, "ctrl": False, **keys}
            pilot.app.screen._forward_event(kind(None, x, y, 0, 0, 0, screen_x=x, screen_y=y, **flags))

        place = chart.position_at(20 - 2)
        wheel(MouseScrollUp)
        await until(pilot, lambda: chart.plot.zoom is not None)
        low, high = chart.plot.zoom
        assert low < place < high < 600.0
        assert chart.position_at(20 - 2) == pytest.approx(place, rel=0.05)
        assert screen.tab.charts[0].plot.zoom == chart.plot.zoom, "all panels show the same stretch"
        wheel(MouseScrollUp, ctrl=True)
        await until(pilot, lambda: chart.plot.fixed_y is not None)
        for _ in range(3):
            wheel(MouseScrollDown)
        await until(pilot, lambda: chart.plot.zoom is None)


async def test_typed_limits_hold_and_what_is_wrong_with_them_is_said(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await press(pilot, "x", "x", "x")
        await drawn(pilot, screen)
        await press(pilot, "t", *"5oo", "enter")
        await seen(pilot, "is no number")
        await press(pilot, "backspace", "backspace", "backspace", *"100", "tab", *"50", "enter")
        await seen(pilot, "100 is not below 50")
        await press(pilot, "0", "tab", *"0.5", "enter")
        await until(pilot, lambda: screen.tab.charts[0].plot.zoom == (100.0, 500.0))
        assert screen.tab.charts[0].plot.fixed_y[0] == 0.5
        await press(pilot, "Z")
        await until(pilot, lambda: screen.tab.charts[0].plot.zoom is None), "a zoom ends them"


# the crosshair


async def test_the_crosshair_reads_every_curve_and_what_happened_there(runs: Path) -> None:
    paths = RunPaths(runs / "e0001")
    append_event(paths, "checkpoint", name="step-00000300", step=300)
    append_event(paths, "lr", value=0.005, step=300)
    async with opened(runs) as (pilot, screen):
        await press(pilot, "x", "x", "x")
        await drawn(pilot, screen)
        await press(pilot, "comma")
        assert screen.tab.cursor is not None
        screen.tab.point(300.0)
        value = screen.store.caches["val/accuracy"].value_at(300.0)
        await seen(pilot, "step 300", "checkpoint step-00000300", "learning rate 0.005", f"{value:.4f}")
        assert {chart.plot.cursor for chart in screen.tab.charts} == {300.0}
        await press(pilot, "greater_than_sign")
        assert screen.tab.cursor > 330
        await pilot.click(screen.tab.charts[0], offset=(20, 6))
        place = screen.tab.cursor
        assert place == pytest.approx(screen.tab.charts[0].position_at(18), abs=25)
        chart = screen.tab.charts[1]
        x, y = chart.region.x + 40, chart.region.y + 6
        pilot.app.screen._forward_event(MouseMove(None, x, y, 20, 0, 1, False, False, False, screen_x=x, screen_y=y))
        await until(pilot, lambda: screen.tab.cursor == pytest.approx(chart.position_at(38)))
        assert screen.tab.marked == "loss", "the panel that was clicked"
        await press(pilot, "escape")
        assert screen.tab.cursor is None
        assert pilot.app.screen is screen


# marks


async def test_marks_are_turned_off_and_on_by_kind(runs: Path) -> None:
    append_event(RunPaths(runs / "e0001"), "checkpoint", name="step-00000300", step=300)
    append_event(RunPaths(runs / "e0001"), "resumed", step=400)
    async with opened(runs) as (pilot, _):
        await seen(pilot, "◆", "»", "★", "resumed")
        await press(pilot, "m")
        await seen(pilot, "checkpoints", "1 in this run", "where it was resumed")
        await press(pilot, "down", "space", "escape")
        await until(pilot, lambda: "◆" not in screen_text(pilot))
        assert "»" in screen_text(pilot)
        await press(pilot, "m", "a", "escape")
        await seen(pilot, "◆")
        await press(pilot, "m", "a", "escape")
        await until(pilot, lambda: not any(sign in screen_text(pilot) for sign in ("◆", "»", "resumed")))
