"""What the Curves tab keeps and writes: its view, figures and tables; means over a group; hostile names."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.records import RunPaths
from engine.series import SeriesWriter
from tests.run_world import drawn, opened, runs
from tests.tui_world import press, screen_text, seen, until
from tui.curve_export import figure_of
from tui.xaxis import XAxis

__all__ = ["runs"]


# what is remembered


async def test_the_view_is_there_again_in_another_run_of_the_experiment(runs: Path) -> None:
    Maker(runs, 60, seed=2).make(2, time.time() - 300, end="finished", experiment="digits-mlp")
    Maker(runs, 60, seed=3).make(3, time.time() - 300, end="finished", experiment="moons-mlp")
    file = runs / ".dltui" / "views" / "digits-mlp.json"
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "x", "L", "s", "o", "g", "2", "plus", *"macro", "enter", "escape")
        await until(pilot, lambda: file.exists() and "macro" in file.read_text())
    async with opened(runs, "e0002") as (pilot, screen):
        await until(pilot, lambda: len(screen.tab._panels) == 4)
        await drawn(pilot, screen)
        view, plot = screen.tab.view, screen.tab.charts[0].plot
        assert (view.axis.value, view.grid, view.clip) == ("time", (1, 2), False)
        assert (plot.x_axis.value, plot.log_y, plot.smooth, plot.robust) == ("time", True, 0.9, False)
    async with opened(runs, "e0003") as (pilot, screen):
        await drawn(pilot, screen)
        assert screen.tab.view.axis.value == "epoch", "each experiment has a view of its own"


async def test_a_damaged_view_is_passed_over(runs: Path) -> None:
    file = runs / ".dltui" / "views" / "digits-mlp.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"curves": {"axis": 7')
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        assert screen.tab.view.axis.value == "epoch"


# exports and means


@pytest.mark.parametrize(("key", "begins"), [("p", b"\x89PNG"), ("c", b"panel,series")])
async def test_what_is_in_sight_is_written_beside_the_run(runs: Path, key: str, begins: bytes) -> None:
    paths = RunPaths(runs / "e0001")
    kind = {"p": "png", "c": "csv"}[key]
    kept = paths.artifact(f"curves.{kind}")
    kept.write_text("somebody's own")
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "z", "e", key)
        await until(pilot, lambda: paths.artifact(f"curves-2.{kind}").exists(), seconds=60)
        await seen(pilot, "Exported", f"curves-2.{kind}")
    content = paths.artifact(f"curves-2.{kind}").read_bytes()
    assert content.startswith(begins)
    assert kept.read_text() == "somebody's own"
    if kind == "csv":
        epochs = [float(line.split(",")[5]) for line in content.decode().splitlines()[1:]]
        assert min(epochs) >= 5.0, "only what was in sight"


async def test_the_sheet_that_is_written_holds_the_baseline_that_is_seen(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        tab = screen.tab
        sheet = figure_of(tab.view, tab.snapshot, tab.grid, tab.window, means=False)
        assert [bool(panel.baselines) for panel in sheet.panels] == [False, True, False]


def group(runs: Path, count: int = 3) -> None:
    """Runs that differ in nothing but their seed."""
    for number in range(2, count + 1):
        Maker(runs, 60, seed=number).make(number, time.time() - 300, end="finished", experiment="digits-mlp")
    settings = json.loads((runs / "e0001" / "run.json").read_text())["settings"]
    for number in range(1, count + 1):
        path = runs / f"e{number:04}" / "run.json"
        info = json.loads(path.read_text()) | {
            "group": "seeds",
            "seed": number,
            "settings": settings | {"seed": number},
        }
        path.write_text(json.dumps(info))


async def test_the_runs_of_a_group_become_their_mean_with_a_band(runs: Path) -> None:
    group(runs)
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "b")
        await seen(pilot, "mean and deviation of 3 runs", "±")
        curve = screen.tab.charts[0].plot.curves[0]
        assert curve.band
        values = [screen.store.group.caches[f"e000{i}", "val/accuracy"].last[2] for i in (1, 2, 3)]
        mean = screen.tab.charts[1].plot.curves[-1].source.last[2]
        assert mean == pytest.approx(sum(values) / 3, abs=0.02)
        await press(pilot, "b")
        await until(pilot, lambda: not screen.tab.charts[0].plot.curves[0].band)


async def test_runs_of_different_times_have_a_mean_over_their_own_time_and_no_marks_of_one(runs: Path) -> None:
    group(runs)
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "x", "x")
        await until(pilot, lambda: screen.tab.charts[0].plot.x_axis is XAxis.WALL)
        await press(pilot, "b")
        await until(pilot, lambda: screen.tab.charts[0].plot.curves[0].band)
        await drawn(pilot, screen)
        plot = screen.tab.charts[0].plot
        assert plot.x_axis is XAxis.TIME
        assert not plot.tracks
        assert not plot.marks
        for curve in plot.curves:
            points = curve.source.points(xmap=curve.xmap(XAxis.TIME))
            spread = points.high - points.low
            assert bool((spread[np.isfinite(points.last)] >= 0).all()), "all runs count at every place"
            assert len(curve.source.members) == 3
        for _ in range(6):
            await press(pilot, "x")
            assert screen.tab.charts[0].plot.x_axis is not XAxis.WALL


async def test_a_run_that_stands_alone_says_what_makes_a_group(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await drawn(pilot, screen)
        await press(pilot, "b")
        await seen(pilot, "belongs to no group", "--seeds 5")
        assert not screen.tab.view.band


async def test_names_of_series_cannot_act_anywhere(runs: Path) -> None:
    evil = "[red]\x1b]0;owned\x07[nope] \u202e\x9b31m"
    paths = RunPaths(runs / "e0001")
    with SeriesWriter(paths.series) as writer:
        for step in (1, 2, 300):
            writer.log(step, {evil: float(step), f"val/{evil}": step / 2})
    append_event(paths, "checkpoint", name=evil, step=300)
    append_event(paths, "finding", message=evil, step=300)

    def check(pilot: Pilot[Any]) -> None:
        shown = screen_text(pilot).replace("\n", "")
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for c in shown)

    async with opened(runs, size=(160, 45)) as (pilot, screen):
        await drawn(pilot, screen)
        turns = (
            ["plus", *"owned", "enter", "escape"], ["p", "p", "p", "p", "v"], ["t"], ["escape", "m"], ["escape"],
            ["X", *"owned", "enter"], ["comma", "comma"], ["slash", *"owned", "enter"], ["plus"],
        )  # fmt: skip
        for keys in turns:
            await press(pilot, *keys)
            await pilot.pause(0.2)
            check(pilot)
        screen.tab.point(300.0)
        check(pilot)
