"""Copying to the clipboard of the person's own terminal, wherever that is: OSC 52, and tmux's own way within tmux."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from engine.escapes import clipboard
from engine.text import shorten

if TYPE_CHECKING:
    from textual.app import App

    from tui.app import DltuiApp

LONGEST = 74_000
"""Bytes that every terminal takes in one OSC 52; longer ones some drop without a word."""
_TMUX_SECONDS = 2.0


def copy(app: DltuiApp, text: str, what: str) -> None:
    """Copy `text`, and say what was copied; a terminal does not say whether it took it."""
    app.copy_to_clipboard(text)
    lines = text.count("\n") + 1
    more = f", {lines} lines" if lines > 1 else ""
    app.notify(shorten(text.partition("\n")[0], 160) + more, title=f"Copied: {what}", timeout=4)


def send(app: App[Any], text: str) -> None:
    """Ask the terminal to take `text` into its clipboard."""
    driver = app._driver
    if driver is None:
        return
    if len(text.encode("utf-8", "replace")) > LONGEST:
        app.notify("That is long: some terminals do not take so much", severity="warning")
    driver.write(clipboard(text, os.environ))
    if os.environ.get("TMUX") and not app.is_headless:
        app.run_worker(lambda: _tell_tmux(text), thread=True, exit_on_error=False, group="clipboard")


def _tell_tmux(text: str) -> None:
    """Have tmux set its buffer and, with `-w`, the clipboard of its own terminal: works with its usual settings."""
    program = shutil.which("tmux")
    if program is None:
        return
    for words in (["load-buffer", "-w", "-"], ["load-buffer", "-"]):  # the first needs tmux 3.2
        try:
            done = subprocess.run(
                [program, *words], input=text.encode(), capture_output=True, timeout=_TMUX_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return
        if done.returncode == 0:
            return
