"""Augmentation of whole batches of images on the device, each image varied on its own, in training only.

What batch `number` of epoch e is put through is drawn from the seed, e and the number alone: a resumed run draws the
same, and no other random number of the process is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from engine.augment_settings import Augment, check_augment, warps
from engine.errors import SettingsError
from engine.warp import Affine, chunks, draw_affine, warped

Tensor = torch.Tensor

_AUGMENT = 11
"""Keeps the draws for augmentation apart from other uses of the seed."""

_ATTEMPTS = 10
"""Rectangles tried for an erasure until one fits, as torchvision does."""

_ERASED = (0.02, 0.33)
"""Share of the image that is erased, at least and at most."""

_ASPECT = (0.3, 3.3)
"""Height over width of what is erased, at least and at most."""

# rows of what is drawn: switching one kind on leaves the draws of the others as they are
_AFFINE, _WINDOW, _CUTOUT, _ERASE = slice(0, 5), slice(5, 9), slice(9, 11), slice(11, 14 + 2 * _ATTEMPTS)


class Augmentation:
    """Varies batches of one run's images."""

    def __init__(
        self,
        settings: Augment,
        shape: tuple[int, int, int],
        mean: Sequence[float] | None,
        seed: int,
        device: torch.device,
    ) -> None:
        """Check that the settings fit the images.

        Args:
            settings: what is done to them.
            shape: (channels, height, width) of one image.
            mean: of each channel, of values scaled to 0…1; what `cutout` and `erase` fill with, 0 when absent.
            seed: the run's.
            device: where the batches are.

        Raises:
            SettingsError: a setting that is impossible or does not fit the shape.
        """
        check_augment(settings, shape)
        if mean is not None and len(mean) != shape[0]:
            raise SettingsError(
                f"the mean has {len(mean)} values; images of {shape[0]} channels need {shape[0]}",
                hint="give the data set's normalize one mean and one deviation a channel",
            )
        self.settings, self.seed, self.device = settings, seed, device
        self.height, self.width = shape[1:]
        levels = [min(max(round(255 * value), 0), 255) for value in mean or [0.0] * shape[0]]
        self._mean = torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1).to(device)

    def __call__(self, images: Tensor, epoch: int, number: int) -> Tensor:
        """The images varied: warped, cropped, flipped, then partly covered.

        Args:
            images: (n, channels, height, width), uint8, on the device; left as they are.
            epoch: counted from 0.
            number: of the batch in its epoch.

        Returns:
            New images of the same shape and type.
        """
        plan = self._plan(self._chances(len(images), epoch, number))
        result = images
        if "theta" in plan:
            result = warped(result, plan["theta"].view(2, 3, -1).permute(2, 0, 1))
        if "windows" in plan:
            result = self._windows(result, plan["windows"].long())
        if "boxes" in plan:
            result = covered(result, plan["boxes"].view(-1, 4, len(images)), self._mean)
        return images.clone() if result is images else result

    def affine(self, count: int, epoch: int, number: int) -> Affine:
        """The affine maps of a batch of `count` images."""
        return draw_affine(self.settings, self._chances(count, epoch, number)[_AFFINE], self.height, self.width)

    def _chances(self, count: int, epoch: int, number: int) -> Tensor:
        """All that is drawn for a batch: uniform in [0, 1), float64, (rows, count), on the CPU."""
        words = np.random.SeedSequence([self.seed, epoch, number, _AUGMENT]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0]))
        rows = _ERASE.stop if self.settings.erase else _CUTOUT.stop
        return torch.rand((rows, count), generator=generator, dtype=torch.float64, device="cpu")

    def _plan(self, chances: Tensor) -> dict[str, Tensor]:
        """What is done to each image, as numbers (rows, n) by kind, brought to the device in one piece.

        Pixels and flips are whole numbers far below 2**24, which float32 holds exactly.
        """
        settings, parts = self.settings, {}
        if warps(settings):
            affine = draw_affine(settings, chances[_AFFINE], self.height, self.width)
            parts["theta"] = affine.theta(self.height, self.width).permute(1, 2, 0).reshape(6, -1)
        if settings.crop or settings.flip or settings.vertical_flip:
            parts["windows"] = self._draw_windows(chances[_WINDOW])
        boxes = [self._draw_cutout(chances[_CUTOUT])] if settings.cutout else []
        if settings.erase:
            boxes.append(self._draw_erasure(chances[_ERASE]))
        if boxes:
            parts["boxes"] = torch.cat(boxes)
        if not parts:
            return {}
        moved = torch.cat([part.float() for part in parts.values()]).to(self.device)
        return dict(zip(parts, torch.split(moved, [len(part) for part in parts.values()]), strict=True))

    def _draw_windows(self, chances: Tensor) -> Tensor:
        """Of each image: top and left of its crop in the padded image, and the number of its flip; (3, n)."""
        offsets = torch.floor(chances[:2] * (2 * (self.settings.crop or 0) + 1))
        across, over = chances[2] < self.settings.flip, chances[3] < self.settings.vertical_flip
        return torch.cat([offsets, (across + (2 if self.settings.flip else 1) * over)[None]])

    def _draw_cutout(self, chances: Tensor) -> Tensor:
        """Top, left, bottom and right of squares about any pixel of the image, before clipping; (4, n).

        DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
        """
        sides = torch.tensor([[self.height], [self.width]])
        corners = torch.floor(chances * sides) - self.settings.cutout // 2
        return torch.cat([corners, corners + self.settings.cutout])

    def _draw_erasure(self, chances: Tensor) -> Tensor:
        """Top, left, bottom and right of rectangles inside the image, empty where there is none; (4, n).

        Zhong et al., "Random Erasing Data Augmentation", 2017, drawn as torchvision's RandomErasing does.
        """
        limits = torch.tensor([[self.height], [self.width]])
        attempts = chances[3:].view(2, _ATTEMPTS, -1)
        area = (_ERASED[0] + attempts[0] * (_ERASED[1] - _ERASED[0])) * (self.height * self.width)
        low, high = (math.log(aspect) for aspect in _ASPECT)
        aspect = torch.exp(low + attempts[1] * (high - low))
        sides = torch.round(torch.stack([torch.sqrt(area * aspect), torch.sqrt(area / aspect)]))
        fits = (sides < limits[:, :, None]).all(0)
        first = fits.int().argmax(0)
        chosen = sides.gather(1, first.expand(2, 1, -1))[:, 0]
        chosen = chosen * (fits.any(0) & (chances[0] < self.settings.erase))
        corners = torch.floor(chances[1:3] * (limits - chosen + 1))
        return torch.cat([corners, corners + chosen])

    def _windows(self, images: Tensor, windows: Tensor) -> Tensor:
        """Crops and flips, `windows` (3, n) as drawn, without a step for each image."""
        count, channels, height, width = images.shape
        pad = self.settings.crop or 0
        result = images.new_empty(images.shape)
        size = channels * (height + 2 * pad) * (width + 2 * pad)
        for part in chunks(count, size, images.device):
            _cut_out(self._canvases(images[part], pad), windows[:, part], result[part])
        return result

    def _canvases(self, images: Tensor, pad: int) -> Tensor:
        """The images padded, then the same flipped in each way there is: (flips, n, channels, tall, wide).

        In this order in memory, whatever order the images were in.
        """
        canvases = _padded(images, pad, self.settings.crop_fill)[None]
        if self.settings.flip:
            canvases = torch.cat([canvases, canvases.flip(4)])
        if self.settings.vertical_flip:
            canvases = torch.cat([canvases, canvases.flip(3)])
        return canvases.contiguous()


