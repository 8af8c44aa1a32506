"""The next token at each position of a text: language models, scored by perplexity and bits per character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from engine.batches import Batch, DeviceSplit
from engine.dataset import Split
from engine.losses import Loss, build_module
from engine.samples import SAMPLES, text_of
from engine.task import Answers, Evaluation, Task

LOSSES = ("CrossEntropyLoss",)
SCORES = ("loss", "accuracy", "perplexity", "bits_per_character")
TRAINED = ("loss", "accuracy")
MONITOR = "loss"

Tensor = torch.Tensor
_PADDING = 0
_GENERATED = 120
"""Characters that a model goes on with, to be looked at."""
_PROMPT = 24
_SHOWN = 160
_SEED = 20


class TokenLoss(Loss):
    """Cross entropy of logits (n, positions, tokens) over all positions that have a token."""

    def __call__(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch, one number."""
        labels = batch.labels[:, : output.shape[1]]
        value: Tensor = self.module(output.flatten(0, 1), labels.flatten())
        return value

    def size(self, batch: Batch) -> Tensor | int:
        """Its tokens."""
        return (batch.labels != _PADDING).sum()


class NextToken(Task):
    """Which token comes next."""

    forms = ("tokens",)
    kinds = ("sequence",)
    logged = ("loss", "accuracy", "perplexity", "bits_per_character")
    shown = ("loss", "bits_per_character", "accuracy")

    def build_loss(self, table: dict[str, Any]) -> Loss:
        """Cross entropy."""
        name, module = build_module(table, LOSSES, self.device, ignore_index=_PADDING)
        return TokenLoss(name, module)

    def right(self, output: Tensor, batch: Batch) -> Tensor:
        """The share of tokens that are right, counted in samples."""
        labels = batch.labels[:, : output.shape[1]]
        right = ((output.detach().argmax(2) == labels) & (labels != _PADDING)).sum()
        return right / (labels != _PADDING).sum() * len(batch)

    def answers(self, model: torch.nn.Module, output: Tensor, batch: Batch, full: bool) -> tuple[Tensor, ...]:
        """The likeliest token at each position of the first samples, how many of all are right, of how many."""
        labels = batch.labels[:, : output.shape[1]]
        likeliest = output.argmax(2)
        right = ((likeliest == labels) & (labels != _PADDING)).sum()
        return likeliest[:SAMPLES], right, (labels != _PADDING).sum()

    def evaluation(self, split: Split, loss: float, answers: Answers, full: bool) -> Evaluation:
        """Perplexity, exp(loss), and bits per character, loss / ln 2 (Shannon, 1951)."""
        right, tokens = (sum(int(part[k]) for part in answers) for k in (1, 2))
        metrics = {
            "loss": loss,
            "accuracy": right / max(1, tokens),
            "perplexity": math.exp(min(loss, 700.0)),
            "bits_per_character": loss / math.log(2),
        }
        return Evaluation(metrics, {"samples": self._samples(split, answers[0][0].cpu().numpy())})

    def _samples(self, split: Split, likeliest: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
        """The first texts, what comes next in them, and what the model takes for likeliest at each position."""
        symbols = self.dataset.vocabulary
        assert split.lengths is not None
        found = []
        for row in range(min(len(likeliest), SAMPLES // 2)):
            length = min(int(split.lengths[row]), _SHOWN)
            found.append(
                {
                    "input": text_of(symbols, split.inputs[row, :length].tolist()),
                    "row": row,
                    "true": text_of(symbols, split.labels[row, :length].tolist()),
                    "predicted": text_of(symbols, likeliest[row, :length].tolist()),
                }
            )
        return found

    def more_samples(self, model: torch.nn.Module, split: Split) -> dict[str, Any]:
        """How the model goes on from the beginning of the split's first text, drawn by its probabilities."""
        assert split.lengths is not None
        prompt = split.inputs[0, : min(_PROMPT, int(split.lengths[0]))].tolist()
        text = text_of(self.dataset.vocabulary, self.continued(model, prompt, _GENERATED))
        return {"generated": [{"prompt": text_of(self.dataset.vocabulary, prompt), "text": text}]}

    def continued(self, model: torch.nn.Module, prompt: Sequence[int], count: int) -> list[int]:
        """`count` tokens after a prompt, drawn by the model's probabilities from a seed of its own.

        The whole text so far is read again for each, so that any model of this task can do it; at most as much of it
        as a sample of the data set has.
        """
        generator = torch.Generator().manual_seed(_SEED)
        longest = self.spec().shape[0]
        tokens = list(prompt)
        for _ in range(count):
            seen = torch.tensor([tokens[-longest:]], device=self.device)
            logits = model(seen, torch.tensor([seen.shape[1]], device=self.device))[0, -1].float().cpu()
            logits[:2] = -torch.inf  # neither padding nor the unknown character
            tokens.append(int(torch.multinomial(torch.softmax(logits, 0), 1, generator=generator)))
        return tokens[len(prompt) :]

    def predict(
        self, model: torch.nn.Module, split: DeviceSplit, given: Sequence[str], size: int
    ) -> list[dict[str, Any]]:
        """How the model goes on with each text."""
        found = []
        for row, text in enumerate(given):
            length = len(text) if split.lengths is None else int(split.lengths[row])
            tokens = self.continued(model, split.inputs[row, :length].tolist(), _GENERATED)
            found.append({"input": text, "predicted": text_of(self.dataset.vocabulary, tokens)})
        return found
