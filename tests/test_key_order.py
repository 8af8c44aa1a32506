"""Keys that arrive all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tests.tui_world import make_world, opened, seen, until


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with experiments and twelve runs."""
    return make_world(tmp_path)


def burst(pilot: Pilot[Any], *keys: str) -> None:
    """All keys at once, as a slow line delivers them."""
    for key in keys:
        character = key if len(key) == 1 else None
        pilot.app.post_message(events.Key(_character_to_key(key) if character else key, character))


async def test_keys_typed_in_a_burst_act_in_their_order(world: Path) -> None:
    async with opened(world) as pilot:
        burst(pilot, "enter", "plus", *"train.epochs=7", "enter", *"optimizer.lr=0.5", "enter")
        burst(pilot, "tab", "tab", *"mine", "tab", *"why")
        await seen(pilot, "-s train.epochs=7 -s optimizer.lr=0.5 --note why --tag mine")


async def test_keys_typed_into_a_menu_that_is_only_opening_belong_to_it(world: Path) -> None:
    async with opened(world) as pilot:
        burst(pilot, "2", "m", "t", *"late", "enter")
        marks = world / "runs" / "e0012" / "marks.json"
        await until(pilot, lambda: marks.exists() and "late" in marks.read_text())
        assert '"star":true' not in marks.read_text().replace(" ", "")
