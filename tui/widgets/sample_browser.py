"""A list of samples beside the one under the cursor: its text or image, the answer, and how that came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from engine.answers import History
from tui.sample_preview import preview
from tui.samples import Filter, Sample, apply, steps_of
from tui.text import safe, wrap
from tui.widgets.album import Album
from tui.widgets.filter_bar import FilterBar
from tui.widgets.image_view import SHARE, ImageView
from tui.widgets.line_list import LineList
from tui.widgets.lines_pane import LinesPane
from tui.widgets.sample_list import SampleList, columns_of
from tui.widgets.table import Line

ROOMY = 100
"""From this width on the sample is shown large beside the album."""
LARGE = 0.85
"""How much of the height an image may take where the sample is shown large."""


class SampleBrowser(Container):
    """List, preview and filter."""

    TITLE = "Samples"
    """Of its keys, in the help."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="samples.filter",
                tooltip="Show samples of a class, or with these words: wrong, right, true:CLASS, predicted:CLASS"),
        Binding("w", "wrong", "wrong", id="samples.wrong", tooltip="Show only what was answered wrong, or all again"),
        Binding("full_stop", "turn(1)", "next class", id="samples.next", tooltip="Samples of the next class"),
        Binding("comma", "turn(-1)", "class before", show=False, id="samples.before",
                tooltip="Samples of the class before"),
        Binding("p", "album", "album", id="samples.album",
                tooltip="An album: a grid of small pictures; again for the list"),
        Binding("i", "large", "larger", id="samples.large",
                tooltip="The sample larger, or the list again; in the album larger pictures"),
        Binding("a", "all", "all", show=False, id="samples.all", tooltip="Drop the filter: all samples"),
        Binding("enter,tab", "pane", "other pane", show=False, id="samples.pane", tooltip="Scroll the sample"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    SampleBrowser { height: 1fr; }
    SampleBrowser Horizontal { height: 1fr; }
    SampleBrowser #samples { width: 3fr; background: $background; }
    SampleBrowser #preview { width: 2fr; margin: 0 0 0 1; background: $background; }
    SampleBrowser ImageView { display: none; }
    SampleBrowser.-images ImageView { display: block; margin: 0 1 1 1; }
    SampleBrowser LinesPane { height: 1fr; background: $background; }
    SampleBrowser.-small #preview { display: none; }
    SampleBrowser.-large #samples { width: 26; }
    SampleBrowser.-large #preview { width: 1fr; display: block; }
    SampleBrowser Album { display: none; width: 3fr; background: $background; }
    SampleBrowser.-album Album { display: block; }
    SampleBrowser.-album #samples { display: none; }
    SampleBrowser.-album.-close #preview { display: none; }
    """

    @dataclass
    class Filtered(Message):
        """Other samples are wanted."""

        wanted: Filter

    @dataclass
    class NearEnd(Message):
        """The cursor is near the last sample that is loaded."""

    def __init__(self, wanted: Filter | None = None) -> None:
        super().__init__()
        self.wanted = wanted or Filter()
        self.samples: Sequence[Sample] = ()
        """All that are loaded."""
        self.names: Sequence[str] = ()
        """Of the classes."""
        self.histories: dict[int, History] = {}
        self._empty = ""
        self._answered = False
        """Whether anything was answered to the samples."""
        self._kept: int | None = None
        """The row that the cursor was on last."""
        self._pictured = False
        """Whether any of them has an image."""

    def compose(self) -> ComposeResult:
        """The filter above, the list at the left, the sample at the right."""
        self.bar = FilterBar("a class, wrong, right, true:CLASS, predicted:CLASS, or words of the input")
        self.listing, self.image, self.text = SampleList(), ImageView(), LinesPane(id="sample-text")
        self.album = Album(id="album")
        yield self.bar
        with Horizontal():
            yield self.listing
            yield self.album
            with Vertical(id="preview"):
                yield self.image
                yield self.text

    def on_resize(self) -> None:
        self.set_class(self.size.width < 60, "-small")
        self.set_class(self.size.width < ROOMY, "-close")

    @property
    def main(self) -> Widget:
        """What the samples are chosen in: the list, or the album."""
        return self.album if self.has_class("-album") else self.listing

    # what is shown

    def show(
        self,
        samples: Sequence[Sample],
        *,
        histories: dict[int, History] | None = None,
        empty: str | None = None,
    ) -> None:
        """Show samples; those that were there keep the cursor.

        Args:
            histories: by row, what was answered at each epoch.
            empty: what is said where the filter lets none through; what was said before when None.
        """
        self.samples, self._empty = samples, self._empty if empty is None else empty
        if histories is not None:
            self.histories = self.listing.histories = histories
            self.listing.steps = steps_of(histories)
        self._pictured = any(sample.image is not None for sample in samples)
        answered = self._answered = any(sample.predicted is not None for sample in samples)
        columns = columns_of(samples, answered=answered, courses=bool(self.histories))
        if columns != self.listing.columns or histories is not None:
            self.listing.columns = columns
            self.listing.forget()
        self._fill()
        self.refresh_bindings()

    def _fill(self) -> None:
        kept, shown = self.listing.current, apply(self.samples, self.wanted)
        self._kept = self._kept if kept is None else kept.row  # none is there while others are read
        at = next((i for i, sample in enumerate(shown) if sample.row == self._kept), 0)
        self.listing.empty = self._none_lines()
        self.listing.set_items(shown, at)
        self._fill_album()
        self._preview()

    def _fill_album(self) -> None:
        """The album holds what the list holds; where no sample has an image there is none."""
        if self.samples and not self._pictured:
            self._leave_album()
        if self.has_class("-album"):
            self.album.empty = self.listing.empty
            self.album.show(self.listing.items, self.listing.cursor)

    def _none_lines(self) -> list[Line]:
        from tui.theme import inks

        ink = inks(self.app)
        said = self._empty or "No sample is like that; a shows all"
        return [[(f" {line}", ink.muted)] for line in wrap(safe(said), max(20, self.size.width * 3 // 5 - 4), 6)]

    @property
    def shown(self) -> int:
        """How many samples the filter lets through."""
        return len(self.listing.items)

    def _preview(self) -> None:
        sample = self.listing.current
        self.set_class(sample is not None and sample.image is not None, "-images")
        self.image.show(None if sample is None else sample.image)
        history = None if sample is None else self.histories.get(sample.row)
        self.text.show(preview(sample, history))

    @on(LineList.Highlighted)
    def _highlighted(self, message: LineList.Highlighted) -> None:
        message.stop()
        self._preview()
        if self.listing.cursor >= self.shown - 20:
            self.post_message(self.NearEnd())

    @on(Album.Moved)
    def _album_moved(self, message: Album.Moved) -> None:
        message.stop()
        self.listing.move_to(message.index)

    @on(LineList.Chosen)
    def _chosen(self, message: LineList.Chosen) -> None:
        message.stop()
        self.action_pane()

    # the filter

    def want(self, wanted: Filter) -> None:
        """Show what another filter lets through."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._fill()
            self.post_message(self.Filtered(wanted))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There must be answers to be wrong, classes to turn to, and images for an album."""
        if action == "album":
            return self._pictured or self.has_class("-album")
        if action == "wrong":
            return self._answered or self.wanted.wrong
        return bool(self.names) if action == "turn" else True

    def action_filter(self) -> None:
        """Let the person type."""
        self.bar.open()

    @on(FilterBar.Changed)
    def _typed(self, message: FilterBar.Changed) -> None:
        message.stop()
        self.want(replace(self.wanted, words=message.text))

    @on(FilterBar.Closed)
    def _filter_closed(self, message: FilterBar.Closed) -> None:
        """A whole class name that was typed becomes the class: of a data set's rows all of it is then listed."""
        message.stop()
        self.main.focus()
        name = next((c for c in self.names if c.casefold() == message.text.strip().casefold() and c), None)
        if name is not None:
            self.bar.clear()
            self.want(Filter(true=name))

    def action_wrong(self) -> None:
        """Only what is wrong, or all again."""
        words = [word for word in self.wanted.words.split() if word != "wrong"]
        if len(words) == len(self.wanted.words.split()):
            words.append("wrong")
        self.want(replace(self.wanted, words=" ".join(words)))

    def action_turn(self, by: int) -> None:
        """The next class, or the one before; behind the last one come all."""
        if not self.names:
            return
        names: list[str | None] = [None, *self.names]
        at = names.index(self.wanted.true) if self.wanted.true in names else 0
        self.want(Filter(self.wanted.words, names[(at + by) % len(names)]))

    def action_all(self) -> None:
        """All samples."""
        self.bar.clear()
        self.want(Filter())

    def action_album(self) -> None:
        """The samples as a grid of pictures, or as a list again."""
        if self.has_class("-album"):
            self._leave_album()
            self.listing.focus()
            return
        self.remove_class("-large")
        self.image.share = SHARE
        self.add_class("-album")
        if self.has_class("-close"):
            self.image.leave()
        self._fill_album()
        self.album.focus()

    def _leave_album(self) -> None:
        if self.has_class("-album"):
            self.remove_class("-album")
            if self.album.has_focus:
                self.listing.focus()

    def action_large(self) -> None:
        """More room for the sample, less for the list; in the album, larger pictures."""
        if self.has_class("-album"):
            self.album.resize_pictures()
            return
        self.toggle_class("-large")
        self.image.share = LARGE if self.has_class("-large") else SHARE

    def action_pane(self) -> None:
        """Give the keys to the text, or back to the list."""
        (self.main if self.text.has_focus else self.text).focus()
