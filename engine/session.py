"""One sitting of a run: everything the training loop acts on, put together from the run folder."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine import checkpoint, leaks, signatures
from engine.augment import Augmentation
from engine.average import WeightAverage
from engine.batch_size import with_batch_size
from engine.batches import TrainBatches
from engine.checkpoints import list_checkpoints
from engine.errors import DataError, SettingsError
from engine.heartbeat import Heartbeat
from engine.interrupts import Interrupts
from engine.jsonio import write_json
from engine.layer_series import LayerWriter
from engine.layers import model_table
from engine.loop_state import Every, LoopState, every
from engine.metrics import mode_of
from engine.model_options import tune
from engine.optim import Schedule, build_optimizer, build_schedule
from engine.parts import Parts, build_parts, choose_device, prefix_of
from engine.randomness import random_states
from engine.records import RunInfo, RunPaths
from engine.resume import limits
from engine.rules import parse_every
from engine.runs import RunsFolder, append_event
from engine.series import SeriesWriter
from engine.settings import DataOptions, Settings, Train
from engine.splits import prepare
from engine.stepping import Stepper
from engine.summary import data_changed, summarise


@dataclass(frozen=True)
class Limits:
    """Where training ends: at whichever comes first."""

    steps: int | None
    minutes: float | None

    def reached(self, step: int, seconds: float) -> bool:
        """Whether it is time to end."""
        if self.steps is not None and step >= self.steps:
            return True
        return self.minutes is not None and seconds >= 60 * self.minutes


@dataclass
class Session:
    """What the loop acts on; its own state is `loop`, which checkpoints keep beside weights and random states."""

    paths: RunPaths
    info: RunInfo
    settings: Settings
    parts: Parts
    batches: TrainBatches
    optimizer: torch.optim.Optimizer
    schedule: Schedule | None
    stepper: Stepper
    limits: Limits
    steps_per_epoch: int
    evaluate_every: Every
    save_every: Every
    monitor: str
    mode: str
    heartbeat: Heartbeat
    interrupts: Interrupts
    series: SeriesWriter
    average: WeightAverage | None = None
    """The moving average of the weights, which is what is evaluated and kept."""
    layers: LayerWriter | None = None
    warmup_steps: int = 0
    loop: LoopState = field(default_factory=LoopState)
    saved_step: int | None = None
    """The step of the newest checkpoint, None before the first one."""

    @property
    def model(self) -> torch.nn.Module:
        return self.parts.model

    @property
    def train(self) -> Train:
        return self.settings.train

    @property
    def epochs_done(self) -> float:
        """With the part of the present epoch."""
        return self.loop.epoch + self.loop.batch / self.batches.count

    @property
    def schedule_interval(self) -> str | None:
        """How often the scheduler is advanced; None without one."""
        return None if self.schedule is None else self.schedule.interval

    def training_state(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights and the loop's state."""
        scaler = self.stepper.scaler
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "random": random_states(self.parts.device),
            "threads": torch.get_num_threads(),
            # what is trained, where the checkpoint's own weights are its average
            "weights": None if self.average is None else {k: v.clone() for k, v in self.model.state_dict().items()},
        }

    def evaluated_weights(self) -> contextlib.AbstractContextManager[None]:
        """Within this context the model has the weights that count: their average, where one is kept."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()


def open_session(paths: RunPaths, info: RunInfo, heartbeat: Heartbeat, interrupts: Interrupts) -> Session:
    """Load the data, build the model and everything around it, and write data.json and model.json.

    Raises:
        SettingsError: settings that cannot be used.
        DataError: data that cannot be learnt from.
        NoDeviceError: there is no such device.
    """
    folder = Path(info.folder) if info.folder else Path.cwd()
    device = choose_device(heartbeat.state.device or str(info.device.get("name") or "cpu"))
    settings = with_batch_size(_settings(info), paths, interrupts)
    prepared = prepare(settings, folder)
    summary = summarise(prepared)
    summary["near_duplicates"] = leaks.near(prepared, RunsFolder(paths.folder.parent).own)
    if not paths.data.exists():
        leaks.tell(paths, summary)
    elif list_checkpoints(paths) and data_changed(paths, summary["fingerprint"]):
        raise DataError(
            f"the data is not what {paths.id} was trained on: its fingerprint has changed",
            hint=f"bring the old data back; or go on with the new in a run of its own: engine train --from {paths.id}",
        )
    write_json(paths.data, summary)
    _say_data(summary)
    parts = build_parts(settings, prepared, folder, device)
    table = model_table(parts.model, parts.spec)
    write_json(paths.model, {"name": settings.model["name"], **table})
    _configure_torch(settings.train, device, table["multiplications"])
    print(f"{settings.model['name']}: {table['parameters']:,} parameters, on {device}", flush=True)
    tune(parts.model, settings.train)
    return _assemble(paths, info, settings, parts, prepared.options, heartbeat, interrupts)


def _settings(info: RunInfo) -> Settings:
    try:
        return msgspec.convert(info.settings, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"run.json: {error}") from error


_SMALL = 20_000_000
"""Multiplications in a batch's forward pass up to which one thread does it as fast as several, which would have to wait
for each other at every layer; on a busy machine that takes a hundred times as long as the work."""


def _configure_torch(train: Train, device: torch.device, multiplications: int) -> None:
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    elif multiplications * train.samples <= _SMALL and device.type == "cpu":
        torch.set_num_threads(1)
    if device.type == "cuda" and train.deterministic:
        # warn_only: an operation without a deterministic kernel is named in the log and goes on
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False


def _say_data(summary: dict[str, Any]) -> None:
    counts = ", ".join(f"{split['count']:,} {name}" for name, split in summary["splits"].items())
    print(f"{summary['name']}: {counts}, {len(summary['classes'])} classes", flush=True)


def _assemble(
    paths: RunPaths,
    info: RunInfo,
    settings: Settings,
    parts: Parts,
    options: DataOptions,
    heartbeat: Heartbeat,
    interrupts: Interrupts,
) -> Session:
    train = settings.train
    for split in parts.splits.values():
        split.channels_last = train.channels_last
    batches = TrainBatches(
        parts.splits["train"],
        train.samples,
        settings.seed,
        shuffle=train.shuffle,
        drop_last=train.drop_last,
        bucket=options.bucket,
        augment=_augmentation(settings, parts, options),
    )
    steps_per_epoch = -(-batches.count // train.accumulate)
    ends = _limits(train, limits(paths), steps_per_epoch)
    monitor, mode = _monitor(settings, parts, Path(info.folder) if info.folder else Path.cwd())
    optimizer = build_optimizer(settings.optimizer, parts.model.named_parameters())
    warmup_steps = _warmup_steps(train, steps_per_epoch)
    if ends.steps is not None and warmup_steps >= ends.steps:
        words = f"the warm-up of {warmup_steps:,} steps is not over when the run ends after {ends.steps:,}"
        append_event(paths, "warning", message=words)
        print(f"warning: {words}", flush=True)
    stepper = Stepper(parts.model, parts.task, parts.loss, optimizer, train, parts.device, warmup_steps)
    # fitted to the length the run was launched with: a schedule does not stretch when the run is continued
    planned = _limits(train, {}, steps_per_epoch).steps
    epochs = None if planned is None else math.ceil(planned / steps_per_epoch)
    schedule = build_schedule(settings.scheduler, optimizer, steps=planned, epochs=epochs, mode=mode)
    session = Session(
        paths=paths,
        info=info,
        settings=settings,
        parts=parts,
        batches=batches,
        optimizer=optimizer,
        schedule=schedule,
        stepper=stepper,
        limits=ends,
        steps_per_epoch=steps_per_epoch,
        evaluate_every=every(settings.evaluate.every),
        save_every=every(settings.checkpoint.every),
        monitor=monitor,
        mode=mode,
        heartbeat=heartbeat,
        interrupts=interrupts,
        series=SeriesWriter(paths.series),
        average=None if train.ema is None else WeightAverage(parts.model, train.ema),
        layers=LayerWriter(paths.series, stepper.layers.layers),
        warmup_steps=warmup_steps,
    )
    checkpoint.check_savable(session.training_state())
    return session


def _augmentation(settings: Settings, parts: Parts, options: DataOptions) -> Augmentation | None:
    """What the train split's images are put through; nothing where a few batches are to be learnt by heart."""
    if options.augment is None or settings.train.overfit_batches is not None:
        return None
    channels, height, width = parts.spec.shape
    mean = None if parts.dataset.normalize is None else parts.dataset.normalize[0]
    return Augmentation(options.augment, (channels, height, width), mean, settings.seed, parts.device)


