"""MNIST: handwritten digits, 28 × 28 grey, 60,000 to train and 10,000 to test."""

from __future__ import annotations

from pathlib import Path

from engine.dataset import Dataset
from engine.idx import mnist_like

ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = (
    "MNIST/raw/train-images-idx3-ubyte",
    "MNIST/raw/train-labels-idx1-ubyte",
    "MNIST/raw/t10k-images-idx3-ubyte",
    "MNIST/raw/t10k-labels-idx1-ubyte",
)
MD5 = {  # of the published .gz, and of what is in it
    "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
}


def load(root: Path) -> Dataset:
    """Handwritten digits, 28 × 28 grey images, 10 classes, 60,000 to train and 10,000 to test.

    Args:
        root: the data folder; MNIST/raw in it is laid out as torchvision does, and filled by a download when empty.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    return mnist_like(root / "MNIST" / "raw", ADDRESS, MD5, tuple(str(d) for d in range(10)))
