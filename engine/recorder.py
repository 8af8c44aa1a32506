"""What the steps of a training leave in the run's series and events."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from engine.diagnosis import NON_FINITE_HINT, non_finite_cause
from engine.layer_series import QUANTITIES
from engine.optim import learning_rate, warmup_factor
from engine.runs import append_event
from engine.session import Session
from engine.stepping import NonFiniteError, Outcome

FETCH_STEPS, FETCH_SECONDS = 50, 0.25
"""On a GPU the values of so many steps are fetched at once, at the latest after so long."""

_LAYER_STEPS, _LAYER_MARKS = 20, 10
"""Gradient norms and update ratios of the layers are measured at one of at least so many steps, about so often an
epoch."""

_MARKS = 20
"""How often in an epoch its part that is done is noted."""


class Recorder:
    """Notes each step: at once where its values are numbers, in batches where a device holds them."""

    def __init__(self, session: Session) -> None:
        self._session, self._loop = session, session.loop
        self._pending: list[tuple[int, float, Outcome, torch.Tensor]] = []
        self._fetched = time.perf_counter()
        self._mark_every = max(1, session.steps_per_epoch // _MARKS)
        self._layers_every = max(_LAYER_STEPS, session.steps_per_epoch // _LAYER_MARKS)

    def step(self, outcome: Outcome, now: float) -> None:
        """Note the step that the loop has just made.

        Raises:
            NonFiniteError: its loss, or one of a step before that is only fetched now, is not finite.
        """
        loop = self._loop
        if self._session.stepper.direct:
            self._record(loop.step, time.time(), outcome)
        else:
            self._pending.append((loop.step, time.time(), outcome, _together(outcome)))
            if len(self._pending) >= FETCH_STEPS or now - self._fetched >= FETCH_SECONDS:
                self.flush()
        if loop.batch == 0 or loop.step % self._mark_every == 0 or loop.step == 1:
            self._mark()
        values, layers = self._session.stepper.layer_values, self._session.layers
        if values is not None and layers is not None:
            for quantity, measured in zip(QUANTITIES, values, strict=True):
                layers.log(loop.step, quantity, measured.tolist())

    @property
    def layers_due(self) -> bool:
        """Whether the step to come is one at which the layers are measured."""
        return (self._loop.step + 1) % self._layers_every == 0 or self._loop.step == 0

    @property
    def marks(self) -> tuple[int, ...]:
        """At multiples of these steps something besides the step itself is noted."""
        return self._mark_every, self._layers_every

    def stretch(self, first_step: int, losses: list[float], shares: list[float]) -> None:
        """Note consecutive steps, the first of which was `first_step`.

        Raises:
            NonFiniteError: the loss of one is not finite; those before it are noted.
        """
        good = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        values = {"train/loss": losses[:good], "train/accuracy": shares[:good]}
        self._session.series.log_many(first_step, values)
        loop = self._loop
        for loss, share in zip(losses[:good], shares[:good], strict=True):
            loop.loss_sum += loss
            loop.accuracy_sum += share
        loop.loss_count += good
        loop.accuracy_count += good
        if good < len(losses):
            raise self.non_finite(f"the loss became {losses[good]}", first_step + good)
        if loop.batch == 0 or loop.step % self._mark_every == 0 or first_step == 1:
            self._mark()

    def flush(self) -> None:
        """Fetch and note what the device holds of past steps: one wait for all of them."""
        self._fetched = time.perf_counter()
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        values = torch.stack([together for *_, together in pending]).tolist()
        for (step, now, outcome, _), (loss, right, norm) in zip(pending, values, strict=True):
            known = (None if outcome[1] is None else right, None if outcome[2] is None else norm)
            self._record(step, now, (loss, *known, outcome[3]))

    def rate(self) -> None:
        """The learning rate that the loop's step was made with: at every step where each may change it, else where it
        did and at the ends of epochs; there a change is an event too."""
        session, loop = self._session, self._loop
        rate, before = learning_rate(session.optimizer) * warmup_factor(loop.step - 1, session.warmup_steps), loop.lr
        by_step = session.schedule is not None and session.schedule.interval == "step"
        by_step = by_step or loop.step <= session.warmup_steps
        if by_step or rate != before or loop.batch == 0:
            session.series.log(loop.step, {"lr": rate})
        if rate != before and before is not None and not by_step:
            append_event(session.paths, "lr", value=rate, epoch=session.epochs_done, step=loop.step)
        loop.lr = rate

    def take_train_means(self) -> float | None:
        """The mean train loss since the last evaluation, which also becomes the newest train metrics."""
        loop = self._loop
        if not loop.loss_count:
            return None
        loop.metrics["train/loss"] = loop.loss_sum / loop.loss_count
        if loop.accuracy_count:
            loop.metrics["train/accuracy"] = loop.accuracy_sum / loop.accuracy_count
        loop.loss_sum, loop.accuracy_sum, loop.loss_count, loop.accuracy_count = 0.0, 0.0, 0, 0
        return loop.metrics["train/loss"]

    def times(self) -> None:
        """The seconds that each part of the training has taken so far."""
        loop, watch = self._loop, self._session.stepper.watch
        for part, seconds in watch.seconds.items():
            loop.times[part] = loop.times.get(part, 0.0) + seconds
            watch.seconds[part] = 0.0
        self._session.series.log(loop.step, {f"time/{part}": seconds for part, seconds in loop.times.items()})

    def finding(self, level: str, message: str, **more: Any) -> None:
        """Tell something that was detected, in the events and in the log."""
        session, loop = self._session, self._loop
        append_event(
            session.paths, "finding", level=level, message=message, epoch=session.epochs_done, step=loop.step, **more
        )
        print(f"{level}: {message}", flush=True)

    def non_finite(self, what: str, step: int) -> NonFiniteError:
        """The finding, and the error to raise, where `what` happened at `step`."""
        epoch = (step - 1) // self._session.steps_per_epoch + 1
        cause = non_finite_cause(what, step, epoch)
        self.finding("error", cause, hint=NON_FINITE_HINT)
        return NonFiniteError(cause, hint=NON_FINITE_HINT)

    def refuse_non_finite_weights(self) -> None:
        """A finite loss may still have had gradients that were not: such weights are never saved.

        Raises:
            NonFiniteError: there is a weight that is NaN or infinite.
        """
        parameters = [p for p in self._session.model.parameters() if p.is_floating_point()]
        finite = torch.stack([torch.isfinite(p.detach()).all() for p in parameters]).all()
        if not bool(finite):
            raise self.non_finite("the weights became NaN or infinite", self._loop.step)

    def _record(self, step: int, now: float, outcome: Outcome) -> None:
        loss, right, norm, _ = outcome
        assert isinstance(loss, float)
        if not math.isfinite(loss):
            raise self.non_finite(f"the loss became {loss}", step)
        values = {"train/loss": loss}
        if right is not None:
            assert isinstance(right, float)
            values["train/accuracy"] = right
            self._loop.accuracy_sum += right
            self._loop.accuracy_count += 1
        if norm is not None:
            values["train/grad_norm"] = float(norm)
        self._session.series.log(step, values, now)
        loop = self._loop
        loop.loss_sum += loss
        loop.loss_count += 1

    def _mark(self) -> None:
        """The series that turn a step into an epoch or a number of samples."""
        session, loop = self._session, self._loop
        session.series.log(loop.step, {"epoch": session.epochs_done, "samples": float(loop.samples)})
        if loop.batch == 0:
            append_event(session.paths, "epoch", epoch=loop.epoch, step=loop.step)


def _together(outcome: Outcome) -> torch.Tensor:
    """Loss, share of right answers and gradient norm (0 where there is none) in one tensor, still on the device."""
    loss, right, norm, _ = outcome
    known = (loss, loss if right is None else right, loss if norm is None else norm)
    values = [torch.as_tensor(value, dtype=torch.float32) for value in known]
    return torch.stack(values)
