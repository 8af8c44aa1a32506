"""From a data set's own splits to those of a run: limited, seeded, stratified, with duplicates on one side."""

from __future__ import annotations

import inspect
import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.data_folder import data_root, locate
from engine.dataset import Dataset, Split
from engine.dataset_check import check_dataset, check_finite
from engine.duplicates import across, fingerprint, group_numbers, input_digests, known_rows, row_digests
from engine.errors import DataError, EngineError, SettingsError
from engine.memory import is_out_of_memory
from engine.rules import RULES, is_validation_sets
from engine.settings import DataOptions, Settings, ValidationSet
from engine.signatures import TASK
from engine.stratify import choose, share_of

TEST_SHARE = 0.2
"""What is set aside as test split where a data set brings none and the settings say nothing."""

_TEST, _LIMIT, _VALIDATION, _FOLD, _OVERFIT, _SETS = 1, 2, 3, 4, 5, 100
"""Purposes that keep the choices of one `split_seed` apart."""


@dataclass(frozen=True)
class Prepared:
    """A data set ready to train on, and what is known of how it came about."""

    dataset: Dataset
    """With its final splits: train, validation and test where there are any."""
    source: Split
    """The train split before a validation part was cut off; the same object where none was. Inputs as before `fit`."""
    options: DataOptions
    own: dict[str, Any]
    """The data set's own arguments."""
    duplicates: dict[str, dict[str, int]]
    """Rows of one split that stand in another with the same label, by pair of splits."""
    duplicate_inputs: dict[str, dict[str, int]]
    """The same, whatever the label."""
    leaked: dict[str, NDArray[np.bool_]]
    """For validation and test, (n,) whether a row stands in the train split with the same label: so that scores can be
    given without them."""
    fingerprint: str
    seconds: float
    """What loading and splitting took."""


def prepare(settings: Settings, folder: Path) -> Prepared:
    """Load the data set of `settings` and make the splits of a run.

    Args:
        settings: `data` and `data_dir` are read.
        folder: where experiments.toml lies: relative paths and the user's own data sets are found there.

    Raises:
        DataError: the data is missing, damaged, or cannot be learnt from.
        SettingsError: an option or argument that is not there, or an impossible value.
    """
    started = time.perf_counter()
    options, own = split_table(settings.data)
    dataset = load(options.name, own, data_root(settings.data_dir), folder, settings.task)
    _check_kind(dataset, options)
    dataset = _limited(_with_test(dataset, options), options)
    source = dataset.splits["train"]
    dataset = _with_fold(dataset, options) if options.folds else _with_validation(dataset, options)
    if settings.train.overfit_batches is not None:
        dataset = _only_batches(dataset, settings.train.overfit_batches * settings.train.samples, options)
    return _finish(_resized(dataset, options), source, options, own, started)


def prepare_own(settings: Settings, folder: Path) -> Prepared:
    """The same for the data set's own splits: nothing limited, nothing cut.

    Raises:
        DataError: the data is missing, damaged, or cannot be learnt from.
        SettingsError: an argument that is not there, or an impossible value.
    """
    started = time.perf_counter()
    given, own = split_table(settings.data)
    dataset = load(given.name, own, data_root(settings.data_dir), folder, settings.task)
    return _finish(dataset, dataset.splits["train"], DataOptions(name=given.name), own, started)


def split_table(table: Mapping[str, Any]) -> tuple[DataOptions, dict[str, Any]]:
    """Tell the options every `data` table may hold from the data set's own arguments.

    Raises:
        SettingsError: there is no name, an option has a wrong type or an impossible value.
    """
    names = set(DataOptions.__struct_fields__)
    if not isinstance(table.get("name"), str) or not table["name"]:
        raise SettingsError("data: no data set is named", hint='write data = { name = "digits" }')
    try:
        options = msgspec.convert({k: v for k, v in table.items() if k in names}, DataOptions)
    except msgspec.ValidationError as error:
        raise SettingsError(f"data: {error}", hint="engine schema describes every option") from None
    _check_options(options)
    return options, {k: v for k, v in table.items() if k not in names}


def _check_options(options: DataOptions) -> None:
    validation = None if isinstance(options.validation, dict) else options.validation
    for key, share in (("validation", validation), ("test", options.test)):
        if share is not None and not (math.isfinite(share) and 0 <= share < 1):
            raise SettingsError(f"data.{key} = {share}: it is a share of the samples, from 0 to below 1")
    if isinstance(options.validation, dict) and not is_validation_sets(options.validation):
        raise SettingsError(f"data.validation: {RULES['data.validation'][1]}")
    for key, count in (("limit", options.limit), ("pad_to", options.pad_to)):
        if count is not None and count < 1:
            raise SettingsError(
                f"data.{key} = {count}: it must be at least 1", hint=f"leave data.{key} out for no limit"
            )
    if not 0 <= options.split_seed < 2**63:
        raise SettingsError(f"data.split_seed = {options.split_seed}: it must be from 0 to 2**63 - 1")


