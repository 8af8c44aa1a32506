"""One repaint of four curves with axes, 120×30 cells, as text for the terminal; plotext in turn in the same process.

python benchmarks/repaint.py [--repeat N] [--json FILE]
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import plotext
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.timing import options, paired, report
from engine.series import record_type
from tui.plots.plot import Curve, Plot, draw
from tui.series import SeriesCache

WIDTH, HEIGHT = 120, 30
CONSOLE = Console(color_system="truecolor", force_terminal=True, file=io.StringIO())
STYLES = [Style(color=c) for c in ("default", *("blue", "yellow", "green", "magenta", "cyan", "red", "white") * 5)]


def curve(count: int, index: int) -> np.ndarray:
    """A noisy, falling loss."""
    step = np.arange(count)
    return (1 + index) * np.exp(-3 * step / count) + np.random.default_rng(index).normal(scale=0.1, size=count)


def write(path: Path, values: np.ndarray) -> None:
    """A series file of these values."""
    records = np.empty(len(values), record_type())
    records["step"] = np.arange(len(values))
    records["time"] = 1e9 + records["step"] / 10
    records["value"] = values
    path.write_bytes(records.tobytes())


def append(path: Path, step: int) -> None:
    """One more record."""
    record = np.array([(step, 1e9 + step / 10, 0.5)], record_type())
    with path.open("ab") as file:
        file.write(record.tobytes())


class Ours:
    """Four caches that grow by a point before each repaint, so that nothing remembered helps."""

    def __init__(self, folder: Path, count: int, smooth: float) -> None:
        self.paths = [folder / f"{count}-{smooth}-{index}.f8" for index in range(4)]
        for index, path in enumerate(self.paths):
            write(path, curve(count, index))
        self.caches = [SeriesCache(path) for path in self.paths]
        self.step = count
        curves = [Curve(f"e000{index}", cache) for index, cache in enumerate(self.caches)]
        self.plot = Plot("loss", curves=curves, smooth=smooth, live=True)
        self.grow()

    def grow(self) -> None:
        """A new point in each series, read."""
        self.step += 1
        for path, cache in zip(self.paths, self.caches, strict=True):
            append(path, self.step)
            cache.update()

    def repaint(self) -> str:
        """Every line, whether it changed or not."""
        frame = draw(self.plot, WIDTH, HEIGHT)
        strips = [Strip([Segment(text, STYLES[ink]) for text, ink in frame.runs(y)], WIDTH) for y in range(HEIGHT)]
        return "\n".join(strip.render(CONSOLE) for strip in strips)


def plotext_repaint(values: list[list[float]]) -> str:
    """The same with plotext 6: braille, axes, legend."""
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)
    figure.plot_size(WIDTH, HEIGHT)
    for series, color in zip(values, ("blue", "orange", "green", "magenta"), strict=True):
        marker = plotext.marker("braille", plotext.pixel(color))
        figure.draw(figure.signal(list(range(len(series))), series, marker=marker).lines())
    text = str(figure.build().string())
    assert "⣿" in text
    return text


def main() -> None:
    """Measure, print, and write the figures."""
    chosen = options(__doc__, 9)
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for smooth in (0.0, 0.9):
            ours = {count: Ours(Path(name), count, smooth) for count in (1_000, 10_000, 1_000_000)}
            alternatives = {str(count): one.repaint for count, one in ours.items()}
            if not smooth:
                values = [curve(10_000, index).tolist() for index in range(4)]
                alternatives["plotext"] = lambda values=values: plotext_repaint(values)
            timings = paired(
                alternatives, rounds=chosen.repeat, before=lambda ours=ours: [o.grow() for o in ours.values()]
            )
            suffix = ", smoothed over raw" if smooth else ""
            for count in ours:
                results[f"4 curves × {count:,}{suffix} (ms)"] = 1e3 * timings.median(str(count))
            results[f"1,000,000 / 10,000 points{suffix} (×)"] = timings.ratio("1000000", "10000")
            if not smooth:
                results["plotext, 4 curves × 10,000 (ms)"] = 1e3 * timings.median("plotext")
                results["plotext / dltui at 10,000 points (×)"] = timings.ratio("plotext", "10000")
    report(results, chosen.json)


if __name__ == "__main__":
    main()
