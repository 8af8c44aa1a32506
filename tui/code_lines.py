"""The code of two runs compared, as lines: what is known, then the diff in colour, long lines broken."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from engine.code_diff import CodeDiff
from tui.text import safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.table import Line

MOST_LINES = 20_000
"""Lines of a diff that are shown."""


def code_lines(found: CodeDiff, width: int, ink: Inks) -> list[Line]:
    """All of it."""
    unknown = found.same is None
    style = ink.warning if unknown else ink.strong
    head = f" {found.base} {symbol('right')} {found.run}   "
    lines: list[Line] = [[(head, ink.strong), (safe(found.summary, max(8, width - len(head) - 1)), style)]]
    for words in found.told:
        problem = "unknown" in words or "no repository" in words or "not recorded" in words
        mark = symbol("warning") if problem else " "
        for at, row in enumerate(wrap(safe(words), max(8, width - 5), 6)):
            lines.append([(f" {mark if not at else ' '} {row}", ink.warning if problem else ink.muted)])
    for part in found.parts:
        lines += [[], [(f" {safe(part.title, width - 2)}", ink.title)]]
        lines += _diff(part.text, width, ink)
    return lines


def _diff(text: str, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    rows = text.splitlines()
    for raw in rows[:MOST_LINES]:
        style = _style(raw, ink)
        if raw.startswith("diff --git "):
            lines.append([])
        lines += [[(f" {row}", style)] for row in _broken(safe(raw.expandtabs(4)), max(8, width - 2))]
    if len(rows) > MOST_LINES:
        lines.append([(f" {len(rows) - MOST_LINES:,} lines more: engine compare --code shows all", ink.muted)])
    return lines


def _broken(text: str, width: int) -> list[str]:
    """A line of code in pieces of a width; the later ones are set in."""
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return [text]
    pieces: list[str] = []
    while text:
        room = width if not pieces else width - 2
        piece = set_cell_size(text, room) if cell_len(text) > room else text
        taken = len(piece.rstrip()) if cell_len(piece) < cell_len(text) else len(piece)
        taken = max(1, taken)
        pieces.append(piece[:taken] if not pieces else f"  {piece[:taken]}")
        text = text[taken:].lstrip() if taken < len(text) else ""
    return pieces


def _style(line: str, ink: Inks) -> Style:
    if line.startswith("diff --git "):
        return ink.strong
    if line.startswith(
        ("+++", "---", "index ", "similarity ", "new file", "deleted file", "rename ", "old mode", "new mode")
    ):
        return ink.muted
    if line.startswith("@@"):
        return ink.accent
    return ink.good if line.startswith("+") else ink.bad if line.startswith("-") else ink.text
