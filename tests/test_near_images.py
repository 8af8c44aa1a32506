"""Nearly equal images: planted copies are found however they are changed, genuinely different images are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import cifar10, fashion_mnist, mnist
from engine.near_duplicates import near_duplicates
from engine.near_index import NearIndex, Signatures, similarity
from engine.near_thumbnails import correlation, detail, signatures, thumbnails, windows
from tests.changed_images import (
    CHANGES,
    Change,
    Pixels,
    brightened,
    encoded,
    mirrored,
    noisy,
    planted,
    scenes,
    several,
    strokes,
)
from tests.near_world import found, rows_of, split


def check_planted(make: Callable[..., Pixels], change: Change) -> None:
    train, test, rows = make(900, 1), make(300, 2), np.arange(0, 300, 8)
    result = found(planted(train, test, rows, change), test)
    copies = {later: earlier for earlier, later, _ in result["pairs"] if earlier >= 900}
    assert sum(copies.get(row) == 900 + place for place, row in enumerate(rows.tolist())) >= 0.95 * len(rows)
    assert len(rows_of(result) - set(rows.tolist())) <= 0.02 * len(test) + 3, "strangers"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copies_are_found(change: Change) -> None:
    check_planted(scenes, change)


@pytest.mark.parametrize("name", ["jpeg 90", "brighter", "shifted by 1", "shifted by 2", "cut by 1", "mirrored"])
def test_changed_copies_are_found_where_all_are_alike(name: str) -> None:
    check_planted(strokes, CHANGES[name])


@pytest.mark.parametrize("count", [1, 7, 60, 900])
def test_different_images_are_not_near_however_few_they_are(count: int) -> None:
    assert found(scenes(900, 1)[:count], scenes(300, 2))["rows"] == 0
    assert found(strokes(count, 3), strokes(300, 4))["rows"] <= 6


def test_images_augmented_before_they_were_split_are_found() -> None:
    generator = np.random.default_rng(5)
    originals = scenes(300, 2)[:100]
    copies = np.stack([[c(image, generator) for c in CHANGES.values()] for image in originals])
    order = generator.permuted(np.tile(np.arange(len(CHANGES)), (100, 1)), axis=1)
    copies = np.take_along_axis(copies, order[:, :, None, None, None], axis=1)
    train, test = copies[:, 1:].reshape(-1, 3, 32, 32), copies[:, 0]
    assert found(train, test)["rows"] >= 93


def test_images_of_one_frame_are_not_near_for_it() -> None:
    train, test = scenes(900, 1), scenes(300, 2)
    for images in (train, test):
        images[:, :, [0, 1, -2, -1]] = 255
        images[:, :, :, [0, 1, -2, -1]] = 255
    assert found(train, test)["rows"] <= 2


def test_images_that_are_alike_only_from_afar_are_not_near() -> None:
    train, test = scenes(900, 1), scenes(300, 2)
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32))
    coarse, fine = (np.fft.rfft2(images[:300].astype(float)) for images in (train, test))
    mixed = np.fft.irfft2(np.where(frequency < 5 / 32, coarse, 2.5 * fine))
    rows = np.arange(0, 300, 10)
    test[rows] = np.clip(mixed, 0, 255).astype(np.uint8)[rows]
    assert found(train, test)["rows"] <= 1


def test_a_common_background_counts_for_nothing_in_detail() -> None:
    lit = np.linspace(-100, 100, 32, dtype=np.float32)
    one, other = (thumbnails(scenes(900, 1), np.arange(start, start + 100)) for start in (0, 100))
    assert np.median(correlation(one + lit, other + lit)) > 0.5
    assert np.abs(np.median(correlation(detail(one + lit), detail(other + lit)))) < 0.1
    assert (correlation(detail(one), detail(2 * one + lit + 30)) > 0.97).all()


def test_faint_contrast_tells_nothing() -> None:
    shape = np.zeros((1, 32, 32), np.float32)
    shape[:, 10:20, 10:20] = 1
    through = windows(32, 32)
    lengths = [np.linalg.norm(signatures(shape * contrast, through).values[0, 12]) for contrast in (0.05, 0.1, 9, 90)]
    assert lengths == [pytest.approx(length, rel=1e-3) for length in (lengths[1] / 2, lengths[1], 1, 1)]
    assert lengths[1] < 0.2


def test_noise_makes_the_distance_and_does_not_hide_a_copy() -> None:
    train, test, rows = scenes(900, 1), scenes(300, 2), np.arange(0, 300, 30)
    result = found(planted(train, test, rows, noisy(25)), test)
    assert rows_of(result) == set(rows.tolist())
    assert all(0.03 < distance < 0.1 for _, _, distance in result["pairs"])


def test_identical_images_come_first_and_each_row_counts_once() -> None:
    train, test = scenes(900, 1)[:300], scenes(300, 2)
    test[5] = train[17]
    test[7] = encoded(80)(train[40], np.random.default_rng())
    train[200] = train[17]
    result = found(train, test)
    assert result["pairs"][0] == [17, 5, 0.0], "the first such row"
    assert [pair[:2] for pair in result["pairs"]] == [[17, 5], [40, 7]]
    assert 0 < result["pairs"][1][2] < 0.1


def test_all_are_counted_and_the_nearest_hundred_reported() -> None:
    train = scenes(300, 2)
    generator = np.random.default_rng(12)
    test = np.stack([noisy(12 * (300 - row) / 300)(image, generator) for row, image in enumerate(train)])
    result = found(train, test)
    assert result["rows"] > 290
    distances = [distance for _, _, distance in result["pairs"]]
    assert len(distances) == 100
    assert distances == sorted(distances)
    assert min(later for _, later, _ in result["pairs"]) > 100, "the noisiest were reported"


def test_every_pair_of_splits_is_compared_the_same_each_time() -> None:
    everything = scenes(900, 1)[:400]
    splits = {"train": split(everything[:200]), "test": split(everything[200:300].copy())}
    splits["validation"] = split(np.concatenate([everything[300:], everything[:4, :, :, ::-1], everything[200:203]]))
    result = near_duplicates(splits, "image")
    assert {pair: content["rows"] for pair, content in result.items()} == {
        "train/test": 0,
        "train/validation": 4,
        "validation/test": 3,
    }
    assert result == near_duplicates(splits, "image") == json.loads(json.dumps(result))


def test_plain_images_are_near_only_when_identical() -> None:
    shades = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 3 * 32 * 32).reshape(-1, 3, 32, 32)
    train, test = np.concatenate([shades, scenes(300, 2)[:50]]), shades[::2] + np.uint8(1)
    test[:, :, 20, 9] += 1
    train[: len(shades), :, 20, 9] += 1  # one grey level in one place: no more than noise
    assert found(train, test)["rows"] == 0
    assert found(train, train[:10])["rows"] == 10


@pytest.mark.parametrize("shape", [(1, 64, 48), (3, 96, 33), (1, 20, 90), (4, 16, 16), (1, 12, 12)])
def test_images_of_any_size_and_channels(shape: tuple[int, int, int]) -> None:
    train, test = scenes(200, 15, shape), scenes(60, 16, shape)
    rows = np.arange(0, 60, 6)
    copies = planted(train, test, rows, several(brightened(0.95), mirrored, noisy(2)))
    assert rows_of(found(copies, test)) == set(rows.tolist())


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 9), (1, 5, 5)])
def test_images_of_few_pixels_do_no_harm(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(17).integers(0, 256, (40, *shape), np.uint8)
    assert found(images[:20], np.concatenate([images[20:], images[:2]]))["rows"] >= 2
    assert found(images[:1], images[:1]) == {"rows": 1, "pairs": [[0, 0, 0.0]]}


@pytest.mark.parametrize("module", [cifar10, mnist, fashion_mnist], ids=lambda m: m.__name__.rpartition(".")[2])
def test_a_leak_of_one_percent_in_real_images(module: Any, real_data: Path) -> None:
    splits = module.load(real_data).splits
    generator = np.random.default_rng(18)
    chosen = generator.choice(len(splits["train"]), 15_000, replace=False)
    train, test = splits["train"].inputs[chosen], splits["test"].inputs[:3000]
    rows = generator.choice(len(test), 30, replace=False)
    kinds = [CHANGES[name] for name in CHANGES if not name.startswith("cut")]
    leak = np.stack([kinds[place % len(kinds)](test[row], generator) for place, row in enumerate(rows)])
    clean, leaky = (np.concatenate([train, more]) for more in (leak[:0], leak))
    without, result = found(clean, test), found(leaky, test)
    assert result["rows"] - without["rows"] >= 28
    known = {cifar10: (25, 75), mnist: (0, 8), fashion_mnist: (2, 30)}[module]
    assert known[0] <= without["rows"] <= known[1]


# ----------------------------------------------------------------------------------------------------- the image index


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 5, 300, 3000])
def test_the_index_finds_what_comparing_all_finds(count: int) -> None:
    generator = np.random.default_rng(19)
    vectors = unit(generator.normal(size=(count, 20)))
    asked = generator.integers(0, count, 50)
    variants = unit(generator.normal(size=(50, 4, 20)))
    variants[:, 2] = unit(vectors[asked] + generator.normal(0, 0.03, (50, 20)))
    variants[::2, 2, 12:] *= -1  # mirrored
    nearest = NearIndex(Signatures(vectors, 12)).search(Signatures(variants, 12))
    assert nearest.rows[:, 0].tolist() == asked.tolist()
    assert set(nearest.variants[:, 0].tolist()) == {2}
    best = similarity(variants[:, 2], vectors, 12).max(axis=1)
    np.testing.assert_allclose(nearest.distance[:, 0], 1 - best, atol=1e-6)
    assert (nearest.rows == -1).sum() == (50 * 2 if count == 1 else 0)
    assert (nearest.sixth >= nearest.distance[:, :1]).all()
