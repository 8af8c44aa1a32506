"""Verbs about this machine and this program: devices, doctor, schema, completion."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, json_option, table_options, verb
from engine.cli.output import Cell, Column, note, paint, say, say_csv, say_json, say_table, size_text
from engine.errors import EngineError
from engine.text import printable

if TYPE_CHECKING:
    from engine.devices import Device


@verb("devices")
@click.option("--watch", is_flag=True, help="Look again every two seconds, until ctrl+c.")
@click.option("--interval", type=click.FloatRange(0.2), default=2.0, metavar="SECONDS", help="How often to look.")
@table_options
def devices_(place: Place, watch: bool, interval: float, as_json: bool, as_csv: bool) -> None:
    """The CPU and the GPUs: how busy, and free or held by whom."""
    from engine.devices import devices

    while True:
        found = devices()
        if watch and sys.stdout.isatty() and not (as_json or as_csv):
            sys.stdout.write("\x1b[H\x1b[2J")
        _say_devices(found, as_json, as_csv)
        if not watch:
            return
        sys.stdout.flush()
        time.sleep(interval)


def _say_devices(found: list[Device], as_json: bool, as_csv: bool) -> None:
    from engine.devices import problem
    from engine.jsonio import plain

    if as_json:
        say_json(found)
        return
    if as_csv:
        keys = ["name", "title", "free", "why", "utilization", "memory_used", "memory_total", "uuid"]
        say_csv(keys, [plain(device) for device in found])
        return
    columns = [
        Column("device"), Column("title", "is", least=12), Column("free"), Column("busy", right=True),
        Column("memory", right=True), Column("temperature", " ", right=True), Column("power", " ", right=True),
        Column("processes", "held by", least=12),
    ]  # fmt: skip
    say_table(columns, [_device_line(device) for device in found])
    if trouble := problem():
        note(f"engine: {printable(trouble)}")


def _device_line(device: Device) -> list[Cell]:
    memory = f"{size_text(device.memory_used)} of {size_text(device.memory_total)}" if device.memory_total else ""
    return [
        device.name,
        device.title,
        ("free", "green") if device.free else ("taken", "yellow"),
        "" if device.utilization is None else f"{device.utilization:.0f} %",
        memory,
        "" if device.temperature is None else f"{device.temperature:.0f} °C",
        "" if device.power is None else f"{device.power:.0f} W",
        device.why or ", ".join(_process(process) for process in device.processes),
    ]


def _process(process: dict[str, Any]) -> str:
    who = process.get("run") or process.get("name") or f"process {process.get('pid')}"
    return f"{who} ({process['user']})" if process.get("user") else str(who)


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
