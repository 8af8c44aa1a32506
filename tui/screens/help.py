"""The keys that work on a screen, made from its bindings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from tui.text import pad, wrap
from tui.theme import Inks, symbol
from tui.widgets.footer import key_display
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, plain

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen


@dataclass(frozen=True)
class Section:
    """Keys that belong together: (keys, what they do) each."""

    title: str
    entries: tuple[tuple[str, str], ...]


def sections(screen: Screen[object]) -> list[Section]:
    """The bindings that work on `screen` now: of the tab in use, of the screen, of its lists, everywhere."""
    found: dict[int, tuple[DOMNode, dict[str, list[Binding]]]] = {}
    for active in screen.active_bindings.values():
        if not active.binding.id or not active.enabled:  # Textual's own, without an id, are not worth telling of
            continue
        _, groups = found.setdefault(id(active.node), (active.node, {}))
        groups.setdefault(active.binding.id, []).append(active.binding)
    order = sorted(found.values(), key=lambda pair: _rank(pair[0], screen))
    titled: dict[str, list[tuple[str, str]]] = {}
    for node, groups in order:
        titled.setdefault(_title(node, screen), []).extend(map(_entry, groups.values()))
    return [Section(title, tuple(entries)) for title, entries in titled.items()]


def _rank(node: DOMNode, screen: Screen[object]) -> int:
    """A part with a title of its own comes first: who asks for help there is not looking for what works anywhere."""
    if node is screen.app:
        return 3
    return 1 if node is screen else 0 if getattr(node, "TITLE", None) else 2


def _title(node: DOMNode, screen: Screen[object]) -> str:
    if node is screen:
        return type(screen).__name__.removesuffix("Screen")
    if node is screen.app:
        return "Everywhere"
    return str(getattr(node, "TITLE", None) or "Moving")


def _entry(bindings: Sequence[Binding]) -> tuple[str, str]:
    keys = " ".join(dict.fromkeys(key_display(binding.key) for binding in bindings))
    return keys, bindings[0].tooltip or bindings[0].description


class HelpScreen(ModalScreen[None]):
    """Shows sections of keys; any of its own keys closes it."""

    CSS = """
    HelpScreen .dialog { width: 90; height: auto; max-height: 96%; }
    HelpScreen LinesPane { height: auto; max-height: 100%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "close", "close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, shown: list[Section]) -> None:
        super().__init__()
        self._shown = shown

    def compose(self) -> ComposeResult:
        """The keys in a frame."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain("Keys")
            dialog.border_subtitle = plain("esc close")
            yield LinesPane(self._lines, id="help")

    def on_mount(self) -> None:
        pane = self.query_one("#help", LinesPane)
        pane.styles.height = len(self._lines(86, _ink(self)))
        pane.focus()

    def _lines(self, width: int, ink: Inks) -> list[Line]:
        lines: list[Line] = []
        keys = min(24, max((len(k) for section in self._shown for k, _ in section.entries), default=8) + 2)
        for section in self._shown:
            if lines:
                lines.append([])
            lines.append([(section.title, ink.strong)])
            for shown, text in section.entries:
                for position, row in enumerate(wrap(text, max(10, width - keys - 1))):
                    lines.append([(pad(f" {shown}" if not position else "", keys), ink.key), (f" {row}", ink.text)])
        lines += [[], *_states(width, ink)]
        return lines

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss()


def _states(width: int, ink: Inks) -> list[Line]:
    """What the symbols of states mean."""
    lines: list[Line] = [[]]
    used = 0
    for state in ("running", "starting", "queued", "finished", "failed", "stopped", "lost"):
        text = f"{symbol(state)} {state}   "
        if used + len(text) > width:
            lines.append([])
            used = 0
        lines[-1] += [(symbol(state), ink.state(state)), (f" {state}   ", ink.muted)]
        used += len(text)
    return lines


def _ink(screen: Screen[None]) -> Inks:
    from tui.theme import inks

    return inks(screen.app)
