"""The samples that an evaluation kept: mistakes first, with inputs, and what was answered to each at every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.answers import History, confusion_of, histories, read_evaluations
from tui.run_parts import EvaluationKey
from tui.run_store import SPLITS, RunSnapshot
from tui.samples import Filter, Sample, samples_of
from tui.screens.evaluation_screen import EvaluationScreen
from tui.theme import inks
from tui.widgets.footer import Footer
from tui.widgets.note_line import NoteLine
from tui.widgets.run_evaluation import EvaluationHead
from tui.widgets.sample_browser import SampleBrowser

if TYPE_CHECKING:
    from tui.screens.run import RunScreen


class HistoriesRead(Message):
    """What was answered at each epoch is known."""

    def __init__(self, split: str, found: dict[int, History]) -> None:
        super().__init__()
        self.split, self.found = split, found


class SamplesScreen(EvaluationScreen):
    """The samples of one evaluation at a time."""

    AUTO_FOCUS = "SampleList"
    WIDGET_KEYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "data", "data set", id="samples.data", tooltip="The rows of the data set, not only those kept"),
    ]

    def __init__(
        self, snapshot: RunSnapshot, chosen: EvaluationKey | None = None, wanted: Filter | None = None
    ) -> None:
        super().__init__(snapshot, chosen)
        self._wanted = wanted
        self._split = ""

    def compose(self) -> ComposeResult:
        """Head, samples, keys."""
        self.head, self.browser, self.note = EvaluationHead(), SampleBrowser(self._wanted), NoteLine()
        yield self.head
        yield self.browser
        yield self.note
        yield Footer()

    def on_screen_suspend(self) -> None:
        """Another screen covers this one."""
        self.browser.image.leave()

    def on_screen_resume(self) -> None:
        """This one is in sight again."""
        self.browser.image.refresh()

    def show_evaluation(self, made: object) -> None:
        """Show the evaluation's samples; their histories follow when they are read."""
        self.head.show(self.snapshot)
        key, table = self.snapshot.evaluation_key, self.snapshot.evaluation.table
        names = table.get("classes")
        self.browser.names = [str(name) for name in names] if isinstance(names, list) and "confusion" in table else []
        samples = samples_of(table, self.snapshot.run.paths.evaluation)
        kept = f"None of the {len(samples)} samples that the evaluation kept is like that; d looks in the data set"
        none = "This evaluation kept no samples; d shows those of the data set"
        self.browser.show(samples, empty=kept if samples else none)
        self._say_how_many(samples)
        if key is not None and key.split != self._split and "quantities" not in table:
            self._split = key.split
            self._read_histories(key.split)

    def _say_how_many(self, samples: Sequence[Sample]) -> None:
        """How many of the split's mistakes are among the samples that were kept, and what shows all."""
        ink = inks(self.app)
        counts, _ = confusion_of(self.snapshot.evaluation.table)
        wrong = sum(map(sum, counts)) - sum(row[at] for at, row in enumerate(counts))
        here = sum(sample.right is False for sample in samples)
        self.note.display = here < wrong
        line = [(f" {here:,} of {wrong:,} mistakes were kept with the evaluation:", ink.muted)]
        line += [(" d", ink.key), (" and then", ink.muted), (" w", ink.key), (" show all", ink.muted)]
        self.note.show(line)

    @work(thread=True, exclusive=True, exit_on_error=False, group="histories")
    def _read_histories(self, split: str) -> None:
        folder = self.snapshot.run.paths.evaluation
        self.post_message(HistoriesRead(split, histories(read_evaluations(folder, SPLITS.get(split, split)))))

    @on(HistoriesRead)
    def _histories_read(self, message: HistoriesRead) -> None:
        message.stop()
        if message.split == self._split:
            self.browser.show(self.browser.samples, histories=message.found)

    def action_data(self) -> None:
        """Browse the rows of the data set, with the same filter."""
        from tui.screens.rows import RowsScreen, source_of_run

        wanted = self.browser.wanted
        self.app.push_screen(RowsScreen(source_of_run(self.dltui, self.snapshot), self.snapshot, wanted))


def browse_run(screen: RunScreen, *, data: bool = False) -> None:
    """Open the samples of a run: those of the evaluation it shows, or the rows of its data."""
    if data:
        from tui.screens.rows import RowsScreen, source_of_run

        screen.app.push_screen(RowsScreen(source_of_run(screen.dltui, screen.snapshot), screen.snapshot))
    else:
        screen.app.push_screen(SamplesScreen(screen.snapshot, screen.chosen_evaluation))


def open_samples(screen: EvaluationScreen, wanted: Filter) -> None:
    """The samples of a cell of the matrix: all of them where the evaluation kept every answer, else those it kept."""
    from engine.answers import predicted_rows
    from tui.screens.rows import RowsScreen, source_of_run

    snapshot = screen.snapshot
    if predicted_rows(snapshot.evaluation.table):
        screen.app.push_screen(RowsScreen(source_of_run(screen.dltui, snapshot), snapshot, wanted))
    else:
        screen.app.push_screen(SamplesScreen(snapshot, screen.chosen, wanted))