def load(name: str, own: Mapping[str, Any], root: Path, folder: Path, task: str = TASK) -> Dataset:
    """Load a data set by name with its own arguments, and check that it is one; `task` is given to those that ask.

    Raises:
        DataError: the data is missing, damaged, or cannot be learnt from.
        SettingsError: no such data set or argument.
    """
    function = _load_function(name, folder)
    arguments = dict(own)
    path = arguments.get("path")
    if isinstance(path, str):
        arguments["path"] = str(locate(path, folder) or path)
    parameters = inspect.signature(function).parameters
    if "task" in parameters:
        arguments["task"] = task
    try:
        inspect.signature(function).bind(root, **arguments)
    except TypeError as error:
        known = [p for p in parameters if p not in ("root", "task")]
        raise SettingsError(
            f"data set {name!r}: {error}", hint=f"its arguments: {', '.join(known) or 'none'}"
        ) from None
    dataset = check_dataset(_called(function, root, arguments, name, folder), name)
    if task == TASK:
        _refuse_other_labels(dataset.splits["train"], name)
    elif dataset.splits["train"].form == "numbers":
        _check_quantities(dataset, name)
    return dataset


def _check_quantities(dataset: Dataset, name: str) -> None:
    """Each column of labels that are numbers has a name."""
    labels = dataset.splits["train"].labels
    columns = 1 if labels.ndim == 1 else labels.shape[1]
    if columns != len(dataset.classes):
        raise DataError(
            f"data set {name!r}: labels have {columns} columns, and classes name {len(dataset.classes)}",
            hint="classes are the names of the quantities, one for each column of the labels",
        )


def _called(function: Callable[..., Any], root: Path, arguments: Mapping[str, Any], name: str, folder: Path) -> Any:
    """What a data set's function returns; what the user's own raises is told as theirs, with its line."""
    if ":" not in name:
        return function(root, **arguments)
    try:
        return function(root, **arguments)
    except EngineError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if folder in Path(frame.filename).parents] or frames
        raise DataError(
            f"{own[-1].filename}:{own[-1].lineno}: data set {name!r} failed: {type(error).__name__}: {error}",
            hint="correct the file",
        ) from error


def _refuse_other_labels(train: Split, name: str) -> None:
    """Labels that no classifier takes are most likely a slip: one of the user's own data sets may give anything."""
    if train.form != "class":
        raise DataError(
            f"data set {name!r}: labels of shape {train.labels.shape}, of {train.labels.dtype}; classes are whole"
            " numbers, one a sample: (n,)",
            hint='where numbers are meant, task = "regression"; tokens: task = "ctc", "seq2seq" or "next_token"',
        )


def _load_function(name: str, folder: Path) -> Callable[..., Any]:
    from engine.components import load_dataset_function

    return load_dataset_function(name, folder)


def _check_kind(dataset: Dataset, options: DataOptions) -> None:
    """Options that would do nothing to inputs of this kind are a mistake."""
    given = {
        "resize": options.resize is not None,
        "augment": options.augment is not None,
        "normalize": not options.normalize,
        "pad_to": options.pad_to is not None,
    }
    for key, is_given in given.items():
        kind, plural = ("sequence", "sequences") if key == "pad_to" else ("image", "images")
        if is_given and dataset.kind != kind:
            raise SettingsError(
                f"data.{key} is for {plural}; {options.name} has {dataset.kind} inputs", hint="leave it out"
            )


def _with_test(dataset: Dataset, options: DataOptions) -> Dataset:
    if "test" in dataset.splits:
        if options.test is not None:
            raise SettingsError(
                f"data.test = {options.test}: {options.name} brings a test split of its own"
                f" ({len(dataset.splits['test']):,} samples)",
                hint="leave data.test out",
            )
        return dataset
    return _cut(dataset, "test", TEST_SHARE if options.test is None else options.test, options, _TEST)


def _with_validation(dataset: Dataset, options: DataOptions) -> Dataset:
    if options.validation and "validation" in dataset.splits:
        raise SettingsError(
            f"data.validation = {options.validation}: {options.name} brings a validation split of its own"
            f" ({len(dataset.splits['validation']):,} samples)",
            hint="leave data.validation out",
        )
    if not isinstance(options.validation, dict):
        return _cut(dataset, "validation", options.validation, options, _VALIDATION)
    if "test" not in dataset.splits and any(_set(given).of == "test" for given in options.validation.values()):
        raise SettingsError("data.validation takes a set from the test split, and there is none", hint="set data.test")
    whole = {name: len(split) for name, split in dataset.splits.items()}
    for position, (name, given) in enumerate(options.validation.items()):
        wanted = _set(given)
        # shares are of the whole split, whatever sets before have taken of it
        share = wanted.share * whole[wanted.of] / len(dataset.splits[wanted.of])
        dataset = _cut(dataset, f"val_{name}", share, options, _SETS + position, wanted.of)
    return dataset


def _set(given: Any) -> ValidationSet:
    return ValidationSet(**given) if isinstance(given, dict) else ValidationSet(share=given)


