"""What the charts of a run show: its series as curves, what happened as marks, made from a snapshot and a view."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.index import Row
from engine.spread import repetitions
from tui.curve_view import CurveView
from tui.group_series import GroupSeries
from tui.plots.plot import Baseline, Curve, Mark, Plot, Track
from tui.plots.spread import band
from tui.run_panels import Panel
from tui.run_store import RunSnapshot, RunStore
from tui.scores import is_validation, parted
from tui.series import SeriesCache
from tui.text import duration, number, safe
from tui.theme import symbol
from tui.xaxis import XAxis

_COLORS = {"train": "curve-0", "val": "curve-1", "test": "curve-2", "train_split": "curve-5"}
_NAMES = {"train": "train", "val": "validation", "test": "test", "train_split": "train split"}
_MORE_COLORS = ("curve-1", "curve-3", "curve-4", "curve-6", "curve-7")
"""Of several validation sets."""
MANY_EVALUATIONS = 200
"""Of so many each is no longer looked at by itself: they are smoothed as steps are."""
SYMBOLS = {
    "checkpoint": ("◆", "o", "success"),
    "lr": ("▾", "v", "accent"),
    "best": ("★", "*", "star"),
    "finding": ("!", "!", "error"),
    "resumed": ("»", ">", "text"),
}
"""Symbol, its stand-in in ASCII and colour of what happened along a run; the later ones are drawn over the others."""
TITLES = {
    "best": "best epoch",
    "checkpoint": "checkpoints",
    "lr": "changes of the learning rate",
    "finding": "findings and warnings",
    "resumed": "where it was resumed",
}


@dataclass(frozen=True)
class Sources:
    """Where the curves of one run come from."""

    snapshot: RunSnapshot
    caches: dict[str, SeriesCache]
    group: GroupSeries | None = None
    members: tuple[str, ...] = ()
    """The runs whose mean is drawn; none: the run itself."""

    @classmethod
    def of(cls, snapshot: RunSnapshot, store: RunStore, members: tuple[str, ...]) -> Sources:
        """Those of a store."""
        return cls(snapshot, store.caches, store.group, members)


def axis_of(view: CurveView, snapshot: RunSnapshot, *, means: bool = False) -> XAxis:
    """The axis that can be drawn: steps where what was asked for was not logged.

    Args:
        means: several runs are drawn as their mean: by the clock they have no place in common.
    """
    names = snapshot.series
    if means and view.axis is XAxis.WALL:
        return XAxis.TIME
    missing = {
        XAxis.EPOCH: "epoch" not in names and not snapshot.state.epoch,
        XAxis.SAMPLES: "samples" not in names,
        XAxis.METRIC: view.metric not in names,
    }
    return XAxis.STEP if missing.get(view.axis) else view.axis


def along(view: CurveView) -> str:
    """The series that the axis counts by; empty where it is none but steps, epochs or times."""
    return {XAxis.SAMPLES: "samples", XAxis.METRIC: view.metric}.get(view.axis, "")


def group_members(rows: Sequence[Row], run_id: str, group: str | None) -> tuple[str, ...]:
    """The runs that differ from this one only in their seed, itself included; none where it stands alone."""
    alike = repetitions((row.run, row.group, row.settings) for row in rows if group and row.group == group)
    found = next((runs for runs in alike if run_id in runs), [])
    return tuple(sorted(found)) if len(found) > 1 else ()


# curves


def label(name: str, panel: Panel) -> str:
    """What a series is called in the legend: its split, or what else tells it from its neighbours."""
    short = _short(name, panel)
    return short if sum(_short(other, panel) == short for other in panel.series) == 1 else name


def _short(name: str, panel: Panel) -> str:
    split = parted(name)[0]
    if split:
        return _NAMES.get(split, split)
    rest = name.partition("/")[2]
    return rest.partition("/")[2] or rest or (name if len(panel.series) > 1 else panel.title)


def color(name: str, panel: Panel) -> str:
    """A split's colour is the same in every panel that holds each split once."""
    split, base = parted(name)
    if {parted(other)[1] for other in panel.series} != {base}:
        return f"curve-{panel.series.index(name)}"
    if split in _COLORS or not is_validation(split):
        return _COLORS.get(split, f"curve-{panel.series.index(name)}")
    several = [s for s in (parted(other)[0] for other in panel.series) if is_validation(s) and s not in _COLORS]
    taken = int("val" in (parted(other)[0] for other in panel.series))
    return _MORE_COLORS[(several.index(split) + taken) % len(_MORE_COLORS)]


def curves_of(panel: Panel, view: CurveView, sources: Sources) -> tuple[Curve, ...]:
    """The series of a panel as curves, or their means over the runs of the group."""
    if sources.members and sources.group is not None:
        return tuple(filter(None, (_mean(name, panel, view, sources, sources.group) for name in panel.series)))
    found = ((name, sources.caches.get(name)) for name in panel.series)
    return tuple(_curve(name, cache, panel, view, sources) for name, cache in found if cache is not None)


def _smooths(name: str, count: int) -> bool:
    """Whether a series is smoothed: what is measured at every step; evaluations where they are very many."""
    split = parted(name)[0]
    return split == "train" or (not split and "/" in name) or (bool(split) and count > MANY_EVALUATIONS)


