"""The checkpoints of a run, and what can be done with one: go on from it, start from it, score it, delete it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from tui.run_store import RunSnapshot
from tui.scores import first_of, is_validation, parted
from tui.text import age, dash, fit, number, safe, size
from tui.theme import Inks, inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.run_tab import RunTab, notice
from tui.widgets.run_words import epochs
from tui.widgets.table import Cell, Column, Line, arrange, draw_row, to_strip

if TYPE_CHECKING:
    from engine.checkpoints import CheckpointInfo

METRICS = 4
"""Metrics that get a column."""


def metric_columns(checkpoints: tuple[CheckpointInfo, ...], monitor: str) -> list[str]:
    """The metrics shown: the monitored one first, then those people look at."""
    known = {name for info in checkpoints for name in info.metrics}
    validation = sorted({split for name in known if is_validation(split := parted(name)[0])})
    first = first_of({parted(name)[1] for name in known}, monitor)
    liked = [monitor, *(f"{split}/{name}" for name in (first, "loss", "macro_f1") for split in validation)]
    liked += [f"train/{first}", "train/loss", f"test/{first}"]
    order = [*(name for name in dict.fromkeys(liked) if name in known), *sorted(known - set(liked))]
    return order[:METRICS]


class CheckpointList(LineList["CheckpointInfo"]):
    """Newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[str] = []
        self.now = 0.0
        """The ages are those at this time."""

    def columns(self) -> list[Column]:
        """Name, epoch, step, metrics, size, age."""
        metrics = [
            Column(name, name, max(8, len(safe(name))), right=True, rank=(0, 4, 11, 12)[position])
            for position, name in enumerate(self.metrics)
        ]
        return [
            Column("name", "checkpoint", 19, 30),
            Column("epoch", "epoch", 7, right=True),
            Column("step", "step", 9, 11, right=True, rank=5),
            *metrics,
            Column("size", "size", 8, 10, right=True, rank=2),
            Column("age", "age", 6, 8, right=True, rank=1),
        ]

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        cells: dict[str, Cell] = {column.key: (safe(column.title), ink.muted) for column in self.columns()}
        return draw_row(arrange(self.columns(), width - 1), cells, ink.text)

    def draw_item(self, item: CheckpointInfo, width: int, ink: Inks) -> Line:
        """A checkpoint; the best one with a star, an unreadable one with its problem."""
        best = "best" in item.aliases
        name = f"{symbol('star')} " if best else "  "
        names = [alias for alias in item.aliases if alias in ("best", "last")]
        others = [alias for alias in item.aliases if alias not in names]
        name += ", ".join([*names, *others[:1]]) or item.folder.name
        if item.problem:
            words = fit(safe(item.problem), max(4, width - len(name) - 4))
            return [(safe(name), ink.text), ("  ", ink.text), (words, ink.bad)]
        cells: dict[str, Cell] = {
            "name": (safe(name), ink.strong if best else ink.text),
            "epoch": (epochs(item.epoch), ink.text),
            "step": (f"{item.step:,}", ink.muted),
            "size": (size(item.bytes), ink.muted),
            "age": (age(item.created, self.now), ink.muted),
        }
        for metric in self.metrics:
            value = item.metrics.get(metric)
            cells[metric] = (dash() if value is None else number(value), ink.strong if best else ink.text)
        return draw_row(arrange(self.columns(), width - 1), cells, ink.text)


class Outcome(Widget):
    """What an evaluation of a checkpoint came to."""

    DEFAULT_CSS = "Outcome { height: 1; background: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self.words, self.bad = "", False

    def say(self, words: str, *, bad: bool = False) -> None:
        """Say something else."""
        self.words, self.bad = words, bad
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        ink, width = inks(self.app), self.size.width
        words = fit(f" {safe(self.words)}", width) if self.words else ""
        return to_strip([(words, ink.bad if self.bad else ink.text)], width, self.rich_style)


class CheckpointsTab(RunTab):
    """The table of checkpoints."""

    NAME = "checkpoints"
    TITLE = "Checkpoints"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,enter", "start_from", "new run from", id="run.checkpoints.new",
                tooltip="Start a new run that goes on from this checkpoint, its parent recorded"),
        Binding("v", "evaluate", "evaluate", id="run.checkpoints.evaluate",
                tooltip="Score this checkpoint on the test split (or, without one, validation), in the background"),
        Binding("d,delete", "delete", "delete", id="run.checkpoints.delete",
                tooltip="Delete this checkpoint; the best and the last one stay"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """The table, and a line for results."""
        self.list = CheckpointList()
        self.outcome = Outcome()
        yield self.list
        yield self.outcome

    def on_mount(self) -> None:
        self.set_interval(30, self._minute)

    def _minute(self) -> None:
        """Ages grow; repaint only if one of them reads otherwise."""
        now = time.time()
        if any(age(item.created, now) != age(item.created, self.list.now) for item in self.list.items):
            self.list.now = now
            self.list.forget()

    def show(self, snapshot: RunSnapshot) -> None:
        """Show other checkpoints; the cursor stays on the one it was on."""
        key = (snapshot.checkpoints, snapshot.status)
        if key == self._shown or not self.is_mounted:
            return
        self._shown = key
        items = tuple(reversed(snapshot.checkpoints))
        self.list.metrics = metric_columns(snapshot.checkpoints, snapshot.best[0] if snapshot.best else "")
        self.list.now = time.time()
        self.list.empty = self._empty(snapshot)
        kept = self.list.current
        at = None if kept is None else next((i for i, c in enumerate(items) if c.folder == kept.folder), None)
        self.list.set_items(items, at)
        self.list.forget()
        self.refresh_bindings()

    def _empty(self, snapshot: RunSnapshot) -> list[Line]:
        width, ink = self.app.size.width, inks(self.app)
        if snapshot.alive:
            settings = snapshot.info.settings.get("checkpoint")
            every = str(settings.get("every") or "") if isinstance(settings, dict) else ""
            more = (
                f"One is written every {every.removeprefix('1 ')}; c asks for one now."
                if every
                else "c asks for one now."
            )
            return notice("There is no checkpoint yet.", width, ink, more=more)
        return notice("This run has no checkpoint: it ended before the first one was written.", width, ink)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a checkpoint there is nothing to do; a live run's come and go, and are scored when it has ended."""
        if not self.is_mounted or not self.list.items:
            return False
        return action != "evaluate" or not self.snapshot.alive

    def reference(self) -> str:
        """`e0042:best`, the checkpoint under the cursor."""
        current = self.list.current
        return f"{self.snapshot.id}:{current.name}" if current else ""

    @on(LineList.Chosen)
    def action_start_from(self) -> None:
        """Open the launch dialog with this checkpoint as parent."""
        current = self.list.current
        if current is None:
            return
        if current.problem:
            self.app.notify(f"{self.reference()} cannot be used: {current.problem}", severity="error")
            return
        self.run_screen.launch_from(self.reference())

    def action_evaluate(self) -> None:
        """Score it."""
        if self.list.current is not None:
            self.run_screen.evaluate_checkpoint(self.reference())

    def action_delete(self) -> None:
        """Delete it, once confirmed."""
        if self.list.current is not None:
            self.run_screen.delete_checkpoint(self.list.current)
