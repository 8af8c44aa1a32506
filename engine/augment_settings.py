"""The settings of augmentation, and which of them are impossible for images of a given shape; free of torch."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from engine.errors import SettingsError, nearest

FILLS = ("zero", "reflect")


class Augment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the images of the train split are varied, each image of each batch anew; done in the order given here."""

    degrees: float = 0.0
    """Largest rotation either way about the centre; what comes from outside the image is 0."""
    translate: float = 0.0
    """Largest shift either way, as a share of the width and of the height; in whole pixels."""
    scale: list[float] = msgspec.field(default_factory=lambda: [1.0, 1.0])
    """Smallest and largest zoom."""
    shear: float = 0.0
    """Largest shear either way along the width, in degrees."""
    crop: int | None = None
    """Pixels padded on each side before a random crop back to the image's size."""
    crop_fill: Literal["zero", "reflect"] = "zero"
    """What is padded: 0, or the image mirrored at its outermost pixels."""
    flip: float = 0.0
    """Probability of a horizontal flip."""
    vertical_flip: float = 0.0
    """Probability of a vertical flip."""
    cutout: int = 0
    """Side in pixels of a square set to the mean; its centre is anywhere in the image, the rest is clipped."""
    erase: float = 0.0
    """Probability that a rectangle of 2 % to 33 % of the image is set to the mean."""


def warps(settings: Augment) -> bool:
    """Whether there is anything to rotate, shift, zoom or shear."""
    return bool(settings.degrees or settings.translate or settings.shear or settings.scale != [1, 1])


def check_augment(settings: Augment, shape: tuple[int, ...]) -> None:
    """Refuse what no image, or no image of this shape, can be put through.

    Args:
        settings: each on its own; none of them excludes another.
        shape: (channels, height, width).

    Raises:
        SettingsError: naming the setting and its range.
    """
    for name in ("flip", "vertical_flip", "translate", "erase"):
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise SettingsError(f"data.augment.{name} = {value}: it must be from 0 to 1")
    _check_angles(settings)
    _check_scale(settings.scale)
    _check_crop(settings, shape)
    _check_cutout(settings.cutout, shape)


def _check_angles(settings: Augment) -> None:
    if not 0 <= settings.degrees <= 360:
        raise SettingsError(f"data.augment.degrees = {settings.degrees}: it must be from 0 to 360")
    if not 0 <= settings.shear < 90:
        raise SettingsError(f"data.augment.shear = {settings.shear}: it must be from 0 to below 90")


def _check_scale(scale: list[float]) -> None:
    if len(scale) != 2 or not all(math.isfinite(factor) and factor > 0 for factor in scale) or scale[0] > scale[1]:
        raise SettingsError(
            f"data.augment.scale = {scale}: it must be two numbers above 0, the smaller one first",
            hint="such as scale = [0.9, 1.1]",
        )


def _check_crop(settings: Augment, shape: tuple[int, ...]) -> None:
    if settings.crop_fill not in FILLS:
        raise SettingsError(f"data.augment.crop_fill = {settings.crop_fill!r}", hint=nearest(settings.crop_fill, FILLS))
    if settings.crop is None:
        return
    if settings.crop < 0:
        raise SettingsError(f"data.augment.crop = {settings.crop}: it must not be negative")
    if settings.crop >= min(shape[1:]):
        why = "could leave nothing of" if settings.crop_fill == "zero" else "cannot be mirrored in"
        raise SettingsError(
            f"data.augment.crop = {settings.crop} {why} images of {_size(shape)}",
            hint=f"give at most {min(shape[1:]) - 1}; an eighth of the side is usual",
        )


def _check_cutout(side: int, shape: tuple[int, ...]) -> None:
    if side < 0:
        raise SettingsError(f"data.augment.cutout = {side}: it must not be negative")
    if side > min(shape[1:]):
        raise SettingsError(
            f"data.augment.cutout = {side} is larger than images of {_size(shape)}",
            hint=f"give at most {min(shape[1:])}; half of the side is usual",
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[2]}"
