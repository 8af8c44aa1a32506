"""Gradient norms and update-to-weight ratios of each layer over the steps, as heat maps on a logarithmic scale."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from engine.layer_series import FOLDER, QUANTITIES, read_layers
from tui.data_words import rows_of
from tui.plots.heat import Heat
from tui.run_parts import Stamp, stamp
from tui.run_store import RunSnapshot
from tui.text import number, safe
from tui.theme import inks
from tui.widgets.footer import Footer
from tui.widgets.heat_pane import HeatPane, legend_line
from tui.widgets.note_line import NoteLine
from tui.widgets.table import Line

if TYPE_CHECKING:
    from tui.app import DltuiApp

SECONDS = 1.0
"""Between two looks at the values of a run that is alive."""
MOST_COLUMNS = 2_000
"""Stretches of steps that are kept of a long run: more than any terminal is wide."""
WORDS = {
    "grad_norm": ("gradient norm", "the L2 norm of the layer's gradient"),
    "update_ratio": ("update ratio", "the norm of a step's change divided by that of the weights"),
}


class LayersRead(Message):
    """The values of the layers were read."""

    def __init__(self, quantity: str, heat: Heat | None) -> None:
        super().__init__()
        self.quantity, self.heat = quantity, heat

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, LayersRead)


class LegendLine(Widget):
    """The scale of the colours."""

    DEFAULT_CSS = "LegendLine { height: 1; background: $background; color: $dl-muted; }"

    def __init__(self, pane: HeatPane) -> None:
        super().__init__()
        self._pane = pane
        self.words = ""

    def render_line(self, y: int) -> Strip:
        """The scale, and what the values are."""
        return legend_line(self._pane.scale, self.size.width, self.rich_style, self.words)


class LayersScreen(Screen[None]):
    """One quantity at a time."""

    AUTO_FOCUS = "HeatPane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u,tab", "quantity", "other quantity", id="layers.quantity",
                tooltip="Gradient norms, or update-to-weight ratios"),
        Binding("escape,backspace", "leave", "back", id="layers.leave", tooltip="Go back"),
    ]  # fmt: skip

    def __init__(self, snapshot: RunSnapshot) -> None:
        super().__init__()
        self.snapshot = snapshot
        self.quantity = QUANTITIES[0]
        self._types = {
            str(row.get("name")): str(row.get("type")) for row in rows_of(snapshot.model.table.get("layers"))
        }
        self._leaving, self._wake = threading.Event(), threading.Event()

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """What is shown, the map, its scale, keys."""
        self.head, self.pane = NoteLine(), HeatPane()
        self.legend = LegendLine(self.pane)
        yield self.head
        yield self.pane
        yield self.legend
        yield Footer()

    def on_mount(self) -> None:
        self.watch_layers()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()

    @work(thread=True, exclusive=True, exit_on_error=False, group="layers")
    def watch_layers(self) -> None:
        """Read the values; again when they grew or the other quantity is wanted."""
        known: tuple[str, Stamp] | None = None
        seconds = SECONDS
        while not self._leaving.is_set():
            series, quantity = self.snapshot.run.paths.series, self.quantity
            now = (quantity, stamp(_file(series, quantity)))
            if now != known:
                known, began = now, time.monotonic()
                self.post_message(LayersRead(quantity, _read(series, quantity, self._types)))
                seconds = max(SECONDS, 20 * (time.monotonic() - began))  # a long file is read less often
            self._wake.wait(seconds if self.snapshot.alive else None)
            self._wake.clear()

    @on(LayersRead)
    def _take(self, message: LayersRead) -> None:
        message.stop()
        if message.quantity == self.quantity:
            self.pane.show(message.heat)
            self.legend.words = WORDS[self.quantity][1]
            self.legend.refresh()

    @on(HeatPane.Moved)
    def _moved(self, message: HeatPane.Moved) -> None:
        message.stop()
        self.head.show(self._words())

    def _words(self) -> Line:
        """Which quantity, and the value under the cursor."""
        ink, marked = inks(self.app), self.pane.marked
        title: Line = [(f" {self.snapshot.id} ", ink.strong), (f" {WORDS[self.quantity][0]}", ink.accent)]
        if marked is None:
            return [*title, ("   this run has measured no layers", ink.muted)]
        layer, first, last, value = marked
        steps = f"step {first:,}" if first == last else f"steps {first:,} to {last:,}, at most"
        return [*title, (f"   {safe(layer, 40)}", ink.text), (f"   {steps} ", ink.muted), (number(value), ink.strong)]

    def action_quantity(self) -> None:
        """The other quantity."""
        self.quantity = QUANTITIES[(QUANTITIES.index(self.quantity) + 1) % len(QUANTITIES)]
        self._wake.set()

    def action_leave(self) -> None:
        """Go back."""
        self.call_later(self.dltui.action_back)


def _file(series: Path, quantity: str) -> Path:
    return series / FOLDER / f"{quantity}.rows"


def _read(series: Path, quantity: str, types: dict[str, str]) -> Heat | None:
    found = read_layers(series, quantity)
    if found is None or not len(found.step):
        return None
    names = tuple(f"{name} {types[name]}" if name in types else name for name in found.layers)
    return Heat(names, found.step, found.step, found.value).thinned(MOST_COLUMNS)
