"""The relay of the slow-line benchmark: late, in order, nothing lost."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.terminal import Terminal
from tests.helpers import ROOT, wait_until

DELAY = 0.15


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Terminal]:
    """`cat` at the far end of a line; the terminal there echoes what is typed."""
    relay = [sys.executable, str(ROOT / "benchmarks" / "slow_line.py"), "--relay", f"{1e3 * DELAY:g}"]
    program = 'import sys; print("there", flush=True)\nfor row in sys.stdin: print("got", row, end="", flush=True)'
    terminal = Terminal([*relay, sys.executable, "-u", "-c", program], cwd=tmp_path)
    terminal.wait_for("there")
    yield terminal
    terminal.close(b"\x04")


def text(terminal: Terminal) -> bytes:
    with terminal.changed:
        return b"".join(data for _, data in terminal.chunks)


def test_what_is_typed_arrives_in_order_and_late(line: Terminal) -> None:
    words = " ".join(f"word{number}" for number in range(60)).encode()
    began = time.perf_counter()
    for at in range(0, len(words), 7):
        line.send(words[at : at + 7])
    line.send(b"\n")
    wait_until(lambda: b"got " + words in text(line), 20)
    assert time.perf_counter() - began >= 2 * DELAY
    assert words in text(line).partition(b"got")[0], "the echo came in order too"


def test_the_far_end_knows_the_size_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    relay = [sys.executable, str(ROOT / "benchmarks" / "slow_line.py"), "--relay", "20"]
    code = "import os, sys; print('size', *os.get_terminal_size()); sys.exit(7)"
    terminal = Terminal([*relay, sys.executable, "-c", code], cwd=tmp_path, columns=97, rows=31)
    terminal.wait_for("size 97 31")
    assert terminal.process.wait(20) == 7
    terminal.close()
