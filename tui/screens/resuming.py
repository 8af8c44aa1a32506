"""Going on with a run that has ended: from its last checkpoint, as a new run from the best, or from another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.checkpoints import CheckpointInfo, list_checkpoints
from engine.errors import EngineError, RunError
from tui.launching import is_fitted
from tui.marking import Done
from tui.screens.confirm import Choice, ChoiceScreen, PromptScreen
from tui.text import age, number, safe
from tui.widgets.run_words import epochs

if TYPE_CHECKING:
    from engine.run import Run
    from tui.screens.acting_again import AgainScreen


def ask_how(screen: AgainScreen, run: Run) -> None:
    """Ask which checkpoint to go on from."""
    sound = [info for info in reversed(list_checkpoints(run.paths)) if not info.problem]
    best = next((info for info in sound if "best" in info.aliases), None)
    last = f"from epoch {epochs(sound[0].epoch)}" if sound else "from the beginning"
    choices = [Choice("last", "this run goes on", "l", last)]
    if best is not None:
        choices.append(Choice("best", "a new run from its best", "b", f"from epoch {epochs(best.epoch)}"))
    if len(sound) > 1:
        choices.append(Choice("choose", "a new run from another", "c", f"{len(sound)} checkpoints"))

    def chosen(value: str | None) -> None:
        if value == "last":
            _go_on(screen, run)
        elif value == "best":
            _new_run(screen, run, f"{run.id}:best")
        elif value == "choose":
            _choose(screen, run, sound)

    screen.app.push_screen(ChoiceScreen(f"Resume {run.id}?", choices), chosen)


def _choose(screen: AgainScreen, run: Run, sound: list[CheckpointInfo]) -> None:
    monitor = str((run.state.best or {}).get("monitor") or "")
    choices = [
        Choice(info.folder.name, safe(", ".join(info.aliases[:2]) or info.folder.name), hint=_hint(info, monitor))
        for info in sound
    ]
    title = f"A new run from which checkpoint of {run.id}?"
    screen.app.push_screen(
        ChoiceScreen(title, choices), lambda name: _new_run(screen, run, f"{run.id}:{name}") if name else None
    )


def _hint(info: CheckpointInfo, monitor: str) -> str:
    score = f"   {number(info.metrics[monitor])}" if monitor in info.metrics else ""
    return f"epoch {epochs(info.epoch)}{score}   {age(info.created)}"


def _new_run(screen: AgainScreen, run: Run, reference: str) -> None:
    from tui.run_actions import open_launch

    open_launch(screen.dltui, run, reference)


def _go_on(screen: AgainScreen, run: Run) -> None:
    """Resume it; a limit that it has reached is asked for anew first."""
    from tui.run_actions import reached_limit_of

    limit = reached_limit_of(run)
    if limit is None:
        _resume(screen, run, ())
        return
    key, value = limit
    title = f"{run.id} reached {key} = {value:g}: go on up to"

    def problem(text: str) -> str:
        try:
            larger = float(text) > value
        except ValueError:
            return f"{text!r} is no number"
        return "" if larger else f"{key} = {value:g} is reached already: give a larger number"

    def answered(text: str | None) -> None:
        if text is not None:
            _resume(screen, run, (f"{key}={text}",))

    prompt = PromptScreen(title, f"{2 * value:g}", note=_spent_schedule(run, key), problem=problem)
    screen.app.push_screen(prompt, answered)


def _spent_schedule(run: Run, limit: str) -> str:
    """That the learning rate stays where it ended, where its schedule was fitted to the run as it was launched.

    Args:
        limit: the key of that length, such as `train.epochs`.
    """
    if not is_fitted(run.info.settings.get("scheduler")):
        return ""
    fitted = (run.info.settings.get("train") or {}).get(limit.partition(".")[2])
    return (
        f"The schedule was fitted to {limit} = {fitted} and is over: the learning rate stays where it ended. "
        "A new run that begins with the weights (init_from) has a schedule of its own."
    )


def _resume(screen: AgainScreen, run: Run, grow: tuple[str, ...]) -> None:
    screen.run_worker(partial(_resume_in_thread, screen, run, grow), thread=True, exit_on_error=False, group="resume")


def _resume_in_thread(screen: AgainScreen, run: Run, grow: tuple[str, ...]) -> None:
    from engine.index import touch
    from engine.notices import ask_as_set
    from engine.resume import resume

    outcome = Done((run.id,))
    try:
        ask_as_set(resume(screen.runs, run.id, grow))
        touch(screen.runs, run.id)
    except EngineError as error:
        outcome = Done((), (error,))
    except OSError as error:
        outcome = Done((), (RunError(f"{error.filename or run.id}: {error.strerror}"),))
    screen.app.call_from_thread(_resumed, screen, outcome)


def _resumed(screen: AgainScreen, outcome: Done) -> None:
    for error in outcome.errors:
        screen.dltui.complain(error)
    screen.acted(outcome)
