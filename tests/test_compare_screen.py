"""The screen that lays runs beside each other: what it shows, its keys, what it makes of hostile or missing runs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.compare import compare
from engine.records import RunPaths
from engine.runs import RunsFolder
from engine.series import SeriesWriter
from tests.run_world import live
from tests.tui_world import gone, make_app, make_world, press, screen_text, seen, until
from tui.comparison import ComparisonStore
from tui.comparison_lines import columns_in_sight
from tui.plots.chart import Chart
from tui.screens.compare import CompareScreen

NOW = 1_790_000_000.0


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Three finished runs of one experiment that differ in the learning rate."""
    folder = make_world(tmp_path / "world", runs=0)
    maker = Maker(folder / "runs", 60)
    for number in (1, 2, 3):
        maker.make(number, time.time() - 9000 + 600 * number, end="finished", experiment="digits-mlp")
    settings = json.loads((folder / "runs/e0001/run.json").read_text())["settings"]
    for number, lr in ((1, 0.1), (2, 0.01), (3, 0.001)):
        edit(folder, f"e000{number}", settings={**settings, "optimizer": {"name": "SGD", "lr": lr}})
    return folder


def edit(world: Path, run: str, **changes: Any) -> None:
    """Change run.json."""
    path = world / "runs" / run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@asynccontextmanager
async def opened(
    world: Path, *ids: str, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[Any], CompareScreen]]:
    """The screen of some runs, read."""
    app = make_app(world)
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = CompareScreen(ids or ("e0001", "e0002", "e0003"))
        app.push_screen(screen)
        await until(pilot, lambda: screen.is_mounted and screen.comparison is not None)
        yield pilot, screen


def table(screen: CompareScreen) -> dict[str, list[str]]:
    """The rows of the pane: first word(s) to cells."""
    rows = {}
    for line in screen.pane.plain.splitlines():
        words = line.split()
        if len(words) > 3:
            rows[" ".join(words[:-3])] = words[-3:]
    return rows


async def test_runs_are_selected_in_the_list_and_compared(world: Path) -> None:
    app = make_app(world)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        await press(pilot, "c")
        await seen(pilot, "Select two runs or more")
        await press(pilot, "space", "space", "c")
        await seen(pilot, "Compare", "e0003", "e0002", "what differs")
        await press(pilot, "escape")
        await gone(pilot, "2 selected")


async def test_scores_are_told_against_the_baseline(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    async with opened(world) as (pilot, screen):
        await seen(pilot, "optimizer.lr")
        assert table(screen)["optimizer.lr"] == ["0.1", "0.01", "0.001"]
        deltas = compare([runs.find(f"e000{n}") for n in (1, 2, 3)])["deltas"]["test/accuracy"]
        shown = table(screen)["test/accuracy"]
        assert [float(cell) for cell in shown[1:]] == [pytest.approx(deltas[r], abs=6e-4) for r in ("e0002", "e0003")]
        assert shown[1][0] in "+-"
        await press(pilot, "b")
        await until(pilot, lambda: table(screen)["test/accuracy"][0][0] in "+-")
        assert float(table(screen)["test/accuracy"][0]) == pytest.approx(-deltas["e0002"], abs=6e-4)
        assert "★e0002" in table(screen)["scores"]


async def test_a_run_that_goes_on_from_another_differs_in_that(world: Path) -> None:
    edit(world, "e0003", parent="e0001:best")
    async with opened(world) as (pilot, screen):
        await seen(pilot, "what differs")
        assert table(screen)["from"] == ["–", "–", "e0001:best"]


async def test_the_best_of_all_curves_has_the_star_whichever_run_is_marked(world: Path) -> None:
    for number, value in ((1, 0.5), (2, 0.9), (3, 0.7)):
        path = world / f"runs/e000{number}/state.json"
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "best": {**state["best"], "value": value}}))
    async with opened(world) as (pilot, screen):
        chart = screen.charts[0]
        await until(pilot, lambda: len(chart.plot.curves) == 3)
        assert [(mark.value, mark.curve) for mark in chart.plot.marks] == [(0.9, 1)]
        await press(pilot, "space")
        assert [mark.value for mark in chart.plot.marks] == [0.7], "of those in sight"


async def test_columns_out_of_sight_are_told_of_above_the_table(world: Path) -> None:
    async with opened(world, size=(84, 40)) as (pilot, screen):
        await until(pilot, lambda: "scores" in screen.pane.plain)
        assert "more:" not in screen.pane.plain
    async with opened(world, size=(40, 40)) as (pilot, screen):
        await until(pilot, lambda: "scores" in screen.pane.plain)
        assert screen.pane.plain.splitlines()[0].startswith(" 1 run more:")


