"""EMNIST, Tiny ImageNet, CIFAR-100's real format, lines of handwriting, blocks of text: what they hold and refuse."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import signatures, splits
from engine.data import cifar100, emnist, lines, mnist, text_blocks, tiny_imagenet
from engine.dataset import Dataset, Split, input_spec
from engine.duplicates import input_digests
from engine.errors import DataError, EngineError, SettingsError
from engine.line_images import Draws, LineForm, make_lines

NOWHERE = Path("/nonexistent")
TASKS = {"lines": lines.TASK, "text_blocks": text_blocks.TASK}


def load(name: str, own: dict[str, Any], root: Path, folder: Path) -> Dataset:
    """A data set for the task it is made for, checked as every one is before a run."""
    return splits.load(name, own, root, folder, TASKS.get(name, "classification"))


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (emnist.load, {"variant": "byklass"}, "did you mean 'byclass'?"),
        (emnist.load, {"part": "train"}, "known: all, test"),
        (emnist.load, {"data_seed": -1}, "data_seed = -1"),
        (tiny_imagenet.load, {"size": 0}, "size = 0"),
        (tiny_imagenet.load, {"per_class": 0}, "per_class = 0"),
        (lines.load, {"source": "emnst"}, "did you mean 'emnist'?"),
        (lines.load, {"samples": 0}, "samples = 0"),
        (lines.load, {"test_samples": 0}, "test_samples = 0"),
        (lines.load, {"validation_samples": -1}, "validation_samples = -1"),
        (lines.load, {"min_length": 0}, "min_length = 0"),
        (lines.load, {"min_length": 9, "max_length": 8}, "max_length = 8"),
        (lines.load, {"max_overlap": 1.0}, "max_overlap = 1.0"),
        (lines.load, {"min_overlap": 0.2, "max_overlap": 0.1}, "min_overlap = 0.2"),
        (lines.load, {"max_overlap": float("nan")}, "max_overlap = nan"),
        (lines.load, {"data_seed": 2**32}, "data_seed = 4294967296"),
        (text_blocks.load, {"block": 0}, "block = 0"),
        (text_blocks.load, {"stride": 0}, "stride = 0"),
        (text_blocks.load, {"stride": 129}, "would leave characters out"),
        (text_blocks.load, {"test_share": 0.0}, "test_share = 0.0"),
        (text_blocks.load, {"test_share": float("nan")}, "test_share = nan"),
        (text_blocks.load, {"validation_share": 1.0}, "validation_share = 1.0"),
    ],
)
def test_impossible_arguments_are_named(function: Callable[..., Dataset], arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        function(NOWHERE, **arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["emnist", "tiny_imagenet", "lines", "text_blocks"])
def test_their_settings_can_be_read_without_importing_them(name: str) -> None:
    parameters = signatures.dataset(name, NOWHERE).parameters.values()
    assert parameters
    assert all(p.literal and p.annotation for p in parameters)


# -------------------------------------------------------------------------------------------------------------- EMNIST

SMALL = {"byclass": (124, 62), "letters": (52, 26), "digits": (20, 10)}
"""Images of each file where a test writes its own."""


def idx(values: np.ndarray) -> bytes:
    """An idx file of unsigned bytes."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def emnist_files(variant: str) -> dict[str, bytes]:
    """The four idx files of a variant: classes in turn, random images, and the mapping."""
    generator, first = np.random.default_rng(0), int(variant == "letters")
    classes = SMALL[variant][1]
    files = {}
    for split, count in zip(("train", "test"), SMALL[variant], strict=True):
        start = f"emnist-{variant}-{split}"
        labels = (np.arange(count) % classes + first).astype(np.uint8)
        files[f"{start}-images-idx3-ubyte"] = idx(generator.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        files[f"{start}-labels-idx1-ubyte"] = idx(labels)
    return files


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """EMNIST/raw of a data folder, empty, with no network and small files expected in it."""
    monkeypatch.setattr(emnist, "COUNTS", SMALL)
    monkeypatch.setenv("DLTUI_OFFLINE", "1")
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    return folder


def put(folder: Path, files: dict[str, bytes], *, packed: bool = False) -> None:
    for name, content in files.items():
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
def test_emnist_is_read_unpacked_and_packed_and_stands_upright(raw: Path, packed: bool) -> None:
    files = emnist_files("byclass")
    put(raw, files, packed=packed)
    dataset = load("emnist", {}, raw.parent.parent, NOWHERE)
    assert {name: split.inputs.shape for name, split in dataset.splits.items()} == {
        "train": (124, 1, 28, 28),
        "test": (62, 1, 28, 28),
    }
    stored = np.frombuffer(files["emnist-byclass-test-images-idx3-ubyte"][16:], np.uint8).reshape(62, 28, 28)
    np.testing.assert_array_equal(dataset.splits["test"].inputs[:, 0], stored.transpose(0, 2, 1))
    assert "".join(dataset.classes[label] for label in dataset.splits["test"].labels) == (
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )


def test_emnists_letters_count_from_one_in_the_file_only(raw: Path) -> None:
    put(raw, emnist_files("letters"))
    without = emnist.load(raw.parent.parent, variant="letters")
    assert (without.splits["test"].labels.min(), without.splits["test"].labels.max()) == (0, 25)
    mapping = "".join(f"{i + 1} {ord('A') + i} {ord('a') + i}\n" for i in range(26))
    (raw / "emnist-letters-mapping.txt").write_text(mapping)
    assert (
        emnist.load(raw.parent.parent, variant="letters").classes == without.classes == tuple(map(chr, range(65, 91)))
    )


def test_emnists_classes_are_what_the_mapping_says(raw: Path) -> None:
    put(raw, emnist_files("digits"))
    mapping = raw / "emnist-digits-mapping.txt"
    mapping.write_text("".join(f"{i} {ord('j') - i}\n" for i in range(10)))
    assert "".join(emnist.load(raw.parent.parent, variant="digits").classes) == "jihgfedcba"
    for damaged, says in (
        ("0 48\n1 49\n", "number of classes is 2, expected 10"),
        ("0 48\n1 x\n", "mapping.txt cannot be read"),
        ("0\n", "mapping.txt cannot be read"),
        ("".join(f"{i} 48\n" for i in range(10)), "each once"),
        (f"0 {10**12}\n", "mapping.txt cannot be read"),
    ):
        mapping.write_text(damaged)
        with pytest.raises(DataError, match=says):
            emnist.load(raw.parent.parent, variant="digits")


def test_damaged_emnist_files_are_refused(raw: Path) -> None:
    files = emnist_files("digits")
    put(raw, files)
    labels, images = raw / "emnist-digits-test-labels-idx1-ubyte", raw / "emnist-digits-test-images-idx3-ubyte"
    for path, content, says in (
        (labels, files[labels.name][:-1], r"size is 17, expected 18 bytes"),
        (labels, files[labels.name][:-1] + b"\x0a", "range of labels is 0 to 10, expected 0 to 9"),
        (images, b"\1" + files[images.name][1:], "header is 01"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=says) as caught:
            emnist.load(raw.parent.parent, variant="digits", part="test")
        assert path.name in caught.value.message
        path.write_bytes(files[path.name])
    images.unlink()
    too_much = gzip.compress(files[images.name] + b"\0" * 10**6)
    for content, says in ((b"<html>", "cannot be read"), (too_much, r"size is 7,857, expected 7,856")):
        (raw / f"{images.name}.gz").write_bytes(content)
        with pytest.raises(DataError, match=says):
            emnist.load(raw.parent.parent, variant="digits")


def test_absent_emnist_files_are_named_with_folder_and_address(raw: Path) -> None:
    files = emnist_files("digits")
    with pytest.raises(DataError) as caught:
        emnist.load(raw.parent.parent, variant="digits")
    for said in (str(raw), "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", *files):
        assert said in str(caught.value)
    assert 'data.part = "test"' not in str(caught.value)
    put(raw, {name: content for name, content in files.items() if "-test-" in name})
    with pytest.raises(DataError, match=r'data\.part = "test"'):
        emnist.load(raw.parent.parent, variant="digits")
    assert len(emnist.load(raw.parent.parent, variant="digits", part="test").splits) == 2


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_of_emnists_archive_only_what_is_needed_is_unpacked(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = emnist_files("digits")
    members = {f"gzip/{name}.gz": gzip.compress(content) for name, content in files.items()}
    strange = {"../evil": b"x", "/tmp/evil-absolute-emnist": b"x", "gzip/more.gz": b"x"}
    source = archive_of(raw.parent / "source.zip", members | strange)
    asked = []

    def fetch(url: str, path: Path, *, md5: str, otherwise: str) -> None:
        asked.append((url, path, md5))
        shutil.copyfile(source, path)

    monkeypatch.setattr(emnist, "fetch", fetch)
    for _ in range(2):
        assert len(emnist.load(raw.parent.parent, variant="digits").splits["train"]) == 20
    assert asked == [(emnist.ADDRESS, raw / "gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e")]
    assert sorted(p.name for p in raw.iterdir()) == sorted(["gzip.zip", *(f"{name}.gz" for name in files)])
    assert not (raw.parent / "evil").exists()
    assert not Path("/tmp/evil-absolute-emnist").exists()


def test_a_damaged_emnist_archive_is_named(raw: Path) -> None:
    name = "gzip/emnist-digits-train-images-idx3-ubyte.gz"
    for members, says in (({}, f"has no {name}"), ({name: b"\0" * 10**6}, "expected at most 19,948 bytes")):
        archive_of(raw / "gzip.zip", members)
        with pytest.raises(DataError, match=says):
            emnist.load(raw.parent.parent, variant="digits")
    (raw / "gzip.zip").write_bytes(b"<html>log in</html>")
    with pytest.raises(DataError, match="cannot be unpacked from") as caught:
        emnist.load(raw.parent.parent, variant="digits")
    assert "delete the archive" in caught.value.hint
    assert [p.name for p in raw.iterdir()] == ["gzip.zip"]


def test_the_real_emnist_test_file_is_cut_into_100_000_and_16_323(real_data: Path) -> None:
    dataset = load("emnist", {"part": "test"}, real_data, NOWHERE)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert (len(train), len(test)) == (100_000, 16_323)
    assert "100,000 train, 16,323 test" in dataset.note
    assert "".join(dataset.classes) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    start = real_data / "EMNIST" / "raw" / "emnist-byclass-test"
    labels = np.fromfile(f"{start}-labels-idx1-ubyte", np.uint8, offset=8).astype(np.int64)
    stored = np.fromfile(f"{start}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28)
    upright = Split(stored.transpose(0, 2, 1), labels)
    ours = [d + bytes([c]) for s in (train, test) for d, c in zip(input_digests(s), s.labels, strict=True)]
    assert len(set(ours)) == 116_323
    assert set(ours) == {d + bytes([c]) for d, c in zip(input_digests(upright), labels, strict=True)}
    np.testing.assert_allclose(np.bincount(test.labels), np.bincount(labels) * 16_323 / 116_323, atol=1)
    other = emnist.load(real_data, part="test", data_seed=1).splits["test"]
    assert len(other) == 16_323
    assert not np.array_equal(other.inputs, test.inputs)


# ------------------------------------------------------------------------------------------------------- Tiny ImageNet


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


# ----------------------------------------------------------------------------------------------------------- CIFAR-100


def python2_pickle(data: np.ndarray | None, lists: dict[bytes, list[int] | list[bytes]]) -> bytes:
    """A dict as Python 2 pickled it by protocol 2, names as byte strings, an array as numpy 1 did: CIFAR's format."""

    def string(value: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    entries = b""
    for key, values in lists.items():
        shown = b"".join(string(v) if isinstance(v, bytes) else number(v) for v in values)
        entries += string(key) + b"](" + shown + b"e"
    if data is not None:
        made = (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + string(b"b") + b"\x87R"
        )
        kind = b"cnumpy\ndtype\n" + string(b"u1") + number(0) + number(1) + b"\x87R"
        kind += b"(" + number(3) + string(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
        shape = number(data.shape[0]) + number(data.shape[1]) + b"\x86"
        state = b"(" + number(1) + shape + kind + b"\x89" + string(data.tobytes()) + b"tb"
        entries += string(b"data") + made + state
    return b"\x80\x02}(" + entries + b"u."


def python2_cifar100(folder: Path, labels: list[int]) -> cifar100.Archive:
    """CIFAR-100 with four images, whose bytes count up; returns its archive with the digests of these files."""
    data = (np.arange(4 * 3072) % 251).astype(np.uint8).reshape(4, 3072)
    split = {b"coarse_labels": [19, 0, 1, 2], b"filenames": [b"a.png"] * 4, b"fine_labels": labels}
    names = [b"thing%d" % i for i in range(100)]
    content = {
        "train": python2_pickle(data, split),
        "test": python2_pickle(data[::-1].copy(), split),
        "meta": python2_pickle(None, {b"fine_label_names": names, b"coarse_label_names": [b"other"] * 20}),
    }
    (folder / "cifar-100-python").mkdir(parents=True, exist_ok=True)
    for name, packed in content.items():
        (folder / "cifar-100-python" / name).write_bytes(packed)
    digests = {name: hashlib.md5(packed, usedforsecurity=False).hexdigest() for name, packed in content.items()}
    return replace(cifar100.ARCHIVE, files=digests)


def test_cifar100_as_python_2_pickled_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar100, "ARCHIVE", python2_cifar100(tmp_path, [7, 99, 0, 7]))
    dataset = load("cifar100", {}, tmp_path, NOWHERE)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.labels.tolist() == [7, 99, 0, 7], "the fine labels, not the coarse ones"
    assert dataset.classes == tuple(f"thing{i}" for i in range(100))
    expected = (np.arange(4 * 3072) % 251).astype(np.uint8).reshape(4, 3, 32, 32)  # red, green, blue; row by row
    np.testing.assert_array_equal(train.inputs, expected)
    np.testing.assert_array_equal(test.inputs, expected[::-1])


@pytest.mark.parametrize(
    ("labels", "says"), [([7, 100, 0, 7], "do not fit together"), ([1, 2, 3], "do not fit together")]
)
def test_cifar100_labels_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: list[int], says: str
) -> None:
    monkeypatch.setattr(cifar100, "ARCHIVE", python2_cifar100(tmp_path, labels))
    with pytest.raises(DataError, match=says):
        cifar100.load(tmp_path)


def test_cifar100_without_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = python2_cifar100(tmp_path, [0, 1, 2, 3])
    content = python2_pickle(None, {b"other": [b"x"]})
    (tmp_path / "cifar-100-python" / "meta").write_bytes(content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(cifar100, "ARCHIVE", replace(archive, files={**archive.files, "meta": digest}))
    with pytest.raises(DataError, match="meta names no classes"):
        cifar100.load(tmp_path)


# --------------------------------------------------------------------------------------------------------------- lines


@st.composite
def line_forms(draw: st.DrawFn) -> LineForm:
    shortest = draw(st.integers(1, 5))
    least = draw(st.floats(0, 0.9))
    return LineForm(shortest, draw(st.integers(shortest, 7)), least, draw(st.floats(least, 0.9)))


@settings(max_examples=60, deadline=None)
@given(form=line_forms(), count=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_lines_are_their_glyphs_side_by_side(form: LineForm, count: int, seed: int) -> None:
    """Drawn again glyph by glyph from labels and positions; a class has one glyph, so that its label tells it."""
    glyphs = np.random.default_rng(0).integers(1, 256, (4, 10, 8), dtype=np.uint8)
    made = make_lines(glyphs, np.array([2, 0, 5, 1]), count, form, Draws(seed))
    assert made.images.shape == (count, 1, 10, 8 * form.max_length)
    assert made.labels.shape == made.positions.shape == (count, form.max_length)
    by_token = {3: glyphs[0], 1: glyphs[1], 6: glyphs[2], 2: glyphs[3]}
    for row, length in enumerate(made.label_lengths.tolist()):
        assert form.min_length <= length <= form.max_length
        assert not made.labels[row, length:].any()
        assert not made.positions[row, length:].any()
        starts = made.positions[row, :length] - 3.5
        assert starts[0] == 0
        steps = set(np.diff(starts).tolist())
        assert len(steps) <= 1, "one overlap a line"
        assert all(8 * (1 - form.max_overlap) - 1e-6 <= step < 8 * (1 - form.min_overlap) + 1 for step in steps)
        expected = np.zeros((10, 8 * form.max_length), np.uint8)
        for token, start in zip(made.labels[row, :length].tolist(), starts.astype(int).tolist(), strict=True):
            window = expected[:, start : start + 8]
            np.maximum(window, by_token[token], out=window)
        np.testing.assert_array_equal(made.images[row, 0], expected)


def test_characters_are_equally_frequent_and_so_are_the_glyphs_of_each() -> None:
    glyphs = np.arange(100, dtype=np.uint8)[:, None, None]  # 1 × 1, told by their only pixel
    labels = np.array([0] * 10 + [1] * 90)
    made = make_lines(glyphs, labels, 4000, LineForm(5, 10, 0, 0), Draws(0))
    written = made.labels[made.labels > 0]
    assert np.bincount(made.label_lengths).tolist()[:5] == [0] * 5
    np.testing.assert_allclose(np.bincount(made.label_lengths)[5:], 4000 / 6, rtol=0.15)
    np.testing.assert_allclose(np.bincount(written)[1:], len(written) / 2, rtol=0.03)
    drawn = np.bincount(made.images[:, 0, 0][made.labels > 0], minlength=100)
    np.testing.assert_allclose(drawn[:10], len(written) / 20, rtol=0.12)
    np.testing.assert_allclose(drawn[10:], len(written) / 180, rtol=0.35)


def test_the_same_draws_give_the_same_lines() -> None:
    glyphs = np.random.default_rng(0).integers(0, 256, (50, 5, 5), dtype=np.uint8)
    labels = np.arange(50) % 10
    first, again, other = (make_lines(glyphs, labels, 20, LineForm(1, 6, 0, 0.5), Draws(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.labels, other.labels)
    assert first.label_lengths[:8].tolist() == [3, 1, 2, 4, 1, 1, 1, 6], "other lines than on other machines"


def numbered_glyphs(count: int) -> Split:
    """Glyphs that are told by two of their pixels, of ten classes in turn."""
    inputs = np.zeros((count, 1, 28, 28), np.uint8)
    inputs[:, 0, 0, 0], inputs[:, 0, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    return Split(inputs, np.arange(count) % 10)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataset]:
    """What stands in for MNIST: 1,000 glyphs to train with and 300 others to test with."""
    every = numbered_glyphs(1300)
    parts = {"train": every.take(np.arange(1000)), "test": every.take(np.arange(1000, 1300))}
    dataset = Dataset("image", parts, tuple("0123456789"))
    monkeypatch.setattr(mnist, "load", lambda root: dataset)
    return dataset


def glyphs_in(split: Split) -> set[int]:
    """The numbers of the glyphs in lines without overlap."""
    first = split.inputs[:, 0, 0, 0::28].astype(int) + 256 * split.inputs[:, 0, 0, 1::28].astype(int)
    assert split.label_lengths is not None
    return {int(n) for row, length in zip(first, split.label_lengths, strict=True) for n in row[:length]}


SMALL_LINES = {"samples": 600, "test_samples": 200, "validation_samples": 200, "max_overlap": 0.0}


def test_no_glyph_is_in_two_splits_whatever_the_seed(source: Dataset, tmp_path: Path) -> None:
    found: dict[str, set[int]] = {}
    for seed in (0, 1):
        dataset = load("lines", {**SMALL_LINES, "data_seed": seed}, tmp_path, NOWHERE)
        for name, split in dataset.splits.items():
            found[name] = found.get(name, set()) | glyphs_in(split)
    assert {name: len(numbers) for name, numbers in found.items()} == {"train": 900, "validation": 100, "test": 300}
    assert found["train"] | found["validation"] == set(range(1000))
    assert found["test"] == set(range(1000, 1300))


def test_lines_without_a_validation_split_use_every_glyph(source: Dataset, tmp_path: Path) -> None:
    dataset = lines.load(tmp_path, **(SMALL_LINES | {"validation_samples": 0, "samples": 2000}))
    assert set(dataset.splits) == {"train", "test"}
    assert glyphs_in(dataset.splits["train"]) == set(range(1000))


def test_the_size_of_one_split_changes_nothing_in_another(source: Dataset, tmp_path: Path) -> None:
    one, two = (lines.load(tmp_path, **(SMALL_LINES | {"samples": n})) for n in (600, 50))
    np.testing.assert_array_equal(one.splits["test"].inputs, two.splits["test"].inputs)
    np.testing.assert_array_equal(one.splits["validation"].labels, two.splits["validation"].labels)


def test_finished_lines_are_kept_until_something_changes(
    source: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lines.load(tmp_path, **SMALL_LINES)
    with monkeypatch.context() as patched:
        patched.setattr(lines, "draw_lines", lambda *_: pytest.fail("drawn again"))
        again = lines.load(tmp_path, **SMALL_LINES)
    for name, split in first.splits.items():
        np.testing.assert_array_equal(again.splits[name].inputs, split.inputs)
    changed = source.splits["train"].inputs
    changed[:, 0, 5, 5] = 200
    assert (lines.load(tmp_path, **SMALL_LINES).splits["train"].inputs[:, 0, 5, 5] == 200).all()


def test_the_cache_of_lines_does_not_grow_without_end(source: Dataset, tmp_path: Path) -> None:
    for seed in range(6):
        lines.load(tmp_path, **SMALL_LINES, data_seed=seed)
    kept = list((tmp_path / "cache" / "lines").iterdir())
    assert len(kept) == 12
    assert {p.suffix for p in kept} == {".npy"}


def test_a_damaged_cache_of_lines_is_made_anew(source: Dataset, tmp_path: Path) -> None:
    first = lines.load(tmp_path, **SMALL_LINES).splits["train"].inputs
    kept = list((tmp_path / "cache" / "lines").iterdir())
    good = [path.read_bytes() for path in kept]
    for damage in (lambda content: b"", lambda content: content[:-5], lambda content: b"\x80\x04N."):
        for path, content in zip(kept, good, strict=True):
            path.write_bytes(damage(content))
        np.testing.assert_array_equal(lines.load(tmp_path, **SMALL_LINES).splits["train"].inputs, first)
        assert [path.read_bytes() for path in kept] == good


def test_a_cache_of_lines_that_cannot_be_written_does_not_matter(source: Dataset, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(lines.load(tmp_path, **SMALL_LINES).splits["train"]) == 600


def test_lines_that_do_not_fit_into_memory(source: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_SHARE_OF_MEMORY", 0.0)
    with pytest.raises(DataError, match=r"1,000 lines of 28 × 336 take 0\.0 GiB"):
        lines.load(tmp_path, **SMALL_LINES)


def test_a_line_from_a_command_line(source: Dataset, tmp_path: Path) -> None:
    dataset = lines.load(tmp_path, **SMALL_LINES)
    assert dataset.encode is not None
    drawn = dataset.splits["test"].inputs[0, 0]
    Image.fromarray(drawn[:, :140]).save(tmp_path / "line.png")
    Image.new("L", (560, 112), 255).save(tmp_path / "large.png")
    split = dataset.encode([str(tmp_path / "line.png"), str(tmp_path / "large.png")])
    assert split.inputs.shape == (2, 1, 28, 336)
    assert split.labels.shape == (2, 12)
    np.testing.assert_array_equal(split.inputs[0, 0, :, :140], drawn[:, :140])
    assert split.inputs[1].any(axis=(0, 1)).tolist() == [True] * 140 + [False] * 196
    Image.new("L", (400, 28)).save(tmp_path / "wide.png")
    with pytest.raises(DataError, match=r"wide\.png is 400 columns wide .* at most 336"):
        dataset.encode([str(tmp_path / "wide.png")])
    with pytest.raises(DataError, match=r"absent\.png"):
        dataset.encode([str(tmp_path / "absent.png")])


@pytest.mark.parametrize(("name", "classes"), [("mnist", 11), ("emnist", 63)])
def test_lines_of_real_characters(real_data: Path, tmp_path: Path, name: str, classes: int) -> None:
    for folder in ("MNIST", "EMNIST"):
        (tmp_path / folder).symlink_to(real_data / folder)
    dataset = load("lines", {"source": name, "samples": 900, "test_samples": 20}, tmp_path, NOWHERE)
    assert {part: len(split) for part, split in dataset.splits.items()} == {
        "train": 900,
        "validation": 1000,
        "test": 20,
    }
    assert lines.TASK == "ctc"
    assert len(dataset.classes) == classes
    assert dataset.classes[:3] == ("", "0", "1")
    train = dataset.splits["train"]
    assert train.inputs.shape[1:] == (1, 28, 336)
    assert (train.labels.dtype, train.positions.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal((train.labels > 0).sum(axis=1), train.label_lengths)
    assert set(np.unique(train.labels)) == set(range(classes))
    ends = train.positions.max(axis=1) + 14.5
    assert not train.inputs[:, 0].any(axis=1)[np.arange(336) >= ends[:, None]].any()
    assert name.upper() in dataset.note


# --------------------------------------------------------------------------------------------------------- text blocks


def texts_of(dataset: Dataset, split: str) -> str:
    """A split's text put together again: its first character, then every next one; blocks must not overlap."""
    part = dataset.splits[split]
    assert part.lengths is not None
    rows = zip(part.labels, part.lengths.tolist(), strict=True)
    following = [token for row, length in rows for token in row[:length].tolist()]
    return "".join(dataset.vocabulary[token] for token in [int(part.inputs[0, 0]), *following])


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet="abcdeé\n東", min_size=40, max_size=300),
    block=st.integers(1, 30),
    test_share=st.floats(0.1, 0.5),
    validation_share=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_blocks_are_the_text_in_order(text: str, block: int, test_share: float, validation_share: float) -> None:
    own = {"text": text, "block": block, "test_share": test_share, "validation_share": validation_share}
    dataset = load("text_blocks", own, NOWHERE, NOWHERE)
    names = ["train", "validation", "test"] if validation_share else ["train", "test"]
    assert list(dataset.splits) == names
    together = "".join(texts_of(dataset, name) for name in names)
    known = set(texts_of(dataset, "train"))
    assert len(together) == len(text)
    assert together.startswith(text[: int(len(text) * 0.2)])
    assert together == "".join(c if c in known else "\N{REPLACEMENT CHARACTER}" for c in text)
    assert dataset.vocabulary == dataset.classes == ("", "\N{REPLACEMENT CHARACTER}", *sorted(known))
    for split in dataset.splits.values():
        assert split.lengths is not None
        assert split.lengths[:-1].tolist() == [block] * (len(split) - 1)
        behind = np.arange(split.inputs.shape[1]) >= split.lengths[:, None]
        assert not split.inputs[behind].any()
        assert not split.labels[behind].any()
        assert (split.inputs[~behind] > 0).all()
        np.testing.assert_array_equal(split.inputs[:, 1:][~behind[:, 1:]], split.labels[:, :-1][~behind[:, 1:]])
        np.testing.assert_array_equal(split.label_lengths, split.lengths)


@settings(max_examples=60, deadline=None)
@given(length=st.integers(60, 200), block=st.integers(2, 30), data=st.data())
def test_overlapping_blocks_reach_every_character_and_end_once(length: int, block: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, block))
    text = "".join(chr(0x100 + i) for i in range(length))  # all different: a character tells its place
    dataset = text_blocks.load(NOWHERE, text=text, block=block, stride=stride, validation_share=0.0)
    train = dataset.splits["train"]
    assert train.lengths is not None
    targets = [row[:n].tolist() for row, n in zip(train.labels, train.lengths.tolist(), strict=True)]
    longest = len(dataset.vocabulary) - 3  # characters with one behind them
    assert {t for row in targets for t in row} == set(range(3, 3 + longest))
    assert [row[-1] for row in targets].count(2 + longest) == 1
    assert np.diff(train.inputs[:, 0]).tolist() == [stride] * (len(train) - 1)
    test = dataset.splits["test"]
    assert test.lengths is not None
    assert test.lengths.sum() == length - len(dataset.vocabulary) + 2 - 1, "only train blocks overlap"


def test_a_phrase_is_learnt_as_it_is() -> None:
    dataset = load("text_blocks", {"text": "hihello"}, NOWHERE, NOWHERE)
    assert text_blocks.TASK == "next_token"
    assert set(dataset.splits) == {"train", "test"}
    assert "train and the test split" in dataset.note
    for split in dataset.splits.values():
        assert "".join(dataset.vocabulary[t] for t in split.inputs[0]) == "hihell"
        assert "".join(dataset.vocabulary[t] for t in split.labels[0]) == "ihello"
        assert split.label_lengths is not None
        assert split.label_lengths.tolist() == [6]
    assert len(text_blocks.load(NOWHERE, text="hihello" * 30, block=7).splits) == 3


def text_file(folder: Path, content: bytes) -> dict[str, Any]:
    path = folder / "own.txt"
    path.write_bytes(content)
    return {"path": str(path), "block": 10}


def test_a_text_file_is_found_plain_and_packed_beside_the_settings(tmp_path: Path) -> None:
    content = ("ä line of text\n" * 20).encode()
    (tmp_path / "data").mkdir()
    (tmp_path / "plain.txt").write_bytes(b"\xef\xbb\xbf" + content)
    (tmp_path / "data" / "packed").write_bytes(gzip.compress(content))
    plain, packed = (load("text_blocks", {"path": p}, tmp_path / "data", tmp_path) for p in ("plain.txt", "packed"))
    assert "ä" in plain.vocabulary
    assert texts_of(plain, "train") == texts_of(packed, "train") == content.decode()[: 300 - 30 - 27]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"abcd", "has 4 characters; a block of 10 and the one after it need 11"),
        (b"a", "give a longer text"),
        (b"abcdefghijk", "the validation split would have 1 of the 11 characters"),
        (b"abc" * 50 + b"\xe4 latin", "is not UTF-8: byte 150 (of the text, from 0) is 0xe4"),
        (b"\x1f\x8b broken", "cannot be read"),
        (gzip.compress(b"abc" * 100, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(b"abc" * 400_000, mtime=0), "holds more than 1 MiB of text"),
    ],
    ids=["empty", "mark", "short", "one", "validation", "latin", "broken", "cut", "large"],
)
def test_a_text_file_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    monkeypatch.setattr(text_blocks, "_MOST_BYTES", 2**20)
    with pytest.raises(DataError) as caught:
        text_blocks.load(tmp_path, **text_file(tmp_path, content))
    assert says in str(caught.value)
    assert "own.txt" in str(caught.value) or "split would have" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"), [("", "data.text is empty"), ("x", "has 1 character; there is none to predict")]
)
def test_a_phrase_that_cannot_be_used(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        text_blocks.load(NOWHERE, text=text)


def test_an_absent_text_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file 'text/shakespeare\.txt\.gz'") as caught:
        text_blocks.load(tmp_path)
    assert text_blocks.ADDRESS in caught.value.hint
    assert str(tmp_path / "text") in caught.value.hint
    with pytest.raises(DataError, match=r"no file 'mine\.txt'") as caught:
        text_blocks.load(tmp_path, path="mine.txt")
    assert "set data.path" in caught.value.hint
    with pytest.raises(EngineError, match="cannot be read"):
        text_blocks.load(tmp_path, path=os.fspath(tmp_path))


def test_too_many_blocks_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "_MOST_TOKENS", 1000)
    with pytest.raises(DataError, match=r"data\.stride|more than 1,000") as caught:
        text_blocks.load(NOWHERE, text="ab" * 300, block=50, stride=1)
    assert "data.stride" in caught.value.hint


def test_a_replacement_character_in_the_text_is_an_unknown_one() -> None:
    dataset = load("text_blocks", {"text": "ab\N{REPLACEMENT CHARACTER}" * 30, "block": 9}, NOWHERE, NOWHERE)
    assert dataset.vocabulary == ("", "\N{REPLACEMENT CHARACTER}", "a", "b")
    assert dataset.splits["train"].inputs[0, :3].tolist() == [2, 3, 1]


def test_a_beginning_from_a_command_line() -> None:
    dataset = text_blocks.load(NOWHERE, text="hihello")
    assert dataset.encode is not None
    split = dataset.encode(["hello", "hx"])
    assert split.labels.shape == split.inputs.shape == (2, 5)
    assert [dataset.vocabulary[t] for t in split.inputs[1]] == ["h", "\N{REPLACEMENT CHARACTER}", "", "", ""]
    with pytest.raises(DataError, match="no character of it occurs"):
        dataset.encode(["東京"])


def test_the_real_shakespeare(real_data: Path) -> None:
    dataset = load("text_blocks", {}, real_data, NOWHERE)
    content = gzip.decompress((real_data / "text" / "shakespeare.txt.gz").read_bytes()).decode()
    assert len(content) == 1_115_394
    assert "".join(texts_of(dataset, name) for name in ("train", "validation", "test")) == content
    assert len(dataset.vocabulary) == 67
    assert len(texts_of(dataset, "test")) == 111_540
