"""Fashion-MNIST: pictures of clothes, 28 × 28 grey, 60,000 to train and 10,000 to test."""

from __future__ import annotations

from pathlib import Path

from engine.dataset import Dataset
from engine.idx import mnist_like

ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts the files."""
FILES = (
    "FashionMNIST/raw/train-images-idx3-ubyte",
    "FashionMNIST/raw/train-labels-idx1-ubyte",
    "FashionMNIST/raw/t10k-images-idx3-ubyte",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte",
)
MD5 = {  # of the published .gz, and of what is in it
    "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
}
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(root: Path) -> Dataset:
    """Pictures of clothes, 28 × 28 grey images, 10 classes, 60,000 to train and 10,000 to test.

    Args:
        root: the data folder; FashionMNIST/raw in it is laid out as torchvision does. Where the files are absent,
            those of Debian's package dataset-fashion-mnist are taken, else they are downloaded.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    return mnist_like(root / "FashionMNIST" / "raw", ADDRESS, MD5, CLASSES, Path(DEBIAN))
