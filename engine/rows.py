"""Rows of a split to look at: what each holds, its label, and images as PNG files; kept beside the runs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import NotFoundError, nearest
from engine.jsonio import read_json, write_bytes, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.dataset import Dataset, Split
    from engine.splits import Prepared

MOST = 2_000
"""Most rows of one question."""


@dataclass(frozen=True)
class Asked:
    """Which rows are wanted."""

    split: str = "train"
    label: str | None = None
    """Of this class only."""
    start: int = 0
    """How many of them to pass over."""
    count: int = 20

    @property
    def file(self) -> str:
        """What the answer's file is called."""
        which = "all" if self.label is None else hashlib.blake2b(self.label.encode(), digest_size=8).hexdigest()
        return f"{self.split}-{which}-{self.start}-{self.count}.json"


def kept_rows(folder: Path, asked: Asked) -> dict[str, Any] | None:
    """An answer kept in `folder`, where it is there with all its images."""
    try:
        found = read_json(folder / asked.file)
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("samples"), list):
        return None
    images = [s.get("image") for s in found["samples"] if isinstance(s, dict)]
    return found if all(Path(image).is_file() for image in images if isinstance(image, str)) else None


def keep_rows(folder: Path, asked: Asked, answer: dict[str, Any]) -> None:
    """Keep an answer for `kept_rows`; where the folder cannot be written it is simply not kept."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / asked.file, answer)


def list_rows(prepared: Prepared, asked: Asked, images: Path | None) -> dict[str, Any]:
    """The rows asked for.

    Args:
        prepared: the data set with its splits.
        asked: which rows.
        images: the folder that images are written to as PNG files; none are where it is None.

    Returns:
        {"split", "class", "total", "start", "samples": [{"row", "true", "input", "image"}, …]}; `total` counts all rows
        that fit, `input` is None for images, `image` an absolute path.

    Raises:
        NotFoundError: there is no such split or class.
        OSError: an image cannot be written.
    """
    dataset = prepared.dataset
    if asked.split not in dataset.splits:
        raise NotFoundError(f"there is no {asked.split} split", hint=f"there is: {', '.join(dataset.splits)}")
    split = dataset.splits[asked.split]
    rows = _rows_of(dataset, split, asked.label)
    wanted = rows[asked.start : asked.start + min(asked.count, MOST)].tolist()
    samples = [_sample(dataset, split, row) for row in wanted]
    if images is not None and dataset.kind == "image":
        _write_images(images, asked.split, split, samples)
    return {
        "split": asked.split,
        "class": asked.label,
        "total": len(rows),
        "start": asked.start,
        "samples": samples,
    }


def _rows_of(dataset: Dataset, split: Split, label: str | None) -> NDArray[np.int64]:
    import numpy as np

    if label is None:
        return np.arange(len(split))
    if split.form != "class":
        raise NotFoundError("this data has no classes: its labels are tokens or numbers", hint="leave --class out")
    if label not in dataset.classes:
        raise NotFoundError(f"there is no class {label!r}", hint=nearest(label, dataset.classes))
    return np.flatnonzero(split.labels == dataset.classes.index(label))


def _sample(dataset: Dataset, split: Split, row: int) -> dict[str, Any]:
    from engine.samples import readable

    return {"row": row, "true": _label(dataset.classes, split, row), "input": readable(dataset, split, row)}


def _label(classes: Sequence[str], split: Split, row: int) -> str:
    """A row's label as people read it."""
    from engine.samples import text_of

    label = split.labels[row]
    if split.form == "class":
        return classes[int(label)]
    if split.form == "numbers":
        return ", ".join(f"{value:.5g}" for value in label.reshape(-1).tolist())
    length = len(label) if split.label_lengths is None else int(split.label_lengths[row])
    return text_of(classes, label[:length].tolist())


def _write_images(folder: Path, name: str, split: Split, samples: Sequence[dict[str, Any]]) -> None:
    from engine.samples import png

    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        path = folder.absolute() / f"{name}-{sample['row']:06d}.png"
        if not path.exists():
            write_bytes(path, png(split.inputs[sample["row"]]))
        sample["image"] = str(path)
