"""Verbs that write the journal: report and journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.common import Place, complete_runs, json_option, runs_argument, verb
from engine.cli.output import Column, ago, note, say, say_json, say_table
from engine.errors import UsageError
from engine.row_record import iso

if TYPE_CHECKING:
    from engine.report.write import Written


@verb("report")
@runs_argument
@click.option("--title", default="", metavar="TEXT", help="Above the page; made of the runs when left out.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="The Markdown file (one in runs/journal).")
@click.option("--force", is_flag=True, help="Write over a page that is there.")
@json_option
def report_(place: Place, runs: tuple[str, ...], title: str, output: str | None, force: bool, as_json: bool) -> None:
    """Write a journal page of runs: dates, data, what differs, scores, curves, and what their notes say.

    The first run is the one the others are compared with. Beside the Markdown file come its figures, and an HTML file
    that holds everything.
    """
    target = None if output is None else Path(output)
    if target is not None and target.suffix != ".md":
        raise UsageError(f"--output {output}: give a name that ends in .md", hint="the HTML file is named after it")
    _say(_write(place, runs, title, target, force), as_json)


@verb("journal")
@click.argument("title", metavar="[TITLE]", default="")
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_runs)
@click.option("--render", is_flag=True, help="Make the HTML page of the entry TITLE anew, after edits.")
@json_option
def journal_(place: Place, title: str, runs: tuple[str, ...], render: bool, as_json: bool) -> None:
    """Begin a journal entry under a title, of the runs it spans; to be gone on with in an editor.

    Without a title the entries are listed, the one written last first.
    """
    if render:
        _render(place, title, as_json)
    elif not title and not runs:
        _list(place, as_json)
    elif runs and title.strip():
        _say(_write(place, runs, title.strip(), None, False), as_json)
    else:
        from engine.journal import begin

        path = begin(place.runs, title)
        say_json({"markdown": str(path), "html": None, "figures": []}) if as_json else say(str(path))


def _render(place: Place, name: str, as_json: bool) -> None:
    from engine.journal import find_entry, render

    path = render(find_entry(place.runs, name).path)
    say_json({"html": str(path)}) if as_json else say(str(path))


def _list(place: Place, as_json: bool) -> None:
    from engine.journal import entries, folder_of

    found = entries(place.runs)
    if as_json:
        say_json([{"title": entry.title, "runs": entry.runs, "changed": iso(entry.changed), "markdown": str(entry.path),
                   "html": str(entry.html) if entry.html.exists() else None} for entry in found])  # fmt: skip
        return
    if not found:
        note(f"there are no entries in {folder_of(place.runs)}: engine journal TITLE RUN... begins one")
        return
    columns = [Column("changed", least=10), Column("title", least=16), Column("runs"), Column("file", least=16)]
    say_table(columns, [[ago(entry.changed), entry.title, _few(entry.runs), entry.path.name] for entry in found])


def _few(runs: tuple[str, ...]) -> str:
    return " ".join(runs[:4]) + (f" +{len(runs) - 4}" if len(runs) > 4 else "")


def _write(place: Place, runs: tuple[str, ...], title: str, target: Path | None, force: bool) -> Written:
    from engine.report.write import write_report

    return write_report(place.runs, place.find_all(runs), title, target, force=force)


def _say(written: Written, as_json: bool) -> None:
    if as_json:
        figures = [str(path) for path in written.figures]
        say_json({"markdown": str(written.markdown), "html": str(written.html), "figures": figures})
        return
    say(str(written.markdown))
    say(str(written.html))
