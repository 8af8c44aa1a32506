"""Near duplicates: planted ones are found, genuinely different rows are not; images, texts, features; and the cache."""

from __future__ import annotations

import io
import json
import os
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import near_duplicates_cache
from engine.data import cifar10, fashion_mnist, mnist, names
from engine.dataset import Split
from engine.near_duplicates import near_duplicates
from engine.near_duplicates_cache import cached
from engine.near_index import NearIndex, Signatures, similarity
from engine.near_texts import folded
from engine.near_thumbnails import correlation, detail, signatures, thumbnails, windows
from engine.sequences import tokens, vocabulary_of

Pixels = np.ndarray
Change = Callable[[Pixels, np.random.Generator], Pixels]


def split(inputs: np.ndarray, lengths: np.ndarray | None = None) -> Split:
    return Split(inputs, np.zeros(len(inputs), np.int64), lengths)


def found(train: np.ndarray, test: np.ndarray, kind: Any = "image") -> dict[str, Any]:
    return dict(near_duplicates({"train": split(train), "test": split(test)}, kind)["train/test"])


def rows_of(result: dict[str, Any]) -> set[int]:
    """The rows of the later split, where few enough are near for all to be reported."""
    assert result["rows"] == len(result["pairs"]) <= 100
    return {later for _, later, _ in result["pairs"]}


# -------------------------------------------------------------------------------------------------------------- images


def scenes(count: int, seed: int, shape: tuple[int, int, int] = (3, 32, 32)) -> Pixels:
    """Random images with the spectrum of photographs: amplitudes fall as 1 / frequency, colours go together."""
    return drawn(count, seed, shape).copy()


@cache
def drawn(count: int, seed: int, shape: tuple[int, int, int]) -> Pixels:
    generator = np.random.default_rng(seed)
    channels, height, width = shape
    frequency = np.hypot(np.fft.fftfreq(2 * height)[:, None], np.fft.fftfreq(2 * width))
    frequency[0, 0] = np.inf
    noise = generator.standard_normal((count, channels + 1, 2 * height, 2 * width), np.float32)
    layers = np.fft.ifft2(np.fft.fft2(noise) / frequency).real[:, :, :height, :width]
    images = layers[:, :1] + 0.4 * layers[:, 1:]
    images -= images.mean(axis=(2, 3), keepdims=True)
    images *= 45 / images.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(np.round(images + generator.uniform(90, 160, (count, 1, 1, 1))), 0, 255).astype(np.uint8)


def strokes(count: int, seed: int) -> Pixels:
    """Straight strokes on black, (count, 1, 28, 28): images that are genuinely alike, as handwritten ones are."""
    generator = np.random.default_rng(seed)
    y, x = np.indices((28, 28)) - 13.5
    angle, length, width = (generator.uniform(*r, (count, 1, 1)) for r in ((0, np.pi), (7, 10), (0.9, 2.2)))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    across = across - generator.uniform(-0.02, 0.02, (count, 1, 1)) * along**2
    inside = np.clip(width - np.abs(across) + 0.5, 0, 1) * np.clip(length - np.abs(along) + 0.5, 0, 1)
    return np.round(255 * inside).astype(np.uint8)[:, None]


def picture(image: Pixels) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def pixels(opened: Image.Image) -> Pixels:
    values = np.asarray(opened)
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def encoded(quality: int) -> Change:
    def change(image: Pixels, _: np.random.Generator) -> Pixels:
        file = io.BytesIO()
        picture(image).save(file, "JPEG", quality=quality)
        return pixels(Image.open(file))

    return change


def brightened(factor: float) -> Change:
    return lambda image, _: np.clip(np.round(image * factor), 0, 255).astype(np.uint8)


def shifted(by: int) -> Change:
    def change(image: Pixels, generator: np.random.Generator) -> Pixels:
        down, right = generator.permutation([by, int(generator.integers(-by, by + 1))])
        return np.roll(image, (down, right), (1, 2))  # what comes in from outside is nothing of what went out

    return change


def cut(by: int) -> Change:
    def change(image: Pixels, _: np.random.Generator) -> Pixels:
        height, width = image.shape[1:]
        return pixels(picture(image[:, by : height - by, by : width - by]).resize((width, height), Image.BILINEAR))

    return change


