"""Times alternatives side by side: in turn, in one process, so that what disturbs one disturbs the other as well."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timings:
    """Seconds of every round of each alternative."""

    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Median seconds of an alternative."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, other: str) -> float:
        """How many times as long `name` takes as `other`: the median of the ratios of the rounds."""
        return statistics.median(a / b for a, b in zip(self.seconds[name], self.seconds[other], strict=True))


def paired(
    alternatives: Mapping[str, Callable[[], object]],
    rounds: int = 15,
    warm: int = 1,
    before: Callable[[], object] | None = None,
) -> Timings:
    """Run each alternative once a round, in alternating order, after `warm` rounds that do not count.

    Args:
        before: done before each round, not timed.
    """
    names = list(alternatives)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for index in range(-warm, rounds):
        if before is not None:
            before()
        for name in names if index % 2 else reversed(names):
            gc.collect()
            began = time.perf_counter()
            alternatives[name]()
            taken = time.perf_counter() - began
            if index >= 0:
                seconds[name].append(taken)
    return Timings(seconds)


def options(doc: str | None, repeat: int) -> argparse.Namespace:
    """`--repeat` and `--json`, which every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=repeat)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def report(results: Mapping[str, float], path: Path | None = None) -> None:
    """Print the figures, the unit in brackets at the end of each name, and write them to `path`."""
    for label, value in results.items():
        print(f"{label:70s} {value:12.4g}")
    if path:
        path.write_text(json.dumps(dict(results), indent=1))
