"""The files in a run's evaluation folder: scores, confusion matrix, scores per class, and some answers to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.jsonio import write_json
from engine.measure import Measured
from engine.metrics import auc_per_class, per_class
from engine.parts import Parts, file_prefix
from engine.records import RunPaths

SAMPLES = 30
"""Answers kept: half of them spread over the split, the others its most confident mistakes."""

_COLUMNS = 8


@dataclass(frozen=True)
class Moment:
    """When in a training a split was scored, and with which checkpoint's weights (None: those of the moment)."""

    epoch: float
    step: int
    checkpoint: str | None = None


def evaluation_content(
    parts: Parts, split: str, measured: Measured, metrics: dict[str, float], moment: Moment
) -> dict[str, Any]:
    """What an evaluation file holds."""
    classes = parts.dataset.classes
    rows = per_class(measured.confusion, classes)
    if measured.probabilities is not None:
        for row, area in zip(rows, auc_per_class(measured.labels, measured.probabilities), strict=True):
            row["auc"] = area
    return {
        "split": split,
        "epoch": moment.epoch,
        "step": moment.step,
        "checkpoint": moment.checkpoint,
        "metrics": metrics,
        "classes": list(classes),
        "confusion": measured.confusion.tolist(),
        "per_class": rows,
        "samples": [_sample(parts.dataset, parts.dataset.splits[split], measured, row) for row in _chosen(measured)],
    }


def store_evaluation(paths: RunPaths, content: dict[str, Any]) -> None:
    """Write the content of an evaluation file to its place.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    paths.evaluation.mkdir(exist_ok=True)
    write_json(paths.evaluation / f"{file_prefix(content['split'])}-{content['step']:08d}.json", content)


def _chosen(measured: Measured) -> list[int]:
    """Rows to show: spread evenly, then the mistakes made with most confidence."""
    count = len(measured.labels)
    spread = np.linspace(0, count - 1, min(SAMPLES // 2, count)).astype(int).tolist()
    wrong = np.flatnonzero(measured.answers != measured.labels)
    worst = wrong[np.argsort(-measured.confidence[wrong], kind="stable")].tolist()
    taken = dict.fromkeys(spread)
    for row in worst:
        if len(taken) >= SAMPLES:
            break
        taken[row] = None
    return list(taken)


def _sample(dataset: Dataset, split: Split, measured: Measured, row: int) -> dict[str, Any]:
    return {
        "input": readable(dataset, split, row),
        "row": row,
        "true": dataset.classes[int(measured.labels[row])],
        "predicted": dataset.classes[int(measured.answers[row])],
        "probability": round(float(measured.confidence[row]), 6),
    }


def readable(dataset: Dataset, split: Split, row: int) -> str | None:
    """An input as people read it; None for images."""
    inputs: NDArray[Any] = split.inputs[row]
    if dataset.kind == "sequence":
        length = len(inputs) if split.lengths is None else int(split.lengths[row])
        words = [dataset.vocabulary[token] if token < len(dataset.vocabulary) else "?" for token in inputs[:length]]
        return "".join(words)
    if dataset.kind == "features":
        names = dataset.columns or tuple(f"x{i + 1}" for i in range(len(inputs)))
        shown = [f"{name}={value:.4g}" for name, value in zip(names, inputs.tolist(), strict=False)]
        return ", ".join(shown[:_COLUMNS]) + (", …" if len(shown) > _COLUMNS else "")
    return None
