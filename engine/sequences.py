"""Text as tokens: one a character, 0 for padding, 1 for a character the train split does not have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.errors import DataError

PADDING, UNKNOWN = 0, 1


def vocabulary_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The character of each token: padding, unknown, then the characters of `texts` in order."""
    return ("", "\N{REPLACEMENT CHARACTER}", *sorted(set("".join(texts))))


def tokens(
    texts: Sequence[str], vocabulary: Sequence[str], longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`texts` as (n, longest) tokens, padded behind, and their lengths (n,)."""
    numbers = {c: i for i, c in enumerate(vocabulary) if i > UNKNOWN}
    inputs = np.zeros((len(texts), longest), np.int64)
    for row, text in enumerate(texts):
        inputs[row, : len(text)] = [numbers.get(c, UNKNOWN) for c in text]
    return inputs, np.array([len(t) for t in texts], np.int64)


def text_dataset(parts: dict[str, list[tuple[str, str]]], note: str = "") -> Dataset:
    """A data set of (text, class) pairs by split; classes and vocabulary are the train split's, in order.

    Raises:
        DataError: another split has a class that the train split lacks.
    """
    classes = tuple(sorted({label for _, label in parts["train"]}))
    numbers = {c: i for i, c in enumerate(classes)}
    vocabulary = vocabulary_of([text for text, _ in parts["train"]])
    longest = max(len(text) for part in parts.values() for text, _ in part)
    splits = {}
    for name, part in parts.items():
        strange = sorted({label for _, label in part} - set(classes))
        if strange:
            raise DataError(f"the {name} split has a class that the train split lacks: {strange[0]!r}")
        inputs, lengths = tokens([text for text, _ in part], vocabulary, longest)
        splits[name] = Split(inputs, np.array([numbers[label] for _, label in part], np.int64), lengths)
    return Dataset(
        "sequence",
        splits,
        classes,
        vocabulary=vocabulary,
        note=note,
        encode=lambda given: encode_texts(given, vocabulary),
    )


def encode_texts(given: Sequence[str], vocabulary: Sequence[str]) -> Split:
    """Texts from a command line as a split with labels 0.

    Raises:
        DataError: a text is empty, or has no character that the train split has.
    """
    known = set(vocabulary[2:])
    for text in given:
        if not text.strip():
            raise DataError(f"{text!r} is empty", hint="give a text of at least one character")
        if not known & set(text):
            raise DataError(
                f"{text!r}: no character of it occurs in the train split",
                hint="known: " + "".join(c for c in vocabulary[2:] if not c.isspace()),
            )
    inputs, lengths = tokens(given, vocabulary, max((len(t) for t in given), default=0))
    return Split(inputs, np.zeros(len(given), np.int64), lengths)
