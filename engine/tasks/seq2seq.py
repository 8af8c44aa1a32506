"""A text for each input, token by token: the model is given the tokens before, and says which one comes next.

Trained with the true tokens before (teacher forcing, Williams and Zipser, 1989), scored on what it writes by itself:
greedily, with the model's `decode(inputs, longest) -> (n, longest) tokens`. Token 0 stands before the first one and
after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.batches import Batch, DeviceSplit
from engine.dataset import Split
from engine.errors import SettingsError
from engine.losses import Loss, build_module
from engine.samples import text_of
from engine.task import Answers, Evaluation, Task
from engine.transcripts import error_rates, samples, true_tokens, until_end

LOSSES = ("CrossEntropyLoss",)
SCORES = ("loss", "token_accuracy", "cer", "accuracy")
TRAINED = ("loss", "accuracy")
MONITOR = "cer"

Tensor = torch.Tensor
_NOTHING = -100
"""The label of positions behind the end of a text: they count for nothing."""


def given_tokens(batch: Batch) -> Tensor:
    """What the model is given: token 0, then the label tokens; (n, longest + 1)."""
    return torch.nn.functional.pad(batch.labels, (1, 0))


def wanted_tokens(batch: Batch) -> Tensor:
    """What it is to say: the label tokens, then 0 once; (n, longest + 1)."""
    assert batch.label_lengths is not None
    labels = torch.nn.functional.pad(batch.labels, (0, 1))
    behind = torch.arange(labels.shape[1], device=labels.device) > batch.label_lengths[:, None]
    return labels.masked_fill(behind, _NOTHING)


class TextLoss(Loss):
    """Cross entropy over the tokens of each text and its end."""

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        value: Tensor = self.module(output.flatten(0, 1), wanted_tokens(batch).flatten())
        return value

    def size(self, batch: Batch) -> Tensor | int:
        """Its tokens, ends included."""
        assert batch.label_lengths is not None
        return (batch.label_lengths + 1).sum()


class SequenceToSequence(Task):
    """Texts written token by token."""

    forms = ("tokens",)
    kinds = ("image",)
    teacher_forcing = True
    logged = ("loss", "token_accuracy", "cer", "accuracy")
    shown = ("loss", "cer")

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """Cross entropy."""
        name, module = build_module(table, LOSSES, self.device, ignore_index=_NOTHING)
        return TextLoss(name, module)

    def output(self, model: torch.nn.Module, batch: Batch) -> Tensor:
        """Logits (n, longest + 1, classes), each position having seen the true tokens before it."""
        result: Tensor = model(batch.inputs, given_tokens(batch))
        return result

    def right(self, output: Tensor, batch: Batch) -> Tensor:
        """The share of tokens that are right, counted in samples."""
        wanted = wanted_tokens(batch)
        right = (output.detach().argmax(2) == wanted).sum()
        return right / (wanted != _NOTHING).sum() * len(batch)

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """What the model writes by itself, (n, longest); how many tokens are right with the true ones before, of how
        many."""
        decode = getattr(model, "decode", None)
        if decode is None:
            raise SettingsError(
                f"the model {type(model).__name__} cannot write by itself",
                hint="it needs a method decode(inputs, longest) that gives tokens (n, longest)",
            )
        wanted = wanted_tokens(batch)
        right = (output.argmax(2) == wanted).sum()
        return decode(batch.inputs, batch.labels.shape[1] + 1), right, (wanted != _NOTHING).sum()

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """The character error rate of what is written, and the share of tokens right with the true ones before."""
        predicted = until_end(torch.cat([part[0] for part in answers]).cpu().numpy())
        true = true_tokens(split)
        rates, distances = error_rates(true, predicted)
        right, tokens = (sum(int(part[k]) for part in answers) for k in (1, 2))
        metrics = {"loss": loss, "token_accuracy": right / max(1, tokens), **rates}
        return Evaluation(metrics, {"samples": samples(self.dataset, split, true, predicted, distances)})

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """The text of each input."""
        longest = self.spec().longest_label + 1
        found = [
            text_of(self.dataset.classes, tokens)
            for batch in split.in_order(size)
            for tokens in until_end(model.decode(batch.inputs, longest).cpu().numpy())  # type: ignore[operator]
        ]
        return [{"input": name, "predicted": text} for name, text in zip(given, found, strict=True)]
