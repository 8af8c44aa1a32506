"""The last line: the keys that work here, most important first, never wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.cells import cell_len
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tui.theme import ascii_mode, inks
from tui.widgets.table import Line, to_strip

if TYPE_CHECKING:
    from textual.screen import Screen

_DISPLAY = {
    "enter": "⏎", "question_mark": "?", "slash": "/", "asterisk": "*", "escape": "esc", "space": "space", "plus": "+",
    "minus": "-", "left_square_bracket": "[", "right_square_bracket": "]", "full_stop": ".", "comma": ",",
    "less_than_sign": "<", "greater_than_sign": ">", "equals_sign": "=", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "pageup": "pgup", "pagedown": "pgdn", "exclamation_mark": "!", "number_sign": "#",
    "backspace": "bksp", "colon": ":", "left_curly_bracket": "{", "right_curly_bracket": "}",
}  # fmt: skip
_ASCII = {"enter": "enter", "up": "up", "down": "down", "left": "left", "right": "right"}
_ARROWS = ("up", "down", "left", "right")
_RIGHT = ("leave", "help", "command_palette", "quit")
_ROOMY = 100
"""Cells from which on all of them are shown; else the first two."""


def key_display(key: str) -> str:
    """How a key is written: `⏎`, `^p`, `?`."""
    if key == "shift+tab":
        return key
    name = key.removeprefix("shift+")
    if name != key and name in _ARROWS:
        return f"shift+{key_display(name)}"
    if name.startswith("ctrl+"):
        return "^" + name.removeprefix("ctrl+")
    if ascii_mode() and name in _ASCII:
        return _ASCII[name]
    return _DISPLAY.get(name, name)


class Hint(msgspec.Struct, frozen=True):
    """A key with what it does."""

    key: str
    label: str
    action: str

    @property
    def width(self) -> int:
        return cell_len(self.key) + 1 + cell_len(self.label)


def hints(screen: Screen[object]) -> tuple[list[Hint], list[Hint]]:
    """The keys that work on `screen` now: those for the left, most important first, and those for the right."""
    left: list[Hint] = []
    right: list[Hint] = []
    seen: set[str] = set()
    active = [item for item in screen.active_bindings.values() if not _typed(screen, item.binding.key)]
    own = [item for item in active if item.node is screen]
    widgets = [item for item in active if item.node is not screen and item.node is not screen.app]
    rest = [item for item in active if item.node is screen.app]
    first = (*widgets, *own) if getattr(screen, "WIDGET_KEYS_FIRST", False) else (*own, *widgets)
    for item in (*first, *rest):
        binding = item.binding
        if binding.action in seen or not item.enabled or binding.id == "app.quit-now":
            continue
        label = "commands" if binding.action == "command_palette" else binding.description
        hint = Hint(binding.key_display or key_display(binding.key), label, binding.action)
        if binding.action in _RIGHT:
            right.append(hint)
        elif binding.show:
            left.append(hint)
        else:
            continue
        seen.add(binding.action)
    right.sort(key=lambda hint: _RIGHT.index(hint.action))
    if right and right[0].action == "leave":  # the way out of the program is that of the main screens
        right = [hint for hint in right if hint.action != "quit"]
    return left, right


def _typed(screen: Screen[object], key: str) -> bool:
    """Whether a key, where the cursor is in an input now, is a character typed rather than a command."""
    character = "space" if key == "space" else _DISPLAY.get(key, key)
    if screen.focused is None or not (
        key == "space" or (len(character) == 1 and (len(key) == 1 or character.isascii()))
    ):
        return False
    return screen.focused.check_consume_key(key, " " if key == "space" else character)


def choose_hints(left: list[Hint], right: list[Hint], width: int, gap: int = 3) -> tuple[list[Hint], list[Hint]]:
    """As many hints, from the first on, as fit into `width` cells beside those on the right."""
    room = width - 2
    kept_right: list[Hint] = []
    for hint in right if width >= _ROOMY else right[:2]:
        if hint.width + gap <= room - sum(h.width + gap for h in kept_right):
            kept_right.append(hint)
    room -= sum(hint.width + gap for hint in kept_right)
    kept: list[Hint] = []
    for hint in left:
        room -= hint.width + gap
        if room + gap < 0:
            break
        kept.append(hint)
    return kept, kept_right


class Footer(Widget):
    """One line of hints; a click does what the key does."""

    DEFAULT_CSS = "Footer { dock: bottom; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._zones: list[tuple[int, int, str]] = []
        self._shown: tuple[list[Hint], list[Hint]] = ([], [])

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.update())
        self._shown = hints(self.screen)

    def update(self) -> None:
        """Look again which keys work, and repaint if others do."""
        if not self.is_attached:
            return
        shown = hints(self.screen)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line of hints."""
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        width, ink = self.size.width, inks(self.app)
        left, right = choose_hints(*self._shown, width)
        line: Line = [(" ", ink.text)]
        self._zones = []
        at = 1
        for hint in left:
            line += [(hint.key, ink.key), (f" {hint.label}   ", ink.muted)]
            self._zones.append((at, at + hint.width, hint.action))
            at += hint.width + 3
        space = max(0, width - at - sum(hint.width + 3 for hint in right) + 3 - 1)
        line.append((" " * space, ink.text))
        at += space
        for hint in right:
            line += [(hint.key, ink.key), (f" {hint.label}   ", ink.muted)]
            self._zones.append((at, at + hint.width, hint.action))
            at += hint.width + 3
        return to_strip(line, width, self.rich_style)

    async def on_click(self, event: events.Click) -> None:
        """Do what the hint under the pointer says."""
        for begin, end, action in self._zones:
            if begin <= event.x < end:
                event.stop()
                focused = self.screen.focused
                for item in self.screen.active_bindings.values():
                    if item.binding.action == action:
                        await self.app.run_action(action, default_namespace=item.node)
                        return
                await self.app.run_action(action, default_namespace=focused or self.screen)
                return
