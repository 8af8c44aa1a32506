"""A run's evaluation as it is compared class by class: which file stands for the run, and what is in it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.answers import confusion_of
from engine.comparable import data_named
from engine.jsonio import number, read_json
from engine.records import EVALUATION_FILE
from engine.runs import Run

SCORES = ("f1", "precision", "recall")
TITLES = {"val": "validation"}
"""Splits that are not called as their files are."""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation of a run, as far as it is about classes."""

    run: str
    split: str
    """As in file names: test, val, val_NAME, train."""
    step: int
    epoch: float
    checkpoint: str
    """Empty for the weights of the moment."""
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """(true, predicted)"""
    rows: dict[str, dict[str, float]]
    """Of each class precision, recall, f1 and support."""
    right: tuple[bool, ...] = ()
    """Of each sample whether it was answered right, in the order of the split; empty where that is not recorded."""
    data: tuple[str, str, str] = ("", "", "")
    """Name and path of the data set, and the fingerprint of its samples and splits."""


def splits_scored(run: Run) -> dict[str, list[int]]:
    """The splits that a run has evaluations of, with their steps, the first one first."""
    try:
        names = os.listdir(run.paths.evaluation)
    except OSError:
        return {}
    found: dict[str, list[int]] = {}
    for match in filter(None, map(EVALUATION_FILE.fullmatch, names)):
        found.setdefault(match[1], []).append(int(match[2]))
    return {split: sorted(steps) for split, steps in found.items()}


def splits_to_compare(runs: Sequence[Run]) -> list[str]:
    """The splits that any of the runs was scored on: those of most runs first, test before validation before train."""
    counts: dict[str, int] = {}
    for run in runs:
        for split in splits_scored(run):
            counts[split] = counts.get(split, 0) + 1

    def rank(split: str) -> tuple[int, int, str]:
        kind = 0 if split == "test" else 1 if split == "val" else 2 if split.startswith("val_") else 3
        return -counts[split], kind, split

    return sorted(counts, key=rank)


def read_scored(run: Run, split: str) -> Scored | str:
    """The evaluation that stands for a run on a split: the final one, else that of its best step, else the newest.

    Returns:
        What it says, or why there is nothing to compare.
    """
    steps = splits_scored(run).get(split)
    title = TITLES.get(split, split)
    if not steps:
        return f"no evaluation of the {title} split"
    step = _step(run, split, steps)
    path = run.paths.evaluation / f"{split}-{step:08d}.json"
    try:
        table = read_json(path)
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    except ValueError:
        return f"{path.name} is damaged"
    if not isinstance(table, dict):
        return f"{path.name} is not as it should be"
    counts, classes = square(table)
    rows = _rows(table, counts, classes)
    if not rows:
        return f"the evaluation of the {title} split has no classes"
    epoch = number(table.get("epoch"))
    return Scored(
        run=run.id, split=split, step=step, epoch=epoch, checkpoint=str(table.get("checkpoint") or ""),
        classes=tuple(rows), confusion=tuple(map(tuple, counts)), rows=rows, right=_right(table), data=_data(run),
    )  # fmt: skip


def _step(run: Run, split: str, steps: Sequence[int]) -> int:
    wanted: list[Any] = []
    try:
        final = read_json(run.paths.artifact("test.json"))
    except (OSError, ValueError):
        final = None
    if isinstance(final, dict) and final.get("split") == TITLES.get(split, split):
        wanted.append(final.get("step"))
    wanted.append((run.state.best or {}).get("step"))
    return next((step for step in wanted if isinstance(step, int) and step in steps), steps[-1])


def square(table: Mapping[str, Any]) -> tuple[list[list[int]], list[str]]:
    """Confusion matrix and classes of an evaluation file, no two of one name; empty where it is no square of counts."""
    counts, names = confusion_of(table)
    return counts, _distinct(names)


def _distinct(names: list[str]) -> list[str]:
    """Two classes of one name are still two."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def _rows(table: Mapping[str, Any], counts: list[list[int]], classes: list[str]) -> dict[str, dict[str, float]]:
    """The scores of each class: of the confusion matrix, else as the file gives them."""
    if counts:
        return {name: _scores(counts, at) for at, name in enumerate(classes)}
    listed = table.get("per_class")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    names = _distinct([str(row.get("class")) for row in rows])
    return {name: {key: number(row.get(key)) for key in (*SCORES, "support")}
            for name, row in zip(names, rows, strict=True)}  # fmt: skip


def _scores(counts: list[list[int]], at: int) -> dict[str, float]:
    hits, support, answered = counts[at][at], sum(counts[at]), sum(row[at] for row in counts)
    precision = hits / answered if answered else 0.0
    recall = hits / support if support else math.nan
    f1 = 2 * hits / (support + answered) if support else math.nan
    return {"precision": precision if support else math.nan, "recall": recall, "f1": f1, "support": float(support)}


def _right(table: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether each sample was answered right, where the file holds all of them."""
    listed = table.get("right")
    if isinstance(listed, str) and set(listed) <= {"0", "1"} and len(listed) == table.get("count"):
        return tuple(character == "1" for character in listed)
    samples = table.get("samples")
    if not isinstance(samples, list) or not samples or len(samples) != table.get("count"):
        return ()
    if not all(isinstance(sample, dict) and isinstance(sample.get("row"), int) for sample in samples):
        return ()
    ordered = sorted(samples, key=lambda sample: int(sample["row"]))
    if [sample["row"] for sample in ordered] != list(range(len(ordered))):
        return ()
    return tuple(sample.get("true") == sample.get("predicted") for sample in ordered)


def _data(run: Run) -> tuple[str, str, str]:
    named, path = data_named(run)
    try:
        found = read_json(run.paths.data)
    except (OSError, ValueError):
        found = None
    content = found if isinstance(found, dict) else {}
    return named or str(content.get("name") or ""), path, str(content.get("fingerprint") or "")
