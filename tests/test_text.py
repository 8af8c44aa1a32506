"""Text for the screen: nothing in it acts on a terminal, and it is as wide as it says."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from tui import text, theme
from tui.text import age, duration, fit, number, pad, percent, safe, setting, size, told_apart, wrap
from tui.widgets.table import to_strip

CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u200b\u2028\u2029\U000e0000-\U000e007f]"
)
anything = st.text(st.characters(codec=None))


@pytest.fixture
def ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "ascii_mode", lambda: True)
    monkeypatch.setattr(text, "ascii_mode", lambda: True)


@given(anything)
def test_nothing_that_acts_on_a_terminal_comes_through(value: str) -> None:
    assert not CONTROL.search(safe(value))
    safe(value).encode()  # no lone surrogates


@given(anything, st.integers(0, 60))
def test_text_is_cut_to_its_width(value: str, width: int) -> None:
    assert cell_len(safe(value, width)) <= width
    assert cell_len(pad(safe(value), width)) == width


@example("000\U0001cf00", 3)
@given(anything, st.integers(1, 40))
def test_wrapped_lines_fit_and_lose_no_letters(value: str, width: int) -> None:
    clean = safe(value)
    lines = wrap(clean, width, most=10_000)
    assert all(cell_len(line) <= width for line in lines)
    if width > 2:
        assert "".join("".join(lines).split()) == "".join(clean.split())


def test_escapes_are_seen_rather_than_dropped() -> None:
    assert safe("a\x1b[31mred") == "a\\x1b[31mred"
    assert safe("user\u202egpj.exe") == "user\\u202egpj.exe"
    assert safe("two\nlines\there") == "two lines here"
    assert safe("[bold]not markup[/]") == "[bold]not markup[/]"


def test_a_cut_is_marked() -> None:
    assert fit("experiment", 5) == "expe…"
    assert fit("漢字漢字", 5) == "漢字…"
    assert fit("é" * 3, 3) == "é" * 3
    assert fit("abc", 0) == ""


def test_ascii_terminals_get_ascii(ascii_only: None) -> None:
    assert safe("Ångström 漢") == "\\xc5ngstr\\xf6m \\u6f22"
    assert fit("experiment", 5) == "expe~"


def test_numbers_keep_to_their_columns() -> None:
    assert number(0.81234) == "0.8123"
    assert number(2e-4) == "2.00e-4"
    assert number(12.3456) == "12.35"
    assert number(12_345.6) == "12,346"
    assert number(float("nan")) == "NaN"
    assert number(None) == "–"
    values = st.floats(allow_nan=True, allow_infinity=True).map(number)

    @given(values)
    def short(shown: str) -> None:
        assert len(shown) <= 9

    short()


def test_times_and_sizes_name_their_units() -> None:
    assert duration(3.21) == "3.2 s"
    assert duration(187) == "3:07"
    assert duration(7509) == "2:05:09"
    assert duration(90_000) == "1 d 1 h"
    assert duration(None) == "–"
    assert age(1000.0, 1030.0) == "now"
    assert age(1000.0, 1000.0 + 7200) == "2 h"
    assert age(None) == "–"
    assert percent(0.469) == "46.9 %"
    assert size(61.2e9) == "61.2 GB"
    assert setting({"lr": 1e-3, "betas": [0.9, True]}) == "lr 0.001 betas [0.9, true]"


@pytest.mark.parametrize(
    ("environment", "utf8"),
    [
        ({}, True),
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "POSIX"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # what Python itself makes of LANG=C
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_ALL": "en_US.UTF-8"}, True),
    ],
)
def test_the_locale_decides_on_ascii(environment: dict[str, str], utf8: bool) -> None:
    assert theme._utf8(environment) is utf8


def test_every_drawn_symbol_has_an_ascii_stand_in_of_its_width() -> None:
    drawn = "╭─╮│╰╯▌●◐✓✗■★█▉▏░▁█…·–→"
    assert theme.to_ascii(drawn).isascii()
    assert len(theme.to_ascii(drawn)) == cell_len(drawn)
    assert theme.to_ascii("漢") == "??"


def test_bars_fill_their_width() -> None:
    for share in (0.0, 0.3, 1.0, 2.0, float("nan")):
        assert cell_len(theme.bar(share, 12)) == 12


def test_a_line_that_is_cut_says_so() -> None:
    def shown(width: int, *texts: str) -> str:
        return to_strip([(text, Style()) for text in texts], width, Style()).text

    assert shown(8, "loss", " 0.25") == "loss 0.…"
    assert shown(9, "loss", " 0.25") == "loss 0.25"
    assert shown(9, "loss", " 0.25", "    ") == "loss 0.25", "blanks are no loss"
    assert shown(12, "loss", " 0.25") == "loss 0.25   "
    assert shown(5, "中文字") == "中文…"
    assert shown(4, "中文字") == "中 …", "half of a wide character is never drawn"
    assert shown(0, "loss") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("👩\u200d👩\u200d👧", "👩👩👧"), ("❤\ufe0f", "❤"), ("👁\ufe0f\u200d🗨\ufe0f", "👁🗨"), ("क्\u200dष", "क्\u200dष")],
)
def test_emoji_are_taken_apart_so_that_all_terminals_agree_on_their_cells(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_long_names_are_told_apart_by_what_they_do_not_have_in_common() -> None:
    names = [f"layers/encoder.block_{block}.attention.{part}/grad_norm" for block in (0, 1, 10) for part in "qkv"]
    for width in (60, 30, 24, 16):
        short = told_apart(names, width)
        assert len(set(short)) == len(names)
        assert all(cell_len(text) <= width for text in short)
    assert told_apart(names, 60) == names
    assert told_apart(["loss", "accuracy"], 8) == ["loss", "accuracy"]
    assert told_apart([], 8) == []


@given(st.lists(st.text("ab/._学…", max_size=30), max_size=4), st.integers(0, 40))
def test_told_apart_or_not_names_fit(names: list[str], width: int) -> None:
    assert all(cell_len(text) <= width for text in told_apart(names, width))
