"""Verbs for what people say of runs, and for tidying up: mark, note, prune, rm, restore."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from engine.cli.common import Place, complete_runs, complete_trashed, json_option, run_argument, runs_argument, verb
from engine.cli.output import note, say, say_json, size_text
from engine.errors import EngineError, RunError, UsageError
from engine.index import touch
from engine.runs import ALIVE, Marks, Run, write_marks
from engine.text import printable


@verb("mark")
@runs_argument
@click.option("--star/--no-star", default=None, help="Star it, which protects it from rm.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="Add a tag; may be given again.")
@click.option("--untag", "untags", multiple=True, metavar="T", help="Take a tag away.")
@click.option("--name", metavar="N", help="Call it so; '' for no name.")
@click.option("--archive/--no-archive", default=None, help="Hide it from lists.")
@json_option
def mark_(
    place: Place,
    runs: tuple[str, ...],
    star: bool | None,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    name: str | None,
    archive: bool | None,
    as_json: bool,
) -> None:
    """Star, tag, name or archive runs; without options show their marks."""
    found = place.find_all(runs)
    if name and len(found) > 1:
        raise UsageError("a name is for one run", hint="use --tag for several")
    changing = bool(tags or untags) or any(value is not None for value in (star, name, archive))
    records = []
    for run in found:
        marks = run.marks
        if changing:
            marks = _marked(marks, star=star, tags=tags, untags=untags, name=name, archived=archive)
            _store_marks(place, run, marks)
        records.append({"run": run.id, "name": marks.name, "tags": marks.tags, "star": marks.star,
                        "archived": marks.archived})  # fmt: skip
    if as_json:
        say_json(records)
        return
    for record in records:
        say(f"{record['run']}  {_marks_text(record)}")


def _marks_text(record: dict[str, Any]) -> str:
    words = ["★"] * record["star"] + [f"“{printable(record['name'])}”"] * bool(record["name"])
    words += [f"#{printable(tag)}" for tag in record["tags"]] + ["archived"] * record["archived"]
    return " ".join(words) or "no marks"


def _marked(
    marks: Marks,
    *,
    star: bool | None,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    name: str | None,
    archived: bool | None,
) -> Marks:
    kept = [tag for tag in dict.fromkeys((*marks.tags, *filter(None, map(str.strip, tags)))) if tag not in untags]
    return Marks(
        name=marks.name if name is None else name.strip(),
        tags=kept,
        star=marks.star if star is None else star,
        archived=marks.archived if archived is None else archived,
    )


def _store_marks(place: Place, run: Run, marks: Marks) -> None:
    try:
        write_marks(run.paths, marks)
    except OSError as error:
        raise RunError(f"{run.id} cannot be marked: {error.strerror}", hint=run.read_only_reason) from error
    touch(place.runs, run.id)


@verb("note")
@run_argument
@click.option("--text", metavar="TEXT", help="Append this instead of opening an editor; - reads stdin.")
def note_(place: Place, run: str, text: str | None) -> None:
    """Write into a run's notes.md: in $VISUAL or $EDITOR, or append --text."""
    found = place.find(run)
    if text is None:
        _edit(found.paths.notes)
        return
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise UsageError("there is nothing to append")
    append_note(found.paths.notes, text)
    say(f"{found.id}: appended to {found.paths.notes}")


def append_note(path: Path, text: str) -> None:
    """Add a paragraph to the end of a journal entry, in one write; what is there already is never touched.

    Raises:
        OSError: it cannot be written whole; then nothing of it is.
    """
    with open(path, "ab+", buffering=0) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2))
        end = file.read()
        gap = b"" if not end or end.endswith(b"\n\n") else b"\n" if end.endswith(b"\n") else b"\n\n"
        content = gap + text.rstrip().encode("utf-8", "replace") + b"\n"
        size = file.seek(0, os.SEEK_END)
        written = 0
        try:
            written = file.write(content) or 0
        finally:
            if written != len(content):
                file.truncate(size)
        if written != len(content):
            raise OSError(errno.ENOSPC, "no space left on the disk; nothing was appended", str(path))


