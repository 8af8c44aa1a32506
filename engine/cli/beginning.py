"""What all verbs that launch share: their options, following one run or several, and telling of the end."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engine.cli.common import Place, complete_settings, json_option
from engine.cli.group import Group, launch_all, new_group_id, start_group
from engine.cli.outcome import exit_code, follow_to_end, introduce, result, warn_of_disk
from engine.cli.output import note, say, say_json
from engine.errors import EngineError
from engine.runs import Run, RunPaths, load_run
from engine.text import printable

if TYPE_CHECKING:
    from engine.launch import LaunchRequest
    from engine.preferences import Notify

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class LaunchOptions:
    """What the options of everything that launches say."""

    overrides: tuple[str, ...] = ()
    device: str | None = None
    detach: bool = False
    text: str = ""
    tags: tuple[str, ...] = ()
    notify: bool = False
    notify_url: str = ""
    as_json: bool = False

    def told(self) -> Told:
        """Who is to be told of the end.

        Raises:
            EngineError: the settings or the URL are wrong, or there is nobody to tell.
        """
        return Told.asked(self.notify, self.notify_url, alone=self.detach)


def launch_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of everything that launches, as one argument `options`."""

    @functools.wraps(function)
    def gather(*arguments: Any, **given: Any) -> None:
        options = LaunchOptions(**{field.name: given.pop(field.name) for field in fields(LaunchOptions)})
        function(*arguments, **given, options=options)

    for option in (
        json_option,
        notify_options,
        click.option("--tag", "tags", multiple=True, metavar="T", help="Tag the run; may be given again."),
        click.option("--note", "text", default="", metavar="TEXT", help="Why you run it: goes into its journal entry."),
        click.option("--detach", is_flag=True, help="Print the run's id and return; it goes on by itself."),
        click.option("--device", metavar="DEVICE", help="auto, cpu, cuda:N or a GPU's UUID."),
        click.option("-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", shell_complete=complete_settings,
                     help="Change a setting: -s optimizer.lr=0.01; may be given again."),
    ):  # fmt: skip
        gather = option(gather)
    return gather


def notify_options(function: _F) -> _F:
    """--notify and --notify-url"""
    flag = click.option("--notify", is_flag=True, help="Tell of the end: bell, desktop, ntfy, webhook, as set.")
    url = click.option("--notify-url", default="", metavar="URL", help="Tell of the end by a POST to this webhook.")
    return flag(url(function))


@dataclass(frozen=True)
class Told:
    """Who is told of the end of a run, and how; nobody, unless it was asked for."""

    ways: Notify | None = None
    url: str = ""

    @classmethod
    def asked(cls, notify: bool, url: str, *, alone: bool) -> Told:
        """What the options ask for; with `alone` only what works when nobody looks.

        Raises:
            EngineError: the settings or the URL are wrong, or there is nobody to tell.
        """
        if not (notify or url):
            return cls()
        from engine.notices import ways_for

        return cls(ways_for(url, alone=alone), url)

    @property
    def request(self) -> str | None:
        """What the run's supervisor is to do."""
        return self.url if self.ways is not None and self.ways.posts else None

    def ask(self, paths: RunPaths) -> None:
        """Have the supervisor of a run that goes on tell of its end."""
        if self.request is not None:
            from engine.notices import ask_supervisor

            ask_supervisor(paths, self.request)

    def ring(self, run: Run) -> None:
        """Bell and desktop; the supervisor does the rest."""
        if self.ways is not None:
            from engine.notices import notice_of, ring

            ring(notice_of(run), self.ways, sys.stderr)

    def tell(self, run: Run) -> None:
        """Everything, but what the run's supervisor sends already; what fails is said, and changes nothing."""
        self.ring(run)
        if self.request is None or self.ways is None:
            return
        from engine.notices import notice_of, post, supervisor_tells

        if self.url or not supervisor_tells(run.paths):
            try:
                post(notice_of(run), self.ways)
            except EngineError as error:
                note(f"engine: warning: {printable(error.message)}")


def begin(
    ctx: click.Context,
    place: Place,
    requests: Sequence[LaunchRequest],
    group: str | None,
    options: LaunchOptions,
    told: Told,
) -> None:
    """Train what was asked for: one run, or several in order; ends this process with their exit code."""
    requests = [replace(request, notify=told.request) for request in requests]
    if len(requests) == 1 and group is None:
        _train_one(ctx, place, requests[0], options, told)
        return
    group = group or new_group_id(requests[0].experiment)
    if options.detach:
        start_group(place, group, len(requests), options.as_json)
    else:
        ctx.exit(launch_all(place, Group(group, requests), options.as_json))


def _train_one(ctx: click.Context, place: Place, request: LaunchRequest, options: LaunchOptions, told: Told) -> None:
    from engine.cli.follow import Interrupts
    from engine.launch import launch

    warn_of_disk(place.root)
    with Interrupts() as interrupts:
        paths = launch(place.runs, request)
        run = load_run(paths)
        spec = request.device or request.settings.device
        if options.detach:
            say_detached(run, spec, options.as_json)
            return
        introduce(run, spec, sys.stderr if options.as_json else sys.stdout)
        run = follow_to_end(run, interrupts, options.as_json)
        told.ring(run)
        ctx.exit(finish(run, interrupts.count, options.as_json))


def finish(run: Run, interrupts: int, as_json: bool) -> int:
    """Print the result as JSON where that is wanted; the exit code."""
    if as_json:
        say_json(result(run))
    return 130 if interrupts else exit_code(run)


def say_detached(run: Run, spec: str, as_json: bool) -> None:
    """Say that a run goes on by itself."""
    introduce(run, spec, sys.stderr)
    if as_json:
        say_json({"run": run.id, "state": run.status, "experiment": run.info.experiment,
                  "device": run.state.device, "folder": str(run.paths.folder)})  # fmt: skip
    else:
        say(run.id)
