"""The views of the screen that compares runs: beside the overview classes, confusions, seeds and code."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from tui.comparison import Comparison, ComparisonStore
from tui.plots.inks import style_of
from tui.theme import Inks
from tui.widgets.lines_pane import LinesPane
from tui.widgets.run_header import TabLine
from tui.widgets.table import Line, entitle

if TYPE_CHECKING:
    from tui.app import DltuiApp
    from tui.comparison_views import Content, ViewReader

VIEWS = ("Overview", "Classes", "Confusion", "Seeds", "Code")
OVERVIEW, CLASSES, CONFUSION, SEEDS, CODE = range(len(VIEWS))
SCORES = ("f1", "precision", "recall")
_OF_CHARTS = ("hide", "metric", "axis", "smooth", "log", "bands", "alone", "values")
"""Actions that mean the overview alone."""


class ViewRead(Message):
    """What a view shows was read."""

    def __init__(self, key: object, content: Content) -> None:
        super().__init__()
        self.key, self.content = key, content


class ViewsScreen(Screen[None]):
    """Base of the screen of several runs: which view is shown, and what is read for it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn(1)", "next view", show=False, id="compare.view-next", tooltip="The next view"),
        Binding("shift+tab", "turn(-1)", "view before", show=False, id="compare.view-before",
                tooltip="The view before"),
        *(
            Binding(str(at + 1), f"view({at})", title, show=False, id=f"compare.view-{at + 1}", tooltip=f"Show {title}")
            for at, title in enumerate(VIEWS)
        ),
        Binding("c", f"view({CLASSES})", "classes", show=False, id="compare.classes",
                tooltip="Scores of each class beside each other, with the differences to the baseline's"),
        Binding("d", f"view({CONFUSION})", "confusion", show=False, id="compare.confusion",
                tooltip="Which classes the marked run takes for others more or less often than the baseline"),
        Binding("t", f"view({SEEDS})", "seeds", show=False, id="compare.seeds",
                tooltip="Mean and deviation over seeds, and whether differences are more than chance"),
        Binding("D", f"view({CODE})", "code diff", show=False, id="compare.code",
                tooltip="The code of the baseline and of the marked run: commits and uncommitted changes"),
        Binding("n", "score", "score", id="compare.score", tooltip="F1, precision or recall of each class"),
        Binding("v", "split", "split", id="compare.split", tooltip="Classes on another split that was evaluated"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ViewsScreen #view { display: none; }
    ViewsScreen.-wide #view { width: 1fr; }
    ViewsScreen.-viewing #view { display: block; }
    ViewsScreen.-viewing #compared { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.view = OVERVIEW
        self.score, self.split = SCORES[0], ""
        """What the classes are compared by, and on; the split that most runs have where it is empty."""
        self.cursor = -1
        """Number of the marked run; before any is known none."""
        self.store: ComparisonStore
        self.comparison: Comparison | None = None
        self.content: Content | None = None
        """What the view in sight shows, once it was read."""
        self._wanted: object = None
        self._reader: ViewReader | None = None

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose_views(self) -> tuple[TabLine, LinesPane]:
        """Their names, and the pane that all of them but the overview are drawn in."""
        self.views, self.view_pane = TabLine(VIEWS), LinesPane(id="view")
        return self.views, self.view_pane

    # what is shown

    def colours(self, found: Comparison) -> list[Style]:
        """Of the runs' curves."""
        return [style_of(self.app, f"curve-{place}") for place in range(len(found.runs))]

    def marked(self) -> str | None:
        """The run that keys act on."""
        found = self.comparison
        return found.runs[self.cursor].id if found is not None and found.runs else None

    def show_view(self) -> None:
        """Show the view again: another one, other runs, another mark."""
        found = self.comparison
        if found is None or self.view == OVERVIEW:
            return
        key = self._key(found)
        if key != self._wanted:
            self._wanted = key
            self.read_view(key, found, self.view, self.split)
        elif self.content is not None:
            self._draw()

    def _key(self, found: Comparison) -> object:
        """What the content depends on."""
        if self.view == CODE:
            return self.view, found.baseline, self.marked()
        kind = SEEDS if self.view == SEEDS else CLASSES
        return kind, found.table_number, found.baseline, self.split

    @work(thread=True, exclusive=True, exit_on_error=False, group="compare-view")
    def read_view(self, key: object, found: Comparison, view: int, split: str) -> None:
        """Read what a view shows."""
        from tui.comparison_views import ViewReader

        if self._reader is None:
            self._reader = ViewReader((self.dltui.store.cwd,))
        runs = {run.id: run for run in found.runs}
        content: Content
        if view == CODE:
            base, marked = runs.get(found.baseline), self.marked()
            if base is None or marked not in runs:
                return
            content = self._reader.code(base, runs[str(marked)])
        elif view == SEEDS:
            content = self._reader.seeds(found.runs, found.baseline)
        else:
            content = self._reader.classes(found.runs, found.baseline, split)
        self.post_message(ViewRead(key, content))

    @on(ViewRead)
    def _take_view(self, message: ViewRead) -> None:
        message.stop()
        if message.key == self._wanted:
            self.content = message.content
            self._draw()

    def _draw(self) -> None:
        found = self.comparison
        if found is None or not found.runs or self.view == OVERVIEW:
            return
        self.view_pane.show(lambda width, ink: self._lines(found, width, ink), top=False)
        entitle(self.view_pane, VIEWS[self.view].lower())

    def _lines(self, found: Comparison, width: int, ink: Inks) -> list[Line]:
        """The lines of the view in sight."""
        from engine.code_diff import CodeDiff
        from tui.comparison_views import Classes, Seeds

        content, app = self.content, self.app
        if self.view == CODE and isinstance(content, CodeDiff):
            if content.base == content.run:
                return [[(" the baseline itself: ", ink.muted), ("← →", ink.key), (" mark another run", ink.muted)]]
            from tui.code_lines import code_lines

            return code_lines(content, width, ink)
        if self.view == SEEDS and isinstance(content, Seeds):
            from tui.seed_lines import seed_lines

            better, worse = style_of(app, "curve-0", "bold"), style_of(app, "curve-1", "bold")
            return seed_lines(content.found, content.models, found.baseline, width, ink, better, worse)
        if self.view == CLASSES and isinstance(content, Classes):
            from tui.class_lines import class_lines

            ids = [run.id for run in found.runs]
            return class_lines(app, content.found, ids, self.cursor, self.score, self.colours(found), width, ink)
        if self.view == CONFUSION and isinstance(content, Classes):
            from tui.confusion_lines import confusion_lines

            return confusion_lines(app, content.found, self.marked() or "", width, ink)
        return [[(" reading…", ink.muted)]]

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the view in sight has no use for has no key."""
        if action in _OF_CHARTS:
            return self.view == OVERVIEW
        if action == "score":
            return self.view == CLASSES
        if action == "split":
            return self.view in (CLASSES, CONFUSION)
        if action == "view":
            return parameters[:1] != (self.view,)
        return True

    def action_turn(self, by: int) -> None:
        """The next view, or the one before."""
        self.action_view((self.view + by) % len(VIEWS))

    def action_view(self, view: int) -> None:
        """Show a view."""
        self.view = view
        self.content, self._wanted = None, None
        self.views.show(view)
        self.set_class(view != OVERVIEW, "-viewing")
        pane = self.view_pane if view != OVERVIEW else self.query_one("#tables", LinesPane)
        pane.focus(scroll_visible=False)
        if view != OVERVIEW:
            self.view_pane.show(lambda _width, ink: [[(" reading…", ink.muted)]])
        self.show_view()
        self.refresh_bindings()

    @on(TabLine.Picked)
    def _picked(self, message: TabLine.Picked) -> None:
        message.stop()
        self.action_view(message.index)

    def action_score(self) -> None:
        """F1, precision, recall in turn."""
        self.score = SCORES[(SCORES.index(self.score) + 1) % len(SCORES)]
        self._draw()

    def action_split(self) -> None:
        """The next split that any of the runs was scored on."""
        from tui.comparison_views import Classes

        content = self.content
        if not isinstance(content, Classes) or len(content.splits) < 2:
            self.dltui.notify("these runs were scored on one split only", timeout=2)
            return
        at = content.splits.index(content.found.split) if content.found.split in content.splits else -1
        self.split = content.splits[(at + 1) % len(content.splits)]
        self.show_view()