def _with_fold(dataset: Dataset, options: DataOptions) -> Dataset:
    """Make one of the folds of the train split its validation split: stratified, duplicates on one side."""
    assert options.folds is not None
    if any(name.startswith("val") for name in dataset.splits):
        raise SettingsError(
            f"data.folds = {options.folds}: {options.name} brings a validation split of its own",
            hint="leave data.folds out",
        )
    train = dataset.splits["train"]
    left = np.arange(len(train))
    rows = left[:0]
    for fold in range((options.fold or 0) + 1):
        part = train.take(left)
        groups = group_numbers(input_digests(part)) if options.group_duplicates else None
        count = round(len(part) / (options.folds - fold))
        last = fold == options.folds - 1
        taken = (
            np.arange(len(part))
            if last
            else choose(part.strata, count, seed=options.split_seed, purpose=_FOLD, groups=groups, leave_one=False)
        )
        rows, left = left[taken], np.delete(left, taken)
    rest = np.setdiff1d(np.arange(len(train)), rows, assume_unique=True)
    if not len(rows) or not len(rest):
        raise DataError(
            f"data.folds = {options.folds} of {len(train):,} samples leaves an empty fold", hint="take fewer"
        )
    return replace(dataset, splits={**dataset.splits, "train": train.take(rest), "validation": train.take(rows)})


def _only_batches(dataset: Dataset, count: int, options: DataOptions) -> Dataset:
    """So many samples of the train split and nothing else, to be learnt by heart."""
    train = dataset.splits["train"]
    if count < len(train):
        train = train.take(choose(train.strata, count, seed=options.split_seed, purpose=_OVERFIT, leave_one=False))
    return replace(dataset, splits={"train": train})


def _resized(dataset: Dataset, options: DataOptions) -> Dataset:
    if dataset.kind == "image" and not options.normalize:
        channels = dataset.splits["train"].inputs.shape[1]
        dataset = replace(dataset, normalize=((0.0,) * channels, (1.0,) * channels))
    return dataset if options.resize is None else replace(dataset, resize=options.resize)


def _cut(
    dataset: Dataset, part: str, share: float, options: DataOptions, purpose: int, source: str = "train"
) -> Dataset:
    """Move a share of a split, the train split where nothing else is said, to a new one."""
    if not share:
        return dataset
    train = dataset.splits[source]
    count = share_of(len(train), share)
    groups = group_numbers(input_digests(train)) if options.group_duplicates else None
    rows = choose(train.strata, count, seed=options.split_seed, purpose=purpose, groups=groups)
    rest = np.setdiff1d(np.arange(len(train)), rows, assume_unique=True)
    if not len(rows) or not len(rest):
        raise DataError(
            f"data.{part} = {share} of {len(train):,} samples leaves "
            f"{'no ' + part if not len(rows) else 'no ' + source} split: {_why_empty(groups)}",
            hint=f"give more samples, or another data.{part}",
        )
    return replace(dataset, splits={**dataset.splits, source: train.take(rest), part: train.take(rows)})


def _why_empty(groups: NDArray[np.int64] | None) -> str:
    if groups is not None and int(groups.max()) + 1 < len(groups):
        return "identical inputs stay together (data.group_duplicates), and each class keeps one for training"
    return "each class keeps one sample for training"


def _limited(dataset: Dataset, options: DataOptions) -> Dataset:
    train = dataset.splits["train"]
    if options.limit is None or options.limit >= len(train):
        return dataset
    rows = choose(train.strata, options.limit, seed=options.split_seed, purpose=_LIMIT, leave_one=False)
    limited = train.take(rows)
    if limited.form == "class" and len(np.unique(limited.labels)) < 2:
        raise SettingsError(
            f"data.limit = {options.limit} leaves samples of one class only; there is nothing to learn",
            hint=f"give at least {len(dataset.classes)}, one for each class",
        )
    return replace(dataset, splits={**dataset.splits, "train": limited})


def _finish(dataset: Dataset, source: Split, options: DataOptions, own: dict[str, Any], started: float) -> Prepared:
    inputs = {name: input_digests(split) for name, split in dataset.splits.items()}
    rows = {name: row_digests(inputs[name], split.labels) for name, split in dataset.splits.items()}
    shared, shared_inputs = across(rows), across(inputs)
    if options.leak == "error":
        _refuse_leak(shared_inputs, dataset)
    if dataset.fit is not None:
        dataset = dataset.fit(dataset)
    check_finite(dataset, options.name)
    leaked = {part: known_rows(rows["train"], found) for part, found in rows.items() if part != "train"}
    marked = fingerprint(rows, dataset.classes)
    return Prepared(dataset, source, options, own, shared, shared_inputs, leaked, marked, time.perf_counter() - started)


def _refuse_leak(found: Mapping[str, Mapping[str, int]], dataset: Dataset) -> None:
    for part in sorted(dataset.splits.keys() - {"train"}, key=lambda name: (name == "test", name)):
        rows = found.get(f"train/{part}", {"rows": 0})["rows"]
        if rows:
            raise DataError(
                f"{rows:,} of {len(dataset.splits[part]):,} {part} inputs stand in the train split too"
                ' (data.leak is "error")',
                hint='remove them from the data, or set data.leak = "warn" to train all the same',
            )