def noisy(deviation: float) -> Change:
    return lambda image, generator: np.clip(
        np.round(image + generator.normal(0, deviation, image.shape)), 0, 255
    ).astype(np.uint8)


def mirrored(image: Pixels, _: np.random.Generator) -> Pixels:
    return image[:, :, ::-1]


def several(*changes: Change) -> Change:
    def change(image: Pixels, generator: np.random.Generator) -> Pixels:
        for one in changes:
            image = one(image, generator)
        return image

    return change


CHANGES: dict[str, Change] = {
    "jpeg 90": encoded(90),
    "jpeg 50": encoded(50),
    "brighter": brightened(1.1),
    "darker": brightened(0.9),
    "shifted by 1": shifted(1),
    "shifted by 2": shifted(2),
    "cut by 1": cut(1),
    "cut by 2": cut(2),
    "noisy": noisy(6),
    "mirrored": mirrored,
    "several": several(shifted(1), brightened(1.1), mirrored, encoded(70)),
}


def planted(train: Pixels, test: Pixels, rows: np.ndarray, change: Change) -> Pixels:
    """`train` with changed copies of some test images at its end."""
    generator = np.random.default_rng(8)
    return np.concatenate([train, np.stack([change(image, generator) for image in test[rows]])])


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


# --------------------------------------------------------------------------------------------------------------- texts


def texts(
    earlier: list[str], later: list[str], vocabulary: tuple[str, ...] | None = None
) -> dict[tuple[str, str], float]:
    """What is found, by text."""
    known = vocabulary_of(earlier + later) if vocabulary is None else vocabulary
    longest = max(len(text) for text in earlier + later)
    splits = {"train": split(*tokens(earlier, known, longest)), "test": split(*tokens(later, known, longest))}
    pairs = near_duplicates(splits, "sequence", known)["train/test"]["pairs"]
    return {(earlier[int(a)], later[int(b)]): distance for a, b, distance in pairs}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Neill", "Oneill"),
        ("MÜLLER", "Mu\u0308ller"),
        ("São  Tomé", "sao-tome"),
        ("Straße", "STRASSE"),
        ("ﬁn", "fin."),
        ("Ёлка", "елка"),
        ("Ştefan", "Stefan "),
    ],
)
def test_names_written_differently_are_the_same(one: str, other: str) -> None:
    assert texts([one, "Xu"], [other, "Yi"]) == {(one, other): 0.0}
    assert texts([other], [one]) == {(other, one): 0.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "Anne"), ("か", "が"), ("?", "!"), ("Jo", "Joo"), ("Christodoulopoulos", "Christodoulopoulou")],
)
def test_short_texts_that_differ_in_a_letter_are_not_near(one: str, other: str) -> None:
    assert texts([one], [other]) == {}


SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."


@pytest.mark.parametrize(
    ("edited", "edits"),
    [
        (SENTENCE.replace("quick", "quack"), 1),
        (SENTENCE.replace("brown ", "brwn "), 1),
        (SENTENCE.upper().replace("LAZY", "CRAZY"), 2),
        (SENTENCE.replace("jumps", "jump") + " OK", 3),
        (SENTENCE.replace("quick brown", "slow red"), None),
        (SENTENCE + " " + SENTENCE, None),
    ],
)
def test_longer_texts_may_be_edited_a_little(edited: str, edits: int | None) -> None:
    letters = max(len(folded(SENTENCE)), len(folded(edited)))
    expected = {} if edits is None else {(SENTENCE, edited): pytest.approx(edits / letters, rel=0.01)}
    assert texts([SENTENCE, "Something else altogether, of about that length."], [edited]) == expected


def test_the_nearest_text_is_named() -> None:
    far, near = SENTENCE.replace("mind", "mend").replace("fox", "fix"), SENTENCE.replace("mind", "mend")
    assert list(texts([far, near], [SENTENCE])) == [(near, SENTENCE)]
    assert texts([near, SENTENCE.lower(), SENTENCE], [SENTENCE]) == {(SENTENCE, SENTENCE): 0.0}, "identical before same"


