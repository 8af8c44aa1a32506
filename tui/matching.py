"""Finding the texts that fit what was typed, among many thousands, while it is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MANY = 2_000
"""Of more texts than this none is looked through letter by letter."""
HOLDS, LETTERS, NEARLY = 0.8, 0.3, 0.3
"""Scores of texts that hold every word; the least of those with the letters in order; the most of those nearly like."""


def best(query: str, texts: Sequence[str], most: int) -> list[tuple[float, int]]:
    """The places of the texts that fit a query, each with its score from 0 to 1, the best first.

    Texts that hold every word, those with words that begin so before others; where there is none, texts that hold the
    letters of the query in their order and close together; else those that are nearly like it.

    Args:
        query: what was typed.
        texts: in small letters, the preferred of equal ones first.
        most: how many at most.
    """
    words = query.casefold().split()
    if not words:
        return []
    found = [(HOLDS + _begins(words, texts[at]), at) for at in _holding(words, texts)]
    found = found or (_with_letters("".join(words), texts) if len(texts) <= MANY else [])
    return _sorted(found)[:most] or _nearly(" ".join(words), texts, most)


def _sorted(found: list[tuple[float, int]]) -> list[tuple[float, int]]:
    return sorted(found, key=lambda pair: (-pair[0], pair[1]))


def _holding(words: Sequence[str], texts: Sequence[str]) -> Iterable[int]:
    places: Iterable[int] = range(len(texts))
    for word in words:
        places = [at for at in places if word in texts[at]]
    return places


def _begins(words: Sequence[str], text: str) -> float:
    """Up to 0.2: the share of the words that begin one of the text's."""
    padded = f" {text}"
    return 0.2 * sum(f" {word}" in padded for word in words) / len(words)


def _with_letters(letters: str, texts: Sequence[str]) -> list[tuple[float, int]]:
    # each step takes what is no next letter, so nothing is tried twice, however long the text
    pattern = re.compile("".join(f"[^{re.escape(letter)}]*{re.escape(letter)}" for letter in letters))
    first = letters[0]
    found = []
    for at, text in enumerate(texts):
        match = pattern.search(text, max(0, text.find(first)))
        if match:
            score = 0.75 * len(letters) / (match.end() - match.start())
            if score > LETTERS:
                found.append((score, at))
    return found


def _nearly(query: str, texts: Sequence[str], most: int) -> list[tuple[float, int]]:
    """Texts that hold something like the query: a slip of the finger."""
    if len(query) < 4:
        return []
    from rapidfuzz import fuzz, process

    near = process.extract(query, texts, scorer=fuzz.partial_ratio, limit=most, score_cutoff=70)
    return [(NEARLY * score / 100, at) for _, score, at in near]