def editor_command() -> list[str]:
    """The user's editor as arguments: $VISUAL, $EDITOR, else the first of nano, vim, vi that is there.

    Raises:
        EngineError: there is none.
    """
    import shlex
    import shutil

    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        return shlex.split(named)
    for name in ("nano", "vim", "vi"):
        if shutil.which(name):
            return [name]
    raise EngineError("no editor found", hint="set EDITOR, or use engine note RUN --text 'what to write'")


def _edit(path: Path) -> None:
    import subprocess

    command = [*editor_command(), os.fspath(path)]
    try:
        done = subprocess.run(command, check=False)
    except OSError as error:
        raise EngineError(
            f"the editor {command[0]!r} cannot be started: {error.strerror}", hint="set EDITOR"
        ) from error
    if done.returncode:
        raise EngineError(f"the editor {command[0]!r} ended with exit code {done.returncode}")


@verb("rm")
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_runs)
@click.option("--empty-trash", is_flag=True, help="Delete for good what is in the trash.")
def rm_(place: Place, runs: tuple[str, ...], empty_trash: bool) -> None:
    """Move runs to the trash; engine restore brings them back."""
    if not runs and not empty_trash:
        raise UsageError("name the runs to move to the trash", hint="engine rm e0007, or engine rm --empty-trash")
    if empty_trash:
        gone = place.runs.empty_trash()
        say(f"{gone} run{'s' * (gone != 1)} deleted for good")
    with each_failure() as failures:
        for run in place.find_all(runs):
            with failures.collect():
                place.runs.move_to_trash(run.id)
                say(f"{run.id} is in the trash")


@verb("restore")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_trashed)
def restore_(place: Place, runs: tuple[str, ...]) -> None:
    """Bring runs back from the trash."""
    with each_failure() as failures:
        for run_id in runs:
            with failures.collect():
                place.runs.restore(run_id)
                say(f"{run_id} is back")


class _Failures:
    """Goes on with the other runs when one fails, and raises the first failure at the end."""

    def __init__(self) -> None:
        self.found: list[EngineError] = []

    @contextlib.contextmanager
    def collect(self) -> Any:
        try:
            yield
        except EngineError as error:
            self.found.append(error)


@contextlib.contextmanager
def each_failure() -> Any:
    failures = _Failures()
    yield failures
    for error in failures.found[1:]:
        note(f"engine: {printable(error.message)}")
    if failures.found:
        raise failures.found[0]


@verb("prune")
@runs_argument
@click.option("--keep", type=click.IntRange(0), default=0, metavar="N", help="Keep the newest N too.")
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@json_option
def prune_(place: Place, runs: tuple[str, ...], keep: int, dry_run: bool, as_json: bool) -> None:
    """Delete the checkpoints of ended runs, all but the best and the last."""
    from engine.checkpoints import list_checkpoints, prune

    records: list[dict[str, Any]] = []
    for run in place.find_all(runs):
        if run.status in ALIVE:
            raise RunError(f"{run.id} is {run.status}; its worker keeps its checkpoints", hint=f"engine stop {run.id}")
        if not dry_run and (reason := run.read_only_reason):
            raise RunError(reason)
        known = list_checkpoints(run.paths)
        newest = {info.folder.name for info in known[-max(1, keep) :]}
        going = [i for i in known if i.folder.name not in newest and not {"best", "last"} & set(i.aliases)]
        if not dry_run:
            prune(run.paths, keep)
        records.append({"run": run.id, "deleted": [info.folder.name for info in going],
                        "bytes": sum(info.bytes for info in going)})  # fmt: skip
    if as_json:
        say_json(records)
        return
    for record in records:
        what = "would go" if dry_run else "deleted"
        count = len(record["deleted"])
        say(f"{record['run']}  {count} checkpoint{'s' * (count != 1)} {what}, {size_text(record['bytes'])}")
