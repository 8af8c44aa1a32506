"""What all verbs share: where runs and experiments are, the options of listings, finding a run, completion."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engine.errors import NotFoundError, UsageError
from engine.runs import RUN_ID, Run, RunsFolder

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from engine.experiments import ExperimentFile
    from engine.index import Row, RunIndex

_F = TypeVar("_F", bound=Callable[..., Any])


class Place:
    """Where this call works: the runs folder and the experiments file, as --runs and --file say."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = words
        """The command line after `engine`."""
        self.root = Path("runs")
        self.explicit_file: Path | None = None

    @property
    def runs(self) -> RunsFolder:
        """The runs folder.

        Raises:
            UsageError: it is a file.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"--runs {self.root}: not a folder")
        return RunsFolder(self.root)

    @functools.cached_property
    def index(self) -> RunIndex:
        """The index of the runs, brought up to date."""
        from engine.index import RunIndex

        index = RunIndex(self.runs)
        index.refresh(full=True)
        return index

    def rows(self) -> list[Row]:
        """All runs, oldest first."""
        return self.index.rows()

    @functools.cached_property
    def experiments(self) -> ExperimentFile:
        """The experiments file in force: --file, ./experiments.toml or the packaged one."""
        from engine.experiments import find_file, load

        return load(find_file(self.explicit_file, Path.cwd()))

    @property
    def folder(self) -> Path:
        """Where the user's own modules and relative paths are looked for; the file itself need not be readable."""
        return Path.cwd() if self.explicit_file is None else (Path.cwd() / self.explicit_file).parent

    def find(self, text: str) -> Run:
        """The run that `text` names: an id (`e0007`, `e7`, `7`), `last`, or a name given with `engine mark --name`.

        Raises:
            NotFoundError: there is none.
            UsageError: several runs bear that name.
        """
        run_id = text
        if text == "last":
            run_id = next(reversed(self.runs.ids()), text)
        elif not RUN_ID.fullmatch(text):
            digits = text.removeprefix("e")
            number = digits if digits.isascii() and digits.isdigit() and len(digits) < 18 else ""
            run_id = f"e{int(number):04d}" if number else self._named(text)
        return self.runs.find(run_id)

    def _named(self, text: str) -> str:
        found = [row.run for row in self.rows() if row.name == text] if text else []
        if len(found) > 1:
            raise UsageError(f"{len(found)} runs are named {text!r}", hint=", ".join(found[:10]))
        return found[0] if found else text

    def find_all(self, texts: tuple[str, ...]) -> list[Run]:
        """Like `find`, for several, each run once."""
        runs = {run.id: run for run in map(self.find, texts)}
        return list(runs.values())

    def find_checkpoint(self, text: str) -> tuple[Run, str]:
        """The run and the checkpoint of `RUN[:CHECKPOINT]`; the best one when none is named.

        Raises:
            NotFoundError: there is no such run or checkpoint.
        """
        name, _, checkpoint = text.partition(":")
        return self.find(name), checkpoint or "best"


def _set_root(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        if not value:
            raise click.BadParameter("the folder's name is empty", ctx, param_hint="--runs")
        ctx.obj.root = Path(value)


def _set_file(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        if not value:
            raise click.BadParameter("the file's name is empty", ctx, param_hint="--file")
        ctx.obj.explicit_file = Path(value)


def place_options() -> list[click.Option]:
    """--runs and --file, which stand before the verb or after it."""
    shared: dict[str, Any] = {"type": click.Path(), "expose_value": False, "is_eager": True}
    runs = click.Option(
        ["--runs", "runs_folder"], metavar="DIR", callback=_set_root, help="The runs folder (./runs).", **shared
    )
    help_ = "The experiments file (./experiments.toml, else the packaged one)."
    file = click.Option(["--file", "experiments_file"], metavar="FILE", callback=_set_file, help=help_, **shared)
    return [runs, file]


class Verb(click.Command):
    """A verb: a click command that takes --runs and --file too."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.params.extend(place_options())


def verb(name: str, **named: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function that takes a `Place` first a verb."""

    def decorate(function: Callable[..., Any]) -> Verb:
        return click.command(name, cls=Verb, **named)(click.pass_obj(function))

    return decorate


def json_option(function: _F) -> _F:
    """--json"""
    return click.option("--json", "as_json", is_flag=True, help="As JSON.")(function)


def table_options(function: _F) -> _F:
    """--json and --csv"""
    return json_option(click.option("--csv", "as_csv", is_flag=True, help="As CSV.")(function))


def _complete_runs(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    place = _completing_place(ctx)
    rows = [row for row in reversed(place.rows()) if row.run.startswith(incomplete)]
    return [CompletionItem(row.run, help=f"{row.experiment} {row.state}") for row in rows[:100]]


def _complete_trashed(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    place = _completing_place(ctx)
    return [CompletionItem(run_id) for run_id in reversed(place.runs.trashed()) if run_id.startswith(incomplete)]


def _complete_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    found = _completing_place(ctx).experiments.experiments.values()
    return [CompletionItem(e.name, help=e.settings.description) for e in found if e.name.startswith(incomplete)]


def _complete_either(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _complete_names(ctx, parameter, incomplete) + _complete_runs(ctx, parameter, incomplete)


def _complete_settings(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Dotted keys of the experiment named on the line."""
    from click.shell_completion import CompletionItem

    from engine.completion import completions

    place = _completing_place(ctx)
    # a line that ends in -s cannot be parsed yet, so the words themselves are looked through
    words = [str(ctx.params.get("name")), *os.environ.get("COMP_WORDS", "").split()]
    known = place.experiments.experiments
    name = next((word for word in words if word in known), None)
    if name is None:
        return []
    found = completions(known[name].settings, incomplete, place.experiments.folder)
    return [CompletionItem(key if "=" in key else f"{key}=", help=hint) for key, hint in found]


def _completing_place(ctx: click.Context) -> Place:
    place = ctx.obj
    return place if isinstance(place, Place) else Place()


def _quietly(complete: Callable[..., list[CompletionItem]]) -> Callable[..., list[CompletionItem]]:
    """A shell that completes must not be shown errors."""

    @functools.wraps(complete)
    def wrapper(*arguments: Any) -> list[CompletionItem]:
        from engine.errors import EngineError

        try:
            return complete(*arguments)
        except (EngineError, OSError):
            return []

    return wrapper


complete_runs = _quietly(_complete_runs)
complete_trashed = _quietly(_complete_trashed)
complete_names = _quietly(_complete_names)
complete_either = _quietly(_complete_either)
complete_settings = _quietly(_complete_settings)

run_argument = click.argument("run", metavar="RUN", shell_complete=complete_runs)
runs_argument = click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_runs)
checkpoint_argument = click.argument("run", metavar="RUN[:CHECKPOINT]", shell_complete=complete_runs)


def missing(what: str, place: Place) -> NotFoundError:
    """The error for a name that is neither an experiment nor a run."""
    from engine.errors import nearest

    known = [*place.experiments.experiments, *place.runs.ids()[-200:]]
    return NotFoundError(f"no experiment or run {what!r}", hint=nearest(what, known))
