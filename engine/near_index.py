"""An inverted file over unit vectors: the nearest of many, found by searching the groups around a sample of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_SAMPLE = 512
"""Most groups that vectors are put into; where there are fewer vectors, each is one."""

_PROBES, _LEAST_PROBES = 3, 24
"""Groups that are searched for each variant: its own and the next two, as a change may carry it across a border; and
for all variants together, as the sixth nearest is asked for."""

_CANDIDATES, _MEASURE, _LEAST = 3, 6, 3

_RANKS, _SOME = (4, 24), 1000

_TELLING = 0.5
"""Least length of a vector that is looked for: a shorter one is as far from all."""

_ROWS, _CELLS = 4096, 2**21
"""Vectors that are compared with the sample at once, and pairs of vectors within a group."""


class Signatures(NamedTuple):
    """Vectors of length 1, or less where there is little to tell."""

    values: Vectors
    """(…, d)"""
    even: int
    """How many of the d numbers stay when what they describe is mirrored; the others change their sign."""


@dataclass(frozen=True)
class Nearest:
    """What a search found for each of m vectors; a distance is 1 less the cosine."""

    rows: NDArray[np.intp]
    """(m, 3) the nearest, -1 where there are fewer."""
    distance: Vectors
    """(m, 3) how far they are; infinite where there is none."""
    variants: NDArray[np.intp]
    """(m, 3) in which of its variants it is so near."""
    sixth: Vectors
    """(m, 1) distance of the sixth nearest: that of a stranger, unless there are many copies; 1 where there is none."""


def similarity(a: Vectors, b: Vectors, even: int) -> Vectors:
    """(n, m) cosines of unit vectors (n, d) and (m, d), the greater one of b as it is and mirrored."""
    odd = a[:, even:] @ b[:, even:].T
    np.abs(odd, out=odd)
    odd += a[:, :even] @ b[:, :even].T
    return odd


class NearIndex:
    """Vectors (n, d), n ≥ 1, grouped around an even sample of themselves."""

    def __init__(self, signatures: Signatures) -> None:
        self.vectors, self.even = signatures
        count = min(_SAMPLE, len(self.vectors))
        self.sample = self.vectors[np.linspace(0, len(self.vectors) - 1, count).astype(np.intp)]
        self.members, self.bounds = _sorted(self._groups(self.vectors, 1)[:, 0], count)
        self.dimension = self._dimension()

    def _dimension(self) -> float:
        """How many numbers tell the vectors apart, about; 0 where there are too few to say.

        In d dimensions as many times more points are near as the distance is greater, to the power d (Levina and Bickel
        2004, "Maximum Likelihood Estimation of Intrinsic Dimension"); 1 less the cosine goes as the distance squared.
        The ranks are such that a few copies of each vector make no difference; many make it less.
        """
        near, far = _RANKS
        if len(self.sample) < 2 * far:
            return 0.0
        some = self.vectors[:: max(1, len(self.vectors) // _SOME)]
        distance = np.maximum(1 - similarity(some, self.sample, self.even), 1e-6)
        ordered = np.partition(distance, (near, far), axis=1)
        growth = float(np.median(np.log(ordered[:, far] / ordered[:, near])))
        return 2 * math.log(far / near) / max(growth, 1e-3)

    def _groups(self, vectors: Vectors, count: int) -> NDArray[np.intp]:
        """(n, count) the nearest groups of vectors (n, d), -1 for those that tell nothing."""
        groups = np.zeros((len(vectors), count), np.intp)
        for start in range(0, len(vectors), _ROWS):
            cosines = similarity(vectors[start : start + _ROWS], self.sample, self.even)
            rows = np.arange(len(cosines))
            for place in range(count):
                best = cosines.argmax(1)
                groups[start : start + _ROWS, place] = best
                cosines[rows, best] = -np.inf
        groups[np.linalg.norm(vectors, axis=1) < _TELLING] = -1
        return groups

    def typical(self, vectors: Vectors) -> Vectors:
        """(n, 1) how far the nearest fiftieth of the sample is from vectors (n, d), the third nearest at least; or 1.

        So far are strangers, even where many vectors have many copies: of few of them there are several in the sample.
        """
        if len(self.sample) < _LEAST:
            return np.ones((len(vectors), 1), np.float32)
        rank = max(_LEAST, len(self.sample) // 50) - 1
        distance = 1 - similarity(vectors, self.sample, self.even)
        return np.partition(distance, rank, axis=1)[:, [rank]]

    def search(self, signatures: Signatures) -> Nearest:
        """The nearest of this index to m things, each of which is given in several variants: (m, variants, d)."""
        things, variants, width = signatures.values.shape
        vectors = signatures.values.reshape(things * variants, width)
        probes = min(max(_PROBES, _LEAST_PROBES // variants), len(self.sample))
        cosines, rows = self._scan(vectors, self._groups(vectors, probes))
        per_thing = (things, variants * probes)
        return _ranked(cosines.reshape(per_thing), rows.reshape(per_thing), probes)

    def _scan(self, vectors: Vectors, groups: NDArray[np.intp]) -> tuple[Vectors, NDArray[np.intp]]:
        """(n, probes) the greatest cosine in each group that is searched, and the row it belongs to."""
        probes = groups.shape[1]
        order, bounds = _sorted(groups.ravel(), len(self.sample))
        cosines, rows = np.full(groups.size, -np.inf, np.float32), np.full(groups.size, -1, np.intp)
        for group in range(len(self.sample)):
            members = self.members[self.bounds[group] : self.bounds[group + 1]]
            step = _CELLS // max(len(members), 1) + 1
            for start in range(bounds[group], bounds[group + 1] if len(members) else 0, step):
                asked = order[start : min(start + step, bounds[group + 1])]
                found = similarity(vectors[asked // probes], self.vectors[members], self.even)
                best = found.argmax(1)
                cosines[asked], rows[asked] = found[np.arange(len(asked)), best], members[best]
        return cosines.reshape(groups.shape), rows.reshape(groups.shape)


def _sorted(groups: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places ordered by their group, and where those of each of `count` groups begin, and the last one's end."""
    order = np.argsort(groups, kind="stable")
    return order, np.searchsorted(groups[order], np.arange(count + 1))


def _ranked(cosines: Vectors, rows: NDArray[np.intp], probes: int) -> Nearest:
    """From the best of each group, (m, variants · probes), to the best there are, each row once."""
    things = np.arange(len(cosines))
    found: list[tuple[Any, ...]] = []
    for _ in range(_MEASURE):
        best = cosines.argmax(1)
        row, cosine = rows[things, best], cosines[things, best]
        found.append((np.where(np.isfinite(cosine), row, -1), 1 - cosine, best // probes))
        cosines = np.where(rows == row[:, None], -np.inf, cosines).astype(np.float32)
    last = np.where(np.isfinite(found[-1][1]), found[-1][1], 1).astype(np.float32)
    row, distance, variants = (np.stack(column, axis=1) for column in zip(*found[:_CANDIDATES], strict=True))
    return Nearest(row, distance, variants, last[:, None])
