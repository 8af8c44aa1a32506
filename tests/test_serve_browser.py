"""`dltui serve` in a real browser: the page shows the app, keys and the mouse reach it, other pages get nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.browser import Browser, Page
from tests.helpers import wait_until
from tests.serve_world import Serving, gone
from tests.tui_world import make_world


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The person's browser."""
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Another one, without the cookie."""
    browser = Browser(tmp_path_factory.mktemp("stranger") / "profile")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Serving]:
    """The server; the browser is begun first, so that without one nothing else is."""
    serving = Serving(make_world(tmp_path_factory.mktemp("served"), 3))
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def page(browser: Browser, serving: Serving) -> Page:
    """The page, opened with the link."""
    page = browser.open(serving.link)
    page.wait("Experiments", "digits-mlp")
    return page


def test_the_link_shows_the_app(page: Page, browser: Browser, serving: Serving) -> None:
    page.wait("moons-mlp", "Handwritten digits")
    assert page.evaluate("location.href") == f"{serving.address}/"  # the token has left the address
    assert all(url.startswith((serving.address, "data:")) for url in browser.asked)
    picture = Image.open(io.BytesIO(page.picture()))
    assert len(picture.convert("RGB").getcolors(1 << 20)) > 50  # letters, not an empty page


def test_keys_and_the_mouse_reach_it(page: Page) -> None:
    page.type("2")
    row = next(y for y, line in enumerate(page.wait("e0003", "e0001").splitlines()) if "e0001" in line)
    page.click_on_line(row)
    page.press("Enter", 13, text="\r")
    page.wait("e0001", "Curves", "Checkpoints")
    page.press("Escape", 27)
    page.wait("e0002")


def test_the_app_takes_the_size_of_the_window(page: Page) -> None:
    before = page.evaluate("__terminal.cols")
    page.call("Emulation.setDeviceMetricsOverride", width=1800, height=900, deviceScaleFactor=1, mobile=False)
    wait_until(lambda: page.evaluate("__terminal.cols") > before, 20)
    columns = page.evaluate("__terminal.cols")
    wait_until(lambda: any(len(line) >= columns - 1 for line in page.lines.splitlines()), 20, lambda: page.lines)
    page.call("Emulation.clearDeviceMetricsOverride")


def test_another_tab_of_the_browser_has_an_app_of_its_own(page: Page, browser: Browser, serving: Serving) -> None:
    before = serving.apps()
    tab = browser.open(f"{serving.address}/")
    tab.wait("Experiments", "digits-mlp")
    new = [app for app in serving.apps() if app not in before]
    assert len(new) == 1
    tab.call("Page.close")
    gone(new)
    assert serving.apps() == before


def test_quitting_says_so_and_can_be_begun_again(browser: Browser, page: Page, serving: Serving) -> None:
    tab = browser.open(f"{serving.address}/")
    tab.wait("Experiments", "digits-mlp")
    tab.type("q")
    visible = "!!document.querySelector('body.-closed #again')?.checkVisibility()"
    wait_until(lambda: tab.evaluate(visible), 20)
    tab.press("Enter", 13, text="\r")
    wait_until(lambda: not tab.evaluate(visible), 20)
    tab.wait("Experiments", "digits-mlp")
    tab.call("Page.close")


def test_a_browser_without_the_cookie_sees_nothing(page: Page, stranger: Browser, serving: Serving) -> None:
    for path in (f"/?token={serving.token}", "/", "/static/js/textual.js"):
        other = stranger.open(serving.address + path)
        wait_until(lambda: "403 Forbidden" in other.text, 20)  # noqa: B023
        assert other.text.strip() == "403 Forbidden"
        assert not other.evaluate("document.cookie")


ASK = """new Promise(done => {
  const socket = new WebSocket("ws://%s/ws?width=80&height=24");
  socket.onopen = () => done("open"); socket.onerror = () => done("refused");
})"""


def test_another_page_in_the_same_browser_gets_no_websocket(page: Page, browser: Browser, serving: Serving) -> None:
    place = serving.address.removeprefix("http://")
    assert page.evaluate(ASK % place) == "open"
    port = serving.port
    with Serving.answering(b"<h1>another server of this host</h1>") as elsewhere:  # cookies are shared by ports
        other = browser.open(elsewhere)
        wait_until(lambda: "another server" in other.text, 20)
        assert other.evaluate(ASK % place) == "refused"
        assert other.evaluate(f"fetch('http://127.0.0.1:{port}/').then(() => 'read', () => 'refused')") == "refused"
        other.evaluate(f"document.body.innerHTML = '<iframe src=\"http://127.0.0.1:{port}/\"></iframe>'")
        wait_until(lambda: browser.said("frame-ancestors"), 20)
        other.call("Page.close")


def test_what_is_marked_with_the_mouse_is_in_the_clipboard_of_the_browser(page: Page, browser: Browser) -> None:
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.call("Page.bringToFront")
    page.press("Escape", 27)
    page.type("2")
    lines = page.wait("e0003", "e0001").splitlines()
    row = next(y for y, line in enumerate(lines) if "e0001" in line)
    at = lines[row].index("e0001")
    page.drag((at, row), (at + 4, row))
    page.wait("Copied: e0001")
    wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == "e0001", 20)
