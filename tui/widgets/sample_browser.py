"""A list of samples beside the one under the cursor: its text or image, the answer, and how that came about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import msgspec
from rich.cells import cell_len
from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from engine.answers import History
from tui.samples import MOST_TEXT, Filter, Sample, apply, course, steps_of
from tui.text import dash, number, pad, safe, wrap
from tui.text_marks import Marked, compared, mistakes
from tui.theme import Inks, symbol
from tui.widgets.album import Album
from tui.widgets.filter_bar import FilterBar
from tui.widgets.image_view import SHARE, ImageView
from tui.widgets.line_list import LineList
from tui.widgets.lines_pane import LinesPane
from tui.widgets.run_samples import visible, wrong_style
from tui.widgets.run_words import epochs
from tui.widgets.table import Column, Line, arrange, draw_row

MOST_EPOCHS = 2_000
"""Epochs listed for one sample."""
MOST_LINES = 40
"""Lines of a text beside the one it should be."""
MOST_NAME = 40
ROOMY = 100
"""From this width on the sample is shown large beside the album."""
LARGE = 0.85
"""How much of the height an image may take where the sample is shown large."""
ROW = Column("name", "sample", 8)
TRUE = Column("true", "true", 6)
PREDICTED = Column("predicted", "predicted", 9, rank=1)
SURE = Column("sure", "sure", 6, right=True, rank=2)
ERRORS = Column("errors", "errors", 8, right=True, rank=1)
COURSE = Column("course", "over the epochs", 15, 40, rank=3)


class SampleList(LineList[Sample]):
    """The samples that the filter lets through."""

    def __init__(self) -> None:
        super().__init__(id="samples")
        self.histories: dict[int, History] = {}
        self.steps: tuple[int, ...] = ()
        """What the columns of the courses stand for."""
        self.columns: tuple[Column, ...] = (ROW, TRUE)

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        cells = {column.key: (column.title, ink.muted) for column in self.columns}
        return [("  ", ink.muted), *draw_row(arrange(self.columns, width - 3), cells, ink.text)]

    def draw_item(self, item: Sample, width: int, ink: Inks) -> Line:
        """A sample: right or wrong by symbol and colour, what it is, what it was taken for."""
        marks = {True: (symbol("finished"), ink.good), False: (symbol("failed"), ink.bad), None: (" ", ink.text)}
        mark, style = marks[item.right]
        arranged = arrange(self.columns, width - 3)
        wide = next((cells for column, cells in arranged if column.key == "course"), 0)
        sure = f"{100 * item.probability:.0f} %" if math.isfinite(item.probability) else ""
        cells = {
            "name": (safe(item.name[:200]), ink.text),
            "true": (safe(item.true[:200]), ink.muted),
            "predicted": (safe((item.predicted or "")[:200]), ink.bad if item.right is False else ink.text),
            "sure": (sure, ink.muted),
            "errors": (_errors(item), ink.muted),
            "course": (course(self.histories.get(item.row), wide, self.steps, sample=item), ink.accent),
        }
        return [(f"{mark} ", style), *draw_row(arranged, cells, ink.text)]


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
        columns = self._columns(samples, answered=answered)
        if columns != self.listing.columns or histories is not None:
            self.listing.columns = columns
            self.listing.forget()
        self._fill()
        self.refresh_bindings()

    def _columns(self, samples: Sequence[Sample], *, answered: bool) -> tuple[Column, ...]:
        """The columns, as wide as what stands in them."""
        shown = samples[:500]
        name = msgspec.structs.replace(ROW, most=min(MOST_NAME, _longest(sample.name for sample in shown)))
        label = min(24, max(_longest(s.true for s in shown), _longest(s.predicted or "" for s in shown)))
        true, predicted = (
            msgspec.structs.replace(c, width=max(c.width, min(label, 14)), most=label) for c in (TRUE, PREDICTED)
        )
        sure = (SURE,) if any(math.isfinite(sample.probability) for sample in samples) else ()
        errors = (ERRORS,) if any(math.isfinite(sample.errors) for sample in samples) else ()
        beside = (predicted, *sure, *errors) if answered else ()
        return (name, true, *beside, *((COURSE,) if self.histories else ()))

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


def _errors(sample: Sample) -> str:
    """How wrong a text is, in characters, or a quantity."""
    if not math.isfinite(sample.errors):
        return ""
    return f"{sample.errors:,.0f}" if not sample.near else number(sample.errors, 3)


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(safe(text[:60])) for text in texts), default=0)


def preview(sample: Sample | None, history: History | None) -> Callable[[int, Inks], list[Line]]:
    """What draws a sample for a width: its input, label and answer, and what was answered at each epoch."""

    def build(width: int, ink: Inks) -> list[Line]:
        if sample is None:
            return []
        lines: list[Line] = [[(f"row {sample.row:,}", ink.muted)]]
        if sample.text and sample.predicted is not None:
            lines += _text_answer(sample, width, ink)
        else:
            lines += _labelled("true", sample.true, width, ink, ink.text)
        if sample.predicted is not None and not sample.text:
            style = ink.bad if sample.right is False else ink.good if sample.right else ink.text
            lines += _labelled("predicted", sample.predicted, width, ink, style)
        if math.isfinite(sample.probability):
            lines += _labelled("sure", f"{100 * sample.probability:.1f} %", width, ink, ink.text)
        if sample.input is not None:
            lines += [[], *([(row, ink.text)] for row in _text_lines(sample.input, width))]
        return lines + _history_lines(history, sample, width, ink)

    return build


def _labelled(label: str, text: str, width: int, ink: Inks, style: object) -> list[Line]:
    rows = wrap(safe(text[:4_000]), max(4, width - 11), 40) or [dash()]
    return [
        [(pad(label if not position else "", 11), ink.muted), (row, style)]  # type: ignore[list-item]
        for position, row in enumerate(rows)
    ]


def _text_answer(sample: Sample, width: int, ink: Inks) -> list[Line]:
    """What a text should be and what it was taken for, the wrong characters of both marked, and how many they are."""
    true, given = sample.true[:MOST_TEXT], (sample.predicted or "")[:MOST_TEXT]
    missed, wrong = compared(true, given, aligned=sample.aligned)
    lines = _marked("true", missed, width, ink.text, wrong_style(ink.warning), ink)
    lines += _marked("predicted", wrong, width, ink.text, wrong_style(ink.bad), ink)
    said = f"{sample.errors:,.0f} of {len(true):,} characters" if sample.errors else "none"
    return [*lines, [(pad("wrong", 11), ink.muted), (said, ink.bad if sample.errors else ink.good)]]


def _marked(label: str, pieces: Marked, width: int, plain: Style, wrong: Style, ink: Inks) -> list[Line]:
    """A text in pieces, broken where the width ends."""
    room, left = max(4, width - 12), 0
    lines: list[Line] = []
    for text, mark in pieces:
        for character in visible(text):
            cells = cell_len(character)
            if cells > left:
                if len(lines) == MOST_LINES:
                    return lines
                lines.append([(pad("" if lines else label, 11), ink.muted)])
                left = room
            style = wrong if mark else plain
            last, known = lines[-1][-1]
            if len(lines[-1]) > 1 and known == style:
                lines[-1][-1] = (last + character, style)
            else:
                lines[-1].append((character, style))
            left -= cells
    return lines or [[(pad(label, 11), ink.muted), (dash()[0], ink.muted)]]


def _text_lines(text: str, width: int) -> list[str]:
    """A text as it was written: its own lines, each broken at the width."""
    lines: list[str] = []
    for line in text.split("\n")[:400]:
        lines += wrap(safe(line), max(4, width - 1), 100) or [""]
    return lines


def _history_lines(history: History | None, sample: Sample, width: int, ink: Inks) -> list[Line]:
    """What was answered at each evaluated epoch, and since when it is right."""
    if history is None or len(history.answers) < 2:
        return []
    since = history.since
    words = f"right since epoch {epochs(since.epoch)}" if since else "wrong at the end"
    changes = history.flips
    many = f"changed {changes} {'time' if changes == 1 else 'times'}" if changes else "never changed"
    lines: list[Line] = [[], [(words, ink.good if since else ink.bad)]]
    lines += [] if sample.text else [[(many, ink.muted)]]
    lines.append(
        [(f"{'epoch':>8}  {pad('predicted', max(9, width - 20))}{'wrong' if sample.text else 'sure':>7}", ink.muted)]
    )
    for answer in history.answers[-MOST_EPOCHS:]:
        mark, style = (symbol("finished"), ink.good) if answer.right else (symbol("failed"), ink.bad)
        sure = f"{100 * answer.probability:.0f} %" if math.isfinite(answer.probability) else ""
        if sample.text:
            pair = history.true[:MOST_TEXT], answer.predicted[:MOST_TEXT]
            sure = f"{mistakes(*pair, aligned=sample.aligned):,}"
        lines.append(
            [
                (f"{epochs(answer.epoch):>6}", ink.muted),
                (f" {mark} ", style),
                (pad(safe(answer.predicted[:200]), max(10, width - 19)), ink.text if answer.right else ink.bad),
                (f"{sure:>7}", ink.muted),
            ]
        )
    return lines
