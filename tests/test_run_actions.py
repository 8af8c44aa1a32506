"""Acting on one run or many, from the list, from a run's own screen and by the palette; and taking it back."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.notes import append_note
from engine.runs import RunsFolder, load_run, write_state
from tests.test_own_settings import write_keys
from tests.test_space import content, more_checkpoints, names
from tests.tui_world import make_world, opened, press, screen_text, seen, until
from tui import marking
from tui.launching import Launched
from tui.screens import acting
from tui.screens.launch import LaunchScreen
from tui.screens.runs import RunsScreen


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Six runs that have ended."""
    made = make_world(tmp_path, runs=6)
    for run_id in RunsFolder(made / "runs").ids():
        paths = RunsFolder(made / "runs").paths(run_id)
        state = load_run(paths).state
        if state.state != "finished":
            state.state, state.cause = "finished", None
            write_state(paths, state)
    return made


def folder(world: Path) -> RunsFolder:
    return RunsFolder(world / "runs")


def marks(world: Path, run_id: str) -> Any:
    return load_run(folder(world).paths(run_id)).marks


async def on_runs(pilot: Any) -> RunsScreen:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen) and pilot.app.screen.listing.items)
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    return screen


async def test_many_levels_of_undo_bring_back_every_byte(world: Path) -> None:
    before = {run: content(folder(world).root / run) for run in folder(world).ids()}
    async with opened(world) as pilot:
        screen = await on_runs(pilot)
        await press(pilot, "d")
        await until(pilot, lambda: folder(world).trashed() == ["e0006"] and len(screen.listing.items) == 5)
        await press(pilot, "space", "space", "d")
        await seen(pilot, "Move 2 runs to the trash?")
        await press(pilot, "enter")
        await until(pilot, lambda: len(folder(world).trashed()) == 3 and len(screen.listing.items) == 3)
        await press(pilot, "asterisk")
        await until(pilot, lambda: marks(world, "e0003").star)
        await press(pilot, "u")
        await until(pilot, lambda: not marks(world, "e0003").star)
        await press(pilot, "u")
        await until(pilot, lambda: folder(world).trashed() == ["e0006"])
        await press(pilot, "u")
        await until(pilot, lambda: folder(world).trashed() == [])
        await until(pilot, lambda: len(screen.listing.items) == 6)
        await press(pilot, "u")
        await seen(pilot, "nothing to undo")
    after = {run: content(folder(world).root / run) for run in folder(world).ids()}
    for run in before:
        after[run].pop("marks.json", None)
        before[run].pop("marks.json", None)
    assert after == before


async def test_what_cannot_be_trashed_is_said_and_stays(world: Path) -> None:
    state = load_run(folder(world).paths("e0004")).state
    state.state = "queued"
    write_state(folder(world).paths("e0004"), state)
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "j", "asterisk")
        await until(pilot, lambda: marks(world, "e0005").star)
        await press(pilot, "a", "d")
        await seen(pilot, "Move 6 runs to the trash?", "1 starred and 1 not ended will stay")
        await press(pilot, "enter")
        await seen(pilot, "starred, which protects it", "e0004 is queued", "4 runs in the trash")
        await seen(pilot, "* takes the star", "S stops it")
        assert "engine mark" not in screen_text(pilot), "on the screen there are keys for it"
        assert folder(world).ids() == ["e0004", "e0005"]
        await press(pilot, "u")
        await until(pilot, lambda: len(folder(world).ids()) == 6)


async def test_the_trash_of_an_earlier_session_is_offered(world: Path) -> None:
    for run_id in ("e0002", "e0003"):
        folder(world).move_to_trash(run_id)
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "u")
        await seen(pilot, "Bring back from the trash", "e0003", "e0002", "all 2")
        await press(pilot, "j", "enter")
        await until(pilot, lambda: folder(world).trashed() == ["e0003"])
        await press(pilot, "u")
        await seen(pilot, "Bring back from the trash")
        await press(pilot, "escape")
    assert folder(world).trashed() == ["e0003"]


async def test_marks_that_somebody_changed_since_are_not_undone(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "t")
        await seen(pilot, "Tags of e0006")
        await press(pilot, *"paper", "enter")
        await until(pilot, lambda: "paper" in marks(world, "e0006").tags)
        path = folder(world).paths("e0006").marks
        path.write_text(json.dumps({**json.loads(path.read_text()), "name": "theirs"}))
        await press(pilot, "u")
        await seen(pilot, "marked again since")
    assert (marks(world, "e0006").name, "paper" in marks(world, "e0006").tags) == ("theirs", True)


