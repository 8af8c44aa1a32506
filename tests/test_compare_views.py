"""The views of the screen that compares runs: classes, confusions, seeds, code; their keys, at any size."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from tests.compare_world import change, commits_of, evaluate, git, launched
from tests.tui_world import make_app, make_world, press, screen_text, seen, until
from tui.screens.compare import CompareScreen
from tui.screens.compare_views import CLASSES, CODE, CONFUSION, OVERVIEW, SEEDS

NOW = 1_790_000_000.0
NAMES = [f"class {number:02d}" for number in range(100)]
EVIL = "\x1b[31m[b]evil[/b]\u202e"


def confusion(size: int, seed: int) -> list[list[int]]:
    """Answers to fifty samples of each class, the more of them wrong the later the class comes."""
    draw = random.Random(seed)
    rows = []
    for true in range(size):
        row = [0] * size
        for _ in range(50):
            wrong = draw.random() < 0.5 * (true + seed) / (size + 3)
            row[draw.randrange(size) if wrong else true] += 1
        rows.append(row)
    return rows


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Four finished runs, two seeds of two learning rates, all tested on the same samples of eighteen classes."""
    folder = make_world(tmp_path / "world", runs=0)
    maker = Maker(folder / "runs", 20, seed=5)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    for number in (1, 2, 3, 4):
        maker.make(number, NOW - 9000 + 600 * number, end="finished", experiment="digits-mlp")
        run = folder / f"runs/e000{number}"
        settings = json.loads((folder / "runs/e0001/run.json").read_text())["settings"]
        settings |= {"seed": number % 2, "optimizer": {"name": "SGD", "lr": 0.1 if number < 3 else 0.01}}
        change(run, "run.json", settings=settings, host="box", git=None)
        state = json.loads((run / "state.json").read_text())
        metrics = state["metrics"] | {"test/accuracy": 0.9 + 0.02 * (number > 2) + 0.001 * number}
        change(run, "state.json", metrics=metrics, best=state["best"] | {"value": 0.9 + 0.0001 * number})
        change(run, "marks.json", name="", tags=[], star=False, archived=False)
        evaluate(run, confusion(18, number), NAMES[:18])
    return folder


class Opened:
    """The screen of some runs, on a pilot."""

    def __init__(self, world: Path, *ids: str, size: tuple[int, int] = (120, 40)) -> None:
        self.app, self.size = make_app(world), size
        self.screen = CompareScreen(ids or ("e0001", "e0002", "e0003", "e0004"))

    async def __aenter__(self) -> tuple[Pilot[Any], CompareScreen]:
        self._test = self.app.run_test(size=self.size, notifications=True)
        pilot = await self._test.__aenter__()
        self.app.push_screen(self.screen)
        await until(pilot, lambda: self.screen.is_mounted and self.screen.comparison is not None)
        return pilot, self.screen

    async def __aexit__(self, *error: Any) -> None:
        await self._test.__aexit__(*error)


async def shown(pilot: Pilot[Any], screen: CompareScreen, key: str, view: int) -> str:
    """A view by its key, once it was read; its text."""
    await press(pilot, key)
    await until(pilot, lambda: screen.view == view and screen.content is not None)
    await pilot.pause()
    return screen.view_pane.plain


async def test_classes_stand_beside_each_other_with_their_differences(world: Path) -> None:
    async with Opened(world) as (pilot, screen):
        text = await shown(pilot, screen, "c", CLASSES)
        assert "F1 of each class on the test split" in text
        head, *rows = [line for line in text.splitlines() if line.startswith((" class  ", " class "))]
        assert head.split()[:3] == ["class", "samples", "★e0001"]
        assert len(rows) == 18
        first = rows[0].split()
        assert first[5][0] in "+-"
        deltas = [max(abs(float(cell)) for cell in row.split()[5::2]) for row in rows]
        assert deltas == sorted(deltas, reverse=True)
        await press(pilot, "y")
        assert "★e0001" in pilot.app.clipboard
        await press(pilot, "n")
        await seen(pilot, "precision of each class")
        await press(pilot, "n", "n")
        await seen(pilot, "F1 of each class")


