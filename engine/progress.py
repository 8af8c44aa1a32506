"""How far a training is: its clock, its limits, its speed, and the state that others read."""

from __future__ import annotations

import time

from engine.session import Session

TICK_SECONDS = 0.5


class Progress:
    """The clock of one sitting; what it knows goes into state.json twice a second."""

    def __init__(self, session: Session) -> None:
        self._session, self._loop = session, session.loop
        self._began = self._ticked = time.perf_counter()
        self._seconds_before = self._loop.seconds
        self._ticked_samples, self._ticked_step = self._loop.samples, self._loop.step
        self._first_step = self._loop.step

    def at_limit(self) -> bool:
        """Whether training has gone on for as long as it was to."""
        limits = self._session.limits
        return limits.reached(self._loop.step, 0.0 if limits.minutes is None else self._seconds())

    def count_seconds(self) -> None:
        """Bring the loop's time up to date."""
        self._loop.seconds = self._seconds()

    def stop_asked(self) -> bool:
        """Whether a stop is asked for; requests are looked for on the way."""
        self.tick_if_due(time.perf_counter())
        return self._session.interrupts.stop

    def tick_if_due(self, now: float) -> None:
        """Tick, unless that was done less than half a second ago."""
        if now - self._ticked >= TICK_SECONDS:
            self.tick(now)

    def tick(self, now: float) -> None:
        """Look for requests, measure the speed, and write the state.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        session, loop = self._session, self._loop
        session.interrupts.poll()
        elapsed = now - self._ticked
        speed = (loop.samples - self._ticked_samples) / elapsed if elapsed > 0 else 0.0
        if loop.step > self._ticked_step:
            if elapsed >= TICK_SECONDS / 2:
                session.series.log(loop.step, {"time/samples_per_second": speed})
            self._ticked, self._ticked_samples, self._ticked_step = now, loop.samples, loop.step
        self.count_seconds()
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
            best_metrics=dict(loop.best_metrics),
            metrics_at_best=dict(loop.metrics_at_best),
            seconds=loop.seconds,
        )

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._began

    def _seconds_left(self, now: float) -> float | None:
        """By the mean speed of this sitting, evaluations and checkpoints included."""
        steps, begun = self._session.limits.steps, self._loop.step
        done = begun - self._first_step
        left = []
        if steps is not None and done > 0:
            left.append((steps - begun) * (now - self._began) / done)
        if self._session.limits.minutes is not None:
            left.append(60 * self._session.limits.minutes - self._loop.seconds)
        return max(0.0, min(left)) if left else None