async def test_of_opposite_actions_only_the_last_stands_and_undoing_says_what_is_so_now(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "asterisk")
        await seen(pilot, "e0006 starred")
        await press(pilot, "asterisk")
        await seen(pilot, "e0006 not starred any more")
        assert "e0006 starred" not in screen_text(pilot)
        await press(pilot, "u")
        await seen(pilot, "Undone: e0006 starred")
        assert "not starred" not in screen_text(pilot)


async def test_a_note_is_taken_back_unless_somebody_wrote_since(world: Path) -> None:
    notes = folder(world).paths("e0006").notes
    append_note(notes, "mine")
    before = notes.read_bytes()
    fresh = folder(world).paths("e0005").notes
    fresh.unlink(missing_ok=True)
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "space", "space", "w", *"to both", "enter")
        await until(pilot, lambda: fresh.exists() and b"to both" in notes.read_bytes())
        await seen(pilot, "2 runs noted")
        await press(pilot, "u")
        await seen(pilot, "Undone: 2 runs without the note")
        assert notes.read_bytes() == before
        assert not fresh.exists()
        await press(pilot, "k", "k", "w", *"again", "enter")
        await seen(pilot, "e0006 noted")
        append_note(notes, "theirs")
        await press(pilot, "u")
        await seen(pilot, "written in since")
    assert "again" in notes.read_text()


async def test_undo_waits_for_a_long_change_which_says_how_far_it_is(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    star = marking.set_star

    def slow(runs: RunsFolder, ids: Any, on: bool) -> Any:
        assert gate.wait(20)
        return star(runs, ids, on)

    monkeypatch.setattr(marking, "set_star", slow)
    monkeypatch.setattr(acting, "MANY", 2)
    monkeypatch.setattr(acting, "PART", 2)
    before = [marks(world, run).star for run in folder(world).ids()]
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "N", *"before", "enter")
        await seen(pilot, "e0006 named")
        await press(pilot, "a", "asterisk")
        await seen(pilot, "0 of 6 runs")
        await press(pilot, "u")
        await seen(pilot, "taken back as soon as it is done")
        gate.set()
        await seen(pilot, "Undone: 6 runs")
        assert marks(world, "e0006").name == "before", "it is not the change before that is taken back"
    assert [marks(world, run).star for run in folder(world).ids()] == before


async def test_name_note_and_archive_from_list_and_menu(world: Path) -> None:
    append_note(folder(world).paths("e0006").notes, "mine")
    async with opened(world) as pilot:
        screen = await on_runs(pilot)
        await press(pilot, "N", *"good one", "enter")
        await until(pilot, lambda: marks(world, "e0006").name == "good one")
        await press(pilot, "space", "space", "w", *"both of them", "enter")
        await until(pilot, lambda: "both of them" in folder(world).paths("e0005").notes.read_text())
        assert folder(world).paths("e0006").notes.read_text().endswith("mine\n\nboth of them\n")
        await press(pilot, "k", "k", "colon")
        await seen(pilot, "run again", "duplicate and edit", "prune checkpoints")
        await press(pilot, "a")
        await until(pilot, lambda: marks(world, "e0006").archived)
        await until(pilot, lambda: len(screen.listing.items) == 5)
        await press(pilot, "u")
        await until(pilot, lambda: not marks(world, "e0006").archived)


async def test_a_run_is_run_again_from_the_list_with_the_device_offered(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("engine.launch.launch", lambda runs, request: asked.append(request) or runs.paths("e0005"))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "R")
        await seen(pilot, "Run e0006 again", "cpu", "rerun e0006")
        await press(pilot, "enter")
        await until(pilot, lambda: asked)
    (request,) = asked
    assert request.argv[:3] == ("engine", "rerun", "e0006")
    assert request.settings.seed == load_run(folder(world).paths("e0006")).info.seed


async def test_a_run_on_another_version_says_so_before_it_is_run_again(world: Path) -> None:
    path = folder(world).paths("e0006").run
    path.write_text(json.dumps({**json.loads(path.read_text()), "versions": {"torch": "0.4.1"}}))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "R")
        await seen(pilot, "0.4.1 when e0006 ran")


async def test_several_runs_are_run_again_in_order(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr("tui.launching._start_in_order", lambda store, words, runs: begun.append((words, runs)))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "space", "space", "R")
        await seen(pilot, "Run 2 runs again", "as they ran")
        await press(pilot, "enter")
        await seen(pilot, "2 runs launched")
    assert begun[0][0][-3:] == ["rerun", "e0006", "e0005"]


