"""The figures of a finished run: curves and confusion matrix, as PNG files."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.text import printable, shorten

Points = list[tuple[int, float]]

_COLORS = {"train": "#3b6fb6", "val": "#d9772b", "test": "#3a9a5b", "train_split": "#7a5fb0"}
_NUMBERED = 25
"""Up to so many classes the cells of a confusion matrix show their counts, and every class its name."""

_MOST_NAMES = 60


def plain(text: object, cells: int = 60) -> str:
    """`text` as matplotlib shows it literally: no formulas between dollar signs, no control characters."""
    return shorten(printable(text), cells).replace("$", r"\$")


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches, that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path, *, svg: bool = False, replace: bool = True) -> None:
    """Write a figure as a PNG or an SVG file, whole or not at all.

    Args:
        replace: whether a file of that name may go.

    Raises:
        FileExistsError: there is a file that may not go.
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a glyph that the font lacks is drawn as a box
            _write(figure, temporary, svg)
        if not replace:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(figure: Any, path: Path, svg: bool) -> None:
    if not svg:
        figure.savefig(path, format="png")
        return
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):  # text stays text: it can be searched and edited
        figure.savefig(path, format="svg", metadata={"Date": None})


def curve_figure(path: Path, title: str, metric: str, curves: dict[str, Points], steps_per_epoch: int) -> None:
    """Curves of one metric by epoch: per-step ones thin with their mean an epoch over them.

    Args:
        path: the PNG file.
        title: above the figure.
        metric: what the vertical axis shows.
        curves: name to (step, value) points.
        steps_per_epoch: turns steps into epochs.

    Raises:
        OSError: the file cannot be written.
    """
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for name, points in curves.items():
        values = np.array([value for _, value in points], np.float64)
        epochs = np.array([step for step, _ in points], np.float64) / steps_per_epoch
        color = _COLORS.get(name.partition("/")[0], "#555555")
        if len(values) > 200:
            _thin(axes, epochs, values, color, plain(name))
        else:
            marker = "o" if len(values) <= 40 else None
            axes.plot(epochs, values, color=color, marker=marker, markersize=3.5, linewidth=1.6, label=plain(name))
    axes.set(title=plain(title, 90), xlabel="epoch", ylabel=plain(metric))
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "no points", ha="center", va="center", transform=axes.transAxes, color="#888888")
    save_figure(figure, path)


def _thin(axes: Any, epochs: NDArray[np.float64], values: NDArray[np.float64], color: str, label: str) -> None:
    """A long curve as the band between its extremes and the mean of at most 300 pieces."""
    begins, _ = _pieces(len(values), 300)
    middle, mean = thinned(epochs, values, 300)
    finite = np.where(np.isfinite(values), values, np.nan)
    low, high = np.fmin.reduceat(finite, begins), np.fmax.reduceat(finite, begins)
    axes.fill_between(middle, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(middle, mean, color=color, linewidth=1.6, label=label)


def thinned(
    at: NDArray[np.float64], values: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The means of `values`, and of where they are, over at most `most` pieces of about the same length."""
    begins, lengths = _pieces(len(values), most)
    return np.add.reduceat(at, begins) / lengths, np.add.reduceat(values, begins) / lengths


def _pieces(count: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the pieces of `count` values begin, and their lengths."""
    begins = np.linspace(0, count, min(most, count // 2) + 1).astype(np.int64)[:-1]
    return begins, np.diff([*begins.tolist(), count])


def confusion_figure(path: Path, title: str, classes: list[str], confusion: NDArray[np.int64]) -> None:
    """A confusion matrix, each row scaled to the share of its class.

    Args:
        path: the PNG file.
        title: above the figure.
        classes: the names.
        confusion: (true, predicted).

    Raises:
        OSError: the file cannot be written.
    """
    count = len(classes)
    side = float(np.clip(2.5 + 0.42 * count, 5.0, 16.0))
    figure = new_figure(side + 1.2, side)
    axes = figure.add_subplot()
    shares = confusion / np.maximum(1, confusion.sum(1, keepdims=True))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046, pad=0.03)
    every = -(-count // _MOST_NAMES)
    shown = list(range(0, count, every))
    size = 9 if count <= 30 else 6
    names = [plain(classes[i], 24) for i in shown]
    axes.set_xticks(shown, names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=size)
    axes.set_yticks(shown, names, fontsize=size)
    axes.set(title=plain(title, 90), xlabel="predicted", ylabel="true")
    if count <= _NUMBERED:
        for row, column in np.argwhere(confusion > 0).tolist():
            color = "white" if shares[row, column] > 0.55 else "#333333"
            number = f"{int(confusion[row, column])}"
            axes.text(column, row, number, ha="center", va="center", fontsize=7.5, color=color)
    save_figure(figure, path)
