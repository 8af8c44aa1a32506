"""Pictures of the screens of what was learnt, with time standing still."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.learnt_world import make_run
from tests.tui_world import until
from tui.app import DltuiApp
from tui.screens.layers import LayersScreen
from tui.screens.matrix import MatrixScreen
from tui.screens.run import RunScreen
from tui.screens.samples import SamplesScreen
from tui.store import Store

NOW = 1_790_000_000.0


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setenv("DLTUI_IMAGES", "blocks")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def app_of(folder: Path, **made: Any) -> DltuiApp:
    """The program, about to show a run made so."""
    make_run(folder / "runs", NOW - 720, **made)
    store = Store(folder / "runs")
    store.load()
    return DltuiApp(store, open_run="e0001")


def after(tab: str, *keys: str, ready: Callable[[Any], Any]) -> Callable[[Pilot[Any]], Any]:
    """Goes to a tab, presses keys, and waits until `ready` holds for the screen."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.tab is not None)
        run = app.screen
        await pilot.press(tab)
        await until(pilot, lambda: run._wants == run.tab.wants() and run.tab.NAME != "curves")  # type: ignore[attr-defined]
        if tab != "5":
            await until(pilot, lambda: run.snapshot.evaluation_key is not None)  # type: ignore[attr-defined]
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.05)
        await until(pilot, lambda: ready(app.screen))
        await pilot.pause(0.2)

    return before


def _matrix(screen: Any) -> bool:
    return isinstance(screen, MatrixScreen) and len(screen.matrix.shares) > 0


def _samples(screen: Any) -> bool:
    return isinstance(screen, SamplesScreen) and bool(screen.browser.histories)


@pytest.mark.parametrize("size", [(120, 34), (80, 24)])
def test_the_matrix_of_a_hundred_classes(size: tuple[int, int], tmp_path: Path, snap_compare: Any) -> None:
    shown = after("3", "m", "down", "right", "right", ready=_matrix)
    assert snap_compare(app_of(tmp_path, classes=100), run_before=shown, terminal_size=size)


def test_the_matrix_up_close(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("3", "m", "right", ready=_matrix)
    assert snap_compare(app_of(tmp_path), run_before=shown, terminal_size=(120, 34))


def test_samples(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("3", "v", ready=_samples)
    assert snap_compare(app_of(tmp_path), run_before=shown, terminal_size=(120, 34))


def test_samples_that_are_images(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("3", "v", ready=lambda screen: _samples(screen) and screen.browser.image.picture)
    assert snap_compare(app_of(tmp_path, images=True), run_before=shown, terminal_size=(80, 24))


def test_the_album(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("3", "v", "p", ready=lambda screen: _samples(screen) and len(screen.browser.album._ready) == 3)
    assert snap_compare(app_of(tmp_path, images=True), run_before=shown, terminal_size=(120, 34))


def test_layers_over_the_steps(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("5", "v", ready=lambda screen: isinstance(screen, LayersScreen) and screen.pane.marked)
    assert snap_compare(app_of(tmp_path), run_before=shown, terminal_size=(100, 20))


def test_the_tree_of_layers(tmp_path: Path, snap_compare: Any) -> None:
    shown = after("5", "down", "down", ready=lambda screen: screen.tab.tree_list.items)
    assert snap_compare(app_of(tmp_path), run_before=shown, terminal_size=(120, 34))
