"""Following a run from the terminal: a progress bar, or plain lines; leaving it never harms the run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from engine.cli.output import duration, metric_text, number_text, paint
from engine.errors import EngineError
from engine.jsonio import number
from engine.runs import ALIVE, ENDED, Run, RunPaths, load_run, read_events
from engine.series import series_path, tail
from engine.text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

POLL_SECONDS = 0.1
_LAYOUT = "{desc} |{bar}| {percentage:3.0f} %"
KILLED_SECONDS = 20.0
"""How long a killed worker's end is waited for."""


class LostTerminal(Exception):
    """The terminal is gone; whoever followed stops doing so."""


class Interrupts:
    """Counts ctrl+c and notices the loss of the terminal, instead of dying of them, while it is entered."""

    def __init__(self) -> None:
        self.count = 0
        self.hung_up = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._interrupt)
        if self._before[signal.SIGHUP] != signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(signal.SIGHUP, self._hang_up)
        return self

    def __exit__(self, *_: object) -> None:
        for number_, handler in self._before.items():
            signal.signal(number_, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self.hung_up = True


class Follower:
    """Shows one run until it has ended.

    Args:
        paths: the run's.
        interrupts: ctrl+c is passed on to the run: once to stop it, twice to end it at once.
        stream: where plain lines go; with a bar they go above it.
        bar: whether to draw one, on stderr.
        since: what events.jsonl held before; an earlier sitting is not told again.
    """

    def __init__(self, paths: RunPaths, interrupts: Interrupts, stream: TextIO, *, bar: bool, since: int = 0) -> None:
        self._paths = paths
        self._interrupts = interrupts
        self._stream = stream
        self._bar = _new_bar() if bar else None
        self._heeded = 0
        self._killed: float | None = None
        self._offset = since

    def follow(self) -> Run:
        """Show the run until it has ended; returns it as it is then.

        Raises:
            LostTerminal: there is nobody to show it to any more.
        """
        try:
            with contextlib.closing(self._bar) if self._bar is not None else contextlib.nullcontext():
                return self._until_ended()
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise LostTerminal from error  # EIO: the terminal was closed

    def _until_ended(self) -> Run:
        while True:
            run = load_run(self._paths)
            ended = run.status in ENDED  # looked at before the events, so that the last ones are shown
            self._show_events(run)
            if self._bar is not None:
                self._advance(run, self._bar)
            if ended:
                return run
            if self._interrupts.hung_up:
                raise LostTerminal
            self._pass_on(run)
            if self._killed is not None and time.monotonic() - self._killed > KILLED_SECONDS:
                return run
            time.sleep(POLL_SECONDS)

    def _pass_on(self, run: Run) -> None:
        """Turn the ctrl+c of this terminal into requests to the run."""
        from engine.control import stop

        if self._interrupts.count <= self._heeded:
            return
        first = self._heeded == 0 and self._interrupts.count == 1
        self._heeded = self._interrupts.count
        if first:
            self._say(f"stopping {run.id}: it saves a checkpoint first (ctrl+c again ends it at once)")
        else:
            self._say(f"ending {run.id} at once")
            self._killed = self._killed or time.monotonic()
        with contextlib.suppress(EngineError):  # it ended by itself meanwhile
            stop(run, now=not first)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _show_events(self, run: Run) -> None:
        events, self._offset = read_events(self._paths, self._offset)
        for event in events:
            if self._bar is not None and event.get("event") in ("evaluated", "best"):
                continue  # the bar shows them
            for line in event_lines(event, run):
                self._say(line)

    def _advance(self, run: Run, bar: tqdm[Any]) -> None:
        state = run.state
        tail = last_point(self._paths, "train/loss")
        step = max(state.step, tail[0] if tail else 0)
        if state.total_steps:
            bar.total = max(state.total_steps, step)
        bar.n = step
        bar.set_description_str(_position(run, step), refresh=False)
        parts = [f"loss {metric_text(tail[2])}"] if tail else []
        monitor = str((state.best or {}).get("monitor") or "val/accuracy")
        if monitor in state.metrics:
            parts.append(f"{monitor} {metric_text(number(state.metrics[monitor]))}")
        if state.samples_per_second:
            parts.append(f"{_short(state.samples_per_second)} samples/s")
        if state.seconds_left is not None and run.status in ALIVE:
            parts.append(f"{duration(state.seconds_left)} left")
        bar.bar_format = _LAYOUT + "  " + " · ".join(parts).replace("{", "{{").replace("}", "}}")
        bar.refresh()


def _new_bar() -> tqdm[Any]:
    from tqdm import tqdm

    from engine.cli.output import ascii_only

    tqdm.monitor_interval = 0  # no thread beside ours
    options: dict[str, Any] = {"ascii": ascii_only(), "leave": False, "bar_format": _LAYOUT}
    # a terminal that does not know its own size says 0
    known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    options |= {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}
    return tqdm(total=1, desc="starting", file=sys.stderr, **options)


def last_point(paths: RunPaths, name: str) -> tuple[int, float, float] | None:
    """The newest point of a series, (step, time, value); None when it has none."""
    points = tail(series_path(paths.series, name), 1)
    return points[0] if points else None


def _position(run: Run, step: int) -> str:
    state = run.state
    if not state.step and run.status in ("queued", "starting"):
        return f"{run.id} starting"
    if state.total_epochs:
        share = step / state.total_steps if state.total_steps else 0.0
        epoch = max(float(state.epoch), share * state.total_epochs)
        return f"{run.id} epoch {epoch:.1f}/{number_text(state.total_epochs)}"
    return f"{run.id} step {step}" + (f"/{state.total_steps}" if state.total_steps else "")


def _short(value: float) -> str:
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f}{unit}"
    return f"{value:.0f}"


def event_lines(event: dict[str, Any], run: Run) -> Iterator[str]:
    """What to print of an event; nothing for those that only matter to programs."""
    kind, epoch = event.get("event"), event.get("epoch")
    if kind == "evaluated":
        yield _evaluated(event, run)
    elif kind == "best":
        value = metric_text(number(event.get("value")))
        yield f"  best so far: {printable(event.get('monitor'))} {value} at epoch {number_text(epoch)}"
    elif kind in ("finding", "warning"):
        colour = "red" if event.get("level") == "error" else "yellow"
        yield paint(f"! {printable(event.get('message', ''))}", colour)
    elif kind == "resumed":
        yield f"resumed at step {printable(event.get('step'))} from {printable(event.get('from'))}"
    elif kind == "stopping":
        yield "stopping: saving a checkpoint"


def _evaluated(event: dict[str, Any], run: Run) -> str:
    metrics = event.get("metrics") if isinstance(event.get("metrics"), dict) else {}
    assert metrics is not None
    total = f"/{number_text(run.state.total_epochs)}" if run.state.total_epochs else ""
    words = [f"epoch {number_text(event.get('epoch'))}{total}", f"step {printable(event.get('step'))}"]
    shown = dict(metrics)
    if "train/loss" not in shown and (point := last_point(run.paths, "train/loss")):
        shown = {"train/loss": point[2], **shown}
    keys = [key for key in ("train/loss", "train/accuracy") if key in shown]
    keys += [
        key
        for key in shown
        if key not in keys and key.endswith(("/loss", "/accuracy", "/cer", "/rmse", "/bits_per_character"))
    ]
    words += [f"{printable(key)} {metric_text(number(shown[key]))}" for key in keys]
    return "  ".join(words)
