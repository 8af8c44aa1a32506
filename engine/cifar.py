"""CIFAR's official python files: pickles, read once their MD5 is right, by an unpickler that only builds arrays."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from engine.data_folder import verify
from engine.dataset import Dataset, Split
from engine.download import fetch
from engine.errors import DataError
from engine.images import encode_images


@dataclass(frozen=True)
class Archive:
    """What a CIFAR data set is made of."""

    folder: str
    """Inside the data folder and inside the tar file."""
    url: str
    md5: str
    """Of the tar file."""
    files: Mapping[str, str]
    """MD5 of each file of the folder that is read."""
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: bytes
    """The key of the labels."""


def load_cifar(root: Path, archive: Archive, classes: tuple[str, ...]) -> Dataset:
    """The images of an archive, downloaded and unpacked first when absent.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    obtain(root, archive)
    splits = {
        "train": _split(root, archive, archive.train, len(classes)),
        "test": _split(root, archive, archive.test, len(classes)),
    }
    return Dataset("image", splits, classes, encode=lambda given: encode_images(given, (3, 32, 32)))


def obtain(root: Path, archive: Archive) -> None:
    """Make sure that the files of `archive` lie in the data folder.

    Raises:
        DataError: they are absent and cannot be downloaded or unpacked.
    """
    folder = root / archive.folder
    if all((folder / name).is_file() for name in archive.files):
        return
    tar = root / archive.url.rsplit("/", 1)[-1]
    if not tar.is_file():
        fetch(archive.url, tar, md5=archive.md5)
    _unpack(tar, root, archive)


def _unpack(tar: Path, root: Path, archive: Archive) -> None:
    """Write the files wanted, each checked first; nothing else of the archive, and nowhere else."""
    try:
        with tarfile.open(tar, "r:gz") as opened:
            for name, md5 in archive.files.items():
                member = opened.extractfile(str(PurePosixPath(archive.folder) / name))
                content = member.read() if member else b""
                verify(tar, content, archive.url, md5=md5)
                _write(root / archive.folder / name, content)
    except KeyError as error:
        raise DataError(f"{tar}: {error.args[0]}", hint="delete it and run again") from None
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{tar} cannot be unpacked: {error}", hint="delete it and run again") from error


def _write(path: Path, content: bytes) -> None:
    from engine.jsonio import write_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)


def _split(root: Path, archive: Archive, names: tuple[str, ...], classes: int) -> Split:
    batches = [read_batch(root, archive, name) for name in names]
    try:
        inputs = np.concatenate([b[b"data"] for b in batches]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([np.asarray(b[archive.labels], np.int64) for b in batches])
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{root / archive.folder}: not the layout of CIFAR's python files: {error!r}") from None
    if inputs.dtype != np.uint8 or len(inputs) != len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"{root / archive.folder}: images and labels do not fit together")
    return Split(inputs, labels)


def read_batch(root: Path, archive: Archive, name: str) -> dict[bytes, Any]:
    """One official file, once its digest is right.

    Raises:
        DataError: it cannot be read, is damaged, or asks for anything but numpy arrays.
    """
    path = root / archive.folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
    verify(path, content, archive.url, md5=archive.files[name])
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} holds more or less than arrays: {error}", hint="delete it and run again") from None
    if not isinstance(batch, dict):
        raise DataError(f"{path} holds no table of arrays", hint="delete it and run again")
    return batch


def _dtype(name: Any, align: Any = False, copy: Any = False) -> np.dtype[Any]:
    made: np.dtype[Any] = np.dtype(name, align=bool(align), copy=bool(copy))
    return made  # the files give 0 and 1 for the two, which numpy 2.4 warns of


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Builds numbers, bytes, lists, maps and numpy arrays, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in it") from None
