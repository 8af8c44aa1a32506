"""Nearly equal texts: written differently, edited a little, and those that only look alike."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import names
from engine.near_duplicates import near_duplicates
from engine.near_texts import folded
from engine.sequences import tokens, vocabulary_of
from tests.near_world import split


def texts(
    earlier: list[str], later: list[str], vocabulary: tuple[str, ...] | None = None
) -> dict[tuple[str, str], float]:
    """What is found, by text."""
    known = vocabulary_of(earlier + later) if vocabulary is None else vocabulary
    longest = max(len(text) for text in earlier + later)
    splits = {"train": split(*tokens(earlier, known, longest)), "test": split(*tokens(later, known, longest))}
    pairs = near_duplicates(splits, "sequence", known)["train/test"]["pairs"]
    return {(earlier[int(a)], later[int(b)]): distance for a, b, distance in pairs}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Neill", "Oneill"),
        ("MÜLLER", "Mu\u0308ller"),
        ("São  Tomé", "sao-tome"),
        ("Straße", "STRASSE"),
        ("ﬁn", "fin."),
        ("Ёлка", "елка"),
        ("Ştefan", "Stefan "),
    ],
)
def test_names_written_differently_are_the_same(one: str, other: str) -> None:
    assert texts([one, "Xu"], [other, "Yi"]) == {(one, other): 0.0}
    assert texts([other], [one]) == {(other, one): 0.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "Anne"), ("か", "が"), ("?", "!"), ("Jo", "Joo"), ("Christodoulopoulos", "Christodoulopoulou")],
)
def test_short_texts_that_differ_in_a_letter_are_not_near(one: str, other: str) -> None:
    assert texts([one], [other]) == {}


SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."


@pytest.mark.parametrize(
    ("edited", "edits"),
    [
        (SENTENCE.replace("quick", "quack"), 1),
        (SENTENCE.replace("brown ", "brwn "), 1),
        (SENTENCE.upper().replace("LAZY", "CRAZY"), 2),
        (SENTENCE.replace("jumps", "jump") + " OK", 3),
        (SENTENCE.replace("quick brown", "slow red"), None),
        (SENTENCE + " " + SENTENCE, None),
    ],
)
def test_longer_texts_may_be_edited_a_little(edited: str, edits: int | None) -> None:
    letters = max(len(folded(SENTENCE)), len(folded(edited)))
    expected = {} if edits is None else {(SENTENCE, edited): pytest.approx(edits / letters, rel=0.01)}
    assert texts([SENTENCE, "Something else altogether, of about that length."], [edited]) == expected


def test_the_nearest_text_is_named() -> None:
    far, near = SENTENCE.replace("mind", "mend").replace("fox", "fix"), SENTENCE.replace("mind", "mend")
    assert list(texts([far, near], [SENTENCE])) == [(near, SENTENCE)]
    assert texts([near, SENTENCE.lower(), SENTENCE], [SENTENCE]) == {(SENTENCE, SENTENCE): 0.0}, "identical before same"


def test_planted_edits_are_found_among_many_texts() -> None:
    generator = np.random.default_rng(20)
    words = ["".join(generator.choice(list("aeioustrnlmd"), generator.integers(2, 8))) for _ in range(400)]
    lines = [" ".join(generator.choice(words, generator.integers(6, 30))) for _ in range(2400)]
    earlier, later = lines[:2000], lines[2000:]
    for row in range(0, 400, 4):
        text = list(later[row])
        for place in generator.choice(len(text), max(1, len(folded(later[row])) // 25), replace=False):
            text[place] = "x"
        earlier.append("".join(text))
    pairs = texts(earlier, later)
    assert sum(earlier.index(one) - 2000 == later.index(other) // 4 for one, other in pairs) >= 99
    assert len(pairs) == 100


def test_one_edit_in_the_middle_of_the_shortest_longer_text() -> None:
    generator = np.random.default_rng(21)
    later = ["".join(generator.choice(list("abcdefghij"), 21)) for _ in range(300)]
    earlier = [text[:10] + "x" + text[11:] for text in later]
    assert len(texts(earlier[:100], later)) >= 95
    assert texts([text[:20] for text in earlier], [text[:20] for text in later]) == {}


def test_texts_of_words_and_of_unknown_tokens() -> None:
    vocabulary = ("", "\ufffd", "New", "york", "York", "Old")
    splits = {
        "train": split(np.array([[2, 4, 0], [5, 4, 0], [5, 2, 5]]), np.array([2, 2, 3])),
        "test": split(np.array([[2, 3, 0], [5, 2, 9], [1, 0, 0]]), np.array([2, 3, 1])),
    }
    assert near_duplicates(splits, "sequence", vocabulary)["train/test"]["pairs"] == [[0, 0, 0.0]]
    assert near_duplicates(splits, "sequence")["train/test"]["rows"] == 0, "without a vocabulary only identical rows"
    splits["train"].inputs[0] = [2, 3, 0]
    assert near_duplicates(splits, "sequence")["train/test"]["rows"] == 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_folding_twice_changes_nothing_and_keeps_letters_and_digits(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert not any(character.isspace() or unicodedata.category(character)[0] == "P" for character in once)
    assert once or not any(character.isalnum() for character in text)


def test_texts_that_share_nothing_have_no_candidates() -> None:
    generator = np.random.default_rng(5)
    later = ["".join(generator.choice(list("abcdefghij"), 60)) for _ in range(20)]
    earlier = ["".join(generator.choice(list("klmnopqrst"), 60)) for _ in range(20)]
    assert texts(earlier, later) == {}


def test_near_duplicates_of_the_real_names(real_data: Path) -> None:
    dataset = names.load(real_data)
    result = near_duplicates(dataset.splits, dataset.kind, dataset.vocabulary)["train/test"]
    assert result["rows"] == 1061, "1,046 identical ones, and 15 such as O'Reilly and Oreilly"
