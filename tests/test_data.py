"""The data sets: their shapes and values, what they turn a command line's input into, and no heavy imports."""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data import (
    breast_cancer,
    circles,
    digits,
    gaussians,
    iris,
    moons,
    names,
    names_demo,
    wine,
)
from engine.data import csv as csv_data
from engine.dataset import Dataset, input_spec
from engine.duplicates import across, input_digests, row_digests
from engine.errors import DataError, SettingsError
from tests.helpers import ROOT, environment

NOWHERE = Path("/nonexistent")
COUNTS = {
    "Polish": 92,
    "Japanese": 660,
    "Arabic": 1333,
    "Scottish": 66,
    "Russian": 6272,
    "Irish": 154,
    "German": 482,
    "Czech": 346,
    "Portuguese": 49,
    "Spanish": 198,
    "Korean": 62,
    "Chinese": 178,
    "Greek": 135,
    "Dutch": 198,
    "Vietnamese": 48,
    "English": 2445,
    "Italian": 472,
    "French": 184,
}


def texts(dataset: Dataset, split: str) -> list[str]:
    part = dataset.splits[split]
    assert part.lengths is not None
    return [
        "".join(dataset.vocabulary[t] for t in row[:length])
        for row, length in zip(part.inputs, part.lengths, strict=True)
    ]


# ---------------------------------------------------------------------------------------- scikit-learn's small ones


@pytest.mark.parametrize(
    ("own", "theirs"), [(iris, "load_iris"), (wine, "load_wine"), (breast_cancer, "load_breast_cancer")]
)
def test_bundled_tables_are_scikit_learns(own, theirs: str) -> None:
    import sklearn.datasets

    expected = getattr(sklearn.datasets, theirs)()
    dataset = own.load(NOWHERE)
    np.testing.assert_array_equal(dataset.splits["train"].inputs, expected.data.astype(np.float32))
    np.testing.assert_array_equal(dataset.splits["train"].labels, expected.target)
    assert dataset.classes == tuple(expected.target_names)
    assert dataset.columns == tuple(expected.feature_names)


def test_digits_are_scikit_learns_as_columns_and_as_images() -> None:
    from sklearn.datasets import load_digits

    expected = load_digits()
    train = digits.load(NOWHERE).splits["train"]
    np.testing.assert_array_equal(train.inputs, (expected.data / 16).astype(np.float32))
    np.testing.assert_array_equal(train.labels, expected.target)
    images = digits.load(NOWHERE, as_image=True)
    assert images.kind == "image"
    assert input_spec(images).shape == (1, 8, 8)
    np.testing.assert_allclose(images.splits["train"].inputs[:, 0] / 255 * 16, expected.images, atol=0.04)


@pytest.mark.parametrize(("samples", "noise", "seed"), [(1000, 0.1, 0), (501, 0.0, 7), (4, 0.3, 2**32 - 1)])
def test_moons_and_circles_are_scikit_learns_to_the_bit(samples: int, noise: float, seed: int) -> None:
    from sklearn.datasets import make_circles, make_moons

    x, y = make_moons(samples, noise=noise, random_state=seed)
    train = moons.load(NOWHERE, samples=samples, noise=noise, data_seed=seed).splits["train"]
    assert train.inputs.tobytes() == x.astype(np.float32).tobytes()
    np.testing.assert_array_equal(train.labels, y)
    x, y = make_circles(samples, noise=noise, factor=0.5, random_state=seed)
    train = circles.load(NOWHERE, samples=samples, noise=noise, data_seed=seed).splits["train"]
    assert train.inputs.tobytes() == x.astype(np.float32).tobytes()
    np.testing.assert_array_equal(train.labels, y)


