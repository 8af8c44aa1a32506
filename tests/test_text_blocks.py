"""Blocks of text: in order and whole, overlapping or not, from phrases and files; texts that cannot be used."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import text_blocks
from engine.dataset import Dataset
from engine.errors import DataError, EngineError
from tests.data_world import NOWHERE, load


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
