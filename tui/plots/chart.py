"""The widget that shows curves, live: it draws a plot once per change and repaints only the cells that differ.

    chart = Chart(title="loss", live=True)
    chart.set_curves([Curve("train", train_cache, "accent", smooth=0.6, epochs=epoch_cache), Curve("val", val_cache)])
    chart.set_marks([Mark(step=450, value=0.913, label="0.913"), Mark(step=900, label="resumed", color="muted")])
    chart.set_baselines([Baseline(0.469, "majority 0.469")])
    ...
    if any([cache.update() for cache in caches]):   # in a thread, if you like
        chart.update_data()                          # in the event loop; nothing is drawn when nothing changed
    chart.change(x_axis=XAxis.EPOCH, log_y=True, smooth=0.9, zoom=(0, 10), cursor=7.5, live=False, robust=True)

`Curve`, `Mark`, `Track`, `Baseline` and `Plot` (whose fields `change` takes) are in `tui.plots.plot`; `SeriesCache`,
`FixedSeries` in `tui.series`, `XAxis` in `tui.xaxis`. Colours: the theme's variables ("primary", "success"), the names
of `tui.theme.Inks` ("accent", "muted", "good", "bad", "star"), any colour Textual parses, or "" (by the position).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.plots.canvas import Frame
from tui.plots.inks import style_of
from tui.plots.plot import Baseline, Curve, Mark, Plot, Track, draw
from tui.theme import ascii_mode, no_color
from tui.trimming import trim_updates

__all__ = ["Baseline", "Chart", "Curve", "Mark", "Plot", "Track"]

_FITTED = {"curves", "x_axis", "log_x", "log_y", "zoom", "fixed_y", "live", "robust", "smooth"}
"""Fields that the ranges shown are fitted to."""
GAP = 12
"""Unchanged cells between two changed ones of a line that are sent again rather than moving the cursor past them."""


class Chart(Widget):
    """Curves with axes, legend and marks in the cells of a widget."""

    DEFAULT_CSS = """
    Chart { width: 1fr; height: 1fr; min-height: 3; }
    """

    def __init__(
        self,
        title: str = "",
        *,
        live: bool = False,
        ascii_only: bool | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """An empty chart; `ascii_only` follows the terminal when None."""
        super().__init__(id=id, classes=classes)
        self.plot = Plot(title=title, live=live, ascii_only=ascii_mode() if ascii_only is None else ascii_only)
        self.plot.label_ends = no_color()
        self._frame: Frame | None = None
        self._drawn: object = None
        self._styles_by_ink: list[Style] = []
        self._strips: dict[int, Strip] = {}

    # what to show

    def set_curves(self, curves: Sequence[Curve]) -> None:
        """Show these curves, the first below the others."""
        self.change(curves=tuple(curves))

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show these marks."""
        self.change(marks=tuple(marks))

    def set_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Show these horizontal lines."""
        self.change(baselines=tuple(baselines))

    def change(self, **fields: Any) -> None:
        """Set fields of `Plot` and draw what changed.

        Raises:
            AttributeError: `Plot` has no such field.
        """
        before = {name: getattr(self.plot, name) for name in fields}
        if before == fields:
            return
        for name, value in fields.items():
            setattr(self.plot, name, value)
        if any(before[name] != fields[name] for name in _FITTED & fields.keys()):
            self.plot.view.forget()
        self._drawn = None
        self.update_data()

    def update_data(self) -> None:
        """Draw again if any series changed, and repaint the cells that differ."""
        if not self.is_mounted or not self.size:
            return
        before = self._frame
        if self._draw() and self._frame is not None:
            self._repaint(before, self._frame)

    def _draw(self) -> bool:
        """Make a new frame if the size or the data changed."""
        state = (self.size, self._versions())
        if state == self._drawn:
            return False
        self._drawn = state
        self._frame = draw(self.plot, self.size.width, self.size.height)
        return True

    def _versions(self) -> tuple[int, ...]:
        versions = []
        for curve in self.plot.curves:
            versions += [curve.source.version, curve.xmap(self.plot.x_axis).version]
        return tuple(versions)

    def _repaint(self, before: Frame | None, frame: Frame) -> None:
        if before is None or before.glyph.shape != frame.glyph.shape:
            self._strips.clear()
            self.refresh()
            return
        regions = []
        for y, first, end in frame.changes(before, GAP):
            self._strips.pop(y, None)
            regions.append(Region(first, y, end - first, 1))
        if regions:
            self.refresh(*regions)

    # drawing

    def render_line(self, y: int) -> Strip:
        """Line `y` of the content."""
        if self._frame is None or self._frame.glyph.shape != (self.size.height, self.size.width):
            self._strips.clear()
            self._draw()
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._strip(y)
        return strip

    def _strip(self, y: int) -> Strip:
        if self._frame is None or y >= len(self._frame.glyph):
            return Strip.blank(self.size.width, self.rich_style)
        styles = self._styles()
        segments = [Segment(text, styles[ink]) for text, ink in self._frame.runs(y)]
        return Strip(segments, self.size.width)

    def _styles(self) -> list[Style]:
        known = self._styles_by_ink
        base, back = self.rich_style, self.background_colors[1]
        for color, tone in list(self.plot.inks)[len(known) :]:
            known.append(base + style_of(self.app, color, tone, back))
        return known

    def on_mount(self) -> None:
        """Follow the theme; send only the cells that change."""
        trim_updates(self.screen)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.recolor())

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.update_data()

    def recolor(self) -> None:
        """Take the colours of the present theme."""
        self._styles_by_ink.clear()
        self._strips.clear()
        self.refresh()

    def position_at(self, column: int) -> float | None:
        """The position on the x-axis under a column of the content; None when nothing is drawn."""
        left, shown = self.plot.view.gutter, self.plot.view.shown
        wide = self.size.width - left
        if shown is None or wide <= 1:
            return None
        low, high = shown[0]
        place = low + (high - low) * min(1.0, max(0.0, (column - left) / (wide - 1)))
        return float(10.0**place) if self.plot.log_x else place

    def column_of(self, place: float) -> int | None:
        """The inverse: the column of the content that a position stands in; None when it is not in sight."""
        left, shown = self.plot.view.gutter, self.plot.view.shown
        wide = self.size.width - left
        if shown is None or wide <= 1 or (self.plot.log_x and place <= 0):
            return None
        low, high = shown[0]
        share = ((math.log10(place) if self.plot.log_x else place) - low) / (high - low)
        return left + round(share * (wide - 1)) if 0.0 <= share <= 1.0 else None
