"""The Devices screen: what it shows of a box, launching on the device under the cursor, stopping a run there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.devices import Device
from engine.disk import DiskUse
from engine.records import RunPaths
from engine.series import SeriesWriter
from tests.run_world import live
from tests.tui_world import gone, make_app, make_world, opened, press, screen_text, seen, until
from tui.device_history import DeviceHistory, Sample
from tui.screens.devices import DevicesScreen
from tui.screens.launch import LaunchScreen
from tui.screens.run import RunScreen
from tui.widgets.box_list import parts_bar

Compare = Callable[..., bool]
Show = Callable[..., None]
GB = 10**9
CPU = Device(name="cpu", kind="cpu", title="16 cores", utilization=34.0, memory_used=9 * GB, memory_total=64 * GB,
             cores=[3.0, 100.0, 12.0, 55.0] * 4, load_average=3.1)  # fmt: skip


def gpu(number: int, **fields: Any) -> Device:
    """A GPU of a box with several."""
    known = {"utilization": 0.0, "memory_used": 2 * GB, "memory_total": 141 * GB, "temperature": 31.0, "power": 80.0}
    known |= {"power_limit": 700.0, "title": "NVIDIA H200", "index": number, "uuid": f"GPU-{number}{number}"}
    return Device(name=f"cuda:{number}", kind="cuda", **{**known, **fields})


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path, 3)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Says which devices there are, and what stands in the way of more."""

    def say(*found: Device, problem: str | None = None) -> None:
        monkeypatch.setattr("engine.devices.devices", lambda timeout=2.0: list(found))
        monkeypatch.setattr("engine.devices.problem", lambda: problem)
        monkeypatch.setattr(
            "engine.disk.disk_use",
            lambda folder, seconds=None: DiskUse(folder="runs", total=GB, free=GB // 4, runs=GB // 2),
        )

    return say


def training(world: Path) -> RunPaths:
    """A run that this process seems to train, with its time by part noted."""
    paths = live(world / "runs" / "e0003", device="cuda:0")
    with SeriesWriter(paths.series) as series:
        for step in (10, 20):
            series.log(step, {"time/data": step * 0.1, "time/forward": step * 0.3, "time/backward": step * 0.6})
    return paths


def worker_of(paths: RunPaths) -> dict[str, Any]:
    return {"pid": 8121, "user": "mira", "name": "python engine.worker", "run": paths.id,
            "folder": str(paths.folder.absolute()), "memory": 60 * GB}  # fmt: skip


STRANGER = {"pid": 4242, "user": "li", "name": "python train.py", "run": None, "folder": None, "memory": 7 * GB}
HIDDEN = {"pid": 99, "user": None, "name": None, "run": None, "folder": None, "memory": None}


async def test_everything_of_a_box_is_on_it(world: Path, show: Show) -> None:
    paths = training(world)
    busy = gpu(0, utilization=87.0, memory_used=61 * GB, free=False, why="held by e0003 of mira",
               processes=[worker_of(paths), HIDDEN], lease={"run": "e0003", "user": "mira"})  # fmt: skip
    show(CPU, busy, gpu(1, processes=[STRANGER], free=False, why="used by train.py of li (process 4242)"))
    async with opened(world) as pilot:
        await press(pilot, "3")
        text = await seen(
            pilot, "16 cores   load average 3.1", "busiest 100 %", "34 %", "9.0 GB of 64.0 GB", "80 of 700 W", "31 °C",
            "held by e0003 of mira", "8121", "60.0 GB", "hidden or gone", "4242  li", "python train.py", "7.0 GB",
            "last 5 min", "runs take 500 MB", "250 MB of 1.0 GB free", "data 10 %", "forward 30 %", "backward 60 %",
        )  # fmt: skip
        line = next(line for line in text.splitlines() if "8121" in line)
        row = pilot.app.snapshot.rows[2]
        assert f"e0003 {row.experiment}" in line, "what the run is stands beside its process"


async def test_enter_opens_the_run_under_the_cursor(world: Path, show: Show) -> None:
    show(CPU, gpu(0, processes=[worker_of(training(world)), STRANGER], free=False, why="held by e0003"))
    async with opened(world) as pilot:
        await press(pilot, "3")
        await seen(pilot, "4242")
        await press(pilot, "end")
        await press(pilot, "enter")
        await seen(pilot, "Process 4242 is not a run")
        await press(pilot, "up", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        assert pilot.app.screen.run_id == "e0003"


async def test_a_foreign_run_of_the_same_number_is_not_ours(world: Path, show: Show) -> None:
    foreign = {**worker_of(training(world)), "folder": "/home/li/runs/e0003"}
    show(CPU, gpu(0, processes=[foreign], free=False, why="held by e0003 of li"))
    async with opened(world) as pilot:
        await press(pilot, "3")
        await seen(pilot, "8121")
        screen = pilot.app.screen
        listing = screen.listing
        index = next(i for i, row in enumerate(listing.items) if row.process is not None)
        listing.move_to(index)
        await pilot.pause()
        assert listing.current.run == ""
        assert screen.check_action("stop", ()) is False
        await press(pilot, "enter")
        await seen(pilot, "Process 8121 is not a run")


async def test_launching_there_chooses_an_experiment_by_typing(world: Path, show: Show) -> None:
    show(CPU, gpu(0, free=False, why="held by e0009 of li", lease={"run": "e0009"}), gpu(1), gpu(2))
    async with opened(world) as pilot:
        await press(pilot, "3")
        await seen(pilot, "gpu2")
        await press(pilot, "down", "enter")
        await seen(pilot, "cuda:0 is held by e0009 of li")
        await press(pilot, "down", "n")
        await seen(pilot, "Launch on gpu1", "digits-mlp", "moons-mlp")
        await press(pilot, *"two moons")
        await gone(pilot, "digits-mlp")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        text = await seen(pilot, "Launch moons-mlp", "engine train moons-mlp --device cuda:1")
        assert any("▌" in line and "gpu1" in line for line in text.splitlines())
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DevicesScreen))


