"""Any folder of images: one folder a class, with or without train, val and test above."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.data_folder import absent, locate
from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError
from engine.image_cache import read_images
from engine.image_tree import find_images
from engine.images import encode_images


def load(root: Path, *, path: str, size: int | None = None, channels: int = 3) -> Dataset:
    """Any folder of images, PATH/CLASS/*.png or PATH/train/CLASS/*.png with val and test beside train.

    Args:
        root: the data folder, which a relative path starts from; decoded images are kept in its folder "cache".
        path: the folder; Tiny ImageNet's layout is read too.
        size: height and width to resize to, proportions not kept; needed where the images' sizes differ.
        channels: 3 for colour, 1 for grey; images of another kind are converted.

    Raises:
        DataError: the folder or an image cannot be read, or sizes differ.
        SettingsError: an argument out of its range.
    """
    if channels not in (1, 3):
        raise SettingsError(f"data.channels = {channels}: it must be 1 (grey) or 3 (colour)")
    if size is not None and not 1 <= size <= 4096:
        raise SettingsError(f"data.size = {size}: it must be from 1 to 4096")
    folder = locate(path, root)
    if folder is None or not folder.is_dir():
        raise DataError(
            absent("folder", path, root),
            hint="set data.path to a folder of images: absolute, or relative to one of the two",
        )
    tree = find_images(folder)
    classes = tuple(sorted({label for _, label in tree.splits["train"]}))
    index = {label: i for i, label in enumerate(classes)}
    images = read_images([f for s in tree.splits.values() for f, _ in s], channels, size, root / "cache" / "images")
    splits, start = {}, 0
    for name, part in tree.splits.items():
        labels = np.array([index[label] for _, label in part], np.int64)
        splits[name] = Split(images[start : start + len(part)], labels)
        start += len(part)
    shape = images.shape[1:]
    return Dataset(
        "image", splits, classes, note="; ".join(tree.notes), encode=lambda given: encode_images(given, shape)
    )