async def test_another_baseline_and_another_split(world: Path) -> None:
    async with Opened(world, "e0001", "e0003") as (pilot, screen):
        before = await shown(pilot, screen, "c", CLASSES)
        await press(pilot, "b")
        await until(pilot, lambda: "★e0003" in screen.view_pane.plain)
        assert screen.view_pane.plain != before
        await press(pilot, "v")
        await seen(pilot, "one split only")
        content = json.loads((world / "runs/e0001/evaluation/test-00000600.json").read_text())
        (world / "runs/e0001/evaluation/val-00000600.json").write_text(json.dumps(content | {"split": "validation"}))
        await press(pilot, "tab", "shift+tab")
        await until(pilot, lambda: screen.content is not None)
        await press(pilot, "v")
        await seen(pilot, "on the validation split", "e0003: no evaluation of the validation split")


async def test_the_difference_of_confusions_is_that_of_the_marked_run(world: Path) -> None:
    async with Opened(world) as (pilot, screen):
        assert "e0001 → e0002" in await shown(pilot, screen, "d", CONFUSION), "another run than the baseline is marked"
        await press(pilot, "left")
        await until(pilot, lambda: "is the baseline" in screen.view_pane.plain)
        await press(pilot, "right", "right")
        await until(pilot, lambda: "e0001 → e0003" in screen.view_pane.plain)
        assert "what changed most" in screen.view_pane.plain
        first, third = confusion(18, 1), confusion(18, 3)
        row = next(line for line in screen.view_pane.plain.splitlines() if line.startswith(" class 05"))
        expected = [f"{b - a:+d}" if a != b else "." for a, b in zip(first[5], third[5], strict=True)]
        assert row.split()[2:20] == expected


async def test_confusions_are_told_of_the_two_runs_alone(world: Path) -> None:
    for run in ("e0003", "e0004"):
        settings = json.loads((world / f"runs/{run}/run.json").read_text())["settings"]
        change(world / "runs" / run, "run.json", settings=settings | {"data": {"name": "iris"}})
    async with Opened(world) as (pilot, screen):
        assert "e0003" not in await shown(pilot, screen, "d", CONFUSION)
        await press(pilot, "right")
        await until(pilot, lambda: "no difference is formed for e0003: other data" in screen.view_pane.plain)
        await press(pilot, "c")
        await until(pilot, lambda: "for e0003, e0004: other data" in screen.view_pane.plain)


async def test_much_that_is_to_be_known_of_a_table_stands_below_it(world: Path) -> None:
    for run, name in (("e0002", "iris"), ("e0003", "wine"), ("e0004", "moons and more " * 30)):
        settings = json.loads((world / f"runs/{run}/run.json").read_text())["settings"]
        change(world / "runs" / run, "run.json", settings=settings | {"data": {"name": name}})
    async with Opened(world) as (pilot, screen):
        await until(pilot, lambda: "scores" in screen.pane.plain)
        lines = screen.pane.plain.splitlines()
        assert any("no difference is formed for 3 runs: see below" in line for line in lines[:4])
        text = screen.pane.plain
        assert text.index("more scores") < text.index("e0002: other data")
        text = await shown(pilot, screen, "c", CLASSES)
        assert "no difference is formed for 3 runs: see below" in text.splitlines()[1]
        assert text.index("class 00") < text.index("e0002: other data")


async def test_seeds_without_a_second_group_leave_room_for_each_seed(world: Path) -> None:
    async with Opened(world, "e0001", "e0002", size=(80, 24)) as (pilot, screen):
        text = await shown(pilot, screen, "t", SEEDS)
    assert "each seed" in text
    assert "difference  " not in text
    assert "e0001 (seed 1), e0002 (seed 0)" in text


async def test_of_a_hundred_classes_those_that_changed_most_are_drawn(world: Path) -> None:
    for number in (1, 2):
        evaluate(world / f"runs/e000{number}", confusion(100, number), NAMES)
    async with Opened(world, "e0001", "e0002") as (pilot, screen):
        text = await shown(pilot, screen, "c", CLASSES)
        assert len([line for line in text.splitlines() if line.startswith(" class ")]) == 101
        text = await shown(pilot, screen, "d", CONFUSION)
        assert "of 100 classes that changed most" in text
        width = screen.view_pane.scrollable_content_region.width
        assert max(map(len, text.splitlines())) <= width


async def test_seeds(world: Path) -> None:
    async with Opened(world) as (pilot, screen):
        text = await shown(pilot, screen, "t", SEEDS)
        block = text.partition("test/accuracy")[2].partition("\n\n")[0]
        assert "0.9015 ± 0.0007" in block
        assert "better" in block
        assert "Welch's t-test" in text
        assert "the models themselves" in text
    async with Opened(world, "e0001", "e0003") as (pilot, screen):
        assert "cannot tell: one seed each" in await shown(pilot, screen, "t", SEEDS)


