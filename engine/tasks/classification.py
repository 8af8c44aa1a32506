"""One class for each sample: logits, cross entropy, accuracy and its kin, the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.batches import Batch, DeviceSplit
from engine.dataset import Dataset, Split
from engine.diagnosis import Finding, at_chance, one_answer
from engine.errors import SettingsError
from engine.loop_state import LoopState
from engine.losses import Loss, build_module
from engine.metrics import auc_per_class, confusion_matrix, macro_auc, per_class, scores
from engine.samples import chosen, readable
from engine.task import Answers, Evaluation, Task

LOSSES = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
SCORES = (
    "loss", "accuracy", "balanced_accuracy", "majority", "macro_precision", "macro_recall", "macro_f1",
    "weighted_precision", "weighted_recall", "weighted_f1",
)  # fmt: skip
TRAINED = ("loss", "accuracy")
MONITOR = "accuracy"

Tensor = torch.Tensor
MOST_KEPT = 100_000
"""Samples of a split up to which an evaluation keeps its answer to each of them, as class numbers in one string."""


class ClassLoss(Loss):
    """A loss of logits (n, classes) and class indices (n,), with weights for the classes."""

    def __init__(
        self, name: str, module: torch.nn.Module, weight: Tensor | None, adjustment: Tensor | None = None
    ) -> None:
        super().__init__(name, module)
        self._adjustment = adjustment
        """(classes,) what is added to the logits while training."""
        self._of_log_probabilities = name == "NLLLoss"
        # cross entropy divides by the weights of the samples' classes, the margin loss by the number of samples
        self._weight = weight if name != "MultiMarginLoss" else None
        ignored = getattr(module, "ignore_index", -100)
        if ignored >= 0 and weight is not None and ignored < len(weight):
            self._weight = weight.clone()
            self._weight[ignored] = 0.0

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        if self._adjustment is not None and torch.is_grad_enabled():
            output = output + self._adjustment
        logits = torch.log_softmax(output, 1) if self._of_log_probabilities else output
        value: Tensor = self.module(logits, batch.labels)
        return value

    def size(self, batch: Batch) -> Tensor | int:
        """The weights of its samples' classes together."""
        return len(batch) if self._weight is None else self._weight[batch.labels].sum()


