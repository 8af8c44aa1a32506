"""Opening experiments.toml in the person's own editor."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import RunError

if TYPE_CHECKING:
    from tui.app import DltuiApp

EDITORS = ("nano", "vim", "vi", "emacs")
_LINE_WITH_PLUS = {"nano", "vim", "vi", "nvim", "emacs", "micro", "kak", "hx", "ne", "joe"}


def edit_experiments(app: DltuiApp, name: str | None) -> None:
    """Suspend the app and edit the experiments; the packaged file is copied to ./experiments.toml first.

    Raises:
        RunError: there is no editor, or the file cannot be copied.
    """
    from engine.experiments import copy_packaged

    store, file = app.store, app.store.snapshot.file
    command = editor()
    path = file.path if file is not None else (store.file or store.cwd / "experiments.toml")
    if file is not None and file.packaged:
        path = copy_packaged(store.cwd)
        app.notify(f"The packaged experiments were copied to {path.name} here: edit that freely", timeout=8)
    run_editor(app, command, path, line_of(app, name))


def editor() -> list[str]:
    """The editor's command: $VISUAL, $EDITOR, or the first there is.

    Raises:
        RunError: there is none.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        words = shlex.split(named)
        if words and shutil.which(words[0]):
            return words
        raise RunError(f"the editor {named!r} was not found", hint="set $EDITOR to one that is installed")
    found = next((name for name in EDITORS if shutil.which(name)), None)
    if found is None:
        raise RunError("there is no editor", hint="set $EDITOR, such as EDITOR=nano")
    return [found]


def line_of(app: DltuiApp, name: str | None) -> int:
    """The line of an experiment's table, or of its first problem; 1 when unknown."""
    file = app.store.snapshot.file
    if file is None:
        found = re.search(r":(\d+)", str(app.store.snapshot.file_error or ""))
        return int(found[1]) if found else 1
    if name is None:
        return 1
    if name in file.experiments:
        return file.experiments[name].line
    return next((problem.line or 1 for problem in file.broken.get(name, ())), 1)


def open_folder(app: DltuiApp, folder: Path) -> None:
    """Open a folder as the settings say: a shell in it, the editor, only saying where it is, or a command.

    Raises:
        RunError: what the settings name cannot be started.
    """
    how = app.preferences.open_folder
    if how == "say" or not app.can_suspend:
        app.notify(str(folder.absolute()), title="The folder of the run", timeout=15)
    elif how == "editor":
        run_editor(app, editor(), folder)
    elif how == "shell":
        _run_shell(app, folder)
    else:
        _start_program(how, folder)


def _run_shell(app: DltuiApp, folder: Path) -> None:
    """Give the terminal to a shell in the folder until it ends."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    with app.suspend():
        print(f"{folder.absolute()}\nctrl+d or exit goes back to dltui", flush=True)
        try:
            subprocess.run([shell], check=False, cwd=folder)
        except OSError as error:
            raise RunError(f"{shell} cannot be started: {error.strerror}", hint="set $SHELL") from error
        finally:
            app.repaint()


def _start_program(command: str, folder: Path) -> None:
    """Start a program of the person's own, such as a file manager, and leave it alone."""
    words = shlex.split(command)
    nothing = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            [*words, str(folder.absolute())], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except (OSError, IndexError) as error:
        hint = "open_folder in settings.json: shell, editor, say, or a command"
        raise RunError(f"{command!r} cannot be started: {error}", hint=hint) from error
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()


def run_editor(app: DltuiApp, command: list[str], path: Path, line: int = 1) -> None:
    """Give the terminal to the editor until it ends.

    Raises:
        RunError: there is no terminal to give.
    """
    if app.is_web:
        raise RunError("an editor needs a terminal, and this is a browser", hint=f"edit {path} in a terminal")
    words = [*command]
    if line > 1 and Path(command[0]).name in _LINE_WITH_PLUS:
        words.append(f"+{line}")
    with app.suspend():
        code = subprocess.run([*words, str(path)], check=False).returncode
    app.repaint()
    if code:
        app.notify(f"{Path(command[0]).name} ended with exit code {code}: was it saved?", severity="warning")
