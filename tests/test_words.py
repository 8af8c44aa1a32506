"""People's own words: saved whole, never over someone else's, edited in place in the Notes tab."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunError
from engine.words import SECTIONS, read_words, save_words, template, writing_place
from tests.run_world import opened, runs  # noqa: F401
from tests.tui_world import press, screen_text, seen, until
from tui.widgets.words_pane import WordsPane

ROOT = os.geteuid() == 0


def test_a_text_is_saved_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    first = save_words(read_words(path), "one\n")
    assert first.beside is None
    path.chmod(0o664)
    second = save_words(first.words, "two\n")
    assert (path.read_text(), second.words.text) == ("two\n", "two\n")
    assert path.stat().st_mode & 0o777 == 0o664
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.md"]


def test_what_someone_else_wrote_meanwhile_stays_and_so_does_the_text(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("begun\n")
    mine = read_words(path)
    path.write_text("theirs\n")
    saved = save_words(mine, "mine\n")
    assert path.read_text() == "theirs\n"
    assert saved.beside is not None
    assert saved.beside.read_text() == "mine\n"
    assert saved.words.text == "theirs\n"
    again = save_words(mine, "mine too\n")
    assert again.beside not in (None, saved.beside)


def test_both_having_written_the_same_is_no_conflict(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    before = read_words(path)
    path.write_text("the same\n")
    assert save_words(before, "the same\n").beside is None


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("one\n")
    before = read_words(path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RunError):
            save_words(before, "two\n")
    finally:
        tmp_path.chmod(0o755)
    assert path.read_text() == "one\n"


def test_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "notes.md"
    with pytest.raises(RunError, match="cannot be saved"):
        save_words(read_words(path), "two\n")


@pytest.mark.parametrize(
    ("content", "editable"),
    [(b"plain \xc3\xa9\n\ttabs\n", True), (b"a\r\nb\r\n", True), (b"\xff\xfe", False), (b"\x1b[31m", False),
     ("a\u202eb".encode(), False), (b"one\rtwo", False), (b"x" * (1 << 20) + b"y", False)],
)  # fmt: skip
def test_what_a_text_field_would_change_or_act_on_is_not_edited_in_it(
    tmp_path: Path, content: bytes, editable: bool
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(content)
    assert (read_words(path).uneditable == "") is editable


# ------------------------------------------------------------------------------------------------------ in the program


async def notes(pilot: Any, screen: Any) -> WordsPane:
    """The Notes tab, open."""
    await press(pilot, "8")
    await until(pilot, lambda: screen.tab is not None and screen.tab.NAME == "notes" and screen.query(WordsPane))
    await pilot.pause()
    return screen.query_one(WordsPane)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("text", "place"),
    [("", (0, 0)), ("old\n", (1, 0)), ("old", (0, 3)), (template("x"), (4, 0)), (template("x", "why"), (8, 0)),
     ("# x\n\n## Results\n## Interpretation\nwords\n", (5, 0)), ("## Results\n\n## More\n", (1, 0))],
)  # fmt: skip
def test_one_goes_on_writing_where_nothing_is_written_yet(text: str, place: tuple[int, int]) -> None:
    assert writing_place(text) == place


async def test_notes_are_begun_from_the_template_and_saved_on_leaving(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.unlink(missing_ok=True)
    async with opened(runs) as (pilot, screen):
        pane = await notes(pilot, screen)
        await seen(pilot, "There are no notes yet")
        await press(pilot, "e")
        await seen(pilot, *SECTIONS)
        await press(pilot, "escape")
        assert not pane.editing
        assert not path.exists(), "nothing was written"
        await press(pilot, "e", *"8q[1", "escape")
        await until(pilot, path.exists)
        assert path.read_text() == template("e0001 · digits-mlp", "8q[1")
        await seen(pilot, "8q[1")
        assert screen.is_current


async def test_ctrl_s_saves_and_goes_on(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text("old\n")
    async with opened(runs) as (pilot, screen):
        pane = await notes(pilot, screen)
        await press(pilot, "e", "a", "ctrl+s")
        await until(pilot, lambda: path.read_text() == "old\na")
        assert pane.editing
        await press(pilot, "b", "escape")
        await until(pilot, lambda: path.read_text() == "old\nab")
        assert sorted(p.name for p in path.parent.glob("notes*")) == ["notes.md"]


async def test_another_tab_saves(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text("old\n")
    async with opened(runs) as (pilot, screen):
        await notes(pilot, screen)
        await press(pilot, "e", "x")
        await screen.show_tab(0)
        await until(pilot, lambda: path.read_text() == "old\nx")


async def test_quitting_saves(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text("old\n")
    async with opened(runs) as (pilot, screen):
        await notes(pilot, screen)
        await press(pilot, "e", "x", "ctrl+q")
    await asyncio.sleep(0)
    assert path.read_text() == "old\nx"


async def test_a_change_by_someone_else_is_told_and_both_are_kept(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text("old\n")
    async with opened(runs) as (pilot, screen):
        await notes(pilot, screen)
        await press(pilot, "e", *"mine")
        path.write_text("theirs\n")
        screen.look_again()
        await seen(pilot, "changed by someone else meanwhile")
        await press(pilot, "escape")
        await seen(pilot, "both are kept")
        await seen(pilot, "theirs")
    assert path.read_text() == "theirs\n"
    (beside,) = path.parent.glob("notes-*.md")
    assert beside.read_text() == "old\nmine"


async def test_what_cannot_be_saved_goes_back_into_the_field(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text("old\n")
    async with opened(runs) as (pilot, screen):
        pane = await notes(pilot, screen)
        await press(pilot, "e", *"mine")
        with monkeypatch.context() as broken:
            broken.setattr("engine.words.os.fsync", _no_space)
            await press(pilot, "escape")
            said = pilot.app._notifications
            await until(pilot, lambda: pane.editing and any("cannot be saved" in told.message for told in said))
        assert path.read_text() == "old\n"
        await press(pilot, "escape")
        await until(pilot, lambda: path.read_text() == "old\nmine")


def _no_space(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


async def test_hostile_notes_are_shown_inert_and_not_edited_here(runs: Path) -> None:  # noqa: F811
    path = runs / "e0001" / "notes.md"
    path.write_text(
        "# \x1b[31mred\x1b[0m [b]x[/b]\n\n<script>alert(1)</script> \u202e\n\n| a | b |\n|---|--:|\n| 1 | 22 |\n"
    )
    async with opened(runs) as (pilot, screen):
        pane = await notes(pilot, screen)
        shown = await seen(pilot, "[b]x[/b]", "<script>", "22")
        assert not {"\x1b", "\u202e"} & set(shown)
        await press(pilot, "e")
        await seen(pilot, "is not edited here")
        assert not pane.editing


async def test_pasted_text_is_inert(runs: Path) -> None:  # noqa: F811
    from textual import events

    path = runs / "e0001" / "notes.md"
    path.write_text("")
    async with opened(runs) as (pilot, screen):
        pane = await notes(pilot, screen)
        await press(pilot, "e")
        pane.editor.post_message(events.Paste("a\x1b[31m\r\nb"))
        await until(pilot, lambda: "b" in pane.editor.text)
        assert "\x1b" not in pane.editor.text + screen_text(pilot)
        assert "\nb\n" in pane.editor.text
