"""Iris flowers: four lengths in cm, three species, 150 samples."""

from __future__ import annotations

from pathlib import Path

from engine.bundled import classification
from engine.dataset import Dataset


def load(root: Path) -> Dataset:
    """Iris flowers: 4 lengths in cm, 3 species, 150 samples; needs no download."""
    columns = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
    return classification("iris.csv", ("setosa", "versicolor", "virginica"), columns)
