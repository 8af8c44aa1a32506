"""Seeded splits: disjoint, complete, stratified, the same everywhere, duplicates on one side, statistics from train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duplicates import group_numbers, input_digests
from engine.errors import DataError, SettingsError
from engine.settings import Settings
from engine.splits import Prepared, prepare, prepare_own, split_table
from engine.stratify import choose, quotas, seeded_order, share_of

HERE = Path("/nonexistent")


def prepared(folder: Path = HERE, **table: Any) -> Prepared:
    return prepare(Settings(data=table), folder)


labels_and_groups = st.integers(1, 6).flatmap(
    lambda classes: st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, 12)), min_size=2, max_size=150)
)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and groups numbered by first appearance."""
    seen: dict[int, int] = {}
    groups = [seen.setdefault(group, len(seen)) for _, group in rows]
    return np.array([label for label, _ in rows], np.int64), np.array(groups, np.int64)


@settings(max_examples=150, deadline=None)
@given(rows=labels_and_groups, share=st.floats(0.01, 0.9), seed=st.integers(0, 2**63 - 1))
def test_groups_are_never_torn_and_rows_never_too_many(rows: list[tuple[int, int]], share: float, seed: int) -> None:
    labels, groups = arrays(rows)
    count = share_of(len(labels), share)
    chosen = choose(labels, count, seed=seed, purpose=1, groups=groups)
    assert len(set(chosen.tolist())) == len(chosen) <= count
    assert (np.diff(chosen) > 0).all()
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    assert not set(groups[chosen]) & set(groups[rest])
    again = choose(labels, count, seed=seed, purpose=1, groups=groups)
    np.testing.assert_array_equal(chosen, again)


@settings(max_examples=150, deadline=None)
@given(
    labels=st.lists(st.integers(0, 5), min_size=2, max_size=300), share=st.floats(0.01, 0.9), seed=st.integers(0, 99)
)
def test_without_duplicates_the_count_is_exact_and_every_class_has_its_share(
    labels: list[int], share: float, seed: int
) -> None:
    given_ = np.array(labels, np.int64)
    totals = np.bincount(given_, minlength=6)
    count = share_of(len(given_), share)
    possible = int(np.maximum(totals - 1, 0).sum())
    chosen = choose(given_, count, seed=seed, purpose=2)
    assert len(chosen) == min(count, possible)
    taken = np.bincount(given_[chosen], minlength=6)
    assert ((totals - taken)[totals > 0] >= 1).all(), "a class has left the train split"
    if count >= np.count_nonzero(totals >= 2) and count <= possible:
        assert (taken[totals >= 2] >= 1).all(), "a class is not represented"
        assert np.abs(taken - totals * count / len(given_)).max() <= np.count_nonzero(totals) + 1


def test_large_classes_keep_their_proportions_to_a_row() -> None:
    labels = np.repeat(np.arange(4), [5000, 300, 40, 7])
    taken = np.bincount(labels[choose(labels, share_of(len(labels), 0.1), seed=3, purpose=1)])
    assert np.abs(taken - np.array([500, 30, 4, 1])).max() <= 1


def test_a_limit_smaller_than_the_classes_takes_the_largest() -> None:
    assert quotas(np.array([5, 50, 500]), np.array([5, 50, 500]), 2).tolist() == [0, 1, 1]
    assert quotas(np.array([5, 50, 500]), np.array([5, 50, 500]), 555).tolist() == [5, 50, 500]


def test_the_order_is_the_same_on_every_platform_and_numpy() -> None:
    assert seeded_order(10, 0, 1).tolist() == [7, 4, 5, 1, 9, 8, 6, 2, 0, 3]
    assert seeded_order(10, 1, 1).tolist() != seeded_order(10, 0, 1).tolist() != seeded_order(10, 0, 2).tolist()
    assert seeded_order(0, 0, 1).tolist() == []


@pytest.mark.parametrize(
    ("total", "share", "count"), [(1000, 0.2, 200), (13_374, 0.1, 1_338), (10, 0.3, 3), (3, 0.1, 1)]
)
def test_a_share_is_rounded_up_but_not_by_a_rounding_error(total: int, share: float, count: int) -> None:
    assert share_of(total, share) == count


