"""CIFAR-100 in its real format, as Python 2 pickled it, and what in it does not fit together."""

from __future__ import annotations

import hashlib
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import cifar
from engine.data import cifar100
from engine.errors import DataError
from tests.data_world import NOWHERE, load


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


def small_cifar100(folder: Path, rows: int = 12) -> cifar.Archive:
    """CIFAR-100's official layout with few rows; returns its archive with the digests of these files."""
    generator = np.random.default_rng(0)
    content = {"meta": {b"fine_label_names": [f"thing{i}".encode() for i in range(100)]}}
    for name in ("train", "test"):
        data = generator.integers(0, 256, (rows, 3072), dtype=np.uint8)
        content[name] = {b"data": data, b"fine_labels": [int(v) for v in generator.integers(0, 100, rows)]}
    target = folder / "cifar-100-python"
    target.mkdir(parents=True)
    digests = {}
    for name, table in content.items():
        packed = pickle.dumps(table, protocol=4)
        (target / name).write_bytes(packed)
        digests[name] = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    return replace(cifar100.ARCHIVE, files=digests)


def test_cifar100_reads_a_small_file_of_the_official_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar100, "ARCHIVE", small_cifar100(tmp_path))
    dataset = cifar100.load(tmp_path)
    assert dataset.splits["train"].inputs.shape == (12, 3, 32, 32)
    assert len(dataset.classes) == 100
    assert dataset.classes[7] == "thing7"


class _Attack:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("open('owned', 'w').close()",))


def test_a_pickle_that_wants_to_act_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    archive = small_cifar100(tmp_path)
    evil = pickle.dumps({b"data": _Attack(), b"fine_labels": [0]}, protocol=4)
    (tmp_path / "cifar-100-python" / "train").write_bytes(evil)
    digest = hashlib.md5(evil, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(cifar100, "ARCHIVE", replace(archive, files={**archive.files, "train": digest}))
    with pytest.raises(DataError, match="exec is not allowed"):
        cifar100.load(tmp_path)
    assert not (tmp_path / "owned").exists()
