"""What the launch dialog does behind its inputs, without Textual: checking, the headless command, launching."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, RunError, UsageError
from tui.data_reader import engine_command, engine_environment

if TYPE_CHECKING:
    from engine.devices import Device
    from engine.experiments import ExperimentFile
    from engine.settings import Settings
    from tui.store import Store


@dataclass(frozen=True)
class Order:
    """What a person asks the dialog for."""

    experiment: str
    overrides: tuple[str, ...] = ()
    """`key=value` each."""
    device: str | None = None
    """None leaves it to the settings."""
    seeds: int | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    parent: str | None = None
    """`e0042:best` where the run goes on from a checkpoint; then `base` and `folder` are those of that run."""
    base: Settings | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Checked:
    """What an order comes to."""

    order: Order
    settings: tuple[Settings, ...] = ()
    """Of each run it makes; empty when it cannot be carried out."""
    error: EngineError | None = None
    was: dict[str, Any] = field(default_factory=dict)
    """The experiment's own value of each key that the order changes."""
    completions: tuple[tuple[str, str], ...] = ()
    """What the setting being typed may become."""
    many: int = 1
    """How many runs it makes; of very many only those are in `settings` that show each value once."""


@dataclass(frozen=True)
class Launched:
    """What was started."""

    run: str = ""
    """The run's id; empty where there are several."""
    runs: int = 1
    words: str = ""


def check(file: ExperimentFile, order: Order, typed: str = "", most: int = 6) -> Checked:
    """Resolve an order; with `typed`, also what that may become.

    Args:
        typed: the setting being typed; it counts among the overrides once it holds an `=` and a value.
        most: completions wanted.
    """
    from engine.experiments import apply_overrides, completions, expand, flatten, resolve
    from engine.resolving import MANY_RUNS, count_runs, first_values

    pending = (typed.strip(),) if _complete(typed) else ()
    found: tuple[tuple[str, str], ...] = ()
    own: dict[str, Any] = {}
    many = 1
    try:
        base = resolve(file, order.experiment) if order.base is None else order.base
        own = flatten(base)
        if typed.strip() and not pending:
            settings_now = _base(file, order, base)
            near = completions(settings_now, typed.strip(), file.folder)
            if not near:  # `lr` finds optimizer.lr too
                near = [pair for pair in completions(settings_now, "", file.folder) if typed.strip() in pair[0]]
            found = tuple(near[:most])
        overrides = (*order.overrides, *pending)
        if order.base is None:
            many = count_runs(file, order.experiment, overrides, order.seeds)
            settings = (
                expand(file, order.experiment, overrides, order.seeds)
                if many <= MANY_RUNS
                else first_values(file, order.experiment, overrides)
            )
        else:
            settings = [apply_overrides(base, overrides, order.folder or file.folder)]
    except EngineError as error:
        return Checked(order, error=error, was=own, completions=found)
    return Checked(order, tuple(settings), was=own, completions=found, many=max(many, len(settings)))


def _complete(typed: str) -> bool:
    key, equals, value = typed.partition("=")
    return bool(key.strip() and equals and value.strip())


def _base(file: ExperimentFile, order: Order, base: Settings) -> Settings:
    """The settings that completions are for: with what is changed already, where that is sound."""
    from engine.experiments import apply_overrides, resolve

    if not order.overrides:
        return base
    with contextlib.suppress(EngineError):
        if order.base is not None:
            return apply_overrides(base, order.overrides, order.folder or file.folder)
        return resolve(file, order.experiment, order.overrides)
    return base


def words(store: Store, order: Order) -> list[str]:
    """The arguments after `engine` of the command that does the same."""
    usual = (store.cwd / store.root).absolute() == (store.cwd / "runs").absolute()
    given = [] if usual else ["--runs", str(store.root)]
    if store.file is not None:
        given += ["--file", str(store.file)]
    given += ["train", "--from", order.parent] if order.parent else ["train", order.experiment]
    for override in order.overrides:
        given += ["-s", override]
    if order.device is not None:
        given += ["--device", order.device]
    if order.seeds is not None and order.parent is None:
        given += ["--seeds", str(order.seeds)]
    if order.note:
        given += ["--note", order.note]
    for tag in order.tags:
        given += ["--tag", tag]
    return given


def command_line(store: Store, order: Order) -> str:
    """The headless command that does the same, quoted for a shell."""
    return shlex.join(["engine", *words(store, order)])


def carry_out(store: Store, file: ExperimentFile, order: Order) -> Launched:
    """Launch what the order asks for; several runs go through a process that starts them one after another.

    Raises:
        EngineError: it cannot be launched: settings, device, disk.
    """
    from engine.resolving import MANY_RUNS

    checked = check(file, order)
    if checked.error is not None:
        raise checked.error
    if checked.many > MANY_RUNS:
        raise UsageError(
            f"{order.experiment} makes {checked.many:,} runs",
            hint=f"in a shell: {command_line(store, order)} asks, and begins them",
        )
    if len(checked.settings) > 1:
        return _start_group(store, order, len(checked.settings))
    from engine.launch import LaunchRequest, launch

    request = LaunchRequest(
        experiment=order.experiment,
        settings=checked.settings[0],
        folder=order.folder or file.folder,
        parent=order.parent,
        device=order.device,
        note=order.note,
        tags=order.tags,
    )
    paths = launch(store.runs, request)
    return Launched(paths.id, 1, f"{paths.id} launched")


def _start_group(store: Store, order: Order, runs: int) -> Launched:
    command = engine_command(*words(store, order), "--detach")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=store.cwd,
            env=engine_environment(),
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"the {runs} runs could not be started: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise RunError(lines[0].removeprefix("engine: "), hint=" ".join(lines[1:4]))
    return Launched("", runs, f"{runs} runs launched, one after another")


def default_device(devices: Sequence[Device], wanted: str) -> int:
    """The index of the device that `wanted` (a setting's value) comes to; the first free one when it is taken."""
    for index, device in enumerate(devices):
        if wanted in (device.name, device.uuid):
            return index
    free = [i for i, device in enumerate(devices) if device.free and device.kind != "cpu"]
    if free:
        return max(free, key=lambda i: (devices[i].memory_total or 0) - (devices[i].memory_used or 0))
    return next((i for i, device in enumerate(devices) if device.free), 0)
