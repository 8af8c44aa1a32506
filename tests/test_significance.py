"""What seeds make of a difference: against scipy's numbers, and what is refused or said plainly."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scipy import stats

from engine import student_t
from engine.paired_answers import from_answers, from_confusions, interval, mcnemar
from engine.records import Marks, RunInfo, RunPaths, State
from engine.run import Run
from engine.significance import CANNOT_TELL, FOLDS, SAME, WELCH, significance

SETTINGS: dict[str, Any] = {"seed": 0, "model": {"name": "mlp"}, "optimizer": {"lr": 0.1}, "tags": ["a"]}


def make(number: int, accuracy: float, *, seed: int, lr: float = 0.1, status: str = "finished", **more: Any) -> Run:
    """A run with a test score."""
    settings = {**SETTINGS, "seed": seed, "optimizer": {"lr": lr}, "tags": [str(number)], **more}
    info = RunInfo(run=f"e{number:04d}", experiment="digits", settings=settings, seed=seed)
    state = State(state=status, metrics={"test/accuracy": accuracy, "test/loss": "NaN"})
    return Run(paths=RunPaths(Path(f"/nowhere/e{number:04d}")), info=info, state=state, marks=Marks())


def launched(run: Run, **what: Any) -> Run:
    """A run with more that is known of its start."""
    return msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, **what))


def runs_of(values: dict[float, list[float]], **more: Any) -> list[Run]:
    """Groups by learning rate, a run for each seed."""
    numbers = itertools.count(1)
    return [
        make(next(numbers), value, seed=seed, lr=lr, **more)
        for lr, own in values.items()
        for seed, value in enumerate(own)
    ]


@pytest.mark.parametrize("freedom", [0.5, 1, 1.7, 2, 4.3, 10, 99, 1e4])
@pytest.mark.parametrize("t", [0.0, 1e-9, 0.1, 1.0, 2.5, 12.7, 63.0, 1e4])
def test_the_t_distribution(t: float, freedom: float) -> None:
    assert student_t.two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9, abs=1e-14)
    assert student_t.two_sided(-t, freedom) == student_t.two_sided(t, freedom)


@pytest.mark.parametrize("freedom", [1, 2.2, 4, 30, 1000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99, 0.999])
def test_its_quantiles(level: float, freedom: float) -> None:
    assert student_t.quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (10, 4)])
def test_welch_is_scipys(sizes: tuple[int, int]) -> None:
    draw = random.Random(sizes[0])
    first, second = ([draw.gauss(0.9, 0.01) for _ in range(n)] for n in sizes)
    (test,) = significance(runs_of({0.1: first, 0.01: second})).contrasts
    expected = stats.ttest_ind(second, first, equal_var=False)
    assert test.test == WELCH
    assert test.p == pytest.approx(expected.pvalue)
    assert test.statistic == pytest.approx(expected.statistic)
    low, high = expected.confidence_interval(0.95)
    assert (test.low, test.high) == (pytest.approx(low), pytest.approx(high))
    assert (test.verdict == SAME) is bool(expected.pvalue >= 0.05)


def test_an_interval_that_holds_zero_is_not_distinguishable_and_the_other_way_round() -> None:
    draw = random.Random(1)
    for shift in (0.0, 0.004, 0.008, 0.012, 0.03):
        values = {0.1 * n: [draw.gauss(0.9 + shift * n, 0.01) for _ in range(4)] for n in (1, 2, 3)}
        for test in significance(runs_of(values)).contrasts:
            assert test.low is not None
            assert test.high is not None
            assert (test.low <= 0 <= test.high) is (test.verdict == SAME)


def test_several_groups_are_allowed_for() -> None:
    values = {0.1: [0.90, 0.91, 0.92], 0.2: [0.93, 0.94, 0.95]}
    (alone,) = significance(runs_of(values)).contrasts
    several = significance(runs_of({**values, 0.3: [0.90, 0.91, 0.93], 0.4: [0.91, 0.9, 0.9]}))
    assert alone.p is not None
    assert several.contrasts[0].p == pytest.approx(3 * alone.p)
    assert any("Bonferroni" in words for words in several.told)


def test_one_seed_tells_nothing() -> None:
    (test,) = significance(runs_of({0.1: [0.9], 0.01: [0.99]})).contrasts
    assert (test.verdict, test.p, test.low) == (CANNOT_TELL, None, None)
    (test,) = significance(runs_of({0.1: [0.9, 0.91, 0.9], 0.01: [0.99]})).contrasts
    assert "cannot tell" in test.verdict


def test_values_without_any_spread() -> None:
    same = significance(runs_of({0.1: [1.0, 1.0], 0.01: [1.0, 1.0]})).contrasts[0]
    other = significance(runs_of({0.1: [1.0, 1.0], 0.01: [0.5, 0.5]})).contrasts[0]
    assert same.verdict == SAME
    assert other.verdict.startswith("distinguishable")
    assert other.p is None, "no test was made"


def test_groups_are_by_settings_without_seed_and_words() -> None:
    found = significance(runs_of({0.1: [0.9, 0.91, 0.92], 0.01: [0.93, 0.94]}))
    assert [group.runs for group in found.groups] == [("e0001", "e0002", "e0003"), ("e0004", "e0005")]
    assert [group.name for group in found.groups] == ["digits lr 0.1", "digits lr 0.01"]
    assert found.groups[0].mean("test/accuracy") == pytest.approx(0.91)
    assert found.groups[0].deviation("test/accuracy") == pytest.approx(0.01)
    assert "test/loss" not in found.metrics, "it is not a number"


def test_a_repeated_seed_and_an_unfinished_run_are_left_out() -> None:
    runs = [*runs_of({0.1: [0.9, 0.91]}), make(7, 0.91, seed=1), make(8, 0.5, seed=5, status="stopped")]
    found = significance(runs)
    assert found.groups[0].runs == ("e0001", "e0002")
    assert [words.split()[0] for words in found.told] == ["e0007", "e0008"]


def test_groups_of_other_data_or_another_task_are_shown_and_not_tested() -> None:
    base = runs_of({0.1: [0.90, 0.91, 0.92]}, data={"name": "digits"}, task="classification")
    other = [
        make(11 + seed, 0.2 + seed / 9, seed=seed, data={"name": "iris"}, task="classification") for seed in (0, 1)
    ]
    third = [make(21 + seed, 0.2 + seed / 9, seed=seed, data={"name": "digits"}, task="own") for seed in (0, 1)]
    found = significance([*base, *other, *third])
    assert [group.runs[0] for group in found.groups] == ["e0001", "e0011", "e0021"]
    assert not found.contrasts
    assert any("iris, not digits" in words for words in found.told)
    assert any("own, not classification" in words for words in found.told)


def test_a_group_is_of_one_state_of_ones_own_models_and_data() -> None:
    runs = [make(1, 0.90, seed=0), make(2, 0.91, seed=1), make(3, 0.95, seed=0), make(4, 0.94, seed=1)]
    found = significance([launched(run, code={"nets/wide.py": own}) for run, own in zip(runs, "aabb", strict=True)])
    assert [group.runs for group in found.groups] == [("e0001", "e0002"), ("e0003", "e0004")]
    assert len({group.name for group in found.groups}) == 2
    found = significance([launched(run, data_fingerprint=data) for run, data in zip(runs, "aabb", strict=True)])
    assert [group.runs for group in found.groups] == [("e0001", "e0002"), ("e0003", "e0004")]
    assert any("the data set has changed" in words for words in found.told)


def test_repetitions_from_different_commits_are_told() -> None:
    runs = runs_of({0.1: [0.9, 0.91]})
    found = significance([launched(run, git={"commit": 20 * end}) for run, end in zip(runs, ("aa", "bb"), strict=True)])
    assert [group.runs for group in found.groups] == [("e0001", "e0002")]
    assert any("different code: aaaaaaa, bbbbbbb" in words for words in found.told)


def test_nothing_is_measured_against_a_baseline_that_has_not_finished() -> None:
    live = make(9, 0.9, seed=0, lr=0.5, status="running")
    others = runs_of({0.1: [0.90, 0.91], 0.2: [0.5, 0.51]})
    found = significance([live, *others])
    assert (found.base, found.contrasts) == ("", ())
    assert any("the baseline e0009" in words for words in found.told)
    found = significance([make(9, 0.9, seed=7, lr=0.2, status="running"), *others])
    assert found.groups[0].runs == ("e0003", "e0004"), "other seeds of the baseline have"
    assert found.base == found.groups[0].name
    assert found.contrasts


def test_folds_are_paired_and_corrected_for_their_overlap() -> None:
    first, second = [0.80, 0.82, 0.78, 0.81, 0.79], [0.83, 0.84, 0.82, 0.83, 0.83]
    runs = [
        make(10 * place + fold + 1, value, seed=0, lr=lr, data={"name": "csv", "fold": fold})
        for place, (lr, own) in enumerate(((0.1, first), (0.2, second)))
        for fold, value in enumerate(own)
    ]
    (test,) = significance(runs).contrasts
    differences = [b - a for a, b in zip(first, second, strict=True)]
    variance = stats.tvar(differences)
    t = (sum(differences) / 5) / math.sqrt((1 / 5 + 1 / 4) * variance)
    assert test.test == FOLDS
    assert test.statistic == pytest.approx(t)
    assert test.p == pytest.approx(2 * stats.t.sf(t, 4))
    (test,) = significance(runs[:-1]).contrasts
    assert "cannot tell" in test.verdict


# -------------------------------------------------------------------------------------------------------- two models


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (3, 9), (10, 10), (40, 90), (1500, 1400)])
def test_mcnemar_is_the_exact_binomial(b: int, c: int) -> None:
    expected = stats.binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-9)


def test_the_interval_covers_what_it_promises() -> None:
    draw = random.Random(0)
    shares, covered = (0.06, 0.03), 0
    for _ in range(600):
        drawn = [draw.random() for _ in range(300)]
        b = sum(u < shares[0] for u in drawn)
        c = sum(shares[0] <= u < sum(shares) for u in drawn)
        low, high = interval(b, c, 300)
        covered += low <= shares[1] - shares[0] <= high
    assert covered / 600 > 0.92


def test_confusions_bound_what_the_answers_say() -> None:
    draw = random.Random(3)
    for _ in range(30):
        labels = [draw.randrange(3) for _ in range(120)]
        answers = [[label if draw.random() < rate else draw.randrange(3) for label in labels] for rate in (0.6, 0.75)]
        right = [[a == b for a, b in zip(own, labels, strict=True)] for own in answers]
        confusions = [[[0] * 3 for _ in range(3)] for _ in range(2)]
        for place, own in enumerate(answers):
            for label, answer in zip(labels, own, strict=True):
                confusions[place][label][answer] += 1
        exact = from_answers("e0001", "e0002", "test", *right)
        bounds = from_confusions("e0001", "e0002", "test", *confusions)
        assert bounds is not None
        assert bounds.difference == pytest.approx(exact.difference)
        assert bounds.p_least - 1e-12 <= exact.p <= bounds.p + 1e-12
        assert bounds.low <= exact.low
        assert exact.high <= bounds.high


def test_confusions_of_other_samples_are_refused() -> None:
    assert from_confusions("a", "b", "test", [[5, 0], [0, 5]], [[4, 0], [0, 6]]) is None