class Classification(Task):
    """Which of some classes a sample belongs to."""

    logged = ("loss", "accuracy", "macro_f1", "balanced_accuracy")
    shown = ("loss", "accuracy")
    unseen = ("accuracy", "macro_f1")

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        super().__init__(dataset, device)
        labels = dataset.splits["train"].labels
        self.majority = int(np.bincount(labels, minlength=len(dataset.classes)).argmax())
        """The class most frequent in the train split."""

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """The loss of a table; `class_weight` is "balanced", a power of the inverse counts, or one weight a class."""
        arguments: dict[str, Any] = dict(table)
        labels = self.dataset.splits["train"].labels
        weight = class_weights(arguments.pop("class_weight", None), self.dataset.classes, labels)
        if weight is not None:
            arguments["weight"] = weight
        strength = arguments.pop("logit_adjustment", None)
        adjustment = None if not strength else logit_adjustment(strength, len(self.dataset.classes), labels)
        name, module = build_module(arguments, LOSSES, self.device)
        on_device = [None if values is None else values.to(self.device) for values in (weight, adjustment)]
        return ClassLoss(name, module, *on_device)

    def right(self, output: Tensor, batch: Batch) -> Tensor:
        """How many of a batch's samples have the largest logit at their class."""
        right = output.detach().argmax(1) == batch.labels
        return right.view(()) if len(right) == 1 else right.sum()

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """The likeliest class of each sample and its probability; all probabilities where `full`."""
        shares = torch.softmax(output, 1)
        confidence, likeliest = shares.max(1)
        return (likeliest, confidence, shares) if full else (likeliest, confidence)

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """Scores, the confusion matrix and scores of each class."""
        classes = self.dataset.classes
        answered = torch.cat([part[0] for part in answers]).cpu().numpy()
        confidence = torch.cat([part[1] for part in answers]).double().cpu().numpy()
        confusion = confusion_matrix(split.labels, answered, len(classes))
        metrics = {"loss": loss, **scores(confusion, self.majority)}
        rows = per_class(confusion, classes)
        if full:
            areas = auc_per_class(split.labels, torch.cat([part[2] for part in answers]).double().cpu().numpy())
            metrics["auc"] = macro_auc(areas)
            rows = [{**row, "auc": area} for row, area in zip(rows, areas, strict=True)]
        content = {
            "classes": list(classes),
            "confusion": confusion.tolist(),
            "per_class": rows,
            "samples": self._samples(split, answered, confidence),
        }
        if full:  # one character a sample: what pairs two runs' answers needs no more
            content["right"] = "".join("01"[right] for right in (answered == split.labels).tolist())
        if len(answered) <= MOST_KEPT:
            content["predicted"] = " ".join(map(str, answered.tolist()))
        return Evaluation(metrics, content)

    def _samples(
        self, split: Split, answered: NDArray[np.int64], confidence: NDArray[np.float64]
    ) -> list[dict[str, Any]]:
        classes = self.dataset.classes
        badness = np.where(answered != split.labels, confidence, -np.inf)  # the most confident mistakes first
        return [
            {
                "input": readable(self.dataset, split, row),
                "row": row,
                "true": classes[int(split.labels[row])],
                "predicted": classes[int(answered[row])],
                "probability": round(float(confidence[row]), 6),
            }
            for row in chosen(badness)
        ]

    def findings(self, loop: LoopState, prefix: str, evaluation: Evaluation, train_loss: float | None) -> list[Finding]:
        """Those of every task, and those of answers that are always the same or no better than chance."""
        confusion = np.asarray(evaluation.content["confusion"], np.int64)
        classes, metrics = self.dataset.classes, evaluation.metrics
        found = [
            one_answer(loop, prefix, metrics, confusion, classes, self.majority),
            at_chance(loop, prefix, metrics, len(classes)),
        ]
        general = super().findings(loop, prefix, evaluation, train_loss)
        return [*(finding for finding in found if finding is not None), *general]

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The likeliest class of each input, its probability, and the five likeliest with theirs."""
        classes = self.dataset.classes
        answers: list[dict[str, Any]] = []
        for batch in split.in_order(size):
            shares = torch.softmax(self.output(model, batch).float(), 1)
            values, indices = shares.topk(min(5, len(classes)), dim=1)
            for share, index in zip(values.tolist(), indices.tolist(), strict=True):
                top = [[classes[i], s] for i, s in zip(index, share, strict=True)]
                text = given[len(answers)]
                answers.append({"input": text, "predicted": top[0][0], "probability": top[0][1], "top": top})
        return answers


def class_weights(given: Any, classes: Sequence[str], labels: NDArray[np.int64]) -> Tensor | None:
    """One weight a class: n / (classes * count) when balanced, 1 for a class that does not occur.

    Args:
        given: "balanced", { power = 0.5 } for that power of the balanced weights, or one number a class.

    Raises:
        SettingsError: anything else, or not one weight for each class.
    """
    if given is None:
        return None
    if given == "balanced":
        return _balanced(classes, labels, 1.0)
    if isinstance(given, Mapping):
        return _balanced(classes, labels, float(given["power"]))
    if not isinstance(given, (list, tuple)) or not all(isinstance(w, (int, float)) for w in given):
        raise SettingsError(f"loss.class_weight = {given!r}", hint='give "balanced" or a list of one number a class')
    if len(given) != len(classes):
        shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
        raise SettingsError(
            f"loss.class_weight has {len(given)} weights for {len(classes)} classes", hint=f"in this order: {shown}"
        )
    return torch.tensor([float(w) for w in given], dtype=torch.float32)


def logit_adjustment(strength: float, classes: int, labels: NDArray[np.int64]) -> Tensor:
    """What training adds to the logits, (classes,): `strength` times the log of each class's share.

    The model then need not learn how frequent classes are, and its own logits favour rare ones (Menon et al.,
    "Long-tail learning via logit adjustment", 2021). A class that does not occur counts as one sample.
    """
    counts = np.maximum(1, np.bincount(labels, minlength=classes)).astype(np.float64)
    return torch.tensor(strength * np.log(counts / counts.sum()), dtype=torch.float32)


def _balanced(classes: Sequence[str], labels: NDArray[np.int64], power: float) -> Tensor:
    counts = np.bincount(labels, minlength=len(classes)).astype(np.float64)
    present = counts > 0
    weights = np.ones(len(classes))
    weights[present] = (len(labels) / (present.sum() * counts[present])) ** power
    return torch.tensor(weights, dtype=torch.float32)
