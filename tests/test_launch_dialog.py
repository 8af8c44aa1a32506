"""The launch dialog: devices, settings, the command; with real runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.errors import RunError
from engine.launch import stop, wait
from engine.runs import RunsFolder, load_run
from tests.shell_world import box, no_real_reading, world
from tests.tui_world import opened, screen_text, seen, until
from tui.screens.launch import LaunchScreen

__all__ = ["box", "no_real_reading", "world"]


async def test_the_dialog_offers_devices_and_says_its_command(world: Path, box: None) -> None:
    async with opened(world) as pilot:
        await pilot.press("enter")
        text = await seen(
            pilot, "Launch digits-mlp", "gpu0", "held by e0042 (mira)", "gpu1", "16 cores", "train digits-mlp"
        )
        assert "--device" not in text  # nothing was chosen: the settings decide
        screen = pilot.app.screen
        assert isinstance(screen, LaunchScreen)
        assert screen.devices.current.name == "cuda:1"  # the free one
        await pilot.press("up")
        assert screen.devices.current.name == "cuda:1"  # the busy one cannot be chosen
        await pilot.press("down")
        await seen(pilot, "--device cpu")


async def test_settings_are_completed_checked_and_taken(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("enter")
        await seen(pilot, "Launch digits-mlp", "free")
        await pilot.press("plus", *"lr")
        await seen(pilot, "optimizer.lr", "a number")
        await pilot.press("tab", *"0.5x")
        await seen(pilot, "optimizer.lr=0.5x", "number", "⏎ take this change")
        await pilot.press("enter")  # refused: nothing is lost
        assert "0.5x" in screen_text(pilot)
        await pilot.press("backspace", "enter")
        await seen(pilot, "0.001 → 0.5", "-s optimizer.lr=0.5", "⏎ launch")
        await pilot.press("backspace")  # takes it back
        await seen(pilot, "optimizer.lr=0.5")
        assert pilot.app.screen.command_text.endswith("train digits-mlp")


async def test_what_is_typed_beside_the_setting_line_is_a_change(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("enter")
        await seen(pilot, "Launch digits-mlp", "free")
        await pilot.press(*"optimizer.lr=0.5", "enter")
        await seen(pilot, "0.001 → 0.5", "-s optimizer.lr=0.5", "⏎ launch")
        assert isinstance(pilot.app.screen, LaunchScreen), "enter took the change and did not launch"


async def test_the_command_is_copied_through_the_terminal(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("enter")
        await seen(pilot, "Launch digits-mlp", "free")
        await pilot.press("y")
        await seen(pilot, "in the clipboard")
        assert pilot.app.clipboard.endswith("train digits-mlp")


async def test_two_enters_launch_and_open_the_run(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("enter", "enter")
        runs = RunsFolder(world / "runs")
        await until(pilot, lambda: "e0013" in runs.ids() and (world / "runs/e0013/run.json").exists())
        info = load_run(runs.paths("e0013")).info
        assert info.experiment == "digits-mlp"
        await seen(pilot, "e0013")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "RunScreen")
    with suppress(RunError):  # it has ended already
        stop(load_run(runs.paths("e0013")), now=True)
    wait(runs.paths("e0013"), timeout=60)


async def test_an_error_stays_in_the_dialog_with_what_was_typed(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.errors import NoDeviceError

    def refuse(*_: Any, **__: Any) -> None:
        raise NoDeviceError("no GPU is free: gpu0 is held by mira", hint="wait for one")

    monkeypatch.setattr("engine.launch.launch", refuse)
    async with opened(world) as pilot:
        await pilot.press("enter")
        await seen(pilot, "Launch digits-mlp", "free")
        pilot.app.screen.query_one("#note", Input).value = "my reasons"
        await pilot.press("enter")
        await seen(pilot, "no GPU is free", "wait for one", "my reasons")
        assert isinstance(pilot.app.screen, LaunchScreen)


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (20, 5), (3, 2)])
async def test_the_dialogs_live_in_any_size(world: Path, size: tuple[int, int]) -> None:
    async with opened(world, size) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        await pilot.press("plus", *"lr=1", "escape", "2", "m", "escape", "question_mark", "escape", "3", "1", "space")
        assert pilot.app.is_running
