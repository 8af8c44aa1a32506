"""Telling people that a run has ended: what is said, and sending it to ntfy or a webhook, within a time limit."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any, TextIO
from urllib.parse import urlsplit, urlunsplit

import msgspec

from engine.errors import EngineError, SettingsError, UsageError
from engine.jsonio import encode, read_json
from engine.preferences import Notify, notify
from engine.records import RunPaths
from engine.rows import Row, make_row
from engine.run import Run, load_run
from engine.supervisor import NOTIFY as REQUEST
from engine.text import printable

POST_SECONDS = 10.0
_BAD = ("failed", "lost", "unreadable")
_PUBLIC = "https://ntfy.sh"


@dataclass(frozen=True)
class Notice:
    """What is told of a run's end."""

    run: str
    experiment: str
    state: str
    title: str
    text: str
    values: dict[str, Any]
    """For programs: metrics, cause, seconds."""

    @property
    def bad(self) -> bool:
        """Whether it ended otherwise than it should."""
        return self.state in _BAD


def notice(row: Row) -> Notice:
    """What to say of a run that has ended."""
    name = row.name or row.experiment
    values = {"metrics": row.metrics, "cause": row.cause, "cause_kind": row.cause_kind, "seconds": row.seconds,
              "best": row.best, "monitor": row.monitor, "host": row.host}  # fmt: skip
    title = printable(f"{row.run} {name} {row.state}")  # where it is read nobody escapes it
    return Notice(row.run, row.experiment, row.state, title, printable(_text(row)), values)


def notice_of(run: Run) -> Notice:
    """What to say of a run that has ended."""
    return notice(make_row(run))


def _text(row: Row) -> str:
    parts = []
    if row.cause:
        parts.append(row.cause.strip().splitlines()[0][:200])
    if row.best is not None and row.monitor:
        at = f" at epoch {row.best_epoch:g}" if row.best_epoch is not None else ""
        parts.append(f"best {row.monitor} {row.best:.4g}{at}")
    if row.seconds:
        parts.append(_duration(row.seconds))
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


# -- over the network


def check_url(url: str, what: str) -> None:
    """Make sure that an address can be posted to.

    Raises:
        SettingsError: it is no http or https URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"{what} = {printable(url)!r} is no URL", hint="it begins with https:// or http://")


def post(told: Notice, ways: Notify) -> None:
    """Send a notice wherever `ways` asks for; waits a few seconds at most for each.

    Raises:
        EngineError: it could not be sent everywhere; says to where, never the whole address, which may be a secret.
    """
    problems = []
    for send, url in ((_to_ntfy, ways.ntfy), (_to_webhook, ways.webhook)):
        if url:
            try:
                send(url, told)
            except EngineError as error:
                problems.append(error.message)
    if problems:
        raise EngineError("; ".join(problems), hint="the runs themselves are not touched; docs/settings.md: notify")


def _to_ntfy(topic: str, told: Notice) -> None:
    """As JSON to the server's root: headers, the other way, cannot hold every character."""
    url = topic if "://" in topic else f"{_PUBLIC}/{topic}"
    check_url(url, "notify.ntfy")
    parts = urlsplit(url)
    above, _, name = parts.path.rstrip("/").rpartition("/")
    if not name:
        raise SettingsError("notify.ntfy names no topic", hint="such as my-topic, or https://ntfy.example.org/my-topic")
    mark = "x" if told.bad else "white_check_mark"
    content = {"topic": name, "title": told.title, "message": told.text or told.state, "tags": [mark],
               "priority": 4 if told.bad else 3}  # fmt: skip
    _post(urlunsplit((parts.scheme, parts.netloc, f"{above}/", parts.query, "")), content)


def _to_webhook(url: str, told: Notice) -> None:
    """In words for chats, in values for programs; `@everyone` in a name calls nobody (Discord's `allowed_mentions`)."""
    check_url(url, "notify.webhook")
    words = f"{told.title}: {told.text}" if told.text else told.title
    content = {"run": told.run, "experiment": told.experiment, "state": told.state, "title": told.title,
               "text": words, "content": words, "allowed_mentions": {"parse": []}, **told.values}  # fmt: skip
    _post(url, content)


def _post(url: str, content: dict[str, Any]) -> None:
    import http.client
    import urllib.error
    import urllib.request

    where = printable(urlsplit(url).netloc.rpartition("@")[2])
    headers = {"Content-Type": "application/json", "User-Agent": "dltui"}
    request = urllib.request.Request(url, encode(content), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=POST_SECONDS) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        error.close()
        raise EngineError(f"{where} answered {error.code} to the notice") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise EngineError(f"{where} could not be told: {printable(reason)}") from None


# -- without a terminal UI


def ways_for(url: str, *, alone: bool) -> Notify:
    """How a headless command tells: the person's settings, and `url` besides.

    Args:
        url: a webhook given on the command line, or empty.
        alone: whether nobody looks, so that only the network is left.

    Raises:
        SettingsError: the settings, or the URL, are wrong.
        UsageError: nobody would be told.
    """
    ways = notify()
    if url:
        check_url(url, "--notify-url")
        ways = msgspec.structs.replace(ways, webhook=url)
    if alone and not ways.posts:
        raise UsageError(
            "--notify: there is nowhere to send a notice to",
            hint="set notify.ntfy or notify.webhook in settings.json, or give --notify-url URL",
        )
    return ways


def ask_supervisor(paths: RunPaths, url: str) -> None:
    """Have the run's supervisor tell of the end; a URL may be a secret, so only its owner may read the file."""
    paths.control.mkdir(exist_ok=True)
    content = encode({"webhook": url} if url else {}) + b"\n"
    descriptor = os.open(paths.control / REQUEST, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)


def asked_by_settings() -> str | None:
    """What a launch without options asks of the supervisor: to tell wherever the person's settings name an address.

    So the end is told also when the program that launched is closed by then. Mistakes in the settings are told there.
    """
    try:
        return "" if notify().posts else None
    except SettingsError:
        return None


def ask_as_set(paths: RunPaths) -> None:
    """The same for a run that goes on."""
    if (asked := asked_by_settings()) is not None:
        ask_supervisor(paths, asked)


def supervisor_tells(paths: RunPaths) -> bool:
    """Whether the run's supervisor was asked to tell of the end."""
    return (paths.control / REQUEST).exists()


def tell_if_asked(paths: RunPaths) -> None:
    """The supervisor's last act, after the end is written: whatever goes wrong here is a line in the log."""
    try:
        asked = read_json(paths.control / REQUEST)
    except (OSError, ValueError):
        return
    url = str((asked.get("webhook") if isinstance(asked, dict) else None) or "")
    try:
        post(notice_of(load_run(paths)), ways_for(url, alone=True))
    except Exception as error:  # nothing may keep a supervisor from ending
        print(f"the notice of the end could not be sent: {printable(error)}", flush=True)


def ring(told: Notice, ways: Notify, stream: TextIO) -> None:
    """Bell and desktop notice, where `stream` is a terminal."""
    from engine.escapes import BELL, desktop_notice

    with contextlib.suppress(OSError, ValueError):
        if not stream.isatty():
            return
        if ways.desktop_kind:
            stream.write(desktop_notice(told.title, told.text, os.environ, ways.desktop_kind))
        if ways.bell:
            stream.write(BELL)
        stream.flush()
