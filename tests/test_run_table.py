"""The table of runs: columns, orders, groups, views, the filter line; and that live runs change it in place."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.ordering import Order
from engine.records import Marks, RunPaths, write_marks, write_state
from engine.runs import RunsFolder, load_run
from engine.saved_views import SavedViews
from engine.view import Column, View
from tests.run_world import live
from tests.tui_world import gone, make_world, opened, press, screen_text, seen, until
from tui.run_view import Heading
from tui.screens.run_columns import ColumnsScreen
from tui.screens.runs import RunsScreen
from tui.widgets.run_list import RunList


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path, 12)


def edit(world: Path, run: str, **settings: Any) -> None:
    """Change settings of a run."""
    path = world / "runs" / run / "run.json"
    content = json.loads(path.read_text())
    content["settings"] |= settings
    path.write_text(json.dumps(content))


def screen(pilot: Pilot[Any]) -> RunsScreen:
    found = next(s for s in pilot.app.screen_stack if isinstance(s, RunsScreen))
    assert isinstance(found, RunsScreen)
    return found


def runs(pilot: Pilot[Any]) -> RunList:
    return screen(pilot).listing


def titles(pilot: Pilot[Any]) -> list[str]:
    """The words of the line of titles."""
    return screen_text(pilot).splitlines()[2].strip("│ ").split()


# ------------------------------------------------------------------------------------------------------------- columns


async def test_a_column_is_found_by_typing_added_and_taken_out(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "C", *"optimizer.lr")
        await seen(pilot, "Columns · 8", "optimizer.lr")
        await press(pilot, "enter")
        await until(pilot, lambda: "lr" in titles(pilot))
        row = runs(pilot).items[0]
        assert f"{row.settings['optimizer.lr']:g}" in screen_text(pilot).splitlines()[3]
        await press(pilot, "enter")
        await until(pilot, lambda: "lr" not in titles(pilot))
        await press(pilot, "escape")
        assert screen(pilot).view.columns == (), "the usual ones again"


async def test_every_metric_and_setting_of_any_run_can_be_a_column(world: Path) -> None:
    edit(world, "e0003", model={"name": "mlp", "odd": {"deep": 7}})
    state = load_run(RunPaths(world / "runs/e0004")).state
    state.metrics["my/own score"] = 0.25
    write_state(RunPaths(world / "runs/e0004"), state)
    async with opened(world) as pilot:
        await press(pilot, "2", "C", *"odd")
        await seen(pilot, "model.odd.deep")
        await press(pilot, "enter", "ctrl+u", *"own", "enter", "escape")
        assert [column.key for column in screen(pilot).view.columns][-2:] == ["model.odd.deep", "my/own score"]
        await seen(pilot, "my/own score", "0.2500")


async def test_columns_are_put_in_order_and_resized(world: Path) -> None:
    async with opened(world, (160, 40)) as pilot:
        await press(pilot, "2", "C", *"val/accuracy:best", "enter", "tab", "K", "K", "plus", "plus")
        view = screen(pilot).view
        assert [column.key for column in view.columns][-3:] == ["val/accuracy:best", "device", "tags"]
        (width,) = [column.width for column in view.columns if column.key == "val/accuracy:best"]
        assert width is not None
        await press(pilot, *["minus"] * 6)
        narrower = next(column.width for column in screen(pilot).view.columns if column.key == "val/accuracy:best")
        assert narrower == width - 6
        await press(pilot, "0", "d")
        assert "val/accuracy:best" not in [column.key for column in screen(pilot).view.columns]
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, RunsScreen)


async def test_the_last_column_cannot_be_taken_out_and_the_usual_ones_come_back(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "C", "tab", *["d"] * 12)
        dialog = pilot.app.screen
        assert isinstance(dialog, ColumnsScreen)
        assert len(dialog.columns) == 1
        await press(pilot, "ctrl+r", "escape")
        assert "experiment" in titles(pilot)


async def test_names_take_no_more_than_they_need_so_that_tags_are_whole(world: Path) -> None:
    """Cells beyond the longest name are the tags'."""
    paths = RunPaths(world / "runs" / "e0012")
    write_marks(paths, Marks(tags=["baseline", "ablation", "rerun"], name=""))
    async with opened(world, size=(116, 30)) as pilot:
        await press(pilot, "2")
        await seen(pilot, "baseline ablation rerun")


