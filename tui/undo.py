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

MOST = 200
"""Changes kept; the trash itself keeps everything."""
EVERY = "all"
LISTED = 200
"""Runs in the trash that are offered, the newest first."""


class Step(msgspec.Struct, frozen=True):
    """One change."""

    words: str
    """What it is to have been taken back: `back from the trash`."""
    back: Callable[[], Done]
    """Takes it back; what could not be taken back is among its errors, and lies where it lay."""


class UndoStack:
    """The changes of this session."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

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
    """Take the newest change back; with none left, offer what is in the trash."""
    step = app.undo_stack.pop()
    if step is None:
        app.run_worker(partial(_look_into_trash, app), thread=True, exit_on_error=False, group="undo")
    else:
        app.run_worker(partial(_take_back, app, step), thread=True, exit_on_error=False, group="undo")


def _take_back(app: DltuiApp, step: Step) -> None:
    outcome = step.back()
    app.call_from_thread(_told, app, step.words, outcome)


def _told(app: DltuiApp, words: str, outcome: Done) -> None:
    if outcome.ids:
        app.notify(f"{outcome.what} {words}")
    tell_errors(app, outcome)
    app.look_again()


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
        app.notify("There is nothing to undo, and nothing in the trash")
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
            back = Step("back from the trash", partial(marking.restore, app.store.runs, wanted))
            app.run_worker(partial(_take_back, app, back), thread=True, exit_on_error=False, group="undo")

    app.push_screen(ChoiceScreen("Bring back from the trash", [*choices, *every]), chosen)
