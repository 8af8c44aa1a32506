"""Every screen and every tab at every size, in ASCII, without colour and with few: in a pseudo-terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.make_runs import Maker
from engine.records import RunPaths
from tests.helpers import wait_until
from tests.test_tui_terminal import COLOUR, Seen
from tests.tui_world import make_world

EXPERIMENTS = """
[experiments.digits-mlp]
description = "Handwritten digits"
data = { name = "csv", path = "/nowhere.csv", label = "y" }
model = { name = "mlp" }
train = { epochs = 1 }
"""
TABS = ("loss", "always", "predicted", "checkpoint", "layer", "nd of 199", "differs", "Motivation", "")
"""What shows that each tab of the run is there."""
SIXTEEN = re.compile(rb"\x1b\[[0-9;]*[34]8;[25];")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some runs; the first has a log longer than any terminal, of lines longer too."""
    made = make_world(tmp_path_factory.mktemp("every"), 3, EXPERIMENTS)
    Maker(made / "runs", 60).make(4, 1.7e9, end="finished", experiment="digits-mlp")
    paths = RunPaths(made / "runs" / "e0004")
    paths.log.write_text("".join(f"epoch {n} " + "0123456789" * 30 + f" end of {n}\n" for n in range(1, 200)))
    paths.notes.write_text("# e0004\n\n## Motivation\n\nwhy \u4e2d\u6587 \u2026\n")
    return made


@pytest.fixture
def start(world: Path) -> Iterator[Any]:
    started: list[Seen] = []

    def begin(columns: int, rows: int, *arguments: str, **env: str) -> Seen:
        started.append(Seen(world, columns, rows, *arguments, **env))
        return started[-1]

    yield begin
    for program in started:
        program.close()


def footer(program: Seen) -> bool:
    """Whether the last line holds the keys that always work, and nothing stands where the program has died."""
    return "? help" in program.lines[-1] and "Traceback" not in program.text


def visit(program: Seen, tabs: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9)) -> Iterator[str]:
    """Go to every screen and to these tabs of a run; the name of each once it is there."""
    program.wait("digits-mlp", "? help")
    yield "experiments"
    for key, words in (("2", "e0004"), ("3", "cpu"), ("1", "digits-mlp")):
        program.keys(key)
        program.wait(words)
        settled(program)
        yield words
    for key, words in (("?", "Keys"), ("\x1b[19~", "Theme"), ("\r", "Launch digits"), ("\x10", "Search")):
        program.keys(key)
        program.wait(words)
        yield words
        program.escape(words)
        settled(program)
    program.keys("2")
    program.wait("e0004")
    program.keys("\r")
    for number in tabs:
        program.keys(str(number))
        program.wait(TABS[number - 1])
        settled(program)
        yield TABS[number - 1]


def settled(program: Seen) -> None:
    """Wait until the last line holds the keys that always work."""
    wait_until(lambda: footer(program), 20, lambda: program.text)


def test_everything_in_a_small_terminal_without_colour(start: Any) -> None:
    program = start(40, 12, NO_COLOR="1")
    for name in visit(program):
        assert not COLOUR.search(program.raw), name
    program.keys("q")
    assert program.ended() == 0


def test_everything_in_ascii(start: Any) -> None:
    program = start(80, 24, LANG="C", LC_ALL="C")
    for name in visit(program):
        assert program.raw.isascii(), name


def test_everything_in_a_large_terminal_of_sixteen_colours(start: Any) -> None:
    program = start(300, 80, TERM="xterm", COLORTERM="")
    for name in visit(program, tabs=(1, 3, 6)):
        assert not SIXTEEN.search(program.raw), name
    assert re.search(rb"\x1b\[[0-9;]*92[;m]", program.raw), "what is well is green, as it is with all colours"
    assert re.search(rb"\x1b\[[0-9;]*44[;m]", program.raw), "the line under the cursor has a ground of its own"


def test_the_linux_console_has_few_colours_and_glyphs(start: Any) -> None:
    program = start(80, 24, "e0004", TERM="linux", COLORTERM="")
    program.wait("e0004", "loss", "? help")
    assert program.raw.isascii()
    assert not SIXTEEN.search(program.raw)


def test_gnu_screen_gets_256_colours(start: Any) -> None:
    program = start(80, 24, TERM="screen", STY="1.pts-0.host", TMUX="", COLORTERM="truecolor")
    program.wait("digits-mlp")
    assert b"38;5;" in program.raw
    assert b"38;2;" not in program.raw


def test_a_long_log_is_broken_without_losing_a_character(start: Any) -> None:
    program = start(40, 24, "e0004")
    program.wait("? help")
    program.keys("6")
    program.wait("nd of 199")
    program.resize(60, 24)
    program.keys("5")
    program.wait("layer")
    program.keys("6")
    program.wait("nd of 199")
    program.terminal.settle(0.5)  # the scrollbar comes with the next layout
    text = program.text
    shown = "".join(line[1:].rstrip("\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588 ") for line in text.splitlines())
    assert "epoch 199" + "0123456789" * 30 in shown.replace(" ", "").replace("epoch199", "epoch 199")
