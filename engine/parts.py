"""The parts a run computes with, built from its settings: device, data on it, model; to train or to evaluate."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.batches import DeviceSplit, with_statistics
from engine.dataset import Dataset, InputSpec
from engine.errors import EngineError, NoDeviceError, SettingsError
from engine.losses import Loss
from engine.memory import is_out_of_memory
from engine.model_options import freeze, initialise
from engine.settings import Settings
from engine.splits import Prepared
from engine.task import Task, load_task


def prefix_of(split: str) -> str:
    """The prefix of a split's metrics: val for validation; train/… are the values of the training steps themselves."""
    return {"validation": "val", "train": "train_split"}.get(split, split)


_MOST = 2048
"""Samples at once when evaluating, where the settings do not ask for more: a larger batch is no faster."""


@dataclass(frozen=True)
class Parts:
    """Data, model and loss on one device."""

    settings: Settings
    dataset: Dataset
    spec: InputSpec
    device: torch.device
    model: torch.nn.Module
    task: Task
    loss: Loss
    splits: dict[str, DeviceSplit]
    leaked: Mapping[str, NDArray[np.bool_]]
    """For validation and test, (n,) whether a sample stands in the train split too."""

    @property
    def evaluation_batch(self) -> int:
        """Samples at once when evaluating."""
        return self.settings.evaluate.batch_size or max(256, min(4 * self.settings.train.samples, _MOST))


def build_parts(settings: Settings, prepared: Prepared, folder: Path, device: torch.device) -> Parts:
    """Seed everything, then build model, loss and the splits on the device.

    Raises:
        SettingsError: a name, an argument or a combination that cannot be used.
    """
    dataset = with_statistics(prepared.dataset)
    seed_everything(settings.seed)
    task = load_task(settings.task, dataset, device, folder)
    spec = task.spec()
    model = build_model(settings, spec, folder).to(device)
    initialise(model, settings.init)
    freeze(model, settings.train.freeze)
    pad_to = prepared.options.pad_to
    loss = task.build_loss(settings.loss)
    splits = {name: DeviceSplit(dataset, split, device, pad_to) for name, split in dataset.splits.items()}
    return Parts(settings, dataset, spec, device, model, task, loss, splits, prepared.leaked)


def seed_everything(seed: int) -> None:
    """Start all random generators from `seed`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build_model(settings: Settings, spec: InputSpec, folder: Path) -> torch.nn.Module:
    """The model of some settings.

    Raises:
        SettingsError: there is none of that name, it refuses its arguments or the data set's kind.
    """
    from engine.components import load_model_function

    arguments = dict(settings.model)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise SettingsError("model has no name", hint='such as model = "mlp"')
    function = load_model_function(name, folder)
    try:
        model = function(spec, **arguments)
    except EngineError:
        raise
    except Exception as error:  # the user's own code may raise anything; it is told as theirs
        if is_out_of_memory(error):
            raise
        raise SettingsError(f"model {name!r} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(model, torch.nn.Module):
        raise SettingsError(f"model {name!r} gave a {type(model).__name__}", hint="it must return a torch.nn.Module")
    return model


def choose_device(name: str) -> torch.device:
    """The torch device for what a run was given: cpu or cuda:N, which is the only GPU its process sees.

    Raises:
        NoDeviceError: torch finds no GPU.
    """
    if not name.startswith("cuda"):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NoDeviceError(
            f"PyTorch {torch.__version__} finds no GPU, though {name} was given",
            hint="engine doctor says what is missing",
        )
    # a worker sees its own GPU alone, whatever its number is on this machine
    index = 0 if torch.cuda.device_count() == 1 else int(name.partition(":")[2] or 0)
    return torch.device("cuda", index)
