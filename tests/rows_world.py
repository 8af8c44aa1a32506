"""Small data sets of random rows, on the CPU."""

from __future__ import annotations

import numpy as np
import torch

from engine.batches import DeviceSplit
from engine.dataset import Dataset, Split

CPU = torch.device("cpu")


def rows_of(count: int) -> Dataset:
    generator = np.random.default_rng(0)
    rows = Split(generator.normal(size=(count, 3)).astype(np.float32), generator.integers(0, 4, count))
    return Dataset("features", {"train": rows}, tuple("abcd"))


def split_of(dataset: Dataset) -> DeviceSplit:
    return DeviceSplit(dataset, dataset.splits["train"], CPU)
