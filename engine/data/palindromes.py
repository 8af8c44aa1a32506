"""Decimal palindromes without their last digit, which is the class: can a network remember what came first?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError, nearest

DIGITS = ("numbers", "symbols")
_CLASSES = tuple("0123456789")
_VOCABULARY = ("", "\N{REPLACEMENT CHARACTER}", *_CLASSES)
_FIRST = _VOCABULARY.index("0")
"""The token of digit 0."""

_ENUMERATED = 5
"""Halves of up to so many digits are few enough to hold out a tenth of all there are: 100,000."""

_TOLD_APART = 18
"""Decimal digits that fit into a 64-bit integer."""

_MOST_SAMPLES, _MOST_DIGITS = 1_000_000, 2 * 10**8
"""Limits of a split: of samples, and of digits in all of them together (as numbers, 4 bytes each)."""

Digits = NDArray[np.uint8]
Draws = np.random.RandomState
"""Its draws of a seed are promised to stay the same, unlike those of numpy's Generator."""


def load(
    root: Path,
    *,
    length: int = 5,
    samples: int = 100_000,
    test_samples: int = 10_000,
    data_seed: int = 0,
    digits: str = "numbers",
) -> Dataset:
    """Random decimal palindromes, generated: all digits but the last are the input, the last one is the class.

    No palindrome of the test split stands in the train split. Up to length 10 there are few (1,000 of length 5, each
    drawn many times): a tenth of them, the same share of each class, is kept for the test split.

    Args:
        root: not used.
        length: digits of a palindrome, its last one included; leading zeros are digits like any other.
        samples: palindromes to train on, drawn with repetition.
        test_samples: palindromes of the test split, drawn with repetition.
        data_seed: seed of the digits; apart from the run's.
        digits: numbers (one column a digit, its value from 0 to 9) or symbols (a sequence of one token a digit).

    Raises:
        SettingsError: an argument out of its range.
    """
    _check(length, {"samples": samples, "test_samples": test_samples}, data_seed, digits)
    half = (length + 1) // 2
    draw = _draw_held_out if half <= _ENUMERATED else _draw_unseen
    parts = zip(("train", "test"), draw(half, samples, test_samples, Draws(data_seed)), strict=True)
    splits = {name: _split(halves, length, digits) for name, halves in parts}
    columns = tuple(f"d{place + 1}" for place in range(length - 1))
    numbers = digits == "numbers"
    return Dataset(
        "features" if numbers else "sequence",
        splits,
        _CLASSES,
        vocabulary=() if numbers else _VOCABULARY,
        columns=columns if numbers else (),
        note="generated",
        encode=lambda given: _encode(given, length, digits),
    )


def _check(length: int, sizes: dict[str, int], data_seed: int, digits: str) -> None:
    where = "data set 'palindromes'"
    if digits not in DIGITS:
        raise SettingsError(f"{where}: digits = {digits!r}", hint=nearest(digits, DIGITS))
    if not 3 <= length <= 1000:
        raise SettingsError(
            f"{where}: length = {length}; it must be from 3 to 1,000 digits",
            hint="a shorter palindrome has nothing between its ends to ignore" if length < 3 else "",
        )
    for name, count in sizes.items():
        most = min(_MOST_SAMPLES, _MOST_DIGITS // length)
        if not 10 <= count <= most:
            raise SettingsError(
                f"{where}: {name} = {count:,}; with length = {length} it must be from 10 to {most:,}",
                hint="give about a hundred or more, so that every digit comes last in some" if count < 10 else "",
            )
    if not 0 <= data_seed < 2**32:
        raise SettingsError(f"{where}: data_seed = {data_seed}; it must be from 0 to 2**32 - 1")


def _draw_held_out(half: int, samples: int, test_samples: int, draws: Draws) -> tuple[Digits, Digits]:
    """First halves (n, half) of both splits, a tenth of all there are being the test split's."""
    each = 10 ** (half - 1)
    rest = np.argsort(draws.random_sample((10, each)), axis=1)  # of each first digit, the other digits in any order
    every = rest + each * np.arange(10)[:, None]
    held, kept = every[:, : each // 10].reshape(-1), every[:, each // 10 :].reshape(-1)
    train = kept[draws.randint(len(kept), size=samples)]
    test = held[draws.randint(len(held), size=test_samples)]
    return _digits_of(train, half), _digits_of(test, half)


def _digits_of(numbers: NDArray[np.int64], places: int) -> Digits:
    """Whole numbers (n,) as their decimal digits (n, places), leading zeros included."""
    return (numbers[:, None] // 10 ** np.arange(places)[::-1] % 10).astype(np.uint8)


def _draw_unseen(half: int, samples: int, test_samples: int, draws: Draws) -> tuple[Digits, Digits]:
    """First halves (n, half) of both splits, those of the test split drawn until none is the train split's."""
    train = _any_digits(samples, half, draws)
    known = np.unique(_keys(train))
    test = _any_digits(test_samples, half, draws)
    while len(seen := np.flatnonzero(np.isin(_keys(test), known))):
        test[seen] = _any_digits(len(seen), half, draws)
    return train, test


def _any_digits(count: int, places: int, draws: Draws) -> Digits:
    return draws.randint(0, 10, (count, places), dtype=np.uint8)


def _keys(halves: Digits) -> NDArray[np.int64]:
    """(n,) a number for each first half; halves with different numbers are different.

    Of long ones only the last digits count: two that differ elsewhere alone would be taken for the same, which at worst
    draws one of them anew.
    """
    told = halves[:, -_TOLD_APART:]
    keys: NDArray[np.int64] = told.astype(np.int64) @ 10 ** np.arange(told.shape[1], dtype=np.int64)[::-1]
    return keys


def _split(halves: Digits, length: int, digits: str) -> Split:
    """First halves (n, ceil(length / 2)), mirrored, as input; their first digit is the palindrome's last."""
    mirrored = halves[:, : length // 2][:, ::-1]
    inputs = np.concatenate([halves, mirrored[:, :-1]], axis=1)
    return _as_input(inputs, halves[:, 0].astype(np.int64), digits)


def _as_input(values: Digits, labels: NDArray[np.int64], digits: str) -> Split:
    if digits == "numbers":
        return Split(values.astype(np.float32), labels)
    tokens: NDArray[Any] = values + np.uint8(_FIRST)
    return Split(tokens, labels, np.full(len(tokens), tokens.shape[1], np.int64))


def _encode(given: Sequence[str], length: int, digits: str) -> Split:
    """Digits from a command line, "1234" or "1, 2, 3, 4", as a split with labels 0; they need not begin a palindrome.

    Raises:
        DataError: naming what is not a digit, or how many there are.
    """
    rows = [_read(text, length - 1) for text in given]
    values = np.array(rows, np.uint8).reshape(len(rows), length - 1)
    return _as_input(values, np.zeros(len(rows), np.int64), digits)


def _read(text: str, places: int) -> list[int]:
    kept = "".join(text.replace(",", " ").split())
    hint = f"write {places} digits, all but the last one of a palindrome{_example(places)}"
    for character in kept:
        if character not in _CLASSES:
            raise DataError(f"{text!r}: {character!r} is not a digit from 0 to 9", hint=hint)
    if len(kept) != places:
        raise DataError(f"{text!r} has {len(kept)} digits, expected {places}", hint=hint)
    return [int(character) for character in kept]


def _example(places: int) -> str:
    """How that looks, where it fits into a line."""
    if places > 19:
        return ""
    first = [place % 10 for place in range(1, places // 2 + 2)]
    return ", such as " + "".join(map(str, first + first[: (places + 1) // 2][:0:-1]))
