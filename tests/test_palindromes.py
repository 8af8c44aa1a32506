"""The palindromes: that they are some, that those of the test split are new, and how they are written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.data import palindromes
from engine.dataset import Dataset, InputSpec, Split, input_spec
from engine.dataset_check import check_dataset
from engine.errors import DataError, SettingsError
from engine.splits import load as load_by_name

NOWHERE = Path("/nonexistent")
FIRST_OF_5 = ["01310", "68486", "22222"]
FIRST_OF_12 = ["563929929365", "628869968826"]


def load(**arguments: Any) -> Dataset:
    return palindromes.load(NOWHERE, **arguments)


def values(split: Split) -> NDArray[np.int64]:
    """(n, length) digits of whole palindromes, however they are written."""
    first_token = 0 if split.lengths is None else 2
    inputs = split.inputs.astype(np.int64) - first_token
    return np.concatenate([inputs, split.labels[:, None]], axis=1)


def strings(split: Split) -> list[str]:
    return ["".join(map(str, row)) for row in values(split).tolist()]


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(3, 60),
    samples=st.integers(10, 3000),
    test_samples=st.integers(10, 500),
    data_seed=st.integers(0, 2**32 - 1),
    digits=st.sampled_from(palindromes.DIGITS),
)
def test_all_are_palindromes_and_none_to_test_stands_in_train(
    length: int, samples: int, test_samples: int, data_seed: int, digits: str
) -> None:
    dataset = load(length=length, samples=samples, test_samples=test_samples, data_seed=data_seed, digits=digits)
    check_dataset(dataset, "palindromes")
    train, test = strings(dataset.splits["train"]), strings(dataset.splits["test"])
    assert (len(train), len(test)) == (samples, test_samples)
    for text in (*train, *test):
        assert re.fullmatch(f"[0-9]{{{length}}}", text)
        assert text == text[::-1]
    assert not set(train) & set(test)


@pytest.mark.parametrize("length", range(3, 9))
def test_a_tenth_of_the_few_there_are_is_held_out_of_each_class(length: int) -> None:
    dataset = load(length=length, samples=200_000 if length > 6 else 20_000, test_samples=20_000)
    every = 10 ** ((length + 1) // 2)
    train, test = (set(strings(dataset.splits[name])) for name in ("train", "test"))
    assert (len(train), len(test)) == (every - every // 10, every // 10)
    assert {c: sum(text[0] == c for text in test) for c in "0123456789"} == dict.fromkeys("0123456789", every // 100)


def test_a_large_train_split_leaves_its_rest_to_test() -> None:
    dataset = load(length=12, samples=1_000_000, test_samples=1000)
    train, test = (values(dataset.splits[name])[:, :6] @ 10 ** np.arange(6) for name in ("train", "test"))
    assert 620_000 < len(np.unique(train)) < 645_000  # 1 - 1/e of a million
    assert not np.isin(test, train).any()


@pytest.mark.parametrize("length", [5, 10, 20])
def test_every_digit_is_about_as_frequent_in_every_place(length: int) -> None:
    split = load(length=length).splits["train"]
    counts = np.stack([np.bincount(column, minlength=10) for column in values(split).T])
    assert counts.shape == (length, 10)
    assert np.abs(counts / len(split) - 0.1).max() < (0.012 if length == 5 else 0.006)


def test_numbers_and_symbols_are_the_same_palindromes() -> None:
    numbers, symbols = load(length=7, samples=50), load(length=7, samples=50, digits="symbols")
    assert input_spec(numbers) == InputSpec("features", (6,), 10)
    assert numbers.columns == ("d1", "d2", "d3", "d4", "d5", "d6")
    assert numbers.normalize is None
    assert numbers.splits["train"].inputs.dtype == np.float32
    assert input_spec(symbols) == InputSpec("sequence", (6,), 10, vocabulary=12)
    assert symbols.vocabulary == ("", "\N{REPLACEMENT CHARACTER}", *"0123456789")
    for name in ("train", "test"):
        np.testing.assert_array_equal(values(numbers.splits[name]), values(symbols.splits[name]))
        assert symbols.splits[name].lengths is not None
        assert (symbols.splits[name].lengths == 6).all()
    row = symbols.splits["train"].inputs[0]
    assert "".join(symbols.vocabulary[token] for token in row) == strings(numbers.splits["train"])[0][:-1]


@pytest.mark.parametrize("length", [5, 20])
def test_the_seed_decides_and_nothing_else(length: int) -> None:
    one, same, other = (strings(load(length=length, data_seed=seed).splits["test"]) for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_the_draws_of_a_seed_stay_what_they_were() -> None:
    assert strings(load(samples=10).splits["train"])[:3] == FIRST_OF_5
    assert strings(load(length=12, samples=10).splits["test"])[:2] == FIRST_OF_12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"length": 2}, "length = 2; it must be from 3 to 1,000 digits"),
        ({"length": 1001}, "from 3 to 1,000"),
        ({"samples": 9}, "samples = 9; with length = 5 it must be from 10"),
        ({"test_samples": 0}, "test_samples = 0"),
        ({"samples": 1_000_001}, "to 1,000,000"),
        ({"length": 1000, "samples": 200_001}, "samples = 200,001; with length = 1000 it must be from 10 to 200,000"),
        ({"data_seed": -1}, "data_seed = -1"),
        ({"data_seed": 2**32}, "2**32 - 1"),
        ({"digits": "number"}, "did you mean 'numbers'?"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**arguments)
    assert words in str(caught.value)


def test_it_is_found_by_name() -> None:
    dataset = load_by_name("palindromes", {"length": 9, "samples": 20, "test_samples": 10}, NOWHERE, NOWHERE)
    assert input_spec(dataset).shape == (8,)


# -------------------------------------------------------------------------------------------- what a command line gives


@pytest.mark.parametrize("text", ["1230", "1 2 3 0", " 1, 2,3,0 "])
def test_digits_given_by_hand(text: str) -> None:
    numbers, symbols = load(samples=10), load(samples=10, digits="symbols")
    assert numbers.encode is not None
    assert symbols.encode is not None
    np.testing.assert_array_equal(numbers.encode([text]).inputs, np.array([[1, 2, 3, 0]], np.float32))
    given = symbols.encode([text, "0000"])
    np.testing.assert_array_equal(given.inputs, [[3, 4, 5, 2], [2, 2, 2, 2]])
    np.testing.assert_array_equal(given.lengths, [4, 4])
    np.testing.assert_array_equal(given.labels, [0, 0])
    assert numbers.encode([]).inputs.shape == (0, 4)


@pytest.mark.parametrize("digits", palindromes.DIGITS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("123", "'123' has 3 digits, expected 4"),
        ("12321", "has 5 digits, expected 4"),
        ("", "has 0 digits"),
        ("12x2", "'x' is not a digit"),
        ("-123", "'-' is not a digit"),
        ("1.23", "'.' is not a digit"),
        ("12\N{FULLWIDTH DIGIT THREE}2", "is not a digit"),
        ("12\N{SUPERSCRIPT TWO}2", "is not a digit"),
    ],
)
def test_what_cannot_be_read_is_refused(digits: str, text: str, words: str) -> None:
    dataset = load(samples=10, digits=digits)
    assert dataset.encode is not None
    with pytest.raises(DataError) as caught:
        dataset.encode(["1232", text])
    assert words in str(caught.value)
    assert "all but the last one of a palindrome, such as 1232" in str(caught.value)


def test_a_long_one_is_asked_for_without_an_example() -> None:
    dataset = load(length=1000, samples=10, test_samples=10)
    assert dataset.encode is not None
    with pytest.raises(DataError, match="expected 999") as caught:
        dataset.encode(["12"])
    assert len(str(caught.value)) < 150
