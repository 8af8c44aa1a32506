"""Tiny ImageNet as it is published, in parts and in other sizes, decoded once; what is not whole is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import tiny_imagenet
from engine.dataset import input_spec
from engine.errors import DataError
from tests.data_world import NOWHERE, load


def picture(path: Path, color: object, *, mode: str = "RGB", side: int = 64) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), color).save(path, "png")  # exact colours, whatever the suffix says


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """The data folder, with three classes of twelve images laid out as the published archive is."""
    folder = tmp_path / "tiny-imagenet-200"
    for place, wnid in enumerate(("n03", "n01", "n02")):
        for number in range(12):
            picture(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", (place, number, 0))
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t63\t63\n")
    picture(folder / "val" / "images" / "val_0.JPEG", 77, mode="L")
    picture(folder / "val" / "images" / "val_1.JPEG", (1, 2, 3))
    (folder / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn02\t0\t0\t9\t9\nval_1.JPEG\tn01\t0\t0\t9\t9\n")
    picture(folder / "test" / "images" / "test_0.JPEG", (9, 9, 9))
    (folder / "wnids.txt").write_text("n03\nn01\nn02\n")
    (folder / "words.txt").write_text(
        "n00\tentity\nn01\tcrane\nn02\tgoldfish, Carassius auratus\nn03\tcrane, machine\n"
    )
    return tmp_path


def test_tiny_imagenet_as_it_is_published(official: Path) -> None:
    dataset = load("tiny_imagenet", {}, official, NOWHERE)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert set(dataset.splits) == {"train", "test"}
    assert dataset.classes == ("crane (n01)", "goldfish", "crane (n03)")
    assert np.bincount(train.labels).tolist() == [12, 12, 12]
    assert train.inputs[:12, 1, 5, 5].tolist() == list(range(12)), "not in the order of their numbers"
    assert [dataset.classes[label] for label in test.labels] == ["goldfish", "crane (n01)"]
    assert test.inputs[:, :, 5, 5].tolist() == [[77, 77, 77], [1, 2, 3]]
    assert input_spec(dataset).shape == (3, 64, 64)


def test_a_few_images_of_each_class_and_another_size(official: Path) -> None:
    few = tiny_imagenet.load(official, per_class=2, size=8)
    assert few.splits["train"].inputs.shape == (6, 3, 8, 8)
    assert few.splits["train"].inputs[:, :2, 0, 0].tolist() == [[1, 0], [1, 1], [2, 0], [2, 1], [0, 0], [0, 1]]
    assert len(few.splits["test"]) == 2
    assert few.encode is not None
    assert few.encode([str(official / "tiny-imagenet-200/test/images/test_0.JPEG")]).inputs.shape == (1, 3, 8, 8)


def test_tiny_imagenet_is_decoded_once_for_each_number_of_images(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {n: tiny_imagenet.load(official, per_class=n) for n in (None, 2)}
    monkeypatch.setattr("engine.image_cache._decode_all", lambda *_: pytest.fail("decoded again"))
    for n, dataset in first.items():
        again = tiny_imagenet.load(official, per_class=n)
        np.testing.assert_array_equal(again.splits["train"].inputs, dataset.splits["train"].inputs)


def test_a_tiny_imagenet_that_is_not_whole_is_refused(official: Path) -> None:
    folder = official / "tiny-imagenet-200"
    odd = folder / "train" / "n02" / "images" / "n02_3.JPEG"
    picture(odd, (0, 0, 0), side=32)
    with pytest.raises(DataError, match=r"n02_3\.JPEG is 32 × 32") as caught:
        tiny_imagenet.load(official)
    assert tiny_imagenet.ADDRESS in caught.value.hint
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"n02_3\.JPEG does not decode"):
        tiny_imagenet.load(official)
    shutil.rmtree(folder / "train" / "n02")
    with pytest.raises(DataError, match="the validation split has a class 'n02' that the train split lacks"):
        tiny_imagenet.load(official)
    (folder / "val" / "val_annotations.txt").write_text("val_1.JPEG\tn01\t0\t0\t9\t9\n")
    with pytest.raises(DataError, match=r"lacks 1 of the 3 classes in wnids\.txt: n02"):
        tiny_imagenet.load(official)
    shutil.rmtree(folder / "val")
    with pytest.raises(DataError, match="has no folder val"):
        tiny_imagenet.load(official)


def test_images_that_are_all_of_another_size_are_no_tiny_imagenet(tmp_path: Path) -> None:
    for name in ("train/n1/n1_0.JPEG", "train/n2/n2_0.JPEG", "val/n1/val_0.JPEG"):
        picture(tmp_path / "tiny-imagenet-200" / name, (0, 0, 0), side=16)
    with pytest.raises(DataError, match="are 16 × 16, expected 64 × 64"):
        tiny_imagenet.load(tmp_path)
    dataset = tiny_imagenet.load(tmp_path, size=32)
    assert dataset.classes == ("n1", "n2"), "without words.txt the ids are the names"


def test_an_absent_tiny_imagenet_names_folder_and_address(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        tiny_imagenet.load(tmp_path)
    assert str(tmp_path / "tiny-imagenet-200") in str(caught.value)
    assert "http://cs231n.stanford.edu/tiny-imagenet-200.zip" in str(caught.value)


def test_the_real_tiny_imagenet_has_colour_and_grey_images(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny-imagenet-200").symlink_to(real_data / "tiny-imagenet-200")
    dataset = load("tiny_imagenet", {"per_class": 3}, tmp_path, NOWHERE)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert np.bincount(train.labels).tolist() == [3] * 200
    assert len(set(np.bincount(test.labels).tolist())) == 1
    assert dataset.classes[0] == "goldfish"
    assert len(set(dataset.classes)) == 200
    grey = (test.inputs == test.inputs[:, :1]).all(axis=(1, 2, 3))
    assert 0 < grey.sum() < len(test) / 20
    path = real_data / "tiny-imagenet-200" / "train" / "n01443537"
    theirs = np.asarray(Image.open(next(path.rglob("n01443537_2.JPEG"))).convert("RGB"))
    np.testing.assert_array_equal(train.inputs[2].transpose(1, 2, 0), theirs)
