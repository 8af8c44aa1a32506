"""What the summary of a data set says in words, for logs, command lines and screens alike; nothing heavy here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def strange_characters(summary: Mapping[str, Any]) -> list[str]:
    """A sentence for each split with characters that are not in the vocabulary, which is the train split's."""
    splits = summary.get("splits")
    found = []
    for name, split in splits.items() if isinstance(splits, dict) else ():
        samples = split.get("strange") if isinstance(split, dict) else None
        if isinstance(samples, int) and samples > 0:
            have = "sample has" if samples == 1 else "samples have"
            found.append(f"{samples:,} {name} {have} characters that the train split lacks: each is read as unknown")
    return found
