"""Pictures of the screen of a run, one a tab and state, with time standing still."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.records import RunPaths
from engine.runs import load_run, write_state
from tests.tui_world import until
from tui.app import DltuiApp
from tui.screens.run import TITLES, RunScreen
from tui.store import Store

NOW = 1_790_000_000.0
LANGUAGES = {"Russian": 5645, "English": 2200, "Arabic": 1200, "Japanese": 594, "German": 433, "Greek": 122}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A finished run, ten minutes old, with nothing in it that differs from machine to machine."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    maker = Maker(tmp_path / "runs", 120, seed=4)
    paths = RunPaths(maker.make(1, NOW - 720, end="finished", experiment="names-lstm"))
    info = json.loads(paths.run.read_text())
    info |= {"host": "box", "folder": "/home/mira/names", "cwd": "/home/mira/names", "python": "/usr/bin/python3"}
    paths.run.write_text(json.dumps(info))
    content = {
        **json.loads(paths.data.read_text()), "name": "names", "kind": "sequence", "shape": [None],
        "classes": list(LANGUAGES), "majority": {"class": "Russian", "share": 0.4691},
        "splits": {"train": {"count": sum(LANGUAGES.values()), "classes": LANGUAGES},
                   "test": {"count": 4000, "classes": {name: count // 2 for name, count in LANGUAGES.items()}}},
        "duplicates": {"train/test": {"rows": 773, "distinct": 201}}, "note": "Some surnames are in two languages.",
    }  # fmt: skip
    paths.data.write_text(json.dumps(content))
    _evaluation(paths)
    paths.log.write_text("training names-lstm\nepoch 1  loss 2.31\nUserWarning: a warning\nepoch 2  loss 1.98\n")
    return paths


def _evaluation(paths: RunPaths) -> None:
    path = next(paths.evaluation.iterdir())
    content: dict[str, Any] = json.loads(path.read_text())
    size = len(LANGUAGES)
    confusion = [[(60 + 5 * i if i == j else (i * 3 + j) % 7) for j in range(size)] for i in range(size)]
    samples = [
        ("Abdulov", "Russian", "Russian", 0.97),
        ("Müller", "German", "English", 0.41),
        ("Satō", "Japanese", "Japanese", 0.88),
    ]
    content |= {
        "classes": list(LANGUAGES), "confusion": confusion,
        "per_class": [{"class": n, "precision": 0.9 - i / 20, "recall": 0.85 - i / 15, "f1": 0.87 - i / 11,
                       "support": 80}
                      for i, n in enumerate(LANGUAGES)],
        "samples": [{"input": n, "row": i, "true": t, "predicted": p, "probability": q}
                    for i, (n, t, p, q) in enumerate(samples)],
    }  # fmt: skip
    path.write_text(json.dumps(content))


def app_of(paths: RunPaths) -> DltuiApp:
    """The program, about to show the run."""
    store = Store(paths.folder.parent)
    store.load()
    return DltuiApp(store, open_run=paths.id)


def shown(tab: str) -> Callable[[Pilot[Any]], Any]:
    """Goes to a tab and waits until it is there."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.tab is not None)
        await pilot.press(str(TITLES.index(tab) + 1))
        await until(pilot, lambda: _ready(app.screen, tab))
        await pilot.pause(0.3)

    return before


def _ready(screen: Any, tab: str) -> bool:
    if screen.tab is None or tab != screen.tab.TITLE:
        return False
    if tab == "Curves":
        snapshot = screen.snapshot
        drawn = screen.tab.charts and all(chart.plot.view.shown for chart in screen.tab.charts)
        return drawn or snapshot.status in ("starting", "queued")
    return screen._wants == screen.tab.wants()


@pytest.mark.parametrize("tab", TITLES)
def test_tab(tab: str, paths: RunPaths, snap_compare: Any) -> None:
    assert snap_compare(app_of(paths), run_before=shown(tab), terminal_size=(120, 34))


@pytest.mark.parametrize("tab", ["Curves", "Data", "Evaluation", "Checkpoints"])
def test_tab_at_80_columns(tab: str, paths: RunPaths, snap_compare: Any) -> None:
    assert snap_compare(app_of(paths), run_before=shown(tab), terminal_size=(80, 24))


@pytest.mark.parametrize("how", ["failed", "lost", "stopped"])
def test_how_a_run_ended(how: str, paths: RunPaths, snap_compare: Any) -> None:
    state = load_run(paths).state
    state.state, state.epoch, state.step, state.metrics = how, 4.0, 480, {}
    if how == "failed":
        state.cause = "CUDA out of memory: 2.0 of 139.8 GiB were asked for; pid 8121 of mira holds 5.1 GiB of cuda:0"
        state.exit_code = 1
        paths.control.mkdir()
        (paths.control / "failure.json").write_text(json.dumps({"hint": "lower train.batch_size, or choose cuda:1"}))
    if how == "lost":
        state.state, state.pid, state.pid_start, state.boot_id, state.ended = "running", 1, -1.0, "gone", None
    write_state(paths, state)
    append_event(
        paths, "finding", kind="x", level="warning", message="val loss rises since epoch 2: overfitting", epoch=4.0
    )
    append_event(paths, "warning", message="the disk is 97 % full")
    assert snap_compare(app_of(paths), run_before=shown("Curves"), terminal_size=(100, 30))
