"""A screen of four charts over growing series, to be measured through a pseudo-terminal; and the writer that feeds it.

python benchmarks/live_chart.py show FOLDER [TICK]     the screen: reads and repaints every TICK seconds (0.5)
python benchmarks/live_chart.py write FOLDER RATE SECONDS   appends one point to each of 4 series RATE times a second
python benchmarks/live_chart.py fill FOLDER COUNT      writes COUNT points to each
"""

from __future__ import annotations

import math
import random
import sys
import time
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Grid

from engine.series import SeriesWriter, series_path
from tui.plots.chart import Baseline, Chart, Curve
from tui.series import SeriesCache

NAMES = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")


def values(step: int, total: int = 20_000) -> dict[str, float]:
    """What a run might log at `step`."""
    decay = math.exp(-4 * step / total)
    noise = random.gauss
    return {
        "train/loss": 0.1 + 2 * decay + abs(noise(0, 0.1)),
        "val/loss": 0.3 + 1.8 * decay + noise(0, 0.02),
        "train/accuracy": 0.95 - 0.8 * decay + noise(0, 0.02),
        "val/accuracy": 0.9 - 0.8 * decay + noise(0, 0.01),
    }


class Live(App[None]):
    """Loss and accuracy, with and without smoothing."""

    CSS = "Grid { grid-size: 2; } Chart { border: round $foreground 30%; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]

    def __init__(self, folder: Path, tick: float) -> None:
        super().__init__()
        self.caches = {name: SeriesCache(series_path(folder, name)) for name in NAMES}
        self.tick = tick

    def compose(self) -> ComposeResult:
        with Grid():
            for smooth in (0.9, 0.0):
                for kind in ("loss", "accuracy"):
                    chart = Chart(kind, live=True)
                    chart.change(smooth=smooth)
                    chart.set_curves([Curve(s, self.caches[f"{s}/{kind}"]) for s in ("train", "val")])
                    if kind == "accuracy":
                        chart.set_baselines([Baseline(0.469, "majority 0.469")])
                    yield chart

    def on_mount(self) -> None:
        self.read()
        self.set_interval(self.tick, self.read)

    def read(self) -> None:
        """What every tick does."""
        changed = [cache.update() for cache in self.caches.values()]
        if any(changed):
            for chart in self.query(Chart):
                chart.update_data()


def write(folder: Path, rate: float, seconds: float) -> None:
    """Append points at a steady rate, going on after the last one."""
    with SeriesWriter(folder) as writer:
        first = series_path(folder, NAMES[0])
        step = first.stat().st_size // 24 if first.exists() else 0
        begin = time.monotonic()
        for index in range(int(rate * seconds)):
            time.sleep(max(0.0, begin + index / rate - time.monotonic()))
            step += 1
            writer.log(step, values(step))


def fill(folder: Path, count: int) -> None:
    """Write `count` points at once, as if logged ten a second."""
    begin = time.time() - count / 10
    with SeriesWriter(folder) as writer:
        for step in range(1, count + 1):
            writer.log(step, values(step, max(20_000, count)), begin + step / 10)


def main() -> None:
    """Run the mode that was asked for."""
    mode, folder, *rest = sys.argv[1:]
    if mode == "write":
        write(Path(folder), float(rest[0]), float(rest[1]))
    elif mode == "fill":
        fill(Path(folder), int(rest[0]))
    else:
        Live(Path(folder), float(rest[0]) if rest else 0.5).run()


if __name__ == "__main__":
    main()
