"""Bilinear resampling of image batches: affine maps, one an image, and a change of size for all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from engine.augment_settings import Augment
from engine.errors import SettingsError

Tensor = torch.Tensor

_TOGETHER = {"cpu": 2**20, "cuda": 2**28}
"""Bytes worked on together: on a CPU what its cache holds, on a GPU what keeps it busy."""


def chunks(count: int, size: int, device: torch.device) -> Iterator[slice]:
    """Slices of `count` samples of `size` bytes each, so that memory beside input and output stays small."""
    length = max(1, _TOGETHER.get(device.type, _TOGETHER["cuda"]) // max(1, size))
    return (slice(start, start + length) for start in range(0, count, length))


@dataclass(frozen=True)
class Affine:
    """One affine map for each of n images, as torchvision's `affine` takes it: every field is (n,), float64."""

    angle: Tensor
    """Rotation in degrees, clockwise."""
    right: Tensor
    """Shift in pixels."""
    down: Tensor
    """Shift in pixels."""
    scale: Tensor
    """Zoom."""
    shear: Tensor
    """Degrees, along the width."""

    def theta(self, height: int, width: int) -> Tensor:
        """From a pixel of the result to where it comes from, as `affine_grid` takes it: (n, 2, 3), float64.

        The inverse of T(right, down) · R(angle) · S(scale) · H(shear), all about the centre, as torchvision's `affine`
        has it, in units of half the image.
        """
        turn, slant = torch.deg2rad(self.angle), torch.tan(torch.deg2rad(self.shear))
        cos, sin = torch.cos(turn), torch.sin(turn)
        to_x, to_y = torch.stack([cos - sin * slant, sin + cos * slant]), torch.stack([-sin, cos])
        linear = torch.stack([to_x, to_y]).permute(2, 0, 1) / self.scale[:, None, None]
        shift = torch.stack([self.right, self.down], 1)[:, :, None]
        half = shift.new_tensor([width / 2, height / 2])
        return torch.cat([linear * half, -linear @ shift], 2) / half[:, None]


def draw_affine(settings: Augment, chances: Tensor, height: int, width: int) -> Affine:
    """The maps that `chances` (5, n), uniform in [0, 1), stand for; distributed as torchvision's RandomAffine's."""
    sides = 2 * chances - 1
    low, high = settings.scale
    return Affine(
        angle=sides[0] * settings.degrees,
        right=torch.round(sides[1] * (settings.translate * width)),
        down=torch.round(sides[2] * (settings.translate * height)),
        scale=low + chances[3] * (high - low),
        shear=sides[4] * settings.shear,
    )


def warped(images: Tensor, theta: Tensor) -> Tensor:
    """Images under affine maps, bilinear; what comes from outside is 0.

    Args:
        images: (n, channels, height, width), uint8.
        theta: (n, 2, 3), float32, as `Affine.theta` gives it.

    Returns:
        New images, uint8, rounded.
    """
    _, channels, height, width = images.shape
    result = torch.empty_like(images)
    for part in chunks(len(images), 4 * channels * height * width, images.device):
        grid = _grid(theta[part], height, width)
        result[part] = functional.grid_sample(images[part].float(), grid, align_corners=False).round_()
    return result


def _grid(theta: Tensor, height: int, width: int) -> Tensor:
    """torch's `affine_grid`, (n, height, width, 2), as a sum of two small products: a third of its time."""
    by_x, by_y, offset = theta.unbind(2)
    along = by_x[:, None, :] * _centres(width, theta) + offset[:, None, :]
    down = by_y[:, None, :] * _centres(height, theta)
    return along[:, None, :, :] + down[:, :, None, :]


def _centres(size: int, like: Tensor) -> Tensor:
    """The centres of pixels where -1 and 1 are the image's borders, (size, 1)."""
    return (2 * torch.arange(size, dtype=like.dtype, device=like.device)[:, None] + 1) / size - 1


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images of another size, bilinear with antialias; computed in float32, so that devices agree.

    Args:
        images: (n, channels, height, width), uint8.
        size: height and width wanted; proportions are not kept.

    Returns:
        (n, channels, *size), uint8; `images` themselves when they have that size.

    Raises:
        SettingsError: a side below 1 pixel.
    """
    if min(size) < 1:
        raise SettingsError(f"images cannot be resized to {size[0]} × {size[1]}", hint="give sides of at least 1 pixel")
    before, after = tuple(images.shape[2:]), tuple(size)
    if before == after:
        return images
    channels = images.shape[1]
    result = images.new_empty((len(images), channels, *after))
    for part in chunks(len(images), 4 * channels * max(math.prod(before), math.prod(after)), images.device):
        smooth = functional.interpolate(images[part].float(), after, mode="bilinear", antialias=True)
        result[part] = smooth.round_()
    return result
