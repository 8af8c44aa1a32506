"""EMNIST: which way up it is, its classes, what is cut from it, and the damaged files it refuses."""

from __future__ import annotations

import gzip
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.data import emnist
from engine.dataset import Split
from engine.duplicates import input_digests
from engine.errors import DataError
from tests.data_world import NOWHERE, load

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
