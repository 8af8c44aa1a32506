"""A text beside the one it should be: how many characters are wrong, and which."""

from __future__ import annotations

from collections.abc import Sequence

Marked = list[tuple[str, bool]]
"""A text in pieces, each with whether it is wrong."""


def mistakes(true: str, predicted: str, *, aligned: bool) -> int:
    """How many characters are wrong: of texts whose characters stand for the same places those that differ.

    Args:
        aligned: the characters stand for the same places, as those that come next in a text; else the least number of
            characters to put in, to take out or to replace counts.
    """
    if aligned:
        return sum(a != b for a, b in zip(true, predicted, strict=False)) + abs(len(true) - len(predicted))
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(true, predicted))


def compared(true: str, predicted: str, *, aligned: bool) -> tuple[Marked, Marked]:
    """Both texts in pieces: what of the truth was missed, what of the answer is wrong; aligned, the answer alone."""
    if aligned and len(true) == len(predicted):
        wrong = [a != b for a, b in zip(true, predicted, strict=True)]
        return [(true, False)], _joined(predicted, wrong)
    from rapidfuzz.distance import Levenshtein

    missed, wrong = [False] * len(true), [False] * len(predicted)
    for edit in Levenshtein.editops(true, predicted):
        if edit.tag != "insert":
            missed[edit.src_pos] = True
        if edit.tag != "delete":
            wrong[edit.dest_pos] = True
    return _joined(true, missed), _joined(predicted, wrong)


def _joined(text: str, marks: Sequence[bool]) -> Marked:
    """Neighbours of the same kind in one piece."""
    pieces: Marked = []
    for character, mark in zip(text, marks, strict=True):
        if pieces and pieces[-1][1] == mark:
            pieces[-1] = (pieces[-1][0] + character, mark)
        else:
            pieces.append((character, mark))
    return pieces
