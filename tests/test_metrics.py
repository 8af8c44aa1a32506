"""Our scores equal scikit-learn's, also where classes are absent or never answered."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as reference

from engine.metrics import (
    auc_per_class,
    confusion_matrix,
    is_better,
    macro_auc,
    mode_of,
    per_class,
    precision_recall_f1,
    scores,
)


def answers(seed: int, classes: int, count: int, present: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of `present` of the classes, and noisy probabilities of all."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, present, count)
    logits = generator.normal(size=(count, classes)).round(1)  # rounded: ties occur
    logits[np.arange(count), labels] += 1.0
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels, shares.argmax(1), shares


@pytest.mark.parametrize(
    ("classes", "count", "present"), [(2, 50, 2), (3, 200, 3), (18, 300, 12), (5, 1, 5), (4, 30, 1)]
)
def test_equal_to_scikit_learn(classes: int, count: int, present: int) -> None:
    labels, predicted, _ = answers(classes, classes, count, present)
    confusion = confusion_matrix(labels, predicted, classes)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(labels, predicted, labels=list(range(classes))))
    ours = scores(confusion, majority=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an answered class that no sample has
        assert ours["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert ours["majority"] == pytest.approx(reference.accuracy_score(labels, np.zeros_like(labels)))
    for average in ("macro", "weighted"):
        p, r, f, _ = reference.precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        assert [ours[f"{average}_{key}"] for key in ("precision", "recall", "f1")] == pytest.approx([p, r, f])
    every = reference.precision_recall_fscore_support(
        labels, predicted, labels=list(range(classes)), average=None, zero_division=0
    )
    for mine, theirs in zip(precision_recall_f1(confusion), every, strict=False):
        np.testing.assert_allclose(mine, theirs)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_area_under_the_curve(classes: int) -> None:
    labels, _, shares = answers(classes, classes, 400, classes)
    areas = auc_per_class(labels, shares)
    expected = (
        reference.roc_auc_score(labels, shares[:, 1])
        if classes == 2
        else reference.roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    )
    assert macro_auc(areas) == pytest.approx(expected)
    assert areas[0] == pytest.approx(reference.roc_auc_score(labels == 0, shares[:, 0]))


def test_area_of_an_absent_class() -> None:
    labels, _, shares = answers(0, 4, 100, 3)
    areas = auc_per_class(labels, shares)
    assert areas[3] is None
    assert macro_auc(areas) == pytest.approx(
        np.mean([reference.roc_auc_score(labels == c, shares[:, c]) for c in range(3)])
    )
    assert math.isnan(macro_auc([None, None]))


def test_rows_per_class() -> None:
    confusion = np.array([[2, 1], [0, 3]])
    assert per_class(confusion, ("a", "b"))[0] == pytest.approx(
        {"class": "a", "precision": 1.0, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )


def test_better() -> None:
    assert is_better(0.5, None, "max")
    assert is_better(0.5, 0.4, "max")
    assert not is_better(0.5, 0.4, "min")
    assert not is_better(0.45, 0.4, "max", min_delta=0.1)
    assert not is_better(math.nan, None, "max")
    assert mode_of("val/loss") == "min"
    assert mode_of("val/accuracy") == "max"
