"""Image files as arrays: decoded by Pillow, brought to the channels and size asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data_folder import expanded
from engine.dataset import Split
from engine.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {1: "L", 3: "RGB"}


def decode(path: Path, channels: int, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An image file as (channels, height, width) bytes.

    Args:
        path: any format that Pillow reads; of an animation the first frame.
        channels: 1 for grey, 3 for red, green, blue; palettes, transparency and 16-bit grey are converted.
        size: (height, width) to resize to, proportions not kept; the image's own when None.

    Raises:
        DataError: it is missing or does not decode; the message names the file.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            image = _converted(ImageOps.exif_transpose(opened), _MODES[channels])
            if size is not None and (image.height, image.width) != size:
                image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(image, np.uint8)
    except FileNotFoundError:
        raise DataError(f"no image file {path}", hint="check the path") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} does not decode as an image: {error}", hint="replace or remove the file, then run again"
        ) from None
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _converted(image: Image, mode: str) -> Image:
    from PIL import Image as Images

    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        image = Images.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def encode_images(given: Sequence[str], shape: tuple[int, ...]) -> Split:
    """Image files from a command line, brought to `shape` (channels, height, width), as a split with labels 0.

    Raises:
        DataError: naming the file that is missing or does not decode.
    """
    images = [decode(expanded(path), shape[0], (shape[1], shape[2])) for path in given]
    inputs = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    return Split(inputs, np.zeros(len(images), np.int64))
