"""Verbs about this machine and this program: devices, doctor, schema, completion."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from engine.cli.common import Place, json_option, table_options, verb
from engine.cli.output import paint, say, say_json
from engine.errors import EngineError
from engine.text import printable


@verb("devices")
@click.option("--watch", is_flag=True, help="Look again every two seconds, until ctrl+c.")
@click.option("--interval", type=click.FloatRange(0.2), default=2.0, metavar="SECONDS", help="How often to look.")
@table_options
def devices_(place: Place, watch: bool, interval: float, as_json: bool, as_csv: bool) -> None:
    """The CPU and the GPUs: how busy, free or held by whom; every process on them; the disk of the runs.

    With --watch on a pipe, a block each time; with --watch --json, an object a line.
    """
    from engine.cli.devices import Watch

    Watch(place.runs, place.index, as_json=as_json, as_csv=as_csv).show(interval if watch else None)


@verb("doctor")
@json_option
@click.pass_context
def doctor_(ctx: click.Context, place: Place, as_json: bool) -> None:
    """Is this box ready? Python, packages, GPUs and driver, disk, folders, terminal, editor; exit code 1 if not."""
    from engine.doctor import examine

    symbols = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}
    checks = []
    for check in examine(place.runs, place.explicit_file):
        checks.append(check)
        if as_json:
            continue
        symbol, colour = symbols[check.level]
        say(f"{paint(symbol, colour)} {check.name:<12} {printable(check.message)}")
        if check.hint:
            say(f"  {'':<12} {printable(check.hint)}")
        sys.stdout.flush()
    ready = all(check.level != "error" for check in checks)
    if as_json:
        say_json({"ready": ready, "checks": checks})
    ctx.exit(0 if ready else 1)


@verb("schema")
def schema_(place: Place) -> None:
    """The JSON Schema of experiments.toml, with which editors complete and check it."""
    from engine.schema import schema_text

    say(schema_text().rstrip("\n"))


@verb("completion")
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]), required=False)
def completion_(place: Place, shell: str | None) -> None:
    """Print the completion script of bash, zsh or fish (your $SHELL's without SHELL).

    For bash add to ~/.bashrc: eval "$(engine completion bash)"
    """
    from click.shell_completion import get_completion_class

    from engine.cli.main import engine

    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell)
    if kind is None:
        raise EngineError(f"no completion for the shell {shell!r}", hint="engine completion bash, zsh or fish")
    say(kind.source_template % kind(engine, {}, "engine", "_ENGINE_COMPLETE").source_vars())
