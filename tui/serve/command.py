"""`dltui serve`: the same app in a browser, on this machine alone, for whoever has the link."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from engine.errors import EngineError, UsageError
from engine.text import printable

if TYPE_CHECKING:
    from tui.serve.gate import Gate

HOST = "127.0.0.1"
"""Not "localhost": that is ::1 too, where somebody else may listen on the same port."""


def serve_in_browser(arguments: Sequence[str], port: int) -> None:
    """Serve `dltui ARGUMENTS` until ctrl+c.

    Raises:
        EngineError: a package is missing, or the port cannot be had.
    """
    _check_packages()
    from tui.serve.gate import Gate
    from tui.serve.server import serve

    with listen(port) as listening:
        gate = Gate(listening.getsockname()[1])
        print("\n".join(_words(gate, listening.getsockname()[1])), flush=True)
        words = [sys.executable, "-P", "-m", "tui.main", *arguments]
        asyncio.run(_until_told(lambda ended: serve(listening, gate, words, ended)))


def _check_packages() -> None:
    try:
        import aiohttp  # noqa: F401
        import textual_serve.app_service  # noqa: F401
    except ImportError as error:
        raise EngineError(
            f"`dltui serve` needs a package that is not installed here: {error.name}",
            hint="pip install textual-serve",
        ) from error


def listen(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 is a free one.

    Raises:
        UsageError: the port is taken or not for us.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"port {port} of {HOST} cannot be had: {os.strerror(error.errno or 0)}",
            hint="choose another one with --port, or leave it out: then a free one is taken",
        ) from error
    return listening


async def _until_told(serving: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    await serving(ended)


def _words(gate: Gate, port: int) -> list[str]:
    return [
        "dltui: open this link in a browser on this machine; it works once",
        "",
        f"  http://{HOST}:{port}/?token={gate.token}",
        "",
        "Over SSH, let your own machine pass the port on first, then open the link there:",
        "",
        f"  ssh -N -L {port}:{HOST}:{port} {shlex.quote(printable(_address()))}",
        "",
        "ctrl+c ends it; trainings go on.",
    ]


def _address() -> str:
    """What a person most likely calls this machine: the user, and the address their own connection came to."""
    import getpass

    connection = os.environ.get("SSH_CONNECTION", "").split()
    return f"{getpass.getuser()}@{connection[2] if len(connection) == 4 else socket.gethostname()}"
