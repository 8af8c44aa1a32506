"""The rows of a data set: those of a split, of a class, and, for a run, those that it answers wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from rich.style import Style
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from engine.answers import History, predicted_rows, read_evaluations, row_histories
from engine.jsonio import number
from tui.data_words import class_names, table_of
from tui.plots.inks import style_of
from tui.rows_reader import Question, Rows, RowsReader, Source
from tui.run_parts import Document, EvaluationKey, EvaluationsFolder
from tui.run_store import SPLITS, RunSnapshot
from tui.samples import Filter, Sample, data_rows
from tui.text import fit, safe
from tui.theme import inks, symbol
from tui.widgets.footer import Footer
from tui.widgets.note_line import NoteLine
from tui.widgets.run_words import epochs
from tui.widgets.sample_browser import SampleBrowser
from tui.widgets.table import Line

if TYPE_CHECKING:
    from tui.app import DltuiApp

MOST_UNASKED = 4
"""Questions that are asked on their own, one after another, where words let few rows through."""


class RowsRead(Message):
    """Rows were listed, or could not be."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.rows = rows


class HistoriesRead(Message):
    """What was answered to rows at each evaluation is known."""

    def __init__(self, split: str, found: dict[int, History]) -> None:
        super().__init__()
        self.split, self.found = split, found


class EvaluationRead(Message):
    """The answers of another evaluation are there."""

    def __init__(self, key: EvaluationKey, document: Document) -> None:
        super().__init__()
        self.key, self.document = key, document