async def test_ages_among_the_keys_are_told_as_in_the_list(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "C", *"age")
        await until(pilot, lambda: re.search(r"\d+ min, \d+ min", screen_text(pilot)))


async def test_while_runs_are_found_that_no_index_knew_the_list_says_that_there_may_be_more(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await seen(pilot, "Runs · 12 ")
        whole = pilot.app.snapshot
        screen(pilot).take_snapshot(msgspec.structs.replace(whole, rows=whole.rows[:5], verified=False))
        await gone(pilot, "so far")
        screen(pilot).take_snapshot(msgspec.structs.replace(whole, rows=whole.rows[:9], verified=False))
        await seen(pilot, "Runs · 9 so far, reading more")
        screen(pilot).take_snapshot(whole)
        await gone(pilot, "so far")


async def test_chosen_columns_are_found_again_and_stay_when_an_experiments_runs_are_asked_for(world: Path) -> None:
    async with opened(world, size=(160, 40)) as pilot:
        await press(pilot, "2", "C", *"optimizer.lr", "enter", "escape")
        await until(pilot, lambda: "lr" in titles(pilot))
    async with opened(world, size=(160, 40)) as pilot:
        await press(pilot, "r")  # before the list was ever shown
        await seen(pilot, "of digits-mlp")
        assert "lr" in titles(pilot)
        await press(pilot, "escape", "1", "j", "r")
        await seen(pilot, "of moons-mlp")
        assert "lr" in titles(pilot)
        await press(pilot, "C", "ctrl+r", "escape")
        await until(pilot, lambda: "lr" not in titles(pilot))
    (world / "runs/.dltui/columns.json").write_text('[{"key": 3}')
    async with opened(world, size=(160, 40)) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: titles(pilot)[:3] == ["run", "experiment", "state"])


async def test_columns_without_room_are_told_and_brought_in_sight(world: Path) -> None:
    async with opened(world, (80, 24)) as pilot:
        keys = ("optimizer.name", "optimizer.lr", "val/accuracy", "val/loss", "train/loss", "model.dropout", "seed")
        await press(pilot, "2")
        screen(pilot).show_view(View(columns=tuple(map(Column, keys))))
        await seen(pilot, "more columns", "> ")
        assert "seed" not in titles(pilot)
        await press(pilot, *["greater_than_sign"] * 6)
        await until(pilot, lambda: "seed" in titles(pilot))
        assert titles(pilot)[0] == "run", "what tells the runs apart stays"
        await press(pilot, *["less_than_sign"] * 9)
        await until(pilot, lambda: "name" in titles(pilot))


async def test_hostile_values_cannot_act_on_the_terminal(world: Path) -> None:
    edit(world, "e0012", model={"name": "x\x1b[31m\u202e[bold]", "evil\x9b key": "\x1b]0;t\x07"})
    async with opened(world) as pilot:
        view = View(columns=(Column("model.name"), Column("model.evil\x9b key")), groups=("model.name",))
        await press(pilot, "2")
        screen(pilot).show_view(view)
        text = await seen(pilot, "\\x1b[31m")
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)


# --------------------------------------------------------------------------------------------------- order and groups


async def test_several_orders_are_chosen_and_marked_with_rank_and_direction(world: Path) -> None:
    async with opened(world, (160, 40)) as pilot:
        await press(pilot, "2", "s", *"state", "space", "ctrl+u", *"best", "space", "enter")
        await seen(pilot, "by state ↑, best ↓", "state ↑1", "best ↓2")
        items = runs(pilot).items
        assert [item.state for item in items] == sorted(item.state for item in items)
        await press(pilot, "o")
        await seen(pilot, "state ↓1")
        await press(pilot, "s", *"age", "enter")
        await gone(pilot, "↓1", "↑1")