async def test_a_run_is_duplicated_into_the_dialog_and_into_the_file(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.editing.edit_experiments", lambda app, name: None)
    path = folder(world).paths("e0006").run
    info = json.loads(path.read_text())
    settings = {"data": {"name": "digits"}, "model": {"name": "mlp", "hidden": [9]}, "train": {"epochs": 4}}
    path.write_text(json.dumps({**info, "experiment": "digits-mlp", "settings": settings}))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "D")
        await seen(pilot, "Duplicate e0006", "write as an experiment")
        await press(pilot, "l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        await seen(pilot, "model.hidden", "[9]", "train.epochs")
        await press(pilot, "escape")
        await press(pilot, "D", "e")
        await seen(pilot, "Name of the new experiment", "digits-mlp-2")
        await press(pilot, "enter")
        await seen(pilot, "digits-mlp-2 stands at the end")
    assert "[experiments.digits-mlp-2]" in (world / "experiments.toml").read_text()


async def test_esc_leads_from_a_run_launched_from_another_back_to_the_list(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.launch.carry_out", lambda store, file, order: Launched("e0005", 1, "launched"))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "enter")
        await seen(pilot, "e0006", "1 Curves")
        await press(pilot, "R")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        await seen(pilot, "Run e0006 again", "free")
        await press(pilot, "enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "run_id", "") == "e0005")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def test_what_is_copied_is_said(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "space", "space", "y")
        await seen(pilot, "Copy of 2 runs")
        await press(pilot, "i")
        await seen(pilot, "Copied: id of 2 runs", "e0006 e0005")
        assert pilot.app.clipboard == "e0006 e0005"
        await press(pilot, "escape", "y", "r")
        await seen(pilot, "engine rerun e0004")


async def test_pruning_says_what_it_frees_and_keeps_what_is_protected(world: Path) -> None:
    for run_id in ("e0006", "e0005"):
        more_checkpoints(folder(world).paths(run_id), (900001, 900002))
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "asterisk")
        await until(pilot, lambda: marks(world, "e0006").star)
        await press(pilot, "a", "P")
        await seen(pilot, "Prune checkpoints of 6 runs, 1 protected", "keep best and last", "frees")
        assert "step-00900001" in names(folder(world).paths("e0005"))
        await press(pilot, "l")
        await seen(pilot, "freed", "which protects its checkpoints")
    assert "step-00900001" not in names(folder(world).paths("e0005"))
    assert "step-00900001" in names(folder(world).paths("e0006"))


async def test_the_same_from_the_screen_of_a_run(world: Path) -> None:
    async with opened(world, open_run="e0004") as pilot:
        await seen(pilot, "Curves")
        await press(pilot, "asterisk")
        await until(pilot, lambda: marks(world, "e0004").star)
        await press(pilot, "colon")
        await seen(pilot, "take the star", "run again", "open folder")
        await press(pilot, "escape", "u")
        await until(pilot, lambda: not marks(world, "e0004").star)
        await press(pilot, "y", "i")
        await seen(pilot, "Copied: id of e0004")
        await press(pilot, "delete")
        await seen(pilot, "Move e0004 to the trash?")
        await press(pilot, "enter")
        await until(pilot, lambda: folder(world).trashed() == ["e0004"])
        await seen(pilot, "Experiments")
        await press(pilot, "u")
        await until(pilot, lambda: folder(world).trashed() == [])


async def test_the_folder_is_named_where_no_shell_can_be_opened(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "F")
        await seen(pilot, "The folder of the run", "e0006")


async def test_the_palette_has_what_a_tab_took_the_key_of(world: Path) -> None:
    write_keys('"run.rerun" = "s"')
    async with opened(world, open_run="e0004") as pilot:
        await seen(pilot, "Curves", "smooth")
        await press(pilot, "ctrl+p", *"run again")
        await seen(pilot, "Run again exactly")
        await press(pilot, "enter")
        await seen(pilot, "Run e0004 again")


async def test_the_palette_has_what_no_key_does_and_the_menu_of_several_what_several_can(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "ctrl+p", *"archive")
        await seen(pilot, "Take the runs out of the list")
        await press(pilot, "enter")
        await until(pilot, lambda: marks(world, "e0006").archived)
        await press(pilot, "space", "space", "colon")
        await seen(pilot, "2 runs", "run again", "prune checkpoints")
        for alone in ("duplicate", "edit notes.md", "open folder"):
            assert alone not in screen_text(pilot)


async def test_tag_and_note_have_the_keys_of_a_runs_own_screen_too(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "T")
        await seen(pilot, "Tags of e0006")
        await press(pilot, "escape", "W")
        await seen(pilot, "Add to the notes of e0006")


async def test_the_palette_has_the_actions_of_the_screen(world: Path) -> None:
    async with opened(world) as pilot:
        await on_runs(pilot)
        await press(pilot, "ctrl+p", *"prune")
        await seen(pilot, "Prune", "Delete checkpoints")
        assert "Experiments" in screen_text(pilot)
