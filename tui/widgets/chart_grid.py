"""A grid of charts: as many as there are panels on the page in sight, in cells that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from textual.containers import Container

from tui.plots.chart import Chart
from tui.plots.legend import VALUE
from tui.run_panels import Panel, Place, pages
from tui.text import safe, told_apart
from tui.theme import symbol
from tui.widgets.table import entitle


class ChartGrid(Container):
    """Charts that are made once and given other panels as pages turn."""

    DEFAULT_CSS = """
    ChartGrid { layout: grid; height: 1fr; grid-gutter: 0 1; background: $background; }
    ChartGrid Chart { height: 1fr; background: $background; padding: 0 1; }
    ChartGrid.-framed Chart { border: round $border-blurred; border-title-color: $dl-muted; }
    ChartGrid.-framed Chart.-marked { border: round $border; border-title-color: $border; }
    """

    def __init__(self) -> None:
        super().__init__(id="charts")
        self.charts: list[Chart] = []
        self.first = 0
        """Number of the first panel in sight."""
        self.shown: list[Panel] = []
        """The panels in sight, one a chart."""
        self.pages: list[Place] = []
        self._placed: object = None
        self._width, self._columns = 0, 1

    def page_of(self, index: int) -> int:
        """The page that a panel is on."""
        for page, place in enumerate(self.pages):
            if index < place.shown:
                return page
            index -= place.shown
        return 0

    def first_of(self, page: int) -> int:
        """The first panel of a page."""
        return sum(place.shown for place in self.pages[:page])

    def place(
        self,
        panels: Sequence[Panel],
        page: int,
        grid: tuple[int, int] | None,
        full: int | None,
        size: tuple[int, int],
    ) -> bool:
        """Put panels into cells; True when other panels, or cells of another kind, are in sight now.

        Args:
            full: the number of the one panel that is seen alone.
        """
        width, height = size
        key = (tuple(panels), page, grid, full, size)
        if key == self._placed or not width:
            return False
        self._placed = key
        self.pages = pages(len(panels), width, height, grid)
        place = Place(1, ("1fr",), 1, height >= 12) if full is not None else None
        if place is None:
            place = self.pages[min(page, len(self.pages) - 1)] if self.pages else Place(1, ("1fr",), 0, False)
        self.first = full if full is not None else self.first_of(min(page, max(0, len(self.pages) - 1)))
        shown = list(panels[self.first : self.first + place.shown])
        changed = shown != self.shown or place.framed != self.has_class("-framed")
        self.shown = shown
        self._width, self._columns = width, place.columns
        self._arrange(place)
        return changed

    def _arrange(self, place: Place) -> None:
        self.set_class(place.framed, "-framed")
        self.styles.grid_size_columns = place.columns
        self.styles.grid_size_rows = len(place.rows)
        self.styles.grid_rows = " ".join(place.rows)
        count = len(self.shown)
        while len(self.charts) < count:
            chart = Chart()
            chart.plot.empty = ""
            self.charts.append(chart)
            self.mount(chart)
        for index, chart in enumerate(self.charts):
            chart.display = index < count
            alone = index == count - 1 and count % place.columns == 1 and place.columns == 2
            chart.styles.column_span = 2 if alone else 1

    def entitle(self, marked: str | None) -> None:
        """Write the titles, the marked panel's set apart; long ones without what all of them have in common."""
        framed = self.has_class("-framed")
        names = [safe(panel.title) for panel in self.shown]
        for chart, panel, title in zip(self.charts, self.shown, told_apart(names, self._title_room), strict=False):
            chart.set_class(panel.title == marked, "-marked")
            entitle(chart, title if framed else "")
            sign = symbol("cursor") if panel.title == marked else ""
            chart.change(title="" if framed else f"{sign}{title}")

    @property
    def _title_room(self) -> int:
        """Cells of a title: in a frame all but its corners, else what the value of a curve leaves."""
        cells = self._width // max(1, self._columns) - 1
        return max(8, cells - (6 if self.has_class("-framed") else VALUE + 7))

    @property
    def in_sight(self) -> list[Chart]:
        """The charts of the panels in sight."""
        return self.charts[: len(self.shown)]

    def title_of(self, chart: Chart) -> str | None:
        """The title of the panel that a chart shows."""
        at = self.in_sight.index(chart) if chart in self.in_sight else None
        return None if at is None else self.shown[at].title
