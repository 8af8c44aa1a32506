"""Pictures of the Curves tab: marks and a crosshair, the editor of panels, a mean over seeds, many small panels."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.records import RunPaths
from engine.series import SeriesWriter
from tests.test_run_snapshots import NOW, app_of, paths, shown

__all__ = ["paths"]


def happen(paths: RunPaths) -> None:
    """Checkpoints, many changes of the learning rate, a finding."""
    for step in range(120, 1201, 120):
        append_event(paths, "checkpoint", name=f"step-{step:08}", step=step)
    for step in range(10, 1200, 10):
        append_event(paths, "lr", value=0.01 * (1 - step / 1200), step=step)
    append_event(paths, "finding", level="warning", message="overfitting", step=720)


def after(*keys: str) -> Any:
    """Goes to the curves and presses keys."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown("Curves")(pilot)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(0.5)

    return before


@pytest.mark.parametrize("size", [(120, 34), (80, 24)])
def test_marks_and_crosshair(paths: RunPaths, snap_compare: Any, size: tuple[int, int]) -> None:
    happen(paths)
    keys = ("z", "Z", *["less_than_sign"] * 2)
    assert snap_compare(app_of(paths), run_before=after(*keys), terminal_size=size)


@pytest.mark.parametrize(("name", "key"), [("panels", "plus"), ("marks", "m"), ("limits", "t"), ("along", "X")])
def test_dialogs(paths: RunPaths, snap_compare: Any, name: str, key: str) -> None:
    happen(paths)
    assert snap_compare(app_of(paths), run_before=after(key), terminal_size=(100, 30))


def test_the_mean_over_seeds(paths: RunPaths, snap_compare: Any) -> None:
    for number in (2, 3):
        Maker(paths.folder.parent, 120, seed=number).make(number, NOW - 500, end="finished", experiment="names-lstm")
    settings = json.loads(paths.run.read_text())["settings"]
    for number in (1, 2, 3):
        path = paths.folder.parent / f"e{number:04}" / "run.json"
        info = json.loads(path.read_text())
        info |= {"group": "seeds", "settings": settings | {"seed": number}, "host": "box"}
        path.write_text(json.dumps(info))
    assert snap_compare(app_of(paths), run_before=after("b"), terminal_size=(120, 34))


def test_many_small_panels(paths: RunPaths, snap_compare: Any) -> None:
    with SeriesWriter(paths.series) as writer:
        for step in range(1, 60):
            writer.log(step * 20, {f"layer{i}/norm": 1.0 / step + i for i in range(14)}, time=NOW)
    keys = ("g", "d", "slash", *"layer", "enter", "p", "p")
    assert snap_compare(app_of(paths), run_before=after(*keys), terminal_size=(160, 45))
