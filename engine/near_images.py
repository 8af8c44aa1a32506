"""Images of one split that are nearly those of another: re-encoded, shifted, cut, brightened, noisy or mirrored.

1. Each image becomes a grey thumbnail, and what a window shows of it the low waves of a cosine transform, contrast
   taken out: 51 numbers. The later split's images become so for many windows, shifted, smaller and larger, so that a
   shifted or cut copy has the same numbers as its original through one of them.
2. For each, the nearest images are looked up in an inverted file (`engine.near_index`).
3. What is nearer than strangers are is compared in detail: the correlation of what the windows show, smoothed, and with
   slow changes taken out, so that a common background counts for nothing.

Which distance tells a copy depends on the data: two photographs are never as alike as two handwritten ones are. So the
sixth nearest image of either split is the measure, as a stranger that is as near as any; and where there may be many
copies (images that were augmented first and split then) a sample of the whole split is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.near_index import NearIndex, Signatures
from engine.near_pairs import Found
from engine.near_thumbnails import (
    SIDE,
    Grey,
    Windows,
    correlation,
    detail,
    middle,
    seen,
    signatures,
    thumbnails,
    windows,
)

STANDS_OUT = 0.18
"""Most that the distance of a copy is, of that of the sixth nearest image of either split.

Calibrated, with the next two, on CIFAR-10, MNIST and Fashion-MNIST, where copies of 200 test images for each of 19
kinds of change had been put among the train images. At least 97 % are found, and mostly all, of those that were saved
as JPEG of quality 50 to 90, shifted by 1 or 2 pixels whatever comes in from outside, cut by 1 or 2 pixels on each side,
mirrored, made 10 % brighter or darker, had noise of a standard deviation of 5 or 10 of 255 put on them, or several of
these. Cut by differing numbers of pixels, 98 % of the photographs are found, but 20 to 40 % of the digits and clothes.

Without planted copies, 405, 9 and 75 of 10,000 test images are found. Those of CIFAR-10 are photographs that it holds
twice, all but a few by eye: 202 of the 286 that Barz and Denzler found (2020, "Do We Train on Test Data?"), and 203
that are not among them, many mirrored or recoloured. Those of MNIST are straight ones, those of Fashion-MNIST mostly
the same article in another shade, and plain bags. Against 20 to 10,000 train images it is 0 to 2 %."""

FAR_FROM_ALL = 0.015
"""The same, of the distance of the nearest fiftieth of the earlier split: for images of which there are many copies.

Where each had 10 or 14 changed copies, in 1,000 to 60,000 images, 99 % are found. In the three data sets 3, 6 and 18
rows of 10,000 are found by it alone."""

ALIKE = 0.75
"""Least correlation of a copy in detail. Two test images of CIFAR-10 stand out and have less."""

FEW_DIMENSIONS = 5.5
"""Images that fewer numbers tell apart are often as alike as copies are, by chance: the first two are stricter then.

It is about 17 numbers in CIFAR-10, 7 in MNIST, 6 in Fashion-MNIST, and 3 in generated images of straight strokes."""

_BLOCK = 1024


class NearImages:
    """The images of a split, (n, channels, height, width) uint8, as others are compared with them."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.images = images
        self.windows = windows(*(min(side, SIDE) for side in images.shape[2:]))
        blocks = [self._plain(rows) for rows in _blocks(np.arange(len(images)))]
        self.index = NearIndex(Signatures(np.concatenate([b.values[:, 0] for b in blocks]), blocks[0].even))

    def find(self, later: NearImages, rows: NDArray[np.intp]) -> Found:
        """Those of `rows` of the later split that are near an image of this one, at 1 less their correlation."""
        parts = [self._find(later, block) for block in _blocks(rows)]
        return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _find(self, later: NearImages, rows: NDArray[np.intp]) -> tuple[NDArray[Any], ...]:
        nearest = self.index.search(signatures(thumbnails(later.images, rows), self.windows))
        plain = later._plain(rows)
        stranger = np.minimum(nearest.sixth, later.index.search(plain).sixth)
        dimension = max(self.index.dimension, later.index.dimension)
        strict = max(1.0, FEW_DIMENSIONS / dimension) if dimension else 1.0
        close = nearest.distance <= STANDS_OUT**strict * stranger
        close |= nearest.distance <= FAR_FROM_ALL**strict * self.index.typical(plain.values[:, 0])
        row, place = np.nonzero(close)
        earlier, variants = nearest.rows[row, place], nearest.variants[row, place]
        blocks = _blocks(np.arange(len(row)))
        alike = np.concatenate([self._alike(earlier[b], later, rows[row[b]], variants[b]) for b in blocks])
        kept = np.flatnonzero(alike >= ALIKE)
        kept = kept[np.lexsort((earlier[kept], -alike[kept], row[kept]))]
        kept = kept[np.unique(row[kept], return_index=True)[1]]
        return earlier[kept], rows[row[kept]], np.maximum(1.0 - alike[kept].astype(np.float64), 0.0)

    def _plain(self, rows: NDArray[np.intp]) -> Signatures:
        """(n, 1, waves) the signatures of the images at `rows` as they are."""
        still = Windows(*(side[len(side) // 2 :][:1] for side in self.windows[0]))
        return signatures(thumbnails(self.images, rows), [still])

    def _alike(
        self, earlier: NDArray[np.intp], later: NearImages, rows: NDArray[np.intp], variants: NDArray[np.intp]
    ) -> Grey:
        """(n,) correlations of images of this split with variants of the later's, as they are or mirrored."""
        still = np.full(len(earlier), middle(self.windows))
        own = detail(seen(thumbnails(self.images, earlier), still, self.windows))
        other = detail(seen(thumbnails(later.images, rows), variants, self.windows))
        return np.maximum(correlation(own, other), correlation(own, other[:, :, ::-1]))


def _blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """`rows` in blocks that bound the memory taken; one at least, which may be empty."""
    return [rows[start : start + _BLOCK] for start in range(0, max(len(rows), 1), _BLOCK)]
