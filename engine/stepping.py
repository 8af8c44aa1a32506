"""One optimizer step: forward, backward, clip, update; in the number format and with the accumulation asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from engine.batches import Batch
from engine.errors import EngineError, SettingsError
from engine.losses import Loss
from engine.measure import precision_context
from engine.optim import needs_closure, step_function
from engine.settings import Train

Tensor = torch.Tensor
Value = Tensor | float
Outcome = tuple[Value, Value, Value | None, int]
"""Mean loss, share of right answers, gradient norm where gradients are clipped, number of samples. Tensors on a GPU:
asking for their values would wait for it."""


class NonFiniteError(EngineError):
    """The loss has become NaN or infinite."""

    title = "Not finite"


class Stepper:
    """Does optimizer steps; knows nothing of epochs."""

    def __init__(
        self, model: torch.nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, train: Train, device: torch.device
    ) -> None:
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._clip = train.clip_grad_norm
        self._precision, self._device = train.precision, device
        self.direct = device.type == "cpu"
        """Values are numbers at once; elsewhere they stay tensors."""
        self.scaler: Any = None
        if train.precision == "fp16":
            self.scaler = torch.amp.GradScaler(device.type)
        self._update: Callable[[], Any] = step_function(optimizer)
        self._with_closure = needs_closure(optimizer)
        if self._with_closure and self.scaler is not None:
            raise SettingsError(
                "LBFGS evaluates the loss several times a step, which fp16's loss scaling cannot",
                hint="train.precision = fp32 or bf16",
            )

    def __call__(self, batches: list[Batch]) -> Outcome:
        """Train on batches whose gradients are averaged as if they were one.

        Raises:
            NonFiniteError: the loss is NaN or infinite, where that is known at once; the weights are as before.
        """
        if self._with_closure:
            return self._closure_step(batches)
        outcome = self._forward_backward(batches)
        norm: Value | None = None
        scaler = self.scaler
        if self._clip is not None:
            if scaler is not None:
                scaler.unscale_(self._optimizer)
            norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
            norm = norm.item() if self.direct else norm
        if scaler is None:
            self._update()
        else:
            scaler.step(self._optimizer)
            scaler.update()
        return (outcome[0], outcome[1], norm, outcome[3])

    def _forward_backward(self, batches: list[Batch]) -> Outcome:
        for parameter in self._parameters:
            parameter.grad = None
        if len(batches) == 1:
            loss, right = self._one(batches[0], None)
            return (loss, right, None, len(batches[0]))
        return self._several(batches)

    def _one(self, batch: Batch, share: Tensor | float | None) -> tuple[Value, Value]:
        """Gradients of one batch, its loss counted by `share`; the loss and the share of right answers."""
        if self._precision == "fp32":
            logits = batch.logits(self._model)
            loss = self._loss.function(logits, batch.labels)
        else:
            with precision_context(self._precision, self._device):
                logits = batch.logits(self._model)
                loss = self._loss.function(logits.float(), batch.labels)
        value: Value = loss.detach()
        if self.direct:
            value = loss.item()
            if not math.isfinite(value):
                raise NonFiniteError(f"the loss became {value}")
        counted = loss if share is None else loss * share
        (counted if self.scaler is None else self.scaler.scale(counted)).backward()
        right = (logits.detach().argmax(1) == batch.labels).sum()
        return value, (right.item() / len(batch) if self.direct else right / len(batch))

    def _several(self, batches: list[Batch]) -> Outcome:
        sizes = [self._loss.size(batch.labels) for batch in batches]
        whole: Any = sum(sizes[1:], start=sizes[0])
        samples = sum(len(batch) for batch in batches)
        total: Value = 0.0
        right: Value = 0.0
        for batch, size in zip(batches, sizes, strict=True):
            share = 1.0 if self._loss.summed else size / whole
            loss, accuracy = self._one(batch, share)
            total = total + loss * (share.item() if self.direct and isinstance(share, Tensor) else share)
            right = right + accuracy * len(batch) / samples
        return (total, right, None, samples)

    def _closure_step(self, batches: list[Batch]) -> Outcome:
        first: list[Outcome] = []
        norms: list[Value] = []

        def closure() -> Value:
            outcome = self._forward_backward(batches)
            if self._clip is not None:
                norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
                norms.append(norm.item() if self.direct else norm)
            first.append(outcome)
            return outcome[0]

        self._optimizer.step(closure)  # type: ignore[arg-type]
        loss, right, _, samples = first[0]
        return (loss, right, norms[0] if norms else None, samples)