def test_gaussians_are_scikit_learns_and_follow_their_arguments() -> None:
    from sklearn.datasets import make_classification

    dataset = gaussians.load(NOWHERE, samples=300, features=3, classes=5, class_sep=1.5, flip_y=0.1, data_seed=3)
    x, y = make_classification(
        300, 3, n_informative=3, n_redundant=0, n_classes=5, n_clusters_per_class=1, class_sep=1.5, flip_y=0.1,
        random_state=3,
    )  # fmt: skip
    np.testing.assert_array_equal(dataset.splits["train"].inputs, x.astype(np.float32))
    np.testing.assert_array_equal(dataset.splits["train"].labels, y)
    assert len(dataset.classes) == 5


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (moons.load, {"samples": 3}, "samples = 3"),
        (moons.load, {"noise": -0.1}, "noise = -0.1"),
        (moons.load, {"noise": float("nan")}, "noise = nan"),
        (moons.load, {"data_seed": -1}, "data_seed = -1"),
        (circles.load, {"factor": 1.0}, "factor = 1.0"),
        (gaussians.load, {"features": 2, "classes": 5}, "only 4 corners"),
        (gaussians.load, {"features": 0}, "features = 0"),
        (gaussians.load, {"classes": 1}, "classes = 1"),
        (gaussians.load, {"flip_y": 1.5}, "flip_y = 1.5"),
        (gaussians.load, {"class_sep": float("inf")}, "class_sep = inf"),
        (names_demo.load, {"samples": 5}, "samples = 5"),
    ],
)
def test_impossible_arguments_are_named(function: Callable[..., Dataset], arguments: dict, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        function(NOWHERE, **arguments)


# --------------------------------------------------------------------------------------------------------------- names


def test_demo_names_are_imbalanced_unlike_across_splits_and_learnable() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    dataset = names_demo.load(NOWHERE)
    train, test = dataset.splits["train"], dataset.splits["test"]
    shares = np.bincount(train.labels) / len(train)
    assert max(shares) == pytest.approx(0.5)
    assert min(shares) < 0.05
    assert not set(texts(dataset, "train")) & set(texts(dataset, "test"))
    assert "generated" in dataset.note
    vectors = CountVectorizer(analyzer="char_wb", ngram_range=(1, 2))
    model = LogisticRegression(max_iter=300).fit(vectors.fit_transform(texts(dataset, "train")), train.labels)
    assert model.score(vectors.transform(texts(dataset, "test")), test.labels) >= 0.95


def test_demo_names_are_the_same_on_every_machine() -> None:
    assert texts(names_demo.load(NOWHERE), "train")[:4] == ["Vidikosky", "Zhidomeenko", "Zhukuduov", "Drumakusky"]
    assert texts(names_demo.load(NOWHERE, data_seed=1), "train")[0] != "Vidikosky"


def test_names_have_the_published_counts_and_lengths(real_data: Path) -> None:
    dataset = names.load(real_data)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert (len(train), len(test)) == (13_374, 6_700)
    assert dataset.classes == tuple(sorted(COUNTS))
    assert dict(zip(dataset.classes, np.bincount(train.labels).tolist(), strict=True)) == COUNTS
    assert dataset.vocabulary[0] == ""
    assert dataset.vocabulary[2:5] == (" ", "'", ",")
    assert input_spec(dataset).vocabulary == 57
    assert train.lengths is not None
    for row, length in zip(train.inputs[:500], train.lengths[:500], strict=True):
        assert (row[:length] > 1).all()
        assert (row[length:] == 0).all()
    assert Counter(texts(dataset, "train"))["To The First Page"] + Counter(texts(dataset, "test"))[
        "To The First Page"
    ] in range(24, 200)


def test_names_turn_text_into_the_tokens_of_training(real_data: Path) -> None:
    dataset = names.load(real_data)
    assert dataset.encode is not None
    split = dataset.encode(["Abl", "Zø"])
    assert split.lengths is not None
    assert split.lengths.tolist() == [3, 2]
    assert "".join(dataset.vocabulary[t] for t in split.inputs[0]) == "Abl"
    assert split.inputs[1].tolist() == [dataset.vocabulary.index("Z"), 1, 0]
    for bad in ("", "  ", "東京"):
        with pytest.raises(DataError, match=r"character|empty"):
            dataset.encode(["Abl", bad])


# --------------------------------------------------------------------------------------------------------- any of them


@pytest.mark.parametrize(
    ("function", "row"),
    [(iris.load, "5.1, 3.5,1.4 ,0.2"), (moons.load, "0.5,-1e-1"), (digits.load, ",".join(["16"] * 64))],
)
def test_numbers_from_a_command_line(function: Callable[..., Dataset], row: str) -> None:
    encode = function(NOWHERE).encode
    assert encode is not None
    assert encode([row, row]).inputs.shape == (2, row.count(",") + 1)
    assert np.isfinite(encode([row]).inputs).all()
    for bad, says in ((row + ",1", "values, expected"), (row[:-1] + "x", "not a finite number"), ("", "values")):
        with pytest.raises(DataError, match=says):
            encode([row, bad])
    with pytest.raises(DataError, match="not a finite number"):
        encode([row.rpartition(",")[0] + ",nan"])


def test_digits_from_a_command_line_are_on_the_scale_of_the_file() -> None:
    dataset = digits.load(NOWHERE)
    assert dataset.encode is not None
    assert dataset.encode([",".join(["8"] * 64)]).inputs.max() == 0.5


def test_duplicates_of_the_real_names(real_data: Path) -> None:
    splits = names.load(real_data).splits
    inputs = {name: input_digests(split) for name, split in splits.items()}
    rows = {name: row_digests(inputs[name], split.labels) for name, split in splits.items()}
    assert across(rows) == {"train/test": {"rows": 773, "distinct": 201}}
    assert across(inputs) == {"train/test": {"rows": 1046, "distinct": 432}}


def test_equal_numbers_are_duplicates_however_they_are_written() -> None:
    from engine.dataset import Split

    labels = np.zeros(3, np.int64)
    digests = input_digests(Split(np.array([[0.0, np.nan], [-0.0, -np.nan], [0.0, 1.0]]), labels))
    assert digests[0] == digests[1] != digests[2]


def test_padding_does_not_hide_a_duplicate() -> None:
    from engine.dataset import Split

    labels, lengths = np.zeros(1, np.int64), np.array([2])
    short = Split(np.array([[5, 6]]), labels, lengths)
    long = Split(np.array([[5, 6, 0, 0]]), labels, lengths)
    assert input_digests(short) == input_digests(long)


def data_modules() -> list[Path]:
    return sorted(p for p in (ROOT / "engine" / "data").glob("*.py") if p.name != "__init__.py")


@pytest.mark.parametrize("module", data_modules(), ids=lambda p: p.stem)
def test_every_module_is_a_data_set_with_one_public_function(module: Path) -> None:
    tree = ast.parse(module.read_text())
    public = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name[0] != "_"]
    assert public == ["load"]
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "load")
    assert [a.arg for a in function.args.args] == ["root"]
    assert all(a.annotation is not None for a in function.args.kwonlyargs)
    assert ast.get_docstring(function)


def test_importing_the_data_sets_brings_nothing_heavy() -> None:
    modules = ", ".join(f"engine.data.{p.stem}" for p in data_modules())
    heavy = "('torch', 'sklearn', 'PIL', 'scipy')"
    code = f"import sys, {modules}, engine.splits\nprint([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_csv_reads_packed_files_and_a_header_is_optional(real_data: Path) -> None:
    dataset = csv_data.load(real_data, path="tabular/diabetes.csv.gz", header=False)
    assert dataset.columns[0] == "column 0"
    assert len(dataset.splits["train"]) == gzip.decompress(
        (real_data / "tabular" / "diabetes.csv.gz").read_bytes()
    ).count(b"\n")
    assert dataset.classes == ("0", "1")
