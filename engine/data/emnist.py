"""EMNIST: handwritten digits and letters of NIST's Special Database 19, 28 × 28 grey, in six variants."""

from __future__ import annotations

import gzip
import string
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.download import damaged, fetch
from engine.errors import DataError, SettingsError, nearest
from engine.idx import parse_idx
from engine.images import encode_images
from engine.jsonio import write_bytes
from engine.stratify import choose

ADDRESS = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
"""One archive of all variants, more than half a gigabyte."""
MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"
FILES = (
    "EMNIST/raw",
    "EMNIST/raw/emnist-byclass-train-images-idx3-ubyte",
    "EMNIST/raw/emnist-byclass-train-labels-idx1-ubyte",
    "EMNIST/raw/emnist-byclass-test-images-idx3-ubyte",
    "EMNIST/raw/emnist-byclass-test-labels-idx1-ubyte",
    "EMNIST/raw/emnist-byclass-mapping.txt",
)
COUNTS = {
    "byclass": (697_932, 116_323),
    "bymerge": (697_932, 116_323),
    "balanced": (112_800, 18_800),
    "letters": (124_800, 20_800),
    "digits": (240_000, 40_000),
    "mnist": (60_000, 10_000),
}
"""Variant -> images of its train and of its test file (Cohen et al., 2017, arXiv:1702.05373, as published since)."""

_CASED = string.digits + string.ascii_uppercase
_CHARACTERS = {
    "byclass": _CASED + string.ascii_lowercase,
    "bymerge": _CASED + "abdefghnqrt",  # the other small letters count as their capitals
    "balanced": _CASED + "abdefghnqrt",
    "letters": string.ascii_uppercase,  # both cases of a letter are one class
    "digits": string.digits,
    "mnist": string.digits,
}
_PARTS = ("all", "test")
_TRAIN_OF, _OF = 100_000, 116_323
"""Of so many images of a test file, how many are trained on where the test files are all that is used."""
_PURPOSE = 1_001
"""Keeps this choice apart from those that the splits of a run make by the same seed."""
_SIDE = 28


def load(root: Path, *, variant: str = "byclass", part: str = "all", data_seed: int = 0) -> Dataset:
    """Handwritten digits and letters, 28 × 28 grey images; 62 classes, 697,932 to train and 116,323 to test (byclass).

    The files hold the images transposed; here they are upright.

    Args:
        root: the data folder; EMNIST/raw in it is laid out as torchvision does, and filled by a download when empty.
        variant: byclass (62 classes), bymerge or balanced (47), letters (26), digits or mnist (10).
        part: "all" for the published train and test files, "test" for the test files alone: they are then cut by seed
            into two splits, class by class, 100,000 to train and 16,323 to test where there are 116,323.
        data_seed: seed of that cut; apart from the run's.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
        SettingsError: no such variant or part.
    """
    _check(variant, part, data_seed)
    folder = root / "EMNIST" / "raw"
    names = ("train", "test") if part == "all" else ("test",)
    _obtain(folder, variant, names)
    classes = _classes(folder / f"emnist-{variant}-mapping.txt", variant)
    splits = {name: _read_split(folder, variant, name) for name in names}
    note = ""
    if part == "test":
        splits = _cut(splits["test"], data_seed)
        note = f"the {variant} test file alone, cut by seed: " + ", ".join(f"{len(s):,} {n}" for n, s in splits.items())
    shape = (1, _SIDE, _SIDE)
    return Dataset("image", splits, classes, note=note, encode=lambda given: encode_images(given, shape))


def _check(variant: str, part: str, data_seed: int) -> None:
    if variant not in COUNTS:
        raise SettingsError(f"data set 'emnist': variant = {variant!r}", hint=nearest(variant, tuple(COUNTS)))
    if part not in _PARTS:
        raise SettingsError(f"data set 'emnist': part = {part!r}", hint=nearest(part, _PARTS))
    if not 0 <= data_seed < 2**32:
        raise SettingsError(f"data set 'emnist': data_seed = {data_seed}; it must be from 0 to 2**32 - 1")


def _cut(split: Split, seed: int) -> dict[str, Split]:
    count = len(split) - len(split) * _TRAIN_OF // _OF
    test = choose(split.labels, count, seed=seed, purpose=_PURPOSE)
    train = np.setdiff1d(np.arange(len(split)), test, assume_unique=True)
    return {"train": split.take(train), "test": split.take(test)}


