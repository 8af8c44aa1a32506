"""Texts of one split that are nearly those of another: written differently, or, where they are long, edited a little.

Two texts are the same when nothing but case, accents, punctuation and spaces tells them apart ("O'Neill", "Oneill").
Longer ones may differ by a few characters too. Such pairs are looked for by MinHash (Broder 1997, "On the resemblance
and containment of documents"): the smallest hashes of a text's shingles are those of another as often as they have
shingles in common. What is found so is measured by edit distance, exactly (Myers 1999, "A fast bit-vector algorithm
for approximate string matching").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from engine.dataset import Split
from engine.near_pairs import Found
from engine.sequences import UNKNOWN

SHORT = 20
"""Texts of up to so many characters (what is stripped not counted) must be the same: one letter makes another name."""

MOST_EDITS = 0.05
"""Share of a longer text's characters that may be changed, left out or put in.

Of 2,000 random texts of 21 to 60 characters, edited so at random places, 99.9 % are found, and 98.6 % of 2,000 of 21
where the one edit is in the middle; of longer lines of plays, all."""

_SHINGLE = 6
_BANDS = 20
"""Of two hashes each. Two texts of 21 characters that differ in one have 10 shingles of 22 in common at least: a band
is the same with p = 0.2, one of 20 with p = 0.99; where one shingle of 16 is common, as in strangers, with p = 0.08."""

_SAME_BAND = 20
"""Rows of the earlier split that are looked at for each band of a text: a phrase that all texts have tells nothing."""

_LEAST_AGREEMENT = 0.2
"""Share of a text's hashes that are the other's, at least, for their edit distance to be measured: it estimates the
share of common shingles, of which two near texts have 0.45 and more, and strangers a few hundredths."""

_MEASURED = 5
_BLOCK = 8192
_CHARACTERS = 2**21
_MULTIPLIERS = np.random.default_rng(6).integers(1, 2**63, 2 * _BANDS, np.uint64) * np.uint64(2) + np.uint64(1)
"""Odd: one hash function each, multiplication and the upper half of the product (Dietzfelbinger et al. 1997)."""

Hashes = NDArray[np.uint32]


class NearTexts:
    """The texts of a split as others are compared with them.

    Args:
        split: (n, longest) tokens with their lengths.
        vocabulary: the characters, or words, of the tokens.
    """

    def __init__(self, split: Split, vocabulary: Sequence[str]) -> None:
        self.texts = list(_folded_rows(split, [folded(token) for token in vocabulary]))
        self._first: dict[str, int] | None = None
        self._long: tuple[NDArray[np.intp], Hashes] | None = None

    def first(self) -> dict[str, int]:
        """The first row of each text; made when first asked for, as the last split is never searched."""
        if self._first is None:
            self._first = {}
            for row, text in enumerate(self.texts):
                self._first.setdefault(text, row)
            self._first.pop("", None)  # of nothing but what is stripped: "?" is not "!"
        return self._first

    def long(self) -> tuple[NDArray[np.intp], Hashes]:
        """The rows of the longer texts, each text once, and their hashes (n, 40)."""
        if self._long is None:
            rows = sorted(row for text, row in self.first().items() if len(text) > SHORT)
            self._long = np.array(rows, np.intp), min_hashes([self.texts[row] for row in rows])
        return self._long

    def find(self, later: NearTexts, rows: NDArray[np.intp]) -> Found:
        """Those of `rows` of the later split that are near a text of this one; distances are shares of edits."""
        first = self.first()
        found = [(first[later.texts[row]], row, 0.0) for row in rows.tolist() if later.texts[row] in first]
        same = {row for _, row, _ in found}
        edited = [row for row in rows.tolist() if len(later.texts[row]) > SHORT and row not in same]
        for start in range(0, len(edited), _BLOCK):
            found += self._edited(later, edited[start : start + _BLOCK])
        found.sort(key=lambda pair: pair[1])
        columns = list(zip(*found, strict=True)) or [(), (), ()]
        return Found(np.array(columns[0], np.intp), np.array(columns[1], np.intp), np.array(columns[2], np.float64))

    def _edited(self, later: NearTexts, rows: list[int]) -> Iterator[tuple[int, int, float]]:
        """The nearest of this split's longer texts to each of `rows`, where it is near enough."""
        known, hashes = self.long()
        candidates = _candidates(hashes, min_hashes([later.texts[row] for row in rows]))
        for place, choice in candidates:
            text = later.texts[rows[place]]
            distance, row = min((edited_share(text, self.texts[row]), row) for row in known[choice].tolist())
            if distance <= MOST_EDITS:
                yield row, rows[place], distance


