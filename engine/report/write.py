"""Writing a journal page: the Markdown, its figures in a folder of its name, and the HTML made of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from engine.errors import RunError, UsageError
from engine.journal import folder_of, free, stem_of
from engine.jsonio import write_bytes
from engine.report.figures import draw
from engine.report.gather import gather
from engine.report.html import as_html
from engine.report.markdown import markdown
from engine.runs import Run, RunsFolder


@dataclass(frozen=True)
class Written:
    """What was written of a page."""

    markdown: Path
    html: Path
    figures: tuple[Path, ...]


def write_report(
    runs_folder: RunsFolder, runs: Sequence[Run], title: str = "", target: Path | None = None, *, force: bool = False
) -> Written:
    """Write the journal page of some runs.

    Args:
        runs_folder: where ancestors are looked for, and whose journal the page goes into.
        runs: one or more; the first is the one the others are compared with.
        title: of the page and of its file; made of the runs where it is empty.
        target: the Markdown file; a new one in the journal where it is absent.
        force: write over a file that is there.

    Raises:
        UsageError: the file is there already: words that people wrote into it would be lost.
        RunError: the folder cannot be written.
    """
    path = target if target is not None else free(folder_of(runs_folder), _stem(runs, title))
    pages = (path, path.with_suffix(".html"))
    for page in pages:
        if page.exists() and not force:
            raise UsageError(f"{page} is there already", hint="--force writes over it; another --output keeps it")
    try:
        return _write(runs_folder, runs, title, path)
    except OSError as error:
        raise RunError(f"the page cannot be written: {error}", hint="--output FILE writes it elsewhere") from error


def _write(runs_folder: RunsFolder, runs: Sequence[Run], title: str, path: Path) -> Written:
    figures_folder = path.with_suffix("")
    figures_folder.mkdir(parents=True, exist_ok=True)
    page = gather(runs, title)
    figures = draw(figures_folder, runs_folder, runs)
    if not figures:
        figures_folder.rmdir()
    relative = [(caption, quote(f"{figures_folder.name}/{file.name}")) for caption, file in figures]
    text = markdown(page, relative)
    write_bytes(path, text.encode("utf-8", "replace"))
    html = path.with_suffix(".html")
    write_bytes(html, as_html(text, page.title, path.parent).encode("utf-8", "replace"))
    return Written(path, html, tuple(file for _, file in figures))


def _stem(runs: Sequence[Run], title: str) -> str:
    """The name of a page's file: the day and its title, or else its runs."""
    return stem_of(title, runs[0].id if len(runs) == 1 else f"{runs[0].id}-{runs[-1].id}")
