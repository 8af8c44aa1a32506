"""The evaluations of a run: confusion matrix, scores of each class, answers; back and forth over the epochs."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.strip import Strip
from textual.widget import Widget

from engine.answers import confusion_of
from engine.jsonio import number
from tui.data_words import rows_of
from tui.plots.matrix import draw_matrix
from tui.run_parts import EvaluationKey
from tui.run_store import RunSnapshot, Wants, best_of, of_next_split, stepped
from tui.scores import told
from tui.text import dash, pad, safe
from tui.text import number as shown
from tui.theme import Inks, ascii_mode, inks
from tui.widgets.lines_pane import LinesPane
from tui.widgets.run_data import styled, weakness
from tui.widgets.run_samples import generated_lines, sample_lines
from tui.widgets.run_tab import RunTab, notice
from tui.widgets.run_words import epochs, spread
from tui.widgets.table import Line, to_strip

WIDE = 104
"""From this width on the scores stand beside the matrix."""
SCORES = 58
"""The least cells of the scores there."""
WIDEST = 84
"""Tables of classes are not drawn wider than this."""
WIDEST_TEXT = 140
"""Nor other answers wider than this."""
_SPLITS = {"val": "validation"}


class EvaluationHead(Widget):
    """Which evaluation is looked at, and its metrics."""

    DEFAULT_CSS = "EvaluationHead { height: 2; background: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: RunSnapshot | None = None

    def show(self, snapshot: RunSnapshot) -> None:
        """Show another one."""
        self._snapshot = snapshot
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Split, epoch and step; below, the metrics."""
        width, ink = self.size.width, inks(self.app)
        snapshot = self._snapshot
        if snapshot is None or snapshot.evaluation_key is None:
            return Strip.blank(width, self.rich_style)
        line = self._which(snapshot, width, ink) if y == 0 else metric_line(snapshot, width, ink)
        return to_strip(line, width, self.rich_style)

    @staticmethod
    def _which(snapshot: RunSnapshot, width: int, ink: Inks) -> Line:
        key, table = snapshot.evaluation_key, snapshot.evaluation.table
        assert key is not None
        at = snapshot.evaluations.index(key) if key in snapshot.evaluations else 0
        epoch = number(table.get("epoch"))
        line: Line = [(f" {safe(_SPLITS.get(key.split, key.split))}", ink.strong)]
        if epoch == epoch:
            line.append((f"   epoch {epochs(epoch)}", ink.text))
        line.append((f"   step {key.step:,}", ink.muted))
        count = number(table.get("count"))
        if count > 0:
            line.append((f"   {count:,.0f} {'sample' if count == 1 else 'samples'}", ink.muted))
        if table.get("checkpoint"):
            line.append(
                (f"   {safe(table['checkpoint'])} checkpoint", ink.star if table["checkpoint"] == "best" else ink.muted)
            )
        if len(snapshot.evaluations) < 2:
            return line
        place = f"{at + 1:,} of {len(snapshot.evaluations):,} "
        return spread(line, [("[ ", ink.key), (place, ink.muted), ("]", ink.key)], width, ink)


def metric_line(snapshot: RunSnapshot, width: int, ink: Inks) -> Line:
    """The metrics of an evaluation and, beside the accuracy, what always answering the majority class scores."""
    table, key = snapshot.evaluation.table, snapshot.evaluation_key
    metrics = table.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    split = key.split if key else "val"
    short = {str(name).partition("/")[2] or str(name): value for name, value in metrics.items()}
    ordered = told(name for name in short if name != "majority")
    line: Line = [(" ", ink.text)]
    used = 1
    for name in ordered:
        value = shown(number(short[name]))
        words = f"{safe(name)} "
        extra = ""
        if name == "accuracy" and (base := _majority(short, snapshot, split)) is not None:
            extra = f" (majority {shown(base, 3)})"
        if used + len(words) + len(value) + len(extra) > width - 1:
            break
        line += [
            (words, ink.muted),
            (value, ink.strong if name == ordered[0] else ink.text),
            (extra, ink.muted),
            ("   ", ink.text),
        ]
        used += len(words) + len(value) + len(extra) + 3
    return line


def _majority(metrics: dict[str, Any], snapshot: RunSnapshot, split: str) -> float | None:
    stated = number(metrics.get("majority"))
    return stated if stated == stated else snapshot.baseline(split)


