"""Curves as text, drawn once with plotext: `engine plot`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lineage import whole_series
from engine.runs import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLOURS = (
"""Name and escape-sequence number of each curve's colour; both follow the terminal's palette."""
)  # fmt: skip
"""plotext's name and the escape sequence's number of each curve's colour; both follow the terminal's palette."""
_LETTERS = "*+ox#@%&"
_ANSI = re.compile("\x1b\\[[0-9;]*m")
AXES = ("step", "epoch", "time")


@dataclass(frozen=True)
class Curve:
    """A series of a run as points to draw."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def read_curve(line: Sequence[Run], name: str, label: str, axis: str, points: int, smooth: float = 0.0) -> Curve:
    """Read a series as a curve of few points that still shows every peak.

    Args:
        line: the run, behind the runs it goes on from: one curve.
        axis: what x counts: optimizer steps, epochs, or seconds since the series' first point.
        points: about how many points to keep.
        smooth: weight of the past in an exponential mean, 0 (none) to below 1.
    """
    import numpy as np

    records = whole_series(line, name)
    y = _smoothed(records["value"].astype(np.float64), smooth)
    x = _axis(line, records, axis)
    finite = np.isfinite(y) & np.isfinite(x)
    x, y = thin(x[finite], y[finite], points)
    return Curve(label, x, y)


def _axis(line: Sequence[Run], records: NDArray[np.void], axis: str) -> NDArray[np.float64]:
    import numpy as np

    if axis == "time":
        times: NDArray[np.float64] = records["time"].astype(np.float64)
        return times - times[0] if len(times) else times
    steps: NDArray[np.float64] = records["step"].astype(np.float64)
    return epochs_at(steps, whole_series(line, "epoch")) if axis == "epoch" else steps


def epochs_at(steps: NDArray[np.float64], epochs: NDArray[np.void]) -> NDArray[np.float64]:
    """The epochs that steps are in, by the records of a series `epoch`; the steps themselves where it has none."""
    import numpy as np

    if not len(epochs):
        return steps
    # before the first recorded epoch it grew from nothing at step 0
    known = np.concatenate(([0.0], epochs["step"])), np.concatenate(([0.0], epochs["value"]))
    return np.interp(steps, *known)


def _smoothed(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    import numpy as np

    if not weight or not len(values):
        return values
    smooth, mean, norm = np.empty_like(values), 0.0, 0.0
    for i, value in enumerate(values):
        if np.isfinite(value):
            mean, norm = weight * mean + (1 - weight) * value, weight * norm + (1 - weight)
        smooth[i] = mean / norm if norm else value
    return smooth


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most about `points` of the points: of each stretch the lowest and the highest, in their order."""
    import numpy as np

    if len(y) <= points:
        return x, y
    stretches = max(1, points // 2)
    length = len(y) // stretches
    whole = y[: length * stretches].reshape(stretches, length)
    starts = np.arange(stretches) * length
    chosen = np.concatenate((starts + whole.argmin(1), starts + whole.argmax(1), [0, len(y) - 1]))
    kept = np.unique(chosen)
    return x[kept], y[kept]


def draw(
    curves: Sequence[Curve],
    title: str,
    *,
    axis: str = "step",
    width: int = 80,
    height: int = 20,
    log: bool = False,
    colour: bool = True,
    plain: bool = False,
) -> str:
    """Draw curves into one frame.

    Args:
        width: characters.
        height: lines.
        log: a logarithmic y axis; values that have no logarithm are left out.
        colour: whether to use escape sequences.
        plain: draw with ASCII alone.

    Returns:
        `height` lines of text.
    """
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")  # the terminal's own background and text
    plotext.terminal.limit(False, False)
    shown = [kept for kept in (_positive(curve) if log else curve for curve in curves) if len(kept.y)]
    legend = _legend(shown, title, colour, plain, width)
    figure.plot_size(width, max(5, height - len(legend)))
    if log and shown:
        figure.ruler(1).scale("log")
    for i, curve in enumerate(shown):
        symbol = _symbol(i, len(shown), colour, plain)
        marker = plotext.marker(symbol, plotext.pixel(_COLOURS[i % len(_COLOURS)][0]))
        figure.draw(figure.signal(curve.x.tolist(), curve.y.tolist(), marker=marker).lines())
    figure.label("seconds" if axis == "time" else axis)
    text = "\n".join([*legend, str(figure.build().string()).rstrip("\n")])
    figure.clear()
    return text if colour else _ANSI.sub("", text)


def _symbol(number: int, curves: int, colour: bool, plain: bool) -> str:
    """What draws a curve: braille dots where colours, or being alone, tell it apart; else a letter of its own."""
    if plain or (not colour and curves > 1):
        return _LETTERS[number % len(_LETTERS)]
    return "braille"


def _legend(curves: Sequence[Curve], title: str, colour: bool, plain: bool, width: int) -> list[str]:
    """The title and the curves' names, above the frame, where they hide nothing."""
    lines, cells = [title if curves else f"{title}: no points"], len(title)
    for i, curve in enumerate(curves):
        symbol = _symbol(i, len(curves), colour, plain)
        mark = "──" if symbol == "braille" else symbol
        name = f"{mark} {curve.label}"
        shown = f"\x1b[{_COLOURS[i % len(_COLOURS)][1]}m{name}\x1b[0m" if colour else name
        if cells + 3 + len(name) > width:
            lines.append(f"  {shown}")
            cells = 2 + len(name)
        else:
            lines[-1] += f"   {shown}"
            cells += 3 + len(name)
    return lines


def _positive(curve: Curve) -> Curve:
    keep = curve.y > 0
    return Curve(curve.label, curve.x[keep], curve.y[keep])
