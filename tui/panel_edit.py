"""Panels being put together: series go in and out, panels come and go; what was automatic can be had again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tui.run_panels import Panel, edited, grouped
from tui.scores import parted

MOST_SERIES = 32
"""Series in one panel; of more no colour tells which is which."""


class PanelLike(Protocol):
    """A title and series, as a view remembers them."""

    @property
    def title(self) -> str: ...
    @property
    def series(self) -> tuple[str, ...]: ...


class PanelEdit:
    """What was changed by hand, and the panels that come of it."""

    def __init__(
        self, automatic: Sequence[Panel], known: Sequence[str], own: Iterable[PanelLike], removed: Iterable[str]
    ) -> None:
        """Begin with what there is.

        Args:
            known: the series there are.
            own: panels put together before.
            removed: titles of panels taken away before.
        """
        self.automatic, self.known = list(automatic), list(known)
        self.own = [Panel(panel.title, panel.series) for panel in own]
        self.removed = list(removed)

    @property
    def panels(self) -> list[Panel]:
        """The panels as they are now."""
        return edited(self.automatic, self.own, self.removed, self.known)

    def panel(self, title: str) -> Panel | None:
        """The panel of a title."""
        return next((panel for panel in self.panels if panel.title == title), None)

    def toggle(self, title: str, name: str) -> None:
        """Put a series into a panel, or take it out; a panel without any is gone."""
        panel = self.panel(title)
        if panel is None:
            return
        series = tuple(n for n in panel.series if n != name) if name in panel.series else (*panel.series, name)
        if not series:
            self.drop(title)
        elif len(series) <= MOST_SERIES:
            self._set(Panel(title, series))

    def new(self, name: str) -> str:
        """A panel of a series and what measures the same on other splits; its title."""
        base = parted(name)[1]
        title = self._free_title(base)
        together = next((panel.series for panel in grouped(self.known) if name in panel.series), (name,))
        self._set(Panel(title, together[:MOST_SERIES]))
        return title

    def _free_title(self, base: str) -> str:
        taken = {panel.title for panel in self.panels}
        number = 2
        title = base
        while title in taken:
            title, number = f"{base} {number}", number + 1
        return title

    def _set(self, panel: Panel) -> None:
        self.removed = [title for title in self.removed if title != panel.title]
        titles = [own.title for own in self.own]
        if panel.title in titles:
            self.own[titles.index(panel.title)] = panel
        else:
            self.own.append(panel)

    def drop(self, title: str) -> None:
        """Take a panel away."""
        self.own = [panel for panel in self.own if panel.title != title]
        if any(panel.title == title for panel in self.automatic) and title not in self.removed:
            self.removed.append(title)

    def reset(self) -> None:
        """The automatic panels again."""
        self.own, self.removed = [], []
