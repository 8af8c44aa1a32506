"""What is in sight of a run's curves, written as PNG, SVG or CSV by `engine plot` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.curve_sheet import Sheet, SheetBaseline, SheetCurve, SheetMark, SheetPanel
from engine.jsonio import write_json
from engine.records import RunPaths
from tui.data_reader import engine_command, engine_environment
from tui.plots.chart import Chart, Plot
from tui.plots.spec import Curve
from tui.plots.spread import MeanSeries
from tui.run_panels import Panel
from tui.xaxis import XAxis

if TYPE_CHECKING:
    from tui.curve_view import CurveView
    from tui.curve_window import Window
    from tui.run_store import RunSnapshot
    from tui.widgets.chart_grid import ChartGrid

Figure: TypeAlias = Sheet
SECONDS = 120
MOST_MARKS = 200


def figure_of(view: CurveView, snapshot: RunSnapshot, grid: ChartGrid, window: Window, means: bool) -> Sheet:
    """The panels in sight as a sheet, drawn as they are on screen."""
    charts = grid.in_sight
    plot = charts[0].plot
    panels = [_panel(chart, panel, snapshot.id) for chart, panel in zip(charts, grid.shown, strict=True)]
    name = snapshot.marks.name
    title = f"{snapshot.id} {snapshot.info.experiment}{f' · {name}' if name else ''}"
    if means:
        title = f"{snapshot.info.experiment}: mean and standard deviation"
    return Sheet(
        tuple(panel for panel in panels if panel.curves),
        title,
        columns=_columns(charts),
        axis=view.metric if plot.x_axis is XAxis.METRIC else plot.x_axis.value,
        log_x=plot.log_x,
        x=window.x or (None, None),
        clip=view.clip,
    )


def _columns(charts: Sequence[Chart]) -> int:
    """How many charts stand side by side."""
    return max(1, sum(chart.region.y == charts[0].region.y for chart in charts))


def _panel(chart: Chart, panel: Panel, run_id: str) -> SheetPanel:
    plot = chart.plot
    curves = tuple(_curve(plot, curve, place, run_id) for place, curve in enumerate(plot.curves))
    marks = [
        SheetMark(track.kind, step, at if at == at else 0.0, None, label)
        for track in plot.tracks
        for step, at, label in list(zip(track.steps, track.times, track.labels, strict=True))[-MOST_MARKS:]
    ]
    marks += [
        SheetMark("best", int(mark.step), mark.time if mark.time == mark.time else 0.0, mark.value, mark.label)
        for mark in plot.marks
        if mark.value is not None
    ]
    baselines = tuple(SheetBaseline(baseline.value, baseline.label) for baseline in plot.baselines)
    return SheetPanel(panel.title, curves, plot.log_y, plot.fixed_y, tuple(marks), baselines)


def _curve(plot: Plot, curve: Curve, place: int, run_id: str) -> SheetCurve:
    means = curve.source if isinstance(curve.source, MeanSeries) else None
    runs = (run_id,) if means is None else tuple(member.label for member in means.members)
    smooth = plot.smooth if curve.smooth is None else curve.smooth
    number = curve.color.removeprefix("curve-")
    colour = int(number) if number.isdigit() else place
    return SheetCurve(curve.series, runs, curve.label, colour, smooth if means is None else means.smooth)


def export(sheet: Sheet, kind: str, root: Path, paths: RunPaths, cwd: Path) -> tuple[str, bool]:
    """Write a sheet into the run's folder, or where that cannot be written into the working directory; blocks.

    Args:
        kind: png, svg or csv.

    Returns:
        Where it is, or why it could not be written; and whether it was.
    """
    folder = paths.folder if os.access(paths.folder, os.W_OK) else cwd
    with tempfile.TemporaryDirectory(prefix="dltui-") as name:
        view = Path(name) / "view.json"
        write_json(view, sheet)
        path = next(path for path in _free_names(folder, paths, kind) if not path.exists())
        command = engine_command(
            "--runs", str(root.absolute()), "plot", paths.id, "--view", str(view), f"--{kind}", str(path.absolute())
        )
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                                  cwd=cwd, env=engine_environment(), timeout=SECONDS)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error), False
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        return "\n".join(lines[:3]).removeprefix("engine: "), False
    return str(path), True


def _free_names(folder: Path, paths: RunPaths, kind: str) -> Iterator[Path]:
    stem = "curves" if folder == paths.folder else f"{paths.id}-curves"
    yield folder / f"{stem}.{kind}"
    yield from (folder / f"{stem}-{number}.{kind}" for number in count(2))
