"""Verbs for what people say of runs, and for the trash: mark, note, rm, restore."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from engine.cli.common import Place, complete_runs, complete_trashed, json_option, run_argument, runs_argument, verb
from engine.cli.output import note, say, say_json
from engine.errors import EngineError, RunError, UsageError
from engine.index import touch
from engine.runs import Marks, Run, write_marks
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
    from engine.notes import append_note

    append_note(found.paths.notes, text)
    say(f"{found.id}: appended to {found.paths.notes}")


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
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_trashed)
@json_option
def restore_(place: Place, runs: tuple[str, ...], as_json: bool) -> None:
    """Bring runs back from the trash; without RUN, list what is in it."""
    if not runs:
        _say_trash(place, as_json)
        return
    with each_failure() as failures:
        for run_id in runs:
            with failures.collect():
                place.runs.restore(run_id)
                say_json({"run": run_id}) if as_json else say(f"{run_id} is back")


def _say_trash(place: Place, as_json: bool) -> None:
    from engine.rows import make_row
    from engine.run import load_run

    rows = [make_row(load_run(place.runs.trashed_paths(run_id))) for run_id in place.runs.trashed()]
    if as_json:
        say_json([{"run": row.run, "experiment": row.experiment, "state": row.state} for row in rows])
        return
    for row in rows:
        say(f"{row.run}  {printable(row.experiment) or '–'}  {row.state}")
    if not rows:
        note(f"the trash of {place.root} is empty")


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
