"""A text for each image, of which only the order of the characters is known: connectionist temporal classification.

Graves et al., "Connectionist Temporal Classification", 2006. The model gives logits for each position along the image;
token 0 is the blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.batches import Batch, DeviceSplit
from engine.dataset import Split
from engine.errors import DataError
from engine.losses import Loss, build_module
from engine.samples import text_of
from engine.task import Answers, Evaluation, Task
from engine.transcripts import collapsed, error_rates, samples, true_tokens

LOSSES = ("CTCLoss",)
SCORES = ("loss", "cer", "accuracy")
TRAINED = ("loss",)
MONITOR = "cer"

Tensor = torch.Tensor


def refuse_too_long(batch: Batch, positions: int) -> None:
    """A text needs a position for each character, and one for a blank between two equal ones.

    Raises:
        DataError: there are fewer: it could not be learnt, and its loss would count as nothing.
    """
    assert batch.label_lengths is not None
    labels = batch.labels
    inside = torch.arange(1, labels.shape[1], device=labels.device) < batch.label_lengths[:, None]
    needed = batch.label_lengths + ((labels[:, 1:] == labels[:, :-1]) & inside).sum(1)
    if int(needed.max()) > positions:
        row = int(needed.argmax())
        raise DataError(
            f"a text of {int(batch.label_lengths[row])} characters needs {int(needed[row])} positions, one more for"
            f" each character that is repeated at once; the model has {positions}",
            hint="a smaller model.window_stride gives more positions",
        )


class AlignmentLoss(Loss):
    """CTC loss of logits (n, positions, classes): the mean over the batch of each text's, divided by its length."""

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number.

        Raises:
            DataError: a text has more characters than the model has positions.
        """
        assert batch.label_lengths is not None
        positions = torch.full_like(batch.label_lengths, output.shape[1])
        if output.shape[1] < 2 * batch.labels.shape[1]:
            refuse_too_long(batch, output.shape[1])
        value: Tensor = self.module(
            torch.log_softmax(output, 2).transpose(0, 1), batch.labels, positions, batch.label_lengths
        )
        return value


class Ctc(Task):
    """Texts by CTC, decoded greedily."""

    forms = ("tokens",)
    kinds = ("image",)
    logged = ("loss", "cer", "accuracy")
    shown = ("loss", "cer")
    unseen = ("cer",)

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """CTC loss; texts that cannot be aligned count for nothing instead of an infinite loss."""
        name, module = build_module({"zero_infinity": True, **table}, LOSSES, self.device, blank=0)
        return AlignmentLoss(name, module)

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """The likeliest token at each position, (n, positions)."""
        return (output.argmax(2),)

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """The character error rate of greedy decoding, and the share of texts without an error."""
        predicted = collapsed(torch.cat([part[0] for part in answers]).cpu().numpy())
        true = true_tokens(split)
        rates, distances = error_rates(true, predicted)
        return Evaluation(
            {"loss": loss, **rates}, {"samples": samples(self.dataset, split, true, predicted, distances)}
        )

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The text of each image."""
        found = [
            text_of(self.dataset.classes, tokens)
            for batch in split.in_order(size)
            for tokens in collapsed(self.output(model, batch).argmax(2).cpu().numpy())
        ]
        return [{"input": name, "predicted": text} for name, text in zip(given, found, strict=True)]
