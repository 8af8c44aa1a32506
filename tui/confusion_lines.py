"""Which class is taken for which, in two runs: the difference as a matrix, the largest changes, both matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size
from textual.app import App

from engine.class_scores import Change, ClassComparison, changes
from engine.scored import Scored
from tui.class_lines import BETTER, WORSE, notes, split_title
from tui.plots.inks import shade_style
from tui.plots.matrix import draw_matrix
from tui.text import pad, safe
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.run_data import styled
from tui.widgets.table import Line

MOST_CHANGES = 40
"""Pairs listed."""
_LABEL = 14
_BESIDE = 100
"""From this width on two matrices stand beside each other where they fit."""


def confusion_lines(app: App[Any], found: ClassComparison, run: str, width: int, ink: Inks) -> list[Line]:
    """What the marked run does otherwise than the baseline."""
    base, other = found.of(found.base), found.of(run)
    found = _of_pair(found, run)
    lines: list[Line] = [[(f" confusions on the {split_title(found.split)} split", ink.strong)]]
    if other is None or (base is None and not found.scored):
        return lines + notes(found, width, ink)
    if base is None or other is base or run in found.refused:
        if other is base and len(found.scored) > 1:
            words = f" {run} is the baseline: "
            lines.append([(words, ink.muted), ("← →", ink.key), (" mark the run to lay beside it", ink.muted)])
        return lines + notes(found, width, ink) + [[], *_matrix(app, other, width)]
    found_changes = changes(base, other)
    lines = [_title(app, found, base, other, ink), *notes(found, width, ink), []]
    if not found_changes:
        return [*lines, [(" no difference: the same confusions", ink.muted)], [], *_matrix(app, other, width)]
    difference = _difference(app, base, other, found_changes, width, ink)
    left = max(_cells(line) for line in difference) + 3
    listed = _changes(app, found_changes, base.run, other.run, min(width, 90), ink)
    if left + max(map(_cells, listed)) + 1 <= width:
        lines += _beside(difference, listed, left, ink)
    else:
        lines += [*difference, [], *listed]
    return [*lines, [], *_both(app, base, other, width, ink)]


def _of_pair(found: ClassComparison, run: str) -> ClassComparison:
    """With what is said of the baseline and of a run alone: the other runs' troubles are none of this view's."""
    own = (found.base, run)
    told = [(runs, words) for runs, _, words in (line.partition(": ") for line in found.told)]
    return msgspec.structs.replace(
        found,
        missing={one: why for one, why in found.missing.items() if one in own},
        refused={one: why for one, why in found.refused.items() if one in own},
        told=tuple(f"{run}: {words}" for runs, words in told if run in runs.split(", ")),
    )


def _cells(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


def _beside(left: Sequence[Line], right: Sequence[Line], at: int, ink: Inks) -> list[Line]:
    """Lines with others that begin at a column."""
    lines: list[Line] = []
    for place in range(max(len(left), len(right))):
        first = left[place] if place < len(left) else []
        second = right[place] if place < len(right) else []
        lines.append([*first, (" " * max(1, at - _cells(first)), ink.text), *second])
    return lines


def _title(app: App[Any], found: ClassComparison, base: Scored, other: Scored, ink: Inks) -> Line:
    right = [sum(one.confusion[i][i] for i in range(len(one.confusion))) for one in (base, other)]
    words = f" {base.run} {symbol('right')} {other.run} on the {split_title(found.split)} split"
    total = sum(map(sum, other.confusion))
    counts = f"   {right[0]:,} {symbol('right')} {right[1]:,} of {total:,} right   "
    better, worse = (shade_style(app, color, 0.6) for color in (BETTER, WORSE))
    legend: Line = [(" better ", better), (" ", ink.text), (" worse ", worse)]
    return [(words, ink.strong), (counts, ink.muted), *legend, ("  + more, - fewer samples", ink.muted)]


def _difference(
    app: App[Any], base: Scored, other: Scored, found: Sequence[Change], width: int, ink: Inks
) -> list[Line]:
    """The signed matrix, of all classes where they fit, else of those that changed most."""
    names = list(dict.fromkeys((*base.classes, *other.classes)))
    values = {(change.true, change.predicted): change for change in found}
    label = max(4, min(_LABEL, max(cell_len(safe(name)) for name in names)))
    digits = max(len(f"{change.difference:+,.0f}") for change in found)
    cell = digits + 1
    room = max(2, (width - label - 3) // cell)
    shown, lines = names, []
    if len(names) > room:
        shown = _most_changed(names, found, room)
        lines.append([(f" the {len(shown)} of {len(names)} classes that changed most", ink.muted)])
    lines.append([(pad(" true", label + 2), ink.muted), ("answered", ink.muted)])
    heads = "".join(pad(head, cell, right=True) for head in _heads(shown, cell - 1))
    lines.append([(" " * (label + 2), ink.text), (heads, ink.muted)])
    largest = max(abs(change.difference) for change in found)
    for true in shown:
        line: Line = [(f" {pad(safe(true, label), label)} ", ink.text)]
        line += [_signed(app, values.get((true, predicted)), largest, cell, ink) for predicted in shown]
        lines.append(line)
    return lines


def _heads(names: Sequence[str], width: int) -> list[str]:
    """Names above narrow columns: their beginnings, or where those are alike their ends.

    They are cut without an ellipsis: two letters say more than one and a mark.
    """
    plain = [safe(name) for name in names]
    begins = [set_cell_size(name, min(width, cell_len(name))) for name in plain]
    if len(set(begins)) >= len(set(plain)) / 2:
        return begins
    return [name[-width:] if name.isascii() else begin for name, begin in zip(plain, begins, strict=True)]


def _most_changed(names: Sequence[str], found: Sequence[Change], count: int) -> list[str]:
    weights = dict.fromkeys(names, 0.0)
    for change in found:
        for name in {change.true, change.predicted}:
            weights[name] += abs(change.difference)
    chosen = set(sorted(names, key=lambda name: -weights[name])[:count])
    return [name for name in names if name in chosen]


def _signed(app: App[Any], change: Change | None, largest: float, cell: int, ink: Inks) -> Any:
    if change is None:
        return pad(".", cell, right=True), ink.faint
    share = (abs(change.difference) / largest) ** 0.6
    style = shade_style(app, BETTER if change.better else WORSE, 0.1 + 0.9 * share)
    return pad(f"{change.difference:+,.0f}", cell, right=True), style


def _changes(app: App[Any], found: Sequence[Change], base: str, run: str, width: int, ink: Inks) -> list[Line]:
    """The pairs, with their counts."""
    room = max(8, min(24, (width - 36) // 2))
    head = f" {pad('true', room)}  {pad('answered', room)}{pad(base, 9, right=True)}{pad(run, 9, right=True)}"
    lines: list[Line] = [[(" what changed most", ink.strong)], [(head, ink.muted), (f"{'change':>10}", ink.muted)]]
    for change in found[:MOST_CHANGES]:
        right = change.true == change.predicted
        answered = "right" if right else safe(change.predicted, room)
        style = shade_style(app, BETTER if change.better else WORSE, 0.45)
        lines.append(
            [
                (f" {pad(safe(change.true, room), room)}  ", ink.text),
                (pad(answered, room), ink.muted if right else ink.text),
                (f"{change.before:>9,}{change.after:>9,}  ", ink.text),
                (f"{change.difference:>+7,.0f} ", style),
            ]
        )
    if len(found) > MOST_CHANGES:
        lines.append([(f" {len(found) - MOST_CHANGES:,} smaller changes more", ink.muted)])
    return lines


def _matrix(app: App[Any], one: Scored, width: int) -> list[Line]:
    return styled(app, draw_matrix(one.confusion, one.classes, width - 2, ascii_only=ascii_mode()))


def _both(app: App[Any], base: Scored, other: Scored, width: int, ink: Inks) -> list[Line]:
    """The two matrices, side by side where there is room."""
    half = width // 2 - 1
    left, right = ([[(f" {one.run}", ink.strong)], *_matrix(app, one, half)] for one in (base, other))
    if width < _BESIDE or len(left) < len(base.classes) + 1:  # too narrow: it became a list of pairs
        tall = [[[(f" {one.run}", ink.strong)], *_matrix(app, one, width)] for one in (base, other)]
        if width < _BESIDE or len(tall[0]) > len(base.classes):
            return [*tall[0], [], *tall[1]]
    return _beside(left, right, half + 1, ink)
