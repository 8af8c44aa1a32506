"""Text out of the app: marking with the mouse on whatever is drawn, keys that copy, what may reach the clipboard."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from textual.events import MouseDown, MouseEvent, MouseMove, MouseUp
from textual.pilot import Pilot

from tests.run_world import opened as opened_run
from tests.tui_world import make_world, opened, press, screen_text, seen, until


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Three runs."""
    return make_world(tmp_path, 3)


async def mouse(pilot: Pilot[Any], kind: type[MouseEvent], x: int, y: int) -> None:
    """What a terminal would tell of the mouse, its left button held."""
    pilot.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))
    await pilot.pause()


async def drag(pilot: Pilot[Any], start: tuple[int, int], end: tuple[int, int], *, let_go: bool = True) -> None:
    """Press the mouse on one cell of the screen, move it to another, let it go."""
    await mouse(pilot, MouseDown, *start)
    await mouse(pilot, MouseMove, *end)
    if let_go:
        await mouse(pilot, MouseUp, *end)


def place(pilot: Pilot[Any], words: str) -> tuple[int, int]:
    """Where words stand on the screen."""
    for y, line in enumerate(screen_text(pilot).splitlines()):
        if words in line:
            return line.index(words), y
    raise AssertionError(f"no {words!r} in\n{screen_text(pilot)}")


def inverted(pilot: Pilot[Any]) -> str:
    """What is shown inverted."""
    strips = pilot.app.screen._compositor.render_strips()
    return "".join(part.text for strip in strips for part in strip if part.style is not None and part.style.reverse)


async def test_words_of_a_list_are_marked_and_copied(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        x, y = place(pilot, "e0002")
        await drag(pilot, (x, y), (x + 4, y))
        assert pilot.app.clipboard == "e0002"
        assert inverted(pilot) == "e0002"
        await seen(pilot, "Copied: e0002")
        await press(pilot, "j")
        assert not inverted(pilot)


async def test_a_mark_over_lines_stays_within_its_pane(world: Path) -> None:
    async with opened(world) as pilot:
        await seen(pilot, "digits-mlp", "Handwritten digits")
        x, y = place(pilot, "Handwritten")
        await drag(pilot, (x, y), (0, y + 4))  # to the left, out of the pane
        lines = pilot.app.clipboard.splitlines()
        assert lines[0].startswith("Handwritten digits")
        assert len(lines) > 2
        assert not any(border in pilot.app.clipboard for border in "│╭╮╰╯")
        assert "moons-mlp" not in pilot.app.clipboard


async def test_upwards_is_as_good_as_downwards(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        x, y = place(pilot, "e0003")
        await drag(pilot, (x + 4, y + 1), (x, y))
        assert pilot.app.clipboard.splitlines()[0].startswith("e0003")
        assert pilot.app.clipboard.splitlines()[1].endswith("e0002")


async def test_a_click_marks_nothing_and_a_press_takes_the_mark_away(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        x, y = place(pilot, "e0002")
        await drag(pilot, (x, y), (x, y))
        assert pilot.app.clipboard == ""
        await drag(pilot, (x, y), (x + 4, y))
        await drag(pilot, (x, y + 2), (x, y + 2), let_go=False)
        assert not inverted(pilot)


async def test_marking_is_no_click(tmp_path: Path) -> None:
    world = make_world(tmp_path, 1)
    async with opened_run(world / "runs") as (pilot, _):
        await seen(pilot, "Checkpoints")
        tab = pilot.app.screen.tab.NAME  # type: ignore[attr-defined]
        x, y = place(pilot, "Checkpoints")
        await drag(pilot, (x, y), (x + 10, y))
        assert pilot.app.clipboard == "Checkpoints"
        await pilot.pause(0.1)
        assert tab == pilot.app.screen.tab.NAME  # type: ignore[attr-defined]


async def test_ctrl_c_copies_what_is_marked_and_quits_where_nothing_is(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        x, y = place(pilot, "e0002")
        await drag(pilot, (x, y), (x + 4, y))
        pilot.app._clipboard = ""
        await press(pilot, "ctrl+c")
        assert pilot.app.clipboard == "e0002"
        assert pilot.app._exit is False
        await press(pilot, "escape", "ctrl+c")
        assert pilot.app._exit is True


async def test_a_curve_can_be_marked_too(tmp_path: Path) -> None:
    world = make_world(tmp_path, 1)
    async with opened_run(world / "runs") as (pilot, _):
        await seen(pilot, "loss")
        x, y = place(pilot, "val")
        await drag(pilot, (x, y), (x + 2, y))
        assert pilot.app.clipboard == "val"


async def test_a_widget_that_goes_while_it_is_marked_is_no_trouble(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "enter")
        await seen(pilot, "Curves")
        x, y = place(pilot, "Curves")
        await drag(pilot, (x, y), (x + 5, y), let_go=False)
        await press(pilot, "escape")
        await seen(pilot, "e0002")
        await mouse(pilot, MouseMove, x, y + 1)
        await mouse(pilot, MouseUp, x, y + 1)
        await drag(pilot, place(pilot, "e0001"), place(pilot, "e0001"))
        assert not inverted(pilot)


async def test_a_key_copies_the_line_under_the_cursor(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0002")
        await press(pilot, "j", "Y")
        assert pilot.app.clipboard.split("\t")[1].strip() == "e0002"
        await press(pilot, "enter")
        await seen(pilot, "Curves")
        for tab, words in (
            ("checkpoints", "best"),
            ("model", "Linear"),
            ("log", "training"),
            ("settings", "optimizer"),
        ):
            await goto(pilot, tab)
            await press(pilot, "Y")
            await until(pilot, lambda: words in pilot.app.clipboard)  # noqa: B023


async def goto(pilot: Pilot[Any], tab: str) -> None:
    """Go to a tab of the run's screen, the keys in its list."""
    for _ in range(12):
        if tab == pilot.app.screen.tab.NAME:
            break
        await press(pilot, "right")
    await pilot.pause(0.1)


async def test_nothing_that_acts_reaches_the_clipboard(world: Path) -> None:
    written: list[str] = []
    async with opened(world) as pilot:
        pilot.app._driver.write = written.append
        pilot.app.copy_shown("a\tb\x1b[31m\u202e\ud800\x07\nb\r")
        sent = "".join(written)
        encoded = sent.partition("\x1b]52;c;")[2].partition("\a")[0]
        assert base64.b64decode(encoded).decode() == "a\tb\\x1b[31m\\u202e\\ud800\\x07\nb\\r"
