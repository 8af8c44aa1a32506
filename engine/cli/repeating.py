"""Verbs that take a run as a pattern: rerun, duplicate."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.beginning import LaunchOptions, begin, launch_options
from engine.cli.common import Place, json_option, run_argument, runs_argument, verb
from engine.cli.output import note, say, say_json
from engine.text import printable


@verb("rerun")
@runs_argument
@click.option("--group", hidden=True)
@launch_options
@click.pass_context
def rerun_(
    ctx: click.Context,
    place: Place,
    runs: tuple[str, ...],
    group: str | None,
    options: LaunchOptions,
) -> None:
    """Train runs again exactly, as new runs: same settings, seed, data and beginning; -s changes some after all.

    What is not as it was then (commit, uncommitted changes, data, versions) is said on stderr. Several runs are trained
    in order, as one group.
    """
    from engine.rerun import differences, rerun_request

    told = options.told()
    requests = []
    for origin in place.find_all(runs):
        request = rerun_request(origin, options.overrides, device=options.device, note=options.text, tags=options.tags)
        for difference in differences(origin, request, place.root):
            note(f"engine: warning: {printable(difference)}")
        requests.append(request)
    begin(ctx, place, requests, group, options, told)


@verb("duplicate")
@run_argument
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def duplicate_(place: Place, run: str, name: str | None, as_json: bool) -> None:
    """Write a run's settings as a new experiment at the end of experiments.toml, to be edited there."""
    from engine.duplicate import duplicate, free_name

    origin = place.find(run)
    name = name or free_name(place.experiments, origin.info.experiment)
    path = duplicate(place.experiments, origin, name, Path.cwd())
    if as_json:
        say_json({"experiment": name, "file": str(path), "run": origin.id})
    else:
        say(f"{name} is in {path}; engine train {name} runs it")
