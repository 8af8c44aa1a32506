"""Several runs of one experiment, matrix times seeds: trained in order, told as one group."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.common import Place
from engine.cli.follow import Follower, Interrupts, LostTerminal
from engine.cli.outcome import exit_code, introduce, result, tell_end, warn_of_disk
from engine.cli.output import metric_text, note, say, say_json
from engine.errors import EngineError
from engine.jsonio import number
from engine.runs import Run, load_run

if TYPE_CHECKING:
    from engine.launch import LaunchRequest

_FIRST_RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Group:
    """Runs to be made under one name."""

    id: str
    requests: Sequence[LaunchRequest]


def new_group_id(experiment: str) -> str:
    """A name for a group, unlike that of any other."""
    return f"{experiment}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid() % 1000:03d}"


def launch_all(place: Place, group: Group, as_json: bool) -> int:
    """Train the runs of a group one after the other; returns the exit code: 1 if any failed, 130 if stopped."""
    ended: list[Run] = []
    warn_of_disk(place.root)
    with Interrupts() as interrupts:
        for position, request in enumerate(group.requests):
            if interrupts.count:
                break
            ended.append(_train(place, group, replace(request, group=group.id), position, interrupts, as_json))
            if as_json:
                say_json(result(ended[-1]))
    summary = summarise(group, ended)
    if as_json:
        say_json(summary)
    else:
        _say_summary(summary)
    if interrupts.count:
        return 130
    return 1 if any(exit_code(run) not in (0, 130) for run in ended) else max(map(exit_code, ended), default=0)


def _train(
    place: Place, group: Group, request: LaunchRequest, position: int, interrupts: Interrupts, as_json: bool
) -> Run:
    from engine.launch import launch

    run = load_run(launch(place.runs, request))
    stream = sys.stderr if as_json else sys.stdout
    bar = sys.stderr.isatty() and (as_json or sys.stdout.isatty()) and os.environ.get("TERM") != "dumb"
    try:
        stream.write(f"{position + 1} of {len(group.requests)}: ")
        introduce(run, request.device or request.settings.device, stream)
        run = Follower(run.paths, interrupts, stream, bar=bar).follow()
        tell_end(run, stream)
    except LostTerminal:
        # nobody looks any more, but the other runs of the group are still to be started
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        interrupts.hung_up = False
        run = Follower(run.paths, interrupts, sys.stderr, bar=False).follow()
    return run


def summarise(group: Group, ended: Sequence[Run]) -> dict[str, Any]:
    """The group's line of `--json`: mean and deviation of the metrics over the finished runs."""
    import statistics

    finished = [run for run in ended if run.status == "finished"]
    values: dict[str, list[float]] = {}
    for run in finished:
        for key, value in run.state.metrics.items():
            values.setdefault(key, []).append(number(value))
    shared = {key: found for key, found in values.items() if len(found) == len(finished)}
    complete = len(finished) == len(group.requests)
    return {
        "group": group.id,
        "state": "finished" if complete else next((r.status for r in ended if r.status != "finished"), "stopped"),
        "runs": [run.id for run in ended],
        "finished": len(finished),
        "planned": len(group.requests),
        "metrics": {key: statistics.fmean(found) for key, found in shared.items()},
        "deviation": {key: statistics.stdev(found) for key, found in shared.items() if len(found) > 1},
        "seconds": sum(run.state.seconds for run in ended),
    }


_TOLD = ("accuracy", "macro_f1", "cer", "bits_per_character", "rmse", "r2")


def _say_summary(summary: dict[str, Any]) -> None:
    say(f"{summary['group']}: {summary['finished']} of {summary['planned']} runs finished")
    for key in (f"{split}/{score}" for split in ("test", "val") for score in _TOLD):
        if key in summary["metrics"]:
            deviation = summary["deviation"].get(key)
            spread = f" ± {metric_text(deviation)}" if deviation is not None else ""
            say(f"  {key}  {metric_text(summary['metrics'][key])}{spread}")


def start_group(place: Place, group: str, planned: int, as_json: bool) -> None:
    """Have a process of its own train the group in order; returns when its first run exists.

    Raises:
        EngineError: it could not start the first run; with the exit code of the reason.
    """
    words = [word for word in place.words if word not in ("--detach", "--json")]
    log = place.runs.own / "groups" / f"{group}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.cli", *words, "--group", group],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    first = _first_run(place, group, child, log)
    child.returncode = 0  # it goes on by itself: nothing to reap, nothing to warn of
    note(f"{planned} runs in order, as the group {group}")
    if as_json:
        say_json({"group": group, "run": first, "state": "running", "planned": planned})
    else:
        say(first or group)


def _first_run(place: Place, group: str, child: subprocess.Popen[bytes], log: Path) -> str | None:
    """The first run of a group, once it exists."""
    deadline = time.monotonic() + _FIRST_RUN_SECONDS
    while time.monotonic() < deadline:
        code = child.poll()
        place.index.refresh(full=True)
        first = next((row.run for row in place.rows() if row.group == group), None)
        if first is not None:
            return first
        if code is not None:
            message, _, hint = log.read_text(errors="replace").strip().removeprefix("engine: ").partition("\n  ")
            log.unlink()
            error = EngineError(message or "the group's process ended", hint=hint)
            error.exit_code = code or 1
            raise error
        time.sleep(0.05)
    return None
