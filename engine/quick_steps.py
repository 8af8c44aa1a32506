"""Many steps at once, for models that bring their own: between two steps passes more time than in a small one.

A model with `sgd_steps(inputs, labels, learning_rate) -> (losses, shares of right answers)` does plain SGD on the mean
cross entropy by itself; the loop then hands it whole stretches of an epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.loop_state import Every
from engine.session import Session
from engine.settings import Settings

_MOST = 256
"""Steps in a stretch: few enough that a stop is heeded at once."""

_PLAIN = {"lr"}
"""Arguments of SGD that a model's own steps follow; any other must be left at its default."""


class QuickSteps:
    """Stretches of steps between which nothing else is due."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model: Any = session.model

    def ahead(self, barriers: tuple[int, ...]) -> int:
        """Steps that may be taken at once from here.

        Args:
            barriers: a stretch ends where the step is a multiple of one of these.
        """
        session, loop = self._session, self._session.loop
        whole = len(session.parts.splits["train"]) // session.batches.size  # a smaller last batch is taken by itself
        most = min(_MOST, whole - loop.batch)
        every = [*barriers, *(e.count for e in (session.evaluate_every, session.save_every) if _by_step(e))]
        for count in every:
            most = min(most, count - loop.step % count)
        if session.limits.steps is not None:
            most = min(most, session.limits.steps - loop.step)
        return most

    def take(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Make `count` steps; the loss and the share of right answers of each."""
        session, loop = self._session, self._session.loop
        inputs, labels = session.batches.stretch(loop.epoch, loop.batch, count)
        rate = float(session.optimizer.param_groups[0]["lr"])
        result: tuple[NDArray[np.float64], NDArray[np.float64]] = self._model.sgd_steps(
            inputs.numpy(), labels.numpy(), rate
        )
        return result


def _by_step(every: Every) -> bool:
    return every.unit == "step"


def quick_steps(session: Session) -> QuickSteps | None:
    """What takes many steps at once, where the model can and the settings ask for nothing that it would pass over."""
    train = session.train
    plain = (
        hasattr(session.model, "sgd_steps")
        and session.parts.device.type == "cpu"
        and session.average is None
        and session.warmup_steps == 0
        and train.accumulate == 1
        and train.clip_grad_norm is None
        and train.precision == "fp32"
        and session.schedule_interval != "step"
        and all(p.requires_grad for p in session.model.parameters())
        and _plain_sgd(session.settings)
    )
    return QuickSteps(session) if plain else None


def _plain_sgd(settings: Settings) -> bool:
    optimizer, loss = dict(settings.optimizer), dict(settings.loss)
    if optimizer.pop("name", "") != "SGD" or loss.pop("name", "") != "CrossEntropyLoss":
        return False
    usual = {"reduction": "mean", "label_smoothing": 0.0, "ignore_index": -100}
    others = {key for key, value in optimizer.items() if key not in _PLAIN and value not in (0, 0.0, False, None)}
    return not others and all(usual.get(key) == value or value is None for key, value in loss.items())
