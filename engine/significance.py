"""Whether runs differ by more than their seeds: groups of the same settings, and tests between them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine import comparable, student_t
from engine.comparable import apart, weakened
from engine.index import flatten
from engine.jsonio import number
from engine.runs import Run
from engine.spread import DIFFERENT, essence

ALPHA = 0.05
WELCH = "Welch's t-test"
FOLDS = "corrected resampled t-test (Nadeau and Bengio)"
CANNOT_TELL = "cannot tell: one seed each"
SAME = "not distinguishable"
MAIN = ("accuracy", "macro_f1", "cer", "rmse", "r2", "bits_per_character", "loss")
"""Scores that are tested; the others mostly follow them."""
_MOST_WORDS = 24


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of the same settings but for their seeds, or folds."""

    name: str
    runs: tuple[str, ...]
    seeds: tuple[str, ...]
    """What tells the runs apart: `0`, or `0/2` for seed 0 and fold 2."""
    folds: bool
    """Whether they are folds of a cross-validation."""
    values: dict[str, tuple[float, ...]]
    """Of each score that all of them have, in the order of `runs`."""

    def mean(self, metric: str) -> float:
        """The mean of a score."""
        return statistics.fmean(self.values[metric])

    def deviation(self, metric: str) -> float | None:
        """Its standard deviation, n - 1 in the denominator; None of a single run."""
        values = self.values[metric]
        return statistics.stdev(values) if len(values) > 1 else None


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """One score of one group against the baseline's."""

    metric: str
    base: str
    group: str
    difference: float
    """Of the means."""
    low: float | None = None
    high: float | None = None
    """The interval of the difference."""
    p: float | None = None
    """Adjusted for the number of groups compared with the baseline (Bonferroni)."""
    statistic: float | None = None
    freedom: float | None = None
    test: str = ""
    verdict: str = CANNOT_TELL


