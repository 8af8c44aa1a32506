"""Training steps that are thrown away: to see whether a batch of some size fits."""

from __future__ import annotations

import gc
from pathlib import Path

import msgspec
import numpy as np
import torch

from engine.batches import Batch
from engine.errors import RunError
from engine.memory import is_out_of_memory
from engine.model_options import tune
from engine.optim import build_optimizer
from engine.parts import build_parts, choose_device
from engine.records import RunPaths
from engine.resolving import settings_from_run
from engine.runs import load_run
from engine.splits import prepare
from engine.stepping import NonFiniteError, Stepper


class TrialSteps:
    """The model and data of a run, for steps with batches of any size."""

    def __init__(self, paths: RunPaths) -> None:
        """Build them as the run's worker does.

        Raises:
            EngineError: they cannot be built.
        """
        run = load_run(paths)
        settings = settings_from_run(run.info)
        # for what is built around the batches any number will do
        settings = msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, batch_size=1))
        if not settings.train.epochs and not settings.train.steps:
            raise RunError(f"{paths.id}: there is no end to train to")
        folder = Path(run.info.folder) if run.info.folder else Path.cwd()
        device = choose_device(run.state.device or str(run.info.device.get("name") or "cpu"))
        whole = msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, overfit_batches=None))
        self._parts = build_parts(settings, prepare(whole, folder), folder, device)
        self.on_cpu = device.type == "cpu"
        tune(self._parts.model, settings.train)
        optimizer = build_optimizer(settings.optimizer, self._parts.model.named_parameters())
        self._stepper = Stepper(
            self._parts.model, self._parts.task, self._parts.loss, optimizer, settings.train, device
        )
        self._split = self._parts.splits["train"]
        self._split.channels_last = settings.train.channels_last
        lengths = self._split.row_lengths
        # the longest sequences first: a batch of them takes most
        order = np.arange(len(self._split)) if lengths is None else np.argsort(-lengths, kind="stable")
        self._order = torch.from_numpy(order).to(device)

    @property
    def most(self) -> int:
        """Samples of the train split."""
        return len(self._split)

    def attempt(self, size: int) -> str | None:
        """Make one training step with a batch of `size` samples; why it does not fit, None when it does."""
        try:
            # twice: optimizers make their state in the first step
            for _ in range(2):
                self._stepper([self._batch(size)], 0)
            if not self.on_cpu:
                torch.cuda.synchronize(self._parts.device)
        except NonFiniteError:
            pass  # it fits all the same
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).strip().splitlines()[0][:200]
            self._forget()
            return reason
        self._forget()
        return None

    def _batch(self, size: int) -> Batch:
        split, rows = self._split, self._order[:size]
        longest = None if split.row_lengths is None else int(split.row_lengths.max())
        return split.batch(
            split.inputs[rows],
            split.labels[rows],
            None if split.lengths is None else split.lengths[rows],
            longest,
            None if split.label_lengths is None else split.label_lengths[rows],
            None if split.positions is None else split.positions[rows],
        )

    def _forget(self) -> None:
        for parameter in self._parts.model.parameters():
            parameter.grad = None
        gc.collect()
        if not self.on_cpu:
            torch.cuda.empty_cache()
