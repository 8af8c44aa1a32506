"""Samples to browse: their order, which a filter lets through, right and wrong over the epochs in a few characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.answers import Answer, History
from tui import samples
from tui.samples import Filter, Sample, apply, course, samples_of, steps_of
from tui.text_marks import mistakes

CAT = Sample(0, "cat", "a furry one", predicted="cat")
DOG = Sample(1, "dog", "It barks", predicted="cat")
BIRD = Sample(2, "bird", "It sings")


@pytest.mark.parametrize(("wanted", "rows"), [
    (Filter(), [0, 1, 2]), (Filter("wrong"), [1]), (Filter("right"), [0]), (Filter("cat"), [0, 1]),
    (Filter("true:cat"), [0]), (Filter("predicted:CAT wrong"), [1]), (Filter("pred:cat barks"), [1]),
    (Filter("IT"), [1, 2]), (Filter("", "dog"), [1]), (Filter("", "dog", "cat"), [1]), (Filter("", "cat", "dog"), []),
    (Filter("  "), [0, 1, 2]), (Filter("no:such"), []),
])  # fmt: skip
def test_what_a_filter_lets_through(wanted: Filter, rows: list[int]) -> None:
    assert [sample.row for sample in apply([CAT, DOG, BIRD], wanted)] == rows
    assert wanted.wrong == ("wrong" in wanted.words)


def test_mistakes_come_first_the_surest_of_them_before_all() -> None:
    rows = [
        {"row": 1, "true": "a", "predicted": "a", "probability": 0.9},
        {"row": 2, "true": "a", "predicted": "b", "probability": 0.4},
        {"row": 3, "true": "a", "predicted": "b", "probability": 0.8, "image": "inputs/x.png"},
    ]
    found = samples_of({"samples": [*rows, "no sample", None]}, Path("/run/evaluation"))
    assert [sample.row for sample in found] == [3, 2, 1]
    assert found[0].image == Path("/run/evaluation/inputs/x.png")


def test_quantities_are_neither_right_nor_wrong() -> None:
    table = {"samples": [{"row": 0, "true": "1.5", "predicted": "1.4", "error": 0.1}, {"row": 1, "error": 2.0}]}
    found = samples_of(table, Path())
    assert [sample.row for sample in found] == [1, 0]
    assert [sample.right for sample in found] == [None, None]


def test_what_is_not_as_it_should_be_is_shown_as_far_as_it_goes() -> None:
    odd = {"samples": [{"row": -5, "true": None, "predicted": 3, "probability": "sure", "image": 7}]}
    (sample,) = samples_of(odd, Path())
    assert (sample.row, sample.true, sample.predicted, sample.image) == (0, "", "3", None)
    assert sample.probability != sample.probability


def history(marks: str) -> History:
    """A history of right (+) and wrong (-) answers."""
    answers = [Answer(step, float(step), "", mark == "+") for step, mark in enumerate(marks)]
    return History(0, "", answers=answers)


def test_the_course_is_thinned_to_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "ascii_mode", lambda: True)
    assert course(history("--+-+"), 10) == "..#.#"
    assert course(history("-" * 50 + "+-" * 25 + "+" * 100), 4) == ".-##"
    assert course(history("+"), 0) == ""
    assert course(None, 5) == ""


def test_courses_of_samples_beside_each_other_have_the_same_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "ascii_mode", lambda: True)
    late = History(1, "a", answers=[Answer(7, 7.0, "b", right=False), Answer(8, 8.0, "a", right=True)])
    steps = steps_of({0: history("--+-+---"), 1: late})
    assert course(late, 10, steps) == "       .#", "an evaluation that did not keep it is a gap, not left out"
    assert course(late, 3, steps) == "  -"


def test_a_text_is_as_right_as_its_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"row": 4, "true": "abcd", "predicted": "abxd"}, {"row": 5, "true": "abcd", "predicted": "xxxx"}]
    worst, near = samples_of({"samples": rows}, Path())
    assert (worst.row, worst.errors, near.errors, near.text, near.aligned) == (5, 4.0, 1.0, True, True)
    answers = [Answer(step, float(step), text, right=False) for step, text in enumerate(["xxxx", "abxx", "abxd"])]
    monkeypatch.setattr(samples, "ascii_mode", lambda: False)
    assert course(History(4, "abcd", answers=answers), 5, sample=near) == "▁▅▇"
    edited = samples_of({"samples": [{"row": 1, "true": "0110", "predicted": "110", "errors": 1}]}, Path())[0]
    assert edited.text
    assert not edited.aligned
    assert mistakes("0110", "110", aligned=False) == 1
