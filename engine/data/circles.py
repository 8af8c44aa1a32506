"""A circle within a circle: scikit-learn's make_circles, point for point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.dataset import Dataset
from engine.errors import SettingsError
from engine.synthetic import check, two_shapes


def load(root: Path, *, samples: int = 1000, noise: float = 0.05, factor: float = 0.5, data_seed: int = 0) -> Dataset:
    """A circle within a circle in the plane, generated; the same points as scikit-learn's make_circles.

    Args:
        root: not used.
        samples: points of both classes together.
        noise: standard deviation of what is added to each coordinate.
        factor: radius of the inner circle, from 0 to below 1.
        data_seed: seed of order and noise; apart from the run's.

    Raises:
        SettingsError: an argument out of its range.
    """
    check("circles", samples=samples, noise=noise, data_seed=data_seed)
    if not 0 <= factor < 1:
        raise SettingsError(f"data set 'circles': factor = {factor}; it must be from 0 to below 1")
    outer = np.linspace(0, 2 * np.pi, samples // 2, endpoint=False)
    inner = np.linspace(0, 2 * np.pi, samples - samples // 2, endpoint=False)
    return two_shapes(
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([np.cos(inner) * factor, np.sin(inner) * factor], axis=1),
        noise,
        data_seed,
    )
