"""Whether what a data set's function returned is a data set; one of the user's own may be anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from engine.dataset import Dataset, Kind, Split
from engine.errors import DataError, nearest
from engine.rules import SPLIT, SPLITS

_RETURNS = "its function must return an engine.dataset.Dataset; CONTRIBUTING.md shows one"
_INPUTS = {
    "features": (2, "fiub", "(n, d) numbers"),
    "image": (4, "u", "(n, channels, height, width) of uint8"),
    "sequence": (2, "iu", "(n, longest) of an integer type"),
}
"""Dimensions and numpy kinds of the inputs of each kind of data set, and how to say it."""


def check_dataset(dataset: Any, name: str) -> Dataset:
    """`dataset`, if it is sound.

    Raises:
        DataError: it is not, with what is wrong and where.
    """
    where = f"data set {name!r}"
    if not isinstance(dataset, Dataset):
        raise DataError(f"{where} gave a {type(dataset).__name__}", hint=_RETURNS)
    if dataset.kind not in get_args(Kind):
        raise DataError(f"{where}: there is no kind {dataset.kind!r}", hint=nearest(str(dataset.kind), get_args(Kind)))
    if not isinstance(dataset.splits, Mapping):
        raise DataError(
            f"{where}: splits are a {type(dataset.splits).__name__}, not a mapping of names to Split", hint=_RETURNS
        )
    _check_classes(dataset, where)
    if "train" not in dataset.splits:
        raise DataError(f"{where} gave no train split", hint=_RETURNS)
    for split_name, split in dataset.splits.items():
        if not SPLIT.fullmatch(str(split_name)):
            raise DataError(
                f"{where}: there is no split {split_name!r}",
                hint=f"splits are {', '.join(SPLITS)}; several validation sets are val_NAME each",
            )
        _check_split(split, f"{where}, split {split_name!r}", dataset)
    _check_one_shape(dataset, where)
    _check_one_form(dataset, where)
    if dataset.splits["train"].form == "class":
        _check_several_classes(dataset, where)
    return dataset


def _check_several_classes(dataset: Dataset, where: str) -> None:
    counts = np.bincount(dataset.splits["train"].labels, minlength=len(dataset.classes))
    if np.count_nonzero(counts) < 2:
        only = dataset.classes[int(np.argmax(counts))]
        raise DataError(
            f"{where}: every sample is labelled {only!r}; there is nothing to learn",
            hint="give data of at least two classes",
        )


def _check_one_form(dataset: Dataset, where: str) -> None:
    wanted = dataset.splits["train"].form
    for name, split in dataset.splits.items():
        if split.form != wanted:
            raise DataError(
                f"{where}: the labels of {name} are {_FORMS[split.form]}, those of train {_FORMS[wanted]}",
                hint="give all splits labels of one type and number of dimensions",
            )


_FORMS = {"class": "one class a sample", "tokens": "tokens", "numbers": "numbers"}


def check_finite(dataset: Dataset, name: str) -> None:
    """Refuse features that are NaN or infinite.

    Raises:
        DataError: there is one, with its row and column.
    """
    for split_name, split in dataset.splits.items():
        if dataset.kind == "features" and not np.isfinite(split.inputs).all():
            row, column = np.argwhere(~np.isfinite(split.inputs))[0].tolist()
            label = dataset.columns[column] if column < len(dataset.columns) else f"column {column}"
            raise DataError(
                f"data set {name!r}, split {split_name!r}, row {row}: {label!r} is not a finite number",
                hint="fill or remove such values first",
            )


def _check_classes(dataset: Dataset, where: str) -> None:
    for position, label in enumerate(dataset.classes):
        if not isinstance(label, str):
            raise DataError(
                f"{where}: the name of class {position} is {label!r}, a {type(label).__name__}",
                hint="classes is a tuple of strings, one for each label",
            )
    twice = [label for label, count in Counter(dataset.classes).items() if count > 1]
    if twice:
        raise DataError(f"{where}: two classes are named {twice[0]!r}", hint="give each class a name of its own")


def _check_split(split: Any, where: str, dataset: Dataset) -> None:
    if not isinstance(split, Split):
        raise DataError(f"{where} is a {type(split).__name__}", hint="each split is an engine.dataset.Split")
    for part, values in (("inputs", split.inputs), ("labels", split.labels), ("lengths", split.lengths)):
        if not isinstance(values, np.ndarray) and not (part == "lengths" and values is None):
            raise DataError(
                f"{where}: {part} are a {type(values).__name__}, not a numpy array",
                hint="numpy.asarray, or .numpy() of a tensor, makes one",
            )
    if split.labels.ndim not in (1, 2) or split.inputs.ndim == 0:
        shape = f"inputs of shape {split.inputs.shape}, labels of shape {split.labels.shape}"
        raise DataError(f"{where}: {shape}", hint="labels are (n,) class indices, one for each row of the inputs")
    if len(split) == 0:
        raise DataError(f"{where} is empty", hint="give it at least one sample, or leave the split out")
    if len(split.inputs) != len(split.labels) or (split.lengths is not None and len(split.lengths) != len(split)):
        raise DataError(f"{where}: {len(split.inputs)} inputs, but {len(split.labels)} labels")
    if split.form == "numbers":
        _check_numbers(split, where)
    else:
        _check_indices(split, where, dataset)
    _check_inputs(split, where, dataset)


def _check_numbers(split: Split, where: str) -> None:
    if not np.isfinite(split.labels).all():
        row = int(np.argwhere(~np.isfinite(split.labels))[0][0])
        raise DataError(f"{where}, row {row}: the label is not a finite number", hint="remove or fill such rows first")


def _check_indices(split: Split, where: str, dataset: Dataset) -> None:
    """Class indices, of samples or of tokens: none outside of the classes."""
    labels = split.labels
    if labels.dtype.kind not in "iu":
        raise DataError(
            f"{where}: labels are {labels.dtype}", hint="class indices of an integer type, or float numbers"
        )
    outside = np.argwhere((labels < 0) | (labels >= len(dataset.classes)))
    if len(outside):
        row = outside[0]
        raise DataError(
            f"{where}, row {int(row[0])}: the label {int(labels[tuple(row)])} is outside of the classes:"
            f" labels must be whole numbers from 0 to {len(dataset.classes) - 1}, one for each class",
            hint=f"{len(outside):,} of {labels.size:,} labels are so: correct them, or name all classes",
        )
    if split.form != "tokens":
        return
    lengths = split.label_lengths
    if lengths is None or len(lengths) != len(split):
        raise DataError(f"{where}: labels are tokens, and label_lengths does not say how many each sample has")
    if lengths.min() < 0 or lengths.max() > labels.shape[1]:
        raise DataError(
            f"{where}: label_lengths go from {lengths.min()} to {lengths.max()}; labels have {labels.shape[1]}"
        )


def _check_inputs(split: Split, where: str, dataset: Dataset) -> None:
    dimensions, kinds, words = _INPUTS[dataset.kind]
    inputs = split.inputs
    fits = inputs.dtype.kind in kinds and (dataset.kind != "image" or inputs.dtype.itemsize == 1)
    if inputs.ndim != dimensions or not fits:
        raise DataError(
            f"{where}: inputs are {inputs.shape} of {inputs.dtype}",
            hint=f"inputs of a data set of kind {dataset.kind!r} are {words}",
        )


def _check_one_shape(dataset: Dataset, where: str) -> None:
    """Sequences may differ in length from split to split; nothing else may."""
    shapes = {name: split.inputs.shape[1:] for name, split in dataset.splits.items()}
    differing = [name for name, shape in shapes.items() if shape != shapes["train"]]
    if differing and dataset.kind != "sequence":
        raise DataError(
            f"{where}: a sample of {differing[0]} has the shape {shapes[differing[0]]}, one of train {shapes['train']}",
            hint="bring all splits to one shape",
        )
