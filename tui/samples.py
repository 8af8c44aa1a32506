"""Samples to browse, of an evaluation or of a data set's rows: what they hold, and which a filter lets through."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.answers import History
from engine.jsonio import number
from tui.data_words import rows_of
from tui.theme import ascii_mode

MOST_INPUT = 20_000
"""Characters of an input that are shown."""


@dataclass(frozen=True)
class Sample:
    """One sample: what it is, and what was answered to it, where anything was."""

    row: int
    true: str
    input: str | None = None
    image: Path | None = None
    predicted: str | None = None
    probability: float = math.nan
    errors: float = math.nan
    """How wrong a text or quantities are."""
    near: bool = False
    """Whether answers are quantities, which are neither right nor wrong."""

    @property
    def right(self) -> bool | None:
        """Whether the answer is right; None where there is none, or where quantities are only near."""
        if self.predicted is None or self.near:
            return None
        return self.predicted == self.true

    @property
    def name(self) -> str:
        """What it is called in a list: its text, else its row."""
        return self.input if self.input else f"row {self.row:,}"


@dataclass(frozen=True)
class Filter:
    """Which samples are shown."""

    words: str = ""
    """What was typed: `wrong`, `right`, `true:CLASS`, `predicted:CLASS`; other words stand in a class or the input."""
    true: str | None = None
    """Exactly this class."""
    predicted: str | None = None

    @property
    def active(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.words.strip()) or self.true is not None or self.predicted is not None

    @property
    def wrong(self) -> bool:
        """Whether only wrong answers are wanted."""
        return "wrong" in self.words.casefold().split()

    def fits(self, sample: Sample) -> bool:
        """Whether a sample is shown."""
        if self.true is not None and sample.true != self.true:
            return False
        if self.predicted is not None and sample.predicted != self.predicted:
            return False
        return all(_word_fits(word, sample) for word in self.words.casefold().split())


def _word_fits(word: str, sample: Sample) -> bool:
    if word in ("wrong", "right"):
        return sample.right is (word == "right")
    key, colon, rest = word.partition(":")
    if colon and key in ("true", "predicted", "pred"):
        return rest in (sample.true if key == "true" else sample.predicted or "").casefold()
    return any(word in text.casefold() for text in (sample.true, sample.predicted or "", sample.input or ""))


def apply(samples: Iterable[Sample], wanted: Filter) -> list[Sample]:
    """The samples that a filter lets through."""
    return [sample for sample in samples if wanted.fits(sample)]


def samples_of(table: dict[str, Any], folder: Path) -> list[Sample]:
    """The samples of an evaluation file: the worst mistakes first, those that are right last.

    Args:
        folder: of the evaluations, where the images of the samples lie.
    """
    found = [_sample(content, folder) for content in rows_of(table.get("samples"))]
    return sorted(found, key=_badness, reverse=True)


def _badness(sample: Sample) -> tuple[float, float]:
    sure = sample.probability if math.isfinite(sample.probability) else 0.0
    wrong = sample.errors if math.isfinite(sample.errors) else float(sample.right is False)
    return wrong, sure if wrong else -sure


def data_rows(answer: dict[str, Any]) -> list[Sample]:
    """The rows that `engine data --samples` listed."""
    return [_sample(content, Path()) for content in rows_of(answer.get("samples"))]


def _sample(content: dict[str, Any], folder: Path) -> Sample:
    row, image, given = content.get("row"), content.get("image"), content.get("input")
    predicted = content.get("predicted")
    return Sample(
        row=row if isinstance(row, int) and row >= 0 else 0,
        true=str("" if content.get("true") is None else content["true"]),
        input=None if given is None else str(given)[:MOST_INPUT],
        image=folder / image if isinstance(image, str) and image else None,
        predicted=None if predicted is None else str(predicted),
        probability=number(content.get("probability")),
        errors=number(content.get("errors", content.get("error"))),
        near="error" in content,
    )


def course(history: History | None, width: int) -> str:
    """Right and wrong over the epochs as columns, high where right; thinned to `width` characters."""
    if history is None or width <= 0:
        return ""
    marks = [answer.right for answer in history.answers]
    low, high = (".", "#") if ascii_mode() else ("▁", "█")
    if len(marks) > width:
        bounds = [len(marks) * i // width for i in range(width + 1)]
        shares = [sum(marks[a:b]) / (b - a) for a, b in itertools.pairwise(bounds)]
        middle = "-" if ascii_mode() else "▄"
        return "".join(high if s > 0.75 else low if s < 0.25 else middle for s in shares)
    return "".join(high if mark else low for mark in marks)