class RowsScreen(Screen[None]):
    """The rows of one split at a time; more are read as the cursor nears the end of those that are there."""

    AUTO_FOCUS = "SampleList"
    WIDGET_KEYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "split", "split", id="rows.split", tooltip="The next split of the data"),
        Binding("left_square_bracket", "step(-1)", "earlier", id="rows.earlier",
                tooltip="The answers of the evaluation before"),
        Binding("right_square_bracket", "step(1)", "later", id="rows.later",
                tooltip="The answers of the next evaluation"),
        Binding("R", "again", "read again", show=False, id="rows.again", tooltip="Read the rows again"),
        Binding("escape,backspace", "leave", "back", id="rows.leave", tooltip="Go back"),
    ]  # fmt: skip

    def __init__(self, source: Source, snapshot: RunSnapshot | None = None, wanted: Filter | None = None) -> None:
        super().__init__()
        self.source = source
        self.snapshot = snapshot
        """The run whose evaluation stands beside the rows; None for an experiment."""
        self._wanted = wanted or Filter()
        """The filter to begin with."""
        key = snapshot.evaluation_key if snapshot is not None else None
        evaluated = "" if key is None else SPLITS.get(key.split, key.split)
        self.split = evaluated if wanted is not None and evaluated in source.splits else source.splits[0]
        self._reader = RowsReader(source)
        self._rows: list[Sample] = []
        self._histories: dict[int, History] = {}
        """What was answered to the rows of the split over the evaluations."""
        self._total = 0
        self._question: Question | None = None
        """What is being read."""
        self._begun: Question | None = None
        """What the rows are the answer to, from its beginning."""
        self._unasked = 0
        """Questions since the person last asked for something."""
        self._problem = ""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """What is shown in a line, the samples, keys."""
        self.head, self.browser = NoteLine(), SampleBrowser(self._wanted)
        self.browser.names = self.source.classes
        yield self.head
        yield self.browser
        yield Footer()

    def on_mount(self) -> None:
        self._begin()

    def on_unmount(self) -> None:
        self._reader.close()

    def on_screen_suspend(self) -> None:
        """Another screen covers this one."""
        self.browser.image.leave()

    def on_screen_resume(self) -> None:
        """This one is in sight again."""
        self.browser.image.refresh()

    # reading

    def _begin(self) -> None:
        """Read the first rows of the split, class and answers that are wanted."""
        self._rows, self._total, self._problem, self._unasked = [], 0, "", 0
        self._begun = self._wanted_rows()
        self._ask(0)

    def _ask(self, start: int) -> None:
        self._question = self._wanted_rows(start)
        self._show()
        self._read(self._question)

    def _wanted_rows(self, start: int = 0) -> Question:
        wanted, step = self.browser.wanted, self._answered_step()
        if step is None:
            return Question(self.split, wanted.true, start)
        return Question(self.split, wanted.true, start, step, wanted.wrong, wanted.predicted)

    def _answered_step(self) -> int | None:
        """The step of the run's evaluation, where it kept its answers to the split that is shown."""
        snapshot = self.snapshot
        key = snapshot.evaluation_key if snapshot is not None else None
        if snapshot is None or key is None or SPLITS.get(key.split, key.split) != self.split:
            return None
        return key.step if predicted_rows(snapshot.evaluation.table) else None

    @work(thread=True, exclusive=True, exit_on_error=False, group="rows")
    def _read(self, question: Question) -> None:
        rows = self._reader.ask(question)
        if rows is not None:
            self.post_message(RowsRead(rows))

    @on(RowsRead)
    def _take(self, message: RowsRead) -> None:
        message.stop()
        rows = message.rows
        if rows.question != self._question:
            return
        self._question = None
        if rows.error:
            self._problem = f"{rows.error}. {rows.hint}".strip()
        else:
            self._total = int(rows.content.get("total") or 0)
            read = data_rows(rows.content)
            self._rows += read
            if self._answered_step() is not None:
                self._read_histories(self.split, {row.row: row.true for row in read})
        self._show()
        self._more_if_few()

    @work(thread=True, exit_on_error=False, group="histories")
    def _read_histories(self, split: str, labels: dict[int, str]) -> None:
        """Read what was answered to rows at each evaluation that kept all answers."""
        labels = {row: true for row, true in labels.items() if row not in self._histories}
        if self.snapshot is not None and labels:
            evaluations = read_evaluations(self.snapshot.run.paths.evaluation, split)
            self.post_message(HistoriesRead(split, row_histories(evaluations, labels)))

    @on(HistoriesRead)
    def _histories_read(self, message: HistoriesRead) -> None:
        message.stop()
        if message.split == self.split:
            self._histories |= message.found
            self._show()

    def _more_if_few(self) -> None:
        """Read on where the words that were typed let less through than there is room for, but not without end."""
        if self.browser.shown < self.browser.size.height and self._unasked < MOST_UNASKED:
            self._unasked += 1
            self._more()

    def _more(self) -> None:
        if self._question is None and not self._problem and len(self._rows) < self._total:
            self._ask(len(self._rows))

    @on(SampleBrowser.NearEnd)
    def _near_end(self, message: SampleBrowser.NearEnd) -> None:
        message.stop()
        self._more()

    @on(SampleBrowser.Filtered)
    def _filtered(self, message: SampleBrowser.Filtered) -> None:
        """Another class or other answers are asked for; other words are looked for in what is there, and further on."""
        message.stop()
        self._unasked = 0
        if self._wanted_rows() != self._begun:
            self._begin()
        else:
            self._show()
            self._more_if_few()

    # evaluations

    def _evaluations(self) -> list[EvaluationKey]:
        """Those of the split that is shown."""
        known = self.snapshot.evaluations if self.snapshot is not None else ()
        return [key for key in known if SPLITS.get(key.split, key.split) == self.split]

    @work(thread=True, exclusive=True, exit_on_error=False, group="evaluation")
    def _look_at(self, key: EvaluationKey) -> None:
        """Read an evaluation, whose answers then stand beside the rows."""
        assert self.snapshot is not None
        folder = EvaluationsFolder(self.snapshot.run.paths.evaluation)
        folder.update(key)
        if folder.chosen is not None:
            self.post_message(EvaluationRead(folder.chosen, folder.document))

    @on(EvaluationRead)
    def _take_evaluation(self, message: EvaluationRead) -> None:
        message.stop()
        if self.snapshot is not None:
            self.snapshot = replace(self.snapshot, evaluation_key=message.key, evaluation=message.document)
            self._begin()
            self.refresh_bindings()

    # showing

    def _show(self) -> None:
        empty = self._problem or ("" if self._question is None else f"reading the data{symbol('ellipsis')}")
        several = any(len(history.answers) > 1 for history in self._histories.values())
        self.browser.show(list(self._rows), histories=dict(self._histories) if several else {}, empty=empty)
        self.head.show(self._head_line())

    def _head_line(self) -> Line:
        ink, width = inks(self.app), self.app.size.width
        wanted = self.browser.wanted
        line: Line = [(f" {safe(self.source.name, 24)} ", ink.strong)]
        for name in self.source.splits:
            here = style_of(self.app, "accent", "bold") if name == self.split else ink.muted
            line.append((f" {safe(name, 20)} ", here))
        if wanted.true is not None:
            taken = f" taken for {safe(wanted.predicted, 20)}" if wanted.predicted is not None else ""
            line.append((f"  {safe(wanted.true, 20)}{taken}", ink.text))
        if wanted.words.strip():
            line.append((f"  {safe(wanted.words.strip(), 30)}", ink.text))
        shown, loaded = self.browser.shown, len(self._rows)
        count = f"  {shown:,} shown of {loaded:,} read of {self._total:,}"
        if shown == loaded:
            count = f"  {loaded:,} of {self._total:,}"
        line.append((count, ink.muted))
        if self._question is not None:
            line.append((f"  reading{symbol('ellipsis')}", ink.accent))
        line += self._beside(ink.muted)
        used, kept = 0, []
        for text, style in line:
            kept.append((fit(text, max(0, width - used)), style))
            used += cell_len(text)
        return kept

    def _beside(self, style: Style) -> Line:
        """Which evaluation the answers beside the rows come from."""
        if self._answered_step() is None or self.snapshot is None:
            wanted = self.browser.wanted
            return [("   no answers to this split were kept", style)] if wanted.wrong or wanted.predicted else []
        epoch = number(self.snapshot.evaluation.table.get("epoch"))
        return [(f"   answers of epoch {epochs(epoch)}" if epoch == epoch else "", style)]

    # actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There must be another split, or another evaluation of this one that kept its answers."""
        if action == "step":
            return self._answered_step() is not None and len(self._evaluations()) > 1
        return len(self.source.splits) > 1 if action == "split" else True

    def action_step(self, by: int) -> None:
        """The answers of an earlier or a later evaluation of the same split."""
        keys = self._evaluations()
        now = self.snapshot.evaluation_key if self.snapshot is not None else None
        at = max(0, min(len(keys) - 1, (keys.index(now) if now in keys else len(keys) - 1) + by))
        if keys and keys[at] != now:
            self._look_at(keys[at])

    def action_split(self) -> None:
        """The next split."""
        names = self.source.splits
        self.split = names[(names.index(self.split) + 1) % len(names)]
        self._histories = {}
        keys = self._evaluations()
        if keys and self.snapshot is not None and self.snapshot.evaluation_key not in keys:
            self._look_at(keys[-1])
        self._begin()
        self.refresh_bindings()

    def action_again(self) -> None:
        """Read again."""
        self._begin()

    def action_leave(self) -> None:
        """Go back."""
        self.call_later(self.dltui.action_back)


def source_of_run(app: DltuiApp, snapshot: RunSnapshot) -> Source:
    """The data of a run."""
    return _with_summary(Source(snapshot.id, app.store.root, app.store.file, app.store.cwd), snapshot.data.table)


def source_of_experiment(app: DltuiApp, name: str, summary: dict[str, object]) -> Source:
    """The data of an experiment."""
    return _with_summary(Source(name, app.store.root, app.store.file, app.store.cwd), summary)


def _with_summary(source: Source, summary: dict[str, object]) -> Source:
    splits = tuple(table_of(summary.get("splits"))) or ("train",)
    return replace(source, splits=splits, classes=tuple(class_names(summary)))
