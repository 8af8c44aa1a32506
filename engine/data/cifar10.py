"""CIFAR-10: colour photographs of ten kinds of things, 32 × 32, 50,000 to train and 10,000 to test."""

from __future__ import annotations

from pathlib import Path

from engine.cifar import Archive, load_cifar
from engine.dataset import Dataset

FILES = (
    "cifar-10-batches-py/data_batch_1",
    "cifar-10-batches-py/data_batch_2",
    "cifar-10-batches-py/data_batch_3",
    "cifar-10-batches-py/data_batch_4",
    "cifar-10-batches-py/data_batch_5",
    "cifar-10-batches-py/test_batch",
)
ARCHIVE = Archive(
    folder="cifar-10-batches-py",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    files={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    train=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test=("test_batch",),
    labels=b"labels",
)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(root: Path) -> Dataset:
    """Colour photographs of ten kinds of things, 32 × 32, 50,000 to train and 10,000 to test.

    Args:
        root: the data folder; cifar-10-batches-py in it is laid out as torchvision does, and downloaded when absent.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    return load_cifar(root, ARCHIVE, CLASSES)
