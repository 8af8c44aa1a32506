"""`engine check`: build everything an experiment names and try one batch; and what `engine show` learns that way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, complete_names, json_option, verb
from engine.cli.output import count_text, note, paint, say, say_json
from engine.errors import EngineError, SettingsError
from engine.jsonio import encode
from engine.text import printable

if TYPE_CHECKING:
    from engine.runs import RunsFolder
    from engine.settings import Settings
    from engine.splits import Prepared

_SAMPLES = 8


@dataclass
class Finding:
    """What came out of checking one experiment."""

    name: str
    problems: list[EngineError] = field(default_factory=list)
    parameters: int | None = None

    @property
    def exit_code(self) -> int:
        """0 where all is well, else that of the worst problem: settings (2) before data (1)."""
        return max((problem.exit_code for problem in self.problems), default=0)


@verb("check")
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=complete_names)
@click.option("--quick", is_flag=True, help="The settings alone: without torch, no data is loaded.")
@json_option
@click.pass_context
def check_(ctx: click.Context, place: Place, names: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Check experiments: settings, data, model, loss, optimizer, scheduler and one batch through all of them.

    Lists everything that is wrong. Without NAME all experiments of the file are checked.
    """
    file = place.experiments
    if not names and not as_json:
        _check_file(place)
    findings = []
    for name in names or [*file.experiments, *file.broken]:
        findings.append(_check(place, name, quick))
        if not as_json:
            _say_finding(findings[-1])
    if as_json:
        say_json([_record(finding) for finding in findings])
    ctx.exit(max((finding.exit_code for finding in findings), default=0))


def _check_file(place: Place) -> None:
    """The file as a whole.

    Raises:
        SettingsError: an experiment of it cannot even be read.
    """
    from engine.experiments import check_all

    check_all(place.experiments)


def _record(finding: Finding) -> dict[str, Any]:
    problems = [{"message": p.message, "hint": p.hint, "kind": type(p).__name__} for p in finding.problems]
    return {"name": finding.name, "ok": not problems, "parameters": finding.parameters, "problems": problems}


def _say_finding(finding: Finding) -> None:
    name = printable(finding.name)
    if not finding.problems:
        size = f"  {count_text(finding.parameters)} parameters" if finding.parameters is not None else ""
        say(f"{paint('✓', 'green')} {name}{size}")
        return
    say(f"{paint('✗', 'red')} {name}")
    for problem in finding.problems:
        for line in problem.message.splitlines():
            say(f"    {printable(line)}")
        for line in problem.hint.splitlines():
            say(f"      {printable(line)}")
    sys.stdout.flush()


def _check(place: Place, name: str, quick: bool) -> Finding:
    from engine.experiments import expand

    finding = Finding(name)
    file = place.experiments
    try:
        experiment = file.get(name)
        if not experiment.runnable:
            return finding  # its settings were checked when the file was read
        variants = expand(file, name)
    except SettingsError as error:
        finding.problems.append(error)
        return finding
    if not quick:
        for settings in _unlike(variants):
            finding.problems += _try_out(settings, file.folder, finding)
    return finding


def _unlike(variants: list[Settings]) -> Iterator[Settings]:
    """The variants that differ in more than the seed and the fold."""
    import msgspec

    seen = set()
    for settings in variants:
        key = encode(msgspec.structs.replace(settings, seed=0, data={**settings.data, "fold": None}))
        if key not in seen:
            seen.add(key)
            yield settings


_prepared: tuple[bytes, Prepared] | None = None
"""The data set loaded last: experiments that follow one another often share it."""


def _load(settings: Settings, folder: Path) -> Prepared:
    global _prepared
    key = encode([settings.data, settings.task, settings.data_dir, str(folder)])
    if _prepared is None or _prepared[0] != key:
        from engine.splits import prepare

        _prepared = None
        _prepared = (key, prepare(settings, folder))
    return _prepared[1]


