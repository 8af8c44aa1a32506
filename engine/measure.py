"""Scoring a model on a split: losses, answers and probabilities, without touching its random states."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.batches import DeviceSplit
from engine.losses import Loss
from engine.metrics import confusion_matrix

Tensor = torch.Tensor
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Measured:
    """What a model answered on a split."""

    loss: float
    labels: NDArray[np.int64]
    answers: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """(n,) probability of each answer."""
    confusion: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    """(n, classes), where they were asked for."""


def precision_context(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The number format a forward pass is computed in."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_TYPES[precision])


def measure(
    model: torch.nn.Module,
    split: DeviceSplit,
    loss: Loss,
    classes: int,
    *,
    batch_size: int,
    precision: str = "fp32",
    probabilities: bool = False,
    stop: Callable[[], bool] | None = None,
) -> Measured | None:
    """Let a model answer a whole split, in evaluation mode.

    Args:
        model: put back into training mode afterwards if it was.
        split: on the model's device.
        loss: its mean is taken over the whole split.
        classes: how many there are.
        batch_size: samples at once.
        precision: fp32, bf16 or fp16.
        probabilities: keep them all.
        stop: asked between batches whether to give up.

    Returns:
        The answers; None when `stop` said so.
    """
    training, random = model.training, torch.get_rng_state()
    model.eval()
    try:
        with torch.inference_mode(), precision_context(precision, split.device):
            parts = _parts(model, split, loss, batch_size, probabilities, stop)
    finally:
        model.train(training)
        torch.set_rng_state(random)
    return None if parts is None else _measured(split, parts, classes, summed=loss.summed)


def _parts(
    model: torch.nn.Module,
    split: DeviceSplit,
    loss: Loss,
    batch_size: int,
    probabilities: bool,
    stop: Callable[[], bool] | None,
) -> list[tuple[Tensor, ...]] | None:
    """Per batch: loss, its weight, answers, confidence and maybe probabilities; all still on the device."""
    parts = []
    for batch in split.in_order(batch_size):
        if stop is not None and stop():
            return None
        logits = batch.logits(model).float()
        size = torch.as_tensor(loss.size(batch.labels), dtype=torch.float32, device=split.device)
        shares = torch.softmax(logits, 1)
        confidence, answers = shares.max(1)
        value = loss.function(logits, batch.labels)
        parts.append((value, size, answers, confidence, *((shares,) if probabilities else ())))
    return parts


def _measured(split: DeviceSplit, parts: list[tuple[Tensor, ...]], classes: int, *, summed: bool) -> Measured:
    values = torch.stack([part[0] for part in parts]).double().cpu()
    sizes = torch.stack([part[1] for part in parts]).double().cpu()
    loss = values.sum() / sizes.sum() if summed else (values * sizes).nansum() / sizes.sum()
    labels = split.labels.cpu().numpy()
    answers = torch.cat([part[2] for part in parts]).cpu().numpy()
    confidence = torch.cat([part[3] for part in parts]).double().cpu().numpy()
    shares = torch.cat([part[4] for part in parts]).double().cpu().numpy() if len(parts[0]) > 4 else None
    # a batch whose classes all weigh nothing has no mean (0 / 0) and counts for nothing; any other NaN is one
    broken = bool(torch.isnan(values[sizes > 0]).any())
    return Measured(
        float("nan") if broken else float(loss),
        labels,
        answers,
        confidence,
        confusion_matrix(labels, answers, classes),
        shares,
    )
