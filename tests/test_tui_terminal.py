"""The program in a real terminal: a pseudo-terminal whose output an emulator reads; keys, sizes, locales, signals."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

from benchmarks.terminal import Terminal
from tests.helpers import ROOT, environment, wait_until
from tests.tui_world import make_world
from tui.theme import to_ascii

DLTUI = [sys.executable, "-P", "-m", "tui.main"]
QUERIES = re.compile(rb"\x1b\[[<=>?]?[0-9;]*[$u]?p?[uq]|\x1b\[\?[0-9;]*\$p|\x1b\[[<>=]?[0-9]*u|\x1b\[>[0-9;]*[a-zA-Z]")
COLOUR = re.compile(rb"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
SHORT = {"LC_ALL": "", "LC_CTYPE": "", "LANG": "C.UTF-8", "NO_COLOR": "", "DLTUI_ASCII": ""}


class Seen:
    """The program and what its terminal shows."""

    def __init__(self, world: Path, columns: int = 80, rows: int = 24, *arguments: str, **env: str) -> None:
        variables = {
            **environment(),
            **SHORT,
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CONFIG_HOME": str(world / "config"),
            **env,
        }
        if not variables["NO_COLOR"]:
            del variables["NO_COLOR"]
            os.environ.pop("NO_COLOR", None)
        self.terminal = Terminal([*DLTUI, *arguments], cwd=world, columns=columns, rows=rows, env=variables)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.fed = 0
        self.shown: list[str] = []

    @property
    def raw(self) -> bytes:
        """Everything the program wrote."""
        with self.terminal.changed:
            return b"".join(data for _, data in self.terminal.chunks)

    @property
    def lines(self) -> list[str]:
        """The screen as it is now."""
        raw = self.raw
        if len(raw) > self.fed or not self.shown:
            self.stream.feed(QUERIES.sub(b"", raw[self.fed :]))
            self.fed = len(raw)
            self.shown = [line.rstrip() for line in self.screen.display]
        return self.shown

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def wait(self, *words: str) -> str:
        """Wait until all `words` are on screen."""
        wait_until(lambda: all(word in self.text for word in words), 40, lambda: f"{words}; on screen:\n{self.text}")
        return self.text

    def keys(self, *keys: str) -> None:
        """Type."""
        for key in keys:
            self.terminal.send(key.encode())

    def escape(self, *gone: str) -> None:
        """Press esc and wait until `gone` is not on screen: a key right after it would be read as alt+key."""
        self.keys("\x1b")
        wait_until(
            lambda: not any(word in self.text for word in gone), 20, lambda: f"without {gone}; on screen:\n{self.text}"
        )

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, and tell the program as a terminal does."""
        self.screen.resize(rows, columns)
        self.shown = []
        fcntl.ioctl(self.terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.terminal.process.pid, signal.SIGWINCH)

    def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        return wait_until(
            lambda: (self.terminal.process.poll(), True)[0] is not None and (self.terminal.process.returncode,), 20
        )[0]

    def close(self) -> None:
        if self.terminal.process.poll() is None:
            self.terminal.process.kill()
            self.terminal.process.wait()


Start = Callable[..., Seen]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve runs, and data sets that nobody can read: nothing heavy starts in the background."""
    experiments = """
