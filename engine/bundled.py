"""The small data files that scikit-learn brings along, read without importing it (which takes most of a second)."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split, standardised
from engine.errors import DataError
from engine.numbers import encode_numbers


def read_rows(name: str, skip: int) -> NDArray[np.float64]:
    """The numbers of one of scikit-learn's csv files, without its first `skip` lines.

    Raises:
        DataError: scikit-learn is not installed, or has no such file any more.
    """
    path = _path(name)
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        return np.loadtxt(text.splitlines(), delimiter=",", skiprows=skip, dtype=np.float64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path}, a file of scikit-learn, cannot be read: {error}", hint="install scikit-learn again"
        ) from error


def _path(name: str) -> Path:
    spec = find_spec("sklearn")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise DataError(f"{name} comes with scikit-learn, which is not installed", hint="pip install scikit-learn")
    return Path(folders[0]) / "datasets" / "data" / name


def classification(file: str, classes: tuple[str, ...], columns: tuple[str, ...]) -> Dataset:
    """A data set of one csv file (a header line, then columns and class number), standardised by the train split."""
    rows = read_rows(file, skip=1)
    split = Split(rows[:, :-1].astype(np.float32), rows[:, -1].astype(np.int64))
    return Dataset(
        "features",
        {"train": split},
        classes,
        columns=columns,
        fit=standardised,
        encode=lambda given: encode_numbers(given, columns),
    )
