"""What the generated data sets share: shuffling and noise as scikit-learn draws them, and checks of arguments."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.errors import SettingsError
from engine.numbers import encode_numbers


def check(name: str, *, samples: int, noise: float, data_seed: int) -> None:
    """Refuse impossible arguments.

    Raises:
        SettingsError: naming the argument and its range.
    """
    if samples < 4:
        raise SettingsError(f"data set {name!r}: samples = {samples}; it must be at least 4")
    if not (math.isfinite(noise) and noise >= 0):
        raise SettingsError(f"data set {name!r}: noise = {noise}; it must be 0 or more")
    if not 0 <= data_seed < 2**32:
        raise SettingsError(f"data set {name!r}: data_seed = {data_seed}; it must be from 0 to 2**32 - 1")


def two_shapes(outer: NDArray[np.float64], inner: NDArray[np.float64], noise: float, data_seed: int) -> Dataset:
    """Two shapes of points, (n, 2) each, as a data set of two classes."""
    generator = np.random.RandomState(data_seed)  # scikit-learn's, so that the points are the same
    points = np.vstack([outer, inner])
    labels = np.repeat(np.array([0, 1], np.int64), [len(outer), len(inner)])
    order = np.arange(len(points))
    generator.shuffle(order)
    points, labels = points[order], labels[order]
    points += generator.normal(scale=noise, size=points.shape)
    return plane(points, labels, ("outer", "inner"))


def plane(points: NDArray[np.float64], labels: NDArray[np.int64], classes: tuple[str, ...]) -> Dataset:
    """Points with named axes x1, x2, … as a data set."""
    columns = tuple(f"x{i + 1}" for i in range(points.shape[1]))
    split = Split(points.astype(np.float32), labels.astype(np.int64))
    return Dataset(
        "features",
        {"train": split},
        classes,
        columns=columns,
        note="generated",
        encode=lambda given: encode_numbers(given, columns),
    )
