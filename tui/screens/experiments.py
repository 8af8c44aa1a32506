"""Experiments: what can be launched, what came of it so far, and all of the selected one at a glance."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import msgspec
from textual import getters, on, work
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal

from engine.errors import EngineError
from tui.data_reader import DataReader
from tui.details import Details, draw, problem_lines, read
from tui.messages import DataSummarised, DetailsRead
from tui.screens.main_screen import MainScreen
from tui.store import ExperimentEntry, Snapshot
from tui.text import safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.experiment_list import ExperimentList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.line_list import LineList
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, entitle

DETAILS_SECONDS = 0.08
"""How long the cursor rests before the details follow."""
DATA_SECONDS = 0.6
"""How long it rests before a data set that nobody has read is read."""


class ExperimentsScreen(MainScreen):
    """The first screen."""

    MODE = "experiments"
    PLACEHOLDER = "name, data set, model or tag"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "launch", "launch", id="experiments.launch", tooltip="Choose device and settings, then launch"
        ),
        Binding(
            "space,i",
            "details",
            "details",
            id="experiments.details",
            tooltip="Show or hide the details on a narrow terminal",
        ),
        Binding("r", "runs", "its runs", id="experiments.runs", tooltip="Show the runs of this experiment"),
        Binding(
            "e", "edit", "edit", id="experiments.edit", tooltip="Edit experiments.toml in $EDITOR, at this experiment"
        ),
        Binding(
            "slash", "filter", "filter", id="experiments.filter", tooltip="Show only experiments that hold these words"
        ),
        Binding(
            "R",
            "reload",
            "reload",
            id="experiments.reload",
            tooltip="Read experiments.toml and the data of this one again",
        ),
        Binding("v", "samples", "samples", show=False, id="experiments.samples", tooltip="Look at rows of its data"),
        Binding(
            "right,l",
            "focus_details",
            "Into the details",
            show=False,
            id="experiments.right",
            tooltip="Scroll the details",
        ),
        Binding(
            "left,h", "focus_list", "To the list", show=False, id="experiments.left", tooltip="Go back to the list"
        ),
        Binding(
            "escape", "back", "Back", show=False, id="experiments.back", tooltip="Drop the filter; go back to the list"
        ),
    ]

    listing = getters.query_one("#experiments", ExperimentList)
    details = getters.query_one("#details", LinesPane)
    problems = getters.query_one("#problems", LinesPane)

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._shown: Details | None = None
        self._entries: tuple[ExperimentEntry, ...] | None = None
        self._file: tuple[object, ...] = ()
        self._reader = DataReader()

    def body(self) -> Container:
        """The list, and beside it the details."""
        return Container(
            LinesPane(id="problems", classes="panel"),
            Horizontal(ExperimentList(), LinesPane(id="details", classes="panel")),
            id="body",
        )

    def main_list(self) -> LineList[object]:
        """The list of experiments."""
        return self.listing  # type: ignore[return-value]

    def on_unmount(self) -> None:
        self._reader.close()

    # what is shown

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the experiments and their counts; the details too, when something of them may have changed."""
        super().take_snapshot(snapshot)
        file = (snapshot.file, snapshot.file_error, snapshot.faults)
        if file != self._file:
            self._file = file
            self._say_problems(snapshot)
        elif snapshot.experiments == self._entries:
            return
        self._entries = snapshot.experiments
        self._fill()
        self._read_details()

    def _fill(self, keep: str | None = None) -> None:
        entries = [entry for entry in self._entries or () if self._matches(entry)]
        keep = keep or (self.listing.current.name if self.listing.current else None)
        at = next((i for i, entry in enumerate(entries) if entry.name == keep), None)
        self.listing.measure(entries)
        self.listing.empty = self._empty_lines()
        self.listing.set_items(entries, at)
        total = len(self._entries or ())
        many = f"{total}" if len(entries) == total else f"{len(entries)} of {total}"
        file = self.dltui.snapshot.file
        origin = "" if file is None else ("packaged" if file.packaged else file.path.name)
        entitle(self.listing, f"Experiments {symbol('dot')} {many}", origin)

    def _matches(self, entry: ExperimentEntry) -> bool:
        if not self._filter:
            return True
        experiment = self.dltui.store.experiment(entry.name)
        tags = experiment.settings.tags if experiment else []
        text = " ".join((entry.name, entry.data, entry.model, *tags)).casefold()
        return all(word in text for word in self._filter.casefold().split())

    def _empty_lines(self) -> list[Line]:
        ink = self._ink()
        if self._filter:
            return [
                [(" No experiment holds ", ink.muted), (safe(self._filter), ink.text)],
                [],
                [(" esc shows all", ink.muted)],
            ]
        if self.dltui.snapshot.file_error is not None:
            return [[(" No experiments: the file cannot be read", ink.muted)], [], [(" e edits it", ink.muted)]]
        return [[(" No experiments yet", ink.muted)], [], [(" e opens experiments.toml to write the first", ink.muted)]]

    def _ink(self) -> Inks:
        from tui.theme import inks

        return inks(self.app)

    def _say_problems(self, snapshot: Snapshot) -> None:
        """Show what is wrong with the file, above the list; nothing when all is well."""
        error, file = snapshot.file_error, snapshot.file
        faults = [problem for problems in snapshot.faults.values() for problem in problems]
        every = [*(file.problems if file is not None else ()), *faults]
        found = sorted(every, key=lambda problem: problem.line or 0)
        title = ""
        self.problems.set_class(bool(error or found), "-shown")
        if error is not None:
            title = "experiments.toml cannot be read"
            self.problems.show(lambda width, ink: _error_lines(error, width, ink))
        elif file is not None and found:
            many = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            title = f"{many} in {file.path.name}"
            self.problems.show(lambda width, ink: problem_lines(found, width, ink)[:-1])
        entitle(self.problems, title, "e edits it; it is read again when saved")

    # details

    @on(LineList.Highlighted)
    def _highlighted(self) -> None:
        self.set_timer(DETAILS_SECONDS, self._read_details_of(self.listing.current))

    def _read_details_of(self, entry: ExperimentEntry | None) -> Callable[[], None]:
        def go() -> None:
            if entry is self.listing.current:
                self._read_details()

        return go

    def _read_details(self) -> None:
        entry = self.listing.current
        if entry is None:
            self._shown = None
            entitle(self.details, "")
            self.details.show(lambda width, ink: [])
            return
        self._read(entry.name)

    @work(thread=True, exclusive=True, exit_on_error=False, group="details")
    def _read(self, name: str) -> None:
        self.post_message(DetailsRead(name, read(self.dltui.store, name)))

    @on(DetailsRead)
    def _details_read(self, message: DetailsRead) -> None:
        current = self.listing.current
        if current is None or current.name != message.name:
            return
        details: Details = message.details
        if details.summary is None and not details.problems:
            details = self._without_summary(details)
        same = self._shown is not None and self._shown.name == details.name
        if details == self._shown:
            return
        self._shown = details
        entitle(self.details, details.name, width=40)
        self.details.show(lambda width, ink: draw(details, width, ink), top=not same)

    def _without_summary(self, details: Details) -> Details:
        """Say what is known of data nobody has read; start reading when the cursor rests."""
        failed = self._reader.failures.get(details.name)
        if failed is not None:
            return msgspec.structs.replace(details, data_state=failed.error, data_hint=failed.hint)
        experiment = self.dltui.store.experiment(details.name)
        if experiment is None or experiment.command is not None:
            return details
        if self._reader.reading != details.name:
            self.set_timer(DATA_SECONDS, lambda: self._read_data(details.name))
        return msgspec.structs.replace(details, data_state=f"reading the data{symbol('ellipsis')}")

    def _read_data(self, name: str) -> None:
        current = self.listing.current
        if current is None or current.name != name or self._reader.reading == name or not self.is_current:
            return
        file = self.dltui.snapshot.file
        if file is not None:
            self._summarise(name)

    @work(thread=True, exclusive=True, exit_on_error=False, group="data")
    def _summarise(self, name: str) -> None:
        outcome = self._reader.read(self.dltui.store, name)
        if outcome is not None:
            self.post_message(outcome)

    @on(DataSummarised)
    def _data_summarised(self, message: DataSummarised) -> None:
        shown = self._shown
        if shown is None or shown.name != message.name:
            return
        if message.summary is not None:
            self._shown = msgspec.structs.replace(shown, summary=message.summary, data_state="", data_hint="")
        else:
            self._shown = msgspec.structs.replace(shown, data_state=message.error, data_hint=message.hint)
        details = self._shown
        self.details.show(lambda width, ink: draw(details, width, ink), top=False)

    # filter

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        self._filter = message.text.strip()
        self._fill()
        self._read_details()

    @on(FilterBar.Closed)
    def _filter_closed(self) -> None:
        self.listing.focus()

    # actions

    @on(LineList.Chosen)
    def action_launch(self) -> None:
        """Open the launch dialog for the experiment under the cursor."""
        entry = self.listing.current
        if entry is None:
            return
        if self.dltui.snapshot.file_error is not None:
            self.dltui.complain(self.dltui.snapshot.file_error)
            return
        if entry.problem:
            self.notify(
                f"{entry.name}: {entry.problem}\ne opens it in your editor",
                title="Cannot be launched",
                severity="error",
            )
            return
        from tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(entry.name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where the details stand beside the list, there is nothing to show or hide."""
        return action != "details" or self.has_class("-narrow")

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_bindings)

    def action_details(self) -> None:
        """On a narrow terminal, show the details in place of the list, or the list again."""
        self.toggle_class("-details")
        (self.details if self.has_class("-details") else self.listing).focus()

    def action_focus_details(self) -> None:
        """Let the keys scroll the details."""
        if self.has_class("-narrow"):
            self.add_class("-details")
        self.details.focus()

    def action_focus_list(self) -> None:
        """Let the keys move in the list."""
        self.remove_class("-details")
        self.listing.focus()

    def action_back(self) -> None:
        """From the details to the list; there, drop the filter."""
        if not self.listing.has_focus:
            self.action_focus_list()
        else:
            super().action_back()

    def action_runs(self) -> None:
        """Show the runs of the experiment under the cursor."""
        entry = self.listing.current
        if entry is not None:
            from tui.run_view import View

            self.dltui.show_runs(View(experiment=entry.name))

    def action_samples(self) -> None:
        """Browse the rows of the data of the experiment under the cursor."""
        from tui.screens.rows import RowsScreen, source_of_experiment

        shown = self._shown
        if shown is None or shown.summary is None:
            self.notify("Its data has not been read yet", severity="warning")
            return
        self.app.push_screen(RowsScreen(source_of_experiment(self.dltui, shown.name, shown.summary)))

    def action_reload(self) -> None:
        """Read file and data again."""
        if self.listing.current is not None:
            self._reader.failures.pop(self.listing.current.name, None)
        self._reload()

    @work(thread=True, exclusive=True, exit_on_error=False, group="reload")
    def _reload(self) -> None:
        self.dltui.store.refresh_file(force=True)
        self.app.call_from_thread(self._reloaded)

    def _reloaded(self) -> None:
        self._file = ()
        self._shown = None
        self.take_snapshot(self.dltui.snapshot)
        self.notify("Read again")

    def action_edit(self) -> None:
        """Open the file in the person's editor, at the experiment under the cursor."""
        from tui.editing import edit_experiments

        entry = self.listing.current
        try:
            edit_experiments(self.dltui, entry.name if entry else None)
        except EngineError as error:
            self.dltui.complain(error)
        self._reload()


def _error_lines(error: EngineError, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    for text in error.message.splitlines():
        lines += [[(line, ink.text)] for line in wrap(safe(text), width, 4)]
    return lines + [[(line, ink.muted)] for line in wrap(safe(error.hint), width, 3)]
