"""One or more quantities for each sample: squared error and its kin, in the quantities' own units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.batches import Batch, DeviceSplit
from engine.dataset import Dataset, Split
from engine.losses import Loss, build_module
from engine.samples import chosen, readable
from engine.task import Answers, Evaluation, Task

LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
SCORES = ("loss", "rmse", "mae", "r2")
TRAINED = ("loss",)
MONITOR = "rmse"

Tensor = torch.Tensor


class QuantityLoss(Loss):
    """A loss of outputs and quantities, both (n, quantities), brought to mean 0 and deviation 1 of the train split."""

    def __init__(self, name: str, module: torch.nn.Module, mean: Tensor, deviation: Tensor) -> None:
        super().__init__(name, module)
        self._mean, self._deviation = mean, deviation

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        wanted = (batch.labels.view(output.shape) - self._mean) / self._deviation
        value: Tensor = self.module(output, wanted)
        return value


class Regression(Task):
    """Quantities; the model learns them standardised, so that one learning rate does for any unit."""

    forms = ("numbers",)
    logged = ("loss", "rmse", "mae", "r2")
    shown = ("loss", "rmse", "r2")

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        super().__init__(dataset, device)
        labels = _columns(dataset.splits["train"])
        self._mean, self._deviation = labels.mean(0), labels.std(0)
        self._deviation[self._deviation < 1e-12] = 1.0

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """The loss of a table, of standardised quantities."""
        name, module = build_module(table, LOSSES, self.device)
        scale = (self._mean, self._deviation)
        mean, deviation = (torch.tensor(values, dtype=torch.float32, device=self.device) for values in scale)
        return QuantityLoss(name, module, mean, deviation)

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """The outputs, (n, quantities)."""
        return (output,)

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """Root mean squared error, mean absolute error, and the share of variance explained (R²), over all quantities.

        R² is the mean over the quantities of 1 - sum (y - p)² / sum (y - mean y)², as scikit-learn's r2_score.
        """
        predicted = self._in_units(torch.cat([part[0] for part in answers]))
        true = _columns(split)
        errors = predicted - true
        metrics = {
            "loss": loss,
            "rmse": float(np.sqrt(np.square(errors).mean())),
            "mae": float(np.abs(errors).mean()),
            "r2": _r2(true, errors),
        }
        return Evaluation(
            metrics, {"quantities": list(self.dataset.classes), "samples": self._samples(split, predicted)}
        )

    def _in_units(self, output: Tensor) -> NDArray[np.float64]:
        standardised: NDArray[np.float64] = output.double().cpu().numpy().reshape(len(output), -1)
        return np.asarray(standardised * self._deviation + self._mean)

    def _samples(self, split: Split, predicted: NDArray[np.float64]) -> list[dict[str, Any]]:
        true = _columns(split)
        errors = np.abs((predicted - true) / self._deviation).max(1)
        return [
            {
                "input": readable(self.dataset, split, row),
                "row": row,
                "true": _shown(true[row]),
                "predicted": _shown(predicted[row]),
                "error": float(errors[row]),
            }
            for row in chosen(errors)
        ]

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The quantities of each input."""
        outputs = torch.cat([self.output(model, batch).float() for batch in split.in_order(size)])
        names = self.dataset.classes
        return [
            {"input": text, "predicted": _shown(row), "quantities": dict(zip(names, row.tolist(), strict=True))}
            for text, row in zip(given, self._in_units(outputs), strict=True)
        ]


def _columns(split: Split) -> NDArray[np.float64]:
    return split.labels.reshape(len(split), -1).astype(np.float64)


def _shown(row: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.5g}" for value in row.tolist())


def _r2(true: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    residual = np.square(errors).sum(0)
    total = np.square(true - true.mean(0)).sum(0)
    # a constant quantity has no variance to explain: 1 where it is met exactly, else 0, as scikit-learn has it
    shares = np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), np.where(residual > 0, 0.0, 1.0))
    return float(shares.mean())