# ----------------------------------------------------------------------------------------------------------- data sets


def test_a_test_split_is_set_aside_where_there_is_none() -> None:
    found = prepared(name="moons", validation=0.1)
    assert {name: len(split) for name, split in found.dataset.splits.items()} == {
        "train": 720, "validation": 80, "test": 200,
    }  # fmt: skip
    assert len(found.source) == 800
    assert {len(s) for s in prepared(name="moons", test=0.0).dataset.splits.values()} == {1000}


def test_splits_are_disjoint_and_together_all_there_is() -> None:
    found = prepared(name="digits", validation=0.15, test=0.25).dataset.splits
    rows = [input_digests(split) for split in found.values()]
    assert sum(map(len, rows)) == 1797
    assert len(set().union(*rows)) == 1797
    for split in found.values():
        assert len(np.unique(split.labels)) == 10


def test_the_split_seed_alone_decides() -> None:
    one, same = (
        prepared(name="moons", validation=0.1),
        prepare(Settings(seed=9, data={"name": "moons", "validation": 0.1}), HERE),
    )
    other = prepared(name="moons", validation=0.1, split_seed=1)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_the_limit_counts_validation_in_and_leaves_test_alone() -> None:
    found = prepared(name="digits", limit=100, validation=0.2)
    assert {name: len(split) for name, split in found.dataset.splits.items()} == {
        "train": 80, "validation": 20, "test": 360,
    }  # fmt: skip
    assert len(np.unique(found.source.labels)) == 10
    assert len(prepared(name="digits", limit=10**9).dataset.splits["train"]) == 1437


