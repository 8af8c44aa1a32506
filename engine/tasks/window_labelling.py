"""A label for each window along an image: the character whose centre lies in it, or none.

The model gives logits for windows that are evenly spread along the image. A window's label is the character whose
centre is nearest to the window's, where that is nearer than half the width of a character; token 0 where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.batches import Batch, DeviceSplit
from engine.dataset import Dataset, Split
from engine.errors import SettingsError
from engine.losses import Loss, build_module
from engine.task import Answers, Evaluation, Task
from engine.tasks.ctc import Ctc
from engine.transcripts import collapsed, error_rates, samples, true_tokens

LOSSES = ("CrossEntropyLoss",)
SCORES = ("loss", "accuracy", "cer", "texts")
TRAINED = ("loss", "accuracy")
MONITOR = "cer"

Tensor = torch.Tensor

_REACH = 0.25
"""How far a window's centre may be from a character's to be labelled with it, as a share of the image's height; less
than half a character's width, so that windows between two equal characters tell them apart."""


def window_labels(batch: Batch, windows: int, width: float, reach: float) -> Tensor:
    """The token of each window, (n, windows).

    Args:
        batch: with the positions of its label tokens.
        windows: how many the model has.
        width: of the image, in the unit of the positions.
        reach: how far a window's centre may be from a character's.
    """
    assert batch.positions is not None
    assert batch.label_lengths is not None
    # a position is the number of a column, whose own centre is half a column further on
    centres = (torch.arange(windows, device=batch.labels.device) + 0.5) * (width / windows) - 0.5
    distances = (batch.positions[:, None, :] - centres[None, :, None]).abs()
    absent = torch.arange(batch.labels.shape[1], device=batch.labels.device) >= batch.label_lengths[:, None]
    nearest, which = distances.masked_fill(absent[:, None, :], torch.inf).min(2)
    return batch.labels.gather(1, which).masked_fill(nearest > reach, 0)


class WindowLoss(Loss):
    """Cross entropy over all windows."""

    def __init__(self, name: str, module: torch.nn.Module, width: float, reach: float) -> None:
        super().__init__(name, module)
        self._width, self._reach = width, reach

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        labels = window_labels(batch, output.shape[1], self._width, self._reach)
        value: Tensor = self.module(output.flatten(0, 1), labels.flatten())
        return value


class WindowLabelling(Task):
    """Characters by window; a text is what the windows say, repetitions counted once."""

    forms = ("tokens",)
    kinds = ("image",)
    logged = ("loss", "accuracy", "cer")
    shown = ("loss", "accuracy", "cer")

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        super().__init__(dataset, device)
        if any(split.positions is None for split in dataset.splits.values()):
            raise SettingsError(
                "the task window_labelling needs to know where each character stands; this data set does not say",
                hint='task = "ctc" needs only their order',
            )
        _, height, width = dataset.splits["train"].inputs.shape[1:]
        self._width, self._reach = float(width), _REACH * height

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """Cross entropy."""
        name, module = build_module(table, LOSSES, self.device)
        return WindowLoss(name, module, self._width, self._reach)

    def right(self, output: Tensor, batch: Batch) -> Tensor:
        """Windows with the right label, counted in samples."""
        labels = window_labels(batch, output.shape[1], self._width, self._reach)
        return (output.detach().argmax(2) == labels).float().mean() * len(batch)

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """The likeliest token of each window, and whether it is right; both (n, windows)."""
        likeliest = output.argmax(2)
        return likeliest, likeliest == window_labels(batch, output.shape[1], self._width, self._reach)

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """The share of windows that are right, and the character error rate of the texts they make."""
        predicted = collapsed(torch.cat([part[0] for part in answers]).cpu().numpy())
        accuracy = float(torch.cat([part[1] for part in answers]).float().mean())
        true = true_tokens(split)
        rates, distances = error_rates(true, predicted)
        metrics = {"loss": loss, "accuracy": accuracy, "cer": rates["cer"], "texts": rates["accuracy"]}
        return Evaluation(metrics, {"samples": samples(self.dataset, split, true, predicted, distances)})

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The text of each image, as by CTC."""
        return Ctc.predict(self, model, split, given, size)  # type: ignore[arg-type]
