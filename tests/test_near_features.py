"""Nearly equal rows of features: by columns, what is not a number included, as comparing all finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.near_world import found, rows_of


def test_features_that_differ_by_rounding_are_near() -> None:
    generator = np.random.default_rng(22)
    train = generator.normal(50, 10, (500, 6))
    test = generator.normal(50, 10, (100, 6))
    test[::10] = train[:10] + generator.uniform(-0.9e-5, 0.9e-5, (10, 6))
    test[1::10] = train[:10] + 2e-5 * np.eye(6)[generator.integers(0, 6, 10)]
    result = found(train, test, "features")
    assert {(a, b) for a, b, _ in result["pairs"]} == {(i, 10 * i) for i in range(10)}
    assert all(0 < distance <= 1e-6 for _, _, distance in result["pairs"])


def test_features_whose_sums_are_nearer_do_not_hide_the_near_one() -> None:
    generator = np.random.default_rng(23)
    others = generator.standard_normal((2000, 6))
    steps = np.zeros((41, 6))
    steps[:, 0] = np.arange(-20, 21) * 1.5e-6
    wanted = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    train = np.concatenate([others, wanted + steps * others.std(axis=0)])
    test = wanted + 0.9e-6 * np.array([0, 1, 1, 1, 1, 1]) * others.std(axis=0)
    assert [pair[:2] for pair in found(train, test, "features")["pairs"]] == [[2020, 0]]


def test_nan_is_nan_and_nothing_else() -> None:
    train = np.array([[1, np.nan, 3], [4, 5, np.inf], [7, 8, 9], [0, 1, 2.0]], np.float32)
    test = np.array([[1 + 1e-7, np.nan, 3], [4, 5, np.inf], [4, 5, -np.inf], [7, np.nan, 9], [1, 2, 3]])
    assert [pair[:2] for pair in found(train, test, "features")["pairs"]] == [[1, 1], [0, 0]]


def test_constant_empty_and_huge_columns() -> None:
    train = np.array([[5.0, np.nan, 1e300, 1], [5.0, np.nan, -1e300, 2], [5.0, np.nan, 1e299, 3]])
    test = train + np.array([0, 0, 1e290, 1e-9])
    assert found(train, test, "features")["rows"] == 3
    assert found(train, test + np.array([1e-9, 0, 0, 0]), "features")["rows"] == 0, "a constant has no deviation"
    whole = np.array([[5, 1], [5, 2], [5, 3]])
    assert found(whole, np.array([[5.0, 2.0], [5, 4]]), "features")["rows"] == 1


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 60))
def test_features_are_near_as_comparing_all_says(seed: int, columns: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    choices = np.array([0, 1, 2, np.nan, np.inf])
    train, test = (generator.choice(choices, (n, columns)) for n in (count, 20))
    test += generator.choice([0, 3e-7, -3e-7, 1e-5], test.shape)
    finite = np.where(np.isfinite(train), train, np.nan)
    deviation = np.array([np.std(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0 for c in finite.T])
    with np.errstate(invalid="ignore"):
        apart = np.abs(train[None] - test[:, None])
    same = (train[None] == test[:, None]) | (np.isnan(train)[None] & np.isnan(test)[:, None])
    near = (same | (apart <= 1e-6 * deviation)).all(axis=2).any(axis=1)
    assert rows_of(found(train, test, "features")) == set(np.flatnonzero(near).tolist())
