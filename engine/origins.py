"""What a new run begins with: another run's checkpoint, or the weights of one. No torch here: it is looked at before a
run is made."""

from __future__ import annotations

import math
from pathlib import Path

from engine.checkpoints import CheckpointInfo, find_checkpoint, parse_reference
from engine.errors import NotFoundError, SettingsError
from engine.records import RUN_ID
from engine.runs import Run, RunsFolder, each_run
from engine.settings import Settings


def check_origin(runs: RunsFolder, parent: str | None, settings: Settings, folder: Path) -> None:
    """Make sure that what a run is to begin with is there, and that something is left to train.

    Raises:
        NotFoundError: there is no such run or checkpoint.
        SettingsError: the checkpoint is at the limit of `settings` already.
    """
    if parent is not None:
        run_id, name = parse_reference(parent)
        _check_limits(find_checkpoint(runs.find(run_id).paths, name), parent, settings)
    elif settings.init_from and settings.init_from.endswith(".safetensors"):
        weights_file(settings.init_from, folder)
    elif settings.init_from:
        run, name = weights_of(runs, settings.init_from)
        find_checkpoint(run.paths, name)


def weights_file(reference: str, folder: Path) -> Path:
    """A file of weights, absolute or beside experiments.toml.

    Raises:
        NotFoundError: there is none.
    """
    path = folder / Path(reference).expanduser()
    if not path.is_file():
        raise NotFoundError(f"init_from = {reference!r}: no file {path}", hint="give a .safetensors file")
    return path


def weights_of(runs: RunsFolder, reference: str) -> tuple[Run, str]:
    """The run and the checkpoint's name meant by `init_from`: `e0031:best`, or an experiment's best finished run.

    Raises:
        NotFoundError: there is no such run.
    """
    name, checkpoint_name = parse_reference(reference, "best")
    if RUN_ID.fullmatch(name):
        return runs.find(name), checkpoint_name
    finished = [run for run in each_run(runs) if run.info.experiment == name and run.status == "finished"]
    if not finished:
        raise NotFoundError(
            f"init_from = {reference!r}: there is no finished run of that experiment in {runs.root}",
            hint="name a run, such as e0031:best",
        )
    return max(finished, key=_standing), checkpoint_name


def _check_limits(info: CheckpointInfo, parent: str, settings: Settings) -> None:
    for key, limit, done in (
        ("train.epochs", settings.train.epochs, info.epoch),
        ("train.steps", settings.train.steps, info.step),
    ):
        if limit is not None and done >= limit:
            raise SettingsError(
                f"{parent} has {done:g} {key.partition('.')[2]} done, and {key} is {limit:g}: nothing is left to train",
                hint=f"-s {key}={math.ceil(done * 2)} goes on to there",
            )


def _standing(run: Run) -> float:
    best = run.state.best
    if not best or not isinstance(best.get("value"), (int, float)):
        return -math.inf
    return float(best["value"]) if best.get("mode") != "min" else -float(best["value"])
