"""Augmentation: what comes out, and how often, is what torchvision makes; each image is drawn for on its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision.transforms import RandomCrop, RandomErasing

from engine.augment import Augmentation
from engine.augment_settings import Augment
from tests.augment_world import AFFINE, CPU, augmentation, is_uniform, noise, same_distribution

PADDING = {"zero": "constant", "reflect": "reflect"}
EACH: list[dict[str, Any]] = [
    {},
    {"crop": 2},
    {"crop": 3, "crop_fill": "reflect"},
    {"flip": 0.5},
    {"vertical_flip": 0.5},
    AFFINE,
    {"cutout": 3},
    {"erase": 0.5},
]
ALL: dict[str, Any] = {**AFFINE, "crop": 2, "flip": 0.5, "vertical_flip": 0.5, "cutout": 3, "erase": 0.5}


def distinct(height: int, width: int) -> torch.Tensor:
    """A grey image of which no two pixels are equal, and none is 0."""
    return torch.arange(1, height * width + 1, dtype=torch.uint8).view(1, height, width)


def possible(image: torch.Tensor, given: Augment) -> Iterator[bytes]:
    """What torchvision's RandomCrop and flips make of an image, once for each offset and flip."""
    pad, (height, width) = given.crop or 0, image.shape[1:]
    padded = tv.pad(image, [pad], 0, PADDING[given.crop_fill])
    for top in range(2 * pad + 1):
        for left in range(2 * pad + 1):
            crop = tv.crop(padded, top, left, height, width)
            for turned in [crop, tv.hflip(crop)] if given.flip else [crop]:
                for made in [turned, tv.vflip(turned)] if given.vertical_flip else [turned]:
                    yield made.numpy().tobytes()


# ------------------------------------------------------------------------------------------------------ crops and flips


@pytest.mark.parametrize(
    "given",
    [
        Augment(crop=2, flip=0.5),
        Augment(crop=3, crop_fill="reflect", flip=0.5, vertical_flip=0.5),
        Augment(crop=1, vertical_flip=0.5),
        Augment(crop=6, crop_fill="reflect"),
        Augment(flip=0.5, vertical_flip=0.5),
    ],
)
def test_every_crop_and_flip_of_torchvision_is_as_likely_as_any_other(given: Augment) -> None:
    image = distinct(7, 9)
    ways = Counter(possible(image, given))  # mirrored ones may come about in two ways
    augment = Augmentation(given, (1, 7, 9), None, 3, CPU)
    seen: Counter[bytes] = Counter()
    for number in range(4):
        made = augment(image.repeat(8000, 1, 1, 1), 0, number)
        seen.update(one.tobytes() for one in made.numpy())
    assert set(seen) == set(ways)
    assert is_uniform(np.array([seen[one] for one in ways]), np.array(list(ways.values())))


@pytest.mark.parametrize("fill", ["zero", "reflect"])
def test_torchvisions_own_crops_are_among_those(fill: str) -> None:
    image = distinct(7, 9)
    known = set(possible(image, Augment(crop=2, crop_fill=fill)))  # type: ignore[arg-type]
    crop = RandomCrop((7, 9), padding=2, padding_mode=PADDING[fill])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert {crop(image).numpy().tobytes() for _ in range(400)} == known


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("name", ["flip", "vertical_flip"])
def test_flips_have_their_probability(name: str, probability: float) -> None:
    image = distinct(5, 4)
    turned = tv.hflip(image) if name == "flip" else tv.vflip(image)
    made = augmentation((1, 5, 4), **{name: probability})(image.repeat(10_000, 1, 1, 1), 0, 0)
    flipped = (made == turned).flatten(1).all(1)
    assert (flipped | (made == image).flatten(1).all(1)).all()
    assert abs(flipped.double().mean() - probability) < 4 * (probability * (1 - probability) / 10_000) ** 0.5 + 1e-9


