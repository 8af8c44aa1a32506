"""The web server: one page, its files, and a WebSocket that brings each tab an app of its own."""

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, WSMsgType, web

from tui.serve.gate import Gate, add_headers
from tui.serve.process import AppProcess

OWN = Path(str(files("tui.serve"))) / "static"
TEXTUAL = Path(str(files("textual_serve"))) / "static"
HEARTBEAT_SECONDS = 15.0
SMALLEST, LARGEST = 10, 1000
"""Cells; what a browser says of its size is kept between them."""


class Served:
    """The routes, and the sockets that are open."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._sockets: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.AbstractRouteDef]:
        """What there is to ask for."""
        return [
            web.get("/", self._page, allow_head=False),
            web.get("/ws", self._websocket, allow_head=False),
            web.static("/static", TEXTUAL),
            web.static("/page", OWN),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        page = Template((OWN / "page.html").read_text(encoding="utf-8"))
        text = page.substitute(host=html.escape(socket.gethostname()), websocket=f"ws://{request.host}/ws")
        return web.Response(text=text, content_type="text/html")

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS)
        await connection.prepare(request)
        app = AppProcess(self._words, connection)
        self._sockets.add(connection)
        try:
            await app.start(_cells(request.query.get("width"), 80), _cells(request.query.get("height"), 24))
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    await _hand_over(message.json(), app, connection)
        except (ValueError, LookupError, TypeError, AttributeError, ConnectionError):
            pass  # what it said is no message of the page: the end of this connection
        finally:
            self._sockets.discard(connection)
            await app.stop()
            await connection.close()
        return connection

    async def close(self, _: web.Application) -> None:
        """Close all connections; each ends its app."""
        goodbyes = (connection.close(code=WSCloseCode.GOING_AWAY) for connection in list(self._sockets))
        await asyncio.gather(*goodbyes, return_exceptions=True)


async def _hand_over(message: list[object], app: AppProcess, connection: web.WebSocketResponse) -> None:
    """Give the app what the page sent."""
    kind, data = message[0], message[1] if len(message) > 1 else None
    if kind == "stdin":
        await app.send_bytes(str(data).encode("utf-8", "replace"))
    elif kind == "resize" and isinstance(data, dict):
        await app.set_terminal_size(_cells(data["width"], 80), _cells(data["height"], 24))
    elif kind == "ping":
        await connection.send_json(["pong", data])
    elif kind == "blur":
        await app.blur()
    elif kind == "focus":
        await app.focus()


def _cells(said: object, otherwise: int) -> int:
    text = str(said)
    return min(LARGEST, max(SMALLEST, int(text))) if text.isdecimal() and len(text) < 6 else otherwise


async def serve(listening: socket.socket, gate: Gate, words: Sequence[str], ended: asyncio.Event) -> None:
    """Serve on a socket that is bound already, until `ended`."""
    served = Served(words)
    application = web.Application(middlewares=[gate.guard])
    application.add_routes(served.routes())
    application.on_response_prepare.append(add_headers)
    application.on_shutdown.append(served.close)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=10.0)  # requests carry the token: no log
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        await ended.wait()
    finally:
        await runner.cleanup()
