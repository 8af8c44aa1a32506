"""The `engine` command: its verbs, each imported when it is called, and how its errors reach people."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from typing import Any

import click

from engine.cli.common import Place, place_options
from engine.cli.output import prepare_streams
from engine.errors import EngineError, nearest
from engine.text import printable

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Experiments": {
        "list": ("listing", "The experiments, their runs and best scores."),
        "show": ("show", "Settings, layers and data of an experiment or a run."),
        "data": ("evaluating", "Classes, balance, duplicates, rows of a data set."),
        "check": ("checking", "Are the settings right? Builds all and tries one batch."),
        "duplicate": ("repeating", "Write a run's settings as a new experiment."),
        "schema": ("box", "The JSON Schema of experiments.toml."),
    },
    "Train": {
        "train": ("training", "Train an experiment and follow it; or --detach."),
        "rerun": ("repeating", "Train runs again exactly, as new runs."),
        "stop": ("training", "Stop runs: each saves a checkpoint and ends."),
        "lr-find": ("rates", "Find a learning rate: a range test."),
        "checkpoint": ("training", "Have a run save a checkpoint now."),
        "wait": ("training", "Wait until runs have ended."),
        "devices": ("box", "GPUs and CPU: free, or held by whom."),
    },
    "Look": {
        "runs": ("runs", "The runs; filter with --where, order with --sort."),
        "views": ("runs", "The saved views of the runs."),
        "metrics": ("showing", "The points of a run's series."),
        "plot": ("plot", "Curves in the terminal."),
        "compare": ("comparing", "What differs between runs: settings, scores, classes, code."),
        "log": ("showing", "What a run printed; -f follows."),
        "checkpoints": ("showing", "The checkpoints of a run."),
        "evaluate": ("evaluating", "Score a checkpoint on a split."),
        "answers": ("looking", "What evaluations answered; classes most confused."),
        "predict": ("evaluating", "Let a run's model answer for given inputs."),
    },
    "Keep in order": {
        "mark": ("marking", "Star, tag, name or archive runs."),
        "note": ("marking", "Write into a run's journal entry."),
        "report": ("reporting", "Write a journal page of runs, with figures."),
        "journal": ("reporting", "Journal entries that span runs: list, begin."),
        "disk": ("space", "What runs take on the disk."),
        "prune": ("space", "Delete checkpoints but the best and the last."),
        "rm": ("marking", "Move runs to the trash."),
        "restore": ("marking", "Bring runs back from the trash, or list it."),
    },
    "This machine": {
        "doctor": ("box", "Is this box ready, and if not, why?"),
        "completion": ("box", "Print the shell's completion script."),
    },
}
VERBS = {verb: entry for section in SECTIONS.values() for verb, entry in section.items()}


class Verbs(click.Group):
    """A group that knows its verbs by name and imports one only to run it or to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"engine.cli.{VERBS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one may be meant."""
        if args[0] not in VERBS:
            if args[0].startswith("-"):
                ctx.fail(f"no such option: {args[0]}")
            raise click.UsageError(f"there is no verb {args[0]!r}; {_nearest_verb(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by section, without importing any."""
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(verb, text) for verb, (_, text) in verbs.items()], col_max=14)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Verbs and options that begin so."""
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(v, help=text) for v, (_, text) in VERBS.items() if v.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


def _nearest_verb(word: str) -> str:
    known = nearest(word, list(VERBS))
    return known if known.startswith("did") else "engine --help lists them"


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("dltui")
        except PackageNotFoundError:
            found = "(not installed)"
        click.echo(f"engine {found}, Python {sys.version.split()[0]}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False,
             invoke_without_command=True)  # fmt: skip
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Say which.")
@click.pass_context
def engine(ctx: click.Context) -> None:
    """Train, watch and compare deep-learning experiments without a terminal UI.

    `engine VERB --help` explains a verb. Results go to stdout, errors to stderr; lists take --json.
    Exit codes: 0 done, 1 failed, 2 usage or settings, 3 not found, 4 no device free, 130 stopped.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


engine.params.extend(place_options())


def main(arguments: list[str] | None = None) -> int:
    """Run the `engine` command.

    Args:
        arguments: the command line after `engine`; this process's own when absent.

    Returns:
        The exit code.
    """
    prepare_streams()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0
        _silence(sys.stdout)
    except KeyboardInterrupt:
        code = _interrupted()
    except OSError as error:
        code = _say_os_error(error, "standard output")
        _silence(sys.stdout)
    return code


def _run(arguments: list[str] | None) -> int:
    try:
        if "_ENGINE_COMPLETE" in os.environ:
            engine.main(arguments, prog_name="engine", obj=Place())
        # not through click's own main: it has its own idea of a closed pipe
        words = sys.argv[1:] if arguments is None else arguments
        with engine.make_context("engine", list(words), obj=Place(words)) as context:
            engine.invoke(context)
        return 0
    except click.UsageError as error:
        return _say(_usage_message(error), _usage_hint(error), 2)
    except click.ClickException as error:
        return _say(error.format_message(), "", 2)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except EngineError as error:
        return _say(error.message, error.hint, error.exit_code)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _say_os_error(error)
    except Exception as error:
        return _apologise(error)


def _usage_message(error: click.UsageError) -> str:
    message = error.format_message()
    return message[:1].lower() + message[1:].rstrip(".") if message[:2].istitle() or message[:1] == "N" else message


def _usage_hint(error: click.UsageError) -> str:
    context = error.ctx
    return f"{context.command_path} --help" if context else "engine --help"


def _interrupted() -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write("\n" if sys.stderr.isatty() else "")
    return 130


def _say(message: str, hint: str, code: int) -> int:
    from engine.cli.output import hint_lines

    lines = [printable(line) for line in message.splitlines() or [""]]
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("engine: " + "\n".join(lines + hint_lines(hint)) + "\n")
        sys.stderr.flush()
    return code


def _say_os_error(error: OSError, where: str = "") -> int:
    name = os.fsdecode(error.filename) if error.filename is not None else where
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space, or give another folder with --runs" if full and not where else ""
    return _say(f"{name}: {error.strerror or error}" if name else str(error.strerror or error), hint, 1)


def _silence(stream: Any) -> None:
    """Point a broken stream at nothing, so that the interpreter's last flush does not complain."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())


def _apologise(error: Exception) -> int:
    """Say in one line that this is our fault, and where the traceback lies."""
    import tempfile
    import traceback
    from pathlib import Path

    text = f"engine {' '.join(sys.argv[1:])}\n\n" + "".join(traceback.format_exception(error))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dltui"
    for folder in (cache, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"error-{os.getpid()}.txt"
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            return _say(f"sorry, this is a mistake in the program ({what}); its traceback is in {path}", "", 1)
    return _say(f"sorry, this is a mistake in the program ({type(error).__name__}: {error})", "", 1)
