"""Repetitions among compared runs as their mean with a band."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_compare_screen import edit, opened, world
from tests.tui_world import press, seen, until

__all__ = ["world"]


async def test_runs_that_differ_in_their_seed_become_one_curve(world: Path) -> None:
    settings = json.loads((world / "runs/e0001/run.json").read_text())["settings"]
    for run, seed, lr in (("e0001", 0, 0.1), ("e0002", 1, 0.1), ("e0003", 0, 0.001)):
        edit(world, run, group="g", settings=settings | {"seed": seed, "optimizer": {"name": "SGD", "lr": lr}})
    async with opened(world) as (pilot, screen):
        chart = screen.charts[0]
        await until(pilot, lambda: len(chart.plot.curves) == 3)
        ends = [curve.source.last[2] for curve in chart.plot.curves]
        await press(pilot, "u")
        await until(pilot, lambda: len(chart.plot.curves) == 2)
        mean, alone = chart.plot.curves
        assert (mean.label, mean.band, alone.label) == ("e0001 and 1 more", True, "e0003")
        assert mean.source.last[2] == pytest.approx((ends[0] + ends[1]) / 2, abs=0.01)
        await seen(pilot, "±")
        await press(pilot, "u")
        await until(pilot, lambda: len(chart.plot.curves) == 3)
