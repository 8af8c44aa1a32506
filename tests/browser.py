"""A headless Chromium for tests, driven over two pipes by the Chrome DevTools Protocol: no port, no extra package."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import wait_until

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium speaks the protocol on the descriptors 3 and 4."""
HOOK = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(value) {
    if (value && value.buffer) window.__terminal = value;
    Object.defineProperty(this, "terminal", { value, writable: true, configurable: true, enumerable: true });
  },
});
"""
"""Keeps the page's xterm.js object, which textual.js tells nobody of, where a test finds it."""
LINES = """
(() => {
  const terminal = window.__terminal;
  if (!terminal) return "";
  const buffer = terminal.buffer.active, lines = [];
  for (let y = 0; y < terminal.rows; y++) lines.push(buffer.getLine(y + buffer.viewportY).translateToString(true));
  return lines.join("\\n");
})()
"""
BOX = """
(() => {
  const box = document.querySelector(".xterm-screen").getBoundingClientRect();
  return [box.x, box.y, box.width / __terminal.cols, box.height / __terminal.rows];
})()
"""


def chromium() -> str:
    """The path of a Chromium; where there is none the test is skipped, or fails if one is required."""
    found = os.environ.get("DLTUI_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        if os.environ.get("DLTUI_REQUIRE_CHROMIUM"):
            pytest.fail("a Chromium is required here and not found: install it, or set DLTUI_CHROMIUM to its path")
        pytest.skip("no Chromium: install chromium or chromium-headless-shell, or set DLTUI_CHROMIUM to its path")
    return found


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, profile: Path, *options: str) -> None:
        command = [
            chromium(), "--headless", "--remote-debugging-pipe", "--no-first-run", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--mute-audio", f"--user-data-dir={profile}", *options, "about:blank",
        ]  # fmt: skip
        self._said = open(profile.with_suffix(".log"), "wb")  # noqa: SIM115
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", START, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._asked = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; its result."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        os.write(self._out, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._asked:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _read(self, seconds: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            assert data, f"the browser says nothing more; its log: {Path(self._said.name).read_text()[-2000:]}"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, url: str, size: tuple[int, int] = (1200, 800)) -> Page:
        """A new tab that shows `url`."""
        width, height = size
        target = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Page.addScriptToEvaluateOnNewDocument", source=HOOK)
        page.visit(url)
        return page

    @property
    def asked(self) -> set[str]:
        """The addresses of everything that any page asked for."""
        return {
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        }

    def said(self, word: str) -> bool:
        """Whether something in the log of any page has `word`."""
        self.call("Browser.getVersion")  # what is on its way arrives before the answer
        return any(word in str(event) for event in self.events if event.get("method") == "Log.entryAdded")

    def close(self) -> None:
        """End the browser and all its helpers."""
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        self._said.close()


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol on this tab."""
        return self._browser.call(method, self._session, **parameters)

    def visit(self, url: str) -> None:
        """Go to `url`."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it comes to."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    @property
    def lines(self) -> str:
        """What the terminal in the page shows."""
        return str(self.evaluate(LINES))

    def wait(self, *words: str) -> str:
        """Wait until all `words` are in the terminal."""
        wait_until(
            lambda: all(word in self.lines for word in words), 40, lambda: f"{words}; in the page:\n{self.lines}"
        )
        return self.lines

    def type(self, text: str) -> None:
        """Type characters."""
        for character in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=character, key=character)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=character)

    def press(self, key: str, code: int, modifiers: int = 0, text: str = "") -> None:
        """Press a key that is no character: its name and its Windows key code."""
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **known, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def mouse(self, kind: str, x: float, y: float, **parameters: Any) -> None:
        """A mouse event: mousePressed, mouseMoved, mouseReleased."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **parameters)

    def picture(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    @property
    def text(self) -> str:
        """The text of the page itself."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def cell(self, x: int, y: int) -> tuple[float, float]:
        """Where the middle of a cell of the terminal is in the page."""
        box = self.evaluate(BOX)
        return box[0] + (x + 0.5) * box[2], box[1] + (y + 0.5) * box[3]

    def click_on_line(self, y: int, x: int = 10) -> None:
        """Click on a cell of the terminal."""
        self.drag((x, y), (x, y))

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the mouse on one cell and let it go on another."""
        (x, y), (x2, y2) = self.cell(*start), self.cell(*end)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", x2, y2, button="left")
        self.mouse("mouseReleased", x2, y2, button="left", clickCount=1)
