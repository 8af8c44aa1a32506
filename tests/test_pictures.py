"""Images in a terminal: which protocol, what is sent, and that nothing is asked of the terminal."""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from tui import pictures, theme
from tui.pictures import fitted, prepare, protocol


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(pictures, "ascii_mode", lambda: False)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """Red, green; blue, white."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    image.save(tmp_path / "x.png")
    return tmp_path / "x.png"


@pytest.mark.parametrize(
    ("environ", "how"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "linux"}, "blocks"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "blocks"),
        ({"TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, "blocks"),
        ({"TERM": "xterm-kitty", "DLTUI_IMAGES": "blocks"}, "blocks"),
        ({"TERM": "xterm", "DLTUI_IMAGES": "sixel"}, "sixel"),
        ({"TERM": "xterm", "DLTUI_IMAGES": "nonsense"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_protocol(environ: dict[str, str], how: str) -> None:
    assert protocol(environ) == how


def test_no_colours_and_ascii_are_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert theme.no_color()
    assert protocol({"TERM": "xterm-kitty"}) == "text"


def test_half_blocks_hold_the_pixels(png: Path) -> None:
    picture = prepare(png, 2, 1, "blocks")
    assert picture.pixels == (((255, 0, 0), (0, 255, 0)), ((0, 0, 255), (255, 255, 255)))
    assert (picture.columns, picture.rows) == (2, 1)


def test_characters_are_as_bright_as_the_pixels(png: Path) -> None:
    picture = prepare(png, 4, 2, "text")
    dark, bright = picture.text[1][0], picture.text[1][-1]
    assert pictures.RAMP.index(dark) < pictures.RAMP.index(bright)


@pytest.mark.parametrize(("size", "cell", "cells"), [
    ((32, 32), (1, 2), (20, 10)), ((64, 8), (1, 2), (40, 2)), ((8, 64), (1, 2), (2, 8)), ((1, 1000), (1, 2), (1, 10)),
])  # fmt: skip
def test_proportions_are_kept(size: tuple[int, int], cell: tuple[int, int], cells: tuple[int, int]) -> None:
    assert fitted(*size, 40, 10, cell) == cells


def test_kitty_gets_the_image_in_chunks(png: Path) -> None:
    sequence = prepare(png, 6, 3, "kitty").sequence
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sequence)
    assert "".join(f"\x1b_G{head};{data}\x1b\\" for head, data in parts) == sequence
    assert f"i={pictures.KITTY_ID}" in parts[0][0]
    assert "q=2" in parts[0][0]  # or Kitty answers into what the person types
    assert "C=1" in parts[0][0]
    assert all(len(data) <= 4096 for _, data in parts)
    assert [head[-3:] for head, _ in parts][-1] == "m=0"
    _same_image(base64.b64decode("".join(data for _, data in parts)), png)


def test_iterm_gets_the_image(png: Path) -> None:
    found = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);([^:]*):([^\x07]*)\x07", prepare(png, 6, 3, "iterm").sequence
    )
    assert found is not None
    content = base64.b64decode(found[3])
    assert len(content) == int(found[1])
    _same_image(content, png)


def _same_image(content: bytes, png: Path) -> None:
    with Image.open(io.BytesIO(content)) as sent, Image.open(png) as image:
        assert sent.resize((2, 2), 0).tobytes() == image.tobytes()


def test_sixels_are_encoded_and_nothing_is_asked(png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library asks a terminal when it is imported; it must see none, even where there is one."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "__stdout__", terminal)
    for name in [name for name in sys.modules if name.startswith("textual_image")]:
        monkeypatch.delitem(sys.modules, name)
    sequence = prepare(png, 6, 3, "sixel", (10, 20)).sequence
    assert sequence.startswith("\x1bP")
    assert sequence.endswith("\x1b\\")
    assert "2;100;0;0" in sequence  # red, in percent
    assert terminal.getvalue() == ""
    assert sys.__stdout__ is terminal


def test_sixels_without_the_size_of_a_cell_are_half_blocks(png: Path) -> None:
    assert prepare(png, 2, 1, "sixel", None).pixels


def test_what_is_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for path in (tmp_path / "bad.png", tmp_path / "absent.png"):
        with pytest.raises(OSError):
            prepare(path, 10, 5, "blocks")
