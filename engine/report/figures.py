"""The figures of a journal page: the curves of its runs over one another, by step and by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.curves import epochs_at
from engine.figures import new_figure, plain, save_figure, thinned
from engine.lineage import lineage, whole_series
from engine.runs import Run, RunsFolder
from engine.series import list_series
from engine.smoothing import smoothed

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
"""Of runs, told apart by colour-blind people too (Okabe, Ito 2008)."""
_STYLES = ("-", "--", ":", "-.")
"""Of runs beyond the colours."""
_MANY, _SMOOTHING = 400, 0.9
"""Points of a curve that are drawn one by one, and how much a longer one is smoothed."""
_MOST_RUNS = 24
"""Runs drawn; more are no longer told apart."""


@dataclass(frozen=True)
class Curve:
    """A series of one run, along what it goes on from."""

    run: int
    """Its place among the runs, which decides the colour."""
    label: str
    step: NDArray[np.float64]
    value: NDArray[np.float64]
    epoch: NDArray[np.float64]
    faint: bool


def draw(folder: Path, runs_folder: RunsFolder, runs: Sequence[Run]) -> list[tuple[str, Path]]:
    """Draw the loss and what the runs are chosen by, once by step and once by epoch.

    Args:
        folder: where the PNG files go; it is there.
        runs_folder: where ancestors are looked for.
        runs: whose curves; of many, the first ones.

    Returns:
        Caption and file of each figure that has a curve.

    Raises:
        OSError: a file cannot be written.
    """
    drawn = []
    for metric in _metrics(runs):
        curves = [
            curve for place, run in enumerate(runs[:_MOST_RUNS]) for curve in _curves(runs_folder, place, run, metric)
        ]
        for unit in ("epoch", "step") if curves else ():
            path = folder / f"{metric}-by-{unit}.png"
            _overlaid(path, metric, unit, curves)
            drawn.append((f"{metric} by {unit}", path))
    return drawn


def _metrics(runs: Sequence[Run]) -> list[str]:
    """Loss, and the scores that checkpoints are chosen by."""
    watched = [str((run.state.best or {}).get("monitor") or "").partition("/")[2] for run in runs]
    return list(dict.fromkeys(["loss", *filter(str.isidentifier, watched)]))


def _curves(runs_folder: RunsFolder, place: int, run: Run, metric: str) -> list[Curve]:
    """Of one run: what was validated, or else tested; and, faint, what was trained on."""
    line = lineage(runs_folder, run)
    names = {name for member in line for name in list_series(member.paths.series) if name.endswith(f"/{metric}")}
    scored = sorted(name for name in names if name.startswith("val")) or sorted(names & {f"test/{metric}"})
    chosen = [*scored, *(names & {f"train/{metric}", f"train_split/{metric}"})]
    curves = []
    for name in chosen:
        records = whole_series(line, name)
        if len(records):
            step, value = records["step"].astype(np.float64), records["value"].astype(np.float64)
            faint = not name.startswith(("val", "test")) and bool(scored)
            epoch = epochs_at(step, whole_series(line, "epoch"))
            curves.append(Curve(place, f"{run.id} {name}", step, value, epoch, faint))
    return curves


def _overlaid(path: Path, metric: str, unit: str, curves: Sequence[Curve]) -> None:
    figure = new_figure(9, 5)
    axes = figure.add_subplot()
    for curve in curves:
        _line(axes, curve.epoch if unit == "epoch" else curve.step, curve)
    axes.set(xlabel=unit, ylabel=plain(metric))
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=1 + len(curves) // 13)
    save_figure(figure, path)


def _line(axes: Any, at: NDArray[np.float64], curve: Curve) -> None:
    place, label = curve.run, None if curve.faint else plain(curve.label)
    look: dict[str, Any] = {
        "color": _COLOURS[place % len(_COLOURS)],
        "linestyle": _STYLES[place // len(_COLOURS) % len(_STYLES)],
        "linewidth": 0.9 if curve.faint else 1.7,
        "alpha": 0.45 if curve.faint else 1.0,
    }
    if len(at) <= _MANY:
        axes.plot(at, curve.value, label=label, marker="o" if len(at) <= 30 else None, markersize=3, **look)
        return
    if curve.faint:
        axes.plot(*thinned(at, curve.value, 300), **look)
        return
    # the noise of single steps would hide the other runs' curves
    axes.plot(*thinned(at, curve.value, 300), **{**look, "linewidth": 0.7, "alpha": 0.2})
    axes.plot(*thinned(at, _smoothed(curve), 300), label=f"{label}, smoothed", **look)


def _smoothed(curve: Curve) -> NDArray[np.float64]:
    finite = np.isfinite(curve.value)
    total, weight = np.where(finite, curve.value, 0.0), finite.astype(np.float64)
    return smoothed(curve.step.astype(np.int64), total, weight, _SMOOTHING)
