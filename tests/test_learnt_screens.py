"""The screens of what was learnt, by their keys: matrix, samples, rows of the data, layers, the tree of the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.learnt_world import class_names, confusion, make_run, with_layers
from tests.run_world import opened
from tests.tui_world import TASKS, make_world, press, screen_text, seen, until
from tests.tui_world import opened as opened_world
from tui.messages import DataSummarised
from tui.pictures import kitty_delete
from tui.rows_reader import Question, Rows, RowsReader
from tui.screens.help import sections
from tui.screens.layers import LayersScreen
from tui.screens.matrix import MatrixScreen
from tui.screens.rows import RowsScreen
from tui.screens.samples import SamplesScreen
from tui.widgets.album import AREAS, GAP, tile_of
from tui.widgets.heat_pane import layer_name
from tui.widgets.image_view import ImageView

TABS = {"Data": "2", "Evaluation": "3", "Model": "5"}


@asynccontextmanager
async def shown(
    folder: Path, tab: str, *keys: str, size: tuple[int, int] = (120, 40), **made: Any
) -> AsyncIterator[Pilot[Any]]:
    """A run on a tab, after keys."""
    make_run(folder / "runs", time.time() - 600, **made)
    async with opened(folder / "runs", size=size) as (pilot, screen):
        await press(pilot, TABS[tab])
        await until(pilot, lambda: tab == screen.tab.TITLE and screen._wants == screen.tab.wants())
        if tab != "Model":
            await until(pilot, lambda: screen.snapshot.evaluation_key is not None)
        await press(pilot, *keys)
        yield pilot


async def matrix_of(pilot: Pilot[Any]) -> MatrixScreen:
    """The screen of the matrix, once it is drawn."""
    await until(pilot, lambda: isinstance(pilot.app.screen, MatrixScreen) and len(pilot.app.screen.matrix.shares))
    screen = pilot.app.screen
    assert isinstance(screen, MatrixScreen)
    return screen


# ------------------------------------------------------------------------------------------------------------- matrix


async def test_the_matrix_fits_a_hundred_classes_and_zooms_to_their_counts(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "m", classes=100) as pilot:
        screen = await matrix_of(pilot)
        pair = screen.pairs.current
        assert pair is not None
        assert screen.matrix.cursor == (pair.true, pair.predicted), "enter opens what is marked"
        await press(pilot, "home")
        view = screen.matrix.view
        rows, columns = screen.matrix._room(view)
        assert len(view.shares) <= rows
        assert len(view.shares) <= columns
        while screen.matrix.zoom.cell < 4:
            before = screen.matrix.zoom
            await press(pilot, "plus")
            assert screen.matrix.zoom != before
        count = confusion(100, 3)[4][5]
        await press(pilot, *["down"] * 4, *["right"] * 5)
        assert screen.matrix.cursor == (4, 5)
        assert f"{count:,} of {sum(confusion(100, 3)[4]):,}" in await seen(pilot, "taken for class 005")
        await press(pilot, "end")
        assert screen.matrix.cursor == (99, 99)
        assert "class 099" in screen_text(pilot)
        await press(pilot, "0")
        assert screen.matrix.zoom == view.zoom


async def test_the_matrix_is_scrubbed_over_epochs(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "m") as pilot:
        screen = await matrix_of(pilot)
        assert screen.snapshot.evaluation_key is not None
        assert screen.snapshot.evaluation_key.step == 3
        await press(pilot, "left_square_bracket", "left_square_bracket")
        await seen(pilot, "2 of 4", "epoch 1")
        assert screen.matrix.shares.counts.tolist() == confusion(10, 1)
        await press(pilot, "right_square_bracket", "right_square_bracket")
        await seen(pilot, "4 of 4")
        assert screen.chosen is None


async def test_pairs_lead_to_their_cell_and_its_samples(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "left_square_bracket", "left_square_bracket", "m") as pilot:
        screen = await matrix_of(pilot)
        await seen(pilot, "2 of 4")  # the evaluation that the tab showed
        await press(pilot, "p", "down")
        pair = screen.pairs.current
        assert pair is not None
        assert screen.matrix.cursor == (pair.true, pair.predicted)
        assert pair.count == sorted((row[(i + 1) % 10] for i, row in enumerate(confusion(10, 1))), reverse=True)[1]
        await press(pilot, "home", "o", "o")
        assert [p.true for p in screen.pairs.items] == sorted(p.true for p in screen.pairs.items)
        # class 000 is taken for 001: one of the samples that the evaluation kept is of class 1 for 0
        names = class_names(10)
        index = next(i for i, p in enumerate(screen.pairs.items) if (p.true, p.predicted) == (0, 1))
        screen.pairs.move_to(index)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesScreen))
        browser = pilot.app.screen.browser
        assert (browser.wanted.true, browser.wanted.predicted) == (names[0], names[1])
        await seen(pilot, "None of the 3 samples")
        await press(pilot, "escape")
        assert pilot.app.screen is screen


async def test_at_80_columns_the_pairs_take_the_matrix_place(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "m", size=(80, 24)) as pilot:
        screen = await matrix_of(pilot)
        assert not screen.pairs.display
        assert "tab pairs" in screen_text(pilot).splitlines()[-1]
        await press(pilot, "p")
        await seen(pilot, "taken for", "count")
        assert not screen.matrix.display
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: screen.matrix.display and screen.pairs.display)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen.pairs.display and not screen.matrix.display)
        await press(pilot, "p")
        assert screen.matrix.display
        assert screen.matrix.has_focus


async def test_a_damaged_evaluation_is_no_matrix(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "m") as pilot:
        screen = await matrix_of(pilot)
        (tmp_path / "runs/e0001/evaluation/val-00000002.json").write_text('{"confusion": [[1, 2]], "samples": 3}')
        await press(pilot, "left_square_bracket")
        await seen(pilot, "holds no confusion matrix")
        await press(pilot, "down", "plus", "p", "enter")
        assert pilot.app.screen is screen


# ------------------------------------------------------------------------------------------------------------ samples


async def test_samples_say_when_they_became_right(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "v") as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesScreen) and pilot.app.screen.browser.histories)
        screen = pilot.app.screen
        assert [sample.row for sample in screen.browser.listing.items] == [1, 0, 2]
        wrong = sum(sum(row) - row[at] for at, row in enumerate(confusion(10, 3)))
        await seen(pilot, f"1 of {wrong:,} mistakes were kept")
        await seen(pilot, "wrong at the end", "never changed")
        await press(pilot, "down")
        text = await seen(pilot, "right since epoch 2")
        assert "changed 1 time" in text
        assert "\x1b" not in text
        assert "\\x1b[31m[bold]evil[/]" in text


async def test_samples_are_filtered_by_typing_and_by_wrong(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "v") as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesScreen) and pilot.app.screen.browser.shown == 3)
        browser = pilot.app.screen.browser
        await press(pilot, "w")
        assert [sample.row for sample in browser.listing.items] == [1]
        await press(pilot, "w", "slash", *"true:000", "enter")
        assert [sample.row for sample in browser.listing.items] == [0]
        await press(pilot, "a")
        assert browser.shown == 3
        await press(pilot, "full_stop", "full_stop", "full_stop")
        assert [sample.row for sample in browser.listing.items] == [2]
        await press(pilot, "comma", "comma", "comma")
        assert browser.shown == 3
        await press(pilot, "slash", *"no such", "enter")
        await seen(pilot, "None of the 3 samples")


async def test_the_image_of_a_sample_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_IMAGES", "blocks")
    async with shown(tmp_path, "Evaluation", "v", images=True) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesScreen))
        view = pilot.app.screen.browser.image
        await until(pilot, lambda: view.picture is not None)
        assert view.picture.pixels[0][0] == (0, 255, 0)  # row 1, the wrong one, comes first
        assert "▀" in screen_text(pilot)
        await press(pilot, "down")
        await until(pilot, lambda: view.picture is not None and view.picture.pixels[0][0] == (255, 0, 0))
        columns = view.picture.columns
        await press(pilot, "i")
        await until(pilot, lambda: view.picture.columns > columns)
        (tmp_path / "runs/e0001/evaluation/inputs/val-000002.png").write_bytes(b"no image")
        await press(pilot, "down")
        await until(pilot, lambda: view.problem)


async def test_an_image_that_the_terminal_draws_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    terminal = SimpleNamespace(write=sent.append, flush=lambda: None)
    monkeypatch.setenv("DLTUI_IMAGES", "kitty")
    monkeypatch.setattr(ImageView, "_terminal", property(lambda view: terminal))
    async with shown(tmp_path, "Evaluation", "v", images=True) as pilot:
        await until(pilot, lambda: any("\x1b_Ga=T" in text for text in sent))
        assert sent[-1].startswith("\x1b7\x1b[")  # the cursor is kept
        assert sent[-1].endswith("\x1b8")
        sent.clear()
        await press(pilot, "question_mark")
        await until(pilot, lambda: kitty_delete() in sent)  # nothing may shine through what covers it
        assert not any("a=T" in text for text in sent)
        await press(pilot, "escape")
        await until(pilot, lambda: any("a=T" in text for text in sent))
        sent.clear()
        await press(pilot, "escape")
        await until(pilot, lambda: kitty_delete() in sent)


async def test_the_album_is_a_grid_of_small_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_IMAGES", "blocks")
    async with shown(tmp_path, "Evaluation", "v", images=True) as pilot:
        browser = pilot.app.screen.browser
        await until(pilot, lambda: browser.shown == 3)
        await press(pilot, "p")
        await until(pilot, lambda: len(browser.album._ready) == 3)
        text = screen_text(pilot)
        names = next(line for line in text.splitlines() if "class 000" in line)
        assert names.index("✗ class 000") < names.index("✓"), "beside each other, the mistakes first"
        assert "\x1b" not in text
        await press(pilot, "right", "right")
        assert browser.listing.current.row == browser.album.samples[2].row, "the list goes with the album"
        across = browser.album._across
        await press(pilot, "i")
        await until(pilot, lambda: browser.album._across < across)
        await press(pilot, "w")
        await until(pilot, lambda: [sample.right for sample in browser.album.samples] == [False])
        await press(pilot, "p")
        assert browser.listing.has_focus
        assert browser.shown == 1


async def test_without_images_there_is_no_album(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "v") as pilot:
        await until(pilot, lambda: pilot.app.screen.browser.shown == 3)
        await press(pilot, "p")
        assert not pilot.app.screen.browser.has_class("-album")
        assert "album" not in screen_text(pilot).splitlines()[-1]


@pytest.mark.parametrize(("size", "wide"), [((32, 32), 1), ((336, 28), 20), ((28, 336), 0.2), ((1, 1), 1)])
def test_pictures_of_an_album_fill_its_width_in_their_proportions(size: tuple[int, int], wide: float) -> None:
    for width in (20, 79, 119):
        columns, rows = tile_of(size, AREAS[1], width)
        across = max(1, width // (columns + GAP))
        assert 1 <= columns <= width
        assert rows >= 1
        assert across * (columns + GAP) > width - across * 2 - GAP or columns + GAP > width // 2
        assert columns / (2 * rows) >= min(1, wide) / 2, "not much higher than the image is"


async def test_the_help_begins_with_the_keys_of_what_is_in_use(tmp_path: Path) -> None:
    async with shown(tmp_path, "Data") as pilot:
        assert [section.title for section in sections(pilot.app.screen)][:2] == ["Data", "Run"]
        await press(pilot, "3", "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesScreen))
        assert [section.title for section in sections(pilot.app.screen)][:2] == ["Samples", "Moving"]


# --------------------------------------------------------------------------------------------------------------- rows


class Listing:
    """Stands for `engine data --samples`: 700 rows of each class, those of row 3 wrong."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Question] = []
        monkeypatch.setattr(RowsReader, "ask", lambda reader, question: self.ask(question))

    def ask(self, question: Question) -> Rows:
        self.asked.append(question)
        if question.split == "test":
            return Rows(question, error="there is no test split", hint="there is: train")
        label = question.label or "class 000"
        rows = range(question.start, min(700, question.start + 300))
        samples = [{"row": row, "true": label, "input": f"text {row}", **_answer(question, row)} for row in rows]
        if question.wrong:
            samples = [sample for sample in samples if sample["row"] == 3]
        return Rows(question, {"total": len(samples) if question.wrong else 700, "samples": samples})


