"""Lines of handwriting: their glyphs and how often each comes, no glyph in two splits, what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.data import lines, mnist
from engine.dataset import Dataset, Split
from engine.errors import DataError
from engine.line_images import Draws, LineForm, make_lines
from tests.data_world import NOWHERE, load


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