async def test_a_click_sorts_and_with_shift_sorts_further(world: Path) -> None:
    async with opened(world, (160, 40)) as pilot:
        await press(pilot, "2")
        title = screen_text(pilot).splitlines()[2]
        await pilot.click("#runs", offset=(title.index("state"), 1))
        await pilot.click("#runs", offset=(title.index("best"), 1), shift=True)
        await seen(pilot, "by state ↑, best ↓")
        assert screen(pilot).view.orders == (Order("state", False), Order("best"))


async def test_runs_are_gathered_folded_and_acted_on_as_a_group(world: Path) -> None:
    for number in range(1, 13):
        edit(world, f"e{number:04d}", optimizer={"name": "SGD" if number % 3 else "Adam", "lr": 0.1})
    async with opened(world) as pilot:
        await press(pilot, "2", "b", *"optimizer.na", "enter")
        await seen(pilot, "2 groups by optimizer.name", "optimizer.name SGD   8 runs", "optimizer.name Adam   4 runs")
        headings = [item for item in runs(pilot).items if isinstance(item, Heading)]
        figures = {heading.group.values[0]: heading.group.figure for heading in headings}
        values = [row.best for row in pilot.app.snapshot.rows if row.settings["optimizer.name"] == "SGD"]
        assert figures["SGD"] is not None
        assert figures["SGD"].mean == pytest.approx(sum(values) / len(values))
        assert f"{max(values):.4f}" in screen_text(pilot)
        await press(pilot, "z")
        assert len(runs(pilot).items) == 14 - len(headings[0].group.rows)
        await press(pilot, "Z")
        assert [type(item) for item in runs(pilot).items] == [Heading, Heading]
        await press(pilot, "home", "space")
        await seen(pilot, f"{len(headings[0].group.rows)} selected")
        await press(pilot, "escape", "home", "enter")
        assert len(runs(pilot).items) == 2 + len(headings[0].group.rows)
        await press(pilot, "b", "home", "enter")
        await until(pilot, lambda: len(runs(pilot).items) == 12)


# --------------------------------------------------------------------------------------------------------------- views


async def test_a_view_is_saved_left_and_come_back_to(world: Path) -> None:
    async with opened(world, (160, 40)) as pilot:
        await press(pilot, "2", "slash", *"best > 0.1", "enter", "s", *"best", "enter", "v", "s", *"good ones", "enter")
        await seen(pilot, "view good ones")
        assert "changed" not in screen_text(pilot)
        await press(pilot, "o")
        await seen(pilot, "view good ones, changed")
        await press(pilot, "v", "home", "enter")
        await until(pilot, lambda: screen(pilot).view == View())
        assert len(runs(pilot).items) == 12
        await press(pilot, "v", "down", "enter")
        await until(pilot, lambda: screen(pilot).view.filter == "best > 0.1")
        assert screen(pilot).view.orders == (Order("best"),)
        await press(pilot, "v", "d", "enter")
        await until(pilot, lambda: SavedViews(RunsFolder(world / "runs")).all() == {})


async def test_views_that_cannot_be_read_are_told_and_left_alone(world: Path) -> None:
    path = SavedViews(RunsFolder(world / "runs")).path
    path.write_text('{"format": 1, "views": 3}')
    async with opened(world) as pilot:
        await press(pilot, "2", "v")
        await seen(pilot, "saved views cannot be read", "left as it is")
        await press(pilot, "s", *"x", "enter")
        await seen(pilot, "Views")
    assert path.read_text() == '{"format": 1, "views": 3}'


# -------------------------------------------------------------------------------------------------------------- filter