def _try_out(settings: Settings, folder: Path, finding: Finding) -> list[EngineError]:
    """Build each part on its own, so that every problem is found, and put a batch through them."""
    import torch

    from engine.batches import with_statistics
    from engine.optim import build_optimizer, build_schedule

    problems: list[EngineError] = []

    def attempt(build: Any) -> Any:
        try:
            return build()
        except EngineError as error:
            if (error.message, error.hint) not in {(known.message, known.hint) for known in problems}:
                problems.append(error)
            return None

    device = torch.device("cpu")
    prepared = attempt(lambda: _load(settings, folder))
    model = attempt(lambda: build_model(settings, folder, prepared)) if prepared is not None else None
    parameters = list((model or torch.nn.Linear(2, 2)).named_parameters())
    optimizer = attempt(lambda: build_optimizer(settings.optimizer, parameters))
    if optimizer is not None and settings.scheduler is not None:
        mode = settings.checkpoint.mode or "max"
        attempt(lambda: build_schedule(settings.scheduler, optimizer, steps=100, epochs=10, mode=mode))
    if prepared is None:
        return problems
    task = attempt(lambda: load_task(settings.task, with_statistics(prepared.dataset), device, folder))
    loss = attempt(lambda: task.build_loss(settings.loss)) if task is not None else None
    if model is not None and task is not None:
        finding.parameters = sum(p.numel() for p in model.parameters())
        attempt(lambda: _forward(settings, prepared, model, task, loss))
    return problems


def build_model(settings: Settings, folder: Path, prepared: Prepared) -> Any:
    """The model of some settings, for their data.

    Raises:
        SettingsError: it cannot be built so.
    """
    import torch

    from engine import parts
    from engine.model_options import freeze, initialise

    spec = load_task(settings.task, prepared.dataset, torch.device("cpu"), folder).spec()
    model = parts.build_model(settings, spec, folder)
    initialise(model, settings.init)
    freeze(model, settings.train.freeze)
    return model


def load_task(*arguments: Any) -> Any:
    """`engine.task.load_task`, imported when it is needed: it brings torch."""
    from engine.task import load_task as load

    return load(*arguments)


def _forward(settings: Settings, prepared: Prepared, model: Any, task: Any, loss: Any) -> None:
    import numpy as np
    import torch

    from engine.batches import DeviceSplit
    from engine.layers import check_output

    train = prepared.dataset.splits["train"]
    rows = np.arange(min(_SAMPLES, len(train)))
    split = DeviceSplit(prepared.dataset, train.take(rows), torch.device("cpu"), prepared.options.pad_to)
    batch = next(split.in_order(len(rows)))
    try:
        model.train()
        output = task.output(model, batch)
        check_output(output, task.spec(), len(rows))
        if loss is not None:
            loss(output, batch)
    except EngineError:
        raise
    except Exception as error:  # shapes that do not fit raise whatever torch or the user's code raises
        raise SettingsError(
            f"one batch through the model {settings.model['name']!r} fails: {type(error).__name__}: {error}"
        ) from error


def describe(settings: Settings, folder: Path, runs: RunsFolder) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The layer table and the data summary of an experiment; what cannot be had is told of on stderr."""
    from engine import leaks
    from engine.signatures import TASK
    from engine.summary import cached, store, summarise

    table = settings.data if settings.task == TASK else {**settings.data, "task": settings.task}
    data = cached(runs, table, folder, data_dir=settings.data_dir)
    try:
        prepared = _load(settings, folder)
        if data is None:
            data = summarise(prepared)
            data["near_duplicates"] = leaks.near(prepared, runs.own)
            store(runs, table, folder, data, data_dir=settings.data_dir)
    except EngineError as error:
        note(f"engine: no data: {printable(error.message)}")
        return None, data
    try:
        import torch

        from engine.layers import model_table

        model = build_model(settings, folder, prepared)
        spec = load_task(settings.task, prepared.dataset, torch.device("cpu"), folder).spec()
        return {"name": settings.model.get("name"), **model_table(model, spec)}, data
    except EngineError as error:
        note(f"engine: no model table: {printable(error.message)}")
        return None, data
