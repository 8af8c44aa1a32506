"""Scores of a classifier from its confusion matrix and its probabilities, equal to scikit-learn's. Only numpy here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.scores import smaller_is_better

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion_matrix(labels: Counts, answers: Counts, classes: int) -> Counts:
    """How often each class (row) was taken for each class (column), (classes, classes)."""
    return np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: Counts) -> tuple[Floats, Floats, Floats]:
    """Per class; 0 where there is nothing to divide by."""
    right = np.diag(confusion).astype(np.float64)
    answered, support = confusion.sum(0).astype(np.float64), confusion.sum(1).astype(np.float64)
    return _ratio(right, answered), _ratio(right, support), _ratio(2 * right, answered + support)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def per_class(confusion: Counts, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class, as evaluation files hold them."""
    precision, recall, f1 = precision_recall_f1(confusion)
    support = confusion.sum(1)
    return [
        {"class": name, "precision": p, "recall": r, "f1": f, "support": s}
        for name, p, r, f, s in zip(
            classes, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True
        )
    ]


def scores(confusion: Counts, majority: int) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro and weighted averages, and what always answering one class would score.

    Args:
        confusion: (classes, classes).
        majority: the class most frequent in the train split.
    """
    total = int(confusion.sum())
    support = confusion.sum(1)
    precision, recall, f1 = precision_recall_f1(confusion)
    seen = (support + confusion.sum(0)) > 0  # classes neither there nor answered count for nothing
    present = support > 0
    result = {
        "accuracy": float(np.trace(confusion)) / total if total else math.nan,
        "balanced_accuracy": float(recall[present].mean()) if present.any() else math.nan,
        "majority": float(support[majority]) / total if total else math.nan,
    }
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        result[f"macro_{name}"] = float(values[seen].mean()) if seen.any() else math.nan
        result[f"weighted_{name}"] = float((values * support).sum() / total) if total else math.nan
    return result


def auc_per_class(labels: Counts, probabilities: Floats) -> list[float | None]:
    """Area under the ROC curve of each class against the rest; None for one that none or all of the samples have.

    Args:
        labels: (n,) class indices.
        probabilities: (n, classes).
    """
    return [_auc(labels == c, probabilities[:, c]) for c in range(probabilities.shape[1])]


def _auc(positive: NDArray[np.bool_], score: Floats) -> float | None:
    """The chance that a positive sample scores above a negative one, ties counted half."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def macro_auc(areas: list[float | None]) -> float:
    """The mean over the classes that have an area, of two classes the second's; NaN when none has."""
    if len(areas) == 2:
        areas = areas[1:]  # both have the same but for rounding, and scikit-learn takes this one
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else math.nan


def is_better(value: float, than: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Whether a metric has improved; NaN never has."""
    if math.isnan(value):
        return False
    if than is None or math.isnan(than):
        return True
    return value > than + min_delta if mode == "max" else value < than - min_delta


def mode_of(metric: str) -> str:
    """Whether more of a metric is better ("max") or less of it ("min"), by its name."""
    return "min" if smaller_is_better(metric) else "max"
