"""What a task is: which losses train it, what a model's answers are worth, and how they are shown. One file a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from engine.batches import Batch, DeviceSplit
from engine.dataset import Dataset, Form, InputSpec, Split, input_spec
from engine.diagnosis import Finding, non_finite, overfitting
from engine.errors import SettingsError
from engine.loop_state import LoopState
from engine.losses import Loss

Tensor = torch.Tensor
Answers = list[tuple[Tensor, ...]]
"""What is kept of each batch, still on the device."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of a split, and what its evaluation file holds besides."""

    metrics: dict[str, float]
    """Without prefix; the loss among them."""
    content: dict[str, Any]
    """At least `samples`: some answers to look at."""


class Task:
    """Base of all tasks. A task's file also says LOSSES, SCORES, TRAINED and MONITOR, which are read without torch."""

    forms: ClassVar[tuple[Form, ...]] = ("class",)
    """What kind of labels it learns."""
    kinds: ClassVar[tuple[str, ...]] = ("features", "image", "sequence")
    """What kind of inputs."""
    logged: ClassVar[tuple[str, ...]] = ("loss",)
    """The scores of an evaluation that become series."""
    shown: ClassVar[tuple[str, ...]] = ("loss",)
    """The scores that a line about an evaluation has."""
    unseen: ClassVar[tuple[str, ...]] = ()
    """The scores that are also given without samples that stand in the train split; `answers` then holds one row for
    each sample."""
    teacher_forcing: ClassVar[bool] = False
    """Whether the model is given the label tokens before the one it predicts."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self.dataset, self.device = dataset, device
        form = dataset.splits["train"].form
        name = type(self).__module__.rpartition(".")[2]
        if form not in self.forms:
            raise SettingsError(
                f"the task {name} learns {' or '.join(_LABELS[f] for f in self.forms)};"
                f" this data set has {_LABELS[form]}",
                hint="leave task out: then it is the one that the data set is made for",
            )
        if dataset.kind not in self.kinds:
            raise SettingsError(
                f"the task {name} takes {' or '.join(self.kinds)} inputs; this data set has {dataset.kind} ones",
                hint="leave task out: then it is the one that the data set is made for",
            )

    # ---------------------------------------------------------------------------------------------------- what it needs

    def spec(self) -> InputSpec:
        """What a model must be built for."""
        return input_spec(self.dataset, teacher_forcing=self.teacher_forcing)

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """The loss of a settings table.

        Raises:
            SettingsError: it is none of this task's, or refuses its arguments.
        """
        raise NotImplementedError

    # -------------------------------------------------------------------------------------------------------- one batch

    def output(self, model: torch.nn.Module, batch: Batch) -> Tensor:
        """What the model makes of a batch, as the loss takes it."""
        return batch.logits(model)

    def right(self, output: Tensor, batch: Batch) -> Tensor | None:
        """How many of a training batch's answers are right, to be divided by `count`; None where none is just right."""
        return None

    def count(self, batch: Batch) -> int:
        """Answers in a batch."""
        return len(batch)

    # ------------------------------------------------------------------------------------------------------ evaluation

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """What to keep of a batch's output for `evaluation`; `full` also what is only asked for at the end of a run."""
        raise NotImplementedError

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """The scores of a whole split.

        Args:
            split: its inputs and labels, in the order of the answers.
            loss: mean over the split.
            answers: what `answers` gave for each batch.
            full: whether this is an evaluation with every score.
        """
        raise NotImplementedError

    def more_samples(self, model: torch.nn.Module, split: Split) -> dict[str, Any]:
        """What a model in evaluation mode shows besides its answers, such as text it goes on with."""
        return {}

    def findings(self, loop: LoopState, prefix: str, evaluation: Evaluation, train_loss: float | None) -> list[Finding]:
        """What an evaluation says of the run; findings told before are left out by the caller."""
        metrics = evaluation.metrics
        found = [overfitting(loop, prefix, metrics, train_loss), non_finite(prefix, metrics)]
        return [finding for finding in found if finding is not None]

    # ------------------------------------------------------------------------------------------------------ prediction

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """Answers to inputs of a command line: {"input", "predicted", …} each; `model` is in evaluation mode."""
        raise SettingsError("this task gives no predictions for single inputs")


_LABELS = {"class": "one class a sample", "tokens": "a sequence of labels a sample", "numbers": "numbers"}


def load_task(name: str, dataset: Dataset, device: torch.device, folder: Any) -> Task:
    """The task of that name for a data set.

    Args:
        name: a file of engine/tasks, or `package.module:Class`.
        folder: where the user's modules are.

    Raises:
        SettingsError: there is none of that name, or it cannot learn from this data set.
    """
    from engine.components import load_task_class

    kind = load_task_class(name, folder)
    task = kind(dataset, device)
    if not isinstance(task, Task):
        raise SettingsError(
            f"the task {name!r} is a {type(task).__name__}", hint="its class must extend engine.task.Task"
        )
    return task
