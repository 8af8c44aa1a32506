"""Curves, axes, bars and matrices: drawn right at every size, and repainted only where they changed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rich.cells import cell_len
from rich.console import Console
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widgets import Static

from engine.answers import confused_pairs
from engine.series import SeriesWriter, series_path
from tui.plots import ticks
from tui.plots.bars import Bars, bar_text, bars_of, draw_bars
from tui.plots.canvas import Canvas, column_extents
from tui.plots.chart import Baseline, Chart, Curve, Mark, Plot
from tui.plots.lines import plain
from tui.plots.matrix import Matrix, draw_matrix
from tui.plots.plot import draw, short
from tui.plots.ranges import x_range, y_range
from tui.plots.sparkline import sparkline
from tui.points import exact_points, thin
from tui.series import FixedSeries, SeriesCache
from tui.xaxis import XAxis

COLOR = Console(color_system="truecolor", force_terminal=True)
ODD = [0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e-300, -1e-12, 1e308, -1e308, 5e-324]


def dots(canvas: Canvas) -> np.ndarray:
    """The dots of a braille canvas, rows × columns."""
    frame = canvas.frame()
    places = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]
    found = np.zeros((canvas.dots_high, canvas.dots_wide), bool)
    for y, x in np.ndindex(frame.glyph.shape):
        bits = int(frame.glyph[y, x]) - 0x2800
        for index, (down, across) in enumerate(places):
            if bits > 0 and bits >> index & 1:
                found[4 * y + down, 2 * x + across] = True
    return found


# the canvas


def slow_line(x: np.ndarray, y: np.ndarray, wide: int, high: int) -> np.ndarray:
    """What a line covers, dot by dot: at each column the nearest row, at each row crossed the nearest column."""
    found = np.zeros((high, wide), bool)
    for index in range(len(x)):
        column, row = math.floor(x[index] + 0.5), round(y[index])
        if 0 <= column < wide and 0 <= row < high:
            found[row, column] = True
    for index in range(len(x) - 1):
        (x0, x1), (y0, y1) = x[index : index + 2], y[index : index + 2]
        if x1 <= x0:
            continue
        for column in range(max(0, math.ceil(x0)), min(wide - 1, math.floor(x1)) + 1):
            row = round(y0 + (y1 - y0) * (column - x0) / (x1 - x0))
            if 0 <= row < high:
                found[row, column] = True
        for row in range(max(0, math.ceil(min(y0, y1))), min(high - 1, math.floor(max(y0, y1))) + 1):
            if y1 != y0:
                column = math.floor(x0 + (x1 - x0) * (row - y0) / (y1 - y0) + 0.5)
                if 0 <= column < wide:
                    found[row, column] = True
    return found


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_curve_covers_what_a_slow_line_covers(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    # Off the halves, where rounding up or down is a matter of taste.
    x = np.array(sorted(data.draw(st.lists(st.integers(-10, 50), min_size=count, max_size=count, unique=True)))) + 0.137
    y = np.array(data.draw(st.lists(st.integers(-8, 40), min_size=count, max_size=count))) + 0.271
    canvas = Canvas(20, 8)
    canvas.curve(x, y, y, y, 1)
    drawn, expected = dots(canvas), slow_line(x, y, 40, 32)
    # A peak inside a column is filled from its foot: the dots between are the only ones the slow line may lack.
    assert not (expected & ~drawn).any()
    extra = np.argwhere(drawn & ~expected)
    for row, column in extra:
        assert expected[: row + 1, column].any()
        assert expected[row:, column].any()


def test_a_line_is_one_dot_thick() -> None:
    canvas = Canvas(20, 10)
    canvas.curve(np.array([0.0, 39.0]), *[np.array([0.0, 39.0])] * 3, 1)
    assert np.array_equal(dots(canvas), np.eye(40, dtype=bool))
    flat = Canvas(20, 10)
    flat.curve(np.array([0.0, 39.0]), *[np.array([3.4, 8.2])] * 3, 1)
    assert (dots(flat).sum(axis=0) == 1).all()


def test_a_single_point_is_one_dot_and_nan_interrupts() -> None:
    canvas = Canvas(4, 2)
    canvas.curve(np.array([3.0]), *[np.array([5.0])] * 3, 1)
    assert np.argwhere(dots(canvas)).tolist() == [[5, 3]]
    gap = Canvas(10, 2)
    gap.curve(np.array([0.0, 4.0, 8.0, 12.0]), *[np.array([1.0, math.nan, 1.0, 1.0])] * 3, 1)
    assert np.flatnonzero(dots(gap)[1]).tolist() == [0, 8, 9, 10, 11, 12]


def test_extents_of_merged_points_are_drawn() -> None:
    first, last = column_extents(
        np.array([2.0, 5.0]), np.array([1.0, 4.0]), np.array([9.0, 6.0]), np.array([5.0, 5.0]), 8
    )
    assert (first[2], last[2]) == (1, 9)
    assert (first[5], last[5]) == (4, 6)
    assert np.isnan(first[[0, 1, 6, 7]]).all()


def test_thinning_keeps_every_extreme() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    thinned = thin(exact_points(np.arange(5000.0), values), 100)
    assert len(thinned) <= 100
    for place in range(100):
        part = values[place * 50 : (place + 1) * 50]
        assert part.min() in thinned.low
        assert part.max() in thinned.high


def test_text_covers_wide_characters_whole() -> None:
    canvas = Canvas(8, 1)
    canvas.text(0, 0, "日本語", 1)
    canvas.text(3, 0, "x", 2)
    frame = canvas.frame()
    assert frame.rows() == ["日 x語  "]
    assert cell_len(frame.rows()[0]) == 8


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=12), st.integers(-4, 12))
def test_text_never_leaves_the_row(text: str, x: int) -> None:
    canvas = Canvas(8, 1)
    canvas.text(1, 0, "日本語", 1)
    canvas.text(x, 0, "".join(c for c in text if c.isprintable()), 2)
    assert cell_len(canvas.frame().rows()[0]) == 8


# ticks and ranges


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 30_000, ["0", "10k", "20k", "30k"]),
        (0, 12_500, ["0k", "2.5k"]),
        (0.0, 4e-4, ["0", "1e-4", "2e-4", "3e-4", "4e-4"]),
        (0, 47, ["0", "10", "20", "30", "40"]),
    ],
)
def test_ticks_are_nice_and_short(low: float, high: float, expected: list[str]) -> None:
    if (low, high) == (0, 12_500):
        assert ticks.labels([0.0, 2500.0, 12_500.0], 2500) == ["0", "2.5k", "12.5k"]
        return
    assert ticks.labels(ticks.ticks(low, high, 5)) == expected


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e300, 1e300), st.floats(1e-6, 1e6), st.integers(1, 12))
def test_ticks_stay_inside_and_few(low: float, relative: float, count: int) -> None:
    high = low + max(abs(low), 1e-9) * relative
    places = ticks.ticks(low, high, count)
    step = ticks.nice_step(high - low, count)
    assert len(places) <= count + 1
    assert all(low - step * 1e-3 <= place <= high + step * 1e-3 for place in places)
    assert len(ticks.labels(places)) == len(places)


def test_log_and_time_ticks() -> None:
    assert ticks.log_labels(ticks.log_ticks(1e-4, 10, 6)) == ["1e-4", "0.001", "0.01", "0.1", "1", "10"]
    assert ticks.log_labels(ticks.log_ticks(1, 10, 4)) == ["1", "3", "10"]
    assert ticks.duration_labels([0, 90, 3600, 5400, 200_000], 30) == ["0", "1m30", "1h", "1h30", "55h33"]
    assert ticks.clock_step(3600, 6) == 600
    places, step = ticks.wall_ticks(1.7e9, 1.7e9 + 3600, 4)
    assert step == 900
    assert all(label.endswith(("00", "15", "30", "45")) for label in ticks.wall_labels(places, step))
    labels = ticks.wall_labels(*ticks.wall_ticks(1.7e9, 1.7e9 + 4, 9))
    assert len(labels) == len(set(labels)) == 5


@pytest.mark.parametrize(("low", "high"), [(0.5516, 0.5524), (0.0019975, 0.0020005), (1998.0, 2003.0), (3e5, 3.0004e5)])
def test_ticks_of_a_narrow_range_have_labels_of_their_own(low: float, high: float) -> None:
    for count in (3, 5, 8):
        for found in (ticks.log_labels(ticks.log_ticks(low, high, count)), ticks.labels(ticks.ticks(low, high, count))):
            assert len(found) > 1 or count < 5
            assert len(set(found)) == len(found), found


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_the_range_of_y_holds_the_data(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    bottom, top = y_range(low, high, 20)
    assert bottom < top
    if max(abs(low), abs(high)) < 1e300:
        assert bottom <= low <= high <= top


def test_ranges_stay_while_a_run_grows() -> None:
    view, changes = None, 0
    for last in range(100, 1001):
        new = x_range(1, last, view, live=True)
        assert new[0] == 0
        assert last <= new[1] <= 1.35 * last
        changes += new != view
        view = new
    assert changes < 25
    assert x_range(1, 1000, view, live=False) == (0, 1000)
    kept = y_range(0.1, 2.3, 20)
    assert y_range(0.15, 2.2, 20, kept) == kept
    assert y_range(0.15, 2.8, 20, kept) != kept
    assert y_range(0.1, 0.3, 20, kept) != kept


# the plot


def plot_of(values: object, **fields: object) -> Plot:
    array = np.asarray(values, np.float64)
    return Plot(curves=[Curve("a", FixedSeries(np.arange(len(array)), array))], **fields)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(
    values=arrays(np.float64, st.integers(0, 40), elements=st.one_of(st.sampled_from(ODD), st.floats(width=64))),
    width=st.integers(0, 60),
    height=st.integers(0, 16),
    flags=st.tuples(*[st.booleans()] * 6),
    axis=st.sampled_from(list(XAxis)),
    smooth=st.sampled_from([0.0, 0.6, 0.99]),
)
def test_any_data_is_drawn_at_any_size(
    values: np.ndarray, width: int, height: int, flags: tuple[bool, ...], axis: XAxis, smooth: float
) -> None:
    log_x, log_y, live, ascii_only, robust, ends = flags
    series = FixedSeries(np.arange(len(values)) * 3, values, np.arange(len(values)) + 1e9)
    plot = Plot(
        title="t",
        curves=[Curve("one", series), Curve("日本", series, smooth=0.0)],
        marks=[Mark(6, 0.5, "best"), Mark(9, label="resumed", curve=1), Mark(3, math.nan), Mark(0, curve=7)],
        baselines=[Baseline(0.469, "majority"), Baseline(math.inf, "no")],
        cursor=7.0,
        x_axis=axis,
        smooth=smooth,
        log_x=log_x,
        log_y=log_y,
        live=live,
        ascii_only=ascii_only,
        robust=robust,
        label_ends=ends,
    )
    for _ in range(2):
        frame = draw(plot, width, height)
        assert frame.glyph.shape == (height, width)
        rows = frame.rows()
        assert all(cell_len(row) == width for row in rows)
        assert all("".join(piece for piece, _ in frame.runs(y)) == rows[y] for y in range(height))
        if ascii_only:
            # The ellipsis and the label follow the terminal's locale, which is not ASCII here.
            assert set("".join(rows)) - set("日本…") <= set(map(chr, range(32, 127)))


def test_empty_and_hopeless_data_say_so() -> None:
    assert "no points yet" in "".join(draw(plot_of([]), 40, 10).rows())
    assert "no finite values" in "".join(draw(plot_of([math.nan] * 3), 40, 10).rows())
    assert "×" in "".join(draw(plot_of([1.0, math.nan, 2.0]), 40, 10).rows())
    rows = draw(plot_of([1.0, math.inf, 2.0, -math.inf]), 40, 10).rows()
    assert "▲" in rows[1]
    assert "▼" in "".join(rows)


def test_a_single_point_and_a_constant_are_visible() -> None:
    for values in ([0.5], [0.5] * 20):
        text = "".join(draw(plot_of(values), 40, 10).rows())
        assert any(0x2800 < ord(c) < 0x2900 for c in text)


def test_merged_and_exact_series_are_drawn_alike(tmp_path: Path) -> None:
    step = np.arange(60_000)
    values = np.exp(-step / 20_000) + np.random.default_rng(3).normal(scale=0.05, size=len(step))
    exact = FixedSeries(step, values)
    assert len(exact.points()) == 60_000
    merged = SeriesCache(tmp_path / "a.f8", buckets=2048)
    merged._buckets.add(step, step * 1.0, values, len(step))
    merged.version = 1
    for smooth in (0.0, 0.9):
        frames = [draw(Plot(curves=[Curve("a", s)], smooth=smooth), 100, 25) for s in (exact, merged)]
        different = frames[0].changes(frames[1], 0)
        assert sum(end - first for _, first, end in different) < 0.12 * 100 * 25


def test_axes_legend_marks_and_baselines() -> None:
    series = FixedSeries(np.arange(1, 101), np.linspace(0.2, 0.9, 100), 1e9 + np.arange(100.0) * 60)
    plot = Plot(
        title="accuracy",
        curves=[Curve("val", series, steps_per_epoch=10)],
        marks=[Mark(100, 0.9, "0.900"), Mark(50, label="resumed")],
        baselines=[Baseline(0.469, "majority 0.469")],
        x_axis=XAxis.EPOCH,
    )
    rows = draw(plot, 70, 20).rows()
    text = "\n".join(rows)
    assert rows[0].startswith("accuracy")
    assert "━━ val  0.9000" in rows[0]
    for expected in ("★", "0.900", "┊", "resumed", "majority 0.469", "┄┄┄"):
        assert expected in text
    assert rows[-1].split() == ["0", "2", "4", "6", "8", "epoch"]
    assert "┤" in text
    plot.x_axis, plot.cursor = XAxis.TIME, 49 * 60.0
    rows = draw(plot, 70, 20).rows()
    assert "30m" in rows[-1]
    assert f"val  {short(series.value_at(50))}" in rows[0]


def rows_of(plot: Plot, width: int, height: int) -> list[str]:
    """The rows of a drawn plot as text."""
    return ["".join(map(chr, row)) for row in draw(plot, width, height).glyph]


def three(**fields: object) -> Plot:
    """A plot of three splits, whose values at step 5 are 1.5, 2.5 and 3.5."""
    names = ("train", "validation", "test")
    curves = [Curve(name, FixedSeries([0, 5, 9], [0.5, n + 0.5, 0.0])) for n, name in enumerate(names, 1)]
    return Plot(curves=curves, cursor=5.0, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), [(80, 8), (55, 10), (34, 24), (34, 8), (29, 10)])
def test_the_crosshair_reads_every_curve_however_narrow_the_plot(width: int, height: int) -> None:
    text = "\n".join(rows_of(three(), width, height))
    assert all(value in text for value in ("1.5000", "2.5000", "3.5000"))


def test_twelve_curves_are_all_named_and_read_where_the_plot_is_high() -> None:
    curves = [Curve(f"head {n}", FixedSeries([0, 9], [n / 16, 0.0])) for n in range(12)]
    plot = Plot(curves=curves, cursor=0.0)
    text = "\n".join(rows_of(plot, 110, 34)[:4])
    assert all(f"head {n} {n / 16:.4f}" in text for n in range(12))
    assert "+" in rows_of(plot, 55, 8)[0], "where it is low it says that there are more"


def test_a_long_title_leaves_room_for_the_value() -> None:
    title = "layers/encoder.block_1.attention.k/grad_norm"
    row = rows_of(plot_of([0.25, 0.5], title=title), 27, 8)[0]
    assert "0.5000" in row
    assert "grad_norm" in row


def test_labels_at_the_ends_are_not_written_over_one_another() -> None:
    rng = np.random.default_rng(1)
    curves = [Curve(name, FixedSeries(range(300), rng.random(300) + 0.02 * n)) for n, name in enumerate("ab")]
    curves = [replace(curve, label=label) for curve, label in zip(curves, ("validation", "test"), strict=True)]
    text = "\n".join(rows_of(Plot(curves=curves, label_ends=True, smooth=0.99), 60, 14)[1:])
    assert "validation" in text
    assert "test" in text


@pytest.mark.parametrize("width", [24, 27, 34, 55])
def test_the_axis_of_x_has_two_labels_also_where_it_is_narrow(width: int) -> None:
    labels = rows_of(Plot(curves=[Curve("a", FixedSeries(range(500), range(500)))]), width, 12)[-1].split()
    assert len(labels) > 2, labels


def test_the_crosshair_is_seen_over_raw_values() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(4000)
    plot = Plot(curves=[Curve("noise", FixedSeries(range(4000), values))], smooth=100.0, cursor=2000.0)
    rows = [row for row in rows_of(plot, 60, 24) if "│" in row[10:]]
    assert len(rows) > 15


def test_zoom_shows_only_the_window_and_fits_y_to_it() -> None:
    plot = plot_of(np.arange(1000.0), zoom=(100.0, 200.0))
    rows = draw(plot, 60, 15).rows()
    assert "140" in rows[-1]
    assert "1000" not in "\n".join(rows)


def test_ascii_plots_tell_curves_apart() -> None:
    series = [FixedSeries(range(30), np.arange(30.0) * k) for k in (1, 2)]
    plot = Plot(curves=[Curve("one", series[0]), Curve("two", series[1])], ascii_only=True, log_y=False)
    text = "\n".join(draw(plot, 60, 15).rows())
    assert text.isascii()
    assert "** one" in text
    assert "++ two" in text
    assert text.count("*") > 10
    assert text.count("+") > 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.21341, "0.2134"),
        (12.346, "12.35"),
        (3.2e-5, "3.2e-5"),
        (math.nan, "NaN"),
        (-math.inf, "-inf"),
        (None, "-"),
        (0.0, "0.0000"),
    ],
)
def test_short_values(value: float | None, text: str) -> None:
    assert short(value) == text


# bars, matrix, sparkline

NAMES = {"Russian": 6272, "English": 2445, "Arabic": 1333, "Japanese": 660, "Irish": 155, "Polish": 1}


def test_bars_show_counts_shares_and_what_is_left_out() -> None:
    lines = plain(draw_bars(bars_of({"train": NAMES}), 60, 4))
    assert len(lines) == 4
    assert all(cell_len(line) <= 60 for line in lines)
    assert lines[0].startswith("Russian")
    assert lines[0].endswith("6,272  57.7 %")
    assert lines[3].startswith("… 3 more with 816")
    every = plain(draw_bars(bars_of({"train": NAMES}), 60))
    assert len(every) == 6
    assert "▏" in every[-1]
    assert every[-1].endswith("<0.1 %")


def test_bars_of_several_splits_have_a_title_and_all_counts() -> None:
    test = {name: count // 2 for name, count in NAMES.items()}
    lines = plain(draw_bars(bars_of({"train": NAMES, "test": test}), 70, 10, splits=["train", "test"]))
    assert lines[0].split() == ["train", "test"]
    assert "6,272 3,136" in lines[1]


@settings(max_examples=100, deadline=None)
@given(
    counts=st.dictionaries(st.text(max_size=9), st.integers(0, 10**7), max_size=30),
    width=st.integers(0, 90),
    height=st.one_of(st.none(), st.integers(0, 12)),
    ascii_only=st.booleans(),
)
def test_bars_fit_any_size(counts: dict[str, int], width: int, height: int | None, ascii_only: bool) -> None:
    bars = bars_of({"train": counts, "test": counts})
    for splits in ((), ("train", "test")):
        lines = plain(draw_bars(bars, width, height, splits=splits, ascii_only=ascii_only))
        assert height is None or len(lines) <= max(height, 0)
        assert all(cell_len(line) <= width for line in lines if width >= 12)


def test_bar_text_is_never_empty_for_something() -> None:
    assert bar_text(1e-9, 10) == "▏" + " " * 9
    assert bar_text(0.5, 4) == "██  "
    assert bar_text(1.0, 4, ascii_only=True) == "####"
    assert bar_text(math.nan, 3) == "   "


def test_the_matrix_has_numbers_labels_and_recall() -> None:
    lines = plain(draw_matrix([[90, 10], [4, 96]], ["cat", "dog"], 60, 10))
    assert lines[2].split() == ["cat", "90", "10", "90.0", "%"]
    assert lines[3].split() == ["dog", "4", "96", "96.0", "%"]


def test_many_classes_become_percents_then_pairs() -> None:
    size = 18
    counts = [[1000 if i == j else (50 if j == i + 1 else 0) for j in range(size)] for i in range(size)]
    names = [f"class-{i}" for i in range(size)]
    percents = plain(draw_matrix(counts, names, 76, 24))
    assert "%" in percents[0]
    assert percents[2].split()[1:3] == ["95", "5"]
    pairs = plain(draw_matrix(counts, names, 60, 10))
    assert len(pairs) == 10
    assert "class-0 → class-1" in pairs[1].replace("  ", " ")
    assert pairs[-1] == "… 9 more pairs"
    assert confused_pairs(counts)[0].count == 50


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 32), st.integers(0, 120), st.one_of(st.none(), st.integers(0, 40)), st.integers(0, 10**6))
def test_the_matrix_fits_any_size(size: int, width: int, height: int | None, most: int) -> None:
    counts = np.random.default_rng(size).integers(0, most + 1, size=(size, size)).tolist()
    lines = plain(draw_matrix(counts, [f"名{i}" for i in range(size)], width, height))
    assert height is None or len(lines) <= height
    assert all(cell_len(line) <= max(width, 0) for line in lines)


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3], 4) == "▁▃▆█"
    assert sparkline([5, 5], 4, low=0, high=10) == "▅▅"
    assert sparkline([math.nan, 1.0], 4, low=0, high=1, ascii_only=True) == " #"
    assert len(sparkline(list(range(1000)), 10)) == 10
    assert sparkline([], 5) == ""


# the widget


class Host(App[None]):
    """A chart with something on both sides."""

    CSS = "Screen { layout: horizontal; } Static { width: 10; } Chart { border: round red; }"

    def __init__(self, chart: Chart) -> None:
        super().__init__()
        self.chart = chart

    def compose(self) -> ComposeResult:
        yield Static("left 左 ")
        yield self.chart
        yield Static("right")


def screen_text(terminal: pyte.Screen) -> list[str]:
    return list(terminal.display)


async def test_only_changed_cells_are_sent_and_the_screen_is_right(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path)
    for step in range(1, 301):
        writer.log(step, {"loss": 1 / step}, 1e9 + step)
    cache = SeriesCache(series_path(tmp_path, "loss"))
    cache.update()
    chart = Chart("loss", live=True)
    chart.set_curves([Curve("train", cache)])
    app = Host(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor
        terminal = pyte.Screen(80, 20)
        terminal.set_mode(pyte.modes.LNM)
        stream = pyte.Stream(terminal)
        full = compositor.render_full_update().render_segments(COLOR)
        stream.feed(full)
        for step in range(301, 304):
            writer.log(step, {"loss": 1 / step}, 1e9 + step)
        cache.update()
        regions: list[Region] = []
        refresh = chart.refresh
        chart.refresh = lambda *parts, **k: (regions.extend(parts), refresh(*parts, **k))[1]  # type: ignore[method-assign,assignment]
        chart.update_data()
        assert regions
        assert sum(region.area for region in regions) < 40
        compositor._dirty_regions.update(r.translate(chart.content_region.offset) for r in regions)
        partial = compositor.render_partial_update()
        assert partial is not None
        sent = partial.render_segments(COLOR)
        assert len(sent) < len(full) / 10
        stream.feed(sent)
        expected = pyte.Screen(80, 20)
        expected.set_mode(pyte.modes.LNM)
        pyte.Stream(expected).feed(compositor.render_full_update().render_segments(COLOR))
        assert screen_text(terminal) == screen_text(expected)
    writer.close()


async def test_nothing_is_repainted_when_nothing_changed() -> None:
    chart = Chart("loss")
    chart.set_curves([Curve("a", FixedSeries(range(9), range(9)))])
    app = Host(chart)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        drawn = chart._frame
        chart.update_data()
        chart.change(title="")
        chart.change(title="")
        assert chart._frame is not drawn
        drawn = chart._frame
        chart.change(title="")
        assert chart._frame is drawn


async def test_a_chart_follows_its_size_and_options() -> None:
    chart = Chart("loss")
    app = Host(chart)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        assert "no points yet" in "".join(str(chart.render_line(y).text) for y in range(14))
        chart.set_curves([Curve("a", FixedSeries(range(1, 100), np.arange(1, 100.0)))])
        chart.set_baselines([Baseline(50, "half")])
        chart.set_marks([Mark(99, 99.0, "best")])
        await pilot.pause()
        text = "\n".join(chart.render_line(y).text for y in range(chart.size.height))
        assert "half" in text
        assert "★" in text
        middle = chart.position_at(chart.size.width - 1)
        assert middle == pytest.approx(99)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert all(chart.render_line(y).cell_length == chart.size.width for y in range(chart.size.height))
        with pytest.raises(AttributeError):
            chart.change(nonsense=True)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
@pytest.mark.parametrize("no_color", [False, True])
async def test_colours_contrast_in_every_theme(theme: str, no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    chart = Chart("loss")
    chart.set_curves([Curve(f"c{k}", FixedSeries(range(20), np.arange(20.0) * k), smooth=0.5) for k in range(8)])
    app = Host(chart)
    async with app.run_test(size=(80, 20)) as pilot:
        app.theme = theme
        await pilot.pause()
        back = chart.background_colors[1]
        seen = {segment.style.color for y in range(18) for segment in chart.render_line(y) if segment.style}
        colours = [c.triplet for c in seen if c is not None and c.triplet is not None]
        if no_color:
            assert "c7" in "".join(chart.render_line(y).text for y in range(1, 18))
        elif back.ansi is None:
            assert len(colours) >= 8
            assert all(max(abs(a - b) for a, b in zip(c, back.rgb, strict=True)) > 25 for c in colours)


async def test_bars_and_matrix_are_as_high_as_their_lines() -> None:
    class Both(App[None]):
        CSS = "Bars, Matrix { height: auto; }"

        def compose(self) -> ComposeResult:
            yield Bars(bars_of({"train": NAMES}))
            yield Matrix([[9, 1], [0, 5]], ["a", "b"])

    app = Both()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        bars, matrix = app.query_one(Bars), app.query_one(Matrix)
        assert bars.size.height == 6
        assert matrix.size.height == 4
        bars.set_bars(bars_of({"train": {"one": 1}}))
        await pilot.pause()
        assert bars.size.height == 1
        assert "one" in bars.render_line(0).text
        assert matrix.render_line(2).text.split()[:3] == ["a", "9", "1"]
