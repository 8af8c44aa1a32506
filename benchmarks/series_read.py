"""Reading a million points: into the screen's bounded cache, and in whole processes as plain arrays.

python benchmarks/series_read.py [--repeat N] [--json FILE]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.timing import options, paired, report
from engine.series import record_type
from tui.series import SeriesCache

ROOT = Path(__file__).resolve().parent.parent
COUNT = 1_000_000


def write(folder: Path) -> None:
    """The same million points as four series files and as JSON lines."""
    records = np.empty(COUNT, record_type())
    records["step"] = np.arange(COUNT)
    records["time"] = 1e9 + records["step"] / 10
    records["value"] = np.random.default_rng(0).normal(size=COUNT)
    for index in range(4):
        (folder / f"{index}.f8").write_bytes(records.tobytes())
    with (folder / "points.jsonl").open("wb") as file:
        for record in records:
            line = {"step": int(record["step"]), "time": float(record["time"]), "value": float(record["value"])}
            file.write(msgspec.json.encode(line) + b"\n")


def cached(folder: Path) -> None:
    """Four series from nothing to the points of a plot."""
    for index in range(4):
        cache = SeriesCache(folder / f"{index}.f8")
        cache.update()
        cache.points(200)


class Tick:
    """What reading costs while a run goes on: one more record in a file of a million."""

    def __init__(self, path: Path) -> None:
        self.path, self.cache = path, SeriesCache(path)
        self.cache.update()

    def grow(self) -> None:
        """Append one record."""
        with self.path.open("ab") as file:
            file.write(np.array([(COUNT, 2e9, 0.0)], record_type()).tobytes())

    def read(self) -> None:
        """Take it in."""
        assert self.cache.update()


def process(code: str, folder: Path) -> None:
    """A whole Python process."""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, cwd=ROOT, capture_output=True)


ARRAYS = (
    "import sys, pathlib; from engine.series import read_records; r = read_records(pathlib.Path(sys.argv[1]) / '0.f8')"
)
JSON = (
    "import sys, pathlib, msgspec\n"
    "class P(msgspec.Struct):\n step: int; time: float; value: float\n"
    "d = msgspec.json.Decoder(P).decode\n"
    "r = [d(l) for l in (pathlib.Path(sys.argv[1]) / 'points.jsonl').open('rb')]"
)
MEMORY = (
    "import sys, pathlib, textual.app, textual.widgets; from tui.plots.chart import Chart; "
    "from tui.series import SeriesCache\n"
    "caches = [SeriesCache(pathlib.Path(sys.argv[1]) / f'{i}.f8') for i in range(4)]\n"
    "for c in caches: c.update(); c.points(200)\n"
    # Not ru_maxrss, which begins with what the parent had.
    "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
)


def peak_megabytes(folder: Path) -> float:
    """Most memory a process with Textual, numpy and four cached series of a million points ever had."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(folder)], check=True, cwd=ROOT, capture_output=True, text=True
    )
    return int(done.stdout) / 1024


def main() -> None:
    """Measure, print, and write the figures."""
    chosen = options(__doc__, 9)
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        ticks = Tick(folder / "0.f8")
        one = paired({"cache": lambda: cached(folder)}, chosen.repeat)
        results["4 series × 1,000,000 into the cache (ms)"] = 1e3 * one.median("cache")
        grown = paired({"tick": ticks.read}, 4 * chosen.repeat, before=ticks.grow)
        results["one more point in a series of 1,000,000 (ms)"] = 1e3 * grown.median("tick")
        results["peak memory with Textual, 4 series × 1,000,000 (MB)"] = peak_megabytes(folder)
        alternatives = {"arrays": lambda: process(ARRAYS, folder), "json": lambda: process(JSON, folder)}
        whole = paired(alternatives, max(3, chosen.repeat // 2))
        results["whole process, 1,000,000 points as arrays (ms)"] = 1e3 * whole.median("arrays")
        results["whole process, the same from JSON lines (ms)"] = 1e3 * whole.median("json")
        results["JSON lines / dltui, whole process (×)"] = whole.ratio("json", "arrays")
    report(results, chosen.json)


if __name__ == "__main__":
    main()