async def test_the_filter_line_offers_and_takes_what_may_be_written(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "slash", *"optimizer.na")
        await seen(pilot, "▌optimizer.name")
        await press(pilot, "tab", *"== 'S")
        await until(pilot, lambda: "'SGD'" in screen_text(pilot) or "no run" in screen_text(pilot))
        await press(pilot, "tab", *"and sta", "down", "up", "tab")
        bar = screen(pilot).filter_bar()
        assert bar is not None
        assert bar.text == "optimizer.name == 'SGD' and state "
        await press(pilot, *"== finished", "enter")
        await until(pilot, lambda: {row.state for row in runs(pilot).items} <= {"finished"})
        assert {row.settings["optimizer.name"] for row in runs(pilot).items} <= {"SGD"}
        assert pilot.app.focused is runs(pilot)


async def test_what_is_offered_never_covers_the_line_it_is_offered_for(world: Path) -> None:
    """The line of the error comes below the filter, and the filter moves up by it."""
    async with opened(world) as pilot:
        await press(pilot, "2", "slash", *"age < 7x")
        await seen(pilot, "'7x' is not a span", "a span: 90s")
        await until(pilot, lambda: " / age < 7x" in stripped(pilot))
        assert "a span: 90s" in " ".join(stripped(pilot)[: stripped(pilot).index(" / age < 7x")])
        await press(pilot, *["backspace"] * 8, *"state == 'f")
        await seen(pilot, "'finished'", "no end")
        await until(pilot, lambda: " / state == 'f" in stripped(pilot))


def stripped(pilot: Pilot[Any]) -> list[str]:
    """The lines of the screen."""
    return [line.rstrip() for line in screen_text(pilot).splitlines()]


