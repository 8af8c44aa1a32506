"""The data sets of images: their files, values and modes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import (
    cifar10,
    fashion_mnist,
    mnist,
)
from engine.errors import DataError
from engine.splits import load

NOWHERE = Path("/nonexistent")

# -------------------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_mnist_like_sets_are_read_unpacked_and_packed(module, real_data: Path, tmp_path: Path) -> None:
    dataset = module.load(real_data)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.inputs.shape == (60_000, 1, 28, 28)
    assert test.inputs.shape == (10_000, 1, 28, 28)
    assert train.inputs.dtype == np.uint8
    assert set(np.bincount(test.labels)) == {1000} or module is mnist
    only_packed = tmp_path / module.FILES[0].rpartition("/")[0]
    only_packed.mkdir(parents=True)
    for relative in module.FILES:
        (only_packed / f"{Path(relative).name}.gz").symlink_to(real_data / f"{relative}.gz")
    packed = module.load(tmp_path)
    assert packed.splits["test"].inputs.tobytes() == test.inputs.tobytes()
    assert packed.splits["train"].labels.tobytes() == train.labels.tobytes()


def test_mnist_equals_torchvisions(real_data: Path) -> None:
    test = mnist.load(real_data).splits["test"]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]  # as published
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert round(float(mnist.load(real_data).splits["train"].inputs.mean() / 255), 4) == 0.1307


def test_fashion_mnist_takes_debians_files(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN", str(real_data / "FashionMNIST" / "raw"))
    assert len(fashion_mnist.load(tmp_path).splits["train"]) == 60_000


def test_cifar10_has_the_published_statistics(real_data: Path) -> None:
    dataset = cifar10.load(real_data)
    train = dataset.splits["train"]
    assert train.inputs.shape == (50_000, 3, 32, 32)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.splits["test"].labels).tolist() == [1000] * 10
    means = train.inputs.mean(axis=(0, 2, 3), dtype=np.float64) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.0001)
    assert dataset.classes[train.labels[0]] == "frog"


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 6), color: object = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


def test_folders_of_images_with_and_without_splits(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "plain" / "cat" / f"{i}.png", color=(i, 0, 0))
        picture(tmp_path / "plain" / "dög" / f"{i}.JPG", color=(i, 200, 0))
        for part in ("train", "val", "Test"):
            picture(tmp_path / "split" / part / "a" / "images" / f"{i}.png", color=(i, 0, 9))
            picture(tmp_path / "split" / part / "b" / f"{i}.png", color=(i, 0, 99))
    (tmp_path / "plain" / "cat" / "notes.txt").write_text("no image")
    plain = load("image_folder", {"path": "plain"}, tmp_path / "data", tmp_path)
    assert plain.classes == ("cat", "dög")
    assert plain.splits["train"].inputs.shape == (6, 3, 6, 8)
    assert plain.splits["train"].labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert plain.splits["train"].inputs[2, :, 0, 0].tolist() == [2, 0, 0]
    split = load("image_folder", {"path": str(tmp_path / "split")}, tmp_path / "data", tmp_path)
    assert {name: len(part) for name, part in split.splits.items()} == {"train": 6, "validation": 6, "test": 6}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "bus", "test"):
        picture(tmp_path / "vehicles" / name / "0.png")
        picture(tmp_path / "flat" / name.replace("bus", "val") / "0.png")
    dataset = load("image_folder", {"path": "vehicles"}, tmp_path, tmp_path)
    assert dataset.classes == ("bus", "test", "train")
    with pytest.raises(DataError, match="no images in folders of classes"):
        load("image_folder", {"path": "flat"}, tmp_path, tmp_path)


def test_tiny_imagenets_annotated_validation_split(tmp_path: Path) -> None:
    picture(tmp_path / "t" / "train" / "n1" / "images" / "n1_0.JPEG")
    picture(tmp_path / "t" / "train" / "n2" / "images" / "n2_0.JPEG")
    picture(tmp_path / "t" / "val" / "images" / "val_0.JPEG")
    picture(tmp_path / "t" / "test" / "images" / "test_0.JPEG")
    (tmp_path / "t" / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn2\t0\t0\t1\t1\n")
    dataset = load("image_folder", {"path": "t"}, tmp_path, tmp_path)
    assert dataset.splits["validation"].labels.tolist() == [1]
    assert "test" not in dataset.splits
    assert "test has no folders of classes" in dataset.note


def test_images_of_every_mode_become_colour_or_grey(tmp_path: Path) -> None:
    picture(tmp_path / "x" / "a" / "grey.png", "L", color=100)
    picture(tmp_path / "x" / "a" / "alpha.png", "RGBA", color=(100, 100, 100, 255))
    picture(tmp_path / "x" / "b" / "two.png", "1", color=1)
    picture(tmp_path / "x" / "b" / "deep.png", "I;16", color=100 * 257)
    picture(tmp_path / "x" / "b" / "cmyk.jpg", "CMYK")
    palette = Image.new("P", (8, 6), 1)
    palette.putpalette([0, 0, 0, 100, 100, 100])
    palette.save(tmp_path / "x" / "b" / "palette.png", transparency=0)
    for channels in (1, 3):
        dataset = load("image_folder", {"path": "x", "channels": channels}, tmp_path / "d", tmp_path)
        images = dataset.splits["train"].inputs
        assert images.shape == (6, channels, 6, 8)
        # sorted by name: alpha, grey | cmyk, deep, palette, two
        assert images[:, 0, 0, 0].tolist() == [100, 100, 255, 100, 100, 255]


def test_decoded_images_are_kept_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "x" / "a" / "1.png", size=(5, 4))
    changing = picture(tmp_path / "x" / "b" / "1.png", color=(9, 9, 9))
    first = load("image_folder", {"path": "x", "size": 4}, tmp_path / "d", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("engine.image_cache._decode_all", lambda *_: pytest.fail("decoded again"))
        again = load("image_folder", {"path": "x", "size": 4}, tmp_path / "d", tmp_path)
    assert again.splits["train"].inputs.tobytes() == first.splits["train"].inputs.tobytes()
    picture(changing, color=(50, 9, 9), size=(20, 20))
    changed = load("image_folder", {"path": "x", "size": 4}, tmp_path / "d", tmp_path)
    assert changed.splits["train"].inputs[1, 0, 0, 0] == 50
    assert len(list((tmp_path / "d" / "cache" / "images").iterdir())) == 1, "the outdated array was left behind"


def test_images_for_a_prediction_are_brought_to_the_shape_of_training(tmp_path: Path) -> None:
    picture(tmp_path / "x" / "a" / "1.png")
    picture(tmp_path / "x" / "b" / "1.png")
    dataset = load("image_folder", {"path": "x"}, tmp_path / "d", tmp_path)
    assert dataset.encode is not None
    other = picture(tmp_path / "other.jpg", "L", (30, 31), 200)
    assert dataset.encode([str(other)]).inputs.shape == (1, 3, 6, 8)
    with pytest.raises(DataError, match=r"absent\.png"):
        dataset.encode([str(tmp_path / "absent.png")])


def test_the_real_tiny_imagenet(real_data: Path, tmp_path: Path) -> None:
    tree = load("image_folder", {"path": str(real_data / "tiny-imagenet-200"), "size": 16}, tmp_path, tmp_path)
    assert len(tree.classes) == 200
    assert set(np.bincount(tree.splits["train"].labels).tolist()) == {50}
