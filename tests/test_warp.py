"""Affine maps and other sizes of images are what torchvision makes, and are drawn as it draws them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode, RandomAffine, v2

from engine.augment_settings import Augment
from engine.errors import SettingsError
from engine.warp import Affine, draw_affine, resized, warped
from tests.augment_world import AFFINE, augmentation, noise, same_distribution


def one_by_one(images: torch.Tensor, affine: Affine, fill: float | None = None) -> torch.Tensor:
    """torchvision's own function, image by image."""
    fields = torch.stack([affine.angle, affine.right, affine.down, affine.scale, affine.shear], 1).tolist()
    return torch.stack(
        [
            tv.affine(image, angle, [int(x), int(y)], scale, [shear, 0.0], InterpolationMode.BILINEAR, fill)
            for image, (angle, x, y, scale, shear) in zip(images, fields, strict=True)
        ]
    )


def levels_apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.int() - b.int()).abs()


@given(
    shape=st.tuples(st.sampled_from([1, 3]), st.integers(1, 24), st.integers(1, 24)),
    degrees=st.floats(0, 360),
    translate=st.floats(0, 1),
    scale=st.tuples(st.floats(0.2, 3), st.floats(0.2, 3)).map(sorted),
    shear=st.floats(0, 80),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_affine_maps_are_torchvisions(
    shape: tuple[int, int, int], degrees: float, translate: float, scale: list[float], shear: float, seed: int
) -> None:
    images = noise(4, *shape)
    augment = augmentation(shape, seed=seed, degrees=degrees, translate=translate, scale=scale, shear=shear)
    made, affine = augment(images, 0, 5), augment.affine(4, 0, 5)
    assert levels_apart(made, one_by_one(images, affine)).max() <= 1
    inside = one_by_one(torch.ones(4, 1, *shape[1:]), affine) > 0.9999  # torchvision's fill darkens the border twice
    assert (levels_apart(made, one_by_one(images, affine, 0.0)) * inside).max() <= 1


def test_affine_maps_are_drawn_as_torchvisions() -> None:
    count, height, width = 6000, 40, 90
    affine = augmentation((1, height, width), **AFFINE).affine(count, 0, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawn = [
            RandomAffine.get_params([-25.0, 25.0], [0.2, 0.2], [0.7, 1.4], [-12.0, 12.0], [width, height])
            for _ in range(count)
        ]
    theirs = np.array([[angle, *shift, scale, shear[0]] for angle, shift, scale, shear in drawn]).T
    ours = torch.stack([affine.angle, affine.right, affine.down, affine.scale, affine.shear]).numpy()
    for mine, other in zip(ours, theirs, strict=True):
        assert same_distribution(mine, other)
    assert np.abs(np.corrcoef(ours) - np.eye(5)).max() < 4 / count**0.5
    np.testing.assert_array_equal(np.unique(ours[1]), np.unique(theirs[1]))
    np.testing.assert_array_equal(np.unique(ours[2]), np.unique(theirs[2]))


def test_the_ends_of_the_ranges() -> None:
    given = Augment(**AFFINE)
    lowest, middle = draw_affine(given, torch.zeros(5, 1).double(), 40, 90), torch.full((5, 1), 0.5).double()
    assert [float(x) for x in (lowest.angle, lowest.right, lowest.down)] == [-25, -18, -8]
    assert [float(x) for x in (lowest.scale, lowest.shear)] == [0.7, -12]
    assert float(draw_affine(given, middle, 40, 90).angle) == 0


def test_a_map_that_does_nothing_changes_nothing() -> None:
    images = noise(3, 3, 11, 8)
    nothing, one = torch.zeros(3).double(), torch.ones(3).double()
    theta = Affine(nothing, nothing, nothing, one, nothing).theta(11, 8).float()
    assert torch.equal(warped(images, theta), images)


# --------------------------------------------------------------------------------------------------------- another size


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((5, 3, 32, 32), (224, 224)),
        ((5, 3, 97, 64), (32, 32)),
        ((4, 1, 28, 28), (32, 32)),
        ((3, 1, 7, 50), (13, 20)),
        ((2, 3, 9, 9), (1, 2)),
        ((2, 1, 1, 1), (4, 3)),
        ((200, 3, 40, 40), (20, 60)),  # more than is worked on together
        ((0, 3, 8, 8), (4, 4)),
    ],
)
def test_resized_as_torchvision_does(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    images = noise(*shape)
    before = images.clone()
    made = resized(images, size)
    assert (made.shape, made.dtype) == ((*shape[:2], *size), torch.uint8)
    assert torch.equal(images, before)
    if len(images):
        expected = v2.Resize(size, antialias=True)(images)
        assert levels_apart(made, expected).max() <= 1
        single = torch.cat([resized(image[None], size) for image in images])
        assert torch.equal(made, single)


def test_the_size_they_have() -> None:
    images = noise(2, 1, 8, 6)
    assert torch.equal(resized(images, (8, 6)), images)
    with pytest.raises(SettingsError, match="resized to 0 × 6"):
        resized(images, (0, 6))
