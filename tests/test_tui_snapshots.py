"""Pictures of the screens around a run, at the sizes that matter, in both themes; time and machine stand still."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.devices import Device
from engine.disk import DiskUse
from engine.records import Marks, write_marks
from engine.runs import RunsFolder
from tests.shell_world import SUMMARY
from tests.tui_world import make_app, make_world
from tui.device_history import Sample
from tui.messages import DataSummarised
from tui.palettes import LIGHT

Compare = Callable[..., bool]
NOW = 1_790_000_000.0
DISK = DiskUse(folder="runs", total=4 * 10**12, free=10**12, runs=123 * 10**9)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [
        Device(name="cpu", kind="cpu", title="16 cores", utilization=12.0, memory_used=8 * 10**9,
               memory_total=64 * 10**9),
        Device(name="cuda:0", kind="cuda", uuid="GPU-1f0e", title="NVIDIA H200", free=False,
               why="held by e0042 of mira", utilization=87.0, memory_used=61 * 10**9,
               memory_total=141 * 10**9, temperature=64.0, power=510.0,
               processes=[{"pid": 8121, "user": "mira", "name": "python", "run": "e0042", "memory": 60 * 10**9}],
               lease={"run": "e0042", "user": "mira"}),
        Device(name="cuda:1", kind="cuda", uuid="GPU-2a3b", title="NVIDIA H200", utilization=0.0, memory_used=10**9,
               memory_total=141 * 10**9, temperature=31.0, power=80.0),
    ]  # fmt: skip
    monkeypatch.setattr("engine.devices.devices", lambda timeout=2.0: list(devices))
    monkeypatch.setattr("engine.devices.problem", lambda: None)
    monkeypatch.setattr("tui.data_reader.DataReader.read", lambda self, store, name: DataSummarised(name, SUMMARY))
    samples = tuple(Sample(0.0, load / 12, 0.4) for load in range(12))
    monkeypatch.setattr("tui.device_history.DeviceHistory.columns", lambda *_: samples)
    monkeypatch.setattr("tui.device_history.DeviceHistory.newest", lambda self, device, _: (device.utilization / 100,))
    monkeypatch.setattr("engine.disk.disk_use", lambda folder, seconds=None: DISK)
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make_world(tmp_path, 14)
    write_marks(RunsFolder(made / "runs").paths("e0013"), Marks(star=True, name="the good one", tags=["paper"]))
    monkeypatch.chdir(made)
    return made


def keys(*pressed: str) -> Callable[[Any], Any]:
    """Press keys once all is verified, and wait until nothing is under way."""

    async def run(pilot: Any) -> None:
        from tests.tui_world import until

        await until(pilot, lambda: pilot.app.snapshot.verified and pilot.app.snapshot.devices)
        await pilot.press(*pressed)
        await until(pilot, lambda: pilot.app.screen.is_mounted)
        if not pressed:
            from tests.tui_world import screen_text

            wanted = "scores 65.0 %" if pilot.app.size.width >= 100 else "digits-mlp"
            await until(pilot, lambda: wanted in screen_text(pilot))
        await pilot.wait_for_scheduled_animations()
        await pilot.pause(0.3)

    return run


@pytest.mark.parametrize("size", [(80, 24), (120, 34), (200, 60)])
def test_experiments(snap_compare: Compare, world: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(world), terminal_size=size, run_before=keys())


@pytest.mark.parametrize("size", [(80, 24), (120, 34)])
def test_runs(snap_compare: Compare, world: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(world), terminal_size=size, run_before=keys("2", "down", "space"))


@pytest.mark.parametrize("size", [(80, 24), (120, 34), (200, 60)])
def test_runs_in_groups(snap_compare: Compare, world: Path, size: tuple[int, int]) -> None:
    pressed = ("2", "b", *"optimizer.na", "enter", "s", *"state", "space", "ctrl+u", *"val/accuracy:best", "space",
               "enter", "down", "z")  # fmt: skip
    assert snap_compare(make_app(world), terminal_size=size, run_before=keys(*pressed))


@pytest.mark.parametrize("size", [(80, 24), (120, 34)])
def test_choosing_columns(snap_compare: Compare, world: Path, size: tuple[int, int]) -> None:
    pressed = ("2", "C", *"val/acc", "enter", "down", "enter", "tab", "K", "plus")
    assert snap_compare(make_app(world), terminal_size=size, run_before=keys(*pressed))


def test_a_query_being_typed(snap_compare: Compare, world: Path) -> None:
    pressed = ("2", "slash", *"best > 0.1 and optimizer.name == ")
    assert snap_compare(make_app(world), terminal_size=(120, 34), run_before=keys(*pressed))


def test_an_error_in_a_query(snap_compare: Compare, world: Path) -> None:
    pressed = ("2", "slash", *"best > 0.1 and > 3")
    assert snap_compare(make_app(world), terminal_size=(80, 24), run_before=keys(*pressed))


def test_launch(snap_compare: Compare, world: Path) -> None:
    assert snap_compare(make_app(world), terminal_size=(120, 34), run_before=keys("enter"))


@pytest.mark.parametrize("size", [(80, 24), (120, 34)])
def test_actions(snap_compare: Compare, world: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(world), terminal_size=size, run_before=keys("2", "down", "colon"))


def test_run_again(snap_compare: Compare, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "on another commit: 1f2e3d4c5b now, a1b2c3d4e5 when e0013 ran"
    monkeypatch.setattr("tui.screens.launch_form.rerun_differences", lambda store, run: (said,))
    assert snap_compare(make_app(world), terminal_size=(120, 34), run_before=keys("2", "down", "R"))


def test_devices(snap_compare: Compare, world: Path) -> None:
    assert snap_compare(make_app(world), terminal_size=(120, 34), run_before=keys("3"))


def test_help(snap_compare: Compare, world: Path) -> None:
    assert snap_compare(make_app(world), terminal_size=(80, 24), run_before=keys("2", "question_mark"))


def test_the_light_theme(snap_compare: Compare, world: Path) -> None:
    app = make_app(world)
    app.theme = LIGHT
    assert snap_compare(app, terminal_size=(120, 34), run_before=keys())


def test_without_colour(snap_compare: Compare, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make_app(world), terminal_size=(80, 24), run_before=keys("2", "down"))
