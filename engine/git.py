"""Asking git: where a folder's repository is, and one command's bounded output, never waiting longer than allowed."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

OUTPUT_LIMIT = 5_000_000
"""Bytes read of what a command writes."""


def repository(folder: Path) -> Path | None:
    """The top of the working tree that a folder lies in; None where it lies in none."""
    try:
        start = folder.resolve()
        return next((parent for parent in (start, *start.parents) if (parent / ".git").exists()), None)
    except OSError:
        return None


class GitCommand:
    """The bounded output of one git command, read by a thread so that no pipe fills up and no limit is overrun.

    Nothing that the repository's own configuration names is run: no monitor, no external diff where the arguments say
    so, and none of the caller's GIT_ variables count but those given.
    """

    def __init__(
        self, root: Path, arguments: tuple[str, ...], *, given: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> None:
        """Start it.

        Args:
            root: the repository's folder.
            arguments: what stands after `git`.
            given: to its standard input.
            variables: of its environment, besides this process's own.
        """
        self._content: bytes | None = None
        self._given = given
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C", str(root), *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **(variables or {})}
        source = subprocess.PIPE if given else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
            )
        except OSError:
            self._thread = None
            return
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if given:
            threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        stream: IO[bytes] | None = self._process.stdin
        assert stream is not None
        try:
            with stream:
                stream.write(self._given)
        except OSError:
            return  # it ended without reading all of it: its exit code tells

    def _read(self) -> None:
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        with stream:
            content = stream.read(OUTPUT_LIMIT + 1)
        if len(content) > OUTPUT_LIMIT:
            self._process.kill()
            self._process.wait()
        elif self._process.wait() != 0:
            return
        self._content = content

    def wait(self, deadline: float) -> bytes | None:
        """The output; None when git failed, is not installed, or took longer than until `deadline` (monotonic)."""
        if self._thread is None:
            return None
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join(0.2)
            return None
        return self._content
