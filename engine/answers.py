"""The answers that a run's evaluations kept: which classes it takes for which, and when each sample became right."""

from __future__ import annotations

import functools
import itertools
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.jsonio import number, read_json
from engine.records import EVALUATION_FILE, file_prefix


@dataclass(frozen=True)
class Answer:
    """What was answered to a sample after one epoch."""

    step: int
    epoch: float
    predicted: str
    right: bool
    probability: float = float("nan")


@dataclass
class History:
    """One sample and all that was answered to it, the oldest first."""

    row: int
    true: str
    input: str | None = None
    image: str | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def since(self) -> Answer | None:
        """From when on it was right to the end; None where the last answer is wrong."""
        first = None
        for answer in reversed(self.answers):
            if not answer.right:
                break
            first = answer
        return first

    @property
    def flips(self) -> int:
        """How often it changed between right and wrong."""
        return sum(a.right != b.right for a, b in itertools.pairwise(self.answers))


@dataclass(frozen=True)
class Pair:
    """One class taken for another."""

    true: int
    predicted: int
    count: int
    share: float
    """Of the true class."""


ORDERS = ("count", "share", "true", "predicted")
"""What pairs can be ordered by."""


def confused_pairs(counts: Sequence[Sequence[int]], order: str = "count") -> list[Pair]:
    """All confusions of a matrix counts[true][predicted]: the most frequent first, or by another of `ORDERS`."""
    pairs: list[Pair] = []
    for true, row in enumerate(counts):
        total = sum(row)
        pairs += [Pair(true, guess, int(n), n / total) for guess, n in enumerate(row) if n and guess != true]
    return ordered(pairs, order)


def ordered(pairs: Iterable[Pair], order: str) -> list[Pair]:
    """Pairs by one of `ORDERS`."""
    keys = {
        "count": lambda p: (-p.count, -p.share, p.true, p.predicted),
        "share": lambda p: (-p.share, -p.count, p.true, p.predicted),
        "true": lambda p: (p.true, -p.count, p.predicted),
        "predicted": lambda p: (p.predicted, -p.count, p.true),
    }
    return sorted(pairs, key=keys[order])


def confusion_of(table: Mapping[str, Any]) -> tuple[list[list[int]], list[str]]:
    """The matrix and the classes' names of an evaluation file; empty where it is no square of counts."""
    rows, names = table.get("confusion"), table.get("classes")
    if not isinstance(rows, list) or not rows or not all(isinstance(r, list) and len(r) == len(rows) for r in rows):
        return [], []
    if not all(isinstance(value, (int, float)) and 0 <= value < 1e15 for row in rows for value in row):
        return [], []
    counts = [[int(value) for value in row] for row in rows]
    known = [str(name) for name in names] if isinstance(names, list) else []
    return counts, [known[i] if i < len(known) else str(i) for i in range(len(counts))]


def evaluation_files(folder: Path, split: str) -> list[tuple[int, Path]]:
    """The steps and files of a split's evaluations, in order."""
    prefix = file_prefix(split)
    try:
        found = [(match, path) for path in folder.iterdir() if (match := EVALUATION_FILE.fullmatch(path.name))]
    except OSError:
        return []
    return sorted((int(match[2]), path) for match, path in found if match[1] == prefix)


def read_evaluations(folder: Path, split: str, last: int | None = None) -> Iterator[dict[str, Any]]:
    """The contents of a split's evaluation files by step, up to `last`; what cannot be read is passed over."""
    for step, path in evaluation_files(folder, split):
        if last is not None and step > last:
            return
        try:
            content = read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            yield content


def histories(evaluations: Iterable[dict[str, Any]]) -> dict[int, History]:
    """The samples of evaluations by row, each with what was answered to it whenever it was kept.

    Where an evaluation kept the answers to the whole split (`predicted`), every sample that any of them shows is
    followed through all of them.
    """
    contents = list(evaluations)
    found: dict[int, History] = {}
    for content in contents:
        for sample in _samples(content):
            row = int(sample["row"])
            known = found.setdefault(row, History(row, str(sample.get("true") or "")))
            known.input = known.input or _text(sample.get("input"))
            known.image = known.image or _text(sample.get("image"))
    for content in contents:
        shown = {int(sample["row"]): sample for sample in _samples(content)}
        for row, history in found.items():
            answer = _answer(content, row, shown.get(row), history.true)
            if answer is not None:
                history.answers.append(answer)
    return found


def row_histories(evaluations: Iterable[dict[str, Any]], labels: Mapping[int, str]) -> dict[int, History]:
    """What was answered to rows of a split whenever an evaluation kept the answers to all of it.

    Args:
        labels: the rows that are wanted, each with what is true.
    """
    found = {row: History(row, true) for row, true in labels.items()}
    for content in evaluations:
        for row, history in found.items():
            answer = _answer(content, row, None, history.true)
            if answer is not None:
                history.answers.append(answer)
    return {row: history for row, history in found.items() if history.answers}


def _answer(content: dict[str, Any], row: int, sample: dict[str, Any] | None, true: str) -> Answer | None:
    step, epoch = _whole(content.get("step")), number(content.get("epoch"))
    if sample is not None:
        predicted = str(sample.get("predicted") or "")
        return Answer(step, epoch, predicted, predicted == true, number(sample.get("probability")))
    known = predicted_of(content, row)
    return None if known is None else Answer(step, epoch, known, known == true)


def predicted_of(content: dict[str, Any], row: int) -> str | None:
    """The class answered to a row of the split, where an evaluation kept the answers to all of it."""
    indices, names = predicted_rows(content), content.get("classes")
    if not isinstance(names, list) or not 0 <= row < len(indices):
        return None
    index = indices[row]
    return str(names[index]) if 0 <= index < len(names) else None


def predicted_rows(content: dict[str, Any]) -> Sequence[int]:
    """The class numbers answered to all rows of the split; empty where an evaluation did not keep them."""
    kept = content.get("predicted")
    return _numbers(kept) if isinstance(kept, str) else ()


@functools.lru_cache(maxsize=2)
def _numbers(text: str) -> Sequence[int]:
    try:
        return array("l", map(int, text.split()))
    except (ValueError, OverflowError):
        return ()


def _samples(content: dict[str, Any]) -> list[dict[str, Any]]:
    samples = content.get("samples")
    rows = samples if isinstance(samples, list) else []
    return [s for s in rows if isinstance(s, dict) and isinstance(s.get("row"), int) and s["row"] >= 0]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**62 else 0
