"""Rows of a data set to look at: which are listed, their images, what is kept, and what a run answered to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import digits
from engine.data_folder import data_root
from engine.data_rows import Answered, Asked, keep_rows, kept_rows, list_rows
from engine.dataset import Dataset, Split
from engine.errors import NotFoundError
from engine.settings import DataOptions
from engine.splits import Prepared
from tests.cli_world import make_world
from tests.helpers import engine_json, run_engine


def prepared(dataset: Dataset) -> Prepared:
    """A data set as it comes out of `engine.splits`."""
    train = dataset.splits["train"]
    return Prepared(dataset, train, DataOptions(name="x"), {}, {}, {}, {}, "0", 0.0)


def images() -> Dataset:
    """Six images of 2 × 2 points, of two classes in turn."""
    inputs = np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2)
    return Dataset("image", {"train": Split(inputs, np.array([0, 1, 0, 1, 0, 1]))}, ("cat", "dog"))


def test_rows_of_a_class_from_one_on() -> None:
    found = list_rows(prepared(images()), Asked(label="dog", start=1, count=1), None)
    assert found["total"] == 3
    assert found["samples"] == [{"row": 3, "true": "dog", "input": None}]


def test_images_are_the_inputs(tmp_path: Path) -> None:
    dataset = images()
    found = list_rows(prepared(dataset), Asked(count=2), tmp_path / "png")
    for sample in found["samples"]:
        with Image.open(sample["image"]) as image:
            assert np.array_equal(np.asarray(image), dataset.splits["train"].inputs[sample["row"], 0])


def test_labels_that_are_tokens_or_numbers() -> None:
    inputs = np.array([[2, 3, 0], [3, 0, 0]])
    tokens = Split(inputs, np.array([[2, 3], [3, 0]]), np.array([2, 1]), np.array([2, 1]))
    text = Dataset("sequence", {"train": tokens}, ("", "?", "a", "b"), ("", "?", "a", "b"))
    samples = list_rows(prepared(text), Asked(), None)["samples"]
    assert [(sample["true"], sample["input"]) for sample in samples] == [("ab", "ab"), ("b", "b")]
    numbers = Split(np.ones((2, 1), np.float32), np.array([[1.5, 2.0], [3.0, 4.0]], np.float32))
    quantities = Dataset("features", {"train": numbers}, ("x", "y"), columns=("a",))
    assert list_rows(prepared(quantities), Asked(), None)["samples"][0]["true"] == "1.5, 2"
    with pytest.raises(NotFoundError, match="no classes"):
        list_rows(prepared(quantities), Asked(label="x"), None)


def test_rows_by_what_was_answered() -> None:
    answered = Answered(("cat", "dog"), [0, 0, 1, 1, 0, 0], "s")
    found = list_rows(prepared(images()), Asked(wrong=True), None, answered)
    assert [(sample["row"], sample["predicted"]) for sample in found["samples"]] == [(1, "cat"), (2, "dog"), (5, "cat")]
    taken = list_rows(prepared(images()), Asked(label="dog", predicted="cat"), None, answered)
    assert [sample["row"] for sample in taken["samples"]] == [1, 5]


def test_answers_to_other_data_are_no_answers() -> None:
    other = Answered(("cat", "dog"), [0, 1], "s")
    assert "predicted" not in list_rows(prepared(images()), Asked(count=1), None, other)["samples"][0]
    with pytest.raises(NotFoundError, match="no evaluation kept"):
        list_rows(prepared(images()), Asked(wrong=True), None, other)


def test_what_is_kept_is_found_again_with_its_images_only(tmp_path: Path) -> None:
    asked = Asked(label="../etc", count=3)
    picture = tmp_path / "a.png"
    picture.write_bytes(b"x")
    keep_rows(tmp_path / "kept", asked, {"samples": [{"row": 0, "image": str(picture)}]})
    assert [path.parent for path in (tmp_path / "kept").iterdir()] == [tmp_path / "kept"]
    assert kept_rows(tmp_path / "kept", asked) is not None
    assert kept_rows(tmp_path / "kept", asked, "another evaluation") is None
    picture.unlink()
    assert kept_rows(tmp_path / "kept", asked) is None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Experiments on digits and a generated run of one."""
    return make_world(tmp_path_factory.mktemp("world"), ["finished"])


def test_engine_data_samples(world: Path) -> None:
    command = ("data", "digits-mlp", "--samples", "3", "--split", "val", "--class", "7", "--json")
    found = engine_json(*command, cwd=world)
    assert found["split"] == "validation"
    assert [sample["true"] for sample in found["samples"]] == ["7", "7", "7"]
    kept = list((world / "runs" / ".dltui" / "samples").rglob("*.json"))
    assert len(kept) == 1
    content: dict[str, Any] = json.loads(kept[0].read_text())
    content["samples"][0]["input"] = "from what is kept"
    kept[0].write_text(json.dumps(content))
    assert engine_json(*command, cwd=world)["samples"][0]["input"] == "from what is kept"


def test_engine_data_samples_as_images(world: Path, tmp_path: Path) -> None:
    own = digits.load(data_root(None), as_image=True).splits["train"]
    words = ("data", "digits", "-s", "as_image=true", "--samples", "2", "--png", str(tmp_path / "out"), "--json")
    found = engine_json(*words, cwd=world)
    for sample in found["samples"]:
        assert Path(sample["image"]).parent == tmp_path / "out"
        with Image.open(sample["image"]) as image:
            assert np.array_equal(np.asarray(image), own.inputs[sample["row"], 0])


def test_columns_that_are_the_points_of_an_image_are_seen_as_one(world: Path, tmp_path: Path) -> None:
    own = digits.load(data_root(None), as_image=True).splits["train"]
    found = engine_json("data", "digits", "--samples", "2", "--png", str(tmp_path / "out"), "--json", cwd=world)
    for sample in found["samples"]:
        assert sample["input"] is None
        with Image.open(sample["image"]) as image:
            assert np.array_equal(np.asarray(image), own.inputs[sample["row"], 0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--class", "70"), "no class '70'"),
        (("--split", "tset"), "no tset split"),
        (("--wrong",), "no evaluation kept what was answered"),
    ],
)
def test_engine_data_samples_says_what_is_not_there(words: tuple[str, ...], said: str, world: Path) -> None:
    done = run_engine("data", "digits-mlp", "--samples", "3", *words, cwd=world)
    assert done.returncode == 3
    assert said in done.stderr


def test_a_run_trained_here_keeps_every_answer(tmp_path: Path) -> None:
    world = make_world(tmp_path, [])
    (world / "runs").mkdir(exist_ok=True)
    run = engine_json("train", "digits-mlp", "-s", "train.epochs=1", "--device", "cpu", "--json", cwd=world)["run"]
    evaluation = json.loads(next((world / "runs" / run / "evaluation").glob("val-*.json")).read_text())
    confusion = np.array(evaluation["confusion"])
    rows = engine_json("data", run, "--samples", "500", "--split", "validation", "--json", cwd=world)["samples"]
    counted = np.zeros_like(confusion)
    for sample in rows:
        counted[int(sample["true"]), int(sample["predicted"])] += 1
    assert np.array_equal(counted, confusion)
    wrong = engine_json("data", run, "--samples", "500", "--split", "validation", "--wrong", "--json", cwd=world)
    assert wrong["total"] == confusion.sum() - np.trace(confusion)
