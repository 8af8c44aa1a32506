"""What the curves of a run are made of, without a screen: windows, views that are remembered, panels, means, marks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.smoothing import smoothed
from engine.spread import mean_and_deviation, repetitions
from tui.curve_view import CurveView, OwnPanel, ViewFile
from tui.curve_window import ALL, Window, followed, panned, typed, zoomed
from tui.panel_edit import PanelEdit
from tui.plots.plot import Curve, Plot, Track, draw
from tui.plots.spread import MeanSeries, bands
from tui.run_events import EventsFile
from tui.run_panels import Panel, fixed_grid, grouped, matching, pages
from tui.screens.curve_limits import read_number
from tui.series import COARSE, FixedSeries
from tui.xaxis import XAxis, XMap

# the part in sight


def test_zooming_keeps_the_place_it_is_around_where_it_is() -> None:
    near = zoomed(ALL, (0.0, 100.0), 0.5, 30.0)
    assert near.x == pytest.approx((15.0, 65.0)), "30 stood at 30 % of the width and still does"
    assert zoomed(near, (0.0, 100.0), 2.0, 30.0) == ALL
    assert zoomed(ALL, (0.0, 100.0), 0.5, None) == Window((50.0, 100.0), follows=True)


def test_on_a_logarithmic_axis_decades_are_what_counts() -> None:
    near = zoomed(ALL, (1.0, 10_000.0), 0.5, 100.0, log=True)
    assert near.x == pytest.approx((10.0, 1000.0))
    assert panned(near, (1.0, 10_000.0), 0.5, log=True).x == pytest.approx((100.0, 10_000.0))


def test_panning_ends_where_the_data_does_and_follows_there() -> None:
    window = Window((10.0, 20.0))
    assert panned(window, (0.0, 100.0), -5.0).x == (0.0, 10.0)
    at_the_end = panned(window, (0.0, 100.0), 50.0)
    assert at_the_end == Window((90.0, 100.0), follows=True)
    assert panned(at_the_end, (0.0, 100.0), -0.5) == Window((85.0, 95.0), follows=False)


def test_a_window_at_the_end_goes_along_in_strides_and_one_elsewhere_stays() -> None:
    window = Window((90.0, 100.0), follows=True)
    moved = followed(window, (0.0, 101.0), live=True)
    assert moved.x is not None
    assert moved.x[1] > 102.0
    assert moved.x[1] - moved.x[0] == pytest.approx(10.0)
    assert followed(moved, (0.0, moved.x[1] - 0.1), live=True) is moved, "new points within it move nothing"
    elsewhere = Window((10.0, 20.0))
    assert followed(elsewhere, (0.0, 1e6), live=True) is elsewhere


def test_typed_limits_leave_an_open_end_to_the_data() -> None:
    assert typed(10.0, None, (0.0, 50.0)).x == (10.0, 50.0)
    assert typed(None, None, (0.0, 50.0)) == ALL
    assert typed(60.0, None, (0.0, 50.0)) == ALL, "nothing is left of it"


@pytest.mark.parametrize("log", [False, True])
def test_no_zoom_leaves_the_data(log: bool) -> None:
    full, window, random = (1.0, 1000.0), ALL, np.random.default_rng(3)
    for _ in range(500):
        around = None if random.random() < 0.2 else float(random.uniform(-10, 2000))
        window = zoomed(window, full, float(random.choice([0.01, 0.5, 0.8, 1.25, 2.0])), around, log=log)
        window = panned(window, full, float(random.uniform(-2, 2)), log=log)
        if window.x is not None:
            assert full[0] * (1 - 1e-9) <= window.x[0] < window.x[1] <= full[1] * (1 + 1e-9)


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("200", 200.0), ("1e-3", 1e-3), ("20k", 20_000.0), ("1.5M", 1.5e6), ("1,000", 1e3)]
)
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "k", "1e999", "--1"])
def test_what_is_no_number_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        read_number(text)


# views that are remembered


def test_a_view_comes_back_as_it_was_left_beside_that_of_the_other_tab(tmp_path: Path) -> None:
    file = ViewFile(tmp_path, "names/lstm 日本")
    view = CurveView(axis=XAxis.METRIC, metric="val/loss", smooth=100.0, window=True, log_x=True, grid=(4, 3),
                     panels=(OwnPanel("mine", ("a", "b")),), removed=("loss",), hidden_marks=("lr",),
                     x=(None, 5.0), y={"loss": (0.1, 2.0)})  # fmt: skip
    file.write("curves", view)
    file.write("system", CurveView(log_y=True))
    assert ViewFile(tmp_path, "names/lstm 日本").read("curves") == view
    assert file.read("system").log_y
    assert ViewFile(tmp_path, "names").read("curves") == CurveView()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"curves": []}', b'{"curves": {"axis": "up"}}', b'{"curves": {"grid": [9, 9]}}',
     b'{"curves": {"smooth": -1}}', b'{"curves": {"smooth": 1.5}}', b'{"curves": {"y": {"a": [2, 1]}}}',
     b'{"curves": {"x": [5, 5]}}', b'{"curves": ' + b"[" * 5000, b" " * (2 << 20)],
)  # fmt: skip
def test_a_view_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    file = ViewFile(tmp_path, "names")
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(content)
    assert file.read("curves") == CurveView()
    file.write("curves", CurveView(log_y=True))
    assert file.read("curves").log_y


def test_experiments_of_any_name_have_a_file_of_their_own_in_the_folder(tmp_path: Path) -> None:
    names = ["", ".", "..", "../up", "a/b", "a%2Fb", "x" * 300, "x" * 301, ".hidden", "日本" * 90]
    paths = {ViewFile(tmp_path, name).path for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "views"}
    for name in names:
        ViewFile(tmp_path, name).write("curves", CurveView(log_y=True))
        assert ViewFile(tmp_path, name).read("curves").log_y


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "views").write_text("in the way")
    file = ViewFile(tmp_path, "names")
    file.write("curves", CurveView(log_y=True))
    assert file.read("curves") == CurveView()


# panels


def edit() -> PanelEdit:
    """Two automatic panels, and series besides."""
    automatic = [Panel("loss", ("train/loss", "val/loss")), Panel("accuracy", ("val/accuracy",))]
    known = ["train/loss", "val/loss", "val/accuracy", "train/f1", "val/f1", "grad"]
    return PanelEdit(automatic, known, (), ())


def test_series_go_into_panels_and_out_and_what_was_automatic_comes_back() -> None:
    panels = edit()
    panels.toggle("loss", "grad")
    panels.toggle("loss", "train/loss")
    assert panels.panels[0] == Panel("loss", ("val/loss", "grad"))
    assert panels.new("val/f1") == "f1"
    assert panels.panels[-1] == Panel("f1", ("train/f1", "val/f1"))
    assert panels.new("val/f1") == "f1 2", "a panel has a name of its own"
    panels.drop("accuracy")
    panels.toggle("f1 2", "train/f1")
    panels.toggle("f1 2", "val/f1")
    assert [panel.title for panel in panels.panels] == ["loss", "f1"]
    panels.reset()
    assert panels.panels == panels.automatic


def test_a_panel_put_together_for_another_run_shows_the_series_there_are() -> None:
    view = CurveView(panels=(OwnPanel("mine", ("val/loss", "gone")), OwnPanel("other", ("gone",))), removed=("lr",))
    automatic = [Panel("loss", ("val/loss",)), Panel("lr", ("lr",))]
    assert view.edited(automatic, ("val/loss", "lr")) == [Panel("loss", ("val/loss",)), Panel("mine", ("val/loss",))]


def test_of_300_series_words_find_the_ones_meant() -> None:
    names = [f"layer{i}/{part}/norm" for i in range(150) for part in ("weight", "bias")]
    assert matching(names, "LAYER14 bias") == [f"layer{i}/bias/norm" for i in (14, *range(140, 150))]
    assert len(grouped(names)) == 300
    assert [panel.title for panel in grouped(["b10", "b9", "a", "b"])] == ["a", "b", "b9", "b10"]
    assert grouped(["val/loss", "train/loss", "epoch"]) == [Panel("loss", ("train/loss", "val/loss"))]


def test_every_panel_is_on_a_page() -> None:
    for grid in (None, (1, 1), (2, 2), (4, 3)):
        for width, height in ((80, 20), (120, 36), (200, 56), (20, 5), (1, 1)):
            for count in (1, 3, 13, 40):
                assert sum(place.shown for place in pages(count, width, height, grid)) >= count
    assert fixed_grid(40, 4, 3, 200, 56).shown == 12
    assert fixed_grid(3, 4, 3, 200, 56).rows == ("1fr",), "no empty rows"
    assert fixed_grid(40, 4, 3, 80, 20).columns == 3, "cells too narrow to read are not made"


# smoothing and means


def test_the_mean_of_a_window_is_that_of_its_points() -> None:
    values = np.random.default_rng(1).normal(size=200) + 1e6
    mean = smoothed(np.arange(200), values, np.ones(200), 11)
    assert mean[100] == pytest.approx(values[95:106].mean(), rel=1e-12)
    assert mean[0] == pytest.approx(values[:6].mean()), "fewer at the ends"
    merged = smoothed(np.arange(50), values.reshape(50, 4).sum(1), np.full(50, 4.0), 40, 4)
    assert merged[25] == pytest.approx(values[80:124].mean(), abs=0.1), "nearly the same where points are summed up"


def test_smoothing_at_fewer_places_draws_the_same() -> None:
    step = np.arange(60_000)
    values = np.exp(-step / 20_000) + np.random.default_rng(2).normal(scale=0.1, size=len(step))
    series = FixedSeries(step, values)
    for amount in (0.9, 0.99, 1000.0):
        x, fine = series.smoothed(amount)
        at, coarse = series.smoothed(amount, coarse=True)
        assert len(at) < 2 * COARSE < len(x)
        assert np.max(np.abs(np.interp(at, x, fine) - coarse)[20:]) < np.ptp(values) / 120


def test_mean_and_deviation_of_curves_at_the_same_places() -> None:
    x = np.arange(5.0)
    at, mean, deviation = mean_and_deviation([(x, x), (x, x + 2), (x, x + 4)])
    assert at.tolist() == x.tolist()
    assert mean == pytest.approx(x + 2)
    assert deviation == pytest.approx(np.full(5, 2.0)), "that of a sample: divided by n - 1"


def test_a_curve_counts_only_where_it_is() -> None:
    at, mean, deviation = mean_and_deviation(
        [(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 4.0])), (np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0])),
         (np.array([np.nan, 1.0]), np.array([5.0, np.nan])), (np.empty(0), np.empty(0))]
    )  # fmt: skip
    assert at.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert mean.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert math.isnan(deviation[-1]), "of one curve there is none"


def test_repetitions_differ_in_nothing_but_their_seed() -> None:
    def run(
        name: str, group: str | None, seed: int, lr: float, fold: int | None = None
    ) -> tuple[str, str | None, object]:
        return name, group, {"seed": seed, "optimizer": {"lr": lr}, "data": {"name": "a", "fold": fold}}

    runs = [run("a", "g", 0, 0.1), run("b", "g", 1, 0.1), run("c", "g", 0, 0.2), run("d", "h", 2, 0.1),
            run("e", None, 0, 0.1), run("f", "g", 0, 0.1, 3)]  # fmt: skip
    assert repetitions(runs) == [["a", "b", "f"], ["c"], ["d"], ["e"]]  # type: ignore[arg-type]


def members(count: int = 3) -> list[Curve]:
    """Curves that lie one apart."""
    return [Curve(f"e{i}", FixedSeries(range(50), np.full(50, float(i)))) for i in range(count)]


def test_a_band_lies_a_deviation_around_the_mean() -> None:
    mean = MeanSeries(members())
    points = mean.points(None, 10.0, 20.0)
    assert (points.x[0], points.x[-1]) == (9.0, 21.0), "one neighbour beyond each end"
    assert points.last == pytest.approx(np.ones(13))
    assert points.low == pytest.approx(np.zeros(13))
    assert mean.deviation_at(25.0) == pytest.approx(1.0)
    plot = Plot(curves=bands(members(), [["e0", "e1", "e2"]]))
    rows = draw(plot, 60, 16).rows()
    assert "±1.0000" in rows[0]
    assert sum(any(0x2800 < ord(c) <= 0x28FF for c in row) for row in rows) > 8, "the band is shaded"
    plot.ascii_only = True
    assert "+-1.0000" in draw(plot, 60, 16).rows()[0]


def test_only_what_belongs_together_becomes_one_curve() -> None:
    found = bands(members(), [["e0", "e2"], ["e1"]])
    assert [curve.label for curve in found] == ["e0 and 1 more", "e1"]
    assert [curve.band for curve in found] == [True, False]


# axes and marks


def test_another_metric_runs_along_x_in_its_own_order() -> None:
    along = FixedSeries([0, 10, 20], [1.0, 0.2, 0.6])
    xmap = XMap(XAxis.METRIC, by=along)
    series = FixedSeries([0, 5, 10, 15, 20, 25], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    points = series.points(xmap=xmap)
    assert points.x.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.6, 1.0]), "beyond its last point it is not known"
    assert points.last.tolist() == [2.0, 3.0, 1.0, 4.0, 0.0]
    assert XMap(XAxis.METRIC).positions(np.array([1]), np.array([0.0])) == pytest.approx([math.nan], nan_ok=True)


def test_samples_go_on_at_the_pace_they_were_counted() -> None:
    xmap = XMap(XAxis.SAMPLES, by=FixedSeries([10, 20], [640.0, 1280.0]))
    assert xmap.positions(np.array([0, 5, 20, 30]), np.zeros(4)).tolist() == [0.0, 320.0, 1280.0, 1920.0]


def track(kind: str, symbol: str, steps: list[int]) -> Track:
    return Track(kind, symbol, "o", "muted", tuple(steps), (math.nan,) * len(steps))


def test_marks_stand_on_the_axis_and_many_of_them_stay_apart() -> None:
    curves = (Curve("a", FixedSeries(range(1000), np.arange(1000.0))),)
    plot = Plot(curves=curves, tracks=(track("lr", "▾", list(range(1000))), track("finding", "!", [500])))
    rows = draw(plot, 100, 20).rows()
    axis = rows[-2]
    assert 2 <= axis.count("▾") <= 8
    assert axis.count("!") == 1
    assert not any("▾" in row for row in rows[:-2])
    plot.zoom = (0.0, 100.0)
    assert "!" not in draw(plot, 100, 20).rows()[-2]
    low = draw(plot, 60, 7).rows()
    assert any("▾" in row for row in low), "without a line of its own it stands along an edge"


def test_marks_at_the_very_edge_stay_within_the_plot() -> None:
    curves = (Curve("a", FixedSeries(range(1000), np.arange(1000.0))),)
    plot = Plot(curves=curves, tracks=(track("lr", "▾", list(range(1000))),), live=True)
    for width, height in ((116, 5), (57, 7), (30, 20), (13, 4), (12, 3), (5, 9), (1, 1)):
        for low in (0.0, 0.3, 0.5, 10.25):
            for end in np.arange(700.0, 702.0, 0.05).tolist():
                plot.zoom = (low, end)
                draw(plot, width, height)


def test_events_are_kept_by_kind_with_their_steps(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        {"time": 1.0, "event": "started"},
        {"time": 2.0, "event": "checkpoint", "name": "step-1", "step": 1},
        {"time": 3.0, "event": "lr", "value": 0.01, "step": 2},
        {"time": 4.0, "event": "warning", "message": "odd", "step": 3},
        {"time": 9.0, "event": "resumed", "step": 3},
        {"time": 9.5, "event": "checkpoint", "name": ["x"], "step": None},
        {"time": 9.6, "event": "lr", "value": {"a": 1}, "step": 10**30},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    file = EventsFile(path)
    assert file.update()
    assert [(kind, [h.step for h in found]) for kind, found in file.happened.items()] == [
        ("checkpoint", [1]), ("lr", [2, 2**62]), ("finding", [3]), ("resumed", [3])
    ]  # fmt: skip
    assert file.happened["lr"][0].label == "learning rate 0.01"
    assert not file.update()
    with path.open("a") as more:
        more.write(json.dumps({"time": 10.0, "event": "checkpoint", "name": "step-5", "step": 5}) + "\n")
    assert file.update(), "a new checkpoint is shown at once"
    assert file.happened["checkpoint"][-1].label == "checkpoint step-5"
