"""The layers of a run's model: names, types, shapes and parameters, with totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from tui.run_store import RunSnapshot
from tui.text import dash, fit, safe, size
from tui.theme import Inks, bar, inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.run_tab import RunTab, notice
from tui.widgets.table import Column, Line, arrange, draw_row, to_strip

COLUMNS = (
    Column("name", "layer", 14, 32),
    Column("type", "type", 12, 28),
    Column("shape", "output shape", 14, 26, right=True),
    Column("parameters", "parameters", 12, right=True),
    Column("share", "share", 8, right=True, rank=1),
    Column("bar", "", 10, 24, rank=2),
)


@dataclass(frozen=True)
class Layer:
    """One row of the table."""

    name: str
    type: str
    shape: str
    parameters: int
    trainable: int
    share: float
    reused: bool


class LayerList(LineList[Layer]):
    """The layers."""

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        cells = {column.key: (column.title, ink.muted) for column in COLUMNS}
        return draw_row(arrange(COLUMNS, width - 1), cells, ink.text)

    def draw_item(self, item: Layer, width: int, ink: Inks) -> Line:
        """A layer; those without parameters in muted ink."""
        plain = ink.text if item.parameters else ink.muted
        frozen = item.parameters and not item.trainable
        count = f"{item.parameters:,}" if item.parameters else dash()
        arranged = arrange(COLUMNS, width - 1)
        wide = next((w for column, w in arranged if column.key == "bar"), 0)
        cells = {
            "name": (item.name, plain),
            "type": (item.type + (" (frozen)" if frozen else ""), ink.muted),
            "shape": (item.shape, plain),
            "parameters": ("reused" if item.reused else count, plain),
            "share": (f"{100 * item.share:.1f} %" if item.parameters and not item.reused else "", ink.muted),
            "bar": (bar(item.share, wide) if item.parameters and not item.reused else "", ink.bar),
        }
        return draw_row(arranged, cells, ink.text)


class Totals(Widget):
    """The sums below the table."""

    DEFAULT_CSS = "Totals { height: 1; background: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def render_line(self, y: int) -> Strip:
        """The line."""
        ink = inks(self.app)
        return to_strip([(fit(f" {self.words}", self.size.width), ink.text)], self.size.width, self.rich_style)


class ModelTab(RunTab):
    """model.json as a table."""

    NAME = "model"
    TITLE = "Model"

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """The table and its totals."""
        yield LayerList()
        yield Totals()

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the table when it was written."""
        key = (snapshot.model, snapshot.alive)
        if key == self._shown or not self.is_mounted:
            return
        self._shown = key
        layers = self.query_one(LayerList)
        layers.empty = self._empty(snapshot)
        layers.set_items(read_layers(snapshot.model.table))
        totals = self.query_one(Totals)
        totals.words = total_words(snapshot.model.table)
        totals.refresh()

    def _empty(self, snapshot: RunSnapshot) -> list[Line]:
        width, ink = self.app.size.width, inks(self.app)
        if snapshot.model.problem:
            return notice(snapshot.model.problem, width, ink, bad=True)
        if snapshot.model.content is not None:
            return notice("model.json lists no layers", width, ink, bad=True)
        when = (
            "The worker writes it before the first step." if snapshot.alive else "The run ended before it was written."
        )
        return notice("There is no layer table.", width, ink, more=when)


def read_layers(table: dict[str, Any]) -> list[Layer]:
    """The rows of model.json; what is no row is passed over."""
    rows = table.get("layers")
    total = _whole(table.get("parameters")) or 1
    layers = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict):
            continue
        shape = row.get("output_shape")
        shown = f" {symbol('times')} ".join(safe(n) for n in shape) if isinstance(shape, list) else safe(shape or "")
        parameters = _whole(row.get("parameters"))
        layers.append(
            Layer(
                safe(row.get("name") or ""),
                safe(row.get("type") or ""),
                shown,
                parameters,
                _whole(row.get("trainable")),
                parameters / total,
                bool(row.get("reused")),
            )
        )
    return layers


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and value == value and abs(value) < 1e18 else 0


def total_words(table: dict[str, Any]) -> str:
    """`4,810 parameters · 19.2 kB · one batch forward and backward 1.1 kB`."""
    if not table:
        return ""
    total, trainable = _whole(table.get("parameters")), _whole(table.get("trainable"))
    parts = [f"{total:,} parameters" + (f", {trainable:,} trainable" if trainable != total else ", all trainable")]
    found = table.get("bytes")
    sizes = found if isinstance(found, dict) else {}
    labels = (("parameters", "weights"), ("input", "input"), ("forward_backward", "forward and backward"))
    parts += [f"{label} {size(_whole(sizes[key]))}" for key, label in labels if key in sizes]
    name = safe(table.get("name") or "")
    return f" {symbol('dot')} ".join([name, *parts] if name else parts)
