"""Scoring a model on a split: its task's metrics and samples, without touching its random states."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.task import Answers, Evaluation

if TYPE_CHECKING:
    from engine.parts import Parts

Tensor = torch.Tensor
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def precision_context(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The number format a forward pass is computed in."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_TYPES[precision])


def measure(
    parts: Parts, split: str, *, full: bool = False, stop: Callable[[], bool] | None = None
) -> Evaluation | None:
    """Let a model answer a whole split, in evaluation mode; it is put back into training mode if it was in it.

    Args:
        parts: the model, its task and data.
        split: one of its splits.
        full: with every score, those that are slow to compute included.
        stop: asked between batches whether to give up.

    Returns:
        The scores; None when `stop` said so.
    """
    model = parts.model
    training, random = model.training, torch.get_rng_state()
    model.eval()
    try:
        with torch.inference_mode(), precision_context(parts.settings.train.precision, parts.device):
            answered = _answers(parts, split, full, stop)
            more = {} if answered is None else parts.task.more_samples(model, parts.dataset.splits[split])
    finally:
        model.train(training)
        torch.set_rng_state(random)
    if answered is None:
        return None
    loss, answers = answered
    evaluation = parts.task.evaluation(parts.dataset.splits[split], loss, answers, full)
    unseen = _unseen(parts, split, answers) if full else {}
    return Evaluation({**evaluation.metrics, **unseen}, {**evaluation.content, **more})


def _unseen(parts: Parts, split: str, answers: Answers) -> dict[str, float]:
    """The scores on those samples that do not stand in the train split too, where there are some that do."""
    leaked = parts.leaked.get(split)
    if leaked is None or not leaked.any() or leaked.all() or not parts.task.unseen:
        return {}
    rows = np.flatnonzero(~leaked)
    kept = torch.from_numpy(rows).to(parts.device)
    own = [tuple(torch.cat(column)[kept] for column in zip(*answers, strict=True))]
    scores = parts.task.evaluation(parts.dataset.splits[split].take(rows), float("nan"), own, False).metrics
    return {f"{key}_unseen": scores[key] for key in parts.task.unseen}


def _answers(parts: Parts, split: str, full: bool, stop: Callable[[], bool] | None) -> tuple[float, Answers] | None:
    """The mean loss over a split, and what the task keeps of each batch."""
    values: list[Tensor] = []
    sizes: list[Tensor] = []
    answers: Answers = []
    task, loss = parts.task, parts.loss
    for batch in parts.splits[split].in_order(parts.evaluation_batch):
        if stop is not None and stop():
            return None
        output = task.output(parts.model, batch).float()
        values.append(loss(output, batch))
        sizes.append(torch.as_tensor(loss.size(batch), dtype=torch.float32, device=parts.device))
        answers.append(task.answers(parts.model, output, batch, full))
    return _mean(values, sizes, summed=loss.summed), answers


def _mean(values: list[Tensor], sizes: list[Tensor], *, summed: bool) -> float:
    losses, weights = (torch.stack(part).double().cpu() for part in (values, sizes))
    mean = losses.sum() / weights.sum() if summed else (losses * weights).nansum() / weights.sum()
    # a batch whose classes all weigh nothing has no mean (0 / 0) and counts for nothing; any other NaN is one
    broken = bool(torch.isnan(losses[weights > 0]).any())
    return float("nan") if broken else float(mean)
