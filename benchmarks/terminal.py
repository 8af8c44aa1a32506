"""Drives a full-screen program through a pseudo-terminal and times it from outside, with the standard library only.

A reader thread stamps every chunk the moment it arrives; the queries that terminal programs ask at start (device
attributes, cursor position, modes, colours) are answered, so that none of them waits for a terminal that is not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ESCAPE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|[\x00-\x08\x0b-\x1f\x7f]", re.DOTALL
)
ANSWERS: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[>0?c"), b"\x1b[>1;4000;0c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?u"), b"\x1b[?0u"),
    (re.compile(rb"\x1b\]11;\?"), b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\"),
    (re.compile(rb"\x1b\]10;\?"), b"\x1b]10;rgb:e0e0/e0e0/e0e0\x1b\\"),
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process tree has used so far."""

    cpu_seconds: float
    rss_megabytes: float


class Terminal:
    """One program on a pseudo-terminal of its own."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        columns: int = 160,
        rows: int = 48,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        environment = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self.chunks: list[tuple[float, bytes]] = []
        self.changed = threading.Condition()
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment, start_new_session=True
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            with self.changed:
                self.chunks.append((time.perf_counter(), data))
                self.changed.notify_all()
            if not data:
                return
            for query, answer in ANSWERS:
                if query.search(data):
                    self.send(answer)

    def send(self, data: bytes) -> None:
        """Type `data`."""
        with contextlib.suppress(OSError):
            os.write(self.master, data)

    @property
    def bytes_read(self) -> int:
        """Bytes the program has written so far."""
        with self.changed:
            return sum(len(data) for _, data in self.chunks)

    def wait_for(self, pattern: str, *, since: int = 0, seconds: float = 60.0) -> float:
        """Seconds from the start until `pattern` was in the text written after the first `since` chunks.

        Raises:
            TimeoutError: it never was; the message ends with the last text.
        """
        wanted = re.compile(pattern)
        deadline = time.perf_counter() + seconds
        text, seen = "", since
        while True:
            with self.changed:
                while seen >= len(self.chunks):
                    if not self.changed.wait(max(0.0, deadline - time.perf_counter())):
                        raise TimeoutError(f"{pattern!r} not seen within {seconds} s; last: {text[-2000:]}")
                stamp, data = self.chunks[seen]
            if not data:
                raise TimeoutError(f"the program ended before {pattern!r}; last: {text[-2000:]}")
            seen += 1
            text = (text + ESCAPE.sub(b" ", data).decode("utf-8", "replace"))[-20_000:]
            if wanted.search(text):
                return stamp - self.began

    def settle(self, quiet: float = 0.5, seconds: float = 30.0) -> float:
        """Wait until nothing was written for `quiet` seconds; seconds from the start to the last byte."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            with self.changed:
                last = self.chunks[-1][0] if self.chunks else self.began
            if time.perf_counter() - last >= quiet:
                return last - self.began
            time.sleep(0.01)
        raise TimeoutError(f"still writing after {seconds} s")

    def key(self, data: bytes, *, gap: float = 0.12) -> float | None:
        """Seconds from typing `data` to the last byte of its repaint within `gap` seconds; None when nothing came."""
        with self.changed:
            seen = len(self.chunks)
        began = time.perf_counter()
        self.send(data)
        time.sleep(gap)
        with self.changed:
            stamps = [stamp for stamp, chunk in self.chunks[seen:] if chunk]
        return stamps[0] - began if stamps else None

    def usage(self) -> Usage:
        """CPU seconds and resident memory of the program and its children now."""
        cpu = memory = 0.0
        for pid in _tree(self.process.pid):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue
            cpu += (int(fields[11]) + int(fields[12])) / TICKS
            memory += resident * os.sysconf("SC_PAGE_SIZE") / 1e6
        return Usage(cpu, memory)

    def close(self, key: bytes = b"q") -> None:
        """Quit by `key`; kill what does not."""
        self.send(key)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found
