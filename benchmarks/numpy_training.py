"""SGD steps of `numpy_mlp` beside bare numpy loops and torch's, 2-20-2 with one and with 32 samples a step, in turn.

    python benchmarks/numpy_training.py [--repeat N] [--json FILE]

usual  a careful loop as one writes it: samples as rows, `out=` wherever that spares a temporary
best   the quickest loop known for this one network: samples as columns, biases as columns of the weights, everything
       unrolled and bound to names beforehand
torch  the same network as nn.Sequential, with torch.optim.SGD

All keep each step's loss and share of right answers. One thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.timing import options, paired, report
from engine.models.numpy_mlp import NumpyMLP

Array = NDArray[np.float32]
STEPS, INPUTS, HIDDEN, CLASSES = 1000, 2, 20, 2
RATE = 0.01


def weights_of(model: NumpyMLP) -> list[Array]:
    """Weight and bias of both layers, copied."""
    return [parameter.detach().numpy().copy() for parameter in model.parameters()]


def usual(weights: list[Array], inputs: Array, labels: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """SGD steps on two layers; losses and shares of right answers."""
    w1, b1, w2, b2 = weights
    batch = inputs.shape[1]
    h, z = np.empty((batch, HIDDEN), np.float32), np.empty((batch, CLASSES), np.float32)
    dh, dw1, dw2 = np.empty_like(h), np.empty_like(w1), np.empty_like(w2)
    samples = np.arange(batch)
    losses, right = [], []
    for x, y in zip(inputs, labels, strict=True):
        np.dot(x, w1.T, out=h)
        h += b1
        np.maximum(h, 0, out=h)
        np.dot(h, w2.T, out=z)
        z += b2
        right.append(float((z.argmax(1) == y).mean()))
        z -= z.max(1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(1, keepdims=True)
        losses.append(float(-np.log(z[samples, y]).mean()))
        z[samples, y] -= 1
        z *= RATE / batch
        np.dot(z, w2, out=dh)
        dh *= h > 0
        np.dot(z.T, h, out=dw2)
        np.dot(dh.T, x, out=dw1)
        w2 -= dw2
        b2 -= z.sum(0)
        w1 -= dw1
        b1 -= dh.sum(0)
    return losses, right


def best(weights: list[Array], inputs: Array, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """The same, as quick as it can be made."""
    w1, b1, w2, b2 = weights
    steps, batch = labels.shape
    one = np.float32
    x_all = np.ones((steps, INPUTS + 1, batch), one)
    x_all[:, :-1] = inputs.transpose(0, 2, 1)
    targets = np.zeros((steps, CLASSES, batch), one)
    np.put_along_axis(targets, labels[:, None], 1, 1)
    logits = np.empty_like(targets)
    flat = np.empty(sum(part.size for part in weights), one)
    change = np.empty_like(flat)
    split = w1.size + b1.size
    a1, a2 = flat[:split].reshape(HIDDEN, -1), flat[split:].reshape(CLASSES, -1)
    g1, g2 = change[:split].reshape(HIDDEN, -1), change[split:].reshape(CLASSES, -1)
    a1[:, :-1], a1[:, -1], a2[:, :-1], a2[:, -1] = w1, b1, w2, b2
    h_one, d_one = np.ones((HIDDEN + 1, batch), one), np.empty((HIDDEN + 1, batch), one)
    h, d, zeros, passed = h_one[:-1], d_one[:-1], np.zeros((HIDDEN, batch), one), np.empty((HIDDEN, batch), one)
    z, p, each, tops = (np.empty((rows, batch), one) for rows in (CLASSES, CLASSES, CLASSES, 1))
    rate = np.array(RATE / batch, one)
    repeated, summed = np.ones((CLASSES, 1), one).dot, np.ones((CLASSES, CLASSES), one).dot
    up1, up2, out1, out2, back = a1.dot, a2.dot, d.dot, p.dot, a2.T.dot
    h_rows = h_one.T
    maximum, largest, subtract, exp = np.maximum, np.maximum.reduce, np.subtract, np.exp
    divide, multiply, sign = np.divide, np.multiply, np.sign
    for x, rows, target, shifted in zip(x_all, x_all.transpose(0, 2, 1), targets, logits, strict=True):
        up1(x, h)
        maximum(h, zeros, out=h)
        up2(h_one, z)
        largest(z, axis=0, out=tops, keepdims=True)
        subtract(z, repeated(tops, each), shifted)
        exp(shifted, p)
        divide(p, summed(p, each), p)
        subtract(p, target, p)
        multiply(p, rate, p)
        out2(h_rows, g2)
        back(p, d_one)
        multiply(d, sign(h, passed), d)
        out1(rows, g1)
        subtract(flat, change, flat)
    w1[:], b1[:], w2[:], b2[:] = a1[:, :-1], a1[:, -1], a2[:, :-1], a2[:, -1]
    losses = np.log(np.exp(logits).sum(1)) - np.take_along_axis(logits, labels[:, None], 1)[:, 0]
    return losses.mean(1), (logits.argmax(1) == labels).mean(1)


def torch_loop(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[list[float], list[float]]:
    """The same with autograd and torch's own optimizer."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    losses, right = [], []
    for x, y in zip(inputs, labels, strict=True):
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((logits.argmax(1) == y).float().mean().item())
    return losses, right


def sequential(model: NumpyMLP) -> nn.Module:
    """torch's own network with the weights of `model`."""
    net = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    net.load_state_dict(dict(zip(net.state_dict(), model.state_dict().values(), strict=True)))
    return net


def measured(batch: int, repeat: int) -> dict[str, float]:
    """Microseconds a step and the ratios, of `repeat` rounds of all in turn; four times as many of the close two."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(STEPS, batch, INPUTS)).astype(np.float32)
    labels = (inputs.sum(2) > 0).astype(np.int64)
    model = NumpyMLP([INPUTS, HIDDEN, CLASSES])
    for_usual, for_best, net = weights_of(model), weights_of(model), sequential(model)
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels)
    alternatives: dict[str, Callable[[], Any]] = {
        "ours": lambda: model.sgd_steps(inputs, labels, RATE),
        "best": lambda: best(for_best, inputs, labels),
        "usual": lambda: usual(for_usual, inputs, labels),
        "torch": lambda: torch_loop(net, x, y),
    }
    first = [alternative() for alternative in alternatives.values()]
    for losses, right in first[1:]:
        np.testing.assert_allclose(losses, first[0][0], atol=1e-5)
        np.testing.assert_allclose(right, first[0][1], atol=1e-5)
    close = paired({name: alternatives[name] for name in ("ours", "best")}, rounds=4 * repeat)
    timings = paired(alternatives, rounds=repeat)
    label = f"2-20-2, {batch} a step"
    result = {f"{label}: numpy_mlp (µs a step)": 1e6 * close.median("ours") / STEPS}
    result[f"{label}: numpy_mlp / best numpy loop (×)"] = close.ratio("ours", "best")
    result[f"{label}: usual numpy loop / numpy_mlp (×)"] = timings.ratio("usual", "ours")
    result[f"{label}: torch / numpy_mlp (×)"] = timings.ratio("torch", "ours")
    return result


def main() -> None:
    """Measure, print, and write the figures."""
    chosen = options(__doc__, 15)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    report({**measured(1, chosen.repeat), **measured(32, chosen.repeat)}, chosen.json)


if __name__ == "__main__":
    main()
