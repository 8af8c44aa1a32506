"""Wines: 13 chemical measurements, three growers, 178 samples."""

from __future__ import annotations

from pathlib import Path

from engine.bundled import classification
from engine.dataset import Dataset

_COLUMNS = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
)


def load(root: Path) -> Dataset:
    """Wines: 13 chemical measurements, 3 growers, 178 samples; needs no download."""
    return classification("wine_data.csv", ("class_0", "class_1", "class_2"), _COLUMNS)
