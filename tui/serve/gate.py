"""Who is let in: whoever brings the one-time token, and from then on the browser that got the cookie for it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = ("127.0.0.1", "localhost")
"""The names a browser may know this server by; any other has been made to point here (DNS rebinding)."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may load: its own files and nothing of anybody else; styles are inline because xterm.js writes them."""


class Gate:
    """Stands before every route: without the cookie everything is refused alike, whatever it asked for."""

    def __init__(self, port: int) -> None:
        self._token: bytes | None = secrets.token_urlsafe(32).encode()
        self._session = secrets.token_urlsafe(32).encode()
        self._cookie = f"dltui-{port}"
        """Browsers hand a host's cookies to all its ports: two servers must not overwrite each other's."""

    @property
    def token(self) -> str:
        """The token that the link carries, for the person who asked for the server; empty once it was used."""
        return (self._token or b"").decode()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Hand the request on if it may pass; the answer to everything else is one and the same."""
        if not _loopback(request) or not _same_origin(request):
            return _refusal()
        if self._takes_token(request):
            response = await handler(request)
            response.set_cookie(self._cookie, self._session.decode(), path="/", httponly=True, samesite="Strict")
            return response
        if not _equal(request.cookies.get(self._cookie), self._session):
            return _refusal()
        return await handler(request)

    def _takes_token(self, request: web.Request) -> bool:
        """Whether the request brings the token; with this it is used up."""
        # a link preview asks with HEAD, and a browser that only guesses where a person may go says so
        if request.method != "GET" or request.path != "/" or "prefetch" in request.headers.get("Sec-Purpose", ""):
            return False
        if self._token is None or not _equal(request.query.get("token"), self._token):
            return False
        self._token = None
        return True


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Nothing is kept, framed, sniffed or told to others, and what serves here is not said."""
    response.headers.pop("Server", None)
    response.headers["Cache-Control"] = "no-store" if response.content_type == "text/html" else "private, no-cache"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.content_type == "text/html":
        response.headers["Content-Security-Policy"] = POLICY.format(host=request.host)


def _refusal() -> web.Response:
    return web.Response(status=403, text="403 Forbidden\n")


def _equal(given: str | None, wanted: bytes) -> bool:
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), wanted)


def _loopback(request: web.Request) -> bool:
    """Whether the browser believes to speak with this machine; over a forwarded port the number may be another."""
    name, _, port = request.headers.get("Host", "").rpartition(":")
    return (name or port).lower() in LOOPBACK and (not name or (port.isascii() and port.isdecimal()))


def _same_origin(request: web.Request) -> bool:
    """Whether a page of this server asks; cookies go to every port of a host, so that they alone do not say it.

    A browser names the origin with every WebSocket and with whatever could change something.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return "Upgrade" not in request.headers
    return origin == f"http://{request.headers.get('Host', '')}"
