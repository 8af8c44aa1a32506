"""Rows of a split to look at: what each holds, its label, and images as PNG files; kept beside the runs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import NotFoundError, nearest
from engine.jsonio import encode, read_json, write_bytes, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.dataset import Dataset, Split
    from engine.runs import Run
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
    wrong: bool = False
    """Those that `Answered` has another class for than their own."""
    predicted: str | None = None
    """Those that `Answered` has this class for."""
    step: int | None = None
    """Of which evaluation the answers are; the newest that kept them when None."""

    def file(self, stamp: str = "") -> str:
        """What the answer's file is called; `stamp` tells the answers apart that stand in it."""
        content = encode([self.label, self.start, self.count, self.wrong, self.predicted, stamp])
        return f"{self.split}-{hashlib.blake2b(content, digest_size=10).hexdigest()}.json"


@dataclass(frozen=True)
class Answered:
    """What an evaluation answered to every row of a split."""

    classes: Sequence[str]
    rows: Sequence[int]
    """Class numbers."""
    stamp: str
    """Which evaluation it is."""


def answers_of(run: Run, asked: Asked) -> Answered | None:
    """The answers of a run to a split, as its evaluation at `asked.step` kept them; None where it kept none."""
    from engine.answers import confusion_of, evaluation_files, predicted_rows

    files = evaluation_files(run.paths.evaluation, asked.split)
    for step, path in reversed(files):
        if asked.step not in (None, step):
            continue
        try:
            content, stamp = read_json(path), f"{run.id} {step} {path.stat().st_mtime_ns}"
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and (rows := predicted_rows(content)):
            return Answered(confusion_of(content)[1], rows, stamp)
    return None


def kept_rows(folder: Path, asked: Asked, stamp: str = "") -> dict[str, Any] | None:
    """An answer kept in `folder`, where it is there with all its images."""
    try:
        found = read_json(folder / asked.file(stamp))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("samples"), list):
        return None
    images = [s.get("image") for s in found["samples"] if isinstance(s, dict)]
    return found if all(Path(image).is_file() for image in images if isinstance(image, str)) else None


def keep_rows(folder: Path, asked: Asked, answer: dict[str, Any], stamp: str = "") -> None:
    """Keep an answer for `kept_rows`; where the folder cannot be written it is simply not kept."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / asked.file(stamp), answer)


def list_rows(
    prepared: Prepared, asked: Asked, images: Path | None, answered: Answered | None = None
) -> dict[str, Any]:
    """The rows asked for.

    Args:
        prepared: the data set with its splits.
        asked: which rows.
        images: the folder that images are written to as PNG files; none are where it is None.
        answered: what a run answered to the split.

    Returns:
        {"split", "class", "total", "start", "samples": [{"row", "true", "input", "image", "predicted"}, …]}; `total`
        counts all rows that fit, `input` is None for images, `image` an absolute path.

    Raises:
        NotFoundError: there is no such split or class, or no answers to choose by.
        OSError: an image cannot be written.
    """
    from engine.samples import pictured

    dataset = prepared.dataset
    if asked.split not in dataset.splits:
        raise NotFoundError(f"there is no {asked.split} split", hint=f"there is: {', '.join(dataset.splits)}")
    split = dataset.splits[asked.split]
    if answered is not None and len(answered.rows) != len(split):
        answered = None  # of other data
    rows = _answered_so(_rows_of(dataset, split, asked.label), dataset, split, asked, answered)
    wanted = rows[asked.start : asked.start + min(asked.count, MOST)].tolist()
    samples = [_sample(dataset, split, row) for row in wanted]
    if answered is not None:
        for sample in samples:
            sample["predicted"] = answered.classes[answered.rows[sample["row"]]]
    if images is not None and pictured(dataset):
        _write_images(images, asked.split, dataset, samples)
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


def _answered_so(
    rows: NDArray[np.int64], dataset: Dataset, split: Split, asked: Asked, answered: Answered | None
) -> NDArray[np.int64]:
    """Those of `rows` with the answers that are asked for."""
    import numpy as np

    if not asked.wrong and asked.predicted is None:
        return rows
    if answered is None:
        raise NotFoundError(
            f"no evaluation kept what was answered to the {asked.split} split",
            hint="name a run; engine evaluate RUN --split SPLIT keeps the answers of a classifier",
        )
    guesses = np.asarray(answered.rows)[rows]
    if asked.predicted is not None:
        if asked.predicted not in dataset.classes:
            raise NotFoundError(
                f"there is no class {asked.predicted!r}", hint=nearest(asked.predicted, dataset.classes)
            )
        rows, guesses = (part[guesses == dataset.classes.index(asked.predicted)] for part in (rows, guesses))
    return rows[guesses != split.labels[rows]] if asked.wrong else rows


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


def _write_images(folder: Path, name: str, dataset: Dataset, samples: Sequence[dict[str, Any]]) -> None:
    from engine.samples import image_of, png

    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        path = folder.absolute() / f"{name}-{sample['row']:06d}.png"
        if not path.exists():
            write_bytes(path, png(image_of(dataset, name, sample["row"])))
        sample["image"] = str(path)
