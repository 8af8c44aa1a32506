"""Imbalance ratio and effective number of classes, and where people see them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.balance import balance, effective_classes, imbalance_ratio
from tests.helpers import engine_json, run_engine
from tui.data_words import balance_lines
from tui.theme import _plain_inks


def test_equal_classes_are_as_many_as_they_are() -> None:
    assert imbalance_ratio([7, 7, 7, 7]) == 1.0
    assert effective_classes([7, 7, 7, 7]) == pytest.approx(4.0)


def test_known_values() -> None:
    assert imbalance_ratio([90, 10]) == 9.0
    # exp of the entropy of 0.9 and 0.1
    assert effective_classes([90, 10]) == pytest.approx(math.exp(-0.9 * math.log(0.9) - 0.1 * math.log(0.1)))
    assert effective_classes([5, 0, 0]) == pytest.approx(1.0)


def test_a_class_without_samples_has_no_finite_ratio() -> None:
    assert imbalance_ratio([5, 0]) == math.inf
    assert imbalance_ratio([]) is None
    assert effective_classes([0, 0]) is None


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
def test_between_one_and_all(counts: list[int]) -> None:
    found = effective_classes(counts)
    assert found is not None
    assert 1.0 - 1e-9 <= found <= len(counts) + 1e-9


def test_classes_that_a_split_lacks_count() -> None:
    summary = {"classes": ["a", "b"], "splits": {"train": {"count": 4, "classes": {"a": 4}}}}
    assert balance(summary)["train"]["imbalance"] == math.inf


def test_no_balance_of_tokens_or_of_what_is_no_summary() -> None:
    split = {"count": 4, "classes": {"a": 4, "b": 1}}
    assert balance({"labels": "tokens", "splits": {"train": split}}) == {}
    assert balance({"splits": {"train": {"count": 3}, "test": "x"}}) == {}
    assert balance({"splits": {"train": {"classes": {"a": "many", "b": -1, "c": 2}}}})["train"]["effective"] == 1.0


def test_only_splits_that_are_unlike_the_first_are_told() -> None:
    even, uneven = {"a": 50, "b": 50}, {"a": 90, "b": 10}
    splits = {"train": {"classes": uneven}, "validation": {"classes": {"a": 9, "b": 1}}, "test": {"classes": even}}
    lines = balance_lines({"classes": ["a", "b"], "splits": splits}, 100, _plain_inks())
    text = ["".join(piece for piece, _ in line) for line in lines]
    assert len(text) == 2
    assert text[0].startswith("train")
    assert "9.0" in text[0]
    assert text[1].startswith("test")


def test_engine_data_tells_them(tmp_path: Path) -> None:
    found = engine_json("data", "iris", "--json", cwd=tmp_path)
    assert found["balance"]["train"] == {"imbalance": 1.0, "effective": pytest.approx(3.0)}
    text = run_engine("data", "iris", cwd=tmp_path).stdout
    assert "imbalance ratio 1.0, effective number of classes 3.0 of 3" in text
