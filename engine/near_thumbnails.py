"""Grey thumbnails of images: seen through windows that are shifted or cut, as few numbers, and compared in detail."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.near_index import Signatures

SIDE = 32
"""Most pixels of a thumbnail, in height and width."""

_WAVES = 8
_SMOOTH, _SLOW = 0.7, 3.0
"""Standard deviations of two Gaussian filters, in pixels of a thumbnail: what is between them is compared in detail."""

_FAINT = 1.0
"""Grey levels (root mean square) below which contrast counts as noise."""

_LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green, blue: ITU-R BT.601."""

_BYTES = 2**24
"""Of pixels that are turned to floating point at once."""

Grey = NDArray[np.float32]


def thumbnails(images: NDArray[np.uint8], rows: NDArray[np.intp]) -> Grey:
    """(n, height, width) grey levels of the images (…, channels, height, width) at `rows`, at most 32 × 32."""
    height, width = (min(side, SIDE) for side in images.shape[2:])
    step = max(1, _BYTES // (4 * int(np.prod(images.shape[1:]))))
    found = np.empty((len(rows), height, width), np.float32)
    for start in range(0, len(rows), step):
        found[start : start + step] = _thumbnail(images[rows[start : start + step]])
    return found


def _thumbnail(images: NDArray[np.uint8]) -> Grey:
    """Areas of larger images are averaged."""
    channels, height, width = images.shape[1:]
    weights = np.array(_LUMINANCE if channels == 3 else [1 / channels] * channels, np.float32)
    grey: Grey = np.einsum("nchw,c->nhw", images, weights, dtype=np.float32, casting="unsafe")
    if height > SIDE:
        grey = np.matmul(_areas(height), grey)
    return np.matmul(grey, _areas(width).T) if width > SIDE else grey


def _areas(size: int) -> Grey:
    """(32, size) shares that each pixel has in each of 32 equal parts."""
    edges = np.arange(SIDE + 1) * (size / SIDE)
    pixels = np.arange(size)
    inside = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: Grey = (np.clip(inside, 0, None) * (SIDE / size)).astype(np.float32)
    return shares


# ------------------------------------------------------------------------------------------------------------- windows


class Windows(NamedTuple):
    """Windows of one size onto thumbnails: matrices that take what is seen, for each shift down and to the right."""

    rows: Grey
    """(shifts, seen, height)"""
    columns: Grey
    """(shifts, seen, width)"""


def windows(height: int, width: int) -> list[Windows]:
    """Onto thumbnails of this size: first one in the middle, shifted by up to two pixels; then smaller and larger ones.

    A copy that is shifted is seen through the middle one as its original is through a shifted one, whatever came in
    from outside: the window stays inside. A copy that was cut and brought to its old size is so through a smaller one,
    and its original through a larger one.
    """
    reach = min(2, min(height, width) // 10)
    cuts = [0, *(cut for most in range(1, reach + 1) for cut in (most, -most))]
    shifts = {cut: range(-1, 2) if cut else range(-reach, reach + 1) for cut in cuts}
    return [Windows(*(_window(size, reach, cut, shifts[cut]) for size in (height, width))) for cut in cuts]


def _window(size: int, reach: int, cut: int, shifts: range) -> Grey:
    """(shifts, seen, size) weights that interpolate between pixels; `cut` pixels less on either side, or more."""
    seen = size - 2 * reach
    zoom = 1 - 2 * cut / size if cut >= 0 else 1 / (1 + 2 * cut / size)
    middle = (size - 1) / 2 + np.array(shifts)
    places = middle[:, None] + (np.arange(seen) - (seen - 1) / 2) * zoom
    apart = np.abs(places.clip(0, size - 1)[:, :, None] - np.arange(size))
    weights: Grey = np.maximum(1 - apart, 0).astype(np.float32)
    return weights


def middle(found: list[Windows]) -> int:
    """The number of the window that is not shifted, where they are counted as in `signatures`."""
    return len(found[0].rows) ** 2 // 2


def seen(grey: Grey, numbers: NDArray[np.intp], found: list[Windows]) -> Grey:
    """(n, height, width) what each thumbnail shows through the window of its number."""
    result = np.empty((len(grey), found[0].rows.shape[1], found[0].columns.shape[1]), np.float32)
    first = 0
    for rows, columns in found:
        for number in range(first, first + len(rows) * len(columns)):
            there = np.flatnonzero(numbers == number)
            down, right = divmod(number - first, len(columns))
            result[there] = rows[down] @ grey[there] @ columns[right].T
        first += len(rows) * len(columns)
    return result


# ---------------------------------------------------------------------------------------------------------- signatures


def signatures(grey: Grey, found: list[Windows]) -> Signatures:
    """(n, windows, waves): low waves of the cosine transform of what is seen, of length 1, those even in x first."""
    height, width = found[0].rows.shape[1], found[0].columns.shape[1]
    weights, even, odd = _weights(min(_WAVES, height), min(_WAVES, width))
    parts = []
    for rows, columns in found:
        both = np.einsum("sky,nyx,tlx->nstkl", _waves(rows), grey, _waves(columns), optimize=True)
        used = np.concatenate([both[..., side] * weights[side] for side in (even, odd)], axis=-1)
        parts.append(used.reshape(len(grey), len(rows) * len(columns), int((even | odd).sum())))
    values = np.concatenate(parts, axis=1)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    values /= np.maximum(length, np.float32(_FAINT * math.sqrt(height * width)))
    return Signatures(values, int(even.sum()))


def _waves(window: Grey) -> Grey:
    """(shifts, waves, size) the window's weights for each of the first waves of the cosine transform."""
    size = window.shape[1]
    wave = np.arange(min(_WAVES, size))[:, None]
    cosines = np.cos(np.pi * wave * (np.arange(size) + 0.5) / size) * np.sqrt(np.where(wave > 0, 2, 1) / size)
    waves: Grey = np.matmul(cosines.astype(np.float32), window)
    return waves


def _weights(rows: int, columns: int) -> tuple[Grey, NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each wave its weight, and whether it is used and even in x, or odd. Finer ones are weaker in photographs."""
    down, right = np.indices((rows, columns))
    frequency = np.hypot(down, right)
    used = (frequency > 0) & (frequency < _WAVES - 0.5)  # not the mean
    return np.sqrt(frequency).astype(np.float32), used & (right % 2 == 0), used & (right % 2 == 1)


# -------------------------------------------------------------------------------------------------------------- detail


def detail(grey: Grey) -> Grey:
    """Thumbnails with both noise and slow changes taken out."""
    return _filtered(grey, _SMOOTH) - _filtered(grey, _SLOW)


def _filtered(grey: Grey, deviation: float) -> Grey:
    rows, columns = _gaussian(grey.shape[1], deviation), _gaussian(grey.shape[2], deviation)
    filtered: Grey = np.matmul(np.matmul(rows, grey), columns.T)
    return filtered


def _gaussian(size: int, deviation: float) -> Grey:
    """(size, size) weights of a Gaussian filter along one side, which goes on mirrored."""
    at, source = np.arange(size)[:, None], np.arange(size)
    mirrored = (source, -1 - source, 2 * size - 1 - source)
    weights = np.sum([np.exp(-0.5 * ((at - place) / deviation) ** 2) for place in mirrored], axis=0)
    normed: Grey = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed


def correlation(a: Grey, b: Grey) -> Grey:
    """(n,) correlations of pairs of images; fainter ones count for less."""
    a, b = a - a.mean((1, 2), keepdims=True), b - b.mean((1, 2), keepdims=True)
    least = (0.5 * _FAINT) ** 2 * a.shape[1] * a.shape[2]
    own, other = (np.maximum(np.einsum("nyx,nyx->n", x, x), least) for x in (a, b))
    result: Grey = np.einsum("nyx,nyx->n", a, b) / np.sqrt(own * other)
    return result