async def test_a_burst_of_keys_is_completed_as_it_was_typed(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        await pilot.press("slash", *"sta", "tab", *"== fi", "tab")
        bar = screen(pilot).filter_bar()
        assert bar is not None
        assert bar.text == "state == 'finished' "


async def test_an_error_stands_under_its_place_and_the_list_stays(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "slash", *"state == finished")
        await until(pilot, lambda: {row.state for row in runs(pilot).items} == {"finished"})
        shown = list(runs(pilot).items)
        await press(pilot, *" and val/acuracy > 0.5")
        await seen(pilot, "no run has 'val/acuracy'", "did you mean 'val/accuracy'")
        lines = screen_text(pilot).splitlines()
        typed = next(i for i, line in enumerate(lines) if line.startswith(" / state"))
        assert lines[typed + 1].index("^") == lines[typed].index("val/acuracy")
        assert list(runs(pilot).items) == shown, "what is being typed does not empty the list"
        await press(pilot, "enter")
        await seen(pilot, "No run fits")


async def test_a_value_that_no_run_can_have_is_told_and_a_dropped_filter_is_not(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2", "slash", *"age < 7x")
        await seen(pilot, "'7x' is not a span")
        await press(pilot, "enter")
        await until(
            pilot, lambda: not pilot.app.screen.filter_bar().query_one("#filter-error").has_class("-unfinished")
        )
        await press(pilot, "slash", "escape")
        await until(pilot, lambda: len(runs(pilot).items) == 12 and "'7x'" not in screen_text(pilot))
        assert "cannot be read" not in screen_text(pilot)
        await press(pilot, "slash", *"name ~ 'x", "escape", "question_mark")
        await seen(pilot, "Keys")
        assert "cannot be read" not in screen_text(pilot)


async def test_a_saved_filter_that_cannot_be_read_is_told(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "2")
        screen(pilot).show_view(View(filter="best > > 1"))
        await seen(pilot, "The filter cannot be read")
        assert len(runs(pilot).items) == 12


# ----------------------------------------------------------------------------------------------------------- live runs


def score(world: Path, run: str, value: float) -> None:
    """Another newest value of val/accuracy, of a run that trains."""
    paths = RunPaths(world / "runs" / run)
    state = load_run(paths).state
    state.metrics = {**state.metrics, "val/accuracy": value}
    state.step += 1
    write_state(paths, state)


async def test_live_rows_change_in_place_without_cursor_or_scroll_jumping(tmp_path: Path) -> None:
    world = make_world(tmp_path, 0)
    maker = Maker(world / "runs", 4)
    for number in range(1, 61):
        maker.make(number, time.time() - 600 * (61 - number), end="finished")
        score(world, f"e{number:04d}", number / 100)
    live(world / "runs/e0005", metrics={"val/accuracy": 0.05})
    async with opened(world, (120, 24)) as pilot:
        await press(pilot, "2", "s", *"val/accuracy", "enter")
        listing = runs(pilot)
        await press(pilot, "pagedown", "pagedown", "up", "up")
        run, line = listing.current.run, listing.cursor - round(listing.scroll_y)
        assert round(listing.scroll_y) > 0
        score(world, "e0005", 0.99)
        await until(pilot, lambda: listing.items[0].run == "e0005")
        assert listing.current.run == run
        assert listing.cursor - round(listing.scroll_y) == line, "it stands on the same line of the screen"
        listing.scroll_to(y=0, animate=False)  # as a wheel does: the cursor is out of sight
        await pilot.pause()
        score(world, "e0005", 0.03)
        await until(pilot, lambda: listing.items[0].run != "e0005")
        assert round(listing.scroll_y) == 0
        assert listing.current.run == run
        live(world / "runs/e0060", metrics={"val/accuracy": 0.6})
        await until(pilot, lambda: listing.items[0].state == "running")
        assert (round(listing.scroll_y), listing.current.run) == (0, run)


async def test_only_the_line_of_a_live_run_is_drawn_again(world: Path) -> None:
    live(world / "runs/e0010", metrics={"val/accuracy": 0.5})
    async with opened(world) as pilot:
        await press(pilot, "2")
        screen(pilot).show_view(View(columns=(Column("val/accuracy"), Column("state"))))
        await seen(pilot, "0.5000")
        listing = runs(pilot)
        drawn: list[Any] = []
        draw = listing.draw_item
        listing.draw_item = lambda item, *rest: drawn.append(item.run) or draw(item, *rest)  # type: ignore
        score(world, "e0010", 0.875)
        await seen(pilot, "0.8750")
        assert set(drawn) == {"e0010"}


async def test_the_group_of_the_cursor_is_told_where_its_heading_is_out_of_sight(world: Path) -> None:
    for number in range(1, 13):
        edit(world, f"e{number:04d}", optimizer={"name": "SGD"})
    async with opened(world, size=(100, 12)) as pilot:
        await press(pilot, "2", "b", *"optimizer.name", "enter")
        await seen(pilot, "1 group by optimizer.name")
        await press(pilot, "end")
        await seen(pilot, "in optimizer.name SGD")
        await press(pilot, "home")
        await gone(pilot, "in optimizer.name SGD")


async def test_a_run_of_two_tags_keeps_the_cursor_in_its_group(world: Path) -> None:
    live(world / "runs/e0002")
    for run, tags in (("e0001", ["a", "b"]), ("e0002", ["b"]), ("e0003", ["a"])):
        (world / "runs" / run / "marks.json").write_text(json.dumps({"tags": tags}))
    async with opened(world) as pilot:
        await press(pilot, "2")
        screen(pilot).show_view(View(groups=("tag",), orders=(Order("run", False),)))
        listing = runs(pilot)
        await until(pilot, lambda: isinstance(listing.items[0], Heading) and len(listing.items) == 16)
        second = [i for i, item in enumerate(listing.items) if not isinstance(item, Heading) and item.run == "e0001"][1]
        listing.move_to(second)
        score(world, "e0002", 0.5)
        await until(pilot, lambda: any(row.run == "e0002" and row.metrics for row in pilot.app.snapshot.rows))
        assert listing.cursor == second
        assert dataclasses.is_dataclass(listing.heading_of(second))
        assert listing.heading_of(second).identity == ("b",)
