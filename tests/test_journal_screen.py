"""The journal: its entries listed, read and written in the program and by the command; pages of runs by a key."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.errors import NotFoundError, UsageError
from engine.journal import begin, entries, find_entry, render
from engine.runs import RunsFolder
from tests.helpers import engine_json, run_engine
from tests.tui_world import make_app, make_world, press, screen_text, seen, until
from tui.journal import _words
from tui.screens.journal import JournalScreen

EVIL = "# \x1b[31mred\x1b[0m [b]x[/b]\u202e\n\n[link](javascript:alert(1)) <script>x</script>\n"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A few runs and no journal yet."""
    return make_world(tmp_path / "world", runs=3)


def runs_of(world: Path) -> RunsFolder:
    return RunsFolder(world / "runs")


def test_entries_are_begun_listed_and_rendered(world: Path) -> None:
    assert engine_json("journal", "--json", cwd=world) == []
    path = Path(engine_json("journal", "Does  depth help?", "--json", cwd=world)["markdown"])
    assert (world / path).read_text().startswith("# Does depth help?\n\n## Motivation\n")
    assert path.name.endswith("-does-depth-help.md")
    (world / path).write_text("# Does depth help?\n\nof e0001 and e0003: **yes**\n")
    (listed,) = engine_json("journal", "--json", cwd=world)
    assert (listed["title"], listed["runs"], listed["html"]) == ("Does depth help?", ["e0001", "e0003"], None)
    page = engine_json("journal", "does-depth-help", "--render", "--json", cwd=world)["html"]
    assert "<strong>yes</strong>" in (world / page).read_text()
    plain = run_engine("journal", cwd=world).stdout
    assert "Does depth help?" in plain
    missing = run_engine("journal", "nothing", "--render", cwd=world)
    assert missing.returncode == 3


def test_an_entry_is_found_by_its_name(world: Path) -> None:
    runs = runs_of(world)
    folder = runs.root / "journal"
    folder.mkdir()
    for name in ("2026-01-01-depth", "2026-01-02-depth", "2026-01-03-width"):
        (folder / f"{name}.md").write_text("# x")
    assert find_entry(runs, "width").path.stem == "2026-01-03-width"
    assert find_entry(runs, "2026-01-01-depth.md").path.stem == "2026-01-01-depth"
    with pytest.raises(UsageError):
        find_entry(runs, "depth")
    with pytest.raises(NotFoundError):
        find_entry(runs, "../../etc/passwd")


def test_an_entry_of_a_name_that_is_taken_gets_another(world: Path) -> None:
    paths = {begin(runs_of(world), "The same").name for _ in range(3)}
    assert len(paths) == 3
    with pytest.raises(UsageError):
        begin(runs_of(world), "  ")


def test_hostile_entries_are_words(world: Path) -> None:
    path = begin(runs_of(world), "x")
    path.write_text(EVIL)
    text = render(path).read_text()
    assert "<script>" not in text
    assert "href" not in text
    assert entries(runs_of(world))[0].title
    assert "\x1b" not in run_engine("journal", cwd=world).stdout


# ------------------------------------------------------------------------------------------------------ in the program


class Opened:
    """The journal's screen."""

    def __init__(self, world: Path, size: tuple[int, int] = (120, 40)) -> None:
        self.app, self.size = make_app(world), size

    async def __aenter__(self) -> tuple[Pilot[Any], JournalScreen]:
        self._test = self.app.run_test(size=self.size, notifications=True)
        pilot = await self._test.__aenter__()
        await press(pilot, "J")
        await until(pilot, lambda: isinstance(self.app.screen, JournalScreen) and self.app.screen.is_mounted)
        return pilot, self.app.screen  # type: ignore[return-value]

    async def __aexit__(self, *error: Any) -> None:
        await self._test.__aexit__(*error)


