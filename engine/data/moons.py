"""Two interleaving half circles: scikit-learn's make_moons, point for point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.dataset import Dataset
from engine.synthetic import check, two_shapes


def load(root: Path, *, samples: int = 1000, noise: float = 0.1, data_seed: int = 0) -> Dataset:
    """Two interleaving half circles in the plane, generated; the same points as scikit-learn's make_moons.

    Args:
        root: not used.
        samples: points of both classes together.
        noise: standard deviation of what is added to each coordinate.
        data_seed: seed of order and noise; apart from the run's.

    Raises:
        SettingsError: an argument out of its range.
    """
    check("moons", samples=samples, noise=noise, data_seed=data_seed)
    outer = np.linspace(0, np.pi, samples // 2)
    inner = np.linspace(0, np.pi, samples - samples // 2)
    return two_shapes(
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([1 - np.cos(inner), 1 - np.sin(inner) - 0.5], axis=1),
        noise,
        data_seed,
    )
