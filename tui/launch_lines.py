"""What the launch dialog says: the changed settings, what may be typed next, what is wrong."""

from __future__ import annotations

from rich.style import Style

from engine.errors import EngineError
from tui.launching import Checked, Order
from tui.text import pad, safe, setting, wrap
from tui.theme import Inks, symbol
from tui.widgets.table import Line

INDENT = 10
"""Cells that the labels at the left take."""


def change_lines(order: Order, checked: Checked | None, ink: Inks) -> list[Line]:
    """Each changed setting with the value it had."""
    was = checked.was if checked else {}
    lines: list[Line] = []
    for position, override in enumerate(order.overrides):
        key, _, value = override.partition("=")
        label = "Changed" if not position else ""
        old = f"{setting(was[key]) if key in was else 'default'} {symbol('right')} "
        lines.append(
            [
                (pad(label, INDENT), ink.muted),
                (pad(safe(key), 24) + " ", ink.text),
                (old, ink.muted),
                (safe(value), ink.accent),
            ]
        )
    return lines


def completion_lines(checked: Checked, picked: int, width: int, ink: Inks) -> list[Line]:
    """What the setting line may become, the picked one marked; each with the experiment's own value, if it has one."""
    return [
        [
            (" " * (INDENT - 1) + (symbol("cursor") if position == picked else " "), ink.accent),
            (pad(safe(name), 30), ink.text),
            (safe(_now(checked, name) + hint, max(0, width - 41)), ink.muted),
        ]
        for position, (name, hint) in enumerate(checked.completions)
    ]


def _now(checked: Checked, name: str) -> str:
    value = checked.was.get(name)
    return "" if value is None else f"now {setting(value)}   "


def error_lines(error: EngineError, width: int, ink: Inks) -> list[Line]:
    """What is wrong, and what to do."""
    indent = (" " * INDENT, ink.text)
    lines: list[Line] = []
    for text in error.message.splitlines():
        lines += [[indent, (line, ink.bad)] for line in wrap(safe(text), width - INDENT, 4)]
    return lines + [[indent, (line, ink.muted)] for line in wrap(safe(error.hint), width - INDENT, 3)]


def difference_lines(differs: tuple[str, ...], width: int, ink: Inks) -> list[Line]:
    """What is not as it was when the run ran that is run again."""
    lines: list[Line] = []
    for text in differs:
        rows = wrap(safe(text), width - INDENT - 2, 2)
        marks = [symbol("warning"), *(" " for _ in rows[1:])]
        lines += [
            [(" " * INDENT, ink.text), (f"{mark} ", ink.warning), (row, ink.warning)]
            for mark, row in zip(marks, rows, strict=True)
        ]
    return lines


def origin_lines(text: str, width: int, ink: Inks) -> list[Line]:
    """What is taken over from the checkpoint that the run goes on from."""
    return [[(" " * INDENT, ink.text), (row, ink.muted)] for row in wrap(safe(text), width - INDENT, 3)]


def note_line(text: str, style: Style, ink: Inks) -> list[Line]:
    """One remark under the inputs."""
    return [[(" " * INDENT, ink.text), (text, style)]]
