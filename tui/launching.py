"""What the launch dialog does behind its inputs, without Textual: checking, the headless command, launching."""

from __future__ import annotations

import contextlib
import dataclasses
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
    from engine.run import Run
    from engine.runs import RunsFolder
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
    rerun: str | None = None
    """The run that is run again; `base` and `folder` are those of that run."""


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
    origin: str = ""
    """What is taken over from the checkpoint that it goes on from."""


@dataclass(frozen=True)
class Launched:
    """What was started."""

    run: str = ""
    """The run's id; empty where there are several."""
    runs: int = 1
    words: str = ""


def check(
    file: ExperimentFile, order: Order, typed: str = "", most: int = 6, *, runs: RunsFolder | None = None
) -> Checked:
    """Resolve an order; with `typed`, also what that may become.

    Args:
        typed: the setting being typed; it counts among the overrides once it holds an `=` and a value.
        most: completions wanted.
        runs: where the checkpoint lies that the order goes on from.
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
    origin = taken_over(runs, order.parent, settings[0], overrides) if runs and order.parent else ""
    return Checked(order, tuple(settings), was=own, completions=found, many=max(many, len(settings)), origin=origin)


def taken_over(runs: RunsFolder, reference: str, settings: Settings, overrides: Sequence[str]) -> str:
    """Where a run begins that goes on from a checkpoint, and with which learning rate; empty where that is unknown."""
    from engine.checkpoints import find_checkpoint, parse_reference
    from engine.jsonio import number, read_json

    run_id, name = parse_reference(reference)
    try:
        info = find_checkpoint(runs.find(run_id).paths, name)
        rate = number(read_json(info.folder / "checkpoint.json")["loop"]["lr"])
    except (EngineError, OSError, ValueError, KeyError, TypeError):
        return ""
    end = settings.train.epochs
    until = f" of {end:g}" if end else ""
    begin = f"begins at epoch {info.epoch:g}{until}, with the weights and the optimizer's state of {reference}"
    if end and info.epoch >= end:
        return f"{reference} has reached train.epochs = {end:g} already: change it to a larger number"
    if any(change.startswith(("optimizer.lr", "scheduler", "optimizer.name")) for change in overrides):
        return begin
    return f"{begin}, learning rate {rate:.4g}{_end_of_schedule(runs.find(run_id), settings)}"


def _end_of_schedule(parent: Run, settings: Settings) -> str:
    """That the schedule that is taken over, fitted to the parent's length, is over before the new run is."""
    fitted = (parent.info.settings.get("train") or {}).get("epochs")
    end = settings.train.epochs
    if not (isinstance(fitted, (int, float)) and end and end > fitted and is_fitted(settings.scheduler)):
        return ""
    return (
        f"; its schedule was fitted to {fitted:g} epochs, and from there on the rate stays as it is then: "
        "with init_from instead a run has a schedule of its own"
    )


def is_fitted(scheduler: object) -> bool:
    """Whether the settings of a scheduler leave its length to the run's."""
    return isinstance(scheduler, dict) and ("auto" in scheduler.values() or scheduler.get("name") == "OneCycleLR")


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
    given = _place(store)
    if order.rerun:
        given += ["rerun", order.rerun]
    else:
        given += ["train", "--from", order.parent] if order.parent else ["train", order.experiment]
    for override in order.overrides:
        given += ["-s", override]
    if order.device is not None:
        given += ["--device", order.device]
    if order.seeds is not None and order.base is None:
        given += ["--seeds", str(order.seeds)]
    if order.note:
        given += ["--note", order.note]
    for tag in order.tags:
        given += ["--tag", tag]
    return given


def _place(store: Store) -> list[str]:
    usual = (store.cwd / store.root).absolute() == (store.cwd / "runs").absolute()
    given = [] if usual else ["--runs", str(store.root)]
    return given if store.file is None else [*given, "--file", str(store.file)]


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
    from engine.notices import asked_by_settings

    if order.rerun is not None:
        return _run_again(store, order)
    request = LaunchRequest(
        notify=asked_by_settings(),
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


def _run_again(store: Store, order: Order) -> Launched:
    from engine.launch import launch
    from engine.notices import asked_by_settings
    from engine.rerun import rerun_request

    assert order.rerun is not None
    origin = store.runs.find(order.rerun)
    request = rerun_request(origin, order.overrides, device=order.device, note=order.note, tags=order.tags)
    paths = launch(store.runs, dataclasses.replace(request, notify=asked_by_settings()))
    return Launched(paths.id, 1, f"{paths.id} launched, as {origin.id} was")


def rerun_order(run: Run) -> Order:
    """What runs a run again: its own settings, on the kind of device it ran on.

    Raises:
        SettingsError: they cannot be read.
    """
    import msgspec

    from engine.experiments import settings_from_run
    from engine.rerun import kind_of_device

    settings = settings_from_run(run.info)
    base = msgspec.structs.replace(settings, device=kind_of_device(run) or settings.device)
    folder = Path(run.info.folder) if run.info.folder else None
    return Order(run.info.experiment, base=base, folder=folder, rerun=run.id)


def rerun_differences(store: Store, run_id: str) -> tuple[str, ...]:
    """What is not as it was when a run ran, a sentence each; nothing where that cannot be found out."""
    from engine.rerun import differences, rerun_request

    with contextlib.suppress(EngineError, OSError):
        origin = store.runs.find(run_id)
        return tuple(differences(origin, rerun_request(origin), store.root))
    return ()


def order_like(store: Store, run: Run) -> Order:
    """A launch of a run's experiment with the run's settings as changes; else the run again, to be changed.

    Raises:
        SettingsError: the run's settings cannot be read.
    """
    from engine.changes import alike, changed, complete, overrides
    from engine.experiments import resolve, settings_from_run

    file, name = store.snapshot.file, run.info.experiment
    settings = settings_from_run(run.info)
    experiment = file.experiments.get(name) if file is not None else None
    plain = experiment is not None and not (experiment.matrix or experiment.seeds or settings.data.get("folds"))
    if file is not None and plain and run.info.parent is None:
        settings = complete(settings, file.folder)
        with contextlib.suppress(EngineError):
            changes = overrides(changed(resolve(file, name), settings, file.folder))
            if alike(resolve(file, name, changes), settings):
                return Order(name, changes)
    return rerun_order(run)


def rerun_in_order(store: Store, ids: Sequence[str], device: str) -> str:
    """Run several runs again, one after another, by a process of its own; says so in words.

    Raises:
        RunError: that could not be started.
    """
    chosen = ["--device", device] if device else []
    _start_in_order(store, [*_place(store), "rerun", *ids, *chosen], len(ids))
    return f"{len(ids)} runs launched, one after another"


def _start_group(store: Store, order: Order, runs: int) -> Launched:
    _start_in_order(store, words(store, order), runs)
    return Launched("", runs, f"{runs} runs launched, one after another")


def _start_in_order(store: Store, arguments: Sequence[str], runs: int) -> None:
    from engine.notices import asked_by_settings

    telling = [] if asked_by_settings() is None else ["--notify"]
    command = engine_command(*arguments, "--detach", *telling)
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


def default_device(devices: Sequence[Device], wanted: str) -> int:
    """The index of the device that `wanted` (a setting's value) comes to; the first free one when it is taken."""
    for index, device in enumerate(devices):
        if wanted in (device.name, device.uuid):
            return index
    free = [i for i, device in enumerate(devices) if device.free and device.kind != "cpu"]
    if free:
        return max(free, key=lambda i: (devices[i].memory_total or 0) - (devices[i].memory_used or 0))
    return next((i for i, device in enumerate(devices) if device.free), 0)
