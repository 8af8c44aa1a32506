"""Transcripts compared with the truth: error rates, and samples to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from engine.dataset import Dataset, Split
from engine.samples import chosen, readable, text_of

Tokens = list[int]


def true_tokens(split: Split) -> list[Tokens]:
    """The label tokens of each sample, without padding."""
    assert split.label_lengths is not None
    return [row[:length].tolist() for row, length in zip(split.labels, split.label_lengths.tolist(), strict=True)]


def collapsed(frames: NDArray[np.int64]) -> list[Tokens]:
    """What frames (n, positions) say: repetitions count once, then token 0 is taken out (Graves et al., 2006)."""
    kept = np.ones(frames.shape, bool)
    kept[:, 1:] = frames[:, 1:] != frames[:, :-1]
    kept &= frames != 0
    return [row[mask].tolist() for row, mask in zip(frames, kept, strict=True)]


def until_end(tokens: NDArray[np.int64]) -> list[Tokens]:
    """Each row of (n, longest) up to its first 0, which ends it."""
    ends = np.where((tokens == 0).any(1), (tokens == 0).argmax(1), tokens.shape[1])
    return [row[:end].tolist() for row, end in zip(tokens, ends.tolist(), strict=True)]


def error_rates(true: Sequence[Tokens], predicted: Sequence[Tokens]) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The character error rate, and the share of transcripts that are right as a whole.

    The rate is the Levenshtein distance (insertions, deletions, substitutions) of all transcripts together, divided by
    the length of the truth; it may exceed 1.

    Returns:
        {"cer", "accuracy"}, and (n,) the distance of each transcript.
    """
    distances = np.array([Levenshtein.distance(a, b) for a, b in zip(true, predicted, strict=True)], np.float64)
    length = sum(map(len, true))
    cer = float(distances.sum() / length) if length else float("nan")
    return {"cer": cer, "accuracy": float((distances == 0).mean())}, distances


def samples(
    dataset: Dataset, split: Split, true: Sequence[Tokens], predicted: Sequence[Tokens], distances: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Some transcripts beside the truth: spread over the split, then those with most errors."""
    badness = np.where(distances > 0, distances, -np.inf)
    return [
        {
            "input": readable(dataset, split, row),
            "row": row,
            "true": text_of(dataset.classes, true[row]),
            "predicted": text_of(dataset.classes, predicted[row]),
            "errors": int(distances[row]),
        }
        for row in chosen(badness)
    ]