def test_planted_edits_are_found_among_many_texts() -> None:
    generator = np.random.default_rng(20)
    words = ["".join(generator.choice(list("aeioustrnlmd"), generator.integers(2, 8))) for _ in range(400)]
    lines = [" ".join(generator.choice(words, generator.integers(6, 30))) for _ in range(2400)]
    earlier, later = lines[:2000], lines[2000:]
    for row in range(0, 400, 4):
        text = list(later[row])
        for place in generator.choice(len(text), max(1, len(folded(later[row])) // 25), replace=False):
            text[place] = "x"
        earlier.append("".join(text))
    pairs = texts(earlier, later)
    assert sum(earlier.index(one) - 2000 == later.index(other) // 4 for one, other in pairs) >= 99
    assert len(pairs) == 100


def test_one_edit_in_the_middle_of_the_shortest_longer_text() -> None:
    generator = np.random.default_rng(21)
    later = ["".join(generator.choice(list("abcdefghij"), 21)) for _ in range(300)]
    earlier = [text[:10] + "x" + text[11:] for text in later]
    assert len(texts(earlier[:100], later)) >= 95
    assert texts([text[:20] for text in earlier], [text[:20] for text in later]) == {}


def test_texts_of_words_and_of_unknown_tokens() -> None:
    vocabulary = ("", "\ufffd", "New", "york", "York", "Old")
    splits = {
        "train": split(np.array([[2, 4, 0], [5, 4, 0], [5, 2, 5]]), np.array([2, 2, 3])),
        "test": split(np.array([[2, 3, 0], [5, 2, 9], [1, 0, 0]]), np.array([2, 3, 1])),
    }
    assert near_duplicates(splits, "sequence", vocabulary)["train/test"]["pairs"] == [[0, 0, 0.0]]
    assert near_duplicates(splits, "sequence")["train/test"]["rows"] == 0, "without a vocabulary only identical rows"
    splits["train"].inputs[0] = [2, 3, 0]
    assert near_duplicates(splits, "sequence")["train/test"]["rows"] == 1


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_folding_twice_changes_nothing_and_keeps_letters_and_digits(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert not any(character.isspace() or unicodedata.category(character)[0] == "P" for character in once)
    assert once or not any(character.isalnum() for character in text)


def test_texts_that_share_nothing_have_no_candidates() -> None:
    generator = np.random.default_rng(5)
    later = ["".join(generator.choice(list("abcdefghij"), 60)) for _ in range(20)]
    earlier = ["".join(generator.choice(list("klmnopqrst"), 60)) for _ in range(20)]
    assert texts(earlier, later) == {}


def test_near_duplicates_of_the_real_names(real_data: Path) -> None:
    dataset = names.load(real_data)
    result = near_duplicates(dataset.splits, dataset.kind, dataset.vocabulary)["train/test"]
    assert result["rows"] == 1061, "1,046 identical ones, and 15 such as O'Reilly and Oreilly"


# ------------------------------------------------------------------------------------------------------------ features


def test_features_that_differ_by_rounding_are_near() -> None:
    generator = np.random.default_rng(22)
    train = generator.normal(50, 10, (500, 6))
    test = generator.normal(50, 10, (100, 6))
    test[::10] = train[:10] + generator.uniform(-0.9e-5, 0.9e-5, (10, 6))
    test[1::10] = train[:10] + 2e-5 * np.eye(6)[generator.integers(0, 6, 10)]
    result = found(train, test, "features")
    assert {(a, b) for a, b, _ in result["pairs"]} == {(i, 10 * i) for i in range(10)}
    assert all(0 < distance <= 1e-6 for _, _, distance in result["pairs"])


def test_features_whose_sums_are_nearer_do_not_hide_the_near_one() -> None:
    generator = np.random.default_rng(23)
    others = generator.standard_normal((2000, 6))
    steps = np.zeros((41, 6))
    steps[:, 0] = np.arange(-20, 21) * 1.5e-6
    wanted = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    train = np.concatenate([others, wanted + steps * others.std(axis=0)])
    test = wanted + 0.9e-6 * np.array([0, 1, 1, 1, 1, 1]) * others.std(axis=0)
    assert [pair[:2] for pair in found(train, test, "features")["pairs"]] == [[2020, 0]]


def test_nan_is_nan_and_nothing_else() -> None:
    train = np.array([[1, np.nan, 3], [4, 5, np.inf], [7, 8, 9], [0, 1, 2.0]], np.float32)
    test = np.array([[1 + 1e-7, np.nan, 3], [4, 5, np.inf], [4, 5, -np.inf], [7, np.nan, 9], [1, 2, 3]])
    assert [pair[:2] for pair in found(train, test, "features")["pairs"]] == [[1, 1], [0, 0]]


def test_constant_empty_and_huge_columns() -> None:
    train = np.array([[5.0, np.nan, 1e300, 1], [5.0, np.nan, -1e300, 2], [5.0, np.nan, 1e299, 3]])
    test = train + np.array([0, 0, 1e290, 1e-9])
    assert found(train, test, "features")["rows"] == 3
    assert found(train, test + np.array([1e-9, 0, 0, 0]), "features")["rows"] == 0, "a constant has no deviation"
    whole = np.array([[5, 1], [5, 2], [5, 3]])
    assert found(whole, np.array([[5.0, 2.0], [5, 4]]), "features")["rows"] == 1


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 60))
def test_features_are_near_as_comparing_all_says(seed: int, columns: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    choices = np.array([0, 1, 2, np.nan, np.inf])
    train, test = (generator.choice(choices, (n, columns)) for n in (count, 20))
    test += generator.choice([0, 3e-7, -3e-7, 1e-5], test.shape)
    finite = np.where(np.isfinite(train), train, np.nan)
    deviation = np.array([np.std(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0 for c in finite.T])
    with np.errstate(invalid="ignore"):
        apart = np.abs(train[None] - test[:, None])
    same = (train[None] == test[:, None]) | (np.isnan(train)[None] & np.isnan(test)[:, None])
    near = (same | (apart <= 1e-6 * deviation)).all(axis=2).any(axis=1)
    assert rows_of(found(train, test, "features")) == set(np.flatnonzero(near).tolist())


# --------------------------------------------------------------------------------------------------------------- cache


RESULT = {"train/test": {"rows": 2, "pairs": [[1, 2, 0.0], [3, 4, 0.125]]}}


def never() -> dict[str, Any]:
    pytest.fail("made again")


def test_what_was_found_is_kept_by_fingerprint(tmp_path: Path) -> None:
    assert cached(tmp_path / "cache", "ab12", lambda: RESULT) == RESULT
    assert [p.name for p in (tmp_path / "cache" / "near-duplicates").iterdir()] == ["ab12.json"]
    assert cached(tmp_path / "cache", "ab12", never) == RESULT
    assert cached(tmp_path / "cache", "cd34", dict) == {} == cached(tmp_path / "cache", "cd34", never)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"version": 1}', b'{"version": 1, "found": 3}', b"\xff"])
def test_what_cannot_be_read_is_made_anew(content: bytes, tmp_path: Path) -> None:
    cached(tmp_path, "ab12", lambda: RESULT)
    (tmp_path / "near-duplicates" / "ab12.json").write_bytes(content)
    assert cached(tmp_path, "ab12", lambda: {"new": {}}) == {"new": {}}
    assert cached(tmp_path, "ab12", never) == {"new": {}}


def test_what_an_older_version_found_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path, "ab12", lambda: RESULT)
    monkeypatch.setattr(near_duplicates_cache, "VERSION", near_duplicates_cache.VERSION + 1)
    assert cached(tmp_path, "ab12", dict) == {}


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", Path(os.devnull)):
        assert cached(folder, "ab12", lambda: RESULT) == RESULT
    (tmp_path / "cache" / "near-duplicates" / "ab12.json").mkdir(parents=True)
    assert cached(tmp_path / "cache", "ab12", lambda: RESULT) == RESULT
    assert [p.name for p in (tmp_path / "cache" / "near-duplicates").iterdir()] == ["ab12.json"], "something was left"


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        cached(tmp_path, "ab12", lambda: (_ for _ in ()).throw(MemoryError()))
    assert not (tmp_path / "near-duplicates").exists()
