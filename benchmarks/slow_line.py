"""The terminal UI over a slow line: every byte to and from it is 100 ms late.

    python benchmarks/slow_line.py [--repeat N] [--json FILE]
    python benchmarks/slow_line.py --relay MILLISECONDS COMMAND...     a command in this terminal, each way so late

What is told of keys is beyond the line's own 200 ms: how much later than that the repaint comes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections import deque
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.screens import DLTUI, make_runs
from benchmarks.terminal import Terminal
from benchmarks.timing import options, report

DELAY = 0.1
"""Seconds each way."""
RUNS = 1_000
BURST = "cifar10 or names and some more words typed at once"
QUERIES = re.compile(rb"\x1b\[[<=>?][0-9;]*(?:\$p|u|[a-zA-Z])")
"""What the emulator that looks at the screen would take for text."""


class Lane:
    """One direction: what goes in comes out so much later, in order."""

    def __init__(self, target: int, delay: float) -> None:
        self.target, self.delay = target, delay
        self.waiting: deque[tuple[float, bytes]] = deque()

    def put(self, data: bytes) -> None:
        """Take what is to be delivered."""
        self.waiting.append((time.monotonic() + self.delay, data))

    def deliver(self) -> None:
        """Write what is due."""
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            data = self.waiting.popleft()[1]
            while data:
                data = data[os.write(self.target, data) :]

    def patience(self) -> float:
        """Seconds until something is due."""
        return max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else 3600.0


def relay(command: list[str], delay: float) -> int:
    """Run a command on a terminal of its own and pass bytes between it and this one, late; its exit code."""
    master, slave = pty.openpty()
    _copy_size(master)
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    signal.signal(signal.SIGWINCH, lambda *_: (_copy_size(master), os.killpg(process.pid, signal.SIGWINCH)))
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        _pass_on(Lane(master, delay), Lane(1, delay), master)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    return process.wait()


def _copy_size(master: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


def _pass_on(there: Lane, back: Lane, master: int) -> None:
    open_ends = [0, master]
    while master in open_ends or back.waiting:
        ready, _, _ = select.select(open_ends, [], [], min(there.patience(), back.patience()))
        for end in ready:
            data = b""
            with contextlib.suppress(OSError):  # the program has closed its terminal
                data = os.read(end, 65536)
            if data:
                (there if end == 0 else back).put(data)
            else:
                open_ends.remove(end)
        with contextlib.suppress(OSError):
            there.deliver()
        back.deliver()


def command(delay: float, *, always: bool = False) -> list[str]:
    """The program, over a line where there is a delay."""
    line = [sys.executable, str(Path(__file__).resolve()), "--relay", f"{1e3 * delay:g}"]
    return [*(line if delay or always else []), *DLTUI]


@contextlib.contextmanager
def on_line(folder: Path, delay: float) -> Iterator[Terminal]:
    """The program over a line, showing the runs."""
    terminal = Terminal(command(delay), cwd=folder)
    try:
        terminal.wait_for("digits-mlp")
        terminal.settle(1.0)
        terminal.send(b"2")
        terminal.wait_for(f"e{RUNS:04d}")
        terminal.settle(1.0)
        yield terminal
    finally:
        terminal.close()


def first_screen(folder: Path, delay: float) -> float:
    """Milliseconds until the first useful screen is there."""
    terminal = Terminal(command(delay, always=True), cwd=folder)
    try:
        return 1e3 * terminal.wait_for("digits-mlp")
    finally:
        terminal.settle()
        terminal.close()


def keys(terminal: Terminal, delay: float, count: int) -> tuple[list[float], list[float]]:
    """(milliseconds beyond the line's own until the repaint begins, bytes of it) of each key."""
    late, sizes = [], []
    for index in range(count):
        before = terminal.bytes_read
        seconds = terminal.key(b"j" if index % 8 < 6 else b"k", gap=2 * delay + 0.25)
        if seconds is not None:
            late.append(1e3 * (seconds - 2 * delay))
        sizes.append(float(terminal.bytes_read - before))
    return late, sizes


def held_key(terminal: Terminal, delay: float, count: int = 60) -> tuple[float, float]:
    """A key held down, 30 a second: (ms from the last key to the last byte, beyond the line's; bytes a key)."""
    before = terminal.bytes_read
    for _ in range(count):
        terminal.send(b"j")
        time.sleep(1 / 30)
    last = time.perf_counter() - terminal.began
    return 1e3 * (terminal.settle(0.6) - last - 2 * delay), (terminal.bytes_read - before) / count


def burst(terminal: Terminal) -> float:
    """A filter typed at once, keys and all: how many of its characters are not where they belong."""
    import pyte

    terminal.send(b"g/" + BURST.encode())
    terminal.settle(3.0)
    with terminal.changed:
        raw = b"".join(data for _, data in terminal.chunks)
    screen = pyte.Screen(160, 48)
    pyte.ByteStream(screen).feed(QUERIES.sub(b"", raw))
    line = next((line for line in screen.display if line.lstrip().startswith("/ ")), "")
    shown = line.lstrip()[2:].strip().ljust(len(BURST))
    terminal.send(b"\x1b")
    terminal.settle(0.6)
    return float(sum(one != other for one, other in zip(shown, BURST, strict=False)))


def main() -> None:
    """Measure, print, and write the figures."""
    chosen = options(__doc__, 30)
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = make_runs(Path(name) / "runs", RUNS)
        starts = [[first_screen(folder, delay) for delay in (DELAY, 0.0)] for _ in range(4)]
        best = [min(column) for column in zip(*starts, strict=True)]
        results["first screen over the line, beyond without one: best of 4 (ms)"] = best[0] - best[1]
        with on_line(folder, 0.0) as terminal:
            direct, _ = keys(terminal, 0.0, chosen.repeat)
        with on_line(folder, DELAY) as terminal:
            late, sizes = keys(terminal, DELAY, chosen.repeat)
            wait, held = held_key(terminal, DELAY)
            wrong = burst(terminal)
    results["key to repaint beyond the line's 200 ms: median (ms)"] = statistics.median(late)
    results["key to repaint beyond the line's 200 ms: p95 (ms)"] = sorted(late)[int(0.95 * len(late))]
    results["key to repaint without a line: median (ms)"] = statistics.median(direct)
    results["bytes a key: median"] = statistics.median(sizes)
    results["bytes a key, held down at 30 a second"] = held
    results["held key: last repaint beyond the line's 200 ms (ms)"] = wait
    results["characters of a typed burst out of place"] = wrong
    results["keys without a repaint"] = float(chosen.repeat - len(late))
    report(results, chosen.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--relay"]:
        sys.exit(relay(sys.argv[3:], float(sys.argv[2]) / 1e3))
    main()
