"""The typed settings of a run, in the field's own names.

`data`, `model`, `loss`, `optimizer` and `scheduler` stay tables of their own: each holds `name` and the arguments of
what it names, checked against that thing's signature (`engine.signatures`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class EarlyStopping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Stop when the monitored metric has not improved for a while."""

    patience: int = 10
    """Evaluations without an improvement before training stops."""
    min_delta: float = 0.0
    """What counts as an improvement."""
    monitor: str | None = None
    """The metric watched; the checkpoint's when absent."""
    mode: Literal["max", "min"] | None = None
    """Whether a larger or a smaller value is better; by the metric's name when absent."""


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long and how to train."""

    epochs: float | None = None
    """Passes over the train split; training ends at the first limit reached of epochs, steps and minutes."""
    steps: int | None = None
    """Optimizer steps."""
    minutes: float | None = None
    """Minutes of training, all sittings together."""
    batch_size: int = 64
    """Samples in a batch; an optimizer step takes `batch_size * accumulate`."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one optimizer step."""
    clip_grad_norm: float | None = None
    """Largest L2 norm of all gradients together."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the forward pass; fp16 scales the loss."""
    threads: int | None = None
    """CPU threads; recorded, and restored on resume. When absent, one for a small model and all cores for others."""
    deterministic: bool = True
    """Use deterministic kernels on a GPU, so that a resumed run is bit-equal."""
    shuffle: bool = True
    """Draw a new order of the train split each epoch."""
    drop_last: bool = False
    """Leave out the last, smaller batch of an epoch."""
    early_stopping: EarlyStopping | None = None
    """Stop when nothing improves; "none" switches an inherited one off."""


class Evaluate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When and on what to evaluate."""

    every: str = "1 epoch"
    """Such as "1 epoch", "10 epochs", "500 steps"."""
    batch_size: int | None = None
    """Samples in an evaluation batch; 4 × the training batch, at least 256, when absent."""
    splits: list[str] = msgspec.field(default_factory=lambda: ["validation"])
    """The splits evaluated while training."""


class CheckpointSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When to save, what to keep, and which one is the best."""

    every: str = "1 epoch"
    """Such as "1 epoch", "10 epochs", "500 steps"."""
    keep: int = 3
    """How many of the newest to keep; the best and the last complete one are always kept."""
    monitor: str | None = None
    """The metric that decides which is best; val/accuracy, or train/loss where there is no validation split."""
    mode: Literal["max", "min"] | None = None
    """Whether a larger or a smaller value is better; by the metric's name when absent."""


class DataOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every `data` table may hold besides the data set's own arguments."""

    name: str
    """A data set of engine/data, or package.module:callable beside the file."""
    validation: float = 0.0
    """Share of the train split set aside for validation, seeded and stratified."""
    test: float | None = None
    """Share set aside as test split where the data set brings none; 0.2 when absent."""
    split_seed: int = 0
    """Seed of the splits; apart from the run's seed, so that runs are compared on the same samples."""
    limit: int | None = None
    """Use at most so many samples of the train split (seeded, stratified), validation included."""
    group_duplicates: bool = True
    """Keep identical inputs on one side of a seeded split."""
    leak: Literal["warn", "error"] = "warn"
    """What to do when a test or validation input is found in the train split."""
    pad_to: int | None = None
    """Pad every sequence to this length instead of to the longest of its batch."""
    bucket: bool = True
    """Put sequences of like length into one batch."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides what a run does; complete in run.json."""

    description: str = ""
    """What the experiment is, in a line."""
    motivation: str = ""
    """Why it is run; the journal entry of a run begins with it."""
    tags: list[str] = msgspec.field(default_factory=list)
    """Words to find runs by."""
    seed: int = 0
    """Of the weights' initial values, the order of the samples and dropout."""
    device: str = "auto"
    """auto | cpu | cuda:N | a GPU's UUID"""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    """`DataOptions` and the data set's own arguments."""
    model: dict[str, Any] = msgspec.field(default_factory=dict)
    """A model of engine/models, torchvision:NAME or package.module:callable, with its own arguments."""
    loss: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "CrossEntropyLoss"})
    """A torch.nn loss with its arguments; `class_weight` is "balanced" or a list of one weight a class."""
    optimizer: dict[str, Any] = msgspec.field(default_factory=lambda: {"name": "Adam"})
    """A torch.optim class with its arguments."""
    scheduler: dict[str, Any] | None = None
    """A torch.optim.lr_scheduler class with its arguments; `interval` ("epoch" or "step") overrides the class's own."""
    train: Train = Train()
    """How long and how to train."""
    evaluate: Evaluate = Evaluate()
    """When and on what to evaluate."""
    checkpoint: CheckpointSettings = CheckpointSettings()
    """When to save, what to keep, and which one is the best."""
    init_from: str | None = None
    """`e0031:best` or an experiment's name: weights only."""
    test_with: Literal["best", "last"] = "best"
    """The checkpoint whose test score is the run's; the other's is recorded too."""
    data_dir: str | None = None
    """Where data files lie when DLTUI_DATA does not say."""


class Sweep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Many runs of one experiment over a search space."""

    sampler: Literal["grid", "random", "tpe"] = "tpe"
    """How values are chosen: all of them, at random, or where earlier trials did well."""
    trials: int = 20
    """How many runs; a grid ends by itself."""
    space: dict[str, Any] = msgspec.field(default_factory=dict)
    """Dotted keys, each with a list of values or { low = …, high = …, log = true }."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an experiment may hold besides the settings of a run."""

    extends: str | None = None
    """The experiment whose settings this one starts from."""
    matrix: dict[str, Any] = msgspec.field(default_factory=dict)
    """Dotted keys, each with a list of values: one run for every combination."""
    seeds: int | None = None
    """So many runs, each with its own seed, counted up from `seed`."""
    sweep: Sweep | None = None
    command: list[str] | None = None
    """The user's own program and its arguments; {name} is replaced by what `params` says."""
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    """Values for the placeholders of `command`."""
    metrics: dict[str, Any] | str | None = None
    """Where the program's metrics are read: tensorboard = "logs/", csv = "metrics.csv", or a regex over its output."""
    cwd: str | None = None
    """The folder the program runs in."""
    env: dict[str, Any] = msgspec.field(default_factory=dict)
    """Environment variables of the program."""
    python: str | None = None
    """The interpreter that stands for "python" in `command`."""
    checkpoints: str | list[str] | dict[str, Any] | None = None
    """Where the program writes its checkpoints."""
    resume_arg: str | list[str] | None = None
    """What is added to `command` to go on from a checkpoint."""
