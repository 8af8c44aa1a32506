"""Sorting, filtering, grouping 10,000 runs, and how long the run table holds up the event loop meanwhile.

python benchmarks/table.py [--runs FOLDER] [--repeat N] [--json FILE]

Each figure is of rows just read from the stored index, none of whose metrics and settings were looked at before.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.make_runs import make_runs
from benchmarks.timing import report
from engine.index import RunIndex
from engine.ordering import Order
from engine.query_completion import complete
from engine.rows import Row
from engine.runs import RunsFolder
from engine.view import View, apply

COUNT = 10_000
QUERY = "val/accuracy > 0.9 and optimizer.name == 'SGD' and train.batch_size in (32, 64) and age < 70d"
VIEWS = {
    "sort by a metric": View(orders=(Order("val/accuracy"),)),
    "sort by best": View(orders=(Order("best"),)),
    "sort by three keys": View(orders=(Order("optimizer.name", False), Order("val/loss:best", False), Order("lr"))),
    "filter by a query": View(filter=QUERY),
    "filter by words": View(filter="digits finished"),
    "group by a setting": View(groups=("optimizer.name",)),
    "group by two settings": View(groups=("optimizer.name", "train.batch_size"), orders=(Order("val/accuracy"),)),
}  # fmt: skip


def fresh(root: Path) -> tuple[Row, ...]:
    """The rows as the program reads them when it starts."""
    return tuple(RunIndex(RunsFolder(root)).rows())


def milliseconds(root: Path, repeat: int, action: Callable[[tuple[Row, ...]], Any]) -> float:
    """The median time of an action on fresh rows."""
    times = []
    for _ in range(repeat):
        rows = fresh(root)
        gc.collect()
        gc.freeze()  # as the app does once it has started
        began = time.perf_counter()
        action(rows)
        times.append(time.perf_counter() - began)
        gc.unfreeze()
    return 1e3 * statistics.median(times)


def sizes(root: Path, repeat: int) -> dict[str, float]:
    """How long each way of looking at all runs takes."""
    found = {
        f"{name}, {COUNT:,} runs (ms)": milliseconds(root, repeat, lambda rows, view=view: apply(rows, view))
        for name, view in VIEWS.items()
    }
    text = "optimizer.name == "
    found[f"values offered for a setting, {COUNT:,} runs (ms)"] = milliseconds(
        root, repeat, lambda rows: complete(text, len(text), rows, time.time())
    )
    return found


class Watch:
    """How late a task is that wants to run every millisecond: what else the event loop does at one stretch."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.gaps.append(1e3 * (time.perf_counter() - began) - 1)

    async def during(self, pilot: Any, *keys: str) -> float:
        """The longest stretch (ms) from the first of these keys until nothing is under way."""
        self.gaps.clear()
        await pilot.press(*keys)
        for worker in [w for w in pilot.app.workers if w.group in ("view", "complete")]:
            await worker.wait()
        await pilot.pause()
        return max(self.gaps, default=0.0)


async def stretches(folder: Path, repeat: int) -> dict[str, float]:
    """The longest stretches of the event loop as a person sorts, filters, gathers and scrolls all runs."""
    from tui.app import DltuiApp
    from tui.store import Store

    os.chdir(folder)
    store = Store(folder / "runs", None, cwd=folder)
    store.load()
    app = DltuiApp(store)
    actions = {
        "sorting": ("s", *"val/accuracy", "enter"),
        "filtering as one types": ("slash", *"val/accuracy > 0.9", "enter"),
        "grouping": ("b", *"optimizer.name", "enter"),
        "folding": ("Z",),
        "scrolling": ("end", "pageup", "home"),
    }
    longest: dict[str, list[float]] = {name: [] for name in actions}
    async with app.run_test(size=(160, 48)) as pilot:
        while not app.snapshot.verified:
            await pilot.pause(0.1)
        await pilot.press("2")
        await pilot.pause(0.5)
        watch = Watch()
        for _ in range(repeat):
            for name, keys in actions.items():
                longest[name].append(await watch.during(pilot, *keys))
            app.screen.show_view(View())  # type: ignore[attr-defined]
            await pilot.pause(0.2)
    return {f"longest stretch of the event loop: {name} (ms)": statistics.median(v) for name, v in longest.items()}


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="a folder that holds `runs` already, in place of a new one")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.runs or Path(name)
        if options.runs is None:
            make_runs(folder / "runs", COUNT)
        RunIndex(RunsFolder(folder / "runs")).refresh(full=True)
        results = {**sizes(folder / "runs", options.repeat), **asyncio.run(stretches(folder, options.repeat))}
    report(results, options.json)


if __name__ == "__main__":
    main()
