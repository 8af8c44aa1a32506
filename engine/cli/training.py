"""Verbs that start, stop and wait for training: train, stop, checkpoint, wait."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.beginning import LaunchOptions, Told, begin, finish, launch_options, notify_options, say_detached
from engine.cli.common import (
    Place,
    complete_names,
    complete_runs,
    json_option,
    run_argument,
    runs_argument,
    verb,
)
from engine.cli.outcome import exit_code, follow_to_end, introduce, result
from engine.cli.output import say, say_json
from engine.errors import RunError, UsageError
from engine.runs import ENDED, RUN_ID, Run, load_run, read_events
from engine.text import printable

if TYPE_CHECKING:
    from engine.launch import LaunchRequest
    from engine.settings import Settings


@verb("train")
@click.argument("name", metavar="NAME", required=False, shell_complete=complete_names)
@click.option("--from", "parent", metavar="RUN[:CHECKPOINT]", shell_complete=complete_runs,
              help="Continue a checkpoint (the last) in a new run; of an experiment: its newest run's.")  # fmt: skip
@click.option("--resume", "resumed", metavar="RUN", shell_complete=complete_runs, help="Go on with a run that ended.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="N runs, each with the next seed.")
@click.option("--pdb", "debugger", is_flag=True, help="Train in this process; where it fails, open Python's debugger.")
@click.option("--yes", "sure", is_flag=True, help="Begin any number of runs without asking.")
@click.option("--group", hidden=True)
@launch_options
@click.pass_context
def train_(
    ctx: click.Context,
    place: Place,
    name: str | None,
    parent: str | None,
    resumed: str | None,
    seeds: int | None,
    debugger: bool,
    sure: bool,
    group: str | None,
    options: LaunchOptions,
) -> None:
    """Train an experiment and follow it.

    The run is a process of its own: losing the terminal only stops following. Ctrl+c stops the run after a checkpoint,
    a second ctrl+c at once. With --json the last line of stdout is the result.
    """
    told = options.told()
    if resumed is not None:
        if parent or seeds or options.text or options.tags:
            raise UsageError("--resume goes on with a run as it is", hint="it takes NAME, -s train.epochs=N, --device")
        _resume(ctx, place, name, resumed, options, told)
        return
    requests = _requests(place, name, parent, seeds, options, sure or group is not None)
    if debugger:
        ctx.exit(_debug(place, requests, options.detach))
    begin(ctx, place, requests, group, options, told)


def _debug(place: Place, requests: list[LaunchRequest], detach: bool) -> int:
    if len(requests) > 1 or detach:
        raise UsageError(
            "--pdb debugs one run, in this terminal", hint="-s KEY=VALUE picks one of several; no --detach"
        )
    from engine.debugging import train_here

    run, code = train_here(place.runs, requests[0])
    say(f"{run} {load_run(place.find(run).paths).status}")
    return code


def _requests(
    place: Place, name: str | None, parent: str | None, seeds: int | None, options: LaunchOptions, sure: bool
) -> list[LaunchRequest]:
    from engine.experiments import apply_overrides, expand, settings_from_run
    from engine.resolving import count_runs

    reference = None
    if parent is not None:
        origin, reference = _origin(place, parent)
        if name is None:
            folder = Path(origin.info.folder or ".")
            settings = [apply_overrides(settings_from_run(origin.info), options.overrides, folder)]
            return [_request(origin.info.experiment, s, folder, options, reference) for s in settings]
    if name is None:
        known = ", ".join(list(place.experiments.experiments)[:8])
        raise UsageError("name the experiment to train", hint=f"engine list shows them: {known}, …")
    if RUN_ID.fullmatch(name) and name not in place.experiments.experiments:
        raise UsageError(
            f"{name} is a run", hint=f"engine train --resume {name} goes on with it; engine rerun {name} repeats it"
        )
    file = place.experiments
    if not sure:
        _ask(name, count_runs(file, name, options.overrides, seeds))
    found = expand(file, name, options.overrides, seeds)
    return [_request(name, settings, file.folder, options, reference) for settings in found]


def _request(
    name: str, settings: Settings, folder: Path, options: LaunchOptions, reference: str | None
) -> LaunchRequest:
    from engine.launch import LaunchRequest

    return LaunchRequest(name, settings, folder, options.device, options.text, options.tags, reference)


def _ask(name: str, runs: int) -> None:
    """Make sure that so many runs are meant.

    Raises:
        UsageError: they are not, or there is nobody to ask.
    """
    from engine.resolving import MANY_RUNS

    if runs <= MANY_RUNS:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{printable(name)} makes {runs:,} runs", hint="--yes begins them without asking")
    if not click.confirm(f"{printable(name)} makes {runs:,} runs, one after the other. Begin?", err=True):
        raise UsageError("nothing was begun", hint="a shorter matrix, or -s KEY=VALUE for one of its keys, makes fewer")


def _origin(place: Place, text: str) -> tuple[Run, str]:
    from engine.checkpoints import find_checkpoint, parse_reference

    name, checkpoint = parse_reference(text)
    run = place.find(_newest_of(place, name) or name)
    find_checkpoint(run.paths, checkpoint)
    return run, f"{run.id}:{checkpoint}"


def _newest_of(place: Place, experiment: str) -> str | None:
    """The newest finished run of an experiment, unless a run bears that name itself."""
    rows = place.rows()
    if any(row.name == experiment for row in rows):
        return None
    return next((row.run for row in reversed(rows) if (row.experiment, row.state) == (experiment, "finished")), None)


def _resume(
    ctx: click.Context,
    place: Place,
    name: str | None,
    resumed: str,
    options: LaunchOptions,
    notices: Told,
) -> None:
    from engine.cli.follow import Interrupts
    from engine.index import touch
    from engine.resume import resume

    run = place.find(resumed)
    if name is not None and name != run.info.experiment:
        raise UsageError(
            f"{run.id} is a run of {run.info.experiment!r}, not of {name!r}", hint=f"engine train --resume {run.id}"
        )
    told = run.paths.events.stat().st_size if run.paths.events.exists() else 0
    with Interrupts() as interrupts:
        paths = resume(place.runs, run.id, options.overrides, device=options.device)
        touch(place.runs, run.id)
        notices.ask(paths)
        run = load_run(paths)
        if options.detach:
            say_detached(run, options.device or "", options.as_json)
            return
        introduce(run, options.device or "", sys.stderr if options.as_json else sys.stdout)
        run = follow_to_end(run, interrupts, options.as_json, told)
        notices.ring(run)
        ctx.exit(finish(run, interrupts.count, options.as_json))


@verb("stop")
@runs_argument
@click.option("--now", is_flag=True, help="End it where it stands, without a checkpoint.")
@click.option("--wait", "waiting", is_flag=True, help="Return when it has ended.")
def stop_(place: Place, runs: tuple[str, ...], now: bool, waiting: bool) -> None:
    """Stop runs: each saves a checkpoint and ends; engine train --resume goes on with it."""
    from engine.cli.marking import each_failure
    from engine.control import stop
    from engine.launch import wait

    with each_failure() as failures:
        for run in place.find_all(runs):
            with failures.collect():
                stop(run, now=now)
                if not waiting:
                    say(f"{run.id} is asked to stop" if not now else f"{run.id} is ended")
    if waiting and not failures.found:
        for run in place.find_all(runs):
            say(f"{run.id} {wait(run.paths).status}")


@verb("checkpoint")
@run_argument
@click.option("--timeout", type=float, default=60.0, show_default=True, metavar="SECONDS", help="Wait so long for it.")
@json_option
def checkpoint_(place: Place, run: str, timeout: float, as_json: bool) -> None:
    """Have a running run save a checkpoint now, and go on."""
    from engine.control import request_checkpoint

    found = place.find(run)
    _, offset = read_events(found.paths)
    request_checkpoint(found)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        status = load_run(found.paths).status
        events, offset = read_events(found.paths, offset)
        saved = next((event for event in events if event.get("event") == "checkpoint"), None)
        if saved is not None:
            if as_json:
                say_json({"run": found.id, **{key: saved.get(key) for key in ("name", "epoch", "step", "metrics")}})
            else:
                say(f"{found.id}: saved {printable(saved.get('name'))} at step {printable(saved.get('step'))}")
            return
        if status in ENDED:
            raise RunError(f"{found.id} {status} before it saved a checkpoint")
        time.sleep(0.05)
    raise RunError(
        f"{found.id} has not saved a checkpoint within {timeout:g} s", hint="it does so after its present step"
    )


@verb("wait")
@runs_argument
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up after so long, with exit code 1.")
@notify_options
@json_option
@click.pass_context
def wait_(
    ctx: click.Context,
    place: Place,
    runs: tuple[str, ...],
    timeout: float | None,
    notify: bool,
    notify_url: str,
    as_json: bool,
) -> None:
    """Wait until runs have ended; exit code 1 if one failed, 130 if one was stopped."""
    from engine.launch import wait

    told = Told.asked(notify, notify_url, alone=False)
    deadline = None if timeout is None else time.monotonic() + timeout
    ended = []
    for run in place.find_all(runs):
        done = wait(run.paths, None if deadline is None else max(0.0, deadline - time.monotonic()))
        if done.status not in ENDED:
            raise RunError(f"{done.id} is still {done.status} after {timeout:g} s")
        ended.append(done)
        told.tell(done)
        if not as_json:
            say(f"{done.id} {done.status}" + (f": {printable(done.state.cause)}" if done.state.cause else ""))
    if as_json:
        say_json([result(run) for run in ended])
    codes = [exit_code(run) for run in ended]
    ctx.exit(1 if any(code not in (0, 130) for code in codes) else max(codes))
