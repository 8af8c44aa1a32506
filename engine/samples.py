"""Some answers of an evaluation to look at: which ones, their inputs as people read them, and images as PNG files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.jsonio import write_bytes
from engine.records import RunPaths

SAMPLES = 30
"""Answers kept: half of them spread over the split, the others its worst mistakes."""

_COLUMNS = 8


def chosen(badness: NDArray[np.float64]) -> list[int]:
    """Rows to show: spread evenly, then the worst ones.

    Args:
        badness: (n,) how bad each answer is; -inf for one that is right.
    """
    count = len(badness)
    taken = dict.fromkeys(np.linspace(0, count - 1, min(SAMPLES // 2, count)).astype(int).tolist())
    for row in np.argsort(-badness, kind="stable").tolist():
        if len(taken) >= SAMPLES or badness[row] == -np.inf:
            break
        taken[row] = None
    return list(taken)


def readable(dataset: Dataset, split: Split, row: int) -> str | None:
    """An input as people read it; None for what is seen as an image."""
    inputs: NDArray[Any] = split.inputs[row]
    if pictured(dataset):
        return None
    if dataset.kind == "sequence":
        length = len(inputs) if split.lengths is None else int(split.lengths[row])
        return text_of(dataset.vocabulary, inputs[:length].tolist())
    if dataset.kind == "features":
        shown = dataset.describe(inputs) if dataset.describe is not None else _columns(dataset.columns, inputs)
        return ", ".join(shown[:_COLUMNS]) + (", …" if len(shown) > _COLUMNS else "")
    return None


def _columns(names: Sequence[str], inputs: NDArray[Any]) -> list[str]:
    names = names or [f"x{i + 1}" for i in range(len(inputs))]
    return [f"{name}={value:.4g}" for name, value in zip(names, inputs.tolist(), strict=False)]


def text_of(symbols: Sequence[str], tokens: Iterable[int]) -> str:
    """The text that tokens stand for; "?" for one that has no symbol."""
    return "".join(symbols[token] if token < len(symbols) else "?" for token in tokens)


def keep_images(paths: RunPaths, dataset: Dataset, prefix: str, split: str, samples: Sequence[dict[str, Any]]) -> None:
    """Write the images of samples as PNG files beside the evaluation files, once each, and name them in the samples.

    Args:
        prefix: what the names of the split's files begin with.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    if not pictured(dataset):
        return
    folder = paths.evaluation / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        name = f"{prefix}-{sample['row']:06d}.png"
        sample["image"] = f"inputs/{name}"
        if not (folder / name).exists():
            write_bytes(folder / name, png(image_of(dataset, split, sample["row"])))


def pictured(dataset: Dataset) -> bool:
    """Whether an input is seen as an image."""
    return dataset.kind == "image" or dataset.picture is not None


def image_of(dataset: Dataset, split: str, row: int) -> NDArray[np.uint8]:
    """The image that an input is seen as, (channels, height, width)."""
    inputs = dataset.splits[split].inputs[row]
    return inputs if dataset.picture is None else dataset.picture(inputs)


def png(image: NDArray[np.uint8]) -> bytes:
    """An image (channels, height, width) of one or three channels as a PNG file; of another number the first one."""
    import io

    from PIL import Image

    pixels = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()