def folded(text: str) -> str:
    """`text` without case, accents, punctuation and spaces.

    Accents are those of Latin, Greek and Cyrillic letters. Other combining marks stay: か and が are two syllables.
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in letters if not "\u0300" <= c <= "\u036f" and not _stripped(unicodedata.category(c)))


def _stripped(category: str) -> bool:
    return category[0] in "PZ" or category in ("Cc", "Cf")


def _folded_rows(split: Split, table: list[str]) -> Iterator[str]:
    """Each row as a text. A vocabulary holds letters, so that folding them once does."""
    lengths = np.full(len(split), split.inputs.shape[1]) if split.lengths is None else split.lengths
    table = [*table, *[""] * (UNKNOWN + 1)][: max(len(table), UNKNOWN + 1)]
    for start in range(0, len(split), _BLOCK):
        tokens = split.inputs[start : start + _BLOCK]
        tokens = np.where((tokens >= 0) & (tokens < len(table)), tokens, UNKNOWN)
        for row, length in zip(tokens.tolist(), lengths[start : start + _BLOCK].tolist(), strict=True):
            yield "".join([table[token] for token in row[:length]])


# ------------------------------------------------------------------------------------------------------------ MinHash


def min_hashes(texts: Sequence[str]) -> Hashes:
    """(n, 40) for each of 40 hash functions the smallest hash of a text's shingles; each text has one at least."""
    hashes = np.empty((len(texts), len(_MULTIPLIERS)), np.uint32)
    start = 0
    while start < len(texts):
        stop, characters = start, 0
        while stop < len(texts) and (stop == start or characters + len(texts[stop]) <= _CHARACTERS):
            characters += len(texts[stop])
            stop += 1
        hashes[start:stop] = _min_hashes(texts[start:stop])
        start = stop
    return hashes


def _min_hashes(texts: Sequence[str]) -> Hashes:
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    shingles = np.zeros(len(codes) - _SHINGLE + 2, np.uint64)  # and one more, where the last text's end
    for place in range(_SHINGLE):
        shingles[:-1] *= np.uint64(0x9E3779B97F4A7C15)
        shingles[:-1] += codes[place : len(codes) - _SHINGLE + 1 + place]
    lengths = np.array([len(text) for text in texts])
    begins = np.cumsum(lengths) - lengths
    parts = np.stack([begins, begins + lengths - _SHINGLE + 1], axis=1).ravel()
    columns = [((shingles * m) >> np.uint64(32)).astype(np.uint32) for m in _MULTIPLIERS]
    return np.stack([np.minimum.reduceat(column, parts)[::2] for column in columns], axis=1)


def _candidates(earlier: Hashes, later: Hashes) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For rows of `later`, the few of `earlier` that agree with it most, where any may be near."""
    if not len(earlier):
        return
    found = [_joined(_band(earlier, band), _band(later, band)) for band in range(_BANDS)]
    pairs = np.unique(np.concatenate([row * len(earlier) + other for row, other in found]))
    row, other = np.divmod(pairs, len(earlier))
    agreement = np.concatenate(
        [
            (later[row[start : start + _BLOCK]] == earlier[other[start : start + _BLOCK]]).mean(axis=1)
            for start in range(0, len(row), _BLOCK)
        ]
        or [np.zeros(0)]
    )
    order = np.lexsort((other, -agreement, row))
    order = order[agreement[order] >= _LEAST_AGREEMENT]
    rows, begins = np.unique(row[order], return_index=True)
    for place, begin, end in zip(rows.tolist(), begins, np.append(begins, len(order))[1:], strict=True):
        yield place, other[order[begin : min(end, begin + _MEASURED)]]


def _band(hashes: Hashes, band: int) -> NDArray[np.uint64]:
    return hashes[:, 2 * band].astype(np.uint64) << np.uint64(32) | hashes[:, 2 * band + 1]


def _joined(earlier: NDArray[np.uint64], later: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of `later` with rows of `earlier` that have the same key, the first few of each."""
    order = np.argsort(earlier, kind="stable")
    left = np.searchsorted(earlier[order], later, "left")
    count = np.minimum(np.searchsorted(earlier[order], later, "right") - left, _SAME_BAND)
    begins = np.cumsum(count) - count
    steps = np.arange(int(count.sum())) - np.repeat(begins, count)
    return np.repeat(np.arange(len(later)), count), order[np.repeat(left, count) + steps]


# ------------------------------------------------------------------------------------------------------ edit distance


def edited_share(a: str, b: str) -> float:
    """The edit distance of two texts as a share of the longer one's characters; 1 where lengths differ too much."""
    longer = max(len(a), len(b))
    return 1.0 if abs(len(a) - len(b)) > MOST_EDITS * longer else Levenshtein.distance(a, b) / longer
