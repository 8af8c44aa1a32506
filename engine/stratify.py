"""Choosing samples by a seed: stratified, duplicates kept together, the same on every platform and numpy version."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Counts = NDArray[np.int64]


def share_of(total: int, share: float) -> int:
    """How many of `total` samples a share is: rounded up, as the field's splitters do, but not by a rounding error."""
    return math.ceil(total * share - 1e-9)


def seeded_order(count: int, seed: int, purpose: int) -> Rows:
    """A permutation of `count` that depends on nothing but the two numbers.

    Made from the bit generator's raw output, which numpy promises never to change, unlike `Generator.permutation`.
    """
    bits = np.random.PCG64(np.random.SeedSequence([seed, purpose]))
    return np.argsort(bits.random_raw(count), kind="stable") if count else np.zeros(0, np.intp)


def choose(
    labels: NDArray[np.int64],
    count: int,
    *,
    seed: int,
    purpose: int,
    groups: NDArray[np.int64] | None = None,
    leave_one: bool = True,
) -> Rows:
    """Choose `count` rows so that every class has its share of them.

    Args:
        labels: (n,) class of each row.
        count: rows to choose, fewer than n; met exactly unless groups are too large for it.
        seed: decides which; with `purpose` telling apart several choices of one seed.
        groups: (n,) group of each row, numbered from 0 by first appearance; a group is chosen whole or not at all.
        leave_one: leave at least one group of every class behind, so that a class with two is on both sides.

    Returns:
        The rows chosen, ascending.
    """
    groups = np.arange(len(labels)) if groups is None else groups
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    group_class = labels[first]
    order = seeded_order(len(first), seed, purpose)
    per_class = [order[group_class[order] == c] for c in range(int(labels.max()) + 1)]
    # the group a class keeps is its smallest: then the rest can fill its share most exactly
    kept = [_kept(members, sizes) if leave_one else -1 for members in per_class]
    rows = np.array([sizes[m].sum() for m in per_class], np.int64)
    caps = rows - np.array([sizes[k] if k >= 0 else 0 for k in kept], np.int64)
    chosen = np.zeros(len(first), bool)
    for members, keep, quota in zip(per_class, kept, quotas(rows, caps, count), strict=True):
        chosen[_fill(members[members != keep], sizes, int(quota))] = True
    blocked = chosen.copy()
    blocked[[k for k in kept if k >= 0]] = True
    left = count - int(sizes[chosen].sum())
    chosen[_fill(order[~blocked[order]], sizes, left)] = True
    return np.flatnonzero(chosen[groups])


def _kept(members: Rows, sizes: Counts) -> int:
    return int(members[np.argmin(sizes[members])]) if len(members) else -1


def _fill(members: Rows, sizes: Counts, quota: int) -> Rows:
    """The first of `members` that fit into `quota` rows."""
    if quota <= 0 or not len(members):
        return members[:0]
    if sizes[members].max() == 1:
        return members[:quota]
    taken = []
    for member, size in zip(members.tolist(), sizes[members].tolist(), strict=True):
        if size <= quota:
            taken.append(member)
            quota -= size
    return np.array(taken, np.intp)


def quotas(rows: Counts, caps: Counts, count: int) -> Counts:
    """How many of `count` rows each class gives: by largest remainder, at least one where it can, at most its cap."""
    total = max(1, int(rows.sum()))
    quota, remainder = np.divmod(rows * count, total)
    by_remainder = np.argsort(-remainder, kind="stable")
    quota[by_remainder[: count - int(quota.sum())]] += 1
    quota = np.minimum(quota, caps)
    missing = count - int(quota.sum())
    for c in np.argsort(-(caps - quota), kind="stable"):
        given = min(missing, int(caps[c] - quota[c]))
        quota[c] += given
        missing -= given
    for c in np.argsort(-rows, kind="stable"):
        if quota[c] == 0 and caps[c] > 0:
            donor = int(np.argmax(quota))
            if quota[donor] <= 1:
                break
            quota[donor] -= 1
            quota[c] += 1
    return quota