class Significance(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of some runs."""

    groups: tuple[Group, ...]
    """The baseline's is the first one, where it has a run that finished."""
    base: str = ""
    """The name of the baseline's group; empty where nothing is measured against it."""
    metrics: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    told: tuple[str, ...] = ()
    """What was left out, and why."""


def significance(runs: Sequence[Run], *, alpha: float = ALPHA) -> Significance:
    """Group runs and test each group against the first run's.

    Args:
        runs: the first one is in the group that the others are measured against.
        alpha: the chance of calling a difference real that is none, for each score, over all groups.
    """
    groups, told = group_runs(runs)
    if not groups:
        return Significance(groups=(), metrics=(), contrasts=(), told=tuple(told))
    known = {run.id: run for run in runs}
    if _kind(known[groups[0].runs[0]]) != _kind(runs[0]):
        told.append(f"nothing is measured against the baseline {runs[0].id}: it has not finished")
        metrics = list(dict.fromkeys(key for group in groups for key in group.values))
        return Significance(groups=tuple(groups), metrics=tuple(metrics), contrasts=(), told=tuple(told))
    base = groups[0]
    unlike = {group.name: apart(runs[0], known[group.runs[0]]) for group in groups[1:]}
    told += [f"not tested: {words}" for words in comparable.told(unlike)]
    told += comparable.told({group.name: weakened(runs[0], known[group.runs[0]]) for group in groups[1:]})
    others = [group for group in groups[1:] if not unlike[group.name]]
    shared = [key for key in base.values if any(key in other.values for other in groups[1:])]
    metrics = shared or list(base.values)
    tests = [
        _test(base, other, key, sum(key in one.values for one in others), alpha)
        for key in metrics
        for other in others
        if key in base.values and key in other.values
    ]
    if len(others) > 1 and any(test.p is not None for test in tests):
        told.append(f"p-values and intervals allow for {len(others)} comparisons (Bonferroni)")
    return Significance(
        groups=tuple(groups), base=base.name, metrics=tuple(metrics), contrasts=tuple(tests), told=tuple(told)
    )


# ----------------------------------------------------------------------------------------------------------- groups


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Runs by settings, data and own code, without the seed, the first run's group first; and what was left out."""
    members: dict[str, dict[str, Run]] = {}
    told = []
    for run in runs:
        if run.status != "finished":
            told.append(f"{run.id} is left out: its state is {run.status}, not finished")
            continue
        flat = dict(flatten(run.info.settings))
        seed = f"{flat.get('seed', run.info.seed)}" + (f"/{flat['data.fold']}" if "data.fold" in flat else "")
        own = members.setdefault(_kind(run), {})
        if seed in own:  # the same seed makes the same run again: it says nothing of the spread
            told.append(f"{run.id} is left out: it repeats seed {seed} of {own[seed].id}")
        else:
            own[seed] = run
    first = _kind(runs[0]) if runs else ""
    members = {kind: members[kind] for kind in sorted(members, key=lambda kind: kind != first)}
    names = _names([next(iter(own.values())) for own in members.values()])
    for name, own in zip(names, members.values(), strict=True):
        states = dict.fromkeys(comparable.codes(list(own.values())).values())
        if len(states) > 1:
            told.append(f"the runs of {name} were started from different code: {', '.join(states)}")
    return [_group(name, own) for name, own in zip(names, members.values(), strict=True)], told


def _kind(run: Run) -> str:
    """What runs that tell of one another's spread have in common: settings, origin, own models and data; no seed."""
    own = sorted(run.info.code.items())
    return f"{essence(run.info.settings)} {run.info.parent} {own} {run.info.data_fingerprint}"


def _names(firsts: Sequence[Run]) -> list[str]:
    """The experiments; where two groups are of one, with what sets them apart, or else with their first run."""
    names = [run.info.experiment or run.id for run in firsts]
    alike = {name: [run for own, run in zip(names, firsts, strict=True) if own == name] for name in names}
    return [
        name if len(alike[name]) == 1 else f"{name} {_apart(run, alike[name])}"
        for name, run in zip(names, firsts, strict=True)
    ]


def _apart(run: Run, others: Sequence[Run]) -> str:
    """One or two settings that differ between runs: `lr 0.01`; the run's id where it takes more."""
    flat = [dict(flatten(other.info.settings)) for other in others]
    keys = [key for key in dict.fromkeys(key for own in flat for key in own) if key not in DIFFERENT]
    differing = [key for key in keys if any(own.get(key) != flat[0].get(key) for own in flat)]
    own = dict(flatten(run.info.settings))
    words = " ".join(f"{key.rpartition('.')[2]} {_shown(own.get(key))}" for key in differing)
    return words if 0 < len(differing) < 3 and len(words) <= _MOST_WORDS else f"({run.id})"


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _group(name: str, own: Mapping[str, Run]) -> Group:
    scores = [_scores(run) for run in own.values()]
    shared = [key for key in scores[0] if all(key in other for other in scores)]
    folds = len({seed.rpartition("/")[2] for seed in own if "/" in seed}) > 1
    values = {key: tuple(score[key] for score in scores) for key in shared}
    return Group(name=name, runs=tuple(run.id for run in own.values()), seeds=tuple(own), folds=folds, values=values)


def _scores(run: Run) -> dict[str, float]:
    """The test scores that say most, or those of the validation set, and the best value of what is watched."""
    best = run.state.best or {}
    found = {f"best {best.get('monitor')}": number(best.get("value"))} if best.get("monitor") else {}
    metrics = run.state.metrics
    for split in ("test", "val"):
        own = {f"{split}/{name}": number(metrics.get(f"{split}/{name}")) for name in MAIN}
        own = {key: value for key, value in own.items() if math.isfinite(value)}
        if own:
            found |= own
            break
    return {key: value for key, value in found.items() if math.isfinite(value)}


# ------------------------------------------------------------------------------------------------------------ tests


def _test(base: Group, other: Group, metric: str, comparisons: int, alpha: float) -> Contrast:
    difference = other.mean(metric) - base.mean(metric)
    first, second = base.values[metric], other.values[metric]
    plain = Contrast(metric=metric, base=base.name, group=other.name, difference=difference)
    if len(first) < 2 or len(second) < 2:
        few = [group.name for group in (base, other) if len(group.runs) < 2]
        verdict = CANNOT_TELL if len(few) == 2 else f"cannot tell: one seed of {few[0]}"
        return msgspec.structs.replace(plain, verdict=verdict)
    if base.folds or other.folds:
        if base.seeds != other.seeds:
            verdict = "cannot tell: other folds than the baseline's"
            return msgspec.structs.replace(plain, verdict=verdict, test=FOLDS)
        spread, freedom, name = *_of_folds(first, second), FOLDS
    else:
        spread, freedom, name = *_welch(first, second), WELCH
    return _judged(plain, spread, freedom, name, comparisons, alpha)


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The standard error of a difference of means, and its degrees of freedom (Welch and Satterthwaite)."""
    parts = [statistics.variance(values) / len(values) for values in (first, second)]
    total = sum(parts)
    if total == 0:
        return 0.0, math.nan
    below = sum(part * part / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    return math.sqrt(total), total * total / below


def _of_folds(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The same for the folds of one cross-validation, whose training sets overlap."""
    count = len(first)
    variance = statistics.variance([b - a for a, b in zip(first, second, strict=True)])
    return math.sqrt((1 / count + 1 / (count - 1)) * variance), float(count - 1)


def _judged(plain: Contrast, spread: float, freedom: float, name: str, comparisons: int, alpha: float) -> Contrast:
    """A test with its numbers and what they say."""
    if spread == 0:  # no seed changed anything: there is nothing to test against
        verdict = SAME if plain.difference == 0 else "distinguishable: neither varies with its seed"
        return msgspec.structs.replace(plain, verdict=verdict, test=name, low=plain.difference, high=plain.difference)
    statistic = plain.difference / spread
    p = min(1.0, comparisons * student_t.two_sided(statistic, freedom))
    reach = student_t.quantile(1 - alpha / comparisons, freedom) * spread
    return msgspec.structs.replace(
        plain, low=plain.difference - reach, high=plain.difference + reach, p=p, statistic=statistic, freedom=freedom,
        test=name, verdict="distinguishable" if p < alpha else SAME,
    )  # fmt: skip
