"""What is drawn of what was learnt: bars with scores, a matrix at every size, heat maps, the tree of layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.learnt_world import class_names, confusion
from tui.layer_tree import build_tree, holders, lines_of
from tui.plots.bars import Look, bars_of, draw_bars
from tui.plots.heat import CIVIDIS, Heat, Scale, scale_of
from tui.plots.lines import plain
from tui.plots.matrix_view import Shares, View, Zoom, draw_header, draw_line, label_width, zooms

COUNTS = {"train": {"a": 1000, "b": 10, "c": 1}, "test": {"a": 5, "b": 500, "c": 0}}
SCORES = {"a": (0.99, 0.98), "b": (0.5, 0.6)}


def test_classes_by_count_or_in_their_order() -> None:
    assert [bar.label for bar in bars_of(COUNTS, ["c", "a", "b"])] == ["a", "b", "c"]
    assert [bar.label for bar in bars_of(COUNTS, ["c", "a", "b"], ordered=False)] == ["c", "a", "b"]


def test_logarithmic_bars_show_rare_classes() -> None:
    bars = bars_of({"train": COUNTS["train"]})
    linear = plain(draw_bars(bars, 60, look=Look(ascii_only=True)))
    log = plain(draw_bars(bars, 60, look=Look(log=True, ascii_only=True)))
    assert [line.count("#") for line in linear][1:] == [1, 1]
    lengths = [line.count("#") for line in log]
    assert lengths[0] > lengths[1] > lengths[2] > 1
    assert lengths[0] == linear[0].count("#")


def test_scores_stand_beside_their_classes() -> None:
    look = Look(scores=SCORES, score_titles=("recall", "F1"), ascii_only=True)
    title, *lines = plain(draw_bars(bars_of({"train": COUNTS["train"]}), 70, splits=["train"], look=look))
    assert title.endswith("recall      F1")
    assert [line.split()[-2:] for line in lines] == [["0.990", "0.980"], ["0.500", "0.600"], ["-", "-"]]


def test_each_split_has_bars_where_there_is_room() -> None:
    look = Look(every=True, ascii_only=True)
    wide = plain(draw_bars(bars_of(COUNTS), 100, splits=["train", "test"], look=look))
    assert len(wide[2].split("#")) > 1
    assert wide[2].count("#") > 30  # of b a tiny bar in train, the longest in test
    narrow = plain(draw_bars(bars_of(COUNTS), 40, splits=["train", "test"], look=look))
    assert narrow[2].count("#") == 1


@given(st.integers(1, 120), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_bars_keep_to_their_width(width: int, scores: int) -> None:
    look = Look(scores={"a": (0.5,) * scores}, score_titles=("one", "two", "three")[:scores], every=True)
    for line in plain(draw_bars(bars_of(COUNTS), width, splits=["train", "test"], look=look)):
        assert cell_len(line) <= max(width, 12)


# ------------------------------------------------------------------------------------------------------------- matrix


@pytest.mark.parametrize(("size", "width", "height"), [(3, 60, 20), (10, 60, 30), (100, 110, 52), (100, 60, 18),
                                                       (200, 180, 52), (200, 60, 18), (1000, 60, 18)])  # fmt: skip
@pytest.mark.parametrize("plain_only", [False, True])
def test_the_smallest_size_shows_all_classes(size: int, width: int, height: int, plain_only: bool) -> None:
    first, *larger = zooms(size, width, height, plain=plain_only)
    blocks = -(-size // first.block)
    assert blocks * first.cell <= width
    assert blocks <= height * (2 if first.halves and not plain_only else 1)
    assert [(zoom.cell, -zoom.block) for zoom in larger] == sorted((zoom.cell, -zoom.block) for zoom in larger)


def view_of(size: int, zoom: Zoom, **more: object) -> View:
    """A view of a matrix from its first class on."""
    names = class_names(size)
    shares = Shares.of(confusion(size, 0), names).blocks(zoom.block)
    return View(shares, zoom, label_width(names, 80), **more)  # type: ignore[arg-type]


def test_counts_are_written_where_they_fit() -> None:
    view = view_of(5, Zoom(6))
    text = plain([draw_line(view, line, 80) for line in range(5)])
    for line, row in zip(text, confusion(5, 0), strict=True):
        assert line.split()[-5:] == [str(n) if n else "." for n in row]


def test_blocks_sum_up() -> None:
    table = np.array(confusion(10, 0))
    found = Shares.of(table.tolist(), class_names(10)).blocks(4)
    assert found.counts.shape == (3, 3)
    assert found.counts[0, 0] == table[:4, :4].sum()
    assert found.counts.sum() == table.sum()


def test_the_classes_confused_most_of_a_block() -> None:
    table = np.array(confusion(12, 0))
    table[7, 4] = 60
    shares = Shares.of(table.tolist(), class_names(12))
    assert shares.most_confused((4, 4), 4) == (7, 4)
    assert shares.most_confused((8, 8), 4) == (9, 10)  # 44 of them; what is right is no confusion


@pytest.mark.parametrize("zoom", [Zoom(1), Zoom(1, 3), Zoom(2), Zoom(3), Zoom(8)])
@pytest.mark.parametrize("plain_only", [False, True])
def test_lines_keep_to_their_width(zoom: Zoom, plain_only: bool) -> None:
    view = view_of(40, zoom, cursor=(3, 5), plain=plain_only)
    lines = [draw_header(view, 70), *(draw_line(view, line, 70) for line in range(45))]
    assert all(cell_len(text) <= 70 for text in plain(lines))
    assert any(color.startswith("accent") for line in lines[1:] for _, color, _ in line)
    assert "\x1b" not in "".join(plain(lines))


def test_a_half_block_holds_two_classes() -> None:
    lines = [draw_line(view_of(6, Zoom(1), cursor=(5, 5)), line, 60)[2:] for line in range(3)]
    tones = [[color for text, color, _ in line for _ in text] for line in lines]
    for row, expected in enumerate(confusion(6, 0)):
        for column, count in enumerate(expected):
            shade = tones[row // 2][column].split("/")[row % 2]
            assert bool(shade) == bool(count), (row, column)
            assert shade.startswith(("good", "accent")) == (row == column and bool(count))


# --------------------------------------------------------------------------------------------------------------- heat


def test_a_peak_survives_thinning() -> None:
    step = np.arange(1000) * 5
    values = np.ones((1000, 2))
    values[637, 1] = 50.0
    values[:300, 0] = np.nan
    heat = Heat(("a", "b"), step, step, values).thinned(300).thinned(40)
    first, last, columns = heat.first, heat.last, heat.value
    assert columns.shape == (40, 2)
    assert np.nanmax(columns[:, 1]) == 50.0
    at = int(np.nanargmax(columns[:, 1]))
    assert first[at] <= 637 * 5 <= last[at]
    assert np.isnan(columns[:12, 0]).all()
    assert first[0] == 0
    assert last[-1] == 999 * 5


def test_the_scale_is_logarithmic_and_holds_what_is_positive() -> None:
    scale = scale_of(np.array([[1e-4, 1.0], [np.nan, 0.0], [np.inf, 1e-2]]))
    assert scale.low < -3.9
    assert scale.high > -0.1
    even = Scale(-4.0, 0.0)
    assert [even.level(value, 4) for value in (1e-4, 1.1e-3, 1.1e-2, 0.11, 5.0)] == [0, 1, 2, 3, 3]
    assert even.level(0.0, 4) == 0
    assert even.level(float("nan"), 4) is None


def test_colours_grow_brighter_all_along() -> None:
    bright = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in CIVIDIS]
    assert bright == sorted(bright)


# --------------------------------------------------------------------------------------------------------------- tree

ROWS = [("a.x", "Conv2d", 60), ("a.y.z", "Linear", 20), ("a.y", "Block", 0), ("b", "Linear", 20), ("a.x", "Conv2d", 60)]


def table(rows: list[tuple[str, str, int]] = ROWS) -> dict[str, object]:
    layers = [{"name": n, "type": t, "output_shape": [2], "parameters": p, "trainable": p} for n, t, p in rows]
    layers[-1]["reused"] = True
    return {"parameters": 100, "layers": layers}


def test_modules_hold_the_sums_of_what_is_in_them() -> None:
    roots = build_tree(table())
    shown = [(node.path, node.depth, node.parameters) for node in lines_of(roots, ())]
    assert shown == [("a", 0, 80), ("a.x", 1, 60), ("a.y", 1, 20), ("a.y.z", 2, 20), ("a.x", 1, 0), ("b", 0, 20)]
    assert roots[0].share == 0.8
    assert holders(roots) == {"a", "a.y"}
    assert sum(root.parameters for root in roots) == 100


def test_closed_modules_hide_theirs_and_a_search_finds_them() -> None:
    roots = build_tree(table())
    assert [node.path for node in lines_of(roots, {"a"})] == ["a", "b"]
    assert [node.path for node in lines_of(roots, {"a"}, "y LINEAR")] == ["a", "a.y", "a.y.z"]
    assert lines_of(roots, (), "nothing") == []


def test_names_that_are_none_are_shown_all_the_same() -> None:
    odd = [(".".join("x" * 500), "Linear", 3), ("", "Linear", 4), ("..", "Linear", 5), ("a", "Linear", 1)]
    roots = build_tree(table(odd))
    assert sum(node.parameters for node in roots) == 12  # the last one is marked as reused
    assert build_tree({"layers": "none"}) == []