async def test_long_names_of_scores_are_shown_in_full_where_there_is_room(world: Path) -> None:
    path = world / "runs/e0001/state.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "metrics": {**state["metrics"], "test_last/weighted_precision_of_all": 0.5}}))
    async with opened(world, size=(200, 60)) as (pilot, screen):
        await seen(pilot, "what differs")
    lines = screen.pane.plain.splitlines()
    at = next(place for place, line in enumerate(lines) if line.strip() == "test_last")
    assert any(line.startswith(" weighted_precision_of_all ") for line in lines[at:]), "its split stands above it"


async def test_of_runs_on_other_data_the_scores_stand_without_a_difference(world: Path) -> None:
    settings = json.loads((world / "runs/e0002/run.json").read_text())["settings"]
    edit(world, "e0002", settings={**settings, "data": {"name": "iris"}})
    score = json.loads((world / "runs/e0002/state.json").read_text())["metrics"]["test/accuracy"]
    async with opened(world) as (pilot, screen):
        await seen(pilot, "no difference is formed for e0002", "(iris, not digits)")
        _, other, third = table(screen)["test/accuracy"]
        assert float(other) == pytest.approx(score, abs=1e-4)
        assert third[0] in "+-"


async def test_scores_are_shown_with_their_differences_where_there_is_room_for_both(world: Path) -> None:
    def row(screen: CompareScreen) -> list[str]:
        line = next(line for line in screen.pane.plain.splitlines() if line.startswith(" test/accuracy"))
        return line.split()[1:]

    score = json.loads((world / "runs/e0003/state.json").read_text())["metrics"]["test/accuracy"]
    async with opened(world) as (pilot, screen):
        await until(pilot, lambda: "what differs" in screen.pane.plain)
        assert len(row(screen)) == 3
        await press(pilot, "a")
        assert float(row(screen)[-1]) == pytest.approx(score, abs=1e-4)
        await press(pilot, "f")
        await until(pilot, lambda: not screen.charts[0].region and len(row(screen)) == 5)
        assert float(row(screen)[-2]) == pytest.approx(score, abs=1e-4)
        assert row(screen)[-1][0] in "+-"
        await press(pilot, "f")
        await until(pilot, lambda: screen.charts[0].region and not screen.pane.region)
        await press(pilot, "f")
        await until(pilot, lambda: screen.charts[0].region and screen.pane.region)


async def test_what_is_logged_at_each_step_is_smoothed_until_the_key_is_pressed(world: Path) -> None:
    for number in (1, 2, 3):
        with SeriesWriter(world / f"runs/e000{number}/series") as writer:
            for step in range(90_000, 90_500):
                writer.log(step, {"train/loss": step % 2})
    async with opened(world) as (pilot, screen):
        screen.names = ("val/accuracy", "train/loss")
        screen._wake.set()
        await until(pilot, lambda: len(screen.charts[1].plot.curves) == 3)
        assert [chart.plot.curves[0].smooth for chart in screen.charts] == [0.0, 0.9]
        assert not screen.charts[1].plot.curves[0].raw
        assert "smoothed 0.9" in str(screen.charts[1].border_title)
        await press(pilot, "s", "s")
        assert screen.charts[1].plot.curves[0].smooth == 0.0


async def test_all_curves_are_drawn_and_one_can_be_hidden(world: Path) -> None:
    async with opened(world) as (pilot, screen):
        first = screen.charts[0]
        await until(pilot, lambda: len(first.plot.curves) == 3)
        assert first.border_title is not None
        await press(pilot, "space")
        assert [curve.label for curve in first.plot.curves] == ["e0001", "e0003"]
        assert first.plot.curves[1].color == "curve-2", "a curve keeps its colour"
        await press(pilot, "left", "space")
        assert len(first.plot.curves) == 3


async def test_another_series_is_chosen(world: Path) -> None:
    async with opened(world) as (pilot, screen):
        await until(pilot, lambda: len(screen.charts[0].plot.curves) == 3)
        await press(pilot, "m")
        await seen(pilot, "Draw", "val/macro_f1")
        await press(pilot, "down", "down", "enter")
        await until(pilot, lambda: screen.names[:1] == ("val/macro_f1",))
        await until(pilot, lambda: len(screen.charts[0].plot.curves) == 3)