def _curve(name: str, cache: SeriesCache, panel: Panel, view: CurveView, sources: Sources) -> Curve:
    caches, state = sources.caches, sources.snapshot.state
    return Curve(
        safe(label(name, panel)),
        cache,
        color(name, panel),
        smooth=None if _smooths(name, cache.count) else 0.0,
        start=min((first for known in list(caches.values()) if (first := known.first_time)), default=None),
        epochs=caches.get("epoch"),
        steps_per_epoch=state.step / state.epoch if state.epoch else None,
        pauses=sources.snapshot.pauses,
        by=caches.get(along(view)),
        series=name,
    )


def _mean(name: str, panel: Panel, view: CurveView, sources: Sources, group: GroupSeries) -> Curve | None:
    members = [_member(run_id, name, view, group) for run_id in sources.members if (run_id, name) in group.caches]
    if not members:
        return None
    most = max(member.source.count for member in members)
    mean = band(safe(label(name, panel)), members, color(name, panel), view.smooth if _smooths(name, most) else 0.0)
    return replace(mean, series=name)


def _member(run_id: str, name: str, view: CurveView, group: GroupSeries) -> Curve:
    state = group.runs[run_id].state
    firsts = (cache.first_time for (run, _), cache in list(group.caches.items()) if run == run_id)
    return Curve(
        run_id,
        group.caches[run_id, name],
        start=min(filter(None, firsts), default=None),
        epochs=group.caches.get((run_id, "epoch")),
        steps_per_epoch=state.step / state.epoch if state.epoch else None,
        by=group.caches.get((run_id, along(view))),
    )


# marks


def marks_of(panel: Panel, view: CurveView, sources: Sources) -> tuple[Mark, ...]:
    """Where the run was resumed, and the best value, where its metric is drawn; a mean is of no one run."""
    marks: list[Mark] = []
    snapshot = sources.snapshot
    if sources.members:
        return ()
    if "resumed" not in view.hidden_marks:
        marks += [Mark(step, label="resumed", color="muted", time=at) for step, at in snapshot.resumes[-20:]]
        if snapshot.joint is not None:
            marks.append(Mark(snapshot.joint[0], label="continued", color="muted", time=snapshot.joint[1]))
    best = snapshot.best
    if best is not None and best[0] in panel.series and best[3] and "best" not in view.hidden_marks:
        name, value, _, step = best
        at = _time_at(sources, name, step)
        marks.append(Mark(step, value, number(value), symbol("star"), time=at, curve=panel.series.index(name)))
    return tuple(marks)


def _time_at(sources: Sources, name: str, step: int) -> float:
    cache = sources.caches.get(name)
    return math.nan if cache is None else cache.time_at(step)


def tracks_of(view: CurveView, sources: Sources) -> tuple[Track, ...]:
    """What happened along the run, for the axes of all panels; along a mean nothing did."""
    tracks: list[Track] = []
    snapshot = sources.snapshot
    if sources.members:
        return ()
    for kind, (sign, plain, ink) in SYMBOLS.items():
        if kind in view.hidden_marks:
            continue
        if kind == "best":
            best = snapshot.best
            if best is not None and best[3]:
                at = _time_at(sources, best[0], best[3])
                tracks.append(Track(kind, sign, plain, ink, (best[3],), (at,), (f"best {best[0]}",)))
        elif found := snapshot.happened.get(kind, ()):
            steps, times = tuple(h.step for h in found), tuple(h.time for h in found)
            tracks.append(Track(kind, sign, plain, ink, steps, times, tuple(h.label for h in found)))
    return tuple(tracks)


def tracks_in(tracks: tuple[Track, ...], marks: tuple[Mark, ...]) -> tuple[Track, ...]:
    """Those of a panel with these marks: the best epoch only where it is not marked on its curve."""
    starred = any(mark.value is not None for mark in marks)
    return tuple(track for track in tracks if track.kind != "best") if starred else tracks


def baselines_of(panel: Panel, snapshot: RunSnapshot) -> tuple[Baseline, ...]:
    """What always answering the majority class scores."""
    if panel.title != "accuracy":
        return ()
    split = next((s for s in (parted(name)[0] for name in panel.series) if is_validation(s)), "train")
    share = snapshot.baseline(split)
    return () if share is None else (Baseline(share, f"majority {number(share, 3)}"),)


# words


def place_words(axis: XAxis, metric: str, place: float, *, bare: bool = False) -> str:
    """A place on the axis, with what it counts unless `bare`."""
    if axis is XAxis.TIME:
        return duration(place)
    if axis is XAxis.WALL:
        try:
            return time.strftime("%d %b %H:%M:%S", time.localtime(place))
        except (OverflowError, ValueError, OSError):
            return ""
    name, value = axis.value, f"{place:.2f}" if axis is XAxis.EPOCH else f"{place:,.0f}"
    if axis is XAxis.METRIC:
        name, value = safe(metric, 30), number(place)
    return value if bare else f"{name} {value}"


def happened_at(plot: Plot, place: float, cells: int) -> list[str]:
    """What happened within half a symbol's distance of a place on the axis, for a plot of so many cells."""
    if plot.view.shown is None or not plot.curves:
        return []
    low, high = plot.view.shown[0]
    xmap, reach = plot.curves[0].xmap(plot.x_axis), (high - low) / max(1, cells)
    at = math.log10(place) if plot.log_x and place > 0 else place
    found = []
    for track in plot.tracks:
        where = xmap.positions(*track.arrays)
        if plot.log_x:
            where = np.log10(np.where(where > 0, where, np.nan))
        near = np.flatnonzero(np.abs(where - at) <= reach)
        if len(near):
            words = safe(track.labels[int(near[-1])] or TITLES[track.kind], 60)
            found.append(f"{(plot.ascii_only and track.plain) or track.symbol} {words}" + _more(len(near)))
    return found


def _more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""
