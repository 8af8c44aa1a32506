"""The confusion matrix of a run on a screen of its own: zoomed, panned, over epochs; the pairs confused most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from engine.answers import ORDERS, Pair, confused_pairs, confusion_of, ordered
from tui.plots.matrix_view import Shares
from tui.run_parts import Document, EvaluationKey
from tui.run_store import RunSnapshot
from tui.screens.evaluation_screen import EvaluationScreen
from tui.text import fit, safe
from tui.theme import Inks, bar, inks, symbol
from tui.widgets.footer import Footer
from tui.widgets.line_list import LineList
from tui.widgets.matrix_pane import MatrixPane
from tui.widgets.note_line import NoteLine
from tui.widgets.run_evaluation import EvaluationHead
from tui.widgets.table import Column, Line, arrange, draw_row

WIDE = 100
"""From this width on the pairs stand beside the matrix."""
_TITLES = {"count": "most frequent first", "share": "largest share of the true class first",
           "true": "by true class", "predicted": "by predicted class"}  # fmt: skip
COLUMNS = (
    Column("true", "true", 6, 20),
    Column("predicted", "taken for", 9, 20),
    Column("count", "count", 5, 7, right=True),
    Column("share", "share", 7, right=True),
    Column("bar", "", 4, 12, rank=1),
)


class PairList(LineList[Pair]):
    """Which classes are taken for which."""

    def __init__(self) -> None:
        super().__init__(id="pairs")
        self.names: list[str] = []
        self.most = 1

    def show_pairs(self, pairs: list[Pair], classes: list[str], ink: Inks) -> None:
        """Show other pairs; the cursor stays on the pair it is on."""
        kept = self.current
        self.names, self.most = classes, max((pair.count for pair in pairs), default=1)
        at = next((i for i, p in enumerate(pairs) if kept and (p.true, p.predicted) == (kept.true, kept.predicted)), 0)
        self.empty = [[(" nothing is taken for anything else", ink.muted)]]
        self.set_items(pairs, at)
        self.forget()

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        return draw_row(arrange(COLUMNS, width - 1), {c.key: (c.title, ink.muted) for c in COLUMNS}, ink.text)

    def draw_item(self, item: Pair, width: int, ink: Inks) -> Line:
        """A pair, how often, and what part of the true class."""
        arranged = arrange(COLUMNS, width - 1)
        wide = next((cells for column, cells in arranged if column.key == "bar"), 0)
        cells = {
            "true": (safe(self.names[item.true]), ink.text),
            "predicted": (safe(self.names[item.predicted]), ink.text),
            "count": (f"{item.count:,}", ink.strong),
            "share": (f"{100 * item.share:.1f} %", ink.muted),
            "bar": (bar(item.count / self.most, wide), ink.bad),
        }
        return draw_row(arranged, cells, ink.text)


@dataclass(frozen=True)
class Confusions:
    """What is drawn of an evaluation."""

    counts: list[list[int]]
    names: list[str]
    shares: Shares
    pairs: list[Pair]


class MatrixScreen(EvaluationScreen):
    """All classes, or some of them up close; beside them the pairs, which lead to their cells and samples."""

    AUTO_FOCUS = "MatrixPane"
    WIDGET_KEYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "p,tab", "pane", "pairs, matrix", id="matrix.pane", tooltip="The pairs confused most, or the matrix again"
        ),
        Binding("o", "order", "order", id="matrix.order", tooltip="Order the pairs otherwise"),
        Binding("enter,v", "samples", "samples", id="matrix.samples", tooltip="The samples of this cell"),
    ]
    DEFAULT_CSS = """
    MatrixScreen Horizontal { height: 1fr; }
    MatrixScreen #pairs { width: 48; display: none; background: $background; margin: 0 0 0 2; }
    MatrixScreen.-beside #pairs { display: block; }
    MatrixScreen.-pairs #pairs { display: block; width: 1fr; margin: 0; }
    MatrixScreen.-pairs MatrixPane { display: none; }
    """

    def __init__(self, snapshot: RunSnapshot, chosen: EvaluationKey | None = None) -> None:
        super().__init__(snapshot, chosen)
        self.order = ORDERS[0]
        self._shown = Confusions([], [], Shares.of([], []), [])

    def compose(self) -> ComposeResult:
        """Head, matrix, pairs, the marked cell in words, keys."""
        self.head, self.matrix, self.pairs, self.cell = EvaluationHead(), MatrixPane(), PairList(), NoteLine()
        yield self.head
        with Horizontal():
            yield self.matrix
            yield self.pairs
        yield self.cell
        yield Footer()

    def make_of(self, document: Document) -> Confusions:
        """The matrix with its shares, and the pairs."""
        counts, names = confusion_of(document.table)
        return Confusions(counts, names, Shares.of(counts, names), confused_pairs(counts))

    def show_evaluation(self, made: object) -> None:
        """Draw the matrix, the pairs and the line of the marked cell."""
        assert isinstance(made, Confusions)
        self.head.show(self.snapshot)
        first = not self._shown.counts
        self._shown = made
        self.matrix.set_matrix(made.shares)
        self._show_pairs()
        if first:  # the pair that is marked is the cell that enter opens
            self._mark_pair()
        self._say_cell()

    def _show_pairs(self) -> None:
        pairs = ordered(self._shown.pairs, self.order)
        self.pairs.show_pairs(pairs, self._shown.names, inks(self.app))

    def _say_cell(self) -> None:
        ink, width = inks(self.app), self.app.size.width
        if not self._shown.counts:
            self.cell.show([(fit(" this evaluation holds no confusion matrix", width), ink.muted)])
            return
        block = self.matrix.view.zoom.block
        self.cell.show(self._cell_words(ink) if block == 1 else self._block_words(block, ink))

    def _cell_words(self, ink: Inks) -> Line:
        true, predicted = self.matrix.cursor
        row, names = self._shown.counts[true], self._shown.names
        count, total = row[predicted], sum(row)
        share = f" {symbol('dot')} {100 * count / total:.1f} %" if total else ""
        asked = sum(other[predicted] for other in self._shown.counts)
        words = "right" if true == predicted else f"taken for {safe(names[predicted], 30)}"
        return [
            (f" {safe(names[true], 30)} ", ink.strong),
            (words, ink.good if true == predicted else ink.bad),
            (f"   {count:,} of {total:,}{share}", ink.text),
            (f"   answered {asked:,} times", ink.muted),
        ]

    def _block_words(self, block: int, ink: Inks) -> Line:
        """Of a cell that stands for several classes."""
        names, view = self._shown.names, self.matrix.view
        true, predicted = (at * block for at in view.cursor)
        last = [safe(names[min(at + block, len(names)) - 1], 20) for at in (true, predicted)]
        words = f" {safe(names[true], 20)} {symbol('dash')} {last[0]} "
        taken = f"taken for {safe(names[predicted], 20)} {symbol('dash')} {last[1]}"
        taken = taken if true != predicted else "right or taken for one another"
        count = int(view.shares.counts[view.cursor])
        return [
            (words, ink.strong),
            (taken, ink.bad if true != predicted else ink.good),
            (f"   {count:,}", ink.text),
            (f"   {symbol('enter')} shows each", ink.muted),
        ]

    # panes

    def on_resize(self) -> None:
        beside = self.app.size.width >= WIDE
        self.set_class(beside, "-beside")
        self.set_class(self.pairs.has_focus and not beside, "-pairs")

    def action_pane(self) -> None:
        """Give the keys to the pairs, or to the matrix; where there is no room for both, show the other one."""
        to_pairs = not self.pairs.has_focus
        self.set_class(to_pairs and not self.has_class("-beside"), "-pairs")
        self.set_focus(self.pairs if to_pairs else self.matrix)
        if to_pairs:
            self._mark_pair()

    def action_order(self) -> None:
        """The next of the orders that pairs can have."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._show_pairs()
        self.pairs.move_to(0)
        self.notify(f"The pairs: {_TITLES[self.order]}", timeout=3)

    @on(LineList.Highlighted)
    def _to_cell(self, message: LineList.Highlighted) -> None:
        message.stop()
        if self.pairs.has_focus:
            self._mark_pair()

    def _mark_pair(self) -> None:
        """Mark the cell of the pair under the cursor."""
        pair = self.pairs.current
        if pair is not None:
            self.matrix.move_to(pair.true, pair.predicted)
            self._say_cell()

    @on(LineList.Chosen)
    def _from_pair(self, message: LineList.Chosen) -> None:
        message.stop()
        pair = self.pairs.current
        if pair is not None:
            self.matrix.move_to(pair.true, pair.predicted)
            self.action_samples()

    @on(MatrixPane.Moved)
    def _moved(self, message: MatrixPane.Moved) -> None:
        message.stop()
        self._say_cell()

    @on(MatrixPane.Chosen)
    def _chosen(self, message: MatrixPane.Chosen) -> None:
        message.stop()
        self.action_samples()

    def action_samples(self) -> None:
        """Browse the samples of the marked cell."""
        from tui.samples import Filter
        from tui.screens.samples import open_samples

        if self._shown.counts:
            true, predicted = self.matrix.cursor
            open_samples(self, Filter(true=self._shown.names[true], predicted=self._shown.names[predicted]))
