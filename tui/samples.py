"""Samples to browse, of an evaluation or of a data set's rows: what they hold, and which a filter lets through."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.answers import Answer, History
from engine.jsonio import number
from tui.data_words import rows_of
from tui.plots.sparkline import sparkline
from tui.text_marks import mistakes
from tui.theme import ascii_mode

MOST_TEXT = 4_000
"""Characters of a text that are compared."""
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
    text: bool = False
    """Whether answers are texts, of which each character may be wrong."""
    aligned: bool = False
    """Whether the characters of both texts stand for the same places."""

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
    contents = rows_of(table.get("samples"))
    texts = not table.get("confusion") and not any("probability" in c or "error" in c for c in contents)
    found = [_as_text(sample) if texts else sample for sample in (_sample(c, folder) for c in contents)]
    return sorted(found, key=_badness, reverse=True)


def _as_text(sample: Sample) -> Sample:
    """A sample whose answer is a text, with how many characters of it are wrong."""
    if sample.predicted is None:
        return sample
    if math.isfinite(sample.errors):
        return replace(sample, text=True)
    errors = mistakes(sample.true[:MOST_TEXT], sample.predicted[:MOST_TEXT], aligned=True)
    return replace(sample, errors=float(errors), text=True, aligned=True)


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


def steps_of(found: Mapping[int, History]) -> tuple[int, ...]:
    """The steps at which any of the samples was answered: what their courses have in common."""
    return tuple(sorted({answer.step for history in found.values() for answer in history.answers}))


def course(
    history: History | None, width: int, steps: Sequence[int] | None = None, *, sample: Sample | None = None
) -> str:
    """Right and wrong over the epochs as columns, high where right; thinned to `width` characters.

    Args:
        steps: what the columns stand for, so that samples beside each other have the same ones; a space where an
            evaluation did not keep the sample. Those of the history when None.
        sample: of a text, the share of its characters that are right is drawn.
    """
    if history is None or width <= 0:
        return ""
    text = sample is not None and sample.text
    scores = {a.step: _share_right(history.true, a, sample) if sample and text else float(a.right)
              for a in history.answers}  # fmt: skip
    values = [scores.get(step, math.nan) for step in (scores if steps is None else steps)]
    if text:
        return sparkline(values, width, low=0.0, high=1.0, ascii_only=ascii_mode())
    if len(values) > width:
        bounds = [len(values) * i // width for i in range(width + 1)]
        values = [_mean(values[a:b]) for a, b in itertools.pairwise(bounds)]
    low, middle, high = (".", "-", "#") if ascii_mode() else ("▁", "▄", "█")
    return "".join(" " if v != v else high if v > 0.75 else low if v < 0.25 else middle for v in values)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else math.nan


def _share_right(true: str, answer: Answer, sample: Sample) -> float:
    """The share of a text's characters that are right."""
    errors = mistakes(true[:MOST_TEXT], answer.predicted[:MOST_TEXT], aligned=sample.aligned)
    return max(0.0, 1 - errors / max(1, min(len(true), MOST_TEXT)))
