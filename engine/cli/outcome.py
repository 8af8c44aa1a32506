"""How a run's beginning and end are told: its device, its result, why it failed, the exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TextIO

from engine.cli.follow import Follower, Interrupts, LostTerminal
from engine.cli.output import duration, metric_text, note, number_text
from engine.jsonio import number, read_json
from engine.runs import Run, finite_metrics
from engine.text import printable, printable_lines

_LOG_LINES = 8


def result(run: Run) -> dict[str, Any]:
    """A run's end as `engine train --json` prints it."""
    state = run.state
    return {
        "run": run.id, "state": run.status, "metrics": finite_metrics(state.metrics), "seconds": state.seconds,
        "experiment": run.info.experiment, "device": state.device, "seed": run.info.seed, "epoch": state.epoch,
        "step": state.step, "best": state.best, "cause": state.cause, "cause_kind": state.cause_kind,
        "parent": run.info.parent, "group": run.info.group, "folder": str(run.paths.folder),
    }  # fmt: skip


def exit_code(run: Run) -> int:
    """0 finished, 2 wrong settings, 130 stopped by somebody, 1 otherwise."""
    if run.status == "finished":
        return 0
    if run.status == "stopped":
        return 130
    return 2 if run.state.cause_kind == "settings" else 1


def warn_of_disk(root: Path) -> None:
    """Say on stderr when the disk can hardly hold a run."""
    from engine.disk import disk_warning

    if warning := disk_warning(root):
        note(f"engine: warning: {printable(warning)}")


def introduce(run: Run, spec: str, stream: TextIO) -> None:
    """The first line: the run's id and its device, and that the CPU was taken only because there is no GPU."""
    device = run.info.device
    name = str(run.state.device or device.get("name") or "")
    title = device.get("title")
    where = f"{name} ({title})" if title and name != "cpu" else name
    why = ": there is no GPU here" if name == "cpu" and spec == "auto" else ""
    parent = f", continuing {run.info.parent}" if run.info.parent else ""
    stream.write(printable(f"{run.id} {run.info.experiment} on {where}{why}{parent}") + "\n")
    stream.flush()


def follow_to_end(run: Run, interrupts: Interrupts, as_json: bool, since: int = 0) -> Run:
    """Follow a run and tell how it ended; a lost terminal ends this process, not the run."""
    stream = sys.stderr if as_json else sys.stdout
    bar = sys.stderr.isatty() and (as_json or sys.stdout.isatty()) and os.environ.get("TERM") != "dumb"
    try:
        run = Follower(run.paths, interrupts, stream, bar=bar, since=since).follow()
        tell_end(run, stream if as_json else sys.stdout)
    except LostTerminal:
        _leave()
    return run


def _leave() -> None:
    """End quietly: streams lead nowhere, and the interpreter must not stumble over them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    raise SystemExit(129)


def tell_end(run: Run, stream: TextIO) -> None:
    """A short summary on `stream`; of a failure its cause, hint and last output on stderr."""
    if run.status in ("failed", "lost", "unreadable"):
        _tell_failure(run)
        return
    for line in _summary(run):
        stream.write(line + "\n")
    stream.flush()


def _summary(run: Run) -> list[str]:
    state, metrics = run.state, run.state.metrics
    cause = f" ({printable(state.cause)})" if state.cause else ""
    lines = [
        f"{run.id} {run.status}{cause}: {number_text(state.epoch)} epochs, step {state.step}, {duration(state.seconds)}"
    ]
    for key in _scores(metrics, str((state.best or {}).get("monitor") or "")):
        baseline = _baseline(run, metrics) if key == "test/accuracy" else ""
        lines.append(f"  {key:<14} {metric_text(number(metrics[key]))}{baseline}")
        if f"{key}_unseen" in metrics:
            score = metric_text(number(metrics[f"{key}_unseen"]))
            lines.append(f"  {'':<14} {score} without the samples that stand in the train split too")
    if state.best:
        value = metric_text(number(state.best.get("value")))
        epoch = number_text(state.best.get("epoch"))
        lines.append(f"  best           {printable(state.best.get('monitor'))} {value} at epoch {epoch}")
    lines.append(f"  files          {printable(run.paths.folder)}")
    if run.status == "stopped":
        lines.append(f"  to go on       engine train --resume {run.id}")
    return lines


def _scores(metrics: dict[str, Any], monitor: str) -> list[str]:
    """The test scores that are told: the accuracy, and what the run was watched by."""
    watched = f"test/{monitor.rpartition('/')[2]}"
    telling = [f"test/{score}" for score in ("cer", "bits_per_character", "rmse", "r2")]
    first = next((key for key in telling if key in metrics), "test/accuracy")
    return [key for key in dict.fromkeys((first, "test/accuracy", watched)) if key in metrics]


def _baseline(run: Run, metrics: dict[str, Any]) -> str:
    if "test/majority" not in metrics:
        return ""
    try:
        name = read_json(run.paths.data)["majority"]["class"]
    except (OSError, ValueError, KeyError, TypeError):
        name = "the largest class"
    return f"  (always answering {printable(name)}: {metric_text(number(metrics['test/majority']))})"


def _tell_failure(run: Run) -> None:
    cause = run.state.cause or "; ".join(run.problems) or "its process is gone, and nobody saw it go"
    lines = [f"engine: {run.id} {run.status}: {printable_lines(cause)}"]
    lines += [f"  {printable(line)}" for line in _hint(run).splitlines()]
    tail = _log_tail(run)
    if tail:
        lines += [f"  last lines of {printable(run.paths.log)}:", *(f"    {line}" for line in tail)]
    sys.stdout.flush()
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _hint(run: Run) -> str:
    if run.status == "lost":
        return f"engine train --resume {run.id} goes on from its last checkpoint"
    try:
        return str(read_json(run.paths.control / "failure.json").get("hint") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _log_tail(run: Run) -> list[str]:
    try:
        with open(run.paths.log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            content = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    said = content.partition("Traceback (most recent call last)")[0].partition("Fatal Python error")[0]
    return [line for line in printable_lines(said).splitlines() if line.strip()][-_LOG_LINES:]
