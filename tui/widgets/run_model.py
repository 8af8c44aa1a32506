"""The layers of a run's model: names, types, shapes and parameters, with totals."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from tui.data_words import whole
from tui.layer_tree import Node, build_tree, holders, lines_of
from tui.run_store import RunSnapshot
from tui.text import dash, fit, percent, safe, size
from tui.theme import Inks, bar, inks, symbol
from tui.widgets.filter_bar import FilterBar
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


class LayerTree(LineList[Node]):
    """The modules, those in others below them."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: set[str] = set()
        """The paths of modules whose own modules are hidden."""
        self.searching = False

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        cells = {column.key: (column.title, ink.muted) for column in COLUMNS}
        return draw_row(arrange(COLUMNS, width - 1), cells, ink.text)

    def version(self, item: Node) -> int:
        """A module that was opened or closed is drawn anew."""
        return int(item.path in self.closed and not self.searching)

    def draw_item(self, item: Node, width: int, ink: Inks) -> Line:
        """A module; those without parameters in muted ink."""
        plain = ink.text if item.parameters else ink.muted
        count = f"{item.parameters:,}" if item.parameters else dash()
        arranged = arrange(COLUMNS, width - 1)
        wide = next((w for column, w in arranged if column.key == "bar"), 0)
        cells = {
            "name": (self._indented(item), ink.strong if item.children and item.parameters else plain),
            "type": (_type(item), ink.muted),
            "shape": (item.shape, plain),
            "parameters": ("reused" if item.reused else count, plain),
            "share": (_share(item.share) if item.parameters else "", ink.muted),
            "bar": (bar(item.share, wide) if item.parameters else "", ink.muted if item.children else ink.bar),
        }
        return draw_row(arranged, cells, ink.text)

    def _indented(self, item: Node) -> str:
        mark = "" if not item.children else symbol("closed" if self.version(item) else "open")
        return f"{'  ' * min(item.depth, 12)}{mark or ' '} {item.name}"


def _share(share: float) -> str:
    """A layer's share of the parameters; what is little is not said to be nothing."""
    return percent(share) if share >= 0.0005 else "<0.1 %"


def _type(item: Node) -> str:
    """Its class; of a module that the table has no line for, how many it holds."""
    frozen = " (frozen)" if item.parameters and not item.trainable else ""
    many = len(item.children)
    held = f"{many} module{'' if many == 1 else 's'}" if many and not item.type else ""
    return (item.type or held) + frozen


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
    """model.json as a tree."""

    NAME = "model"
    TITLE = "Model"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "fold", "open, close", id="run.model.toggle", tooltip="Show or hide what is in it"),
        Binding("minus", "close_all", "close all", show=False, id="run.model.close", tooltip="Close all modules"),
        Binding("plus", "open_all", "open all", show=False, id="run.model.open", tooltip="All modules"),
        Binding("slash", "search", "search", id="run.model.search", tooltip="Modules with these words in name or type"),
        Binding("v", "heat", "gradients", id="run.model.heat",
                tooltip="Gradient norms and update ratios of each layer over the steps"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None
        self._roots: list[Node] = []
        self._words = ""

    def compose(self) -> ComposeResult:
        """The search, the tree and its totals."""
        self.bar, self.tree_list = FilterBar("part of a name or a type"), LayerTree()
        yield self.bar
        yield self.tree_list
        yield Totals()

    def take_focus(self) -> None:
        """The keys move in the tree."""
        self.tree_list.focus(scroll_visible=False)

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the tree when it was written."""
        key = (snapshot.model, snapshot.alive)
        if key == self._shown or not self.is_mounted:
            return
        self._shown = key
        self._roots = build_tree(snapshot.model.table)
        self._fill()
        totals = self.query_one(Totals)
        totals.words = total_words(snapshot.model.table)
        totals.refresh()

    def _fill(self) -> None:
        """List the modules in sight; the cursor stays on its module."""
        tree, kept = self.tree_list, self.tree_list.current
        tree.searching = bool(self._words.split())
        shown = lines_of(self._roots, tree.closed, self._words)
        at = next((i for i, node in enumerate(shown) if node is kept), None)
        ink = inks(self.app)
        none: list[Line] = [[(" No module holds ", ink.muted), (safe(self._words), ink.text)]]
        tree.empty = none if tree.searching and self._roots else self._empty(self.snapshot)
        tree.set_items(shown, at)

    def action_fold(self) -> None:
        """Hide what is in a module, or show it."""
        node = self.tree_list.current
        if node is not None and node.children and not self.tree_list.searching:
            self.tree_list.closed ^= {node.path}
            self._fill()

    def action_close_all(self) -> None:
        """Only the modules at the top."""
        self.tree_list.closed = holders(self._roots)
        self._fill()

    def action_open_all(self) -> None:
        """All modules."""
        self.tree_list.closed = set()
        self._fill()

    @on(LineList.Chosen)
    def _double_clicked(self, message: LineList.Chosen) -> None:
        message.stop()
        self.action_fold()

    def action_search(self) -> None:
        """Let the person type."""
        self.bar.open()

    @on(FilterBar.Changed)
    def _typed(self, message: FilterBar.Changed) -> None:
        message.stop()
        self._words = message.text
        self._fill()

    @on(FilterBar.Closed)
    def _done(self, message: FilterBar.Closed) -> None:
        message.stop()
        self.tree_list.focus()

    def action_heat(self) -> None:
        """Gradients and updates by layer."""
        from tui.screens.layers import LayersScreen

        self.app.push_screen(LayersScreen(self.snapshot))

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


def total_words(table: dict[str, Any]) -> str:
    """`4,810 parameters · 19.2 kB · one batch forward and backward 1.1 kB`."""
    if not table:
        return ""
    total, trainable = whole(table.get("parameters")), whole(table.get("trainable"))
    parts = [f"{total:,} parameters" + (f", {trainable:,} trainable" if trainable != total else ", all trainable")]
    found = table.get("bytes")
    sizes = found if isinstance(found, dict) else {}
    labels = (("parameters", "weights"), ("input", "input"), ("forward_backward", "forward and backward"))
    parts += [f"{label} {size(whole(sizes[key]))}" for key, label in labels if key in sizes]
    name = safe(table.get("name") or "")
    return f" {symbol('dot')} ".join([name, *parts] if name else parts)
