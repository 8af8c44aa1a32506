"""Breast cancer: 30 measurements of cell nuclei, malignant or benign, 569 samples (Wisconsin)."""

from __future__ import annotations

from pathlib import Path

from engine.bundled import classification
from engine.dataset import Dataset

_MEASURED = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
_COLUMNS = (
    *(f"mean {m}" for m in _MEASURED),
    *(f"{m} error" for m in _MEASURED),
    *(f"worst {m}" for m in _MEASURED),
)


def load(root: Path) -> Dataset:
    """Breast cancer: 30 measurements of cell nuclei, malignant or benign, 569 samples; needs no download."""
    return classification("breast_cancer.csv", ("malignant", "benign"), _COLUMNS)
