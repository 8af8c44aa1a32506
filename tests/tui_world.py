"""What tests of the terminal UI share: a folder with runs and experiments, the app in it, and what is on its screen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from tui.app import DltuiApp
from tui.store import Store

EXPERIMENTS = """
[experiments.digits-mlp]
description = "Handwritten digits, a small network"
motivation = "Does it work at all?"
tags = ["quick", "cpu"]
data = { name = "digits", validation = 0.1 }
model = { name = "mlp", hidden = [64] }
train = { epochs = 2 }

[experiments.moons-mlp]
description = "Two moons"
data = { name = "moons" }
model = { name = "mlp", hidden = [16, 16] }
train = { epochs = 1 }

[experiments.digits-sgd]
extends = "digits-mlp"
optimizer = { name = "SGD", lr = 0.1, momentum = 0.9 }
"""


def make_world(folder: Path, runs: int = 12, experiments: str = EXPERIMENTS) -> Path:
    """Experiments and `runs` runs in `folder`; the newest began ten minutes ago."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiments.toml").write_text(experiments, encoding="utf-8")
    maker = Maker(folder / "runs", 4)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    for number in range(1, runs + 1):
        maker.make(number, time.time() - 600 * (runs + 1 - number))
    return folder


def make_app(world: Path, **options: Any) -> DltuiApp:
    """The app on a world, its first snapshot loaded."""
    store = Store(world / "runs", None, cwd=world)
    store.load()
    return DltuiApp(store, **options)


@asynccontextmanager
async def opened(world: Path, size: tuple[int, int] = (120, 40), **options: Any) -> AsyncIterator[Pilot[Any]]:
    """The app, running without a terminal, verified."""
    app = make_app(world, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.verified)
        yield pilot


async def until(pilot: Pilot[Any], condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Let the app work until `condition` holds; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await pilot.pause(0.02)
        value = condition()
        if value:
            return value
    raise AssertionError(f"not within {seconds} s; on screen:\n{screen_text(pilot)}")


def screen_text(pilot: Pilot[Any]) -> str:
    """What is on screen, a line each."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def seen(pilot: Pilot[Any], *words: str) -> str:
    """Wait until all `words` are on screen; the screen's text."""
    await until(pilot, lambda: all(word in screen_text(pilot) for word in words))
    return screen_text(pilot)


async def gone(pilot: Pilot[Any], *words: str) -> str:
    """Wait until none of `words` is on screen; the screen's text."""
    await until(pilot, lambda: not any(word in screen_text(pilot) for word in words))
    return screen_text(pilot)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys one after another."""
    for key in keys:
        await pilot.press(key)
    await pilot.pause()
