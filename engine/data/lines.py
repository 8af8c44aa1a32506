"""Synthetic lines of handwriting: characters of MNIST or EMNIST side by side, overlapping, and the text they spell."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data import emnist, mnist
from engine.data_folder import expanded
from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError, nearest
from engine.image_cache import keep_array
from engine.images import decode
from engine.line_images import Draws, Glyphs, LineForm, LinePlan, draw_lines, make_lines
from engine.stratify import choose, share_of

TASK = "ctc"
FILES = (
    "MNIST/raw/train-images-idx3-ubyte",
    "MNIST/raw/train-labels-idx1-ubyte",
    "MNIST/raw/t10k-images-idx3-ubyte",
    "MNIST/raw/t10k-labels-idx1-ubyte",
    "EMNIST/raw/emnist-byclass-test-images-idx3-ubyte",
    "EMNIST/raw/emnist-byclass-test-labels-idx1-ubyte",
    "EMNIST/raw/emnist-byclass-mapping.txt",
)
SOURCES = ("mnist", "emnist")

_SIDE = 28
_HELD_OUT = 0.1
"""Share of the train glyphs that only validation lines are made of."""
_PURPOSE = 1_002
"""Keeps the choice of those glyphs apart from others made by the same seed."""
_STREAMS = {"train": 0, "validation": 1, "test": 2}
"""Each split is drawn by itself: the size of one changes nothing in another."""
_MOST_SAMPLES, _LONGEST = 1_000_000, 100
_SHARE_OF_MEMORY = 0.8
_KEPT = 12
"""Arrays that stay in the cache, the newest: those of four settings."""


def load(
    root: Path,
    *,
    source: str = "mnist",
    samples: int = 20_000,
    test_samples: int = 2_000,
    validation_samples: int = 1_000,
    min_length: int = 6,
    max_length: int = 12,
    min_overlap: float = 0.0,
    max_overlap: float = 0.3,
    data_seed: int = 0,
) -> Dataset:
    """Lines of 6 to 12 handwritten characters side by side, overlapping, and the text they spell; generated.

    Train, validation and test lines have no glyph in common: test lines are made of the source's test images,
    validation lines of a tenth of its train images, which no train line has. Every character is equally frequent.
    Labels are tokens; token 0 stands for "no character".

    Args:
        root: the data folder, where the source lies; finished lines are kept in its folder "cache".
        source: mnist (digits) or emnist (digits and letters, of its byclass test file, cut by seed).
        samples: lines to train on.
        test_samples: lines of the test split.
        validation_samples: lines of the validation split; with 0 there is none, and train lines are made of all train
            images.
        min_length: characters of the shortest lines.
        max_length: characters of the longest lines; images are 28 × this wide.
        min_overlap: smallest share of a character's width that the next one lies on; one share a line.
        max_overlap: largest share.
        data_seed: seed of the lines; apart from the run's. Which images belong to which split does not depend on it.

    Raises:
        DataError: a file of the source is absent and cannot be downloaded, or is damaged; the lines do not fit into
            memory.
        SettingsError: an argument out of its range.
    """
    form = LineForm(min_length, max_length, min_overlap, max_overlap)
    counts = {"train": samples, "validation": validation_samples, "test": test_samples}
    _check(source, counts, form, data_seed)
    _check_memory(sum(counts.values()), form)
    given = mnist.load(root) if source == "mnist" else emnist.load(root, part="test")
    parts = _parts(given, held_out=validation_samples > 0)
    cache = root / "cache" / "lines"
    splits = {
        name: _lines(part, counts[name], form, Draws([data_seed, _STREAMS[name]]), cache)
        for name, part in parts.items()
    }
    return Dataset(
        "image",
        splits,
        ("", *given.classes),
        note=f"generated: lines put together from {'MNIST' if source == 'mnist' else 'EMNIST'}'s characters",
        encode=lambda paths: _encode(paths, form),
    )


def _check(source: str, counts: dict[str, int], form: LineForm, data_seed: int) -> None:
    where = "data set 'lines'"
    if source not in SOURCES:
        raise SettingsError(f"{where}: source = {source!r}", hint=nearest(source, SOURCES))
    for split, count in counts.items():
        name, least = ("samples" if split == "train" else f"{split}_samples"), int(split != "validation")
        if not least <= count <= _MOST_SAMPLES:
            raise SettingsError(f"{where}: {name} = {count}; it must be from {least} to {_MOST_SAMPLES:,}")
    if not 1 <= form.min_length <= form.max_length <= _LONGEST:
        raise SettingsError(
            f"{where}: min_length = {form.min_length}, max_length = {form.max_length};"
            f" they must be from 1 to {_LONGEST}, the first not above the second"
        )
    if not 0 <= form.min_overlap <= form.max_overlap <= 0.9:
        raise SettingsError(
            f"{where}: min_overlap = {form.min_overlap}, max_overlap = {form.max_overlap};"
            " they must be shares from 0 to 0.9, the first not above the second"
        )
    if not 0 <= data_seed < 2**32:
        raise SettingsError(f"{where}: data_seed = {data_seed}; it must be from 0 to 2**32 - 1")


def _check_memory(count: int, form: LineForm) -> None:
    import psutil

    needed, free = count * form.max_length * _SIDE * _SIDE, psutil.virtual_memory().available
    if needed > free * _SHARE_OF_MEMORY:
        raise DataError(
            f"{count:,} lines of {_SIDE} × {_SIDE * form.max_length} take {needed / 2**30:.1f} GiB,"
            f" and {free / 2**30:.1f} GiB are free",
            hint="set a smaller data.samples or data.max_length",
        )


def _parts(given: Dataset, *, held_out: bool) -> dict[str, Split]:
    """The glyphs of each split of lines, none of them in two."""
    train, test = given.splits["train"], given.splits["test"]
    if not held_out:
        return {"train": train, "test": test}
    held = choose(train.labels, share_of(len(train), _HELD_OUT), seed=0, purpose=_PURPOSE)
    rest = np.setdiff1d(np.arange(len(train)), held, assume_unique=True)
    return {"train": train.take(rest), "validation": train.take(held), "test": test}


def _lines(part: Split, count: int, form: LineForm, generator: Draws, cache: Path) -> Split:
    lines = make_lines(part.inputs[:, 0], part.labels, count, form, generator, partial(_kept, cache))
    return Split(lines.images, lines.labels, label_lengths=lines.label_lengths, positions=lines.positions)


# --------------------------------------------------------------------------------------------------------------- cache


def _kept(cache: Path, plan: LinePlan, glyphs: Glyphs) -> NDArray[np.uint8]:
    """The images of a plan, from the cache where they are; where it cannot be written nothing is kept."""
    path = cache / f"{_key(plan, glyphs)}.npy"
    count, most = plan.glyphs.shape
    with contextlib.suppress(OSError, ValueError, EOFError):
        images: NDArray[np.uint8] = np.load(path, allow_pickle=False)
        if images.dtype == np.uint8 and images.shape == (count, 1, _SIDE, _SIDE * most):
            return images
    images = draw_lines(plan, glyphs)
    _keep(path, images)
    return images


def _key(plan: LinePlan, glyphs: Glyphs) -> str:
    """A digest of all that the images are made from: every setting that changes them changes the plan."""
    digest = hashlib.blake2b(np.ascontiguousarray(glyphs).data, digest_size=16)
    for part in (plan.glyphs, plan.lengths, plan.steps):
        digest.update(f"{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _keep(path: Path, images: NDArray[np.uint8]) -> None:
    """Keep lines for later, and of all that are kept only the newest."""
    if keep_array(path, images):
        with contextlib.suppress(OSError):
            by_age = sorted(path.parent.glob("[!.]*.npy"), key=lambda p: p.stat().st_mtime_ns)
            for old in by_age[:-_KEPT]:
                old.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------------- command line


def _encode(given: Sequence[str], form: LineForm) -> Split:
    """Image files of one line each, white on black, brought to the height of training with their proportions kept.

    Raises:
        DataError: naming the file that is missing, does not decode or is too wide.
    """
    width = _SIDE * form.max_length
    inputs = np.zeros((len(given), 1, _SIDE, width), np.uint8)
    for row, text in enumerate(given):
        path = expanded(text)
        _, height, columns = decode(path, 1).shape
        fitted = max(1, round(columns * _SIDE / height))
        if fitted > width:
            raise DataError(
                f"{path} is {fitted} columns wide when it is {_SIDE} high; lines of this data set have at most {width}",
                hint="cut it, or train with a larger data.max_length",
            )
        inputs[row, :, :, :fitted] = decode(path, 1, (_SIDE, fitted))
    labels = np.zeros((len(given), form.max_length), np.int64)
    return Split(inputs, labels, label_lengths=np.zeros(len(given), np.int64))
