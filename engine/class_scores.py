"""How runs score class by class: evaluations of one split beside each other, and where their answers differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from engine import comparable
from engine.paired_answers import ModelTest, from_answers, from_confusions
from engine.runs import Run
from engine.scored import TITLES, Scored, read_scored, splits_to_compare


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How often one class was taken for another, in two runs."""

    true: str
    predicted: str
    before: int
    after: int
    difference: float
    """In samples of the baseline's split: where both were tested on the same ones, after - before."""

    @property
    def better(self) -> bool:
        """Whether it is a change for the better: more right answers, or fewer wrong ones."""
        return (self.difference > 0) is (self.true == self.predicted)


class ClassComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluations of some runs on one split, and how they differ from the baseline's."""

    split: str
    base: str
    scored: tuple[Scored, ...]
    """In the order of the runs."""
    classes: tuple[str, ...]
    """Of all of them, those whose F1 differs most from the baseline's first."""
    missing: dict[str, str]
    """Run to why it is not among them."""
    refused: dict[str, str]
    """Run to why no difference to the baseline is formed."""
    told: tuple[str, ...]
    """What weakens the comparison."""

    def of(self, run: str) -> Scored | None:
        """The evaluation of a run."""
        return next((one for one in self.scored if one.run == run), None)

    def value(self, run: str, name: str, score: str) -> float | None:
        """A score of a class; None where the run does not have the class."""
        own = self.of(run)
        value = own.rows.get(name, {}).get(score, math.nan) if own is not None else math.nan
        return None if math.isnan(value) else value

    def difference(self, run: str, name: str, score: str) -> float | None:
        """By how much it differs from the baseline's; None where there is nothing to compare."""
        if run == self.base or run in self.refused:
            return None
        value, base = self.value(run, name, score), self.value(self.base, name, score)
        return None if value is None or base is None else value - base

    def only(self, name: str) -> tuple[str, ...]:
        """The runs that have a class which others lack; empty where all have it."""
        having = tuple(one.run for one in self.scored if name in one.rows)
        return () if len(having) == len(self.scored) else having


def compare_classes(runs: Sequence[Run], base: str = "", split: str = "") -> ClassComparison:
    """Lay the class scores of runs beside each other.

    Args:
        runs: one or more.
        base: the run that the others are measured against; the first where it is empty.
        split: as `splits_to_compare` names it; its first where it is empty.
    """
    base = base or (runs[0].id if runs else "")
    split = split or next(iter(splits_to_compare(runs)), "test")
    found = {run.id: read_scored(run, split) for run in runs}
    scored = tuple(one for one in found.values() if isinstance(one, Scored))
    missing = {run: one for run, one in found.items() if isinstance(one, str)}
    own = next((one for one in scored if one.run == base), None)
    refused = {one.run: why for one in scored if one.run != base and (why := _refused(own, one))}
    weak = ((one.run, words) for one in scored if one.run not in refused for words in _told(own, one))
    told = tuple(comparable.told(weak))
    comparison = ClassComparison(split=split, base=base, scored=scored, classes=(), missing=missing, refused=refused,
                                 told=told)  # fmt: skip
    return msgspec.structs.replace(comparison, classes=_by_change(comparison))


def _refused(base: Scored | None, other: Scored) -> str:
    """Why two evaluations cannot be compared; empty where they can."""
    if base is None:
        return "the baseline has no evaluation to compare with"
    if base.data[0] and other.data[0] and base.data[:2] != other.data[:2]:
        names = [" ".join(filter(None, one.data[:2])) for one in (other, base)]
        return f"other data than the baseline's ({names[0]}, not {names[1]})"
    if not set(base.classes) & set(other.classes):
        return "it has none of the baseline's classes"
    return ""


def _told(base: Scored | None, other: Scored) -> Iterator[str]:
    if base is None or other is base:
        return
    title = TITLES.get(other.split, other.split)
    if base.data[2] and other.data[2] and base.data[2] != other.data[2]:
        yield f"other samples, or another split of them: part of a difference is the {title} split's"
    elif not base.data[2] or not other.data[2]:
        yield f"whether the {title} split is the baseline's is not recorded"
    more, fewer = ([name for name in one.classes if name not in two.classes]
                   for one, two in ((other, base), (base, other)))  # fmt: skip
    for names, words in ((more, "classes that the baseline lacks:"), (fewer, "without the baseline's classes")):
        if names:
            rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
            yield f"{words} {', '.join(names[:5])}{rest}"


def _by_change(found: ClassComparison) -> tuple[str, ...]:
    names = list(dict.fromkeys(name for one in found.scored for name in one.classes))

    def change(name: str) -> float:
        values = [found.difference(one.run, name, "f1") for one in found.scored]
        return max((abs(value) for value in values if value is not None), default=-1.0)

    return tuple(sorted(names, key=lambda name: -change(name)))


def changes(base: Scored, other: Scored) -> list[Change]:
    """How often which class was taken for which, where the two differ: the largest difference first."""
    before, after = _cells(base), _cells(other)
    found = []
    for true, predicted in dict.fromkeys((*before, *after)):
        was, now = before.get((true, predicted), 0), after.get((true, predicted), 0)
        sizes = [one.rows.get(true, {}).get("support", math.nan) for one in (base, other)]
        same = sizes[0] == sizes[1] or not sizes[1] > 0 or not sizes[0] > 0
        difference = float(now - was) if same else now * sizes[0] / sizes[1] - was
        if difference:
            found.append(Change(true=true, predicted=predicted, before=was, after=now, difference=difference))
    return sorted(found, key=lambda change: (-abs(change.difference), change.true, change.predicted))


def _cells(one: Scored) -> dict[tuple[str, str], int]:
    return {
        (true, predicted): count
        for true, row in zip(one.classes, one.confusion, strict=False)
        for predicted, count in zip(one.classes, row, strict=False)
        if count
    }


def models_tested(found: ClassComparison) -> list[ModelTest]:
    """McNemar's test of each run against the baseline, where both answered the same samples."""
    base = found.of(found.base)
    tests: list[ModelTest] = []
    if base is None:
        return tests
    for other in found.scored:
        if other.run == found.base or other.run in found.refused or not base.data[2] or other.data[2] != base.data[2]:
            continue
        if base.right and len(base.right) == len(other.right):
            tests.append(from_answers(base.run, other.run, found.split, base.right, other.right))
        elif base.confusion and base.classes == other.classes:
            test = from_confusions(base.run, other.run, found.split, base.confusion, other.confusion)
            tests += [test] if test is not None else []
    return tests