def test_names_are_split_as_in_the_report(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_DATA", str(real_data))
    found = prepared(name="names", validation=0.1)
    splits = found.dataset.splits
    assert (len(splits["train"]), len(splits["validation"]), len(splits["test"])) == (12_036, 1_338, 6_700)
    assert len(found.source) == 13_374
    assert len(np.unique(splits["validation"].labels)) == 18
    assert found.duplicate_inputs["train/validation"] == {"rows": 0, "distinct": 0}
    assert int(found.leaked["test"].sum()) == found.duplicates["train/test"]["rows"] > 600
    assert found.leaked["validation"].shape == (1_338,)
    apart = prepared(name="names", validation=0.1, group_duplicates=False)
    assert len(apart.dataset.splits["validation"]) == 1_338
    assert apart.duplicate_inputs["train/validation"]["rows"] > 50
    assert prepared(name="names", limit=396).dataset.splits["train"].inputs.shape[0] == 396


def test_duplicates_stay_together_unless_told_otherwise(tmp_path: Path) -> None:
    rows = [f"{i % 40},{i % 2}" for i in range(400)]  # each input ten times
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    found = prepared(tmp_path, name="csv", path="t.csv", validation=0.2)
    assert all(pair["rows"] == 0 for pair in found.duplicate_inputs.values())
    assert sum(map(len, found.dataset.splits.values())) == 400
    assert abs(len(found.dataset.splits["test"]) - 80) < 10
    apart = prepared(tmp_path, name="csv", path="t.csv", validation=0.2, group_duplicates=False)
    assert apart.duplicates["train/test"]["rows"] > 70
    with pytest.raises(DataError, match=r"validation inputs stand in the train split"):
        prepared(tmp_path, name="csv", path="t.csv", validation=0.2, group_duplicates=False, leak="error")
    prepared(tmp_path, name="csv", path="t.csv", validation=0.2, leak="error")


def test_a_class_with_one_sample_stays_in_train(tmp_path: Path) -> None:
    rows = ["1,rare", *(f"{i},{'ab'[i % 2]}" for i in range(2, 60))]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    found = prepared(tmp_path, name="csv", path="t.csv", validation=0.3)
    rare = found.dataset.classes.index("rare")
    assert rare in found.dataset.splits["train"].labels
    assert all(rare not in found.dataset.splits[name].labels for name in ("validation", "test"))


def test_statistics_come_from_the_train_split_alone() -> None:
    found = prepared(name="wine", validation=0.2).dataset
    assert found.normalize is not None
    train = found.splits["train"].inputs.astype(np.float64)
    np.testing.assert_allclose(found.normalize[0], train.mean(axis=0))
    np.testing.assert_allclose(found.normalize[1], train.std(axis=0))
    assert found.fit is None


def test_gaps_scales_and_categories_come_from_the_train_split_alone(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = ["x,town,y"]
    for i in range(300):
        x = "" if i % 7 == 0 else f"{generator.normal(50, 9):.3f}"
        town = "" if i % 11 == 0 else ("Rome", "Rome", "Oslo", "Bonn")[i % 4]
        lines.append(f"{x},{town},{'yes' if i % 3 else 'no'}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    table = {"name": "csv", "path": "t.csv", "validation": 0.2}
    found = prepared(tmp_path, **table).dataset
    assert found.columns == ("x", "town=Bonn", "town=Oslo", "town=Rome")
    train = found.splits["train"].inputs
    assert abs(train[:, 0].mean()) < 1e-5
    assert train[:, 0].std() == pytest.approx(1, abs=1e-5)
    assert abs(found.splits["test"].inputs[:, 0].mean()) > 1e-4
    for split in found.splits.values():
        assert np.isfinite(split.inputs).all()
        np.testing.assert_array_equal(split.inputs[:, 1:].sum(axis=1), 1)
    raw = prepare_own(Settings(data=table), tmp_path).dataset
    assert list(raw.splits) == ["train"]
    assert len(raw.splits["train"]) == 300


def test_changing_test_rows_changes_nothing_of_what_train_taught(tmp_path: Path) -> None:
    base = [f"{i},{'ab'[i % 2]}" for i in range(100)]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(base) + "\n")
    first = prepared(tmp_path, name="csv", path="t.csv").dataset
    train_rows = first.splits["train"].inputs
    step = float(np.sort(train_rows[:, 0])[1] - np.sort(train_rows[:, 0])[0])
    centre = [i for i in range(100) if f"{i}" and not np.isclose(train_rows[:, 0], _scaled(train_rows, i)).any()]
    changed = [row if i not in centre else f"{i * 1000 + 7},{'ab'[i % 2]}" for i, row in enumerate(base)]
    assert len(centre) == 20
    assert step > 0
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(changed) + "\n")
    second = prepared(tmp_path, name="csv", path="t.csv").dataset
    np.testing.assert_array_equal(first.splits["train"].inputs, second.splits["train"].inputs)


def _scaled(train: np.ndarray, value: int) -> float:
    """What `value` of 0…99 becomes, worked out from the smallest and largest number in the scaled train split."""
    low, high = float(train[:, 0].min()), float(train[:, 0].max())
    return low + (high - low) * value / 99


# ------------------------------------------------------------------------------------------------------ wrong settings


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "no data set is named"),
        ({"name": "moons", "validation": 1.0}, "validation = 1.0"),
        ({"name": "moons", "validation": -0.1}, "validation = -0.1"),
        ({"name": "moons", "validation": float("nan")}, "validation = nan"),
        ({"name": "moons", "test": 1}, "test = 1"),
        ({"name": "moons", "limit": 0}, "limit = 0"),
        ({"name": "moons", "pad_to": 0}, "pad_to = 0"),
        ({"name": "moons", "split_seed": -1}, "split_seed = -1"),
        ({"name": "moons", "leak": "maybe"}, "leak"),
        ({"name": "moons", "validation": "much"}, "validation"),
        ({"name": "moons", "nosie": 1}, "nosie"),
        ({"name": "names_demo", "test": 0.1}, "brings a test split of its own"),
        ({"name": "no_such_set"}, "no_such_set"),
    ],
)
def test_wrong_options_are_named(table: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        prepare(Settings(data=table), HERE)


def test_a_split_that_would_be_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n1,a\n2,b\n")
    with pytest.raises(DataError, match=r"data.test = 0.2 of 3 samples leaves no test split"):
        prepared(tmp_path, name="csv", path="t.csv")
    with pytest.raises(SettingsError, match="samples of one class only"):
        prepared(name="moons", limit=1)


def test_options_and_arguments_are_told_apart() -> None:
    options, own = split_table({"name": "moons", "noise": 0.3, "validation": 0.1})
    assert (options.validation, own) == (0.1, {"noise": 0.3})


def test_a_data_set_of_the_users_own_is_checked(tmp_path: Path) -> None:
    (tmp_path / "own_sets.py").write_text(
        "import numpy as np\n"
        "from engine.dataset import Dataset, Split\n"
        "def made(labels, inputs=4, classes=('a', 'b')):\n"
        "    x = np.zeros((inputs, 2), np.float32); x[:, 0] = range(inputs)\n"
        "    return Dataset('features', {'train': Split(x, np.array(labels))}, classes)\n"
        "def good(root): return made([0, 1, 0, 1])\n"
        "def fractions(root): return made([0.0, 1.0, 0.0, 1.0])\n"
        "def few(root): return made([0, 1])\n"
        "def high(root): return made([0, 1, 2, 1])\n"
        "def same(root): return made([1, 1, 1, 1], classes=('a', 'only'))\n"
        "def empty(root): return made([], 0)\n"
        "def nothing(root): return None\n"
        "def split(labels=(0, 1), inputs=None, columns=2):\n"
        "    x = np.zeros((2, columns), np.float32) if inputs is None else inputs\n"
        "    return Split(x, np.array(labels) if isinstance(labels, tuple) else labels)\n"
        "def of(kind='features', classes=('a', 'b'), **splits): return Dataset(kind, splits, classes)\n"
        "def no_train(root): return of(test=split())\n"
        "def other_split(root): return of(train=split(), dev=split())\n"
        "def other_kind(root): return of('imagez', train=split())\n"
        "def numbered(root): return of(classes=(0, 1), train=split())\n"
        "def twice(root): return of(classes=('a', 'a'), train=split())\n"
        "def lists(root): return of(train=split([0, 1]))\n"
        "def two_columns(root): return of(train=split(((0, 1), (1, 0))))\n"
        "def words(root): return of(train=split(inputs=np.array([['x'], ['y']])))\n"
        "def flat(root): return made([0, 1, 0, 1]) and of(train=split((0, 1, 0, 1), np.zeros(4)))\n"
        "def wider_test(root): return of(train=split(), test=split(columns=3))\n"
        "def bad(root):\n"
        "    d = made([0, 1, 0, 1]); d.splits['train'].inputs[2, 1] = np.inf; return d\n"
    )
    assert len(prepared(tmp_path, name="own_sets:good", test=0).dataset.splits["train"]) == 4
    for function, says in (
        ("fractions", "whole numbers"),
        ("few", "4 inputs, but 2 labels"),
        ("high", "from 0 to 1"),
        ("same", "every sample is labelled 'only'; there is nothing to learn"),
        ("empty", "is empty"),
        ("nothing", "gave a NoneType"),
        ("no_train", "gave no train split"),
        ("other_split", "no split 'dev'"),
        ("other_kind", "no kind 'imagez'.*did you mean 'image'"),
        ("numbered", "name of class 0 is 0, a int"),
        ("twice", "two classes are named 'a'"),
        ("lists", "'train': labels are a list, not a numpy array"),
        ("two_columns", "labels are tokens, and label_lengths does not say"),
        ("words", "inputs are .* of <U1"),
        ("flat", r"inputs are \(4,\)"),
        ("wider_test", r"a sample of test has the shape \(3,\), one of train \(2,\)"),
        ("bad", "row 2: 'column 1' is not a finite number"),
    ):
        with pytest.raises(DataError, match=f"(?s){says}"):
            prepared(tmp_path, name=f"own_sets:{function}", test=0)


def test_groups_are_counted_by_first_appearance() -> None:
    assert group_numbers([b"b", b"a", b"b", b"c"]).tolist() == [0, 1, 0, 2]