def _padded(images: Tensor, pad: int, fill: str) -> Tensor:
    """Images with `pad` more pixels on each side; mirrored by hand, as torch pads bytes so on the CPU alone."""
    if not pad or fill == "zero":
        return functional.pad(images, [pad] * 4)
    left, right = images[..., 1 : pad + 1].flip(3), images[..., -pad - 1 : -1].flip(3)
    wide = torch.cat([left, images, right], 3)
    above, below = wide[:, :, 1 : pad + 1].flip(2), wide[:, :, -pad - 1 : -1].flip(2)
    return torch.cat([above, wide, below], 2)


def _cut_out(canvases: Tensor, windows: Tensor, into: Tensor) -> None:
    """Copy one window of each canvas: `windows` (3, n) are top, left and which flip, `into` (n, …) has their size.

    All windows of all canvases are one view, each of its rows beginning a pixel further on; one `index_select` copies
    the rows wanted, line by line. A crop of a flipped canvas is the flip of the mirrored crop, as likely as any other.
    """
    top, left, flip = windows
    count, channels, height, width = into.shape
    wide = canvases.shape[4]
    plane = canvases.shape[3] * wide
    last = (channels - 1) * plane + (height - 1) * wide + width - 1
    view = canvases.as_strided((canvases.numel() - last, channels, height, width), (1, plane, wide, 1))
    image = flip * count + torch.arange(count, device=canvases.device)
    torch.index_select(view, 0, image * (channels * plane) + top * wide + left, out=into)


def covered(images: Tensor, boxes: Tensor, fill: Tensor) -> Tensor:
    """New images with rectangles filled.

    Args:
        images: (n, channels, height, width), uint8.
        boxes: (k, 4, n): top, left, bottom and right of k rectangles an image, bottom and right exclusive; what lies
            outside the image is left out.
        fill: (channels, 1, 1), uint8.
    """
    hidden = torch.zeros_like(images[:, :1])
    for top, left, bottom, right in boxes:
        lines = _between(top, bottom, images.shape[2])
        hidden |= lines[:, None, :, None] * _between(left, right, images.shape[3])[:, None, None, :]
    # products of bytes take a fifth of the time of torch.where, whose broadcast mask is read one by one
    return images * (1 - hidden) + fill * hidden


def _between(low: Tensor, high: Tensor, size: int) -> Tensor:
    """1 where an index is from `low` (n,) to below `high` (n,), (n, size), uint8."""
    index = torch.arange(size, device=low.device)
    return ((index >= low[:, None]) & (index < high[:, None])).to(torch.uint8)
