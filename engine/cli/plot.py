"""`engine plot`: curves of one run or several, in the terminal or into a text file."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from engine.cli.common import Place, runs_argument, verb
from engine.cli.output import ascii_only, colourful, note, say
from engine.errors import NotFoundError, UsageError
from engine.runs import Run
from engine.text import printable

_FAMILIES = ("loss", "accuracy")
_HIGHEST = 24


@verb("plot")
@runs_argument
@click.option("-m", "--metric", "metrics", multiple=True, metavar="SERIES",
              help="Draw this series (val/accuracy, 'val/*'); again for more. Loss and accuracy without.")  # fmt: skip
@click.option("-x", "--axis", type=click.Choice(["step", "epoch", "time"]), default="epoch", show_default=True,
              help="What runs along the bottom.")  # fmt: skip
@click.option("--log", is_flag=True, help="A logarithmic y axis.")
@click.option("--smooth", type=click.FloatRange(0, 1, max_open=True), default=0.0, metavar="W",
              help="Exponential mean with this weight of the past, such as 0.9.")  # fmt: skip
@click.option("--width", type=click.IntRange(20, 1000), metavar="N", help="Characters; the terminal's, or 100.")
@click.option("--height", type=click.IntRange(6, 500), metavar="N", help="Lines of each chart.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write into a file instead.")
def plot_(
    place: Place,
    runs: tuple[str, ...],
    metrics: tuple[str, ...],
    axis: str,
    log: bool,
    smooth: float,
    width: int | None,
    height: int | None,
    output: Path | None,
) -> None:
    """Draw the curves of runs: one chart for each kind of series, all runs in it.

    A run that continues another is one curve with it.
    """
    from engine.lineage import lineage
    from engine.plotting import draw, read_curve

    found = place.find_all(runs)
    charts = _charts(found, metrics)
    size = shutil.get_terminal_size((100, 30))
    wide = width or size.columns
    high = height or min(_HIGHEST, max(8, (size.lines - 1) // max(1, len(charts))))
    colour = output is None and colourful(sys.stdout)
    texts = []
    for title, lines in charts.items():
        curves = [
            read_curve(lineage(place.runs, run), name, _label(run, name, found, lines), axis, 4 * wide, smooth)
            for run, name in lines
        ]
        drawn = draw(curves, title, axis=axis, width=wide, height=high, log=log, colour=colour, plain=ascii_only())
        texts.append(drawn.rstrip("\n"))
    if output is None:
        say("\n".join(texts))
        return
    try:
        output.write_text("\n".join(texts) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    note(f"written to {output}")


def _charts(runs: list[Run], metrics: tuple[str, ...]) -> dict[str, list[tuple[Run, str]]]:
    """Title -> the (run, series) drawn in it: what measures the same thing goes into one chart."""
    from engine.cli.showing import chosen_series

    charts: dict[str, list[tuple[Run, str]]] = {}
    missing: NotFoundError | None = None
    for run in runs:
        try:
            names = chosen_series(run, metrics)
        except NotFoundError as error:
            missing = error
            continue
        for name in names:
            family = name.rpartition("/")[2]
            if metrics or ("/" in name and family in _FAMILIES):
                charts.setdefault(family, []).append((run, name))
    if not charts:
        raise missing or NotFoundError(f"{runs[0].id} has no points yet", hint=f"engine log {runs[0].id}")
    return {printable(key): charts[key] for key in sorted(charts, key=_family_order)}


def _family_order(family: str) -> tuple[int, str]:
    return (_FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES)), family


def _label(run: Run, name: str, runs: list[Run], lines: list[tuple[Run, str]]) -> str:
    several = len({series for _, series in lines}) > 1
    who = f"{run.id} {run.marks.name or run.info.experiment}" if len(runs) > 1 else ""
    return printable(" ".join(filter(None, (who, name if several or not who else ""))))
