"""Text from data is inert: through every screen, tab and dialog, as cells and as bytes of a real terminal."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.helpers import run_engine, wait_until
from tests.hostile_world import FORBIDDEN, hostile_world
from tests.test_tui_terminal import Seen
from tests.tui_world import make_app, press, screen_text, until

SIZES = ((80, 24), (120, 40))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Every text in it is hostile."""
    return hostile_world(tmp_path)


class Walk:
    """The program, and what was seen of it so far."""

    def __init__(self, pilot: Pilot[Any], columns: int) -> None:
        self.pilot, self.columns = pilot, columns
        self.seen: dict[str, str] = {}

    async def look(self, name: str, *keys: str) -> None:
        """Press keys and look: no cell may hold what acts, no line may be wider than the terminal."""
        await press(self.pilot, *keys)
        await self.pilot.pause(0.15)
        text = screen_text(self.pilot)
        bad = FORBIDDEN.search(text)
        assert bad is None, f"{name}: {bad[0]!r} in {text[max(0, bad.start() - 60) : bad.end() + 60]!r}"  # type: ignore[index]
        widest = max(map(cell_len, text.splitlines()), default=0)
        assert widest <= self.columns, f"{name}: {widest} cells in {self.columns}"
        self.seen[name] = text


@asynccontextmanager
async def walking(world: Path, size: tuple[int, int], **options: Any) -> AsyncIterator[Walk]:
    app = make_app(world, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.verified)
        yield Walk(pilot, size[0])


@pytest.mark.parametrize("size", SIZES)
async def test_no_screen_dialog_or_toast_lets_anything_through(world: Path, size: tuple[int, int]) -> None:
    async with walking(world, size) as walk:
        await walk.look("experiments")
        for number in range(4):
            await walk.look(f"experiment {number}", "j")
        await walk.look("details", "tab")
        await walk.look("launch", "enter")
        await walk.look("after launch", "escape")
        await walk.look("runs", "escape", "2")
        await walk.look("selected", "space")
        await walk.look("sort", "s")
        await walk.look("marks", "escape", "m")
        await walk.look("filter", "escape", "slash", *"evil", "enter")
        await walk.look("no filter", "slash", *("backspace",) * 5, "escape")
        await walk.look("compare", "a", "c")
        await walk.look("trash", "escape", "2", "d")
        await walk.look("trashed", "enter")
        await walk.look("undone", "escape", "u")
        await walk.look("devices", "3")
        await walk.look("help", "question_mark")
        await walk.look("palette", "escape", "ctrl+p", *"evil")
        await walk.look("palette of runs", *("backspace",) * 4, *"e000")
        await walk.look("away", "escape")
    assert sum("OWNED" in text for text in walk.seen.values()) > 6


@pytest.mark.parametrize(("run", "size"), [("e0001", SIZES[0]), ("e0002", SIZES[1])])
async def test_no_tab_of_a_run_lets_anything_through(world: Path, run: str, size: tuple[int, int]) -> None:
    async with walking(world, size, open_run=run) as walk:
        await until(walk.pilot, lambda: getattr(walk.pilot.app.screen, "tab", None) is not None)
        names = []
        while (name := walk.pilot.app.screen.tab.NAME) not in names:
            names.append(name)
            await walk.look(name)
            for key in ("j", "pagedown", "end"):
                await walk.look(f"{name} {key}", key)
            if walk.pilot.app.screen.tab.NAME != "log":
                await walk.look(f"{name} copied", "Y")
            await press(walk.pilot, "right")
        await walk.look("findings", "exclamation_mark")
        await walk.look("stop", "escape", "S")
        await walk.look("resume", "escape", "r")
    assert len(names) >= 8
    assert sum("OWNED" in text for text in walk.seen.values()) > 8


ACTS = re.compile(
    rb"\x1b\](?!22;)|\x1b[P^_X]|OWNED\x07|\x1b\[31mOWNED|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae\x8b]|\xe2\x81[\xa6-\xa9\xa0]"
    rb"|\x00|\x08|\x7f|\xf3\xa0"
)
"""Bytes that only data can have brought: titles and clipboards, strings, C1, direction, what is invisible."""


def test_no_byte_of_data_acts_on_a_real_terminal(world: Path) -> None:
    seen = Seen(world, 100, 30, COLORTERM="truecolor")
    try:
        seen.wait("evil0")
        seen.keys("j", "j", "\r")
        wait_until(lambda: "engine train" in seen.text, 30, lambda: seen.text)
        seen.escape("engine train")
        seen.keys("2")
        seen.wait("e0001")
        seen.keys("G", "\r")
        seen.wait("Curves")
        for tab in range(2, 10):
            seen.keys(str(tab))
            wait_until(lambda: len(seen.text) > 200, 20)
        seen.keys("?")
        seen.wait("Keys")
        raw = seen.raw
    finally:
        seen.close()
    assert b"OWNED" in raw
    found = ACTS.search(raw)
    assert found is None, raw[max(0, found.start() - 80) : found.end() + 80]  # type: ignore[union-attr]


LINES = (
    ("runs",), ("runs", "--json"), ("list",), ("list", "--json"), ("checkpoints", "e0001"), ("show", "e0001"),
    ("show", "e0001", "--json"), ("log", "e0001"), ("compare", "e0001", "e0002", "--classes"), ("plot", "e0001"),
    ("runs", "--runs", "no\x1b[31mOWNED"),
)  # fmt: skip


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_what_the_command_line_says_of_it_is_inert(world: Path, words: tuple[str, ...]) -> None:
    done = run_engine(*words, cwd=world)
    said = done.stdout + done.stderr
    assert said
    found = FORBIDDEN.search(said)
    assert found is None, said[max(0, found.start() - 60) : found.end() + 60]  # type: ignore[union-attr]
