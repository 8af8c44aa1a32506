"""`dltui serve`: who is let in and who is not, what listens, how it ends; as real processes and plain requests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.helpers import environment, run_engine, wait_until
from tests.serve_world import DLTUI, Serving, gone
from tests.tui_world import make_world

PATHS = (
    "/",
    "/?token=",
    "/?token=wrong",
    "/ws",
    "/static/js/textual.js",
    "/static/",
    "/page/page.js",
    "/download/1",
    "/no",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs."""
    return make_world(tmp_path_factory.mktemp("serve"), 3)


Start = Callable[..., Serving]


@pytest.fixture
def start(world: Path) -> Iterator[Start]:
    """Starts servers; they are ended at the end of the test."""
    serving: list[Serving] = []

    def begin(*arguments: str, at: Path = world, **env: str) -> Serving:
        serving.append(Serving(at, *arguments, **env))
        return serving[-1]

    yield begin
    for each in serving:
        each.close()


def own(serving: Serving) -> str:
    return f"http://127.0.0.1:{serving.port}"


# who is let in


def test_everybody_without_the_token_is_refused_alike(start: Start) -> None:
    serving = start()
    answers = [serving.ask(path) for path in PATHS]
    answers += [serving.ask("/", method) for method in ("POST", "PUT", "DELETE", "OPTIONS")]
    answers += [serving.ask("/", Cookie=cookie) for cookie in ("dltui=x", f"dltui-{serving.port}=", "é=ü; a", "=")]
    assert {(status, body) for status, _, body in answers} == {(403, b"403 Forbidden\n")}
    assert not any("server" in headers or "set-cookie" in headers for _, headers, _ in answers)
    assert serving.shake_hands(Origin=own(serving)) == 403
    assert not serving.apps()


def test_the_token_works_once_and_gives_a_cookie_that_scripts_cannot_read(start: Start) -> None:
    serving = start()
    status, headers, body = serving.ask(f"/?token={serving.token}")
    cookie = headers["set-cookie"]
    assert status == 200
    assert b"textual.js" in body
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert serving.token not in cookie
    assert serving.token.encode() not in body
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert serving.ask(f"/?token={serving.token}")[0] == 403
    mine = cookie.split(";")[0]
    assert serving.ask("/", Cookie=mine)[0] == serving.ask("/static/js/textual.js", Cookie=mine)[0] == 200
    assert serving.ask(f"/?token={serving.token}", Cookie=mine)[0] == 200  # a reload of the link in the same browser
    assert serving.ask("/", Cookie=mine + "x")[0] == 403
    assert serving.ask("/static/", Cookie=mine)[0] in (403, 404)  # no listing


def test_what_only_looks_ahead_does_not_use_the_token_up(start: Start) -> None:
    serving = start()
    link = f"/?token={serving.token}"
    assert serving.ask(link, "HEAD")[0] == 403
    assert serving.ask(link, Sec_Purpose="prefetch;prerender")[0] == 403
    assert serving.ask(link, Host=f"evil.example:{serving.port}")[0] == 403
    assert serving.ask(link, Origin="http://evil.example")[0] == 403
    assert serving.enter()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "", "127.0.0.1:x", "[::]"]
)
def test_a_name_made_to_point_here_is_refused_with_the_cookie_too(start: Start, host: str) -> None:
    serving = start()
    cookie = serving.enter()
    assert serving.ask("/", Cookie=cookie, Host=host)[0] == 403
    # over `ssh -L` the browser's port may be another one
    assert [serving.ask("/", Cookie=cookie, Host=name)[0] for name in ("localhost:9", "127.0.0.1")] == [200, 200]


def test_the_websocket_is_for_pages_of_this_server_alone(start: Start) -> None:
    serving = start()
    cookie = serving.enter()
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{serving.port + 1}",
        f"https://127.0.0.1:{serving.port}",
    ):
        assert serving.shake_hands(Cookie=cookie, Origin=origin) == 403, origin
    assert serving.shake_hands(Cookie=cookie) == 403
    assert not serving.apps()
    assert serving.shake_hands(Cookie=cookie, Origin=own(serving)) == 101


# what it opens


