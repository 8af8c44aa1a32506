"""What tests of a run's screen share: the program showing a run, a finished run, one that seems to be training."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.processes import boot_id, hostname, process_start
from engine.records import RunPaths
from engine.runs import load_run, write_state
from tests.tui_world import until
from tui.app import DltuiApp
from tui.screens.run import RunScreen
from tui.store import Store


@asynccontextmanager
async def opened(
    runs: Path, run_id: str = "e0001", size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[Any], Any]]:
    """The program, showing a run; yields a pilot and the screen once its first tab is there."""
    store = Store(runs)
    store.load()
    app = DltuiApp(store, open_run=run_id)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.tab is not None)
        yield pilot, app.screen


async def drawn(pilot: Pilot[Any], screen: Any) -> None:
    """Wait until every panel in sight has its points."""
    await until(
        pilot, lambda: screen.tab.charts and all(chart.plot.view.shown is not None for chart in screen.tab.charts)
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with one finished run."""
    Maker(tmp_path / "runs", 60).make(1, time.time() - 600, end="finished", experiment="digits-mlp")
    return tmp_path / "runs"


def live(folder: Path, **fields: Any) -> RunPaths:
    """Make the run one that this very process seems to train."""
    paths = RunPaths(folder)
    state = load_run(paths).state
    state.state, state.host, state.boot_id, state.ended = "running", hostname(), boot_id(), None
    state.pid, state.pid_start, state.metrics = os.getpid(), process_start(os.getpid()), {}
    for name, value in fields.items():
        setattr(state, name, value)
    write_state(paths, state)
    return paths
