"""Values of each layer over the steps, such as gradient norms: one two-dimensional file a quantity, not one a layer.

A record is `(int64 step, float64 unix time, float64 × layers)`, little-endian, appended by a single write;
`layers.json` beside the files names the layers. Readers take whole records only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.jsonio import read_json, write_bytes, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDER = "layers"
QUANTITIES = ("grad_norm", "update_ratio")
_SUFFIX = ".rows"


@dataclass(frozen=True)
class LayerValues:
    """One quantity of every layer at some steps."""

    layers: list[str]
    step: NDArray[np.int64]
    time: NDArray[np.float64]
    value: NDArray[np.float64]
    """(records, layers)"""


class LayerWriter:
    """Appends records to the layer files of one run."""

    def __init__(self, series: Path, layers: Sequence[str]) -> None:
        self.folder = series / FOLDER
        self.layers = list(layers)
        self._record = struct.Struct(f"<qd{len(layers)}d")
        self._descriptors: dict[str, int] = {}

    def log(self, step: int, quantity: str, values: Sequence[float]) -> None:
        """Append one record.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        if quantity not in self._descriptors:
            self._open(quantity)
        data = self._record.pack(step, clock.time(), *values)
        if os.write(self._descriptors[quantity], data) != len(data):
            raise OSError(errno.ENOSPC, f"no space left while writing {quantity} of the layers")

    def _open(self, quantity: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "layers.json").exists():
            write_json(self.folder / "layers.json", {"layers": self.layers})
        path = self.folder / (quantity + _SUFFIX)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(descriptor).st_size
        if size % self._record.size:  # a kill or a full disk left part of a record
            os.ftruncate(descriptor, size - size % self._record.size)
        self._descriptors[quantity] = descriptor


def read_layers(series: Path, quantity: str) -> LayerValues | None:
    """A quantity of all layers; None where the run has none, or its names cannot be read."""
    import numpy as np

    try:
        layers = [str(name) for name in read_json(series / FOLDER / "layers.json")["layers"]]
        data = (series / FOLDER / (quantity + _SUFFIX)).read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    kind = np.dtype([("step", "<i8"), ("time", "<f8"), ("value", "<f8", (len(layers),))])
    records = np.frombuffer(data, kind, len(data) // kind.itemsize)
    return LayerValues(layers, records["step"], records["time"], records["value"])


def cut_layers(series: Path, last_step: int) -> None:
    """Drop every record after `last_step`; the whole old files are kept under `.cut/` beside them."""
    import numpy as np

    for quantity in QUANTITIES:
        found = read_layers(series, quantity)
        if found is None or not len(found.step) or found.step[-1] <= last_step:
            continue
        path = series / FOLDER / (quantity + _SUFFIX)
        attic = series / FOLDER / ".cut"
        attic.mkdir(exist_ok=True)
        number = 1 + sum(1 for _ in attic.glob(f"{quantity}-*"))
        with contextlib.suppress(OSError):  # a file system without hard links: then only the kept part remains
            os.link(path, attic / f"{quantity}-{number}{_SUFFIX}")
        kept = int(np.searchsorted(found.step, last_step, side="right"))
        size = 16 + 8 * len(found.layers)
        write_bytes(path, path.read_bytes()[: kept * size])
