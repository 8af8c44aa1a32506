"""What the list of runs shows of a view: its rows, under their groups' headings where it gathers them."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass

from engine.grouping import Group
from engine.ordering import BEST, NEWEST, TEST, Order
from engine.row_keys import best_score, test_score
from engine.rows import Row
from engine.view import Column, Outcome, View, apply, read_filter, unknown_key

__all__ = [
    "BEST",
    "NEWEST",
    "TEST",
    "Column",
    "Heading",
    "Item",
    "Order",
    "Outcome",
    "View",
    "apply",
    "lines_of",
    "place_of",
    "read_filter",
    "score",
    "unknown_key",
]


@dataclass(frozen=True)
class Heading:
    """The line above the runs of a group."""

    keys: tuple[str, ...]
    group: Group
    folded: bool = False
    """Whether its runs are hidden."""

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """What tells the group from the others."""
        return self.group.values


Item = Row | Heading


def lines_of(outcome: Outcome, folded: Collection[tuple[Hashable, ...]] = ()) -> list[Item]:
    """The lines of the list: rows, or headings with the rows of those that are not folded."""
    if not outcome.view.groups:
        return list(outcome.rows)
    lines: list[Item] = []
    for group in outcome.groups:
        heading = Heading(outcome.view.groups, group, group.values in folded)
        lines.append(heading)
        if not heading.folded:
            lines += group.rows
    return lines


def place_of(item: Item, above: Heading | None, lines: list[Item], headings: bool) -> int | None:
    """Where a line that was shown stands among others now; None where it is gone.

    Args:
        above: the heading it stood under: a run may stand in several groups.
        headings: whether `lines` has headings.
    """
    if isinstance(item, Heading):
        wanted = item.identity
        return next((i for i, line in enumerate(lines) if isinstance(line, Heading) and line.identity == wanted), None)
    if not headings:
        return next((i for i, line in enumerate(lines) if line is item or line.run == item.run), None)  # type: ignore[union-attr]
    first, under = None, None
    for index, line in enumerate(lines):
        if isinstance(line, Heading):
            under = line
        elif line.run == item.run:
            if above is None or (under is not None and under.identity == above.identity):
                return index
            first = index if first is None else first
    return first


def score(row: Row, key: str) -> tuple[str, float | None]:
    """The metric that a run is judged by (without its split), and its value.

    Args:
        key: BEST or TEST.
    """
    return best_score(row) if key == BEST else test_score(row)