def _answer(question: Question, row: int) -> dict[str, str]:
    return {} if question.step is None else {"predicted": "class 009" if row == 3 else "class 000"}


async def rows_of(pilot: Pilot[Any]) -> RowsScreen:
    """The screen of the rows, once some are there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, RowsScreen) and pilot.app.screen.browser.shown)
    screen = pilot.app.screen
    assert isinstance(screen, RowsScreen)
    return screen


async def test_rows_of_the_data_by_class_and_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(monkeypatch)
    async with shown(tmp_path, "Data", "v") as pilot:
        screen = await rows_of(pilot)
        await seen(pilot, "300 of 700", "text 0")
        await press(pilot, "end")
        await seen(pilot, "600 of 700")  # more are read as the cursor nears the end
        assert listing.asked[-1] == Question("train", None, 300)
        await press(pilot, "slash", *"class 003", "enter")
        await until(pilot, lambda: listing.asked[-1] == Question("train", "class 003", 0))
        await seen(pilot, "class 003")
        await press(pilot, "t")
        await until(pilot, lambda: screen.split == "validation" and listing.asked[-1].split == "validation")
        assert listing.asked[-1].step is None  # nothing of this run kept every answer
        await press(pilot, "slash", *"wrong", "enter")
        await seen(pilot, "no answers to this split were kept")


async def test_rows_of_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(monkeypatch)
    summary = TASKS["regression"]["data"]
    monkeypatch.setattr("tui.data_reader.DataReader.read", lambda self, store, name: DataSummarised(name, summary))
    async with opened_world(make_world(tmp_path, 0)) as pilot:
        await seen(pilot, "Quantities")
        await press(pilot, "v")
        screen = await rows_of(pilot)
        assert (screen.source.name, screen.source.splits) == ("digits-mlp", ("train", "test"))
        assert screen.source.cwd == tmp_path
        assert listing.asked == [Question("train")]
        await press(pilot, "t")
        await seen(pilot, "there is no test split. there is: train")


async def test_a_cell_of_the_matrix_leads_to_all_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(monkeypatch)
    async with shown(tmp_path, "Evaluation", "m", whole=True) as pilot:
        await matrix_of(pilot)
        await press(pilot, "home", "right", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RowsScreen))
        names = class_names(10)
        wanted = Question("validation", names[0], 0, 3, False, names[1])
        await until(pilot, lambda: listing.asked[0] == wanted)


async def test_wrong_rows_are_asked_for_where_answers_were_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = Listing(monkeypatch)
    async with shown(tmp_path, "Data", "v", whole=True) as pilot:
        screen = await rows_of(pilot)
        await press(pilot, "t", "w")
        await until(pilot, lambda: listing.asked[-1].wrong)
        await until(pilot, lambda: [sample.row for sample in screen.browser.listing.items] == [3])
        await seen(pilot, "answers of epoch 3")


async def test_rows_say_what_was_answered_to_them_at_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = Listing(monkeypatch)
    async with shown(tmp_path, "Data", "v", whole=True) as pilot:
        await rows_of(pilot)
        assert "over the epochs" not in screen_text(pilot), "nothing was answered to the train split"
        await press(pilot, "t")
        text = await seen(pilot, "over the epochs", "right since epoch 2", "changed 1 time")
        line = next(line for line in text.splitlines() if " text 0 " in line)
        assert "▁▁██" in line
        await press(pilot, "down", "down", "left_square_bracket")
        await seen(pilot, "answers of epoch 2")
        await until(pilot, lambda: listing.asked[-1].step == 2)
        browser = pilot.app.screen.browser
        await until(pilot, lambda: browser.listing.current is not None and browser.listing.current.row == 2)
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: listing.asked[-1].step == 3)


async def test_another_split_comes_with_its_own_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(monkeypatch)
    paths = make_run(tmp_path / "runs", time.time() - 600, whole=True)
    content = (paths.evaluation / "val-00000002.json").read_text().replace('"validation"', '"train"')
    (paths.evaluation / "train_split-00000002.json").write_text(content)
    async with opened(tmp_path / "runs") as (pilot, screen):
        await press(pilot, "3")
        await until(pilot, lambda: screen.snapshot.evaluation_key is not None)
        await press(pilot, "2", "v")
        await rows_of(pilot)
        await press(pilot, "t")
        await until(pilot, lambda: listing.asked[-1].split == "validation" and listing.asked[-1].step == 3)
        await press(pilot, "t")
        await until(pilot, lambda: listing.asked[-1].split == "train" and listing.asked[-1].step == 2)


async def test_words_that_nothing_holds_are_not_looked_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = Listing(monkeypatch)
    original = listing.ask

    def endless(question: Question) -> Rows:
        rows = original(question)
        return Rows(question, {**rows.content, "total": 10**6, "samples": rows.content["samples"] or [{"row": 1}]})

    listing.ask = endless  # type: ignore[method-assign]
    async with shown(tmp_path, "Data", "v") as pilot:
        screen = await rows_of(pilot)
        await press(pilot, "slash", *"xyz", "enter")
        await until(pilot, lambda: screen._question is None)
        await asyncio.sleep(0)
        assert len(listing.asked) <= 3 * 5 + 1  # at most a few pages for each letter


async def test_data_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Listing(monkeypatch)
    monkeypatch.setattr(RowsReader, "ask", lambda reader, question: Rows(question, error="the file is damaged"))
    async with shown(tmp_path, "Data", "v") as pilot:
        await seen(pilot, "the file is damaged.")


# -------------------------------------------------------------------------------------------------- data and the model


async def test_the_classes_beside_their_scores_in_other_orders(tmp_path: Path) -> None:
    async with shown(tmp_path, "Data") as pilot:
        text = await seen(pilot, "recall", "imbalance ratio 10.0", "recall and F1 on validation, epoch 3")
        lines = [line for line in text.splitlines() if line.strip().startswith("class 0")]
        assert lines[0].strip().startswith("class 009")
        assert lines[0].rstrip().endswith(f"{confusion(10, 3)[9][9] / 100:.3f}   0.500")
        length = lines[-1].count("█")
        await press(pilot, "o")
        text = await seen(pilot, "in the order of the classes")
        assert next(x for x in text.splitlines() if x.strip().startswith("class 0")).strip().startswith("class 000")
        await press(pilot, "L")
        text = await seen(pilot, "logarithmic")
        assert next(x for x in text.splitlines() if x.strip().startswith("class 000")).count("█") > length
        await press(pilot, "o")
        text = await seen(pilot, "the lowest F1 first")
        assert next(x for x in text.splitlines() if x.strip().startswith("class 0")).strip().startswith("class 004")
        await press(pilot, "o")
        await seen(pilot, "most frequent first")


async def test_what_the_bars_are_is_said_whole_in_a_narrow_terminal(tmp_path: Path) -> None:
    async with shown(tmp_path, "Data", "o", "L", size=(80, 24)) as pilot:
        text = " ".join((await seen(pilot, "logarithmic")).split())
        assert "in the order of the classes; logarithmic; recall and F1 on validation, epoch 3" in text


async def test_the_weakest_classes_come_first_beside_the_matrix(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", classes=100) as pilot:
        scores = pilot.app.screen.tab.scores
        await until(pilot, lambda: "class 000" in str(scores._lines[2]))
        await press(pilot, "o")
        await until(pilot, lambda: "class 004" in str(scores._lines[2]))
        await press(pilot, "o")
        await until(pilot, lambda: "class 000" in str(scores._lines[2]))


async def test_the_scores_are_those_of_the_evaluation_that_was_chosen(tmp_path: Path) -> None:
    async with shown(tmp_path, "Evaluation", "left_square_bracket", "left_square_bracket") as pilot:
        await seen(pilot, "2 of 4")
        await press(pilot, "2")
        await seen(pilot, "recall and F1 on validation, epoch 1")


async def test_the_tree_folds_and_is_searched(tmp_path: Path) -> None:
    async with shown(tmp_path, "Model") as pilot:
        text = await seen(pilot, "body", "shortcut", "83.0 %")
        assert "\x1b" not in text
        tree = pilot.app.screen.tab.tree_list
        paths = [node.path for node in tree.items]
        tree.move_to(paths.index("body"))
        await press(pilot, "enter")
        assert [node.path for node in tree.items if node.path.startswith("body")] == ["body"]
        assert tree.current.path == "body"
        await press(pilot, "enter")
        assert [node.path for node in tree.items] == paths
        await press(pilot, "minus")
        assert {node.depth for node in tree.items} == {0}
        await press(pilot, "slash", *"shortcut", "enter")
        assert [node.path for node in tree.items] == ["body", "body.0", "body.0.shortcut", "body.0.shortcut.conv"]
        await press(pilot, "slash", "escape", "plus")
        assert [node.path for node in tree.items] == paths


async def test_gradients_of_each_layer_over_the_steps(tmp_path: Path) -> None:
    async with shown(tmp_path, "Model", "v") as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, LayersScreen) and pilot.app.screen.pane.marked)
        screen = pilot.app.screen
        assert screen.pane.marked == ("stem.conv Conv2d", 290, 290, 10.0 / 30)
        below = screen_text(pilot).splitlines()[4]
        assert below.split() == ["step", "0", "290"], "below the three layers"
        await press(pilot, *["left"] * 9)
        assert screen_text(pilot).splitlines()[4].split() == ["step", "0", "↑", "290"]
        await press(pilot, "home", "down")
        assert screen.pane.marked == ("body.0.conv Conv2d", 0, 0, 1.0)
        await seen(pilot, "gradient norm", "body.0.conv")
        await press(pilot, "u")
        await seen(pilot, "update ratio", "divided by that of the weights")
        await press(pilot, "end", "up")
        assert screen.pane.marked[3] == 1e-3
        await press(pilot, "escape")
        assert pilot.app.screen.tab.TITLE == "Model"


def test_a_long_name_of_a_layer_keeps_its_end() -> None:
    assert layer_name("features.convolutions.0 Conv2d", 30) == "features.convolutions.0 Conv2d"
    assert layer_name("features.convolutions.0 Conv2d", 26) == "features.convolutions.0 C…"
    assert layer_name("features.convolutions.0 Conv2d", 12) == "…volutions.0"
    assert layer_name("features.電車.weight", 10) == "…車.weight"


async def test_more_records_than_columns_keep_their_steps(tmp_path: Path) -> None:
    paths = make_run(tmp_path / "runs", time.time() - 600)
    with_layers(paths, 3000)
    async with opened(tmp_path / "runs") as (pilot, screen):
        await press(pilot, "5")
        await until(pilot, lambda: screen.tab.TITLE == "Model")
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, LayersScreen) and pilot.app.screen.pane.marked)
        _, first, last, _ = pilot.app.screen.pane.marked
        assert last == 29990
        assert first < last


async def test_a_run_without_layers_says_so(tmp_path: Path) -> None:
    async with shown(tmp_path, "Model") as pilot:
        for path in (tmp_path / "runs/e0001/series/layers").iterdir():
            path.unlink()
        await press(pilot, "v")
        await seen(pilot, "has measured no layers")
        await press(pilot, "down", "left", "end", "u")
        await seen(pilot, "has measured no layers")
