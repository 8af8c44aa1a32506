"""The typed settings of a run, in the field's own names.

`data`, `model`, `loss`, `optimizer` and `scheduler` stay tables of their own: each holds `name` and the arguments of
what it names, checked against that thing's signature (`engine.signatures`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from engine.augment_settings import Augment


class ValidationSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of several validation sets."""

    share: float
    """Share of the split it is taken from."""
    of: Literal["train", "test"] = "train"
    """The split it is taken from, and missing in afterwards."""


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
    batch_size: int | Literal["max"] = 64
    """Samples in a batch; an optimizer step takes `batch_size * accumulate`. "max" finds the largest that fits."""
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
    warmup: str | None = None
    """Raise the learning rate linearly from 0 during this time, such as "500 steps" or "1 epoch"."""
    ema: float | None = None
    """Decay of an exponential moving average of the weights, which is what is evaluated and kept; such as 0.999."""
    overfit_batches: int | None = None
    """Train on so many batches only, again and again, and score those: a sound model learns them by heart."""
    freeze: list[str] = msgspec.field(default_factory=list)
    """Parameters that are not trained, by name: "features.*", "layer1.*"; `engine show` lists the names."""
    checkpoint_gradients: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, a third more time."""
    compile: bool = False
    """Compile the model with torch.compile; needs a C++ compiler on a CPU."""
    channels_last: bool = False
    """Keep images with their channels last in memory, which convolutions on recent devices are faster with."""

    @property
    def samples(self) -> int:
        """Samples in a batch.

        Raises:
            ValueError: "max" has not been found yet.
        """
        if isinstance(self.batch_size, str):
            raise ValueError('train.batch_size = "max" is found when the run starts')
        return self.batch_size


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
    validation: float | dict[str, Any] = 0.0
    """Share of the train split set aside for validation, seeded and stratified. Several validation sets by name, each
    with a share, or { share = 0.1, of = "test" }."""
    folds: int | None = None
    """Cross-validation: one run for each of so many parts of the train split, that part being its validation split."""
    fold: int | None = None
    """Which of the folds is the validation split, counted from 0; left out, there is one run for each."""
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
    near_duplicates: bool = True
    """Also look for rows that are nearly the same in two splits: shifted, re-encoded, spelt otherwise."""
    pad_to: int | None = None
    """Pad every sequence to this length instead of to the longest of its batch."""
    bucket: bool = True
    """Put sequences of like length into one batch."""
    normalize: bool = True
    """Bring images to mean 0 and deviation 1 a channel, by the train split; else they are only scaled to 0…1."""
    resize: int | None = None
    """Bring images to this height and width, in every split."""
    augment: Augment | None = None
    """Change the train split's images at random, batch by batch; "none" switches an inherited one off."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides what a run does; complete in run.json."""

    description: str = ""
    """What the experiment is, in a line."""
    motivation: str = ""
    """Why it is run; the journal entry of a run begins with it."""
    tags: list[str] = msgspec.field(default_factory=list)
    """Words to find runs by."""
    task: str = "classification"
    """What is learnt: a file of engine/tasks, or package.module:Class; the data set's own when left out."""
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
    init: str | None = None
    """How weights begin: he_normal, he_uniform, glorot_normal, glorot_uniform or orthogonal; else the model's own."""
    init_from: str | None = None
    """`e0031:best`, an experiment's name, or a .safetensors file: weights only."""
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
