"""The training loop: evaluate, save, stop test, step, log, in that order and for every run."""

from __future__ import annotations

import math
import time

from engine import checkpoint
from engine.checkpoints import epoch_alias, prune, set_link
from engine.evaluation_file import Moment, evaluation_content, store_evaluation
from engine.extremes import keep_best
from engine.measure import measure
from engine.metrics import is_better, mode_of
from engine.parts import prefix_of
from engine.progress import Progress
from engine.quick_steps import quick_steps
from engine.recorder import Recorder
from engine.runs import append_event
from engine.session import Session, evaluated_splits
from engine.stepping import NonFiniteError, Outcome
from engine.task import Evaluation


class Training:
    """A session being trained. `run` is the loop; the other methods are its parts."""

    def __init__(self, session: Session) -> None:
        self.session, self.loop = session, session.loop
        self._progress, self._recorder = Progress(session), Recorder(session)
        self._splits = evaluated_splits(session.settings, session.parts)
        self._quick = quick_steps(session)
        self._outcome: Outcome | None = None
        self._improved = False

    def run(self) -> None:
        """Train to the end, or until a stop is asked for.

        Raises:
            NonFiniteError: the loss became NaN or infinite; the last good checkpoint is kept.
            OSError: the disk is full or the folder is not writable.
        """
        self.session.model.train()
        self._progress.tick(time.perf_counter())
        while True:
            if self.evaluation_due():
                self.evaluate()
            if self.checkpoint_due():
                self.save()
            if self.over():
                self._tell_early_stop()
                break
            ahead = 0 if self._quick is None else self._ahead()
            if ahead > 1:
                self._stretch(ahead)
            else:
                self.step()
                self.log()
        self._progress.tick(time.perf_counter())

    # -------------------------------------------------------------------------------------------------- the five parts

    def evaluation_due(self) -> bool:
        """Whether it is time to evaluate; never when a stop is asked for."""
        session, loop = self.session, self.loop
        if loop.evaluated_step == loop.step or session.interrupts.stop:
            return False
        return session.evaluate_every.due(loop) or self._progress.at_limit()

    def evaluate(self) -> None:
        """Score the splits that are watched, tell what is found, and see whether this is the best so far."""
        self._recorder.flush()
        session, loop = self.session, self.loop
        session.stepper.watch.restart()
        with session.evaluated_weights():
            measured = [self._measure(split) for split in self._splits]
        session.stepper.watch.lap("evaluation")
        complete = [answers for answers in measured if answers is not None]
        if len(complete) < len(measured):
            return  # a stop was asked for meanwhile: this evaluation is made when the run goes on
        train_loss = self._recorder.take_train_means()
        for split, answers in zip(self._splits, complete, strict=True):
            self._note(split, answers, train_loss)
        if not self._splits:
            self._tell_evaluated(None, {})
        loop.evaluated_step = loop.step
        self._recorder.times()
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
        self._recorder.flush()
        session, loop, paths = self.session, self.loop, self.session.paths
        self._recorder.refuse_non_finite_weights()
        self._progress.count_seconds()
        session.stepper.watch.restart()
        training = session.training_state()
        with session.evaluated_weights():
            folder = checkpoint.save(
                paths,
                model=session.model,
                training=training,
                loop=vars(loop),
                epoch=session.epochs_done,
                step=loop.step,
                metrics=loop.metrics,
            )
        session.stepper.watch.lap("checkpoint")
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
        return self.session.interrupts.stop or self._progress.at_limit() or self.stopped_early

    def step(self) -> None:
        """One optimizer step, and the scheduler's part in it."""
        session, loop = self.session, self.loop
        batches = session.batches
        last = min(loop.batch + session.train.accumulate, batches.count)
        stepper = session.stepper
        stepper.watch.begin_step()
        taken = [batches[loop.epoch, number] for number in range(loop.batch, last)]
        stepper.watch.lap("data")
        try:
            self._outcome = outcome = stepper(taken, loop.step, self._recorder.layers_due)
        except NonFiniteError as error:
            raise self._recorder.non_finite(str(error.message), loop.step + 1) from None
        loop.step += 1
        if session.average is not None:
            session.average.update(loop.step)
        loop.samples += outcome[3]
        loop.batch = last
        if last == batches.count:
            loop.epoch, loop.batch = loop.epoch + 1, 0
        self._recorder.rate()
        schedule = session.schedule
        if schedule is not None and (schedule.interval == "step" or (schedule.interval == "epoch" and loop.batch == 0)):
            self._advance_schedule(None)

    def log(self) -> None:
        """Note the step's values."""
        now = time.perf_counter()
        assert self._outcome is not None
        self._recorder.step(self._outcome, now)
        self._progress.tick_if_due(now)

    # ------------------------------------------------------------------------------------------- many steps at once

    def _ahead(self) -> int:
        """Steps that may be taken at once; none where the next one is to be looked at closely."""
        if self._quick is None or self._recorder.layers_due:
            return 0
        return self._quick.ahead(self._recorder.marks)

    def _stretch(self, count: int) -> None:
        """Make and note `count` steps within an epoch."""
        session, loop = self.session, self.loop
        assert self._quick is not None
        session.stepper.watch.begin_step()
        losses, shares = self._quick.take(count)
        session.stepper.watch.lap("update")
        first = loop.step + 1
        loop.step += count
        loop.samples += count * session.batches.size
        loop.batch += count
        if loop.batch == session.batches.count:
            loop.epoch, loop.batch = loop.epoch + 1, 0
        self._recorder.rate()
        self._recorder.stretch(first, losses.tolist(), shares.tolist())
        if session.schedule_interval == "epoch" and loop.batch == 0:
            self._advance_schedule(None)
        self._progress.tick_if_due(time.perf_counter())

    # ------------------------------------------------------------------------------------------------------ evaluation

    def _measure(self, split: str) -> Evaluation | None:
        return measure(self.session.parts, split, stop=self._progress.stop_asked)

    def _note(self, split: str, evaluation: Evaluation, train_loss: float | None) -> None:
        """Log an evaluation of one split and what is found in it."""
        session, loop, parts = self.session, self.loop, self.session.parts
        prefix = prefix_of(split)
        named = {f"{prefix}/{key}": value for key, value in evaluation.metrics.items()}
        loop.metrics.update(named)
        logged = {*(f"{prefix}/{key}" for key in parts.task.logged), session.monitor} & named.keys()
        session.series.log(loop.step, {key: named[key] for key in sorted(logged)})
        moment = Moment(session.epochs_done, loop.step)
        store_evaluation(session.paths, parts, evaluation_content(parts, split, evaluation, moment))
        self._tell_evaluated(split, named)
        for finding in parts.task.findings(loop, prefix, evaluation, train_loss):
            if finding.key not in loop.findings:
                loop.findings.append(finding.key)
                self._recorder.finding(finding.level, finding.message)

    def _tell_evaluated(self, split: str | None, metrics: dict[str, float]) -> None:
        """An event with the newest train metrics and those of a split; also where no split is evaluated."""
        session, loop = self.session, self.loop
        train = {key: value for key, value in loop.metrics.items() if key.startswith("train/")}
        keep_best(loop.best_metrics, {**train, **metrics})
        append_event(
            session.paths,
            "evaluated",
            split=split,
            epoch=session.epochs_done,
            step=loop.step,
            metrics={**train, **metrics},
        )

    def _judge(self) -> None:
        """Remember the best evaluation, and how long early stopping has waited."""
        session, loop = self.session, self.loop
        if session.monitor not in loop.metrics and "unmeasured" not in loop.findings and loop.step:
            loop.findings.append("unmeasured")
            known = ", ".join(sorted(loop.metrics)) or "nothing"
            self._recorder.finding(
                "warning", f"{session.monitor} is watched, and no evaluation gives it: no checkpoint will be the best;"
                f" measured are {known}"
            )  # fmt: skip
        value = loop.metrics.get(session.monitor, math.nan)
        if is_better(value, None if loop.best is None else loop.best["value"], session.mode):
            loop.best = {
                "monitor": session.monitor,
                "mode": session.mode,
                "value": value,
                "epoch": session.epochs_done,
                "step": loop.step,
            }
            loop.metrics_at_best = {key: loop.metrics[key] for key in loop.best_metrics if key in loop.metrics}
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

    def _advance_schedule(self, metric: float | None) -> None:
        schedule = self.session.schedule
        assert schedule is not None
        schedule.advance(self.loop.schedule_units, metric)
        self.loop.schedule_units += 1

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has lost its patience."""
        stopping = self.session.train.early_stopping
        return stopping is not None and self.loop.stopping_stale >= stopping.patience

    def _tell_early_stop(self) -> None:
        """Say once why fewer epochs were trained than asked for."""
        stopping, loop = self.session.train.early_stopping, self.loop
        if stopping is None or not self.stopped_early or "early-stop" in loop.findings:
            return
        loop.findings.append("early-stop")
        watched = stopping.monitor or self.session.monitor
        many = f"{stopping.patience} evaluations" if stopping.patience > 1 else "an evaluation"
        best = "" if loop.stopping_best is None else f" from {loop.stopping_best:.4g}"
        self._recorder.finding("info", f"stopped early: {watched} has not improved{best} for {many}")

    def _report(self) -> None:
        """A line for the log, and the state for whoever looks."""
        loop = self.loop
        shown = [f"train/loss {loop.metrics['train/loss']:.4f}"] if "train/loss" in loop.metrics else []
        for split in self._splits:
            prefix = prefix_of(split)
            keys = [f"{prefix}/{key}" for key in self.session.parts.task.shown]
            shown += [f"{key} {loop.metrics[key]:.4f}" for key in keys if key in loop.metrics]
        print(f"epoch {self.session.epochs_done:g}  step {loop.step:,}  {'  '.join(shown)}", flush=True)
        self._progress.tick(time.perf_counter())