async def test_code(world: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q")
    for text in ("one\n", f"{EVIL}\n" + "x" * 300):
        (project / "train.py").write_text(text)
        git(project, "add", ".")
        git(project, "commit", "-qm", "c")
    from engine.runs import RunsFolder

    for run, commit in zip(("e0001", "e0002"), commits_of(project), strict=True):
        launched(RunsFolder(world / "runs"), run, project, commit)
    async with Opened(world, "e0001", "e0002", "e0003") as (pilot, screen):
        await shown(pilot, screen, "D", CODE)
        await press(pilot, "left")
        await until(pilot, lambda: "the baseline itself" in screen.view_pane.plain)
        await press(pilot, "right")
        await until(pilot, lambda: "+2 -1 lines" in screen.view_pane.plain)
        text = screen.view_pane.plain
        assert "-one" in text
        assert not {"\x1b", "\u202e"} & set(text + screen_text(pilot))
        assert text.count("x") >= 300, "a long line is broken, not cut"
        await press(pilot, "right")
        await until(pilot, lambda: "the commit of e0003 is unknown" in screen.view_pane.plain)


async def test_keys_of_the_charts_rest_in_other_views_and_the_views_follow_each_other(world: Path) -> None:
    async with Opened(world) as (pilot, screen):
        await shown(pilot, screen, "2", CLASSES)
        await press(pilot, "space", "x", "L")
        assert not screen.hidden
        assert not screen.log_y
        await press(pilot, "down", "end", "g")
        for view in (CONFUSION, SEEDS, CODE, OVERVIEW):
            await press(pilot, "tab")
            assert screen.view == view
        assert screen.pane.has_focus
        await press(pilot, "space")
        assert screen.hidden == {"e0002"}
        await press(pilot, "shift+tab")
        assert screen.view == CODE


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_nothing_is_wider_than_the_screen_and_nothing_acts_on_it(world: Path, size: tuple[int, int]) -> None:
    names = [EVIL + "漢字" * 9, *NAMES[1:18]]
    evaluate(world / "runs/e0001", confusion(18, 1), names)
    evaluate(world / "runs/e0002", confusion(18, 2), [*names[:17], "only here"])
    for number in (1, 2):
        change(
            world / f"runs/e000{number}", "run.json", experiment=EVIL + "long " * 30, versions={"t": EVIL + str(number)}
        )
    async with Opened(world, "e0001", "e0002", "e0003", size=size) as (pilot, screen):
        await press(pilot, "right")
        for key, view in (("c", CLASSES), ("d", CONFUSION), ("t", SEEDS), ("D", CODE)):
            text = await shown(pilot, screen, key, view)
            assert not {"\x1b", "\u202e"} & set(text + screen_text(pilot))
            assert text.strip()


async def test_dozens_of_runs_keep_the_baseline_in_sight(world: Path) -> None:
    maker = Maker(world / "runs", 5, seed=6)
    for number in range(5, 41):
        maker.make(number, NOW - 9000 + number, end="finished", experiment="digits-mlp")
        evaluate(world / f"runs/e{number:04d}", confusion(18, number % 7), NAMES[:18])
    async with Opened(world, *(f"e{number:04d}" for number in range(1, 41)), size=(80, 24)) as (pilot, screen):
        await press(pilot, *["left"] * 3)
        await seen(pilot, "baseline ★ e0001")
        assert {"★e0001", "e0038"} <= set(screen.pane.plain.split())
        text = await shown(pilot, screen, "c", CLASSES)
        assert {"★e0001", "e0038"} <= set(text.split())
        assert "runs more" in text


@pytest.fixture
def still(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with time standing still."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    return world


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["c", "d", "t"])
def test_picture(still: Path, snap_compare: Callable[..., bool], key: str, size: tuple[int, int]) -> None:
    app = make_app(still)

    async def before(pilot: Pilot[Any]) -> None:
        screen = CompareScreen(("e0001", "e0002", "e0003", "e0004"))
        app.push_screen(screen)
        await until(pilot, lambda: screen.is_mounted and screen.comparison is not None)
        await press(pilot, "right", key)
        await until(pilot, lambda: screen.content is not None)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