async def test_a_pick_of_nothing_says_so_and_esc_leaves(world: Path, show: Show) -> None:
    show(CPU)
    async with opened(world) as pilot:
        await press(pilot, "3", "n", *"zzz")
        await seen(pilot, "Nothing holds zzz")
        await press(pilot, "enter")
        await seen(pilot, "Nothing holds zzz")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DevicesScreen))


async def test_ones_own_run_is_stopped_from_there(world: Path, show: Show) -> None:
    paths = training(world)
    sent: list[int] = []
    show(CPU, gpu(0, processes=[worker_of(paths)], free=False, why="held by e0003"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.control.send_signal", lambda pid, start, number: bool(sent.append(number)) or True)
        async with opened(world) as pilot:
            await press(pilot, "3")
            await seen(pilot, "8121")
            await press(pilot, "end", "S")
            await seen(pilot, "Stop e0003?")
            await press(pilot, "enter")
            await seen(pilot, "e0003 asked to stop")
    assert (paths.control / "stop").exists()
    assert sent


async def test_the_cursor_stays_on_what_it_stood_on(world: Path, show: Show) -> None:
    show(CPU, gpu(0), gpu(1))
    async with opened(world) as pilot:
        await press(pilot, "3")
        await seen(pilot, "gpu1")
        await press(pilot, "down", "down")
        listing = pilot.app.screen.listing
        assert listing.current.device.name == "cuda:1"
        show(CPU, gpu(0, processes=[STRANGER, HIDDEN], free=False, why="x"), gpu(1))
        pilot.app.look_again()
        await seen(pilot, "4242")
        assert listing.current.device.name == "cuda:1"
        show(CPU, gpu(0), problem="the NVIDIA driver has not answered for 3 s (NVML hangs)")
        await seen(pilot, "NVML hangs")
        assert listing.current is not None
        assert listing.current.choosable
        assert "gpu1" not in screen_text(pilot)


async def test_eight_gpus_fit_into_a_small_terminal(world: Path, show: Show) -> None:
    gpus = [gpu(n, utilization=12.0 * n, processes=[STRANGER] if n == 3 else [], free=n != 3) for n in range(8)]
    show(CPU, *gpus)
    async with opened(world, (80, 24)) as pilot:
        await press(pilot, "3")
        text = await seen(pilot, "gpu7", "disk")
        lines = [line for line in text.splitlines() if "gpu" in line][1:]
        assert len(lines) == 8, "a line each"
        assert all("GB" in line and "°C" in line and "80/700 W" in line for line in lines)
        assert "4242  li" in text
    show(CPU, gpu(0, utilization=99.0), gpu(1, memory_used=136 * GB), *(gpu(n) for n in range(2, 8)))
    async with opened(world, (80, 24)) as pilot:
        await press(pilot, "3")
        text = await seen(pilot, "gpu7", "disk")
        assert text.count("free, but busy") == 2, "no process is seen, and yet something works there"
    async with opened(world, (120, 24)) as pilot:
        await press(pilot, "3")
        text = await seen(pilot, "gpu7", "disk")
        assert all("NVIDIA H200" in line for line in text.splitlines() if "141 GB" in line)
    show(CPU, *gpus)
    async with opened(world, (40, 12)) as pilot:
        await press(pilot, "3")
        await seen(pilot, "gpu3", "in use")
        await press(pilot, "end")
        await seen(pilot, "gpu7")


async def test_the_box_without_a_gpu_says_so(world: Path, show: Show) -> None:
    show(CPU)
    async with opened(world) as pilot:
        await press(pilot, "3")
        await seen(pilot, "No NVIDIA GPU here")


def test_history_keeps_minutes_in_columns_of_equal_time() -> None:
    history = DeviceHistory()
    for second in range(0, 700, 10):
        history.add([gpu(0, utilization=100.0 if second >= 600 else 50.0, memory_used=141 * GB)], now=900.0 + second)
    columns = history.columns(gpu(0), 10, now=1590.0)
    assert [round(column.load, 1) for column in columns] == [0.5] * 6 + [1.0] * 4
    assert {column.memory for column in columns} == {1.0}
    assert history.columns(gpu(1), 10) == ()
    gap = DeviceHistory()
    gap.add([gpu(0, utilization=20.0)], now=1000.0)
    gap.add([gpu(0, utilization=80.0)], now=1100.0)
    loads = [round(column.load, 1) for column in gap.columns(gpu(0), 10, now=1100.0)]
    assert loads == [0.2, 0.2, 0.2, 0.8], "nothing was asked meanwhile: what was known stays"


def test_a_bar_of_parts_is_as_long_as_it_should_be() -> None:
    fills = {"data": "d", "forward": "f", "backward": "b"}
    assert parts_bar({"data": 0.1, "forward": 0.3, "backward": 0.6}, 10, fills) == "dfffbbbbbb"
    for cells in range(1, 40):
        drawn = parts_bar({"data": 1 / 3, "forward": 1 / 3, "backward": 1 / 3}, cells, fills)
        assert len(drawn) == cells


async def test_where_the_time_goes_is_told_in_a_narrow_terminal_too(world: Path, show: Show) -> None:
    paths = live(world / "runs" / "e0003", device="cuda:0")
    parts = ("data", "forward", "backward", "update", "evaluation", "checkpoint")
    with SeriesWriter(paths.series) as series:
        for step in (10, 20):
            series.log(step, {f"time/{part}": step * 0.1 for part in parts})
    show(CPU, gpu(0, processes=[worker_of(paths)], free=False, why="held by e0003"))
    async with opened(world, (80, 24)) as pilot:
        await press(pilot, "3")
        text = await seen(pilot, "data 17 %  forward 17 %  backward 17 %  update 17 %")
        line = next(line for line in text.splitlines() if "forward" in line)
        assert line.rstrip("│ ").endswith("%"), "whole words"


@pytest.mark.parametrize(("size", "count"), [((80, 24), 8), ((120, 34), 2), ((200, 60), 4)])
def test_picture(
    snap_compare: Compare,
    world: Path,
    show: Show,
    monkeypatch: pytest.MonkeyPatch,
    size: Any,
    count: int,
) -> None:
    paths = training(world)
    monkeypatch.chdir(world)
    samples = tuple(Sample(0.0, column / 60, 0.4) for column in range(60))
    monkeypatch.setattr(DeviceHistory, "columns", lambda *_: samples)
    monkeypatch.setattr(DeviceHistory, "newest", lambda self, device, count: (0.5,))
    busy = {"free": False, "why": "held by e0003 of mira", "lease": {"run": "e0003", "user": "mira"}}
    gpus = [gpu(0, processes=[worker_of(paths), HIDDEN], utilization=87.0, memory_used=61 * GB, **busy)]
    gpus += [gpu(number, utilization=5.0 * number) for number in range(1, count)]
    show(CPU, *gpus)

    async def ready(pilot: Any) -> None:
        await until(pilot, lambda: pilot.app.snapshot.verified and pilot.app.snapshot.devices)
        await pilot.press("3")
        await seen(pilot, "runs take", "backward")
        await pilot.press("down")
        await pilot.pause(0.2)

    assert snap_compare(make_app(world), terminal_size=size, run_before=ready)
