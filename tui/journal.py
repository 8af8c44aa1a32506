"""Writing journal pages from the program: the `engine` command does it in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.app import DltuiApp

SECONDS = 180
GROUP = "report"


def write_page(app: DltuiApp, ids: Sequence[str]) -> None:
    """Write the journal page of some runs, the first one as baseline; toasts say when it begins and what came of it."""
    if not ids:
        return
    if any(worker.group == GROUP and worker.is_running for worker in app.workers):
        app.notify("a page is being written already", timeout=3)
        return
    app.notify("writing the page…", timeout=3)
    app.run_worker(partial(_write, app, list(ids)), thread=True, exit_on_error=False, group=GROUP)


def _write(app: DltuiApp, ids: list[str]) -> None:
    from tui.data_reader import engine_command, engine_environment

    store = app.store
    command = engine_command("--runs", str(store.root), "report", *ids, "--json")
    said: tuple[str, bool]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              cwd=store.cwd, env=engine_environment(), timeout=SECONDS)  # fmt: skip
        said = _words(done)
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error), False
    app.call_from_thread(_written, app, *said)


def _written(app: DltuiApp, words: str, good: bool) -> None:
    title = "Journal page written" if good else "The page could not be written"
    app.notify(words, title=title, severity="information" if good else "error", timeout=10)


def _words(done: subprocess.CompletedProcess[str]) -> tuple[str, bool]:
    """What is said of a command that was to write a page, and whether it did."""
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        return "\n".join(lines[:3]).removeprefix("engine: "), False
    written: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return f"{written['markdown']}\n{written['html']}\nJ shows and edits it", True
