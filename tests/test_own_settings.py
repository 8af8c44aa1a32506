"""The person's own keys and settings: used, checked, told of when wrong, and never written over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import preferences
from engine.runs import RunsFolder, load_run, write_state
from tests.test_notices import Listener, listener, set_up
from tests.tui_world import make_world, opened, press, screen_text, seen, until
from tui import keymap
from tui.app import DltuiApp
from tui.ends import Ends
from tui.preferences import Preferences
from tui.store import Snapshot

__all__ = ["listener"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path / "world", runs=3)


def write_keys(text: str) -> None:
    preferences.folder().mkdir(parents=True, exist_ok=True)
    preferences.keys_path().write_text(text)


def write_settings(**content: object) -> None:
    preferences.folder().mkdir(parents=True, exist_ok=True)
    preferences.settings_path().write_text(json.dumps(content))


async def test_own_keys_act_and_stand_in_help_and_footer(world: Path) -> None:
    write_keys('"runs.trash" = "x"\n[app]\nhelp = "f2"\n')
    runs = RunsFolder(world / "runs")
    async with opened(world) as pilot:
        await pilot.press("2")
        await press(pilot, "d", "f2")
        await seen(pilot, "Move to the trash")
        line = next(line for line in screen_text(pilot).splitlines() if "Move to the trash" in line)
        assert line.partition("Move")[0].split()[-1] == "x"
        await press(pilot, "escape")
        assert runs.trashed() == [], "d does nothing any more"
        await press(pilot, "x")
        await until(pilot, lambda: runs.trashed() == ["e0003"])


async def test_mistakes_in_the_keys_are_told_and_the_rest_works(world: Path) -> None:
    write_keys('"runs.trasch" = "x"\n"runs.star" = "ctlr+x"\n"runs.note" = "s"\n"app.help" = "f3"\n')
    async with opened(world) as pilot:
        shown = await seen(pilot, "did you mean 'runs.trash'?", "there is no key 'ctlr+x'", "both have s")
        assert "runs.note and runs.sort" in shown
        await press(pilot, "f3")
        await seen(pilot, "Everywhere")


async def test_a_file_that_is_no_toml_is_told(world: Path) -> None:
    write_keys('"runs.trash = x')
    async with opened(world) as pilot:
        await seen(pilot, "keys.toml", "Unterminated")


def test_problems_name_what_is_near() -> None:
    known = keymap.known()
    assert {"runs.trash", "run.rerun", "list.up", "app.commands", "run.curves.smooth"} <= set(known)
    assert keymap.problems({name: ",".join(entry.keys) for name, entry in known.items()}) == []
    assert "no key is named" in keymap.problems({"runs.sort": " "})[0]
    assert "did you mean 'escape'" in keymap.problems({"runs.sort": "escap"})[0]
    assert keymap.normal("shift+w") == "W"
    assert "run.note and run.stop both have S" in keymap.problems({"run.note": "S"})[0]
    assert keymap.problems({"run.note": "C"}) == [], "the list of runs has C, but is not there at the same time"


def test_the_file_to_start_from_changes_nothing_and_can_be_read() -> None:
    text = keymap.template()
    write_keys(text)
    assert keymap.read() == ({}, "")
    write_keys("\n".join(line.removeprefix("#") for line in text.splitlines() if line.startswith('#"')))
    given, trouble = keymap.read()
    assert trouble == ""
    assert set(given) == set(keymap.known())
    assert keymap.problems(given) == []


async def test_mistakes_in_the_settings_are_told_at_start(world: Path) -> None:
    write_settings(theme="dltui-drak", detials=True, open_folder=3, notify={"ntfi": "x"})
    async with opened(world, (120, 40)) as pilot:
        await seen(pilot, "dltui-dark", "detials is not known", "'details'", "open_folder = '3'", "'ntfy'")


def test_settings_that_are_right_are_not_told_of() -> None:
    write_settings(theme="dltui-light", notify={"webhook": "https://example.org/x"})
    assert Preferences.problems(["dltui-light"]) == []
    write_settings(notify={"webhook": "example.org/x"})
    assert "no URL" in Preferences.problems([])[0]


def test_the_program_writes_only_what_it_changes() -> None:
    path = preferences.settings_path()
    Preferences(theme="nord").save()
    content = {**json.loads(path.read_text()), "notify": {"ntfy": "x"}, "open_folder": "editor"}
    path.write_text(json.dumps(content))
    found = Preferences.load()
    assert found.open_folder == "editor"
    found.theme = "gruvbox"
    found.save()
    assert json.loads(path.read_text()) == {**content, "theme": "gruvbox"}
    path.write_text('{"notify": {"ntfy": "x"},}')
    broken = Preferences.load()
    assert "settings.json" in broken.problem
    broken.save()
    assert path.read_text() == '{"notify": {"ntfy": "x"},}', "what cannot be read is not written over"


# -- ends


def end(world: Path, run_id: str, state: str, **fields: object) -> None:
    paths = RunsFolder(world / "runs").paths(run_id)
    found = load_run(paths).state
    found.state = state
    for name, value in fields.items():
        setattr(found, name, value)
    write_state(paths, found)


async def test_a_run_that_ends_is_told_of_once_and_an_address_that_fails_too(world: Path, listener: Listener) -> None:
    set_up(webhook=listener.url, bell=True)
    for run_id in ("e0001", "e0002", "e0003"):
        end(world, run_id, "queued")
    async with opened(world) as pilot:
        bells: list[int] = []
        pilot.app.bell = lambda: bells.append(1)
        end(world, "e0002", "failed", cause="out of memory")
        pilot.app.look_again()
        await seen(pilot, "e0002", "failed", "out of memory")
        await until(pilot, lambda: len(listener.taken) == 1)
        assert listener.taken[0][1]["run"] == "e0002"
        listener.status = 500
        for run_id in ("e0001", "e0003"):
            end(world, run_id, "finished", cause=None)
        pilot.app.look_again()
        await until(pilot, lambda: len(listener.taken) == 3)
        await seen(pilot, "answered 500")
        await until(pilot, lambda: len(bells) == 2)
        assert screen_text(pilot).count("answered 500") == 1


def test_only_what_ends_while_somebody_looks_is_told(world: Path) -> None:
    ends = Ends()
    runs = RunsFolder(world / "runs")
    from engine.index import RunIndex

    end(world, "e0001", "queued")
    index = RunIndex(runs)
    index.refresh(full=True)
    assert ends.of(Snapshot(rows=tuple(index.rows()))) == [], "not looked at yet"
    assert ends.of(Snapshot(rows=tuple(index.rows()), verified=True)) == [], "ended before"
    end(world, "e0001", "stopped")
    index.refresh(full=True)
    assert [row.run for row in ends.of(Snapshot(rows=tuple(index.rows()), verified=True))] == ["e0001"]
    assert ends.of(Snapshot(rows=tuple(index.rows()), verified=True)) == []


# -- the palette


async def test_the_palette_is_quick_and_takes_slips(world: Path) -> None:
    from tui.commands import Everything

    async with opened(world) as pilot:
        app = pilot.app
        assert isinstance(app, DltuiApp)
        provider = Everything(app.screen)
        for query, wanted in (
            ("digits-mlp", "Launch digits-mlp"),
            ("dgtmlp", "Launch digits-mlp"),
            ("e0002", "Open e0002"),
        ):
            texts = [hit.text async for hit in provider.search(query)]
            assert any(str(text).startswith(wanted) for text in texts), (query, texts)


async def test_the_palette_finds_actions_by_what_they_do_and_says_their_keys(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "e0003")
        await press(pilot, "ctrl+p", *"clipboard")
        await seen(pilot, "Copy   y", "Copy id, command or folder")


async def test_markup_in_data_is_text_in_the_palette(world: Path) -> None:
    path = RunsFolder(world / "runs").paths("e0003").marks
    path.write_text(json.dumps({"name": "[/red] [bold]x", "tags": ["[link=x]y"]}))
    async with opened(world) as pilot:
        await until(pilot, lambda: any(row.name for row in pilot.app.snapshot.rows))
        await press(pilot, "ctrl+p", *"e0003")
        await seen(pilot, "[/red] [bold]x", "[link=x]y")