async def test_an_entry_is_begun_written_and_made_a_page(world: Path) -> None:
    async with Opened(world) as (pilot, screen):
        await seen(pilot, "No entries yet")
        await press(pilot, "n")
        await press(pilot, *"Depth", "enter")
        await seen(pilot, "Depth", "Motivation")
        await until(pilot, lambda: screen.words.editing)
        await press(pilot, *"hjk", "escape")
        (entry,) = entries(runs_of(world))
        await until(pilot, lambda: entry.html.exists() and "hjk" in entry.html.read_text())
        assert "## Motivation\n\nhjk\n\n## Results" in entry.path.read_text()
        await press(pilot, "escape", "escape")
        await until(pilot, lambda: screen is not pilot.app.screen)


async def test_entries_of_someone_else_come_in_and_the_chosen_one_stays(world: Path) -> None:
    first = begin(runs_of(world), "first")
    async with Opened(world) as (pilot, screen):
        await until(pilot, lambda: screen.words.path == first)
        second = begin(runs_of(world), "second")
        second.write_text("# Second\n\nwords of the second\n")
        screen._wake.set()
        await seen(pilot, "Second")
        await until(pilot, lambda: len(screen.listing.items) == 2)
        place = [entry.path for entry in screen.listing.items].index(second)
        screen.listing.move_to(1 - place)
        screen.listing.move_to(place)
        await seen(pilot, "words of the second")
        await press(pilot, "y")
        await until(pilot, lambda: pilot.app.clipboard.endswith(".md"))


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_text_is_inert_at_any_size(world: Path, size: tuple[int, int]) -> None:
    begin(runs_of(world), "x").write_text(EVIL + "| " + "wide " * 60 + "| b |\n|---|---:|\n| 漢字 | 2 |\n" + "y" * 500)
    async with Opened(world, size) as (pilot, screen):
        await until(pilot, lambda: screen.words.path is not None and screen.words.pane.line_count > 3)
        shown = screen_text(pilot)
        assert not {"\x1b", "\u202e"} & set(shown)
        await press(pilot, "enter", "end", "e")
        await seen(pilot, "is not")


@pytest.mark.parametrize(("place", "ids"), [("runs", ["e0002", "e0003"]), ("run", ["e0002"])])
async def test_a_key_asks_for_the_page_of_runs(
    world: Path, monkeypatch: pytest.MonkeyPatch, place: str, ids: list[str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("tui.journal.write_page", lambda _app, runs: asked.append(list(runs)))
    app = make_app(world, **({"open_run": "e0002"} if place == "run" else {}))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        if place == "runs":
            await press(pilot, "2")
            await seen(pilot, "e0003")
            await press(pilot, "space", "space")
        else:
            await seen(pilot, "e0002")
        await press(pilot, "B")
        await until(pilot, lambda: asked == [ids])


def test_what_became_of_a_page_is_said() -> None:
    good = CompletedProcess([], 0, '{"markdown": "a.md", "html": "a.html"}\n', "")
    bad = CompletedProcess([], 1, "", "engine: the disk is full\n\nhint\n")
    assert _words(good) == ("a.md\na.html\nJ shows and edits it", True)
    assert _words(bad) == ("the disk is full\nhint", False)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(
    world: Path, snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    begin(runs_of(world), "Does weight decay help?").write_text(
        "# Does weight decay help?\n\n| | |\n|---|---|\n| **Runs** | e0001, e0002 |\n| **Start** | 2026-03-01 |\n\n"
        "## Motivation\n\nSmall *models* overfit after `10` epochs:\n\n"
        "- with **0**\n- with 0.01, as in\n  [the paper](x)\n\n"
        "## Runs\n\n| run | difference | test/accuracy |\n|---|---|---:|\n| e0001 | `weight_decay = 0` | 0.91 |\n"
        "| e0002 | `weight_decay = 0.01` | 0.93 |\n\n```sh\nengine train digits\n```\n\n> It does.\n\n1. one\n2. two\n"
    )
    (path,) = (entry.path for entry in entries(runs_of(world)))
    path = path.rename(path.with_name("2026-03-01-weight-decay.md"))
    monkeypatch.setattr(time, "time", lambda: path.stat().st_mtime + 7200)
    app = make_app(world)

    async def before(pilot: Pilot[Any]) -> None:
        await press(pilot, "J")
        await seen(pilot, "overfit after")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
