"""Handwritten digits of 8 × 8 points (1,797 samples, 10 classes; scikit-learn's, from the UCI repository)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundled import read_rows
from engine.dataset import Dataset, Split
from engine.images import encode_images
from engine.numbers import encode_numbers

_COLUMNS = tuple(f"pixel {row},{column}" for row in range(8) for column in range(8))
_DARKEST = 16.0


def _image(inputs: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(inputs * 255).astype(np.uint8).reshape(1, 8, 8)


def load(root: Path, *, as_image: bool = False) -> Dataset:
    """Handwritten digits of 8 × 8 points, 10 classes; needs no download.

    Args:
        root: not used; the file comes with scikit-learn.
        as_image: give (1, 8, 8) images, 0 to 255, instead of 64 columns from 0 to 1.
            On a command line a row of columns is given as in the file, from 0 to 16.
    """
    rows = read_rows("digits.csv.gz", skip=0)
    labels = rows[:, -1].astype(np.int64)
    classes = tuple(str(d) for d in range(10))
    if as_image:
        images = np.rint(rows[:, :-1] * (255 / _DARKEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
        split = Split(images, labels)
        return Dataset("image", {"train": split}, classes, encode=lambda given: encode_images(given, (1, 8, 8)))
    split = Split((rows[:, :-1] / _DARKEST).astype(np.float32), labels)
    return Dataset(
        "features",
        {"train": split},
        classes,
        columns=_COLUMNS,
        picture=_image,
        encode=lambda given: encode_numbers(given, _COLUMNS, _DARKEST),
    )