[experiments.digits-mlp]
description = "Handwritten digits"
data = { name = "csv", path = "/nowhere.csv", label = "y" }
model = { name = "mlp" }
train = { epochs = 1 }
"""
    return make_world(tmp_path_factory.mktemp("terminal"), 12, experiments)


@pytest.fixture
def start(world: Path) -> Iterator[Start]:
    started: list[Seen] = []

    def begin(*arguments: Any, **env: str) -> Seen:
        started.append(Seen(world, *arguments, **env))
        return started[-1]

    yield begin
    for program in started:
        program.close()


def test_it_starts_moves_and_quits_leaving_the_terminal_as_it_was(start: Start) -> None:
    program = start()
    program.wait("digits-mlp", "? help   ^p commands")
    program.keys("2")
    program.wait("Runs · 12", "e0012")
    program.keys("j", "\r")
    program.wait("e0011", "Curves")
    program.keys("\x1b")
    program.wait("Runs · 12")
    program.keys("q")
    assert program.ended() == 0
    for mode in (b"?1049", b"?1000", b"?1003", b"?2004"):
        raw = program.raw
        assert raw.rfind(mode + b"l") > raw.rfind(mode + b"h")
    assert program.raw.rfind(b"?25h") > program.raw.rfind(b"?25l")


def test_ctrl_c_quits_from_anywhere(start: Start) -> None:
    program = start()
    program.wait("digits-mlp")
    program.keys("/", "x")
    program.wait("No experiment holds x")
    program.keys("\x03")
    assert program.ended() == 0


def test_a_closed_terminal_ends_it(start: Start) -> None:
    program = start()
    program.wait("digits-mlp")
    os.kill(program.terminal.process.pid, signal.SIGHUP)
    assert program.ended() != 0


def test_suspended_and_brought_back_it_draws_everything_anew(start: Start) -> None:
    program = start()
    program.wait("digits-mlp")
    pid = program.terminal.process.pid
    os.kill(pid, signal.SIGTSTP)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    before = len(program.raw)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: b"digits-mlp" in program.raw[before:], 20)
    program.keys("q")
    assert program.ended() == 0


def test_80_by_24_has_one_line_of_keys_and_no_cut_numbers(start: Start) -> None:
    program = start()
    program.wait("digits-mlp", "? help   ^p commands")
    program.keys("2")
    text = program.wait("e0012", "e0001")
    lines = text.splitlines()
    assert lines[-1].endswith("? help   ^p commands")
    assert lines[-2].startswith("╰")
    for line in lines[3:15]:
        assert re.search(r"e00\d\d .* (0|1)\.\d{4} +((0|1)\.\d{4}|–) .* \d+ (min|h|d) +│$", line), line


@pytest.mark.parametrize("size", [(20, 5), (200, 60), (1, 1), (40, 10)])
def test_it_follows_the_size_of_the_terminal(start: Start, size: tuple[int, int]) -> None:
    program = start()
    program.wait("digits-mlp")
    program.resize(*size)
    program.terminal.settle(quiet=0.3)
    program.keys("2", "1", "\r")
    program.terminal.settle(quiet=0.3)
    program.resize(80, 24)
    program.wait("Launch digits-mlp")
    program.escape("Launch digits-mlp")
    program.wait("digits-mlp", "? help   ^p commands")
    program.keys("q")
    assert program.ended() == 0


def test_a_tiny_terminal_still_lists(start: Start) -> None:
    program = start(20, 5)
    program.wait("digits-mlp", "? help")


def test_a_locale_without_utf8_gets_ascii_and_nothing_else(start: Start) -> None:
    program = start(80, 24, LANG="C", LC_ALL="C")
    program.wait("digits-mlp", "+-", "enter launch")
    program.keys("2")
    program.wait("e0012", ">")
    program.keys("\r")
    program.wait("Curves")
    program.escape("Curves")
    program.keys("m")
    program.wait("Mark e0012")
    program.escape("Mark e0012")
    program.keys("?")
    program.wait("Keys")
    assert program.raw.isascii()


def test_no_color_writes_no_colour_and_still_shows_the_cursor(start: Start) -> None:
    program = start(80, 24, NO_COLOR="1")
    program.wait("digits-mlp")
    program.keys("2")
    program.wait("e0012")
    program.keys("j")
    wait_until(lambda: b"\x1b[7m" in program.raw or b";7m" in program.raw or b"[1;7" in program.raw)
    assert not COLOUR.search(program.raw)
    wait_until(lambda: any("▌" in line and "e0011" in line for line in program.lines))


def test_the_mouse_can_be_left_to_the_terminal(start: Start) -> None:
    program = start()
    program.wait("digits-mlp")
    program.keys("M")
    program.wait("The terminal has the mouse")
    assert program.raw.rfind(b"?1000l") > program.raw.rfind(b"?1000h")
    program.keys("M")
    wait_until(lambda: program.raw.rfind(b"?1000h") > program.raw.rfind(b"?1000l"))


def test_a_run_named_on_the_command_line_opens(start: Start) -> None:
    program = start(80, 24, "e0007")
    program.wait("e0007", "Curves")


def test_a_run_that_is_not_there_is_told_of(start: Start) -> None:
    program = start(80, 24, "e9999")
    program.wait("no run 'e9999'")


@pytest.mark.parametrize("how", ["dumb", "pipe"])
def test_without_a_full_terminal_one_line_says_what_to_do(world: Path, how: str) -> None:
    if how == "dumb":
        program = Seen(world, TERM="dumb")
        assert program.ended() == 2
        said = program.raw.decode()
    else:
        done = subprocess.run(DLTUI, cwd=world, env=environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stdout == ""
        said = done.stderr
    assert said.strip().count("\n") == 0
    assert "engine runs" in said


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_need_no_terminal(world: Path, option: str) -> None:
    done = subprocess.run([*DLTUI, option], cwd=world, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "dltui" in done.stdout


def test_only_what_the_first_screen_needs_is_loaded_before_it(world: Path, start: Start, tmp_path: Path) -> None:
    """Each of these takes longer than drawing the screen does."""
    late = {"argparse", "hashlib", "http.client", "numpy", "ssl", "tomllib", "torch", "plotext", "tui.keymap"}
    told = tmp_path / "loaded.json"
    (tmp_path / "sitecustomize.py").write_text(f"""
import gc, json, pathlib, sys
enable = gc.enable
def tell():  # called right after the first paint
    pathlib.Path({str(told)!r}).write_text(json.dumps(sorted(sys.modules)))
    enable()
gc.enable = tell
""")
    seen = start(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    seen.wait("digits-mlp")
    wait_until(lambda: told.exists() and told.stat().st_size, 20)
    loaded = set(json.loads(told.read_text()))
    assert "tui.screens.experiments" in loaded
    assert loaded & late == set()


def test_idle_it_writes_nothing(start: Start) -> None:
    program = start()
    program.wait("digits-mlp")
    program.keys("2")
    program.wait("e0012")
    program.terminal.settle(quiet=1.5)
    before = program.terminal.bytes_read
    with pytest.raises(AssertionError):  # three ticks of the watching thread go by
        wait_until(lambda: program.terminal.bytes_read > before, 3.5)


def test_ascii_stand_ins_cover_what_the_program_draws() -> None:
    """Every character in the sources of the screens has a stand-in that is not a question mark."""
    drawn = set()
    for path in (*(ROOT / "tui").glob("*.py"), *(ROOT / "tui").glob("*/*.py")):
        # letters are in the names of people in the docstrings; what is drawn of the program's own are symbols
        drawn |= {char for char in path.read_text(encoding="utf-8") if not char.isascii() and not char.isalpha()}
    drawn = {char for char in drawn if not 0x2800 <= ord(char) <= 0x28FF}  # braille: charts have their own ASCII form
    unknown = {char for char in drawn if to_ascii(char).replace("?", "") == "" and char not in "�"}
    assert not unknown
