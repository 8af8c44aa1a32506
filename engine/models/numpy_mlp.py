"""A multilayer perceptron whose forward pass, backward pass and SGD are written in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.autograd.function import once_differentiable

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import needs

KINDS = ("features",)
Tensor = torch.Tensor
Array = NDArray[Any]
"""float32 or float64, whichever the weights are."""

# ------------------------------------------------------------------------------------------------ forward and backward


def forward_pass(inputs: Array, weights: Sequence[Array]) -> list[Array]:
    """What each layer takes, and at last the logits.

    Args:
        inputs: (n, d).
        weights: weight (out, in) and bias (out,) of each layer in turn.

    Returns:
        (n, d), the outputs after ReLU (n, out) of each hidden layer, and the logits (n, classes).
    """
    values = [inputs]
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        taken = np.maximum(values[-1], 0) if len(values) > 1 else inputs
        values[-1] = taken
        values.append(taken @ weight.T + bias)
    return values


def backward_pass(slope: Array, values: Sequence[Array], weights: Sequence[Array]) -> tuple[list[Array], Array]:
    """The gradients of a loss by backpropagation (Rumelhart, Hinton and Williams 1986).

    Args:
        slope: the loss's gradient with respect to the logits (n, classes).
        values: what `forward_pass` returned.
        weights: as it took them.

    Returns:
        The gradient of each of `weights`, in their order, and that of the inputs.
    """
    gradients: list[Array] = []
    for layer in reversed(range(len(weights) // 2)):
        taken = values[layer]
        gradients += [slope.sum(0), slope.T @ taken]
        slope = slope @ weights[2 * layer]
        if layer:
            slope *= taken > 0
    return gradients[::-1], slope


class NumpyFunction(torch.autograd.Function):
    """The two passes as one operation of torch, so that any of its losses and optimizers work with them."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, *weights: Tensor) -> Tensor:
        """Logits (n, classes) of inputs (n, d)."""
        values = forward_pass(_array(inputs), [_array(weight) for weight in weights])
        ctx.save_for_backward(*weights)
        ctx.values = values
        return torch.from_numpy(values[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs and of each weight."""
        weights = [_array(weight) for weight in ctx.saved_tensors]
        gradients, slope = backward_pass(_array(slopes[0]), ctx.values, weights)
        return torch.from_numpy(slope), *(torch.from_numpy(gradient) for gradient in gradients)


def _array(tensor: Tensor) -> Array:
    """The same memory as an array."""
    array: Array = tensor.detach().numpy()
    return array


# -------------------------------------------------------------------------------------------------------- the SGD loop


class Workspace:
    """Everything that SGD steps with batches of one size write to, so that a step allocates nothing.

    Samples are columns, and a row of ones under each layer's inputs makes its bias one more column of its weight. All
    weights lie in one array and all gradients in another: a step ends with one subtraction.
    """

    def __init__(self, widths: Sequence[int], batch: int, kind: np.dtype[Any]) -> None:
        self.widths, self.batch, self.kind = tuple(widths), batch, kind
        shapes = [(out, size + 1) for size, out in pairwise(widths)]
        self.flat, self.weights = _pieces(shapes, kind)
        self.flat_gradient, self.gradients = _pieces(shapes, kind)
        self.logits, self.probabilities, self.each = (np.empty((widths[-1], batch), kind) for _ in range(3))
        self.largest = np.empty((1, batch), kind)
        self._taken = [np.ones((width + 1, batch), kind) for width in widths[1:-1]]
        self._slopes = [np.empty((width + 1, batch), kind) for width in widths[1:-1]]
        self.ups, self.downs = self._ups(), self._downs()

    def __reduce__(self) -> tuple[Any, ...]:
        # a copy has memory of its own, which no view of this one's shows
        return Workspace, (self.widths, self.batch, self.kind)

    def _ups(self) -> list[tuple[Any, ...]]:
        """For each hidden layer: its product, where that goes, zeros of that shape, what the next layer takes."""
        return [
            (weight.dot, taken[:-1], np.zeros_like(taken[:-1]), taken)
            for weight, taken in zip(self.weights, self._taken, strict=False)
        ]

    def _downs(self) -> list[tuple[Any, ...]]:
        """For each layer from the last to the second: what its gradient and the slopes of the layer before need."""
        found: list[tuple[Any, ...]] = []
        above = self.probabilities
        for layer in reversed(range(1, len(self.weights))):
            taken, slopes = self._taken[layer - 1], self._slopes[layer - 1]
            products = above.dot, taken.T, self.gradients[layer], self.weights[layer].T.dot, above, slopes
            above = slopes[:-1]
            found.append((*products, taken[:-1], np.empty_like(above), above))
        return found

    def load(self, weights: Sequence[Array]) -> None:
        """Take over the weights and biases of all layers."""
        for own, weight, bias in zip(self.weights, weights[::2], weights[1::2], strict=True):
            own[:, :-1], own[:, -1] = weight, bias

    def store(self, weights: Sequence[Array]) -> None:
        """Write them back."""
        for own, weight, bias in zip(self.weights, weights[::2], weights[1::2], strict=True):
            weight[...], bias[...] = own[:, :-1], own[:, -1]

    def run(self, inputs: Array, targets: Array, learning_rate: float) -> Array:
        """Do one step of SGD for each batch.

        Args:
            inputs: (steps, d + 1, batch), the last row of each batch ones.
            targets: (steps, classes, batch), 1 at each sample's class, else 0.
            learning_rate: of all steps.

        Returns:
            The logits (steps, classes, batch) that each step had before its update, each sample's largest brought to 0.
        """
        # what a step uses has a name of its own: looking it up would take longer than some of the operations
        maximum, largest, subtract, multiply = np.maximum, np.maximum.reduce, np.subtract, np.multiply
        exp, divide, sign = np.exp, np.divide, np.sign
        flat, flat_gradient, ups, downs = self.flat, self.flat_gradient, self.ups, self.downs
        logits, top, each, tops = self.logits, self.probabilities, self.each, self.largest
        # products with ones: a sample's number, and the sum over its classes, at each of its classes. numpy is three
        # times as fast with arrays of one shape than where it has to repeat one of them
        repeated, summed = np.ones_like(logits[:, :1]).dot, np.ones((len(logits), len(logits)), self.kind).dot
        last, outer, first_gradient = self.weights[-1].dot, (downs[-1][-1] if downs else top).dot, self.gradients[0]
        rate = np.array(learning_rate / self.batch, self.kind)
        rows, shifted_logits = inputs.transpose(0, 2, 1), np.empty_like(targets)
        for values, row, target, shifted in zip(inputs, rows, targets, shifted_logits, strict=True):
            for product, out, zeros, taken in ups:
                product(values, out)
                maximum(out, zeros, out=out)
                values = taken
            last(values, logits)
            largest(logits, axis=0, out=tops, keepdims=True)
            subtract(logits, repeated(tops, each), shifted)
            # the gradient of cross entropy: softmax minus the target
            exp(shifted, top)
            divide(top, summed(top, each), top)
            subtract(top, target, top)
            multiply(top, rate, top)
            for product, taken, gradient, back, above, slopes, out, passed, slope in downs:
                product(taken, gradient)
                back(above, slopes)
                multiply(slope, sign(out, passed), slope)
            outer(row, first_gradient)
            subtract(flat, flat_gradient, flat)
        return shifted_logits


def _pieces(shapes: Sequence[tuple[int, int]], kind: np.dtype[Any]) -> tuple[Array, list[Array]]:
    """One array of zeros, and views of it with these shapes, one behind the other."""
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    flat = np.zeros(ends[-1], kind)
    return flat, [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


# ----------------------------------------------------------------------------------------------------------- the model


class NumpyMLP(nn.Module):
    """Linear layers with ReLU between them: torch's parameters, initialised as torch does, computed with by numpy."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.layers = nn.ModuleList(nn.Linear(size, out) for size, out in pairwise(widths))
        self._workspace: Workspace | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, classes) of features (n, d)."""
        weights = self._weights()
        logits: Tensor = NumpyFunction.apply(inputs.to(weights[0].dtype), *weights)
        return logits

    def sgd_steps(
        self, inputs: NDArray[np.float32], labels: NDArray[np.int64], learning_rate: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps of plain SGD on the mean cross entropy, one for each batch; the weights are changed in place.

        Args:
            inputs: (steps, batch, d).
            labels: (steps, batch) class indices.
            learning_rate: of all these steps.

        Returns:
            Mean loss and share of right answers of each step's batch, (steps,) both, before the step's update.
        """
        weights = [_array(weight) for weight in self._weights()]
        steps, batch, size = inputs.shape
        workspace = self._workspace_for(batch, weights[0].dtype)
        columns = np.ones((steps, size + 1, batch), workspace.kind)
        columns[:, :-1] = inputs.transpose(0, 2, 1)
        targets = np.zeros((steps, self.widths[-1], batch), workspace.kind)
        np.put_along_axis(targets, labels[:, None], 1, 1)
        workspace.load(weights)
        with np.errstate(all="ignore"):  # what is not finite shows in the losses, as it does in torch's
            logits = workspace.run(columns, targets, learning_rate)
            scores = _scores(logits, labels)
        workspace.store(weights)
        return scores

    def _weights(self) -> list[nn.Parameter]:
        """Weight and bias of each layer in turn, looked up anew: they may have been replaced or moved.

        Raises:
            SettingsError: they are not in this computer's main memory.
        """
        weights = list(self.layers.parameters())
        if weights[0].device.type != "cpu":
            raise SettingsError(
                f"model numpy_mlp computes on the CPU; here it is on {weights[0].device}", hint="use --device cpu"
            )
        return weights

    def _workspace_for(self, batch: int, kind: np.dtype[Any]) -> Workspace:
        kept = self._workspace
        if kept is None or (kept.batch, kept.kind) != (batch, kind):
            kept = self._workspace = Workspace(self.widths, batch, kind)
        return kept


def _scores(logits: Array, labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean cross entropy and share of right answers (steps,) of logits (steps, classes, batch), the largest being 0."""
    of_labels = np.take_along_axis(logits, labels[:, None], 1)[:, 0]
    losses = np.log(np.exp(logits).sum(1)) - of_labels
    return losses.mean(1, dtype=np.float64), (logits.argmax(1) == labels).mean(1)


def build(spec: InputSpec, *, hidden: list[int] | None = None) -> nn.Module:
    """A multilayer perceptron written in numpy: linear layers with ReLU between them, on the CPU.

    Args:
        spec: features.
        hidden: units of each hidden layer; [20] when absent.

    Raises:
        SettingsError: no features, or a layer without units.
    """
    needs("numpy_mlp", spec, *KINDS)
    widths = [20] if hidden is None else hidden
    if any(width < 1 for width in widths):
        raise SettingsError(f"model.hidden = {widths}: a layer needs at least 1 unit")
    return NumpyMLP([spec.shape[0], *widths, spec.classes])
