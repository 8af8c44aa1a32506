"""What can be taken back: the last changes to runs, newest first; then what is in the trash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from engine.rows import Row
    from tui.app import DltuiApp
    from tui.marking import Done

DONE = "done"
"""The topic of toasts that tell what was done to runs: only the last of them stands."""
MANY = 300
"""Runs from which on a change may take seconds, so that how far it is is said."""
MOST = 200
"""Changes kept; the trash itself keeps everything."""
EVERY = "all"
LISTED = 200
"""Runs in the trash that are offered, the newest first."""


class Step(msgspec.Struct, frozen=True):
    """One change."""

    words: str
    """What the runs are then: `back from the trash`."""
    back: Callable[[], Done]
    """Takes it back; what could not be taken back is among its errors, and lies where it lay."""
    runs: int = 1
    """How many it changes."""


class UndoStack:
    """The changes of this session."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self.under_way = 0
        """Changes, and undoings, that are being made in threads."""
        self.waiting = 0
        """Undoings asked for meanwhile: each is meant for a change that is not finished yet."""

    def __len__(self) -> int:
        return len(self._steps)

    def push(self, step: Step) -> None:
        """Remember a change."""
        self._steps.append(step)
        del self._steps[:-MOST]

    def pop(self) -> Step | None:
        """The newest change, to be taken back; None when there is none."""
        return self._steps.pop() if self._steps else None


def undo_last(app: DltuiApp) -> None:
    """Take the newest change back, once it is made; with none left, offer what is in the trash."""
    stack = app.undo_stack
    if stack.under_way:
        stack.waiting += 1
        app.notify("This is taken back as soon as it is done", topic=DONE)
        return
    step = stack.pop()
    if step is None:
        app.run_worker(partial(_look_into_trash, app), thread=True, exit_on_error=False, group="undo")
    else:
        _begin(app, step)


def finished(app: DltuiApp) -> None:
    """A change is made: what was asked to be taken back meanwhile is taken back now."""
    stack = app.undo_stack
    stack.under_way -= 1
    if stack.waiting and not stack.under_way:
        stack.waiting -= 1
        undo_last(app)


def _begin(app: DltuiApp, step: Step) -> None:
    app.undo_stack.under_way += 1
    if step.runs >= MANY:
        app.notify(f"Taking back what was done to {step.runs:,} runs …", topic=DONE, timeout=60)
    app.run_worker(partial(_take_back, app, step), thread=True, exit_on_error=False, group="undo")


def _take_back(app: DltuiApp, step: Step) -> None:
    try:
        outcome = step.back()
    except BaseException:
        app.call_from_thread(finished, app)
        raise
    app.call_from_thread(_told, app, step.words, outcome)


def _told(app: DltuiApp, words: str, outcome: Done) -> None:
    if outcome.ids:
        app.notify(f"Undone: {outcome.what} {words}", topic=DONE)
    tell_errors(app, outcome)
    app.look_again()
    finished(app)


def tell_errors(app: DltuiApp, outcome: Done) -> None:
    """Say what could not be done, run by run; of many the first few."""
    for error in outcome.errors[:3]:
        app.complain(error)
    if len(outcome.errors) > 3:
        app.notify(f"and {len(outcome.errors) - 3} more could not be changed", severity="error")


def _look_into_trash(app: DltuiApp) -> None:
    from engine.rows import make_row
    from engine.run import load_run

    runs = app.store.runs
    ids = runs.trashed()
    rows = [make_row(load_run(runs.trashed_paths(run_id))) for run_id in ids[: -LISTED - 1 : -1]]
    app.call_from_thread(_offer, app, rows, ids)


def _offer(app: DltuiApp, rows: Sequence[Row], ids: Sequence[str]) -> None:
    if not rows:
        app.notify("There is nothing to undo, and nothing in the trash", topic=DONE)
        return
    from tui import marking
    from tui.screens.confirm import Choice, ChoiceScreen
    from tui.text import age, safe

    every = [Choice(EVERY, f"all {len(ids)}", "A")] if len(ids) > 1 else []
    choices = [
        Choice(row.run, row.run, hint=safe(f"{row.experiment}  {row.state}  {age(row.created)}")) for row in rows
    ]

    def chosen(value: str | None) -> None:
        if value is not None:
            wanted = tuple(ids) if value == EVERY else (value,)
            _begin(app, Step("back from the trash", partial(marking.restore, app.store.runs, wanted), len(wanted)))

    app.push_screen(ChoiceScreen("Bring back from the trash", [*choices, *every]), chosen)
