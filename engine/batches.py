"""A split as tensors on the device, and the order its batches come in.

The order of epoch e is drawn from the seed and e alone, so a position in training is just an epoch and a batch number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.dataset import Dataset, Split
from engine.errors import SettingsError
from engine.warp import resized

Tensor = torch.Tensor

_POOL = 32
"""Batches whose samples are sorted by length together: nearly no padding, and still mixed well."""

_COPIED = 2**28
"""Bytes up to which a split is put in an epoch's order as a whole, so that a batch is a view; images are not, since
taking a batch of them costs no more than copying them, and a copy of all of them at once is memory for each epoch."""

_VIEWS = 20_000
"""Batches of an epoch up to which a view of each is made at its beginning."""

_ORDER = 7
"""Keeps the draws for the order apart from other uses of the seed."""


@dataclass(slots=True)
class Batch:
    """Samples ready for the model. Not frozen, which would cost a small model's step a hundredth of its time."""

    inputs: Tensor
    labels: Tensor
    lengths: Tensor | None
    label_lengths: Tensor | None = None
    positions: Tensor | None = None
    """(n, longest) column of the image that each label token stands at."""

    def __len__(self) -> int:
        return self.labels.shape[0]

    def logits(self, model: torch.nn.Module) -> Tensor:
        """What the model makes of it: (n, classes), or (n, positions, classes)."""
        result: Tensor = model(self.inputs) if self.lengths is None else model(self.inputs, self.lengths)
        return result


class DeviceSplit:
    """A whole split on the device: images stay bytes and are normalised batch by batch, features once."""

    def __init__(self, dataset: Dataset, split: Split, device: torch.device, pad_to: int | None = None) -> None:
        self.kind = dataset.kind
        self.device = device
        self._padded = pad_to is not None
        inputs = split.inputs if pad_to is None or dataset.kind != "sequence" else _padded(split, pad_to)
        self.inputs = _moved(inputs, _TYPES[dataset.kind], device)
        self.labels = _moved(split.labels, np.float32 if split.form == "numbers" else np.int64, device)
        self.lengths = None if split.lengths is None else _moved(split.lengths, np.int64, device)
        self.label_lengths = None if split.label_lengths is None else _moved(split.label_lengths, np.int64, device)
        self.positions = None if split.positions is None else _moved(split.positions, np.float32, device)
        self.row_lengths = None if split.lengths is None else np.asarray(split.lengths)
        self._resize = dataset.resize
        self.channels_last = False
        """Whether images are handed out with their channels last in memory."""
        self._normaliser = _normaliser(dataset, device)
        if self.kind == "features":
            self.inputs = self._normalised(self.inputs)

    def __len__(self) -> int:
        return self.labels.shape[0]

    def batch(
        self,
        inputs: Tensor,
        labels: Tensor,
        lengths: Tensor | None,
        longest: int | None,
        label_lengths: Tensor | None = None,
        positions: Tensor | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> Batch:
        """Raw rows as the model takes them.

        Args:
            longest: the length sequences are cut to.
            change: what is done to images before they are normalised.
        """
        if self.kind == "image":
            inputs = self._images(inputs, change)
        elif longest is not None and not self._padded:
            inputs = inputs[:, :longest]
        return Batch(inputs, labels, lengths, label_lengths, positions)

    def _images(self, inputs: Tensor, change: Callable[[Tensor], Tensor] | None) -> Tensor:
        if self._resize is not None:
            inputs = resized(inputs, (self._resize, self._resize))
        if change is not None:
            inputs = change(inputs)
        # float() copies, so that normalising in place leaves the split as it is
        images = self._normalised(inputs.float())
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images

    def _normalised(self, inputs: Tensor) -> Tensor:
        if self._normaliser is None:
            return inputs
        scale, shift = self._normaliser
        return inputs.mul_(scale).add_(shift)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All samples in their own order; `order` says which rows those are."""
        for start in range(0, len(self), size):
            end = start + size
            longest = None if self.row_lengths is None else max(1, int(self.row_lengths[start:end].max()))
            yield self.batch(
                self.inputs[start:end],
                self.labels[start:end],
                _part(self.lengths, start, end),
                longest,
                _part(self.label_lengths, start, end),
                _part(self.positions, start, end),
            )


def _moved(values: NDArray[Any], kind: Any, device: torch.device) -> Tensor:
    # copied: what a data set returns may be read-only or in another byte order
    return torch.from_numpy(np.array(values, dtype=kind, order="C")).to(device)


def _part(values: Tensor | None, start: int, end: int) -> Tensor | None:
    return None if values is None else values[start:end]


_TYPES = {"features": np.float32, "image": np.uint8, "sequence": np.int64}


def _padded(split: Split, width: int) -> NDArray[np.int64]:
    longest = int(split.lengths.max()) if split.lengths is not None and len(split) else split.inputs.shape[1]
    if longest > width:
        raise SettingsError(
            f"data.pad_to = {width}, but the longest sequence has {longest}", hint=f"give {longest} or more"
        )
    inputs = np.zeros((len(split), width), np.int64)
    kept = min(width, split.inputs.shape[1])
    inputs[:, :kept] = split.inputs[:, :kept]
    return inputs


def image_statistics(inputs: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel of (n, channels, height, width) bytes, of values scaled to 0…1."""
    channels = inputs.shape[1]
    levels = np.arange(256) / 255.0
    means, deviations = [], []
    for channel in range(channels):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(inputs), 4096):
            counts += np.bincount(inputs[start : start + 4096, channel].reshape(-1), minlength=256)
        mean = float((counts * levels).sum() / counts.sum())
        variance = float((counts * (levels - mean) ** 2).sum() / counts.sum())
        means.append(mean)
        deviations.append(max(variance**0.5, 1e-6))
    return tuple(means), tuple(deviations)


