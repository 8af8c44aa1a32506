"""A plot of curves with axes, legend and marks, as cells: `draw` makes a `Frame` and knows nothing of Textual."""

from __future__ import annotations

import numpy as np

from tui.plots.canvas import Canvas, Frame
from tui.plots.legend import draw_centred, draw_titles, short, title_rows
from tui.plots.painter import Painter
from tui.plots.shapes import shape_of, x_extent, y_extent
from tui.plots.spec import Baseline, Curve, Mark, Plot, Track

__all__ = ["Baseline", "Curve", "Mark", "Plot", "Track", "draw", "short"]


def draw(plot: Plot, width: int, height: int) -> Frame:
    """The plot in `width` × `height` cells; any size from 0 × 0 on."""
    canvas = Canvas(width, height, ascii_only=plot.ascii_only)
    if not (canvas.width and canvas.height):
        return canvas.frame()
    bottom = 0 if height < 4 or width < 12 else 2 if height >= 10 else 1
    with np.errstate(all="ignore"):
        titles = title_rows(plot, width, height)
        extent = x_extent(plot)
        if extent is None:
            plot.view.shown = None
            draw_titles(canvas, titles)
            draw_centred(canvas, plot.empty, plot.ink("muted"))
            return canvas.frame()
        shapes = [shape_of(plot, curve, extent) for curve in plot.curves]
        rows = height - len(titles) - bottom
        y = y_extent(plot, shapes, rows)
        Painter(canvas, plot, shapes, extent, y, len(titles), rows).paint()
        draw_titles(canvas, titles)
    return canvas.frame()
