"""Two models on the same samples: McNemar's test and the interval of the difference in accuracy.

Where each sample's answer is recorded the test is exact. Where only confusion matrices are, how often both were right
together is unknown but bounded, and so is what the test would say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec

ALPHA = 0.05
_Z = NormalDist().inv_cdf(1 - ALPHA / 2)
Counts = Sequence[Sequence[int]]


class ModelTest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two trained models differ on the samples they were tested on."""

    base: str
    run: str
    split: str
    count: int
    """Samples."""
    difference: float
    """Of the accuracies."""
    low: float
    high: float
    """The 95 % interval of the difference."""
    p: float
    """The largest value that agrees with what is recorded; the p-value itself where `exact`."""
    p_least: float
    """The smallest one."""
    exact: bool
    """Whether each sample's answer is known, rather than how many of each class were right."""
    only_base: int | None = None
    """Samples that only the base run had right."""
    only_run: int | None = None

    @property
    def verdict(self) -> str:
        """In words."""
        if self.p < ALPHA:
            return "distinguishable"
        return "not distinguishable" if self.p_least >= ALPHA else "cannot be told from confusion matrices"


def from_answers(base: str, run: str, split: str, first: Sequence[bool], second: Sequence[bool]) -> ModelTest:
    """The exact test.

    Args:
        first: of each sample whether the base run had it right.
        second: the same of the other run, in the same order.
    """
    only_base = sum(a and not b for a, b in zip(first, second, strict=True))
    only_run = sum(b and not a for a, b in zip(first, second, strict=True))
    p = mcnemar(only_base, only_run)
    count = len(first)
    low, high = interval(only_base, only_run, count)
    return ModelTest(base=base, run=run, split=split, count=count, difference=(only_run - only_base) / count, low=low,
                     high=high, p=p, p_least=p, exact=True, only_base=only_base, only_run=only_run)  # fmt: skip


def from_confusions(base: str, run: str, split: str, first: Counts, second: Counts) -> ModelTest | None:
    """What confusion matrices of the same samples allow to say; None where their rows are of other samples."""
    sizes = [sum(row) for row in first]
    if sizes != [sum(row) for row in second] or not sum(sizes):
        return None
    right = [(first[i][i], second[i][i]) for i in range(len(sizes))]
    least = sum(abs(a - b) for a, b in right)
    most = sum(min(a + b, 2 * size - a - b) for (a, b), size in zip(right, sizes, strict=True))
    gain, count = sum(b - a for a, b in right), sum(sizes)
    values = [mcnemar((apart - gain) // 2, (apart + gain) // 2) for apart in (least, most)]
    low, high = interval((most - gain) // 2, (most + gain) // 2, count)
    return ModelTest(base=base, run=run, split=split, count=count, difference=gain / count, low=low, high=high,
                     p=max(values), p_least=min(values), exact=False)  # fmt: skip


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value of McNemar's test, from the samples that only one of two models had right."""
    apart, fewer = only_first + only_second, min(only_first, only_second)
    if not apart:
        return 1.0
    top = math.lgamma(apart + 1) - apart * math.log(2)
    tail = math.fsum(math.exp(top - math.lgamma(k + 1) - math.lgamma(apart - k + 1)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a difference between paired shares (Bonett and Price, 2012)."""
    first, second = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    middle = second - first
    spread = _Z * math.sqrt(max(0.0, first + second - middle * middle) / (count + 2))
    return max(-1.0, middle - spread), min(1.0, middle + spread)
