"""What seeds make of a difference, as lines: mean and deviation of each group, tests against the baseline's."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.style import Style

from engine.paired_answers import ModelTest
from engine.significance import CANNOT_TELL, Contrast, Group, Significance
from tui.class_lines import split_title
from tui.scores import smaller_is_better
from tui.text import dash, number, safe, wrap
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.table import Column, Line, arrange, draw_row

_COLUMNS = (
    Column("group", "group", 14, 26),
    Column("n", "n", 2, right=True, rank=3),
    Column("mean", "mean", 17, 19, right=True),
    Column("difference", "difference", 10, right=True, rank=1),
    Column("interval", "95 % interval", 19, right=True, rank=4),
    Column("p", "p", 7, right=True, rank=2),
    Column("verdict", "", 26, 40),
    Column("dots", "each seed", 20, 44, rank=5),
)

_OF_TESTS = ("difference", "interval", "p", "verdict")


def seed_lines(
    found: Significance, models: Sequence[ModelTest], star: str, width: int, ink: Inks, better: Style, worse: Style
) -> list[Line]:
    """A table for each score, then what the models' own answers say.

    Args:
        star: the run that is the baseline.
        better: the style of a difference for the better.
        worse: of one for the worse.
    """
    arranged = arrange(_columns(found), max(10, width - 2))
    lines: list[Line] = []
    for metric in found.metrics:
        lines += [*_table(found, metric, arranged, ink, better, worse), []]
    if not found.groups:
        lines += [[(" none of these runs has finished: there is nothing to test", ink.muted)], []]
    lines += _words(found, width, ink)
    if models:
        lines += [
            [],
            [(" the models themselves", ink.strong), ("   on the same samples, whatever their seeds", ink.muted)],
        ]
        lines += [line for test in models for line in _model(test, width, ink, better, worse)]
        lines += [[], *_said("A difference between two models is one between their settings only where further seeds"
                             " show it too.", width, ink.muted)]  # fmt: skip
    return lines


def _columns(found: Significance) -> list[Column]:
    """Those that say something of these groups, as wide as what they say."""
    verdict = max((len(test.verdict) for test in found.contrasts), default=0)
    name = max((len(safe(group.name)) for group in found.groups), default=0)
    wide = {"group": max(14, min(26, name + 1)), "verdict": min(26, verdict)}
    kept = [column for column in _COLUMNS if verdict or column.key not in _OF_TESTS]
    return [msgspec.structs.replace(column, width=wide.get(column.key, column.width)) for column in kept]


def _table(
    found: Significance, metric: str, arranged: list[tuple[Column, int]], ink: Inks, better: Style, worse: Style
) -> list[Line]:
    head = {column.key: (column.title, ink.muted) for column, _ in arranged}
    head["mean"] = (f"mean {plus_minus()} sd", ink.muted)
    head["group"] = (safe(metric), ink.strong)
    lines: list[Line] = [[(" ", ink.text), *draw_row(arranged, head, ink.text)]]
    groups = [group for group in found.groups if metric in group.values]
    every = [value for group in groups for value in group.values[metric]]
    span = (min(every), max(every))
    tests = {test.group: test for test in found.contrasts if test.metric == metric}
    for group in groups:
        cells = _cells(group, metric, tests.get(group.name), ink, better, worse)
        cells["group"] = (f"{symbol('star') if group.name == found.base else ' '}{safe(group.name)}", ink.text)
        dots = next((width for column, width in arranged if column.key == "dots"), 0)
        cells["dots"] = (_dots(group.values[metric], span, dots), ink.accent)
        lines.append([(" ", ink.text), *draw_row(arranged, cells, ink.text)])
    return lines


def _cells(
    group: Group, metric: str, test: Contrast | None, ink: Inks, better: Style, worse: Style
) -> dict[str, tuple[str, Style]]:
    deviation = group.deviation(metric)
    spread = f" {plus_minus()} {_deviation(group.mean(metric), deviation)}" if deviation is not None else ""
    cells = {"n": (f"{len(group.runs)}", ink.muted), "mean": (f"{number(group.mean(metric))}{spread}", ink.text)}
    if test is None:
        return cells
    real = test.verdict.startswith("distinguishable")
    good = (test.difference < 0) is smaller_is_better(metric.removeprefix("best "))
    style = (better if good else worse) if real else ink.muted
    word = "better" if good else "worse"
    verdict = test.verdict.replace("distinguishable", word) if real else test.verdict
    cells["difference"] = (signed(test.difference), style)
    cells["verdict"] = (safe(verdict), style if real else ink.warning if "cannot tell" in verdict else ink.muted)
    if test.low is not None and test.high is not None:
        cells["interval"] = (between(test.low, test.high), ink.muted)
    cells["p"] = (p_text(test.p), ink.text if real else ink.muted)
    return cells


def _deviation(mean: float, deviation: float) -> str:
    """With as many decimals as the mean, where that says something."""
    if 1e-3 <= abs(mean) < 10 and 5e-5 <= deviation < 1e-3:
        return f"{deviation:.4f}"
    return number(deviation)


def plus_minus() -> str:
    """What stands before a deviation."""
    return "+-" if ascii_mode() else "±"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{'+' if value >= 0 else ''}{number(value)}"


def between(low: float, high: float) -> str:
    """The ends of an interval."""
    return f"{signed(low)} {'..' if ascii_mode() else '…'} {signed(high)}"


def p_text(p: float | None) -> str:
    """A p-value; never a zero."""
    if p is None:
        return dash()
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _dots(values: Sequence[float], span: tuple[float, float], width: int) -> str:
    """Each value as a dot between the least and the largest of all groups."""
    if width < 3:
        return ""
    cells = [" "] * width
    low, high = span
    for value in values:
        at = round((value - low) / (high - low) * (width - 1)) if high > low else width // 2
        cells[at] = {" ": "o" if ascii_mode() else "∙"}.get(cells[at], "8" if ascii_mode() else "●")
    return "".join(cells)


def _words(found: Significance, width: int, ink: Inks) -> list[Line]:
    names = list(dict.fromkeys(test.test for test in found.contrasts if test.test))
    words = [f"tested by {name}" for name in names]
    few = any(test.verdict == CANNOT_TELL for test in found.contrasts)
    if len(found.groups) == 1:
        words.append("all runs have the same settings but for their seeds: there is no second group to test")
    if few:
        words.append("engine train NAME --seeds 5 makes more of a kind")
    words += [f"{group.name}: {_members(group)}" for group in found.groups if len(group.runs) > 1]
    return [line for text in (*words, *found.told) for line in _said(text, width, ink.muted)]


def _members(group: Group) -> str:
    """The runs of a group, each with its seed."""
    kind = "seed and fold" if group.folds else "seed"
    return ", ".join(f"{run} ({kind} {seed})" for run, seed in zip(group.runs, group.seeds, strict=True))


def _said(text: str, width: int, style: Style) -> list[Line]:
    return [[(f" {row}", style)] for row in wrap(safe(text), max(8, min(110, width - 2)))]


def _model(test: ModelTest, width: int, ink: Inks, better: Style, worse: Style) -> list[Line]:
    """The verdict, and below it the numbers."""
    real = test.verdict == "distinguishable"
    style = (better if test.difference > 0 else worse) if real else ink.muted
    verdict = ("better" if test.difference > 0 else "worse") if real else test.verdict
    if "cannot" in verdict:
        style = ink.warning
    p = p_text(test.p) if test.exact or p_text(test.p) == p_text(test.p_least) else (
        f"from {p_text(test.p_least)} to {p_text(test.p)}"
    )  # fmt: skip
    words = (
        f"accuracy {signed(test.difference)} ({between(test.low, test.high)}), McNemar's test p {p}, "
        f"{test.count:,} {split_title(test.split)} samples"
    )
    rows = wrap(words, max(8, width - 6))
    head: Line = [(f" {test.base} {symbol('right')} {test.run}   ", ink.strong), (verdict, style)]
    return [head, *([(f"    {row}", ink.muted)] for row in rows)]
