"""Augmentations on the CPU, images of noise, and whether two samples can have one distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.augment import Augmentation
from engine.augment_settings import Augment

CPU = torch.device("cpu")
AFFINE: dict[str, Any] = {"degrees": 25.0, "translate": 0.2, "scale": [0.7, 1.4], "shear": 12.0}


def augmentation(shape: tuple[int, ...], mean: list[float] | None = None, seed: int = 0, **given: Any) -> Augmentation:
    channels, height, width = shape
    return Augmentation(Augment(**given), (channels, height, width), mean, seed, CPU)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def is_uniform(counts: NDArray[Any], ways: NDArray[Any] | None = None) -> bool:
    """Pearson's chi-squared of frequencies as the number of `ways`, within four deviations of its mean."""
    weights = np.ones(counts.size) if ways is None else ways
    expected = counts.sum() * weights / weights.sum()
    statistic, freedom = float(((counts - expected) ** 2 / expected).sum()), counts.size - 1
    return abs(statistic - freedom) < 4 * (2 * freedom) ** 0.5


def same_distribution(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Kolmogorov and Smirnov's test of two samples, at a level of 0.001."""
    at = np.concatenate([a, b])
    below_a, below_b = (np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b))
    return bool(np.abs(below_a - below_b).max() < 1.95 * (1 / len(a) + 1 / len(b)) ** 0.5)
