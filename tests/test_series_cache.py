"""Series read as they grow: exact while short, merged when long, never losing an extreme or trusting a stale file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.series import SeriesWriter, cut_series, record_type, series_path
from tui.buckets import Buckets
from tui.points import exact_points, smooth, thin
from tui.series import FixedSeries, SeriesCache
from tui.xaxis import XAxis, XMap

RNG = np.random.default_rng(7)


def write(path: Path, values: np.ndarray, first: int = 0, mode: str = "ab", rate: float = 10.0) -> None:
    """Append records with consecutive steps, `rate` a second."""
    records = np.empty(len(values), record_type())
    records["step"] = np.arange(first, first + len(values))
    records["time"] = 1e9 + records["step"] / rate
    records["value"] = values
    with path.open(mode) as file:
        file.write(records.tobytes())


def test_a_missing_file_is_an_empty_series_and_appears_later(tmp_path: Path) -> None:
    cache = SeriesCache(tmp_path / "loss.f8")
    assert not cache.update()
    assert (cache.count, cache.last, cache.value_at(3), len(cache.points(100))) == (0, None, None, 0)
    write(cache.path, np.array([1.5, 0.5]))
    assert cache.update()
    assert not cache.update()
    assert cache.last == (1, 1e9 + 0.1, 0.5)


def test_points_are_exact_until_the_limit(tmp_path: Path) -> None:
    values = RNG.normal(size=8192)
    write(tmp_path / "a.f8", values)
    cache = SeriesCache(tmp_path / "a.f8")
    cache.update()
    points = cache.points()
    assert np.array_equal(points.last, values)
    assert np.array_equal(points.low, values)
    assert np.array_equal(points.x, np.arange(8192))


def test_a_long_series_keeps_its_extremes_and_total(tmp_path: Path) -> None:
    values = RNG.normal(size=300_001)
    values[123_456], values[222_222] = 1e6, -1e6
    write(tmp_path / "a.f8", values)
    cache = SeriesCache(tmp_path / "a.f8")
    cache.update()
    for points in (cache.points(), cache.points(200)):
        assert len(points) <= 8192
        assert points.high.max() == 1e6
        assert points.low.min() == -1e6
        assert points.weight.sum() == 300_001
        assert points.total.sum() == pytest.approx(values.sum())
        assert points.last[-1] == values[-1]
    assert len(cache.points(200)) <= 200


def test_zooming_in_gives_the_records_themselves(tmp_path: Path) -> None:
    values = RNG.normal(size=200_000)
    write(tmp_path / "a.f8", values)
    cache = SeriesCache(tmp_path / "a.f8")
    cache.update()
    points = cache.points(None, 150_000, 150_100)
    assert points.x[0] < 150_000
    assert points.x[-1] > 150_100
    assert np.array_equal(points.last, values[points.step])
    assert np.array_equal(np.diff(points.x), np.ones(len(points) - 1))
    assert cache.value_at(150_050.5) == values[150_050]


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    limit=st.integers(2, 64),
    special=st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e150, -1e150]), max_size=8),
)
def test_reading_in_parts_equals_reading_at_once(parts: list[int], limit: int, special: list[float]) -> None:
    total = sum(parts)
    values = np.random.default_rng(total).normal(size=total)
    for place, value in enumerate(special):
        values[(place * 37) % total] = value
    step, time = np.arange(total), np.arange(total) * 0.5
    grown, whole = Buckets(limit), Buckets(limit)
    begin = 0
    for part in parts:
        chosen = slice(begin, begin + part)
        grown.add(step[chosen], time[chosen], values[chosen])
        begin += part
    whole.add(step, time, values)
    assert len(grown) <= limit
    assert grown.size == whole.size
    for name in ("step0", "step1", "time0", "time1", "low", "high", "weight", "last", "bad"):
        assert np.array_equal(getattr(grown, name), getattr(whole, name), equal_nan=name in ("low", "high", "last"))
    with np.errstate(all="ignore"):
        # sums depend on their order as far as rounding does, which the largest values decide
        rounding = 1e-9 * max(1.0, float(np.abs(values[np.isfinite(values)]).sum()))
        assert np.allclose(grown.total, whole.total, rtol=1e-9, atol=rounding, equal_nan=True)


def test_a_cut_series_is_read_anew(tmp_path: Path) -> None:
    with SeriesWriter(tmp_path) as writer:
        for step in range(100):
            writer.log(step, {"train/loss": float(step)}, 1e9 + step)
    cache = SeriesCache(series_path(tmp_path, "train/loss"))
    cache.update()
    cut_series(tmp_path, 49)
    with SeriesWriter(tmp_path) as writer:
        for step in range(50, 120):
            writer.log(step, {"train/loss": -float(step)}, 2e9 + step)
    assert cache.update()
    assert cache.count == 120
    assert cache.points().last.tolist() == [*map(float, range(50)), *(-float(s) for s in range(50, 120))]


def test_a_file_rewritten_in_place_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.f8"
    write(path, np.zeros(50))
    cache = SeriesCache(path)
    cache.update()
    with path.open("r+b") as file:
        file.truncate(0)
    write(path, np.ones(80))
    assert cache.update()
    assert cache.points().last.tolist() == [1.0] * 80


def test_a_file_that_vanished_empties_the_series(tmp_path: Path) -> None:
    path = tmp_path / "a.f8"
    write(path, np.zeros(5))
    cache = SeriesCache(path)
    cache.update()
    path.unlink()
    assert cache.update()
    assert cache.count == 0


def test_half_a_record_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.f8"
    write(path, np.zeros(3))
    with path.open("ab") as file:
        file.write(b"\x01" * 13)
    cache = SeriesCache(path)
    cache.update()
    assert cache.count == 3


def test_steps_out_of_order_are_sorted_for_drawing(tmp_path: Path) -> None:
    path = tmp_path / "a.f8"
    write(path, np.array([1.0, 2.0]), first=10)
    write(path, np.array([3.0, 4.0]), first=0)
    cache = SeriesCache(path)
    cache.update()
    points = cache.points()
    assert points.x.tolist() == [0, 1, 10, 11]
    assert points.last.tolist() == [3, 4, 1, 2]


def test_what_is_not_finite_is_flagged_and_left_out_of_sums() -> None:
    cache = FixedSeries(range(5), [1.0, np.nan, np.inf, -np.inf, 3.0])
    points = cache.points()
    assert points.bad.tolist() == [0, 1, 2, 4, 0]
    merged = thin(points, 1)
    assert (merged.low[0], merged.high[0], merged.mean[0], merged.bad[0]) == (1.0, 3.0, 2.0, 7)


def test_a_million_points_take_little_memory(tmp_path: Path) -> None:
    write(tmp_path / "a.f8", RNG.normal(size=1_000_000))
    tracemalloc.start()
    cache = SeriesCache(tmp_path / "a.f8")
    cache.update()
    cache.points(200)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2_000_000
    assert peak < 12_000_000


def test_smoothing_merged_points_looks_like_smoothing_all_of_them() -> None:
    step = np.arange(100_000)
    values = 2 * np.exp(-step / 20_000) + RNG.normal(scale=0.3, size=len(step))
    exact = exact_points(step.astype(float), values, step)
    merged = thin(exact, 4000)
    spread = float(np.ptp(values))
    for weight in (0.5, 0.9, 0.99):
        there = np.interp(merged.x, exact.x, smooth(exact, weight))
        # One row of dots in a plot of 30 lines.
        assert np.max(np.abs(there - smooth(merged, weight))[20:]) < spread / 120


def test_smoothing_is_debiased_and_passes_over_gaps() -> None:
    constant = exact_points(np.arange(50.0), np.full(50, 3.0))
    assert smooth(constant, 0.95) == pytest.approx(np.full(50, 3.0))
    values = np.ones(50)
    values[10:20] = np.nan
    smoothed = smooth(exact_points(np.arange(50.0), values), 0.9)
    assert np.isnan(smoothed[10:20]).all()
    assert smoothed[20:] == pytest.approx(np.ones(30))


def test_smoothing_equals_the_recursion() -> None:
    step = np.cumsum(RNG.integers(1, 9, size=500))
    values = RNG.normal(size=500)
    points = exact_points(step.astype(float), values, step)
    span = 2 ** (np.ceil(np.log2(step[-1] - step[0]) * 4) / 4)
    weight, total, count, expected = np.sqrt(0.8), 0.0, 0.0, []
    for index in range(500):
        fade = weight ** ((step[index] - step[index - 1]) * 1000 / span) if index else 0.0
        total, count = total * fade + values[index], count * fade + 1
        expected.append(total / count)
    assert smooth(points, 0.8) == pytest.approx(np.array(expected))


def test_positions_on_every_axis() -> None:
    epochs = FixedSeries([10, 20, 40], [1, 2, 3])
    step, time = np.array([0, 5, 20, 30, 60]), 1000.0 + np.array([0.0, 1.0, 2.0, 103.0, 104.0])
    assert XMap().positions(step, time).tolist() == step.tolist()
    assert XMap(XAxis.WALL).positions(step, time).tolist() == time.tolist()
    assert XMap(XAxis.TIME, 1000.0).positions(step, time).tolist() == [0, 1, 2, 103, 104]
    active = XMap(XAxis.TIME, 1000.0, pauses=((1002.5, 1102.5),))
    assert active.positions(step, time).tolist() == [0, 1, 2, 3, 4]
    assert XMap(XAxis.EPOCH, epochs=epochs).positions(step, time) == pytest.approx([0, 0.5, 2, 2.5, 4.5])
    assert XMap(XAxis.EPOCH, steps_per_epoch=10).positions(step, time).tolist() == [0, 0.5, 2, 3, 6]
    assert XMap(XAxis.EPOCH).positions(step, time).tolist() == step.tolist()


def test_an_unreadable_file_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a.f8"
    folder.mkdir()
    cache = SeriesCache(folder)
    assert not cache.update()
    assert cache.count == 0


@pytest.mark.parametrize("cut", [1, 4000, 150_000])
def test_a_continued_series_is_that_of_both_files_in_one(tmp_path: Path, cut: int) -> None:
    values = RNG.normal(size=200_000)
    write(tmp_path / "whole.f8", values)
    write(tmp_path / "own.f8", values[cut:-10], first=cut)
    before = np.fromfile(tmp_path / "whole.f8", record_type())[:cut]
    whole, joined = SeriesCache(tmp_path / "whole.f8"), SeriesCache(tmp_path / "own.f8", before=before)
    assert joined.count == cut
    assert joined.own_begin is None
    whole.update()
    joined.update()
    write(tmp_path / "own.f8", values[-10:], first=200_000 - 10)
    assert joined.update()
    assert joined.own_begin == 1e9 + cut / 10
    assert (joined.count, joined.last, joined.first_time) == (whole.count, whole.last, whole.first_time)
    for window in ((None, None), (cut - 300, cut + 300), (0, 500), (199_000, None)):
        one, other = whole.points(None, *window), joined.points(None, *window)
        assert len(one) == pytest.approx(len(other), abs=2)
        assert np.nanmax(one.high) == np.nanmax(other.high)
        assert one.last[-1] == other.last[-1]
    (tmp_path / "own.f8").unlink()
    assert joined.update()
    assert joined.count == cut, "what came before is still there"