def _warmup_steps(train: Train, steps_per_epoch: int) -> int:
    if train.warmup is None:
        return 0
    count, unit = parse_every(train.warmup)
    return count if unit == "step" else count * steps_per_epoch


def _limits(train: Train, grown: dict[str, float], steps_per_epoch: int) -> Limits:
    epochs = grown.get("train.epochs", train.epochs)
    steps = grown.get("train.steps", train.steps)
    minutes = grown.get("train.minutes", train.minutes)
    if epochs is None and steps is None and minutes is None:
        raise SettingsError("there is no end: none of train.epochs, train.steps, train.minutes is given")
    ends = [] if steps is None else [int(steps)]
    if epochs is not None:
        ends.append(max(1, math.ceil(epochs * steps_per_epoch - 1e-9)))
    return Limits(min(ends, default=None), minutes)


def evaluated_splits(settings: Settings, parts: Parts) -> list[str]:
    """The splits scored while training; a validation split that does not exist is passed over.

    Raises:
        SettingsError: another one does not exist.
    """
    if settings.train.overfit_batches is not None:
        return ["train"]
    several = [name for name in parts.splits if name.startswith("val_")]
    wanted: list[str] = []
    for name in settings.evaluate.splits:
        # validation stands for all validation sets, and is passed over where there is none
        wanted += (
            [*several, *(["validation"] if "validation" in parts.splits else [])] if name == "validation" else [name]
        )
    wanted = list(dict.fromkeys(wanted))
    for name in wanted:
        if name not in parts.splits:
            known = ", ".join(parts.splits)
            raise SettingsError(f"evaluate.splits names {name!r}", hint=f"this data has: {known}")
    return wanted


