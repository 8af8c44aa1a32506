"""MNIST's file format (idx), and data sets laid out as MNIST is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data_folder import require, verify
from engine.dataset import Dataset, Split
from engine.download import damaged
from engine.errors import DataError
from engine.images import encode_images

PARTS = {"train": ("train", 60_000), "test": ("t10k", 10_000)}
"""Split -> beginning of its files' names, and how many samples they hold."""


def mnist_like(
    folder: Path,
    address: str,
    md5: Mapping[str, tuple[str, str]],
    classes: tuple[str, ...],
    fallback: Path | None = None,
) -> Dataset:
    """The data set of the four files in `folder` (unpacked or .gz), downloaded there when absent.

    Args:
        folder: such as …/MNIST/raw.
        address: what a file's name is appended to for its download.
        md5: by the name of an unpacked file, the digests of its published .gz and of itself.
        classes: ten names.
        fallback: another folder that may hold the .gz files.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    splits = {}
    for split, (start, count) in PARTS.items():
        images = _content(folder, f"{start}-images-idx3-ubyte", address, md5, fallback)
        labels = _content(folder, f"{start}-labels-idx1-ubyte", address, md5, fallback)
        inputs = parse_idx(*images, (count, 28, 28))[:, None]
        splits[split] = Split(inputs, _labels(*parse_labels(*labels, count), len(classes)))
    return Dataset("image", splits, classes, encode=lambda given: encode_images(given, (1, 28, 28)))


def _content(
    folder: Path, name: str, address: str, md5: Mapping[str, tuple[str, str]], fallback: Path | None
) -> tuple[Path, bytes]:
    """A file and its content, unpacked.

    A download is checked by the digest of the .gz; a .gz found there by that of its content, as others pack it
    differently (Debian does); an unpacked file, read at each start, by header and size alone.
    """
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        if plain.is_file():
            return plain, plain.read_bytes()
        if not packed.is_file() and fallback is not None and (fallback / packed.name).is_file():
            packed = fallback / packed.name
        url = address + packed.name
        content = gzip.decompress(require(packed.parent, packed.name, url, md5=md5[name][0]).read_bytes())
        verify(packed, content, url, md5=md5[name][1])
        return packed, content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{folder / name} cannot be read: {error}", hint="delete it and run again") from error


def parse_idx(path: Path, content: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of an idx file of unsigned bytes as an array.

    Raises:
        DataError: header or size are not those of `shape`.
    """
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    size = len(header) + int(np.prod(shape))
    if len(content) != size:
        raise damaged(path, "size", f"{size:,} bytes", f"{len(content):,}", "its publisher")
    if not content.startswith(header):
        raise damaged(path, "header", header.hex(" "), content[: len(header)].hex(" "), "its publisher")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def parse_labels(path: Path, content: bytes, count: int) -> tuple[Path, NDArray[np.uint8]]:
    """The labels of an idx file, with its path for messages."""
    return path, parse_idx(path, content, (count,))


def _labels(path: Path, labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    if labels.max() >= classes:
        raise damaged(path, "largest label", str(classes - 1), str(labels.max()), "its publisher")
    return labels.astype(np.int64)
