"""Identical samples: which rows of one split stand in another too, found by hashing each row once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset import Split

Digests = list[bytes]


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """The splits to compare: train with every other, and validation sets with test."""
    known = list(names)
    others = sorted((name for name in known if name != "train"), key=lambda name: (name != "test", name))
    found = [("train", name) for name in others if "train" in known]
    return found + [(name, "test") for name in others if name != "test" and "test" in known]


def input_digests(split: Split) -> Digests:
    """A 16-byte digest of each input; equal inputs have equal ones, however far they are padded."""
    inputs = split.inputs
    if inputs.dtype.kind == "f":
        inputs = inputs + 0.0  # -0.0 becomes 0.0
        inputs[np.isnan(inputs)] = np.nan
    inputs = np.ascontiguousarray(inputs)
    if split.lengths is not None:
        trimmed = (inputs[i, :length] for i, length in enumerate(split.lengths.tolist()))
        return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in trimmed]
    flat = inputs.reshape(len(inputs), -1)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in flat]


def row_digests(inputs: Digests, labels: NDArray[Any]) -> Digests:
    """Input digests with their labels: a row equals another when both input and label do."""
    if labels.dtype.kind == "f" or labels.ndim > 1:
        return [d + row.tobytes() for d, row in zip(inputs, np.ascontiguousarray(labels), strict=True)]
    return [d + label.to_bytes(8, "little", signed=True) for d, label in zip(inputs, labels.tolist(), strict=True)]


def group_numbers(digests: Digests) -> NDArray[np.int64]:
    """(n,) a number for each distinct input, counted by first appearance."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(d, len(seen)) for d in digests], np.int64)


def across(digests: Mapping[str, Digests]) -> dict[str, dict[str, int]]:
    """For each pair of splits there is: how many rows of the later one stand in the earlier, and how many distinct.

    Returns:
        {"train/test": {"rows": 773, "distinct": 201}, …}
    """
    found = {}
    for earlier, later in pairs(digests):
        known = set(digests[earlier])
        hits = [d for d in digests[later] if d in known]
        found[f"{earlier}/{later}"] = {"rows": len(hits), "distinct": len(set(hits))}
    return found


def known_rows(earlier: Digests, later: Digests) -> NDArray[np.bool_]:
    """(n,) whether each row of the later split stands in the earlier one."""
    known = set(earlier)
    return np.array([digest in known for digest in later], np.bool_)


def fingerprint(digests: Mapping[str, Digests], classes: tuple[str, ...]) -> str:
    """What tells this data, its order, labels and splits from any other: 32 hexadecimal digits."""
    total = hashlib.blake2b("\0".join(classes).encode("utf-8", "surrogatepass"), digest_size=16)
    for name in sorted(digests):
        total.update(f"\0{name}\0{len(digests[name])}\0".encode())
        total.update(b"".join(digests[name]))
    return total.hexdigest()
