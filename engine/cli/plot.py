"""`engine plot`: curves of one run or several, in the terminal, into a text file, as a figure or as a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from engine.cli.common import Place, runs_argument, verb
from engine.cli.output import ascii_only, colourful, note, say
from engine.curve_sheet import Sheet, SheetCurve, SheetPanel, read_sheet
from engine.errors import NotFoundError, UsageError, nearest
from engine.runs import Run
from engine.text import printable

_FAMILIES = ("loss", "accuracy")
_HIGHEST = 24
Charts = dict[str, list[tuple[Run, str]]]
"""Title to the (run, series) drawn in it."""


@verb("plot")
@runs_argument
@click.option("-m", "--metric", "metrics", multiple=True, metavar="SERIES",
              help="Draw this series (val/accuracy, 'val/*'); again for more. Loss and accuracy without.")  # fmt: skip
@click.option("-x", "--axis", default="epoch", show_default=True, metavar="AXIS",
              help="What runs along the bottom: step, epoch, samples, time, wall, or a series.")  # fmt: skip
@click.option("--log", is_flag=True, help="A logarithmic y axis.")
@click.option("--log-x", is_flag=True, help="A logarithmic x axis (figures and tables).")
@click.option("--smooth", type=click.FloatRange(0), default=0.0, metavar="W",
              help="Exponential mean with this weight, such as 0.9; from 2 on the mean of so many points.")  # fmt: skip
@click.option("--from", "low", type=float, metavar="X", help="Leave out what is before (figures and tables).")
@click.option("--to", "high", type=float, metavar="X", help="Leave out what is behind (figures and tables).")
@click.option("--mean", is_flag=True,
              help="One curve for all runs: their mean and its deviation (figures and tables).")  # fmt: skip
@click.option("--columns", type=click.IntRange(1, 16), default=2, show_default=True, help="Panels side by side.")
@click.option("--view", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw what a JSON file says, with all panels and axes, as the Curves tab writes it.")  # fmt: skip
@click.option("--width", type=click.IntRange(20, 1000), metavar="N", help="Characters; the terminal's, or 100.")
@click.option("--height", type=click.IntRange(6, 500), metavar="N", help="Lines of each chart.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the text into a file.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Write a picture.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write a drawing.")
@click.option("--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="Write the points.")
def plot_(
    place: Place,
    runs: tuple[str, ...],
    metrics: tuple[str, ...],
    axis: str,
    log: bool,
    log_x: bool,
    smooth: float,
    low: float | None,
    high: float | None,
    mean: bool,
    columns: int,
    view: Path | None,
    width: int | None,
    height: int | None,
    output: Path | None,
    png: Path | None,
    svg: Path | None,
    table: Path | None,
) -> None:
    """Draw the curves of runs: one chart for each kind of series, all runs in it.

    A run that continues another is one curve with it. --png, --svg and --csv never write over a file.
    """
    if 1 <= smooth < 2:
        raise UsageError("--smooth is a weight below 1, or from 2 on a number of points")
    found = place.find_all(runs)
    if png is not None or svg is not None or table is not None:
        if view is not None:
            sheet = read_sheet(view)
        else:
            charts = _charts(found, metrics)
            _check_axis(axis, found)
            sheet = _sheet(charts, found, mean, smooth, log)
            sheet = Sheet(sheet.panels, "", columns, axis, log_x, (low, high))
        _write(place, sheet, png, svg, table)
        return
    if view is not None or mean or log_x or low is not None or high is not None:
        raise UsageError("--view, --mean, --log-x, --from and --to need --png, --svg or --csv")
    charts = _charts(found, metrics)
    _check_axis(axis, found)
    _show(place, found, charts, axis, smooth, log, (width, height), output)


def _check_axis(axis: str, runs: list[Run]) -> None:
    from engine.curves import AXES
    from engine.series import list_series

    known = {name for run in runs for name in list_series(run.paths.series)}
    if axis not in AXES and axis not in known:
        hint = nearest(axis, [*AXES, *sorted(known)]) or f"{', '.join(AXES)}, or a series"
        raise UsageError(f"there is no axis {axis!r}", hint=hint)


def _show(
    place: Place,
    runs: list[Run],
    charts: Charts,
    axis: str,
    smooth: float,
    log: bool,
    measure: tuple[int | None, int | None],
    output: Path | None,
) -> None:
    """Draw charts as text, on the screen or into a file."""
    from engine.curves import read_curve
    from engine.lineage import lineage
    from engine.plotting import draw

    size = shutil.get_terminal_size((100, 30))
    wide = measure[0] or size.columns
    high = measure[1] or min(_HIGHEST, max(8, (size.lines - 1) // max(1, len(charts))))
    colour = output is None and colourful(sys.stdout)
    texts = []
    for title, lines in charts.items():
        curves = [
            read_curve(lineage(place.runs, run), name, _label(run, name, runs, lines), axis, 4 * wide, smooth)
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


def _sheet(charts: Charts, runs: list[Run], mean: bool, smooth: float, log: bool) -> Sheet:
    """The charts as panels; with `mean` all runs of a series as one curve."""
    panels = []
    for title, lines in charts.items():
        if mean:
            names = dict.fromkeys(name for _, name in lines)
            curves = [
                SheetCurve(name, tuple(r.id for r, n in lines if n == name), name, place, smooth)
                for place, name in enumerate(names)
            ]
        else:
            curves = [
                SheetCurve(name, (run.id,), _label(run, name, runs, lines), place, smooth)
                for place, (run, name) in enumerate(lines)
            ]
        panels.append(SheetPanel(title, tuple(curves), log))
    return Sheet(tuple(panels))


def _write(place: Place, sheet: Sheet, png: Path | None, svg: Path | None, table: Path | None) -> None:
    """Write a sheet in each of the forms asked for."""
    from engine.lineage import lineage

    names = dict.fromkeys(run for panel in sheet.panels for curve in panel.curves for run in curve.runs)
    lines = {run: lineage(place.runs, place.find(run)) for run in names}
    if png is not None or svg is not None:
        from engine.curve_figure import draw_sheet

        if png is not None:
            _new_file(png, lambda path: draw_sheet(sheet, lines, path, svg=False))
        if svg is not None:
            _new_file(svg, lambda path: draw_sheet(sheet, lines, path, svg=True))
    if table is not None:
        from engine.curve_table import write_table

        _new_file(table, lambda path: write_table(sheet, lines, path))


def _new_file(path: Path, write: Callable[[Path], object]) -> None:
    if path.exists():  # asked before anything is drawn, and once more when it is written
        raise UsageError(f"{path} is there already", hint="give another name, or remove it")
    try:
        write(path)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", hint="give another name, or remove it") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    note(f"written to {path}")


def _charts(runs: list[Run], metrics: tuple[str, ...]) -> Charts:
    """Title -> the (run, series) drawn in it: what measures the same thing goes into one chart."""
    from engine.cli.showing import chosen_series

    charts: Charts = {}
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