def test_it_listens_on_one_loopback_socket_and_its_apps_on_none(start: Start) -> None:
    serving = start()
    cookie = serving.enter()
    assert serving.shake_hands(Cookie=cookie, Origin=own(serving)) == 101
    everybody = [psutil.Process(serving.process.pid), *psutil.Process(serving.process.pid).children(recursive=True)]
    heard = [tuple(c.laddr) for p in everybody for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert heard == [("127.0.0.1", serving.port)]


def test_the_token_is_in_the_link_alone(start: Start, world: Path) -> None:
    serving = start()
    cookie = serving.enter()
    secret = cookie.partition("=")[2]
    assert serving.shake_hands(Cookie=cookie, Origin=own(serving)) == 101
    for process in [psutil.Process(serving.process.pid), *serving.apps()]:
        held = " ".join(process.cmdline()) + str(process.environ())
        assert serving.token not in held
        assert secret not in held
    code, said = serving.end()
    assert code == 0
    assert serving.said.count(serving.token) == 1
    assert serving.token not in said
    assert secret not in said


def test_what_to_do_over_ssh_is_said(start: Start) -> None:
    serving = start(SSH_CONNECTION="10.0.0.2 50000 192.0.2.7 22")
    port = serving.port
    assert f"ssh -N -L {port}:127.0.0.1:{port} " in serving.said
    assert "@192.0.2.7" in serving.said


# how it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_and_its_apps(start: Start, number: int) -> None:
    serving = start()
    cookie = serving.enter()
    async with connected(serving, cookie) as socket_:
        await shown(socket_, b"digits")
        apps = serving.apps()
        assert len(apps) == 1
        code, _ = await in_thread(lambda: serving.end(number))
        assert code == 0
        gone(apps)


async def test_a_killed_server_leaves_no_app_behind(start: Start) -> None:
    serving = start()
    async with connected(serving, serving.enter()) as socket_:
        await shown(socket_, b"digits")
        apps = serving.apps()
        serving.process.kill()
        gone(apps)


async def test_closing_the_tab_ends_its_app_and_no_other(start: Start) -> None:
    serving = start()
    cookie = serving.enter()
    async with connected(serving, cookie) as stays:
        await shown(stays, b"digits")
        first = serving.apps()
        async with connected(serving, cookie) as closed:
            await shown(closed, b"digits")
            second = [app for app in serving.apps() if app not in first]
            assert len(second) == 1
        await in_thread(lambda: gone(second))
        assert serving.apps() == first


async def test_nonsense_ends_the_connection_and_not_the_server(start: Start) -> None:
    serving = start()
    cookie = serving.enter()
    for nonsense in ("{", '["resize", {}]', '["resize", {"width": "9e9", "height": -1}]'):
        async with connected(serving, cookie) as socket_:
            await socket_.send_str(nonsense)
            await socket_.close()
    await in_thread(lambda: wait_until(lambda: not serving.apps(), 30))
    assert serving.ask("/", Cookie=cookie)[0] == 200


async def test_a_training_started_in_the_browser_goes_on_without_the_server(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    moons = '[experiments.moons-mlp]\ndata = { name = "moons" }\nmodel = { name = "mlp", hidden = [8] }\n'
    (folder / "experiments.toml").write_text(moons + "train = { epochs = 100000 }\n")
    serving = start(at=folder)
    async with connected(serving, serving.enter()) as socket_:
        await shown(socket_, b"moons-mlp")
        await socket_.send_str(json.dumps(["stdin", "\r"]))
        await shown(socket_, b"engine train moons-mlp")
        await socket_.send_str(json.dumps(["stdin", "\r"]))
        state = folder / "runs" / "e0001" / "state.json"
        await in_thread(lambda: wait_until(lambda: state.exists() and "running" in state.read_text(), 40))
        code, said = await in_thread(serving.end)
    assert code == 0
    assert "1 run goes on without dltui" in said
    series = folder / "runs" / "e0001" / "series" / "train" / "loss.f8"
    before = series.stat().st_size if series.exists() else 0
    wait_until(lambda: series.exists() and series.stat().st_size > before, 40)
    assert run_engine("stop", "e0001", cwd=folder).returncode == 0


async def test_what_needs_a_terminal_says_so_in_a_browser(start: Start) -> None:
    serving = start(EDITOR="true")
    async with connected(serving, serving.enter()) as socket_:
        await shown(socket_, b"digits")
        await socket_.send_str(json.dumps(["stdin", "e"]))
        await shown(socket_, b"needs a terminal")
        await socket_.send_str(json.dumps(["stdin", "\x1a"]))  # ctrl+z: there is no shell to go to
        await socket_.send_str(json.dumps(["stdin", "2"]))
        await shown(socket_, b"e0003")


# what can be wrong


def refused(*arguments: str, cwd: Path, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [*DLTUI, *arguments], cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


def test_a_port_that_is_taken(world: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused("serve", "--port", str(port), cwd=world)
    assert code == 2
    assert f"port {port}" in said
    assert "--port" in said


def test_a_missing_package_is_named(world: Path, tmp_path: Path) -> None:
    (tmp_path / "textual_serve.py").write_text("raise ModuleNotFoundError('gone', name='textual_serve')\n")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    code, said = refused("serve", cwd=world, PYTHONPATH=path)
    assert code == 1
    assert "textual_serve" in said
    assert "pip install" in said


@pytest.mark.parametrize(
    "arguments", [("--port", "8000"), ("serve", "--port", "x"), ("serve", "--port", "70000"), ("a", "b")]
)
def test_wrong_arguments(world: Path, arguments: tuple[str, ...]) -> None:
    code, said = refused(*arguments, cwd=world)
    assert code == 2
    assert "usage:" in said


# helpers


@asynccontextmanager
async def connected(serving: Serving, cookie: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket as the page opens it."""
    async with (
        aiohttp.ClientSession(headers={"Cookie": cookie, "Origin": own(serving)}) as session,
        session.ws_connect(f"ws://127.0.0.1:{serving.port}/ws?width=100&height=30") as socket_,
    ):
        yield socket_


async def shown(socket_: aiohttp.ClientWebSocketResponse, word: bytes) -> None:
    """Receive until `word` has come."""
    got = b""
    async with asyncio.timeout(40):
        while word not in got:
            message = await socket_.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (message, got[-500:])
            got += message.data if isinstance(message.data, bytes) else message.data.encode()


async def in_thread(function):
    """Run something that waits while connections are kept alive."""
    return await asyncio.to_thread(function)
