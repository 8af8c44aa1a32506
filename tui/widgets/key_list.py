"""Keys of runs to choose from: facts, metrics, settings, each with values that occur."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.query_completion import fitting
from engine.row_keys import getter, kind_of
from engine.rows import Row
from tui.run_columns import text
from tui.text import pad, safe
from tui.theme import Inks
from tui.widgets.line_input import LineInput
from tui.widgets.line_list import LineList
from tui.widgets.table import Line

_LOOKED_AT = 40
"""The newest runs, whose values are shown beside a key."""
_MARK = 4


@dataclass(frozen=True)
class KeyEntry:
    """A key as the list offers it."""

    key: str
    label: str = ""
    """What is shown in its place."""

    @property
    def shown(self) -> str:
        """How the list names it."""
        return self.label or self.key


class KeyInput(LineInput):
    """The line in which a key is looked for; keys hold no spaces, so space is left to the dialog."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, id="typed")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is typed."""
        return key != "space" and super().check_consume_key(key, character)


class KeyList(LineList[KeyEntry]):
    """The keys that fit what was typed.

    Args:
        entries: all of them.
        rows: the runs whose values are told.
        mark: what stands before a key: its rank, whether it is chosen.
    """

    def __init__(self, entries: Sequence[KeyEntry], rows: Sequence[Row], mark: Callable[[str], str]) -> None:
        super().__init__(id="keys")
        self.titled = False
        self._entries = entries
        self._rows = rows[-_LOOKED_AT:]
        self._mark = mark
        self._told: dict[str, str] = {}
        self.items = entries

    def narrow(self, typed: str) -> None:
        """Show the keys that hold what was typed."""
        by_label = {entry.shown: entry for entry in self._entries}
        found = [by_label[label] for label in fitting(list(by_label), typed)] if typed else list(self._entries)
        self.set_items(found, 0)
        self.refresh()

    def on_mount(self) -> None:
        self.empty = [[(" no run has such a key", self._ink().muted)]]

    def _ink(self) -> Inks:
        from tui.theme import inks

        return inks(self.app)

    def draw_item(self, item: KeyEntry, width: int, ink: Inks) -> Line:
        """Mark, key, and some of its values."""
        mark = self._mark(item.key)
        name = min(max(24, width * 2 // 5), max(0, width - _MARK))
        return [
            (pad(mark, _MARK), ink.accent),
            (pad(safe(item.shown), name), ink.strong if mark else ink.text),
            (safe(f"  {self._values(item.key)}", max(0, width - _MARK - name)), ink.muted),
        ]

    def _values(self, key: str) -> str:
        if key not in self._told:
            take, kind, now = getter(key), kind_of(key), time.time()
            found = (value for row in reversed(self._rows) if (value := take(row, now)) not in (None, "", ()))
            self._told[key] = ", ".join(dict.fromkeys(text(key, kind, value) for value in found))[:200]
        return self._told[key] if key else ""
