"""What of one split stands in another, told before the first step: the same rows, and rows that are nearly the same.

With it what is told of the data besides: characters that training never sees.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from engine.data_notes import strange_characters
from engine.near_duplicates_cache import cached
from engine.records import RunPaths
from engine.runs import append_event
from engine.splits import Prepared

_MOST_ROWS = 300_000
"""Samples of all splits together up to which near duplicates are looked for: beyond it takes minutes."""


def near(prepared: Prepared, cache: Path) -> dict[str, Any]:
    """The near duplicates across the splits of a run; empty where they are not looked for.

    Args:
        prepared: the data.
        cache: folder where what was found before is kept, by the data's fingerprint.
    """
    splits = prepared.dataset.splits
    if not prepared.options.near_duplicates or len(splits) < 2 or sum(map(len, splits.values())) > _MOST_ROWS:
        return {}

    def search() -> dict[str, Any]:
        from engine.near_duplicates import near_duplicates

        return dict(near_duplicates(splits, prepared.dataset.kind, prepared.dataset.vocabulary))

    return cached(cache, prepared.fingerprint, search)


def tell(paths: RunPaths, summary: dict[str, Any]) -> None:
    """An event for each split that shares rows with the train split, or nearly, or has characters it lacks."""
    pairs = summary["duplicates"].keys() | summary["near_duplicates"].keys()
    leaked = [_messages(summary, pair) for pair in sorted(pairs) if pair.startswith("train/")]
    for message in [*itertools.chain(*leaked), *strange_characters(summary)]:
        append_event(paths, "finding", level="warning", message=message, epoch=0, step=0)
        print(f"warning: {message}", flush=True)


def _messages(summary: dict[str, Any], pair: str) -> list[str]:
    part = pair.partition("/")[2]
    count = summary["splits"][part]["count"]
    same = summary["duplicates"].get(pair, {}).get("rows", 0)
    inputs = summary["duplicate_inputs"].get(pair, {}).get("rows", 0)
    nearly = max(0, summary["near_duplicates"].get(pair, {}).get("rows", 0) - max(same, inputs))
    found = []
    if same:
        found.append(f"{same:,} of {count:,} {part} samples stand in the train split too")
    if nearly:
        found.append(f"{nearly:,} of {count:,} {part} samples are nearly the same as samples of the train split")
    return found