def _monitor(settings: Settings, parts: Parts, folder: Path) -> tuple[str, str]:
    """The metric that decides which checkpoint is best, and its direction."""
    splits = evaluated_splits(settings, parts)
    usual = signatures.task(settings.task, folder).monitor
    if settings.train.overfit_batches is not None:  # whatever is watched otherwise: there is but one split
        return f"train_split/{usual}", mode_of(usual)
    given = settings.checkpoint.monitor
    validation = next((prefix_of(name) for name in splits if name.startswith("val")), None)
    monitor = given or ("train/loss" if validation is None else f"{validation}/{usual}")
    wanted = [monitor]
    if settings.train.early_stopping is not None and settings.train.early_stopping.monitor:
        wanted.append(settings.train.early_stopping.monitor)
    prefixes = {"train", *map(prefix_of, splits)}
    for name in wanted:
        if name.partition("/")[0] not in prefixes:
            missing = {"val": "validation"}.get(name.partition("/")[0], name.partition("/")[0])
            raise SettingsError(
                f"{name} is watched, but the {missing} split is not evaluated",
                hint=f"set data.validation = 0.1, or watch one of: {', '.join(sorted(prefixes))}/…"
                if missing == "validation"
                else f"name it in evaluate.splits; evaluated are: {', '.join(splits) or 'none'}",
            )
    return monitor, settings.checkpoint.mode or mode_of(monitor)
