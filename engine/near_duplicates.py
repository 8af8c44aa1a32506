"""Near duplicates: rows of one split that stand in another but for a little, leaks that equality does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from engine.dataset import Kind, Split
from engine.duplicates import Digests, input_digests, pairs
from engine.near_features import NearFeatures
from engine.near_images import NearImages
from engine.near_pairs import Found, NearPairs, reported
from engine.near_texts import NearTexts


class Searched(Protocol):
    """A split, made ready to be compared with others of its kind."""

    def find(self, later: Self, rows: NDArray[np.intp]) -> Found:
        """Those of `rows` of `later` that are near a row of this split."""
        ...


def near_duplicates(splits: Mapping[str, Split], kind: Kind, vocabulary: Sequence[str] = ()) -> dict[str, NearPairs]:
    """For each pair of splits, the rows of the later one that are nearly, or exactly, rows of the earlier.

    What is near, and how far apart it is, depends on the kind of input; 0 is always the same.
        image:    a copy re-encoded, shifted by 1 or 2 of 32 pixels, cut a little, brightened, noisy or mirrored; the
                  distance is 1 less the correlation of what is in them.
        sequence: the same letters and digits; longer than 20 of them, 5 % edited; the distance is the share edited.
        features: each column within 1e-6 standard deviations; the distance is the largest of them.
    Where several rows are near, the nearest counts. The same splits always give the same result.

    Args:
        splits: by name; those of features may be raw, NaN being equal to NaN.
        kind: what the inputs are.
        vocabulary: sequence: the characters of the tokens; without it only identical rows are found.

    Returns:
        {"train/test": {"rows": 812, "pairs": [[13, 5, 0.0], [7, 2, 0.013], …]}, …}
    """
    digests = {name: input_digests(split) for name, split in splits.items()}
    found = {}
    # products of small matrices: on a busy machine, threads wait for each other ten times as long as they work
    with threadpool_limits(1, "blas"):
        searched = {name: _searched(split, kind, vocabulary) for name, split in splits.items()}
        for earlier, later in pairs(splits):
            same, others = _identical(digests[earlier], digests[later])
            found[f"{earlier}/{later}"] = reported(same, searched[earlier].find(searched[later], others))
    return found


def _searched(split: Split, kind: Kind, vocabulary: Sequence[str]) -> Searched:
    if kind == "image":
        return NearImages(split.inputs)
    return NearTexts(split, vocabulary) if kind == "sequence" else NearFeatures(split.inputs)


def _identical(earlier: Digests, later: Digests) -> tuple[Found, NDArray[np.intp]]:
    """Rows of the later split that are in the earlier, each with the first such row; and the others."""
    first: dict[bytes, int] = {}
    for row, digest in enumerate(earlier):
        first.setdefault(digest, row)
    known = np.array([first.get(digest, -1) for digest in later], np.intp)
    rows = np.flatnonzero(known >= 0)
    return Found(known[rows], rows, np.zeros(len(rows))), np.flatnonzero(known < 0)
