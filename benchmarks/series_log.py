"""Logging four scalars a step, visible to readers at once: microseconds at the mean and the 99.9th percentile.

JSON lines and CSV are flushed at every step, as a live curve needs; SQLite commits every 100 steps; TensorBoard's own
writer is measured where it is installed.

    python benchmarks/series_log.py [--repeat N] [--json FILE]
"""

from __future__ import annotations

import csv
import gc
import importlib
import importlib.util
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.timing import options, report
from engine.series import SeriesWriter

VALUES = {"train/loss": 0.731, "train/accuracy": 0.512, "lr": 3e-4, "epoch": 1.25}
STEPS = 4_000
Log = Callable[[int], None]
_closing: list[Callable[[], None]] = []
"""What is to be called before the folder goes."""


def ours(folder: Path) -> Log:
    """Four files, four records."""
    writer = SeriesWriter(folder / "series")
    return lambda step: writer.log(step, VALUES)


def json_lines(folder: Path) -> Log:
    """One object a line."""
    file = (folder / "log.jsonl").open("a")

    def log(step: int) -> None:
        file.write(json.dumps({"step": step, "time": time.time(), **VALUES}) + "\n")
        file.flush()

    return log


def csv_rows(folder: Path) -> Log:
    """One row a step."""
    file = (folder / "log.csv").open("a", newline="")
    writer = csv.writer(file)

    def log(step: int) -> None:
        writer.writerow([step, time.time(), *VALUES.values()])
        file.flush()

    return log


def sqlite(folder: Path) -> Log:
    """Four rows a step, a commit every 100 steps."""
    base = sqlite3.connect(folder / "log.db")
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("CREATE TABLE points (name TEXT, step INTEGER, time REAL, value REAL)")

    def log(step: int) -> None:
        now = time.time()
        base.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", [(n, step, now, v) for n, v in VALUES.items()])
        if step % 100 == 0:
            base.commit()

    return log


def tensorboard(folder: Path) -> Log:
    """`torch.utils.tensorboard`."""
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tb"))

    def log(step: int) -> None:
        for name, value in VALUES.items():
            writer.add_scalar(name, value, step)

    _closing.append(writer.close)  # its thread writes on for as long as it is open
    return log


def microseconds(make: Callable[[Path], Log], steps: int) -> list[float]:
    """Microseconds of each call, the first 100 left out."""
    with tempfile.TemporaryDirectory() as name:
        log = make(Path(name))
        taken, clock = [], time.perf_counter_ns
        for step in range(steps + 100):
            began = clock()
            log(step)
            taken.append((clock() - began) / 1000)
        while _closing:
            _closing.pop()()
        return taken[100:]


def main() -> None:
    """Measure in turn, print, and write the figures."""
    chosen = options(__doc__, 7)
    makers = {"dltui": ours, "JSON lines": json_lines, "CSV": csv_rows, "SQLite": sqlite}
    if importlib.util.find_spec("tensorboard"):
        makers["TensorBoard"] = tensorboard
    calls: dict[str, list[list[float]]] = {name: [] for name in makers}
    for index in range(chosen.repeat):
        for name in makers if index % 2 else reversed(makers):
            gc.collect()
            calls[name].append(microseconds(makers[name], STEPS))
    results: dict[str, float] = {}
    for name, rounds in calls.items():
        means = [statistics.fmean(one) for one in rounds]
        results[f"{name}, mean (µs a step)"] = statistics.median(means)
        tails = [statistics.quantiles(one, n=1000)[-1] for one in rounds]
        results[f"{name}, 99.9th percentile (µs a step)"] = statistics.median(tails)
        if name != "dltui":
            mine = [statistics.fmean(one) for one in calls["dltui"]]
            ratios = [other / own for other, own in zip(means, mine, strict=True)]
            results[f"{name} / dltui, mean (×)"] = statistics.median(ratios)
    report(results, chosen.json)


if __name__ == "__main__":
    main()
