"""Tiny ImageNet: colour photographs of 200 kinds of things, 64 × 64, 500 of each to train and 50 to test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError
from engine.image_cache import read_images
from engine.image_tree import find_images
from engine.images import encode_images

ADDRESS = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
FILES = (
    "tiny-imagenet-200/train",
    "tiny-imagenet-200/val",
    "tiny-imagenet-200/val/images",
    "tiny-imagenet-200/val/val_annotations.txt",
    "tiny-imagenet-200/wnids.txt",
    "tiny-imagenet-200/words.txt",
)
SIDE = 64
"""Height and width of every image of it."""

Images = list[tuple[Path, str]]
"""Each file with its WordNet id."""


def load(root: Path, *, size: int = 64, per_class: int | None = None) -> Dataset:
    """Colour photographs of 200 kinds of things, 64 × 64, 100,000 to train; the val folder's 10,000 are the test split.

    Grey images (one of fifty) become colour. The published test folder has no labels and is left out. Classes are in
    the order of their WordNet ids and named by the first of their words.

    Args:
        root: the data folder; tiny-imagenet-200 in it is laid out as the published zip unpacks, or with one folder of
            images a class in train and val. Decoded images are kept in its folder "cache".
        size: height and width to bring the images to.
        per_class: use only so many train images of each class, the first by number; all when absent.

    Raises:
        DataError: the folder, a class or an image is missing or damaged.
        SettingsError: an argument out of its range.
    """
    _check(size, per_class)
    folder = root / "tiny-imagenet-200"
    train, test = _find(folder)
    _check_complete(folder, train)
    train = [image for _, own in groupby(train, key=lambda image: image[1]) for image in _first(own, per_class)]
    wnids = sorted({wnid for _, wnid in train})
    # a cache of their own for each number of images: the one of all is not to be lost to an experiment with fewer
    cache = root / "cache" / "tiny-imagenet-200"
    splits = {
        "train": _split(train, wnids, size, cache / f"train-{per_class or 'all'}"),
        "test": _split(test, wnids, size, cache / "val"),
    }
    shape = (3, size, size)
    classes = _class_names(folder / "words.txt", wnids)
    return Dataset("image", splits, classes, encode=lambda given: encode_images(given, shape))


def _check(size: int, per_class: int | None) -> None:
    if not 1 <= size <= 4096:
        raise SettingsError(f"data set 'tiny_imagenet': size = {size}; it must be from 1 to 4096")
    if per_class is not None and per_class < 1:
        raise SettingsError(
            f"data set 'tiny_imagenet': per_class = {per_class}; it must be at least 1", hint="leave it out for all"
        )


def _find(folder: Path) -> tuple[Images, Images]:
    """The images of the train and of the val folder."""
    hint = f"download {ADDRESS} and unpack it in {folder.parent}"
    if not folder.is_dir():
        raise DataError(f"no folder {folder}", hint=hint)
    splits = find_images(folder).splits
    if "validation" not in splits:
        raise DataError(f"{folder} has no folder val with images", hint=hint)
    return splits["train"], splits["validation"]


def _check_complete(folder: Path, train: Images) -> None:
    """Refuse a folder that lacks classes: it was not unpacked to its end."""
    try:
        listed = (folder / "wnids.txt").read_text("ascii", "replace").split()
    except OSError:
        return
    missing = sorted(set(listed) - {wnid for _, wnid in train})
    if missing:
        raise DataError(
            f"{folder / 'train'} lacks {len(missing)} of the {len(listed)} classes in wnids.txt: {missing[0]}, …",
            hint=f"unpack {ADDRESS} again, to its end",
        )


def _first(images: Iterable[tuple[Path, str]], count: int | None) -> Images:
    """The first by number: n01443537_2.JPEG comes before n01443537_10.JPEG."""
    return sorted(images, key=lambda image: (_number(image[0]), image[0].name))[:count]


def _number(path: Path) -> int:
    found = re.search(r"\d+$", path.stem)
    return int(found[0]) if found else -1


def _split(images: Images, wnids: Sequence[str], size: int, cache: Path) -> Split:
    files = [file for file, _ in images]
    try:
        # of their own size nothing is resized, so that one of another size is noticed
        inputs = read_images(files, 3, None if size == SIDE else size, cache)
    except DataError as error:
        hint = (
            f"replace damaged files from {ADDRESS} (all images are {SIDE} × {SIDE}), or set data.per_class to use fewer"
        )
        raise DataError(error.message, hint=hint) from None
    if inputs.shape[2:] != (size, size):
        raise DataError(
            f"{files[0]} and all others beside it are {inputs.shape[3]} × {inputs.shape[2]}, expected {SIDE} × {SIDE}",
            hint=f"unpack {ADDRESS} again",
        )
    numbers = {wnid: i for i, wnid in enumerate(wnids)}
    return Split(inputs, np.array([numbers[wnid] for _, wnid in images], np.int64))


def _class_names(path: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """The first word or words of each class; where two have the same, with the WordNet id behind."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = {wnid: rest.partition(",")[0].strip() for wnid, _, rest in (line.partition("\t") for line in lines)}
    names = [words.get(wnid) or wnid for wnid in wnids]
    times = Counter(names)
    return tuple(f"{name} ({wnid})" if times[name] > 1 else name for name, wnid in zip(names, wnids, strict=True))
