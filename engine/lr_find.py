"""The learning rate range test: the rate grows step by step, and the loss tells where it is best (Smith, 2017).

Nothing is kept of the training: no run is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from engine.batches import TrainBatches
from engine.errors import SettingsError
from engine.model_options import tune
from engine.optim import build_optimizer
from engine.parts import build_parts, choose_device
from engine.settings import Settings
from engine.splits import prepare
from engine.stepping import NonFiniteError, Stepper

_SMOOTHING = 0.9
"""Weight of the past in the mean of the losses."""

_DIVERGED = 4.0
"""The test ends when the mean loss is so many times the lowest."""

_WARM = 8
"""Steps at the beginning whose slope is not looked at: the mean has not settled."""


@dataclass(frozen=True)
class RangeTest:
    """What a range test found."""

    rates: list[float]
    losses: list[float]
    """Of each step's batch."""
    smoothed: list[float]
    """Their exponential mean, corrected for its beginning."""
    steepest: float | None
    """The rate at which the loss falls fastest: the usual choice. None where it falls nowhere."""
    lowest: float | None
    """A tenth of the rate at which the loss is lowest: the careful choice."""
    diverged: float | None
    """The rate at which the loss had grown beyond all others; None where it never did."""


def range_test(
    settings: Settings,
    folder: Path,
    device: str,
    *,
    low: float,
    high: float,
    steps: int,
    tell: Callable[[int], None] = lambda step: None,
) -> RangeTest:
    """Train for `steps` steps, the learning rate growing from `low` to `high` by the same factor each step.

    Args:
        settings: of the experiment; its scheduler and warm-up are left out.
        folder: where experiments.toml lies.
        device: cpu or cuda:N.
        tell: called after each step with its number.

    Raises:
        EngineError: the settings or the data cannot be used.
    """
    if not 0 < low < high:
        raise SettingsError(f"from {low:g} to {high:g}: the rates must grow, from above 0")
    if isinstance(settings.train.batch_size, str):
        raise SettingsError('train.batch_size = "max" is found when a run starts', hint="-s train.batch_size=128")
    settings = msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, warmup=None))
    prepared = prepare(settings, folder)
    parts = build_parts(settings, prepared, folder, choose_device(device))
    tune(parts.model, settings.train)
    train = settings.train
    batches = TrainBatches(
        parts.splits["train"], train.samples, settings.seed, shuffle=train.shuffle, drop_last=train.drop_last,
        bucket=prepared.options.bucket,
    )  # fmt: skip
    optimizer = build_optimizer(settings.optimizer, parts.model.named_parameters())
    stepper = Stepper(parts.model, parts.task, parts.loss, optimizer, train, parts.device)
    parts.model.train()
    factor = (high / low) ** (1 / max(1, steps - 1))
    rates: list[float] = []
    losses: list[float] = []
    lowest = math.inf
    relative = [group["lr"] / optimizer.param_groups[0]["lr"] for group in optimizer.param_groups]
    for step in range(steps):
        rate = low * factor**step
        for group, share in zip(optimizer.param_groups, relative, strict=True):
            group["lr"] = rate * share
        first = step * train.accumulate
        taken = [batches[divmod(first + i, batches.count)] for i in range(train.accumulate)]
        try:
            loss = float(stepper(taken, step)[0])
        except NonFiniteError:
            loss = math.inf
        if not math.isfinite(loss):
            rates.append(rate)
            losses.append(loss)
            break
        rates.append(rate)
        losses.append(loss)
        mean = _smooth(losses)[-1]
        lowest = min(lowest, mean)
        tell(step + 1)
        if step > _WARM and mean > _DIVERGED * lowest:
            break
    return _found(rates, losses, complete=len(rates) == steps and math.isfinite(losses[-1]))


def _smooth(losses: list[float]) -> list[float]:
    mean, smoothed = 0.0, []
    for number, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        smoothed.append(mean / (1 - _SMOOTHING**number))
    return smoothed


def _found(rates: list[float], losses: list[float], *, complete: bool) -> RangeTest:
    smoothed = _smooth(losses)
    finite = np.array([value for value in smoothed if math.isfinite(value)])
    ended = None if complete and smoothed[-1] <= _DIVERGED * finite.min() else rates[-1]
    if len(finite) < _WARM + 3:
        return RangeTest(rates, losses, smoothed, None, None, ended)
    best = int(finite.argmin())
    slope = np.gradient(finite, np.log(np.array(rates[: len(finite)])))
    until = slice(_WARM, max(_WARM + 1, best + 1))
    steepest = _WARM + int(slope[until].argmin())
    falls = bool(slope[steepest] < 0)
    return RangeTest(
        rates,
        losses,
        smoothed,
        rates[steepest] if falls else None,
        rates[best] / 10 if _WARM < best < len(finite) - 1 else None,
        ended,
    )
