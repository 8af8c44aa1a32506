"""Bits per character of n-gram models on a text, counted on and scored on the splits that `text_blocks` cuts it into.

    DLTUI_DATA=DIR python benchmarks/ngram.py [--path FILE] [--orders 2 3 4] [--json FILE]

What a language model has to beat. Interpolated Kneser-Ney smoothing (Chen and Goodman 1999), counted on the train
split, its one discount chosen on the validation split, scored on the test split. Blocks are put together again first,
so that an n-gram's context reaches back across their borders, which a model that reads single blocks cannot do.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.timing import report
from engine.data.text_blocks import load
from engine.data_folder import data_root
from engine.dataset import Split

Tokens = NDArray[np.int64]
DISCOUNTS = np.arange(0.05, 1.0, 0.05)


def whole(split: Split) -> Tokens:
    """The tokens (n,) of a split whose blocks do not overlap, as they stand in the text."""
    assert split.lengths is not None
    inside = np.arange(split.inputs.shape[1]) < split.lengths[:, None]
    last = split.labels[-1, split.lengths[-1] - 1]
    return np.append(split.inputs[inside], last)


def grams(tokens: Tokens, order: int, size: int) -> Tokens:
    """Runs of `order` tokens as numbers (n - order + 1,): digits of base `size`, the first token the highest."""
    codes = np.zeros(len(tokens) - order + 1, np.int64)
    for place in range(order):
        codes = codes * size + tokens[place : place + len(codes)]
    return codes


@dataclass(frozen=True)
class Table:
    """Codes in ascending order and a number for each; 0 for all others."""

    codes: Tokens
    counts: Tokens

    def __getitem__(self, wanted: Tokens) -> Tokens:
        places = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.where(self.codes[places] == wanted, self.counts[places], 0)


@dataclass(frozen=True)
class Counts:
    """The counts of one order: of n-grams, of their contexts, and how many distinct tokens follow each context."""

    grams: Table
    contexts: Table
    followers: Table


def counted(tokens: Tokens, order: int, size: int, *, highest: bool) -> Counts:
    """How often each n-gram occurs; below the highest order, before how many distinct tokens' n-grams it stands."""
    codes = grams(tokens, order, size)
    if not highest:
        codes = np.unique(grams(tokens, order + 1, size)) % size**order
    distinct, counts = np.unique(codes, return_counts=True)
    contexts, starts, followers = np.unique(distinct // size, return_index=True, return_counts=True)
    return Counts(Table(distinct, counts), Table(contexts, np.add.reduceat(counts, starts)), Table(contexts, followers))


class KneserNey:
    """p(w | h) = max(c(hw) - D, 0) / c(h) + D · followers(h) / c(h) · p(w | h without its first); at last uniform."""

    def __init__(self, tokens: Tokens, order: int, size: int) -> None:
        self.size = size
        self.orders = [counted(tokens, k, size, highest=k == order) for k in range(1, order + 1)]

    def bits(self, tokens: Tokens, discount: float) -> float:
        """Bits per token of a text, its first one given."""
        # all tokens but padding, the unknown one included, are possible
        chances = np.full(len(tokens) - 1, 1 / (self.size - 1))
        for order, counts in enumerate(self.orders, 1):
            # the first tokens have no context of this length: they keep the order below
            first = max(1, order - 1)
            codes = grams(tokens, order, self.size)[first - order + 1 :]
            chances[first - 1 :] = self._mixed(counts, codes, chances[first - 1 :], discount)
        return float(-np.log2(chances).mean())

    def _mixed(self, counts: Counts, codes: Tokens, below: NDArray[np.float64], discount: float) -> NDArray[np.float64]:
        total = counts.contexts[codes // self.size]
        own = np.maximum(counts.grams[codes] - discount, 0) + discount * counts.followers[codes // self.size] * below
        return np.where(total > 0, own / np.maximum(total, 1), below)


def scores(path: str, orders: list[int], root: Path) -> dict[str, float]:
    """Test bits per character of each order, and of each the discount that was best on the validation split."""
    data = load(root, path=path)
    parts = {name: whole(split) for name, split in data.splits.items()}
    results: dict[str, float] = {}
    for order in orders:
        model = KneserNey(parts["train"], order, len(data.vocabulary))
        discount = float(min(DISCOUNTS, key=lambda d: model.bits(parts["validation"], d)))
        results[f"{order}-gram: test (bits per character)"] = model.bits(parts["test"], discount)
        results[f"{order}-gram: validation (bits per character)"] = model.bits(parts["validation"], discount)
        results[f"{order}-gram: discount"] = discount
    return results


def main() -> None:
    """Count, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default="text/shakespeare.txt.gz")
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    report(scores(chosen.path, chosen.orders, data_root(None)), chosen.json)


if __name__ == "__main__":
    main()