@given(
    count=st.integers(1, 6),
    shape=st.tuples(st.sampled_from([1, 2, 3]), st.integers(1, 9), st.integers(1, 9)),
    crop=st.integers(0, 8),
    fill=st.sampled_from(["zero", "reflect"]),
    flips=st.tuples(st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.5])),
    order=st.sampled_from(["plain", "channels_last", "every_second"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_each_image_is_cropped_and_flipped_on_its_own(
    count: int,
    shape: tuple[int, int, int],
    crop: int,
    fill: str,
    flips: tuple[float, float],
    order: str,
    seed: int,
) -> None:
    given = Augment(crop=min(crop, min(shape[1:]) - 1), crop_fill=fill, flip=flips[0], vertical_flip=flips[1])  # type: ignore[arg-type]
    images = noise(2 * count, *shape, seed=seed % 1000)
    images = images[::2] if order == "every_second" else images[:count]
    if order == "channels_last":
        images = images.contiguous(memory_format=torch.channels_last)
    made = Augmentation(given, shape, None, seed, CPU)(images, 1, 2)
    assert made.shape == images.shape
    assert made.dtype == torch.uint8
    for before, after in zip(images, made, strict=True):
        assert after.numpy().tobytes() in set(possible(before, given))


def test_many_large_images_are_each_their_own() -> None:
    images = noise(40, 3, 128, 96)  # several times what is worked on together
    made = augmentation((3, 128, 96), crop=1, flip=0.5)(images, 0, 0)
    for before, after in zip(images, made, strict=True):
        assert after.numpy().tobytes() in set(possible(before, Augment(crop=1, flip=0.5)))


# --------------------------------------------------------------------------------------------------- what covers a part


def holes(made: torch.Tensor) -> NDArray[np.int64]:
    """Top, left, bottom and right of what is 0 in images (n, 1, height, width), (n, 4); all 0 where nothing is."""
    hidden = (made[:, 0] == 0).numpy()
    lines, columns = hidden.any(2), hidden.any(1)
    ends = [lines.argmax(1), columns.argmax(1)]
    ends += [lines.shape[1] - lines[:, ::-1].argmax(1), columns.shape[1] - columns[:, ::-1].argmax(1)]
    boxes = np.stack(ends, 1) * hidden.any((1, 2))[:, None]
    assert (((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) == hidden.sum((1, 2))).all()  # rectangles
    return boxes


@pytest.mark.parametrize(("side", "height", "width"), [(4, 9, 6), (2, 5, 5), (6, 6, 6), (8, 8, 11), (1, 5, 7)])
def test_cutout_covers_a_square_about_any_pixel(side: int, height: int, width: int) -> None:
    """As in DeVries and Taylor's code, whose odd sides are one pixel short."""
    where = {}
    for y in range(height):
        for x in range(width):
            top, left = y - side // 2, x - side // 2
            box = (max(top, 0), max(left, 0), min(top + side, height), min(left + side, width))
            where[box] = y * width + x
    assert len(where) == height * width
    made = augmentation((1, height, width), cutout=side)(torch.full((20_000, 1, height, width), 255).byte(), 0, 0)
    centres = [where[tuple(box)] for box in holes(made).tolist()]
    assert is_uniform(np.bincount(centres, minlength=height * width))


def test_what_is_covered_has_the_mean_and_the_rest_is_left() -> None:
    images = noise(50, 3, 8, 8) // 2  # none is as bright as the mean
    made = augmentation((3, 8, 8), [0.6, 0.7, 0.996], cutout=4)(images, 0, 0)
    hidden = (made != images).any(1)
    assert ((hidden.sum((1, 2)) >= 4) & (hidden.sum((1, 2)) <= 16)).all()
    for channel, level in enumerate([153, 178, 254]):  # the nearest level
        assert (made[:, channel][hidden] == level).all()
        assert torch.equal(made[:, channel][~hidden], images[:, channel][~hidden])


@pytest.mark.parametrize(("height", "width"), [(40, 30), (5, 60)])
def test_erased_rectangles_are_distributed_as_torchvisions(height: int, width: int) -> None:
    count = 6000
    white = torch.full((count, 1, height, width), 255).byte()
    boxes = holes(augmentation((1, height, width), erase=1.0)(white, 0, 0))
    one = white[0].float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        drawn = [RandomErasing.get_params(one, (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(count)]
    theirs = np.array([(i, j, i + h, j + w) if (h, w) != (height, width) else (0, 0, 0, 0) for i, j, h, w in drawn])
    for mine, other in zip(boxes.T, theirs.T, strict=True):
        assert same_distribution(mine, other)
    for mine, other in zip((boxes[:, 2:] - boxes[:, :2]).T, (theirs[:, 2:] - theirs[:, :2]).T, strict=True):
        assert same_distribution(mine, other)


def test_an_erasure_has_its_probability() -> None:
    made = augmentation((1, 16, 16), erase=0.3)(torch.full((10_000, 1, 16, 16), 255).byte(), 0, 0)
    assert abs((holes(made)[:, 2] > 0).mean() - 0.3) < 4 * (0.3 * 0.7 / 10_000) ** 0.5


# --------------------------------------------------------------------------------------------------------- all together


@pytest.mark.parametrize("given", [*EACH[1:], ALL])
def test_seed_epoch_and_number_decide_alone(given: dict[str, Any]) -> None:
    images = noise(16, 3, 9, 12)
    states = torch.get_rng_state(), np.random.get_state()[1].tobytes(), random.getstate()
    made = augmentation((3, 9, 12), seed=1, **given)(images, 2, 3)
    again = augmentation((3, 9, 12), seed=1, **given)
    again(images[:5], 0, 0)
    assert torch.equal(again(images, 2, 3), made)
    for seed, epoch, number in [(0, 2, 3), (1, 3, 3), (1, 2, 4), (1, 3, 2), (2, 1, 3), (3, 2, 1)]:
        other = augmentation((3, 9, 12), seed=seed, **given)(images, epoch, number)
        assert not torch.equal(other, made), (seed, epoch, number)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (np.random.get_state()[1].tobytes(), random.getstate()) == states[1:]


@pytest.mark.parametrize("given", [*EACH, ALL])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 8), (1, 5, 21)])
@pytest.mark.parametrize("count", [1, 7])
def test_new_images_and_the_given_ones_as_they_were(
    given: dict[str, Any], shape: tuple[int, int, int], count: int
) -> None:
    images = noise(count, *shape)
    before = images.clone()
    made = augmentation(shape, [0.5] * shape[0], **given)(images, 0, 0)
    assert (made.shape, made.dtype) == (images.shape, torch.uint8)
    assert torch.equal(made, before) or given
    made.zero_()
    assert torch.equal(images, before)


def test_all_is_done_in_turn_and_each_draws_for_itself() -> None:
    images = noise(30, 3, 16, 12)
    made = augmentation((3, 16, 12), **ALL)(images, 0, 0)
    turns: list[dict[str, Any]] = [
        AFFINE,
        {"crop": 2, "flip": 0.5, "vertical_flip": 0.5},
        {"cutout": 3},
        {"erase": 0.5},
    ]
    expected = images
    for turn in turns:
        expected = augmentation((3, 16, 12), **turn)(expected, 0, 0)
    assert torch.equal(made, expected)


@pytest.mark.parametrize("given", [*EACH, ALL])
def test_everything_is_done_where_the_images_are(given: dict[str, Any]) -> None:
    """A device that refuses what is anywhere else stands for a GPU."""
    meta = torch.device("meta")
    augment = Augmentation(Augment(**given), (3, 9, 12), [0.5, 0.5, 0.5], 0, meta)
    made = augment(noise(4, 3, 9, 12).to(meta), 0, 0)
    assert (made.shape, made.dtype, made.device.type) == ((4, 3, 9, 12), torch.uint8, "meta")