async def test_points_that_come_are_drawn(world: Path) -> None:
    paths = live(world / "runs" / "e0003")
    async with opened(world) as (pilot, screen):
        await until(pilot, lambda: len(screen.charts[0].plot.curves) == 3)
        name = screen.comparison.drawn_first()[0] if screen.comparison else ""
        with SeriesWriter(paths.series) as writer:
            writer.log(99_000, {name: 0.987})
        await until(pilot, lambda: (screen.store.caches["e0003", name].last or (0,))[0] == 99_000)


async def test_a_journal_page_is_written(world: Path) -> None:
    async with opened(world, "e0001", "e0002") as (pilot, _):
        await press(pilot, "b", "R")
        pages = world / "runs" / "journal"
        await until(pilot, lambda: any(pages.glob("*.html")), 60)
        await seen(pilot, "Journal page written")
    (page,) = (world / "runs" / "journal").glob("*.md")
    assert page.read_text().startswith("# e0002 and e0001")


async def test_the_tables_are_copied(world: Path) -> None:
    async with opened(world) as (pilot, _):
        await press(pilot, "y")
        assert "| optimizer.lr | 0.1 | 0.01 | 0.001 |" in pilot.app.clipboard


async def test_a_run_that_goes_away_is_told(world: Path) -> None:
    async with opened(world) as (pilot, screen):
        shutil.rmtree(world / "runs" / "e0002")
        screen._wake.set()
        await seen(pilot, "no longer there: e0002")
        await press(pilot, "right", "enter")
        await seen(pilot, "e0001")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_names_do_no_harm_at_any_size(world: Path, size: tuple[int, int]) -> None:
    evil = "\x1b[31m[b]x[/b]\u202e" + "long name " * 20
    marks = world / "runs/e0001/marks.json"
    marks.write_text(json.dumps({**json.loads(marks.read_text()), "name": evil}))
    edit(world, "e0001", experiment=evil)
    settings = json.loads((world / "runs/e0002/run.json").read_text())["settings"]
    edit(world, "e0002", settings={**settings, "note": evil, evil: 1})
    async with opened(world, size=size) as (pilot, screen):
        await seen(pilot, "Compare", "scores")
        shown = screen_text(pilot)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        pane = screen.pane
        assert max(len(line) for line in pane.plain.splitlines()) <= pane.scrollable_content_region.width


@pytest.mark.parametrize(
    ("count", "room", "cursor", "pinned"), [(1, 1, 0, 0), (4, 3, 3, 0), (30, 7, 17, 2), (30, 7, 2, 29), (9, 1, 8, 0)]
)
def test_the_marked_run_and_the_baseline_are_in_sight(count: int, room: int, cursor: int, pinned: int) -> None:
    shown = columns_in_sight(count, room, cursor, pinned)
    assert cursor in shown
    assert room == 1 or pinned in shown
    assert len(shown) == len(set(shown)) == min(room, count)
    assert set(shown) <= set(range(count))


def test_a_run_without_anything_is_compared_too(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs", 5)
    for number in (1, 2):
        maker.make(number, NOW, end="failed", experiment="digits-mlp")
    bare = RunPaths(tmp_path / "runs" / "e0002")
    shutil.rmtree(bare.series)
    for path in (bare.data, bare.model, bare.state):
        path.unlink()
    store = ComparisonStore(RunsFolder(tmp_path / "runs"), ["e0001", "e0002"])
    found = store.tick(())
    assert found is not None
    assert [run.id for run in found.runs] == ["e0001", "e0002"]
    assert store.tick(()) is None


@pytest.fixture
def still(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with time standing still."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    shutil.rmtree(world / "runs")
    maker = Maker(world / "runs", 60, seed=3)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    for number in (1, 2, 3, 4):
        maker.make(number, NOW - 9000 + 600 * number, end="finished", experiment="digits-mlp")
        edit(world, f"e000{number}", host="box")
        marks = world / f"runs/e000{number}/marks.json"
        marks.write_text(json.dumps({"name": "", "tags": [], "star": False, "archived": False}))
    return world


def complete(chart: Chart) -> bool:
    """Whether all that the chart draws has been read; a chart that is not in sight waits for nothing."""
    return not chart.display or [curve.epochs is not None for curve in chart.plot.curves] == [True] * 4


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(still: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app(still)

    async def before(pilot: Pilot[Any]) -> None:
        screen = CompareScreen(("e0001", "e0002", "e0003", "e0004"))
        app.push_screen(screen)
        await until(pilot, lambda: screen.is_mounted and all(map(complete, screen.charts)))
        await press(pilot, "right")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
