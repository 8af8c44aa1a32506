"""Telling of the end of a run: what is said, where it is sent, and that a failing address loses nothing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine import preferences
from engine.errors import EngineError, SettingsError, UsageError
from engine.escapes import clipboard, desktop_notice, outside
from engine.launch import LaunchRequest, stop, wait
from engine.notices import notice, post, supervisor_tells, ways_for
from engine.preferences import Notify
from engine.rows import Row
from engine.runs import RunPaths, RunsFolder, load_run
from tests.cli_world import make_world
from tests.helpers import run_engine, wait_until
from tests.stand_in.running import Runner, runner
from tui.launching import Order, carry_out, rerun_order
from tui.marking import resume as resume_runs
from tui.store import Store

__all__ = ["runner"]


class Listener(ThreadingHTTPServer):
    """Takes what is posted to it; answers `status`."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Taker(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, json.loads(content)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("no_proxy", "*")
    server = Listener()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def told(**fields: Any) -> Row:
    usual = {"run": "e0007", "experiment": "digits", "state": "finished", "seconds": 700.0, "best": 0.91,
             "monitor": "val/accuracy", "best_epoch": 4.0}  # fmt: skip
    return Row(**{**usual, **fields})


def set_up(**table: Any) -> None:
    preferences.folder().mkdir(parents=True, exist_ok=True)
    preferences.settings_path().write_text(json.dumps({"notify": table}))


def test_what_is_said_of_an_end() -> None:
    good, bad = notice(told()), notice(told(state="failed", cause="out of memory\nmore", best=None))
    assert good.title == "e0007 digits finished"
    assert good.text == "best val/accuracy 0.91 at epoch 4, 12 min"
    assert (bad.text, bad.bad) == ("out of memory, 12 min", True)
    assert notice(told(seconds=0.146)).text.endswith(", 0.1 s")


def test_what_is_said_acts_nowhere(listener: Listener) -> None:
    row = told(name="\x1b]0;evil\x07 @everyone", state="failed", cause="\x1b[31mred\u202e", best=None)
    post(notice(row), Notify(webhook=listener.url, ntfy=f"{listener.url}/topic"))
    (_, topic), (_, hook) = listener.taken
    said = [topic["title"], topic["message"], hook["title"], hook["text"], hook["content"]]
    assert all(words.isprintable() for words in said), said
    assert topic["message"].startswith("\\x1b[31mred")
    assert hook["allowed_mentions"] == {"parse": []}


def test_a_webhook_and_a_topic_get_what_they_understand(listener: Listener) -> None:
    row = told(name="naïve ☃")
    post(notice(row), Notify(webhook=f"{listener.url}/hook?x=1", ntfy=f"{listener.url}/below/my-topic"))
    (path, topic), (hook_path, hook) = listener.taken
    assert (path, topic["topic"], topic["title"]) == ("/below/", "my-topic", "e0007 naïve ☃ finished")
    assert hook_path == "/hook?x=1"
    assert (hook["run"], hook["state"]) == ("e0007", "finished")
    assert "val/accuracy" in hook["text"]
    assert hook["text"] == hook["content"]


def test_an_address_that_fails_is_an_error_without_its_secret(listener: Listener) -> None:
    listener.status = 500
    with pytest.raises(EngineError, match="answered 500") as caught:
        post(notice(told()), Notify(webhook=f"{listener.url}/secret-token"))
    assert "secret-token" not in str(caught.value)
    with pytest.raises(EngineError, match="could not be told"):
        post(notice(told()), Notify(webhook="http://127.0.0.1:9/x"))
    with pytest.raises(EngineError, match="no URL"):
        post(notice(told()), Notify(webhook="file:///etc/passwd"))


def test_the_supervisor_tells_of_the_end(runner: Runner, listener: Listener) -> None:
    paths = runner.start("exit 0", notify=f"{listener.url}/done")
    assert supervisor_tells(paths)
    wait_until(lambda: listener.taken, 30, "a notice")
    path, content = listener.taken[0]
    assert (path, content["run"], content["state"]) == ("/done", "e0001", "finished")
    request = paths.control / "notify.json"
    assert stat.S_IMODE(request.stat().st_mode) == 0o600, "an address may be a secret"
    assert listener.url not in paths.run.read_text()


def test_a_supervisor_whose_notice_fails_has_written_the_end_all_the_same(runner: Runner) -> None:
    paths = runner.start("exit 0", notify="http://127.0.0.1:9/x")
    wait_until(lambda: "notice of the end could not be sent" in paths.log.read_text(), 30, "a line in the log")
    assert load_run(paths).status == "finished"


def test_nobody_is_told_who_did_not_ask(runner: Runner, listener: Listener) -> None:
    set_up(webhook=listener.url)
    paths = runner.start("exit 0")
    wait_until(lambda: load_run(paths).status == "finished", 30, "the end")
    assert not supervisor_tells(paths)
    assert listener.taken == []


