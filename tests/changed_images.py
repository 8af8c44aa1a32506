"""Images that are drawn like photographs and like handwriting, and what is done to copies of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

Pixels = np.ndarray
Change = Callable[[Pixels, np.random.Generator], Pixels]


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
