"""One optimizer step: forward, backward, clip, update; in the number format and with the accumulation asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from engine.batches import Batch
from engine.errors import EngineError, SettingsError
from engine.layer_watch import LayerWatch
from engine.losses import Loss
from engine.measure import precision_context
from engine.optim import needs_closure, step_function, warmed_up
from engine.settings import Train
from engine.stopwatch import Stopwatch
from engine.task import Task

Tensor = torch.Tensor
Value = Tensor | float
Outcome = tuple[Value, Value | None, Value | None, int]
"""Mean loss, share of right answers where the task has them, gradient norm where gradients are clipped, number of
samples. Tensors on a GPU: asking for their values would wait for it."""


class NonFiniteError(EngineError):
    """The loss has become NaN or infinite."""

    title = "Not finite"


class Stepper:
    """Does optimizer steps; knows nothing of epochs."""

    def __init__(
        self,
        model: torch.nn.Module,
        task: Task,
        loss: Loss,
        optimizer: torch.optim.Optimizer,
        train: Train,
        device: torch.device,
        warmup_steps: int = 0,
    ) -> None:
        self._model, self._task, self._loss, self._optimizer = model, task, loss, optimizer
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._clip, self._warmup = train.clip_grad_norm, warmup_steps
        self._precision, self._device = train.precision, device
        self.watch = Stopwatch(device)
        self.layers = LayerWatch(model)
        self.layer_values: tuple[Tensor, Tensor] | None = None
        """Gradient norms and update ratios of the last step, where it was told to measure them."""
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

    def __call__(self, batches: list[Batch], step: int, measure_layers: bool = False) -> Outcome:
        """Train on batches whose gradients are averaged as if they were one.

        Args:
            step: optimizer steps done before.
            measure_layers: leave gradient norms and update ratios of the layers in `layer_values`.

        Raises:
            NonFiniteError: the loss is NaN or infinite, where that is known at once; the weights are as before.
        """
        self.layer_values = None
        if self._with_closure:
            with warmed_up(self._optimizer, step, self._warmup):
                return self._closure_step(batches)
        outcome = self._forward_backward(batches)
        norms = self._before_update() if measure_layers else None
        norm: Value | None = None
        if self._clip is not None:
            self._unscale()
            norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
            norm = norm.item() if self.direct else norm
        if step < self._warmup:
            with warmed_up(self._optimizer, step, self._warmup):
                self._apply()
        else:
            self._apply()
        if norms is not None:
            self.layer_values = norms, self.layers.update_ratios()
        self.watch.lap("update")
        return (outcome[0], outcome[1], norm, outcome[3])

    def _before_update(self) -> Tensor:
        self._unscale()
        self.layers.remember()
        return self.layers.gradients()

    def _unscale(self) -> None:
        """Divide the gradients by the loss scale; the scaler refuses to do it twice in a step."""
        if self.scaler is None:
            return
        state = self.scaler._per_optimizer_states[id(self._optimizer)]["stage"]
        if state.name == "READY":
            self.scaler.unscale_(self._optimizer)

    def _apply(self) -> None:
        if self.scaler is None:
            self._update()
        else:
            self.scaler.step(self._optimizer)
            self.scaler.update()

    def _forward_backward(self, batches: list[Batch]) -> Outcome:
        for parameter in self._parameters:
            parameter.grad = None
        if len(batches) == 1:
            loss, right = self._one(batches[0], None)
            return (loss, right, None, len(batches[0]))
        return self._several(batches)

    def _one(self, batch: Batch, share: Tensor | float | None) -> tuple[Value, Value | None]:
        """Gradients of one batch, its loss counted by `share`; the loss and the share of right answers."""
        if self._precision == "fp32":
            output = self._task.output(self._model, batch)
            loss = self._loss(output, batch)
        else:
            with precision_context(self._precision, self._device):
                output = self._task.output(self._model, batch)
                loss = self._loss(output.float(), batch)
        value: Value = loss.detach()
        if self.direct:
            value = loss.item()
            if not math.isfinite(value):
                raise NonFiniteError(f"the loss became {value}")
        self.watch.lap("forward")
        counted = loss if share is None else loss * share
        (counted if self.scaler is None else self.scaler.scale(counted)).backward()
        self.watch.lap("backward")
        right = self._task.right(output, batch)
        if right is None:
            return value, None
        count = self._task.count(batch)
        return value, (right.item() / count if self.direct else right / count)

    def _several(self, batches: list[Batch]) -> Outcome:
        sizes = [self._loss.size(batch) for batch in batches]
        whole: Any = sum(sizes[1:], start=sizes[0])
        answers = sum(self._task.count(batch) for batch in batches)
        total: Value = 0.0
        right: Value | None = 0.0
        for batch, size in zip(batches, sizes, strict=True):
            share = 1.0 if self._loss.summed else size / whole
            loss, accuracy = self._one(batch, share)
            total = total + loss * (share.item() if self.direct and isinstance(share, Tensor) else share)
            right = None if right is None or accuracy is None else right + accuracy * self._task.count(batch) / answers
        return (total, right, None, sum(len(batch) for batch in batches))

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
