"""The app for one browser tab: a process of its own whose screen goes through a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from engine.text import printable_lines

PRELUDE = b"__GANGLION__\n"
"""What Textual's driver for browsers writes before anything else."""
GRACE_SECONDS = 3.0
"""How long the app may take to end before it is made to."""
ANOTHER_TERMINAL = (
    "TMUX",
    "TMUX_PANE",
    "STY",
    "KITTY_WINDOW_ID",
    "ITERM_SESSION_ID",
    "WT_SESSION",
    "VTE_VERSION",
    "LINES",
)
"""What tells of the terminal that the server was started in, which is not the one the app is shown in."""
KEPT_OF_STDERR = 64 * 1024


class AppProcess(AppService):
    """textual-serve's, but started without a shell, ended for certain, and inert in what it prints here."""

    def __init__(self, words: Sequence[str], socket: web.WebSocketResponse) -> None:
        super().__init__(
            words[0],
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,  # type: ignore[arg-type]
            download_manager=DownloadManager(),
        )
        self.words = words

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        environment = super()._build_environment(width, height)
        for name in ANOTHER_TERMINAL:
            environment.pop(name, None)
        return {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self.words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height),
            start_new_session=True,  # ctrl+c is for the server, which lets the apps end in order
        )
        self._stdin = self._process.stdin
        return self._process

    async def run(self) -> None:
        """Pass on what the app writes until it ends, then say what it complained of."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.create_task(_tail(process.stderr))
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await process.stdout.readuntil(PRELUDE)
            while True:
                await self._pass_on(process.stdout)
        with contextlib.suppress(ConnectionError):
            await self.remote_close()
        await process.wait()
        if said := (await complaints).strip():
            print(printable_lines(said), file=sys.stderr, flush=True)

    async def _pass_on(self, stdout: asyncio.StreamReader) -> None:
        kind = await stdout.readexactly(1)
        payload = await stdout.readexactly(int.from_bytes(await stdout.readexactly(4), "big"))
        with contextlib.suppress(ConnectionError):  # the tab is gone: read on, or the app could not end
            if kind == b"D":
                await self.on_data(payload)
            elif kind == b"M":
                await self.on_meta(payload)

    async def stop(self) -> None:
        """Ask the app to end, and see to it; its trainings are in sessions of their own and go on."""
        task, self._task = self._task, None
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.send_meta({"type": "quit"}), GRACE_SECONDS)
        for last_word in (signal.SIGTERM, signal.SIGKILL, None):
            done, _ = await asyncio.wait([task], timeout=GRACE_SECONDS)
            if done or last_word is None:
                break
            self._signal(last_word)
        task.cancel()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def _tail(stream: asyncio.StreamReader) -> str:
    """The end of what is written to `stream` until it closes."""
    kept = b""
    while data := await stream.read(4096):
        kept = (kept + data)[-KEPT_OF_STDERR:]
    return kept.decode("utf-8", "replace")
