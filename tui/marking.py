"""What people do to runs from a list: mark, trash, restore, stop. An error at one run does not stop the others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import EngineError, RunError
from engine.index import touch
from engine.records import Marks, write_marks
from engine.runs import RunsFolder


@dataclass(frozen=True)
class Done:
    """How an action on several runs went."""

    ids: tuple[str, ...]
    """Those it was done to."""
    errors: tuple[EngineError, ...] = ()

    @property
    def what(self) -> str:
        """The runs it was done to, in words."""
        return self.ids[0] if len(self.ids) == 1 else f"{len(self.ids)} runs"


def change_marks(runs: RunsFolder, ids: Sequence[str], change: Callable[[Marks], None]) -> Done:
    """Let `change` alter the marks of each run, and write them."""

    def one(run_id: str) -> None:
        run = runs.find(run_id)
        change(run.marks)
        try:
            write_marks(run.paths, run.marks)
        except OSError as error:
            raise RunError(f"{run_id} cannot be marked: {error.strerror}") from error

    return _each(runs, ids, one)


def set_star(runs: RunsFolder, ids: Sequence[str], star: bool) -> Done:
    """Star runs, or take their star."""

    def change(marks: Marks) -> None:
        marks.star = star

    return change_marks(runs, ids, change)


def set_archived(runs: RunsFolder, ids: Sequence[str], archived: bool) -> Done:
    """Archive runs, or bring them back into the list."""

    def change(marks: Marks) -> None:
        marks.archived = archived

    return change_marks(runs, ids, change)


def set_name(runs: RunsFolder, ids: Sequence[str], name: str) -> Done:
    """Name runs; an empty name takes it away."""

    def change(marks: Marks) -> None:
        marks.name = name

    return change_marks(runs, ids, change)


def change_tags(runs: RunsFolder, ids: Sequence[str], text: str) -> Done:
    """Add the tags that `text` names, parted by commas or spaces; `-tag` takes one away."""
    words = text.replace(",", " ").split()
    gone = {word[1:] for word in words if word.startswith("-")}
    new = [word for word in words if not word.startswith("-")]

    def change(marks: Marks) -> None:
        marks.tags = [tag for tag in dict.fromkeys([*marks.tags, *new]) if tag not in gone]

    return change_marks(runs, ids, change)


def trash(runs: RunsFolder, ids: Sequence[str]) -> Done:
    """Move runs to the trash; live and starred ones stay, and say so."""
    return _each(runs, ids, runs.move_to_trash)


def restore(runs: RunsFolder, ids: Sequence[str]) -> Done:
    """Bring runs back from the trash."""
    return _each(runs, ids, runs.restore)


def stop(runs: RunsFolder, ids: Sequence[str]) -> Done:
    """Ask runs to save a checkpoint and stop."""
    from engine.launch import stop as ask

    return _each(runs, ids, lambda run_id: ask(runs.find(run_id)))


def _each(runs: RunsFolder, ids: Sequence[str], action: Callable[[str], None]) -> Done:
    done: list[str] = []
    errors: list[EngineError] = []
    for run_id in ids:
        try:
            action(run_id)
        except EngineError as error:
            errors.append(error)
        except OSError as error:
            errors.append(RunError(f"{run_id}: {error.strerror}"))
        else:
            done.append(run_id)
            with contextlib.suppress(OSError):
                touch(runs, run_id)
    return Done(tuple(done), tuple(errors))
