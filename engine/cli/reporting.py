"""Verbs that write the journal: report and journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.common import Place, json_option, runs_argument, verb
from engine.cli.output import say, say_json
from engine.errors import UsageError

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
@click.argument("title", metavar="TITLE")
@runs_argument
@json_option
def journal_(place: Place, title: str, runs: tuple[str, ...], as_json: bool) -> None:
    """Begin a journal entry that spans runs, under a title; to be gone on with in an editor."""
    if not title.strip():
        raise UsageError("the title is empty", hint='engine journal "Does weight decay help?" e0001 e0002')
    _say(_write(place, runs, title.strip(), None, False), as_json)


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
