"""The screens around a run: experiments, runs, devices, help, palette; with real folders and files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.binding import Binding
from textual.widgets import Input

from engine.records import Marks, write_marks
from engine.runs import RunsFolder
from tests.helpers import ROOT
from tests.shell_world import box, no_real_reading, world
from tests.tui_world import EXPERIMENTS, gone, make_app, make_world, opened, screen_text, seen, until
from tui import theme
from tui.preferences import Preferences
from tui.screens.confirm import ConfirmScreen
from tui.screens.experiments import ExperimentsScreen
from tui.screens.help import HelpScreen, sections
from tui.screens.launch import LaunchScreen
from tui.screens.run_order import SortScreen
from tui.screens.runs import RunsScreen
from tui.widgets.footer import Footer, choose_hints, hints
from tui.widgets.line_list import LineList

__all__ = ["box", "no_real_reading", "world"]


async def test_the_first_screen_shows_experiments_their_runs_and_details(world: Path) -> None:
    async with opened(world) as pilot:
        text = await seen(
            pilot, "digits-mlp", "digits-sgd", "Handwritten digits", "Does it work at all?", "quick · cpu"
        )
        rows = [row for row in pilot.app.snapshot.rows if row.experiment == "digits-mlp"]
        line = next(line for line in text.splitlines() if "digits-mlp" in line and "digits " in line)
        assert str(len(rows)) in line
        assert f"{max(row.best for row in rows):.4f}" in line
        await pilot.press("end")
        await seen(pilot, "extends digits-mlp", "SGD", "momentum 0.9")


async def test_the_classes_of_the_data_are_read_in_the_background(world: Path) -> None:
    async with opened(world) as pilot:
        await seen(
            pilot,
            "Classes",
            "train 90 · test 10",
            "train file of 100: three 65 (65.0 %)",
            "always answering three scores 65.0 %",
        )


async def test_data_that_cannot_be_read_says_why_and_what_to_do(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "engine: names_train.csv is missing\nhint: put it there\n"
    code = f"import sys; sys.stderr.write({said!r}); sys.exit(1)"
    monkeypatch.setattr("tui.data_reader.engine_command", lambda *words: [sys.executable, "-S", "-c", code])
    async with opened(world) as pilot:
        await seen(pilot, "names_train.csv is missing", "put it there")


async def test_typing_after_a_slash_filters(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("slash", *"moo")
        await seen(pilot, "Experiments · 1 of 3", "moons-mlp")
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, LineList)
        await pilot.press("escape")
        await seen(pilot, "Experiments · 3")
        await pilot.press("slash", *"zzz")
        await seen(pilot, "No experiment holds zzz", "esc shows all")


async def test_a_change_of_the_file_shows_by_itself(world: Path) -> None:
    async with opened(world) as pilot:
        (world / "experiments.toml").write_text(EXPERIMENTS + '\n[experiments.brand-new]\nextends = "moons-mlp"\n')
        await seen(pilot, "brand-new", "Experiments · 4")


async def test_a_broken_experiment_is_shown_in_place_and_the_rest_works(world: Path) -> None:
    broken = EXPERIMENTS.replace('description = "Two moons"', 'optimizer = { name = "Adam", lrr = 1 }')
    (world / "experiments.toml").write_text(broken)
    async with opened(world) as pilot:
        await seen(pilot, "1 problem in experiments.toml", "lrr", "line 11", "e edits it")
        await until(pilot, lambda: pilot.app.focused is not None)
        await pilot.press("down", "enter")
        await seen(pilot, "Cannot be launched")
        assert isinstance(pilot.app.screen, ExperimentsScreen)
        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))


async def test_a_file_that_is_no_toml_says_where(world: Path) -> None:
    (world / "experiments.toml").write_text("[experiments.x\n")
    async with opened(world) as pilot:
        await seen(pilot, "experiments.toml cannot be read", "e edits it")
        (world / "experiments.toml").write_text(EXPERIMENTS)
        await seen(pilot, "digits-mlp", "Experiments · 3")


async def test_at_80_columns_the_details_fold_under_space(world: Path) -> None:
    async with opened(world, (80, 24)) as pilot:
        await gone(pilot, "Does it work at all?")
        await pilot.press("space")
        await seen(pilot, "Does it work at all?")
        await pilot.press("space")
        await gone(pilot, "Does it work at all?")


async def test_the_runs_of_an_experiment_are_a_key_away(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("r")
        await seen(pilot, "of digits-mlp")
        assert isinstance(pilot.app.screen, RunsScreen)
        assert {row.experiment for row in pilot.app.screen.listing.items} == {"digits-mlp"}
        await pilot.press("escape")
        await seen(pilot, "Runs · 12")


async def test_editing_the_packaged_file_copies_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path, 1)
    (world / "experiments.toml").unlink()
    seen_by_editor = world / "seen"
    editor = world / "editor.sh"
    editor.write_text(f'#!/bin/sh\necho "$@" > {seen_by_editor}\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    async with opened(world) as pilot:
        from contextlib import nullcontext

        monkeypatch.setattr(pilot.app, "suspend", nullcontext)
        await pilot.press("e")
        await until(pilot, seen_by_editor.exists)
        assert (world / "experiments.toml").is_file()
        await seen(pilot, "copied to experiments.toml")


# ----------------------------------------------------------------------------------------------------------------- runs


async def test_runs_stand_newest_first_and_open(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2")
        text = await seen(pilot, "Runs · 12", "e0012", "e0001")
        assert text.index("e0012") < text.index("e0011") < text.index("e0001")
        await pilot.press("enter")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "RunScreen")
        await pilot.press("escape")
        await seen(pilot, "Runs · 12")


async def test_an_empty_folder_says_what_to_do_next(tmp_path: Path) -> None:
    async with opened(make_world(tmp_path, 0)) as pilot:
        await pilot.press("2")
        await seen(pilot, "No runs yet", "launches one")


async def test_the_filter_takes_words_and_queries_and_tells_of_mistakes(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2", "slash")
        bar = pilot.app.screen.filter_bar()
        field = bar.query_one(Input)
        field.value = "state == finished and best > 0.1"
        await until(pilot, lambda: {row.state for row in pilot.app.screen.listing.items} == {"finished"})
        field.value = "best > > 3"
        await seen(pilot, "^ column 8")
        field.value = "digits"
        await until(pilot, lambda: {row.experiment for row in pilot.app.screen.listing.items} == {"digits-mlp"})
        await gone(pilot, "^ column")
        field.value = "nosuchword"
        await seen(pilot, "No run fits nosuchword", "esc shows all")
        await pilot.press("escape")
        await seen(pilot, "Runs · 12")


async def test_sorting_by_choice_turns_round_and_by_a_click(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2", "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SortScreen))
        await pilot.press("b", "enter")
        await seen(pilot, "by best")
        runs = pilot.app.screen.listing
        values = [row.best for row in runs.items]
        assert values == sorted(values, reverse=True)
        assert runs.cursor == 0, "one sorts to see what comes first"
        await pilot.press("j", "j", "j")
        await pilot.press("o")
        await until(pilot, lambda: [row.best for row in runs.items] == sorted(values))
        assert runs.cursor == 0
        title = screen_text(pilot).splitlines()[2]
        await pilot.click("#runs", offset=(title.index("experiment"), 1))
        await seen(pilot, "by experiment")


async def test_marks_are_made_from_the_list(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    write_marks(runs.paths("e0012"), Marks())
    async with opened(world) as pilot:
        await pilot.press("2", "asterisk")
        await until(pilot, lambda: runs.find("e0012").marks.star)
        await pilot.press("m", "t", *"paper", "enter")
        await until(pilot, lambda: runs.find("e0012").marks.tags == ["paper"])
        await seen(pilot, "★", "paper")
        await pilot.press("m", "n", *"the one", "enter")
        await until(pilot, lambda: runs.find("e0012").marks.name == "the one")
        await seen(pilot, "the one")
        await pilot.press("m", "a")
        await seen(pilot, "Runs · 11", "1 archived")


async def test_one_run_goes_to_the_trash_at_once_several_after_asking(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    for run_id in runs.ids():
        write_marks(runs.paths(run_id), Marks(star=run_id == "e0010"))
    async with opened(world) as pilot:
        await pilot.press("2", "d")
        await seen(pilot, "e0012 in the trash", "Runs · 11")
        await pilot.press("u")
        await seen(pilot, "Runs · 12")
        assert "e0012" in runs.ids()
        await pilot.press("home", "space", "space", "space", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await seen(pilot, "Move 3 runs", "1 starred will stay")
        await pilot.press("n")
        assert len(runs.ids()) == 12
        await pilot.press("d", "y")
        await until(pilot, lambda: len(runs.ids()) == 10)
        assert "e0010" in runs.ids()  # starred
        await seen(pilot, "e0010 is starred")


async def test_rows_follow_the_folders_and_the_cursor_stays_on_its_run(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2", "down", "down")
        runs = pilot.app.screen.listing
        chosen = runs.current.run
        path = world / "runs" / "e0012" / "state.json"
        state = json.loads(path.read_bytes())
        path.write_text(
            json.dumps(
                state | {"state": "failed", "best": {"monitor": "val/accuracy", "mode": "max", "value": 0.12345}}
            )
        )
        pilot.app.look_again()
        await seen(pilot, "0.1235")
        make_world(world / "more", 1)
        (world / "more/runs/e0001").rename(world / "runs/e0013")
        await seen(pilot, "e0013", "Runs · 13")
        assert runs.current.run == chosen


async def test_a_thousand_rows_draw_no_more_than_what_is_in_sight(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(world) as pilot:
        await pilot.press("2")
        runs = pilot.app.screen.listing
        rows = [row for row in pilot.app.snapshot.rows for _ in range(900)]
        drawn = 0
        draw = type(runs).draw_item

        def counted(self: Any, *arguments: Any) -> Any:
            nonlocal drawn
            drawn += 1
            return draw(self, *arguments)

        monkeypatch.setattr(type(runs), "draw_item", counted)
        runs.set_items(rows, 0)
        await pilot.press("end", "home", *["down"] * 5)
        await pilot.pause()
        assert drawn < 200
        drawn = 0
        await pilot.press("down")
        await pilot.pause()
        assert drawn <= 2


# ----------------------------------------------------------------------------------------------- devices, help, palette


async def test_devices_show_load_memory_heat_and_owners(world: Path, box: None) -> None:
    async with opened(world) as pilot:
        await pilot.press("3")
        await seen(
            pilot, "gpu0", "87 %", "61.0 GB of 141 GB", "64", "510 W", "8121", "mira", "e0042", "gpu1", "16 cores"
        )
        text = await seen(pilot, "gpu1 free")  # the header
        assert "87 %" in text.splitlines()[0]


async def test_help_is_made_of_the_bindings(world: Path) -> None:
    async with opened(world, (120, 60)) as pilot:
        expected = sections(pilot.app.screen)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        text = screen_text(pilot)
        assert {"Experiments", "Moving", "Everywhere"} == {section.title for section in expected}
        for section in expected:
            for _, words in section.entries:
                assert words[:40] in text


def test_every_binding_has_an_id_a_description_and_a_tooltip() -> None:
    from tui.app import DltuiApp
    from tui.screens import confirm, devices, experiments, help, launch, runs
    from tui.widgets import filter_bar, line_list, lines_pane

    modules = (confirm, devices, experiments, help, launch, runs, filter_bar, line_list, lines_pane)
    values = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    classes = [DltuiApp, *(kind for kind in values if kind.__module__ in {module.__name__ for module in modules})]
    ids: dict[str, Binding] = {}
    for kind in dict.fromkeys(classes):
        for binding in vars(kind).get("BINDINGS", ()):
            assert isinstance(binding, Binding)
            assert binding.id, binding
            assert binding.description, binding
            assert binding.tooltip, binding
            assert binding.id not in ids
            ids[binding.id] = binding


async def test_the_palette_finds_actions_experiments_and_runs(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("ctrl+p")
        await seen(pilot, "Choose device and settings, then launch")
        await pilot.press(*"launch digits-sgd")
        await seen(pilot, "Launch digits-sgd")
        await pilot.press("escape", "ctrl+p", *"e0007")
        await seen(pilot, "Open e0007")
        await pilot.press("down", "enter")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "RunScreen")


async def test_the_theme_is_remembered(world: Path) -> None:
    async with opened(world) as pilot:
        assert pilot.app.theme == theme.DARK
        await pilot.press("ctrl+t")
        assert pilot.app.theme == theme.LIGHT
    assert Preferences.load().theme == theme.LIGHT
    assert make_app(world).theme == theme.LIGHT


async def test_the_mouse_chooses_and_opens(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2")
        runs = pilot.app.screen.listing
        await pilot.click("#runs", offset=(10, 5))
        assert runs.cursor == 3
        await pilot.click("#runs", offset=(10, 5), times=2)
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "RunScreen")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await pilot.click("Header", offset=(12, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, ExperimentsScreen))


async def test_the_footer_is_one_line_and_drops_what_does_not_fit(world: Path) -> None:
    async with opened(world, (80, 24)) as pilot:
        for key in ("1", "2", "3"):
            await pilot.press(key)
            await pilot.pause()
            footer = pilot.app.screen.query_one(Footer)
            assert footer.size.height == 1
            last = screen_text(pilot).splitlines()[-1]
            assert last.endswith("? help   ^p commands")
            left, right = hints(pilot.app.screen)
            kept, kept_right = choose_hints(left, right, 80)
            assert kept == left[: len(kept)]
            assert all(f"{hint.key} {hint.label}" in last for hint in (*kept, *kept_right))


async def test_at_80_columns_no_number_is_cut(world: Path) -> None:
    async with opened(world, (80, 24)) as pilot:
        await pilot.press("2")
        text = await seen(pilot, "e0012")
        for row in pilot.app.snapshot.rows:
            line = next(line for line in text.splitlines() if row.run in line)
            assert f"{row.best:.4f}" in line
            if "test/accuracy" in row.metrics:
                assert f"{row.metrics['test/accuracy']:.4f}" in line


# ---------------------------------------------------------------------------------------------------- text from outside

hostile = st.text(st.characters(codec="utf-8"), min_size=0, max_size=40) | st.sampled_from(
    [
        "\x1b]0;pwned\x07",
        "[bold",
        "[/]",
        "[@click=app.quit]x[/]",
        "\u202eabc",
        "a\x00b",
        "漢字" * 30,
        "\x9b31m",
        "{x}",
        "$(rm)",
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=hostile, description=hostile, tag=hostile, note=hostile)
async def test_text_from_files_never_acts_on_the_screen(
    tmp_path_factory: pytest.TempPathFactory, name: str, description: str, tag: str, note: str
) -> None:
    from engine.jsonio import read_json, write_json

    quoted = {
        key: json.dumps(value).replace("\x7f", "\\u007f")
        for key, value in {"n": name or "x", "d": description, "t": tag}.items()
    }
    extra = (
        f"\n[experiments.{quoted['n']}]\ndescription = {quoted['d']}\ntags = [{quoted['t']}]\nextends = 'moons-mlp'\n"
    )
    world = make_world(tmp_path_factory.mktemp("hostile"), 2, EXPERIMENTS + extra)
    path = world / "runs/e0002/run.json"
    write_json(path, read_json(path) | {"experiment": name, "note": note})
    write_marks(RunsFolder(world / "runs").paths("e0002"), Marks(name=description, tags=[tag, note]))
    async with opened(world) as pilot:
        for keys in (
            (),
            ("end",),
            ("enter",),
            ("escape", "2"),
            ("m",),
            ("escape", "slash", "x", "escape"),
            ("ctrl+p", "e"),
        ):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            text = screen_text(pilot)
            assert all(
                char == "\n" or (char.isprintable() or char == "\u3000" or ord(char) >= 0xA0) for char in text
            ), repr(text)
            assert not any(char in text for char in "\x1b\x00\x07\x9b\u202e")
            assert pilot.app.is_running


# ------------------------------------------------------------------------------------------------------------- start-up


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys, tui.main, tui.app, tui.store, tui.screens.experiments, tui.screens.runs;"
        "from pathlib import Path;"
        "tui.store.Store(Path('nowhere')).load();"
        "heavy = {'torch', 'torchvision', 'sklearn', 'numpy', 'pandas', 'optuna', 'matplotlib', 'psutil', 'pynvml',"
        " 'tomlkit', 'click', 'plotext', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
