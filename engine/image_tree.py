"""Folders of images as people lay them out: one folder a class, with or without train, validation and test above."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})
_SPLITS: dict[str, str] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_ANNOTATIONS = "val_annotations.txt"
_LAYOUT = "expected PATH/CLASS/*.png (or .jpg, …), or PATH/train/CLASS/*.png with val and test beside train"


@dataclass(frozen=True)
class ImageTree:
    """The images of each split, each with its class."""

    splits: dict[str, list[tuple[Path, str]]]
    notes: tuple[str, ...] = ()


def find_images(folder: Path) -> ImageTree:
    """The images of a folder by split and class, in a fixed order; decoding comes later.

    Raises:
        DataError: it is no folder, or laid out otherwise; a class that only validation or test has.
    """
    children = _folders(folder)
    splits = {_SPLITS[c.name.lower()]: c for c in children if c.name.lower() in _SPLITS}
    others = len(children) > len(splits)
    if "train" not in splits or (others and _is_class(splits["train"])):
        return _tree({"train": _by_class(children)}, folder, [])
    found: dict[str, list[tuple[Path, str]]] = {}
    notes = []
    for name in ("train", "validation", "test"):
        if name not in splits:
            continue
        images = _of_split(splits[name])
        if images:
            found[name] = images
        else:
            notes.append(f"{splits[name].name} has no folders of classes and is left out")
    return _tree(found, folder, notes)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir()), key=lambda p: p.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be read as a folder of images: {error.strerror}", hint=_LAYOUT) from None


def _is_class(folder: Path) -> bool:
    """Whether a folder called train, beside those of other classes, holds images: trains are a class of CIFAR-100."""
    return not _folders(folder) and not (folder / _ANNOTATIONS).is_file() and next(_images(folder), None) is not None


def _of_split(folder: Path) -> list[tuple[Path, str]]:
    if (folder / _ANNOTATIONS).is_file():
        return _annotated(folder)
    children = _folders(folder)
    if [c.name for c in children] == ["images"]:
        return []  # Tiny ImageNet's test split: images without labels
    return _by_class(children)


def _annotated(folder: Path) -> list[tuple[Path, str]]:
    """Tiny ImageNet's validation split: one folder of images, and a file that says the class of each."""
    images = []
    path = folder / _ANNOTATIONS
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
        name, *rest = line.split("\t")
        if not rest or "/" in name:
            raise DataError(f"{path}, line {number}: expected file name, tab, class", hint="unpack the data set again")
        images.append((folder / "images" / name, rest[0]))
    return images


def _by_class(folders: list[Path]) -> list[tuple[Path, str]]:
    return [(image, _class_name(folder)) for folder in folders for image in _images(folder)]


def _class_name(folder: Path) -> str:
    return os.fsencode(folder.name).decode("utf-8", "backslashreplace")


def _images(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


def _tree(splits: dict[str, list[tuple[Path, str]]], folder: Path, notes: list[str]) -> ImageTree:
    train = splits.get("train", [])
    if not train:
        raise DataError(f"{folder} holds no images in folders of classes", hint=_LAYOUT)
    classes = {label for _, label in train}
    for name, images in splits.items():
        for image, label in images:
            if label not in classes:
                raise DataError(
                    f"{image}: the {name} split has a class {label!r} that the train split lacks",
                    hint="give each class a folder in train, or remove it",
                )
    return ImageTree(splits, tuple(notes))