def with_statistics(dataset: Dataset) -> Dataset:
    """`dataset` with the statistics to normalise by: of images those of the train split, where it brings none."""
    if dataset.kind != "image" or dataset.normalize is not None:
        return dataset
    return replace(dataset, normalize=image_statistics(dataset.splits["train"].inputs))


def _normaliser(dataset: Dataset, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Factor and offset that turn raw values into normalised ones."""
    if dataset.kind == "sequence" or (dataset.kind == "features" and dataset.normalize is None):
        return None
    mean, deviation = with_statistics(dataset).normalize or ((0.0,), (1.0,))
    unit = 255.0 if dataset.kind == "image" else 1.0
    spread = torch.tensor(deviation, dtype=torch.float64)
    scale = (1.0 / (unit * spread)).float()
    shift = (-torch.tensor(mean, dtype=torch.float64) / spread).float()
    shape = (-1, 1, 1) if dataset.kind == "image" else (-1,)
    return scale.view(shape).to(device), shift.view(shape).to(device)


class TrainBatches:
    """The batches of a train split, epoch by epoch."""

    def __init__(
        self,
        split: DeviceSplit,
        size: int,
        seed: int,
        *,
        shuffle: bool,
        drop_last: bool,
        bucket: bool,
        augment: Callable[..., Tensor] | None = None,
    ) -> None:
        self.split, self.size, self.seed, self.shuffle = split, size, seed, shuffle
        self._augment = augment
        self.bucket = bucket and split.row_lengths is not None
        self.count = len(split) // size if drop_last else -(-len(split) // size)
        """Batches in an epoch."""
        if self.count == 0:
            raise SettingsError(
                f"train.batch_size = {size} with train.drop_last leaves no batch of {len(split)} samples",
                hint="take a smaller batch_size",
            )
        self._epoch = -1
        self._rows: Tensor | None = None
        """The epoch's order, where a batch is gathered when its turn comes."""
        self._inputs, self._labels, self._lengths = split.inputs, split.labels, split.lengths
        self._label_lengths, self._positions = split.label_lengths, split.positions
        self._longest: list[int] | None = None
        self._views: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None = None
        """Inputs and labels of each batch of features, where there are not too many: slicing costs a microsecond."""

    def __getitem__(self, position: tuple[int, int]) -> Batch:
        """The batch at (epoch, number)."""
        epoch, number = position
        if epoch != self._epoch:
            self._begin(epoch)
        if self._views is not None:
            return Batch(self._views[0][number], self._views[1][number], None)
        start = number * self.size
        end = start + self.size
        return self.split.batch(
            self._inputs[start:end] if self._rows is None else self._inputs.index_select(0, self._rows[start:end]),
            self._labels[start:end],
            None if self._lengths is None else self._lengths[start:end],
            None if self._longest is None else self._longest[number],
            _part(self._label_lengths, start, end),
            _part(self._positions, start, end),
            None if self._augment is None else partial(self._augment, epoch=epoch, number=number),
        )

    def stretch(self, epoch: int, first: int, count: int) -> tuple[Tensor, Tensor]:
        """`count` whole batches of features from the `first` on: inputs (count, size, d) and labels (count, size)."""
        if epoch != self._epoch:
            self._begin(epoch)
        rows = slice(first * self.size, (first + count) * self.size)
        inputs = self._inputs[rows] if self._rows is None else self._inputs.index_select(0, self._rows[rows])
        return inputs.view(count, self.size, -1), self._labels[rows].view(count, self.size)

    def _begin(self, epoch: int) -> None:
        """Put the epoch's samples in their order."""
        split = self.split
        order = self.order(epoch)
        if self.shuffle:
            rows = torch.from_numpy(order).to(split.device)
            self._labels = split.labels[rows]
            self._lengths = None if split.lengths is None else split.lengths[rows]
            self._label_lengths = None if split.label_lengths is None else split.label_lengths[rows]
            self._positions = None if split.positions is None else split.positions[rows]
            if split.kind == "image" or split.inputs.nbytes > _COPIED:
                self._rows = rows
            else:
                self._inputs = split.inputs.index_select(0, rows)
        if split.row_lengths is not None:
            lengths = split.row_lengths[order]
            starts = range(0, self.count * self.size, self.size)
            self._longest = [max(1, int(lengths[s : s + self.size].max())) for s in starts]
        if self._rows is None and split.kind == "features" and split.label_lengths is None and self.count <= _VIEWS:
            self._views = torch.split(self._inputs, self.size), torch.split(self._labels, self.size)
        self._epoch = epoch

    def order(self, epoch: int) -> NDArray[np.intp]:
        """The rows of an epoch in the order they come in."""
        n = len(self.split)
        if not self.shuffle:
            return np.arange(n)
        bits = np.random.PCG64(np.random.SeedSequence([self.seed, epoch, _ORDER]))
        order = np.argsort(bits.random_raw(n), kind="stable")
        if not self.bucket:
            return order
        return self._bucketed(order, np.argsort(bits.random_raw(self.count), kind="stable"))

    def _bucketed(self, order: NDArray[np.intp], shuffled: NDArray[np.intp]) -> NDArray[np.intp]:
        """Sort pools of some batches by length, then shuffle the batches; only a smaller last one stays last."""
        lengths = self.split.row_lengths
        assert lengths is not None
        pool = _POOL * self.size
        parts = [order[start : start + pool] for start in range(0, len(order), pool)]
        by_length = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
        batches = [by_length[start : start + self.size] for start in range(0, len(order), self.size)]
        if len(batches[-1]) < self.size:
            shuffled = np.append(shuffled[shuffled < len(batches) - 1], len(batches) - 1)
        return np.concatenate([batches[i] for i in shuffled])