class EvaluationTab(RunTab):
    """One evaluation at a time; the newest until another is chosen."""

    NAME = "evaluation"
    TITLE = "Evaluation"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "samples", "samples", id="run.evaluation.samples", tooltip="Samples, mistakes first, over epochs"),
        Binding(
            "left_square_bracket", "step(-1)", "earlier", id="run.evaluation.back", tooltip="The evaluation before"
        ),
        Binding("right_square_bracket", "step(1)", "later", id="run.evaluation.forth", tooltip="The next evaluation"),
        Binding("b", "best", "best", id="run.evaluation.best", tooltip="The evaluation of the best step"),
        Binding(
            "t",
            "split",
            "other split",
            id="run.evaluation.split",
            tooltip="The next split, best step or newest",
        ),
        Binding(
            "left_curly_bracket",
            "leap(-1)",
            "far earlier",
            show=False,
            id="run.evaluation.far_back",
            tooltip="A tenth of all evaluations back",
        ),
        Binding(
            "right_curly_bracket",
            "leap(1)",
            "far later",
            show=False,
            id="run.evaluation.far_forth",
            tooltip="A tenth of all evaluations forth",
        ),
        Binding(
            "m", "matrix", "matrix", id="run.evaluation.matrix", tooltip="The confusion matrix up close, and pairs"
        ),
        Binding(
            "o",
            "order",
            "order",
            id="run.evaluation.order",
            tooltip="The classes with the lowest F1 first, or in their order",
        ),
        Binding("p", "pane", "other pane", id="run.evaluation.pane", tooltip="Scroll the other pane"),
    ]
    DEFAULT_CSS = """
    EvaluationTab Horizontal { height: 1fr; }
    EvaluationTab #matrix { width: 1fr; background: $background; }
    EvaluationTab #scores { width: 1fr; display: none; background: $background; }
    EvaluationTab.-beside #scores { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.chosen: EvaluationKey | None = None
        """None follows the newest."""
        self.weakest = False
        """Whether the classes with the lowest F1 come first; else they are in their order."""
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """Head, matrix, scores."""
        self.head = EvaluationHead()
        self.matrix, self.scores = LinesPane(id="matrix"), LinesPane(id="scores")
        yield self.head
        with Horizontal():
            yield self.matrix
            yield self.scores

    def wants(self) -> Wants:
        """The chosen one is read."""
        return Wants(self.NAME, evaluation=self.chosen)

    def show(self, snapshot: RunSnapshot) -> None:
        """Show another evaluation, or a newer one."""
        key = (snapshot.evaluations, snapshot.evaluation_key, snapshot.evaluation, snapshot.baseline("val"))
        if key == self._shown or not self.is_mounted:
            return
        same = isinstance(self._shown, tuple) and self._shown[1:3] == key[1:3]
        self._shown = key
        self._arrange()
        self.head.show(snapshot)
        self.head.display = snapshot.evaluation_key is not None
        if not same:
            self._draw(snapshot)
        self.refresh_bindings()

    def on_resize(self) -> None:
        if self._arrange():
            self._draw(self.snapshot)
            self.refresh_bindings()

    def _arrange(self) -> bool:
        """Stand scores beside a matrix, where there is one and room for both; whether that is another arrangement."""
        beside = self.size.width >= WIDE and bool(confusion_of(self.snapshot.evaluation.table)[0])
        if beside == self.has_class("-beside"):
            return False
        if self.scores.has_focus and not beside:
            self.matrix.focus(scroll_visible=False)
        self.set_class(beside, "-beside")
        return True

    def _draw(self, snapshot: RunSnapshot) -> None:
        beside = self.has_class("-beside")
        app = self.app
        weakest = self.weakest
        self.matrix.show(
            lambda width, ink: matrix_lines(app, snapshot, width, ink, alone=not beside, weakest=weakest), top=False
        )
        self.matrix.styles.width = self._matrix_width(snapshot) if beside else "1fr"
        if beside:
            self.scores.show(lambda width, ink: score_lines(snapshot, width, ink, weakest=weakest), top=False)

    def _matrix_width(self, snapshot: RunSnapshot) -> int:
        """What the matrix takes, so that the scores stand close to it."""
        most = self.size.width - SCORES
        counts, classes = confusion_of(snapshot.evaluation.table)
        drawn = draw_matrix(counts, classes, most - 4, ascii_only=ascii_mode()) if counts else []
        used = max((sum(cell_len(text) for text, _, _ in line) for line in drawn), default=0)
        return max(40, min(most, used + 4))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There must be another evaluation, or another pane."""
        if action in ("step", "leap", "best"):
            return len(self.snapshot.evaluations) > 1
        if action == "split":
            return of_next_split(self.snapshot) is not None
        if action == "order":
            return len(rows_of(self.snapshot.evaluation.table.get("per_class"))) > 1
        if action == "matrix":
            return bool(self.snapshot.evaluation.table.get("confusion"))
        if action == "samples":
            return self.snapshot.evaluation_key is not None
        return self.has_class("-beside") if action == "pane" else True

    def action_step(self, by: int) -> None:
        """An earlier or a later evaluation; after the newest, follow the newest."""
        if self.snapshot.evaluations:
            self.chosen = stepped(self.snapshot, self.chosen, by)
            self.run_screen.want(self.wants())

    def action_leap(self, tenths: int) -> None:
        """Far back or forth."""
        self.action_step(tenths * max(1, len(self.snapshot.evaluations) // 10))

    def action_best(self) -> None:
        """The evaluation of the step that is the best so far."""
        found = best_of(self.snapshot)
        if found is not None:
            self.chosen = found
            self.run_screen.want(self.wants())

    def action_split(self) -> None:
        """An evaluation of the next split."""
        found = of_next_split(self.snapshot)
        if found is not None:
            self.chosen = found
            self.run_screen.want(self.wants())

    def action_order(self) -> None:
        """The classes otherwise."""
        self.weakest = not self.weakest
        self._draw(self.snapshot)

    def action_matrix(self) -> None:
        """The confusion matrix on a screen of its own."""
        from tui.screens.matrix import MatrixScreen

        self.app.push_screen(MatrixScreen(self.snapshot, self.chosen))

    def action_samples(self) -> None:
        """Browse the samples."""
        from tui.screens.samples import browse_run

        browse_run(self.run_screen)

    def action_pane(self) -> None:
        """Give the keys for scrolling to the other pane."""
        (self.matrix if self.scores.has_focus else self.scores).focus()


def matrix_lines(
    app: App[Any], snapshot: RunSnapshot, width: int, ink: Inks, *, alone: bool, weakest: bool = False
) -> list[Line]:
    """The confusion matrix; without room beside it, the scores below."""
    document = snapshot.evaluation
    if snapshot.evaluation_key is None:
        when = snapshot.info.settings.get("evaluate")
        every = when.get("every") if isinstance(when, dict) else None
        more = f"One is made every {str(every).removeprefix('1 ')}." if every and snapshot.alive else ""
        return notice(
            "There is no evaluation yet." if snapshot.alive else "This run was never evaluated.", width, ink, more=more
        )
    if document.problem:
        return notice(document.problem, width, ink, bad=True)
    table = document.table
    counts, classes = confusion_of(table)
    lines: list[Line] = []
    if counts:
        lines += [[], *styled(app, draw_matrix(counts, classes, width - 2, ascii_only=ascii_mode()))]
    elif table.get("confusion"):
        lines += notice(
            f"{snapshot.evaluation_key.name}: its confusion matrix is not as it should be", width, ink, bad=True
        )
    if alone:
        lines += score_lines(snapshot, width, ink, weakest=weakest)
    return lines


def score_lines(snapshot: RunSnapshot, width: int, ink: Inks, *, weakest: bool = False) -> list[Line]:
    """Precision, recall, F1 and support of each class; text the model wrote; then answers to single samples.

    Args:
        weakest: the classes with the lowest F1 come first.
    """
    if snapshot.evaluation_key is None or snapshot.evaluation.problem:
        return []
    table = snapshot.evaluation.table
    rows = rows_of(table.get("per_class"))
    if weakest:
        rows.sort(key=lambda row: weakness(number(row.get("recall")), number(row.get("f1"))))
    width = min(width, WIDEST if rows or table.get("confusion") else WIDEST_TEXT)
    lines: list[Line] = []
    if rows:
        lines += [[], *_class_table(rows, width, ink)]
    lines += generated_lines(table, width, ink)
    samples = sample_lines(table, width, ink)
    if samples:
        lines += [[], *samples]
    if not lines and not table.get("confusion"):
        return notice("This evaluation holds no answers, only its metrics.", width, ink)
    return lines


def _class_table(rows: list[dict[str, Any]], width: int, ink: Inks) -> list[Line]:
    columns = ["precision", "recall", "f1", "support"]
    if any("auc" in row for row in rows):
        columns.insert(3, "auc")
    names = [safe(row.get("class", "")) for row in rows]
    while columns and width - 2 - 10 * len(columns) < 8:
        columns.pop(-2 if len(columns) > 1 else 0)
    room = max(5, min(max(map(len, names), default=5), width - 2 - 10 * len(columns)))
    lines: list[Line] = [[(f" {pad('class', room)}", ink.muted), *((f"{c:>10}", ink.muted) for c in columns)]]
    scores = [value for row in rows if (value := number(row.get("f1"))) == value]
    bad = sum(scores) / len(scores) - 0.1 if scores else -1.0
    for name, row in zip(names, rows, strict=True):
        line: Line = [(f" {pad(name, room)}", ink.text)]
        for column in columns:
            value = number(row.get(column))
            text = (
                f"{value:,.0f}"
                if column == "support" and value == value
                else shown(value, 3)
                if value == value
                else dash()
            )
            low = column == "f1" and value <= bad
            line.append((f"{text:>10}", ink.warning if low else ink.muted if column == "support" else ink.text))
        lines.append(line)
    return lines
