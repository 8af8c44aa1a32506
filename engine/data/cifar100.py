"""CIFAR-100: colour photographs of a hundred kinds of things, 32 × 32, 50,000 to train and 10,000 to test."""

from __future__ import annotations

from pathlib import Path

from engine.cifar import Archive, load_cifar, obtain, read_batch
from engine.dataset import Dataset
from engine.errors import DataError

FILES = ("cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta")
ARCHIVE = Archive(
    folder="cifar-100-python",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    files={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    train=("train",),
    test=("test",),
    labels=b"fine_labels",
)


def load(root: Path) -> Dataset:
    """Colour photographs of a hundred kinds of things, 32 × 32, 50,000 to train and 10,000 to test.

    Args:
        root: the data folder; cifar-100-python in it is laid out as torchvision does, and downloaded when absent.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    obtain(root, ARCHIVE)
    names = read_batch(root, ARCHIVE, "meta").get(b"fine_label_names")
    if not isinstance(names, list) or not all(isinstance(n, bytes) for n in names):
        raise DataError(f"{root / 'cifar-100-python' / 'meta'} names no classes", hint="delete it and run again")
    return load_cifar(root, ARCHIVE, tuple(n.decode("utf-8", "replace") for n in names))
