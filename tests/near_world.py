"""What is near in two splits, and which rows of the later one."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.dataset import Split
from engine.near_duplicates import near_duplicates


def split(inputs: np.ndarray, lengths: np.ndarray | None = None) -> Split:
    return Split(inputs, np.zeros(len(inputs), np.int64), lengths)


def found(train: np.ndarray, test: np.ndarray, kind: Any = "image") -> dict[str, Any]:
    return dict(near_duplicates({"train": split(train), "test": split(test)}, kind)["train/test"])


def rows_of(result: dict[str, Any]) -> set[int]:
    """The rows of the later split, where few enough are near for all to be reported."""
    assert result["rows"] == len(result["pairs"]) <= 100
    return {later for _, later, _ in result["pairs"]}
