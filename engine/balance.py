"""How evenly the classes of a data set are filled: the imbalance ratio and the effective number of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def imbalance_ratio(counts: Iterable[int]) -> float | None:
    """The samples of the largest class divided by those of the smallest; inf where a class has none.

    The measure ρ of Buda, Maki and Mazurowski, "A systematic study of the class imbalance problem in convolutional
    neural networks", Neural Networks 106 (2018).
    """
    known = list(counts)
    if not known or max(known) <= 0:
        return None
    return max(known) / min(known) if min(known) > 0 else math.inf


def effective_classes(counts: Iterable[int]) -> float | None:
    """exp(-Σ p ln p) over the classes' shares p: as many equally large classes would be as hard to guess.

    The diversity number of order 1 of Hill, "Diversity and evenness: a unifying notation and its consequences",
    Ecology 54 (1973); all n classes equally large give n, one class alone gives 1.
    """
    known = [count for count in counts if count > 0]
    total = sum(known)
    if not total:
        return None
    return math.exp(-sum(count / total * math.log(count / total) for count in known))


def balance(summary: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Both measures of each split of a data summary whose samples have one class each; empty for other data."""
    splits = summary.get("splits")
    if summary.get("labels", "class") != "class" or not isinstance(splits, dict):
        return {}
    found: dict[str, dict[str, float | None]] = {}
    for name, split in splits.items():
        classes = split.get("classes") if isinstance(split, dict) else None
        counts = _counts(classes, summary.get("classes"))
        if counts:
            found[str(name)] = {"imbalance": imbalance_ratio(counts), "effective": effective_classes(counts)}
    return found


def _counts(classes: Any, names: Any) -> list[int]:
    """The counts of all classes, those that a split lacks too."""
    if not isinstance(classes, dict) or not classes:
        return []
    wanted = names if isinstance(names, list) and names else list(classes)
    values = [classes.get(name, 0) for name in wanted]
    return [int(v) if isinstance(v, (int, float)) and v == v and 0 <= v < 1e18 else 0 for v in values]
