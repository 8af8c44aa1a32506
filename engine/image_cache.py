"""Decoding many image files at once, and keeping the result as one .npy file in the data folder's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.images import decode

_MOST_THREADS = 8
_SHARE_OF_MEMORY = 0.8


def read_images(files: Sequence[Path], channels: int, size: int | None, cache: Path) -> NDArray[np.uint8]:
    """All `files` as (n, channels, height, width) bytes, from the cache when none of them has changed.

    Args:
        files: at least one.
        channels: 1 or 3.
        size: height and width to resize to; None where all are of one size.
        cache: folder for the decoded arrays; where it cannot be written nothing is kept.

    Raises:
        DataError: one does not decode, sizes differ, or all together do not fit into memory.
    """
    kept = cache / f"{_key(files, channels, size)}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        images: NDArray[np.uint8] = np.load(kept, allow_pickle=False)
        if images.dtype == np.uint8 and images.ndim == 4 and len(images) == len(files):
            return images
    images = _decode_all(files, channels, size)
    _keep(kept, images)
    return images


def _key(files: Sequence[Path], channels: int, size: int | None) -> str:
    """Two parts: which folder and how it is read; and the files in it, with sizes and times."""
    common = os.path.commonpath([f.parent for f in files])
    place = hashlib.blake2b(f"{common}\0{channels}\0{size}".encode("utf-8", "surrogateescape"), digest_size=8)
    content = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror}", hint="check the file") from None
        content.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return f"{place.hexdigest()}-{content.hexdigest()}"


def _keep(path: Path, images: NDArray[np.uint8]) -> None:
    if keep_array(path, images):
        with contextlib.suppress(OSError):
            for outdated in path.parent.glob(f"{path.name.partition('-')[0]}-*.npy"):
                if outdated != path:
                    outdated.unlink(missing_ok=True)


def keep_array(path: Path, images: NDArray[np.uint8]) -> bool:
    """Write an array for later, whole or not at all; False where the folder is read-only or full."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.save(file, images, allow_pickle=False)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    return True


def _decode_all(files: Sequence[Path], channels: int, size: int | None) -> NDArray[np.uint8]:
    wanted = None if size is None else (size, size)
    first = decode(files[0], channels, wanted)
    _check_memory(len(files), first.shape)
    images = np.empty((len(files), *first.shape), np.uint8)

    def fill(row: int) -> None:
        image = decode(files[row], channels, wanted)
        if image.shape != first.shape:
            raise DataError(
                f"images differ in size: {files[0]} is {_shown(first.shape)}, {files[row]} is {_shown(image.shape)}",
                hint="set data.size, which brings them to one height and width as they are read, such as size = 64",
            )
        images[row] = image

    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for _ in pool.map(fill, range(len(files))):  # in order: the first fault is always the same one
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return images


def _shown(shape: tuple[int, ...]) -> str:
    return f"{shape[2]} × {shape[1]}"


def _check_memory(count: int, shape: tuple[int, ...]) -> None:
    import psutil

    needed, free = count * int(np.prod(shape)), psutil.virtual_memory().available
    if needed > free * _SHARE_OF_MEMORY:
        raise DataError(
            f"{count:,} images of {_shown(shape)} take {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free",
            hint="set a smaller data.size, or use fewer images",
        )
