"""The keys that work on every screen."""

from __future__ import annotations

from textual.binding import Binding


def _key(keys: str, action: str, words: str, name: str, tooltip: str, *, priority: bool = False) -> Binding:
    """A key that no footer shows; its id is `app.NAME`."""
    display = "^p" if keys == "ctrl+p" else None
    return Binding(
        keys, action, words, show=False, key_display=display, priority=priority, id=f"app.{name}", tooltip=tooltip
    )


APP_KEYS = [
    _key("1", "go('experiments')", "Experiments", "experiments", "Show the experiments"),
    _key("2", "go('runs')", "Runs", "runs", "Show all runs"),
    _key("3", "go('devices')", "Devices", "devices", "Show the CPU and the GPUs"),
    _key("J", "journal", "Journal", "journal", "Show and edit the journal entries"),
    _key("question_mark,f1", "help", "help", "help", "Show the keys that work here"),
    _key("ctrl+t", "toggle_theme", "Light or dark", "theme", "Switch between the dark and the light theme"),
    _key("f8", "themes", "Themes", "themes",
         "Choose the colours, seeing each: for the colour-blind and with high contrast too"),
    _key("M", "toggle_mouse", "Mouse", "mouse",
         "Leave the mouse to the terminal, to mark and copy text; again to take it back"),
    _key("ctrl+z", "suspend_process", "Suspend", "suspend", "Go to the shell; `fg` comes back"),
    _key("ctrl+p", "command_palette", "commands", "commands", "Find a command, a run or an experiment by typing",
         priority=True),
    _key("u", "undo", "Undo", "undo", "Take the last change to runs back"),
    _key("q", "quit", "quit", "quit", "Quit; trainings go on without the program"),
    _key("ctrl+c", "copy_or_quit", "Quit", "copy-or-quit",
         "Copy what is marked; where nothing is, quit from anywhere: trainings go on without the program",
         priority=True),
    _key("ctrl+q", "quit", "Quit", "quit-now", "Quit from anywhere; trainings go on without the program",
         priority=True),
]  # fmt: skip
