"""Augmenting batches of 128 images of 32 × 32 bytes on one CPU thread, beside torchvision's transforms image by image.

Both begin and end with a batch of bytes in memory; torchvision's are `transforms` and `transforms.v2`, over tensors.

    python benchmarks/augmentation.py [--repeat N] [--json FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import v2

from benchmarks.timing import options, paired, report
from engine.augment import Augmentation
from engine.augment_settings import Augment

IMAGES, CHANNELS, SIDE = 128, 3, 32
BATCHES = 10
"""In a turn."""
BILINEAR = transforms.InterpolationMode.BILINEAR
Transform = Callable[[Tensor], Tensor]
Turn = Callable[[], None]
WARP = Augment(degrees=15, translate=0.1, scale=[0.9, 1.1], shear=10)
CASES: dict[str, tuple[Augment, Callable[[], list[Transform]], Callable[[], list[Transform]]]] = {
    "crop, flip": (
        Augment(crop=4, flip=0.5),
        lambda: [transforms.RandomCrop(SIDE, 4), transforms.RandomHorizontalFlip()],
        lambda: [v2.RandomCrop(SIDE, 4), v2.RandomHorizontalFlip()],
    ),
    "mirrored crop, flip": (
        Augment(crop=4, crop_fill="reflect", flip=0.5),
        lambda: [transforms.RandomCrop(SIDE, 4, padding_mode="reflect"), transforms.RandomHorizontalFlip()],
        lambda: [v2.RandomCrop(SIDE, 4, padding_mode="reflect"), v2.RandomHorizontalFlip()],
    ),
    "affine": (
        WARP,
        lambda: [transforms.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, BILINEAR)],
        lambda: [v2.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), 10, BILINEAR)],
    ),
    "erase": (
        Augment(erase=0.5),
        lambda: [transforms.RandomErasing(0.5, value=0)],
        lambda: [v2.RandomErasing(0.5, value=0)],
    ),
}
"""What is done, as dltui's settings, torchvision's transforms and its transforms.v2."""


def ours(images: Tensor, settings: Augment) -> Turn:
    """Each batch as a whole."""
    augment = Augmentation(settings, (CHANNELS, SIDE, SIDE), None, 0, torch.device("cpu"))

    def turn() -> None:
        for number in range(BATCHES):
            augment(images, 0, number)

    return turn


def one_by_one(images: Tensor, steps: list[Transform]) -> Turn:
    """Each image through all transforms, then stacked, as a data loader does it."""
    transform = transforms.Compose(steps)

    def turn() -> None:
        for _ in range(BATCHES):
            torch.stack([transform(image) for image in images])

    return turn


def measured(name: str, images: Tensor, rounds: int) -> dict[str, float]:
    """Images a second of dltui's, and how many times those of both of torchvision's."""
    settings, first, second = CASES[name]
    timings = paired(
        {
            "dltui": ours(images, settings),
            "torchvision": one_by_one(images, first()),
            "torchvision v2": one_by_one(images, second()),
        },
        rounds,
    )
    result = {f"{name}, images/s": BATCHES * IMAGES / timings.median("dltui")}
    for peer in ("torchvision", "torchvision v2"):
        result[f"{name}, dltui / {peer} (×)"] = timings.ratio(peer, "dltui")
    return result


def main() -> None:
    """Measure in turn, print, and write the figures."""
    chosen = options(__doc__, 15)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, CHANNELS, SIDE, SIDE), dtype=torch.uint8)
    results: dict[str, float] = {}
    for name in CASES:
        results |= measured(name, images, chosen.repeat)
    report(results, chosen.json)


if __name__ == "__main__":
    main()
