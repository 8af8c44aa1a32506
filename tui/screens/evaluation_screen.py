"""What screens over the evaluations of a run share: which one is looked at, read in a thread, and stepping through."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from tui.run_parts import Document, EvaluationKey, EvaluationsFolder
from tui.run_store import RunSnapshot, best_of, of_next_split, stepped
from tui.widgets.run_tab import TITLES

if TYPE_CHECKING:
    from tui.app import DltuiApp

SECONDS = 1.0
"""Between two looks at the folder of a run that is alive."""


class EvaluationRead(Message):
    """There is another evaluation to show."""

    def __init__(self, folder: EvaluationsFolder, made: object) -> None:
        super().__init__()
        self.keys, self.key, self.document = folder.keys, folder.chosen, folder.document
        self.made = made
        """What the screen makes of it, in the thread that reads."""

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, EvaluationRead)


class EvaluationScreen(Screen[None]):
    """Base of the screens that show one evaluation at a time; the newest until another is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "step(-1)", "earlier", id="evaluation.back", tooltip="The evaluation before"),
        Binding("right_square_bracket", "step(1)", "later", id="evaluation.forth", tooltip="The next evaluation"),
        Binding("left_curly_bracket", "leap(-1)", "far earlier", show=False, id="evaluation.far-back",
                tooltip="A tenth of all evaluations back"),
        Binding("right_curly_bracket", "leap(1)", "far later", show=False, id="evaluation.far-forth",
                tooltip="A tenth of all evaluations forth"),
        Binding("b", "best", "best", show=False, id="evaluation.best", tooltip="The evaluation of the best step"),
        Binding("t", "split", "other split", id="evaluation.split", tooltip="The next split, best step or newest"),
        Binding("escape,backspace", "leave", "back", id="evaluation.leave", tooltip="Go back"),
        # digits are the run's tabs here too, and not the main screens
        *(
            Binding(str(at + 1), f"tab({at})", title, show=False, id=f"evaluation.tab-{at + 1}",
                    tooltip=f"Back to the run: {title}")
            for at, title in enumerate(TITLES)
        ),
    ]  # fmt: skip

    def __init__(self, snapshot: RunSnapshot, chosen: EvaluationKey | None = None) -> None:
        super().__init__()
        self.snapshot = snapshot
        """The run, with the evaluation that is looked at."""
        self.chosen = chosen
        """None follows the newest."""
        self._folder = EvaluationsFolder(snapshot.run.paths.evaluation)
        self._leaving, self._wake = threading.Event(), threading.Event()

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def on_mount(self) -> None:
        self.watch_evaluations()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()

    @work(thread=True, exclusive=True, exit_on_error=False, group="evaluations")
    def watch_evaluations(self) -> None:
        """Read what is wanted; while the run is alive, look for new evaluations too."""
        first = True
        while not self._leaving.is_set():
            changed = self._folder.update(self.chosen)
            if (changed or first) and not self._leaving.is_set():
                first = False
                self.post_message(EvaluationRead(self._folder, self.make_of(self._folder.document)))
            self._wake.wait(SECONDS if self.snapshot.alive else None)
            self._wake.clear()

    @on(EvaluationRead)
    def _take(self, message: EvaluationRead) -> None:
        message.stop()
        self.snapshot = dataclasses.replace(
            self.snapshot, evaluations=message.keys, evaluation_key=message.key, evaluation=message.document
        )
        self.show_evaluation(message.made)
        self.refresh_bindings()

    def make_of(self, document: Document) -> object:
        """What takes time to make of an evaluation before it is shown; called in the thread that reads."""
        return None

    def show_evaluation(self, made: object) -> None:
        """Draw the evaluation of the snapshot.

        Args:
            made: what `make_of` made of it.
        """
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There must be another evaluation to step to."""
        if action == "split":
            return of_next_split(self.snapshot) is not None
        return len(self.snapshot.evaluations) > 1 if action in ("step", "leap", "best") else True

    def look_at(self, key: EvaluationKey | None) -> None:
        """Show an evaluation; the newest, now and later, when None."""
        self.chosen = key
        self._wake.set()

    def action_step(self, by: int) -> None:
        """An earlier or a later evaluation; after the newest, follow the newest."""
        self.look_at(stepped(self.snapshot, self.chosen, by))

    def action_leap(self, tenths: int) -> None:
        """Far back or forth."""
        self.action_step(tenths * max(1, len(self.snapshot.evaluations) // 10))

    def action_best(self) -> None:
        """The evaluation of the step that is the best so far."""
        found = best_of(self.snapshot)
        if found is not None:
            self.look_at(found)

    def action_split(self) -> None:
        """An evaluation of the next split."""
        found = of_next_split(self.snapshot)
        if found is not None:
            self.look_at(found)

    async def action_tab(self, index: int) -> None:
        """Go back to the run, to one of its tabs."""
        await self.dltui.action_back()
        show_tab = getattr(self.dltui.screen, "action_tab", None)
        if show_tab is not None:
            await show_tab(index)

    def action_leave(self) -> None:
        """Go back."""
        self.call_later(self.dltui.action_back)
