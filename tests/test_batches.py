"""Batches: buckets, padding, normalisation, order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.batches import DeviceSplit, TrainBatches
from engine.dataset import Dataset, Split
from engine.errors import SettingsError

# -------------------------------------------------------------------------------------------------------------- batches
from tests.rows_world import CPU, rows_of, split_of


def sequences(count: int, longest: int) -> tuple[Dataset, Split]:
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, longest + 1, count)
    inputs = generator.integers(2, 9, (count, longest)) * (np.arange(longest) < lengths[:, None])
    split = Split(inputs, np.arange(count) % 2, lengths)
    return Dataset("sequence", {"train": split}, ("a", "b"), vocabulary=tuple("0123456789")), split


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("count", "size"), [(1000, 7), (70, 7), (5, 7)])
def test_buckets_hold_every_sample_once(count: int, size: int, drop_last: bool) -> None:
    dataset, split = sequences(count, 20)
    on_device = DeviceSplit(dataset, split, CPU)
    if drop_last and count < size:
        with pytest.raises(SettingsError):
            TrainBatches(on_device, size, 0, shuffle=True, drop_last=True, bucket=True)
        return
    batches = TrainBatches(on_device, size, 0, shuffle=True, drop_last=drop_last, bucket=True)
    assert batches.count == (count // size if drop_last else -(-count // size))
    rows = batches.order(0)
    assert sorted(rows) == list(range(count))
    assert batches.count == 1 or not np.array_equal(rows, batches.order(1))
    assert np.array_equal(
        rows, TrainBatches(on_device, size, 0, shuffle=True, drop_last=drop_last, bucket=True).order(0)
    )
    padding = total = 0
    for number in range(batches.count):
        batch = batches[0, number]
        assert batch.lengths is not None
        assert batch.inputs.shape[1] == batch.lengths.max()
        assert len(batch) == size or (number == batches.count - 1 and not drop_last)
        padding += int((batch.inputs == 0).sum())
        total += batch.inputs.numel()
    if count == 1000:
        assert padding < 0.1 * total  # unsorted it would be nearly half


def test_padding_to_a_length() -> None:
    dataset, split = sequences(10, 5)
    assert next(DeviceSplit(dataset, split, CPU, pad_to=12).in_order(4)).inputs.shape == (4, 12)
    with pytest.raises(SettingsError, match="longest sequence has 5"):
        DeviceSplit(dataset, split, CPU, pad_to=4)


def test_images_are_normalised_by_the_train_split() -> None:
    generator = np.random.default_rng(0)
    split = Split(generator.integers(0, 256, (50, 2, 4, 4)).astype(np.uint8), np.arange(50) % 2)
    batch = next(DeviceSplit(Dataset("image", {"train": split}, ("a", "b")), split, CPU).in_order(50))
    torch.testing.assert_close(batch.inputs.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.inputs.std((0, 2, 3), correction=0), torch.ones(2), atol=1e-5, rtol=0)


def test_unshuffled_order_and_seeds() -> None:
    split = split_of(rows_of(20))
    plain = TrainBatches(split, 6, 0, shuffle=False, drop_last=False, bucket=False)
    assert torch.equal(torch.cat([plain[4, n].inputs for n in range(4)]), split.inputs)
    one, other = (TrainBatches(split, 6, seed, shuffle=True, drop_last=False, bucket=False) for seed in (0, 1))
    assert not np.array_equal(one.order(0), other.order(0))
