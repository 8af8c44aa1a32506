"""What tests of `dltui serve` share: the command as a real process, and plain requests to it."""

from __future__ import annotations

import http.client
import http.server
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.helpers import environment, wait_until

DLTUI = [sys.executable, "-P", "-m", "tui.main"]
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Serving:
    """`dltui serve` and the link that it prints."""

    def __init__(self, world: Path, *arguments: str, **env: str) -> None:
        variables = environment(XDG_CONFIG_HOME=str(world / "config"), PYTHONDONTWRITEBYTECODE="1", **env)
        self.process = subprocess.Popen(
            [*DLTUI, "serve", *arguments], cwd=world, env=variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.said = self._until("ctrl+c")
        self.link = re.search(r"http://\S+", self.said)[0]  # type: ignore[index]
        self.address, self.token = self.link.split("/?token=")
        self.port = int(self.address.rpartition(":")[2])

    def _until(self, word: str) -> str:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if word in line:
                break
        return "".join(lines)

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send one request: status, headers, body. Header names are given with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            body = b"" if answer.status == 101 else answer.read()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, body
        finally:
            connection.close()

    def shake_hands(self, **headers: str) -> int:
        """Ask for the WebSocket as a browser does; the status."""
        wanted = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
        }
        return self.ask("/ws", **{name.replace("-", "_"): text for name, text in wanted.items()}, **headers)[0]

    def enter(self) -> str:
        """Use the link; the cookie, as a browser sends it."""
        status, headers, _ = self.ask(f"/?token={self.token}")
        assert status == 200, status
        return headers["set-cookie"].split(";")[0]

    def apps(self) -> list[psutil.Process]:
        """The processes of the apps that are shown."""
        return [child for child in psutil.Process(self.process.pid).children() if _alive(child)]

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """End it: the exit code, and what it said."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        return self.process.wait(30), said

    @staticmethod
    @contextmanager
    def answering(page: bytes) -> Iterator[str]:
        """Another web server of this host, which answers everything with one page; its address."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def gone(processes: list[Any]) -> None:
    """Wait until all of these processes have ended."""
    wait_until(lambda: not any(map(_alive, processes)), 30, lambda: f"alive: {list(filter(_alive, processes))}")


def _alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