def test_a_launch_from_the_screen_has_the_supervisor_tell(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world(tmp_path, ["finished"])
    store = Store(tmp_path / "runs", None, cwd=tmp_path)
    store.load()
    file = store.snapshot.file
    assert file is not None
    asked: list[str | None] = []

    def launched(runs: RunsFolder, request: LaunchRequest) -> RunPaths:
        asked.append(request.notify)
        return runs.paths("e0002")

    monkeypatch.setattr("engine.launch.launch", launched)
    carry_out(store, file, Order("digits-mlp"))
    set_up(webhook=listener.url)
    carry_out(store, file, Order("digits-mlp"))
    carry_out(store, file, rerun_order(store.runs.find("e0001")))
    assert asked == [None, "", ""]
    assert command_of_several(store, file, monkeypatch)[-1] == "--notify"


def command_of_several(store: Store, file: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command by which several runs are launched one after another."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("tui.launching.subprocess.run", run)
    carry_out(store, file, Order("digits-three"))
    return commands[0]


def test_a_run_that_goes_on_tells_too(runner: Runner, listener: Listener) -> None:
    set_up(webhook=listener.url)
    paths = runner.running()
    stop(load_run(paths))
    wait(paths, 30)
    assert not supervisor_tells(paths)
    done = resume_runs(runner.runs, ["e0001"])
    assert not done.errors
    assert supervisor_tells(paths)


def test_a_stop_that_was_asked_for_is_told_too(runner: Runner, listener: Listener) -> None:
    set_up(webhook=listener.url)
    paths = runner.running(notify="")
    stop(load_run(paths))
    wait_until(lambda: listener.taken, 30, "the post")
    assert "stopped" in str(listener.taken[0])


def test_settings_say_how_and_mistakes_are_told() -> None:
    assert preferences.notify() == Notify()
    set_up(ntfy="mine", bell=False, desktop="osc9")
    ways = ways_for("", alone=True)
    assert (ways.ntfy, ways.bell, ways.desktop_kind) == ("mine", False, "osc9")
    assert ways_for("https://example.org/x", alone=True).webhook == "https://example.org/x"
    with pytest.raises(SettingsError, match="--notify-url"):
        ways_for("example.org", alone=True)
    for table, words in (({"ntfi": "x"}, "'ntfy'"), ({"bell": 3}, "bell"), ({"desktop": "osc8"}, "osc8")):
        set_up(**table)
        with pytest.raises(SettingsError, match=words):
            preferences.notify()
    set_up()
    with pytest.raises(UsageError, match="nowhere"):
        ways_for("", alone=True)


def test_what_goes_to_the_terminal_gets_through_tmux_and_screen() -> None:
    tmux, screen = {"TMUX": "/tmp/x,1,0"}, {"STY": "1.pts"}
    assert outside("\x1b]9;x\a", {}) == "\x1b]9;x\a"
    assert outside("\x1b]9;x\a", tmux) == "\x1bPtmux;\x1b\x1b]9;x\a\x1b\\"
    assert outside("\x1b]9;x\a", screen) == "\x1bP\x1b]9;x\a\x1b\\"
    long = outside("\x1b]52;c;" + "A" * 2000 + "\a", screen)
    assert max(map(len, long.split("\x1b\\"))) <= 768
    assert clipboard("ü", {}) == "\x1b]52;c;w7w=\a"
    assert clipboard("x", tmux).count("]52;c;eA==") == 2
    both = desktop_notice("a;b", "evil\x1b]0;x\a", {})
    assert both.count("\x1b") == 2
    assert ";a,b;" in both
    assert desktop_notice("a", "b", {"TERM_PROGRAM": "WezTerm"}) == "\x1b]9;a: b\a"
    assert desktop_notice("a", "b", {"VTE_VERSION": "7000"}) == "\x1b]777;notify;a;b\a"


def test_the_run_folder_is_as_it_was_where_a_notice_is_impossible(runner: Runner, tmp_path: Path) -> None:
    paths = runner.start("exit 1", notify="")
    wait_until(lambda: "could not be sent" in paths.log.read_text(), 30, "a line in the log")
    assert load_run(paths).status == "failed"
    assert os.listdir(paths.control) == ["notify.json"]


def test_waiting_for_a_run_tells_of_it(tmp_path: Path, listener: Listener) -> None:
    make_world(tmp_path, ["failed"])
    done = run_engine("wait", "e0001", "--notify-url", f"{listener.url}/waited", cwd=tmp_path, no_proxy="*")
    assert done.returncode == 1
    assert [(path, content["state"]) for path, content in listener.taken] == [("/waited", "failed")]
    listener.status = 404
    again = run_engine("wait", "e0001", "--notify-url", listener.url, cwd=tmp_path, no_proxy="*")
    assert (again.returncode, "answered 404" in again.stderr) == (1, True)
    refused = run_engine("train", "digits-mlp", "--detach", "--notify", cwd=tmp_path)
    assert (refused.returncode, "nowhere" in refused.stderr) == (2, True)
    assert os.listdir(tmp_path / "runs") == ["e0001"], "nothing was launched"
