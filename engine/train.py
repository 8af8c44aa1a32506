"""The training loop: evaluate, save, stop test, step, log, in that order and for every run."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from engine import checkpoint
from engine.checkpoints import epoch_alias, prune, set_link
from engine.diagnosis import NON_FINITE_HINT, diagnose, non_finite_cause
from engine.evaluation_file import write_evaluation
from engine.measure import Measured, measure
from engine.metrics import is_better, mode_of, scores
from engine.optim import learning_rate
from engine.parts import prefix_of
from engine.runs import append_event
from engine.session import Session, evaluated_splits
from engine.stepping import NonFiniteError, Outcome

LOGGED = ("loss", "accuracy", "macro_f1", "balanced_accuracy")
"""The scores of an evaluation that become series."""

FETCH_STEPS, FETCH_SECONDS = 50, 0.25
"""On a GPU the values of so many steps are fetched at once, at the latest after so long."""

TICK_SECONDS = 0.5


class Training:
    """A session being trained. `run` is the loop; the other methods are its parts."""

    def __init__(self, session: Session) -> None:
        self.session, self.loop = session, session.loop
        self._splits = evaluated_splits(session.settings, session.parts)
        self._outcome: Outcome | None = None
        self._pending: list[tuple[int, float, Outcome, torch.Tensor]] = []
        self._improved = False
        self._mark_every = max(1, session.steps_per_epoch // 20)
        self._began = self._ticked = time.perf_counter()
        self._fetched, self._seconds_before = self._began, self.loop.seconds
        self._ticked_samples, self._ticked_step = self.loop.samples, self.loop.step
        self._first_step = self.loop.step

    def run(self) -> None:
        """Train to the end, or until a stop is asked for.

        Raises:
            NonFiniteError: the loss became NaN or infinite; the last good checkpoint is kept.
            OSError: the disk is full or the folder is not writable.
        """
        self.session.model.train()
        self.tick(time.perf_counter())
        while True:
            if self.evaluation_due():
                self.evaluate()
            if self.checkpoint_due():
                self.save()
            if self.over():
                break
            self.step()
            self.log()
        self.tick(time.perf_counter())

    # -------------------------------------------------------------------------------------------------- the five parts

    def evaluation_due(self) -> bool:
        """Whether it is time to evaluate; never when a stop is asked for."""
        session, loop = self.session, self.loop
        if loop.evaluated_step == loop.step or session.interrupts.stop:
            return False
        return session.evaluate_every.due(loop) or self.at_limit()

    def evaluate(self) -> None:
        """Score the splits that are watched, tell what is found, and see whether this is the best so far."""
        self.flush()
        session, loop = self.session, self.loop
        measured = [self._measure(split) for split in self._splits]
        complete = [answers for answers in measured if answers is not None]
        if len(complete) < len(measured):
            return  # a stop was asked for meanwhile: this evaluation is made when the run goes on
        train_loss = self._take_train_means()
        for split, answers in zip(self._splits, complete, strict=True):
            self._note(split, answers, train_loss)
        loop.evaluated_step = loop.step
        self._judge()
        if session.schedule is not None and session.schedule.interval == "metric":
            self._advance_schedule(loop.metrics.get(session.monitor))
        self._report()

    def checkpoint_due(self) -> bool:
        """Whether it is time to save."""
        session, loop = self.session, self.loop
        if self._improved:
            return True
        if loop.step == 0 or session.saved_step == loop.step:
            return False
        asked = session.interrupts.stop or session.interrupts.checkpoint
        return asked or session.save_every.due(loop) or self.over()

    def save(self) -> None:
        """Write a checkpoint and point best, last and the epoch's name at it."""
        self.flush()
        session, loop, paths = self.session, self.loop, self.session.paths
        self._refuse_non_finite_weights()
        self._count_seconds()
        folder = checkpoint.save(
            paths,
            model=session.model,
            training=session.training_state(),
            loop=vars(loop),
            epoch=session.epochs_done,
            step=loop.step,
            metrics=loop.metrics,
        )
        set_link(paths, "last", folder.name)
        if loop.batch == 0:
            set_link(paths, epoch_alias(loop.epoch), folder.name)
        if loop.best is not None and loop.best["step"] == loop.step:
            set_link(paths, "best", folder.name)
        prune(paths, session.settings.checkpoint.keep)
        session.saved_step, self._improved = loop.step, False
        append_event(
            paths, "checkpoint", name=folder.name, epoch=session.epochs_done, step=loop.step, metrics=loop.metrics
        )
        if session.interrupts.checkpoint:
            session.interrupts.checkpoint_done()

    def over(self) -> bool:
        """Whether to train no more: a limit is reached, nothing improves, or a stop is asked for."""
        return self.session.interrupts.stop or self.at_limit() or self.stopped_early

    def step(self) -> None:
        """One optimizer step, and the scheduler's part in it."""
        session, loop = self.session, self.loop
        batches = session.batches
        last = min(loop.batch + session.train.accumulate, batches.count)
        taken = [batches[loop.epoch, number] for number in range(loop.batch, last)]
        try:
            self._outcome = outcome = session.stepper(taken)
        except NonFiniteError as error:
            raise self._non_finite(str(error.message), loop.step + 1) from None
        loop.step += 1
        loop.samples += outcome[3]
        loop.batch = last
        if last == batches.count:
            loop.epoch, loop.batch = loop.epoch + 1, 0
        self._log_rate()
        schedule = session.schedule
        if schedule is not None and (schedule.interval == "step" or (schedule.interval == "epoch" and loop.batch == 0)):
            self._advance_schedule(None)

    def log(self) -> None:
        """Note the step's values: at once where they are numbers, in batches where a device holds them."""
        now, loop, outcome = time.perf_counter(), self.loop, self._outcome
        assert outcome is not None
        if self.session.stepper.direct:
            self._record(loop.step, time.time(), outcome)
        else:
            self._pending.append((loop.step, time.time(), outcome, _together(outcome)))
            if len(self._pending) >= FETCH_STEPS or now - self._fetched >= FETCH_SECONDS:
                self.flush()
        if loop.batch == 0 or loop.step % self._mark_every == 0 or loop.step == 1:
            self._mark()
        if now - self._ticked >= TICK_SECONDS:
            self.tick(now)

    # ------------------------------------------------------------------------------------------------------ evaluation

    def _measure(self, split: str) -> Measured | None:
        parts = self.session.parts
        return measure(
            self.session.model,
            parts.splits[split],
            parts.loss,
            len(parts.dataset.classes),
            batch_size=parts.evaluation_batch,
            precision=self.session.train.precision,
            stop=self._stop_asked,
        )

    def _note(self, split: str, measured: Measured, train_loss: float | None) -> None:
        """Log an evaluation of one split and what is found in it."""
        session, loop, parts = self.session, self.loop, self.session.parts
        classes, prefix = parts.dataset.classes, prefix_of(split)
        metrics = {"loss": measured.loss, **scores(measured.confusion, parts.majority)}
        named = {f"{prefix}/{key}": value for key, value in metrics.items()}
        loop.metrics.update(named)
        logged = {*(f"{prefix}/{key}" for key in LOGGED), session.monitor} & named.keys()
        session.series.log(loop.step, {key: named[key] for key in sorted(logged)})
        write_evaluation(
            session.paths, parts, split, measured, metrics, epoch=session.epochs_done, step=loop.step, checkpoint=None
        )
        append_event(
            session.paths,
            "evaluated",
            split=split,
            epoch=session.epochs_done,
            step=loop.step,
            metrics={**self._train_means(), **named},
        )
        for finding in diagnose(loop, prefix, metrics, measured.confusion, classes, parts.majority, train_loss):
            loop.findings.append(finding.key)
            self._tell_finding(finding.level, finding.message)

    def _stop_asked(self) -> bool:
        now = time.perf_counter()
        if now - self._ticked >= TICK_SECONDS:
            self.tick(now)
        return self.session.interrupts.stop

    def _tell_finding(self, level: str, message: str, **more: Any) -> None:
        session = self.session
        append_event(
            session.paths,
            "finding",
            level=level,
            message=message,
            epoch=session.epochs_done,
            step=self.loop.step,
            **more,
        )
        print(f"{level}: {message}", flush=True)

    def _take_train_means(self) -> float | None:
        """The mean train loss since the last evaluation, which also becomes the newest train metrics."""
        loop = self.loop
        if not loop.loss_count:
            return None
        loop.metrics["train/loss"] = loop.loss_sum / loop.loss_count
        loop.metrics["train/accuracy"] = loop.accuracy_sum / loop.loss_count
        loop.loss_sum, loop.accuracy_sum, loop.loss_count = 0.0, 0.0, 0
        return loop.metrics["train/loss"]

    def _train_means(self) -> dict[str, float]:
        return {key: value for key, value in self.loop.metrics.items() if key.startswith("train/")}

    def _judge(self) -> None:
        """Remember the best evaluation, and how long early stopping has waited."""
        session, loop = self.session, self.loop
        value = loop.metrics.get(session.monitor, math.nan)
        if is_better(value, None if loop.best is None else loop.best["value"], session.mode):
            loop.best = {
                "monitor": session.monitor,
                "mode": session.mode,
                "value": value,
                "epoch": session.epochs_done,
                "step": loop.step,
            }
            self._improved = True
            append_event(
                session.paths,
                "best",
                monitor=session.monitor,
                value=value,
                epoch=session.epochs_done,
                step=loop.step,
            )
        stopping = session.train.early_stopping
        if stopping is None:
            return
        watched = stopping.monitor or session.monitor
        mode = stopping.mode or (session.mode if watched == session.monitor else mode_of(watched))
        value = loop.metrics.get(watched, math.nan)
        if is_better(value, loop.stopping_best, mode, stopping.min_delta):
            loop.stopping_best, loop.stopping_stale = value, 0
        else:
            loop.stopping_stale += 1

    def _report(self) -> None:
        """A line for the log, and the state for whoever looks."""
        loop = self.loop
        shown = [f"train/loss {loop.metrics['train/loss']:.4f}"] if "train/loss" in loop.metrics else []
        for split in self._splits:
            prefix = prefix_of(split)
            shown += [f"{prefix}/{key} {loop.metrics[f'{prefix}/{key}']:.4f}" for key in ("loss", "accuracy")]
        print(f"epoch {self.session.epochs_done:g}  step {loop.step:,}  {'  '.join(shown)}", flush=True)
        self.tick(time.perf_counter())

    # ---------------------------------------------------------------------------------------------------------- limits

    def at_limit(self) -> bool:
        """Whether training has gone on for as long as it was to."""
        limits = self.session.limits
        seconds = 0.0 if limits.minutes is None else self._seconds_before + time.perf_counter() - self._began
        return limits.reached(self.loop.step, seconds)

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has lost its patience."""
        stopping = self.session.train.early_stopping
        return stopping is not None and self.loop.stopping_stale >= stopping.patience

    def _count_seconds(self) -> None:
        self.loop.seconds = self._seconds_before + time.perf_counter() - self._began

    # --------------------------------------------------------------------------------------------------------- logging

    def flush(self) -> None:
        """Fetch and note what the device holds of past steps: one wait for all of them."""
        self._fetched = time.perf_counter()
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        values = torch.stack([together for *_, together in pending]).tolist()
        for (step, now, outcome, _), (loss, right, norm) in zip(pending, values, strict=True):
            self._record(step, now, (loss, right, None if outcome[2] is None else norm, outcome[3]))

    def _record(self, step: int, now: float, outcome: Outcome) -> None:
        loss, right, norm, _ = outcome
        assert isinstance(loss, float)
        assert isinstance(right, float)
        if not math.isfinite(loss):
            raise self._non_finite(f"the loss became {loss}", step)
        values = {"train/loss": loss, "train/accuracy": right}
        if norm is not None:
            values["train/grad_norm"] = float(norm)
        self.session.series.log(step, values, now)
        loop = self.loop
        loop.loss_sum += loss
        loop.accuracy_sum += right
        loop.loss_count += 1

    def _mark(self) -> None:
        """The series that turn a step into an epoch or a number of samples."""
        session, loop = self.session, self.loop
        session.series.log(loop.step, {"epoch": session.epochs_done, "samples": float(loop.samples)})
        if loop.batch == 0:
            append_event(session.paths, "epoch", epoch=loop.epoch, step=loop.step)

    def _advance_schedule(self, metric: float | None) -> None:
        schedule = self.session.schedule
        assert schedule is not None
        schedule.advance(self.loop.schedule_units, metric)
        self.loop.schedule_units += 1

    def _log_rate(self) -> None:
        """The learning rate that this step was made with: at every step that may change it, else where it did and
        at the ends of epochs; a change is an event too, unless every step has one."""
        session, loop = self.session, self.loop
        rate, before = learning_rate(session.optimizer), loop.lr
        by_step = session.schedule is not None and session.schedule.interval == "step"
        if by_step or rate != before or loop.batch == 0:
            session.series.log(loop.step, {"lr": rate})
        if rate != before and before is not None and not by_step:
            append_event(session.paths, "lr", value=rate, epoch=session.epochs_done, step=loop.step)
        loop.lr = rate

    def tick(self, now: float) -> None:
        """Twice a second: look for requests, measure the speed, and write the state."""
        session, loop = self.session, self.loop
        session.interrupts.poll()
        elapsed = now - self._ticked
        speed = (loop.samples - self._ticked_samples) / elapsed if elapsed > 0 else 0.0
        if loop.step > self._ticked_step:
            if elapsed >= TICK_SECONDS / 2:
                session.series.log(loop.step, {"time/samples_per_second": speed})
            self._ticked, self._ticked_samples, self._ticked_step = now, loop.samples, loop.step
        self._count_seconds()
        heartbeat = session.heartbeat
        heartbeat.write(
            state="stopping" if session.interrupts.stop else "running",
            epoch=session.epochs_done,
            step=loop.step,
            total_steps=session.limits.steps,
            total_epochs=None if session.limits.steps is None else session.limits.steps / session.steps_per_epoch,
            samples_per_second=speed or heartbeat.state.samples_per_second,
            seconds_left=self._seconds_left(now),
            best=loop.best,
            metrics=dict(loop.metrics),
            seconds=loop.seconds,
        )

    def _seconds_left(self, now: float) -> float | None:
        """By the mean speed of this sitting, evaluations and checkpoints included."""
        steps, begun = self.session.limits.steps, self.loop.step
        done = begun - self._first_step
        left = []
        if steps is not None and done > 0:
            left.append((steps - begun) * (now - self._began) / done)
        if self.session.limits.minutes is not None:
            left.append(60 * self.session.limits.minutes - self.loop.seconds)
        return max(0.0, min(left)) if left else None

    # ------------------------------------------------------------------------------------------------------ non-finite

    def _refuse_non_finite_weights(self) -> None:
        """A finite loss may still have had gradients that were not: such weights are never saved."""
        parameters = [p for p in self.session.model.parameters() if p.is_floating_point()]
        finite = torch.stack([torch.isfinite(p.detach()).all() for p in parameters]).all()
        if not bool(finite):
            raise self._non_finite("the weights became NaN or infinite", self.loop.step)

    def _non_finite(self, what: str, step: int) -> NonFiniteError:
        epoch = (step - 1) // self.session.steps_per_epoch + 1
        cause = non_finite_cause(what, step, epoch)
        self._tell_finding("error", cause, hint=NON_FINITE_HINT)
        return NonFiniteError(cause, hint=NON_FINITE_HINT)


def _together(outcome: Outcome) -> torch.Tensor:
    """Loss, share of right answers and gradient norm (0 where there is none) in one tensor, still on the device."""
    loss, right, norm, _ = outcome
    values = [torch.as_tensor(value, dtype=torch.float32) for value in (loss, right, loss if norm is None else norm)]
    return torch.stack(values)