# --------------------------------------------------------------------------------------------------------------- files


def _shapes(variant: str, split: str) -> dict[str, tuple[int, ...]]:
    """The names of a split's two files, images first, and the shape of what is in them."""
    count, start = COUNTS[variant][split == "test"], f"emnist-{variant}-{split}"
    return {f"{start}-images-idx3-ubyte": (count, _SIDE, _SIDE), f"{start}-labels-idx1-ubyte": (count,)}


def _obtain(folder: Path, variant: str, splits: Sequence[str]) -> None:
    """Make sure that the files of `splits` lie in the folder, unpacked or .gz.

    Raises:
        DataError: one is absent and cannot be downloaded or unpacked.
    """
    shapes = {name: shape for split in splits for name, shape in _shapes(variant, split).items()}
    missing = {name: shape for name, shape in shapes.items() if not _is_there(folder, name)}
    if not missing:
        return
    archive = folder / ADDRESS.rpartition("/")[2]
    if not archive.is_file():
        otherwise = f"put {', '.join(missing)} there, unpacked or as .gz"
        if not any(_is_test(name) for name in missing):
            otherwise += ', or set data.part = "test", which needs the test files alone'
        fetch(ADDRESS, archive, md5=MD5, otherwise=otherwise)
    for name, shape in missing.items():
        # a .gz is hardly ever larger than what is in it
        _unpack(archive, f"gzip/{name}.gz", folder / f"{name}.gz", _size(shape) + _size(shape) // 100 + 4096)


def _is_test(name: str) -> bool:
    return "-test-" in name


def _is_there(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or (folder / f"{name}.gz").is_file()


def _size(shape: tuple[int, ...]) -> int:
    return 4 + 4 * len(shape) + int(np.prod(shape))


def _unpack(archive: Path, member: str, target: Path, most: int) -> None:
    """Write one member of the archive, of at most `most` bytes."""
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            if info.file_size > most:
                raise damaged(archive, f"member {member}", f"at most {most:,} bytes", f"{info.file_size:,}", ADDRESS)
            write_bytes(target, opened.read(info))
    except KeyError:
        raise DataError(
            f"{archive} has no {member}", hint=f"delete it and run again: it is fetched from {ADDRESS}"
        ) from None
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{target} cannot be unpacked from {archive}: {error}",
            hint=f"if there is room in {target.parent}, delete the archive and run again",
        ) from error


def _read_split(folder: Path, variant: str, split: str) -> Split:
    (images_name, images_shape), (labels_name, labels_shape) = _shapes(variant, split).items()
    _, stored = _read(folder, images_name, images_shape)
    path, labels = _read(folder, labels_name, labels_shape)
    first = 1 if variant == "letters" else 0
    last = first + len(_CHARACTERS[variant]) - 1
    if labels.min() < first or labels.max() > last:
        raise damaged(path, "range of labels", f"{first} to {last}", f"{labels.min()} to {labels.max()}", ADDRESS)
    upright = np.ascontiguousarray(stored.transpose(0, 2, 1))
    return Split(upright[:, None], labels.astype(np.int64) - first)


def _read(folder: Path, name: str, shape: tuple[int, ...]) -> tuple[Path, NDArray[np.uint8]]:
    """An idx file, with its path for messages; of a .gz no more is unpacked than there should be in it."""
    path = folder / name
    try:
        if path.is_file():
            content = path.read_bytes()
        else:
            path = path.with_name(f"{name}.gz")
            with gzip.open(path) as file:
                content = file.read(_size(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="delete it and run again") from error
    return path, parse_idx(path, content, shape)


def _classes(path: Path, variant: str) -> tuple[str, ...]:
    """The character of each class as the mapping file says it: a label and its ASCII code a line.

    Where there is no mapping file (torchvision unpacks none), the published one's characters.
    """
    if not path.is_file():
        return tuple(_CHARACTERS[variant])
    first = 1 if variant == "letters" else 0
    try:
        pairs = [line.split()[:2] for line in path.read_text("ascii").splitlines() if line.strip()]
        found = {int(label): chr(int(code)) for label, code in pairs}
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="delete it and run again") from error
    expected = range(first, first + len(_CHARACTERS[variant]))
    if sorted(found) != list(expected) or len(set(found.values())) != len(found):
        raise damaged(path, "number of classes", f"{len(expected)} from {first}, each once", str(len(found)), ADDRESS)
    return tuple(found[label] for label in expected)
