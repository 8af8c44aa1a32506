"""What a run's numbers say of it: findings that people would otherwise notice days later. Each is told once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.loop_state import LoopState
from engine.text import printable

_RISES = 3
"""Evaluations in a row whose loss rises while the train loss falls."""
_RISE = 0.01
"""By so much of itself, at the least, the loss has risen over them."""


@dataclass(frozen=True)
class Finding:
    """Something detected in a run."""

    key: str
    """Tells findings of one kind apart from others; never told twice."""
    level: str
    message: str


def _count(loop: LoopState, key: str, happens: bool) -> int:
    """How many evaluations in a row something has happened, this one included."""
    loop.diagnosis[key] = loop.diagnosis.get(key, 0) + 1 if happens else 0
    return int(loop.diagnosis[key])


def one_answer(
    loop: LoopState,
    prefix: str,
    metrics: dict[str, float],
    confusion: NDArray[np.int64],
    classes: tuple[str, ...],
    majority: int,
) -> Finding | None:
    """Every prediction is of one class, twice in a row.

    Args:
        loop: what it remembers of the evaluations before is brought up to date.
        prefix: of the split's metrics: val, test.
        metrics: of this evaluation, without prefix.
        confusion: (classes, classes).
        classes: their names.
        majority: the class most frequent in the train split.
    """
    answered = confusion.sum(0)
    only, total = int(answered.argmax()), int(answered.sum())
    happens = total > 1 and int(answered[only]) == total and int((confusion.sum(1) > 0).sum()) > 1
    if _count(loop, f"{prefix}/one-answer", happens) < 2:
        return None
    split = _SPLITS.get(prefix, prefix)
    message = f"it only answers '{printable(classes[only])}': {total:,} of {total:,} {split} predictions"
    if only == majority:
        message += f"; accuracy equals the majority baseline {metrics['majority']:.3f}"
    return Finding(f"{prefix}/one-answer", "warning", message)


_SPLITS = {"val": "validation"}


def at_chance(loop: LoopState, prefix: str, metrics: dict[str, float], classes: int) -> Finding | None:
    """Nothing better than answering at random or always the most frequent class, three times in a row."""
    chance = 1 / classes
    happens = metrics["accuracy"] <= max(chance, metrics["majority"]) + 0.01 and metrics["balanced_accuracy"] < (
        chance + 0.02
    )
    if _count(loop, f"{prefix}/chance", happens) < 3 or f"{prefix}/one-answer" in loop.findings:
        return None
    accuracy = metrics["accuracy"]
    message = (
        f"after {int(loop.diagnosis[f'{prefix}/chance'])} evaluations {prefix}/accuracy {accuracy:.3f} is at chance"
        f" (always answering the most frequent class gives {metrics['majority']:.3f}): nothing is learnt"
    )
    return Finding(f"{prefix}/chance", "warning", message)


def overfitting(loop: LoopState, prefix: str, metrics: dict[str, float], train_loss: float | None) -> Finding | None:
    """The loss of a split rises while the train loss falls; `train_loss` is the mean since the evaluation before."""
    if train_loss is None:
        return None
    memory = loop.diagnosis
    before, train_before = memory.get(f"{prefix}/loss"), memory.get(f"{prefix}/train-loss")
    memory[f"{prefix}/loss"], memory[f"{prefix}/train-loss"] = metrics["loss"], train_loss
    if before is None or train_before is None:
        return None
    happens = metrics["loss"] > before and train_loss < train_before
    if happens and not memory.get(f"{prefix}/rises"):
        memory[f"{prefix}/rose-from"] = before
    if _count(loop, f"{prefix}/rises", happens) < _RISES:
        return None
    if metrics["loss"] < memory[f"{prefix}/rose-from"] * (1 + _RISE):
        return None  # it may be noise
    message = (
        f"overfitting: {prefix}/loss rose from {memory[f'{prefix}/rose-from']:.4g} to {metrics['loss']:.4g}"
        f" over {_RISES} evaluations while train/loss fell to {train_loss:.4g}"
    )
    return Finding(f"{prefix}/overfitting", "warning", message)


def non_finite(prefix: str, metrics: dict[str, float]) -> Finding | None:
    """The loss of a split is no number."""
    if math.isfinite(metrics["loss"]):
        return None
    return Finding(f"{prefix}/non-finite", "error", f"{prefix}/loss is {metrics['loss']}")


NON_FINITE_HINT = "try a lower optimizer.lr, or train.clip_grad_norm = 1.0"


def non_finite_cause(value: str, step: int, epoch: int) -> str:
    """Why a run whose loss is no number any more was ended."""
    return f"{value} at step {step:,} (epoch {epoch})"
