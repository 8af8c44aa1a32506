"""What people do to runs: mark, note, trash, restore, stop, resume, prune. An error at one stops no other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from engine.errors import EngineError, RunError
from engine.index import touch
from engine.notes import Appended, append_note, take_back
from engine.records import Marks, write_marks
from engine.run import Run
from engine.runs import RunsFolder


@dataclass(frozen=True)
class Change:
    """The marks of one run before and after."""

    run: str
    before: Marks
    after: Marks


@dataclass(frozen=True)
class Done:
    """How an action on several runs went."""

    ids: tuple[str, ...]
    """Those it was done to."""
    errors: tuple[EngineError, ...] = ()
    changes: tuple[Change, ...] = ()
    """The marks before and after, where marks were changed."""
    notes: tuple[tuple[str, Appended], ...] = ()
    """What was appended to the notes of which run."""

    def __add__(self, other: Done) -> Done:
        """This and what was done to further runs."""
        return Done(
            self.ids + other.ids, self.errors + other.errors, self.changes + other.changes, self.notes + other.notes
        )

    @property
    def what(self) -> str:
        """The runs it was done to, in words."""
        return self.ids[0] if len(self.ids) == 1 else f"{len(self.ids):,} runs"


def change_marks(runs: RunsFolder, ids: Sequence[str], change: Callable[[Marks], None]) -> Done:
    """Let `change` alter the marks of each run, and write them."""

    changes: list[Change] = []

    def one(run_id: str) -> None:
        run = runs.find(run_id)
        before = msgspec.structs.replace(run.marks, tags=list(run.marks.tags))
        change(run.marks)
        _write(run)
        changes.append(Change(run_id, before, run.marks))

    return replace(_each(runs, ids, one), changes=tuple(changes))


def undo_marks(runs: RunsFolder, changes: Sequence[Change]) -> Done:
    """Put marks back as they were; those that somebody has changed again since are left alone, and said."""
    known = {change.run: change for change in changes}

    def one(run_id: str) -> None:
        run = runs.find(run_id)
        if run.marks != known[run_id].after:
            raise RunError(f"{run_id} was marked again since; it is left as it is", hint="mark it by hand")
        _write(msgspec.structs.replace(run, marks=known[run_id].before))

    return _each(runs, list(known), one)


def _write(run: Run) -> None:
    try:
        write_marks(run.paths, run.marks)
    except OSError as error:
        raise RunError(f"{run.id} cannot be marked: {error.strerror}") from error


def add_note(runs: RunsFolder, ids: Sequence[str], text: str) -> Done:
    """Append a paragraph to the notes of runs."""
    notes: list[tuple[str, Appended]] = []

    def one(run_id: str) -> None:
        run = runs.find(run_id)
        if reason := run.read_only_reason:
            raise RunError(reason)
        notes.append((run_id, append_note(run.paths.notes, text)))

    return replace(_each(runs, ids, one), notes=tuple(notes))


def undo_notes(runs: RunsFolder, notes: Sequence[tuple[str, Appended]]) -> Done:
    """Take appended paragraphs out again; where somebody has written since, they stay, and that is said."""
    known = dict(notes)

    def one(run_id: str) -> None:
        if not take_back(known[run_id]):
            hint = "take it out by hand: e on the run's Notes tab"
            raise RunError(f"the notes of {run_id} were written in since; the note stays", hint=hint)

    return _each(runs, list(known), one)


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
    from engine.control import stop as ask

    return _each(runs, ids, lambda run_id: ask(runs.find(run_id)))


def resume(runs: RunsFolder, ids: Sequence[str]) -> Done:
    """Go on with runs that have ended, each from its last checkpoint."""
    from engine.notices import ask_as_set
    from engine.resume import resume as go_on

    def one(run_id: str) -> None:
        run = runs.find(run_id)
        if run.status == "finished":
            raise RunError(f"{run_id} has finished", hint="one at a time: r raises the limit that it has reached")
        ask_as_set(go_on(runs, run_id))

    return _each(runs, ids, one)


def prune(runs: RunsFolder, ids: Sequence[str], *, only_best: bool) -> tuple[Done, int]:
    """Delete checkpoints but the best and the last, or but the best; also says how many bytes that freed."""
    from engine.pruning import prune_run

    freed = []

    def one(run_id: str) -> None:
        freed.append(prune_run(runs.find(run_id), only_best=only_best).bytes)

    done = _each(runs, ids, one)
    return done, sum(freed)


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
