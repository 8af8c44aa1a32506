"""What differs between runs and how they scored, as lines: a column a run, deltas to the baseline's scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.style import Style

from engine.compare import comparability
from engine.jsonio import number as as_number
from tui.comparison import Comparison
from tui.scores import smaller_is_better
from tui.text import dash, ellipsis_mark, fit, number, pad, safe, setting, wrap
from tui.theme import Inks, symbol
from tui.widgets.table import Line

_LEAST, _MOST = 9, 18
"""Cells of a run's column."""
_EASY = 10
"""Cells that it has before names take what is left."""
_DELTA, _BOTH = 8, 16
"""Cells of a difference, and of a column that has room for the value before it."""
_MOST_ABOVE = 4
"""Lines above a table that tell what is to be known of it; more of them stand below it."""
_NEUTRAL = ("minutes", "epochs", "parameters", "best epoch")
"""Figures of which neither more nor less is better."""
_ABSENT = object()
_FIRST = ("accuracy", "cer", "rmse", "bits_per_character", "macro_f1", "loss")


def columns_in_sight(count: int, room: int, cursor: int, pinned: int | None) -> list[int]:
    """Which of `count` columns are shown where there is room for some: the pinned one and that of the cursor always.

    A pinned one that would be out of sight stands first.
    """
    shown = min(count, max(1, room))
    first = max(0, min(cursor - shown // 2, count - shown))
    places = list(range(first, first + shown))
    if pinned is None or pinned in places or shown < 2:
        return places
    places.remove(places[-1] if cursor != places[-1] else places[0])
    return [pinned, *places]


def more_columns(hidden: int, ink: Inks) -> list[Line]:
    """How many columns are out of sight, and what brings them there."""
    if hidden <= 0:
        return []
    noun = "run" if hidden == 1 else "runs"
    return [[(f" {hidden} {noun} more: ", ink.muted), ("← →", ink.key), (" moves on", ink.muted)], []]


def _key_width(width: int) -> int:
    return max(12, min(28, width // 3))


def _wider(found: Comparison, key: int, width: int, columns: int) -> int:
    """Cells of the names: as many as the longest one takes, where the columns leave them."""
    names = [*found.table["settings"], *(_base(name) for name in found.table["metrics"])]
    longest = max(map(len, map(safe, names)), default=0)
    return max(key, min(longest + 2, width - 1 - columns * (_EASY + 1)))


def comparison_lines(
    found: Comparison, cursor: int, colours: Sequence[Style], width: int, ink: Inks, *, values: bool = False
) -> list[Line]:
    """The settings that differ, then the scores.

    Args:
        cursor: number of the run whose column is to be in sight.
        colours: of the runs' curves.
        values: show the scores themselves rather than the differences, where there is no room for both.
    """
    if not found.runs:
        return [[(" These runs are no longer there.", ink.warning)]]
    base = next((place for place, run in enumerate(found.runs) if run.id == found.baseline), None)
    shown = columns_in_sight(len(found.runs), (width - _key_width(width) - 1) // (_LEAST + 1), cursor, base)
    key = _wider(found, _key_width(width), width, len(shown))
    wide = max(_LEAST, min(_MOST, (width - key - 1) // max(1, len(shown)) - 1))
    table = _Table(found, shown, key, wide, colours, cursor, ink, values)
    metrics = _ordered(_told_once(found.table["metrics"]))
    first = [(key, row) for key, row in metrics if _is_first(key)]
    above, below = placed(_warnings(found, width, ink), len(found.table.get("apart", {})), ink)
    lines = [*above, *table.head("scores"), *table.metrics(first)]
    lines += [[], *table.head("what differs")]
    settings = found.table["settings"]
    if not settings:
        lines.append([(" the settings are the same" if len(found.runs) > 1 else " there is one run only", ink.muted)])
    lines += [table.setting(key, row) for key, row in settings.items()]
    rest = [(key, row) for key, row in metrics if not _is_first(key)]
    lines += [[], *table.head("more scores"), *table.by_split(rest)] if rest else []
    return more_columns(len(found.runs) - len(shown), ink) + lines + below


def _warnings(found: Comparison, width: int, ink: Inks) -> list[Line]:
    """Which runs' scores are not to be set against the baseline's."""
    lines: list[Line] = []
    for words in comparability(found.table) if "apart" in found.table else []:
        rows = wrap(safe(words), max(8, width - 5))
        lines += [[(f" {symbol('warning') if not at else ' '} {row}", ink.warning)] for at, row in enumerate(rows)]
    return lines


def placed(told: list[Line], refused: int, ink: Inks) -> tuple[list[Line], list[Line]]:
    """What is to be known of a table, above it; of much of that a line, and the rest below it.

    Args:
        told: the lines.
        refused: of how many runs they say that no difference is formed.
    """
    if len(told) <= _MOST_ABOVE:
        return [*told, []] if told else [], []
    runs = f"{refused} {'run' if refused == 1 else 'runs'}" if refused else "some runs"
    words = f" {symbol('warning')} no difference is formed for {runs}: see below"
    return [[(words, ink.warning)], []], [[], *told]


def _told_once(metrics: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without the scores of a checkpoint that are those of the split's final evaluation in every run."""
    repeated = {
        split
        for split in {_split(key) for key in metrics}
        if (plain := split.removesuffix("_best").removesuffix("_last")) != split
        and all(
            value == metrics.get(f"{plain}/{_base(key)}", {}).get(run)
            for key, row in metrics.items()
            if _split(key) == split
            for run, value in row.items()
        )
    }
    return {key: row for key, row in metrics.items() if _split(key) not in repeated}


def _split(key: str) -> str:
    return key.rpartition("/")[0]


def _base(key: str) -> str:
    """A score without its split, but where it stands alone."""
    return key if _is_first(key) else key.rpartition("/")[2]


def _is_first(key: str) -> bool:
    """Whether a score is among those that decide."""
    split, _, base = key.rpartition("/")
    return key.startswith("best ") or key in _NEUTRAL or (split == "test" and base in _FIRST)


def _end_of(text: str, width: int) -> str:
    """The end of a text that is too long: of dotted names it tells more than the beginning."""
    if len(text) <= width:
        return text
    mark = ellipsis_mark()
    return mark + text[len(text) - width + len(mark) :]


def _ordered(metrics: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The best value, scores on the test split, those on others, then time and size."""

    def rank(key: str) -> tuple[int, int, str, int, str]:
        split, _, base = key.rpartition("/")
        place = _FIRST.index(base) if base in _FIRST else len(_FIRST)
        group = 0 if key.startswith("best ") else 1 if key.startswith("test/") else 2 if "/" in key else 3
        kind = next((i for i, name in enumerate(("test", "val", "train")) if split.startswith(name)), 3)
        return group, kind if group else key == "best epoch", split if group else "", place, key

    told = [key for key in metrics if not key.endswith("/majority")]
    return [(key, metrics[key]) for key in sorted(told, key=rank)]


class _Table:
    """Rows of one column a run."""

    def __init__(
        self,
        found: Comparison,
        shown: Sequence[int],
        key: int,
        wide: int,
        colours: Sequence[Style],
        cursor: int,
        ink: Inks,
        values: bool,
    ) -> None:
        self.found, self.shown, self.key, self.wide = found, shown, key, wide
        self.colours, self.cursor, self.ink, self.values = colours, cursor, ink, values

    def head(self, title: str) -> list[Line]:
        line: Line = [(pad(f" {title}", self.key), self.ink.strong)]
        for place in self.shown:
            run = self.found.runs[place]
            mark = f"{symbol('star')}" if run.id == self.found.baseline else ""
            style = self.colours[place] + Style(bold=True, underline=place == self.cursor)
            line += [(" ", self.ink.text), (pad(f"{mark}{run.id}", self.wide, right=True), style)]
        return [line]

    def setting(self, key: str, row: dict[str, Any]) -> Line:
        """A setting's values; of a long name its end."""
        base = row.get(self.found.baseline, _ABSENT)
        line: Line = [(pad(f" {_end_of(safe(key), self.key - 2)}", self.key), self.ink.muted)]
        for place in self.shown:
            run = self.found.runs[place].id
            text = safe(setting(row[run]), self.wide) if run in row else dash()
            style = self.ink.muted if row.get(run, _ABSENT) == base else self.ink.text
            line += [(" ", self.ink.text), (pad(text, self.wide, right=True), style)]
        return line

    def metrics(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[Line]:
        """A line for each score."""
        return [self.metric(key, row, key) for key, row in rows]

    def by_split(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[Line]:
        """A line for each score below the name of its split, which all of them would begin with."""
        lines: list[Line] = []
        split = ""
        for key, row in rows:
            if _split(key) != split:
                split = _split(key)
                lines.append([(f" {safe(split, self.key - 1)}", self.ink.text)])
            lines.append(self.metric(key, row, _base(key) if split else key))
        return lines

    def metric(self, key: str, row: dict[str, Any], title: str) -> Line:
        """The baseline's value, and by how much the others differ from it; the best of all is bold."""
        deltas = self.found.table["deltas"].get(key, {})
        line: Line = [(pad(f" {fit(safe(title), self.key - 1)}", self.key), self.ink.muted)]
        best = self._best(key, row)
        for place in self.shown:
            run = self.found.runs[place].id
            cells = self._cell(key, row.get(run), deltas.get(run))
            more = Style(bold=True) if run in best else Style()
            line += [(" ", self.ink.text), *((text, style + more) for text, style in cells)]
        return line

    def _best(self, key: str, row: dict[str, Any]) -> list[str]:
        """The runs that score best, of several whose scores may be set against the baseline's."""
        unlike = self.found.table.get("apart", {})
        known = {
            run: float(value) for run, value in row.items() if run not in unlike and math.isfinite(as_number(value))
        }
        if key in _NEUTRAL or len(set(known.values())) < 2:
            return []
        top = (min if smaller_is_better(key.removeprefix("best ")) else max)(known.values())
        return [run for run, value in known.items() if value == top]

    def _cell(self, key: str, value: Any, delta: float | None) -> Line:
        if value is None:
            return [(pad(dash(), self.wide, right=True), self.ink.faint)]
        if key in _NEUTRAL:
            return [(pad(_amount(key, as_number(value)), self.wide, right=True), self.ink.text)]
        plain = number(as_number(value))
        if delta is None:
            return [(pad(plain, self.wide, right=True), self.ink.text)]
        text = _difference(delta, as_number(value) - delta)
        better = (delta < 0) is smaller_is_better(key.removeprefix("best "))
        style = self.ink.muted if delta == 0 else self.ink.good if better else self.ink.bad
        if self.wide >= _BOTH and len(plain) + len(text) < self.wide:
            return [(pad(plain, self.wide - _DELTA, right=True), self.ink.text), (pad(text, _DELTA, right=True), style)]
        return [(pad(plain if self.values else text, self.wide, right=True), style)]


def _difference(delta: float, base: float) -> str:
    """By how much a value differs, with as many decimals as the value itself is shown with."""
    shown = number(base).partition(".")[2]
    rounded = f"{delta:+,.{len(shown)}f}"
    if (base and not shown.isdigit()) or len(rounded) > _LEAST:
        return f"{'+' if delta >= 0 else ''}{number(delta, 3)}"
    return rounded


def _amount(key: str, value: float) -> str:
    """A count or a time, whole where it is whole."""
    if value == value and abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    if key in ("epochs", "best epoch") and math.isfinite(value):
        return f"{value:.4g}"
    return f"{value:.1f}" if key == "minutes" else number(value)


def as_table(found: Comparison) -> str:
    """The same as a Markdown table, for the clipboard: all runs, plain values."""
    ids = [run.id for run in found.runs]
    rows = [["", *ids], ["---", *["---:"] * len(ids)]]
    for part in ("settings", "metrics"):
        for key, row in found.table[part].items():
            shown = setting if part == "settings" else (lambda value: number(as_number(value)))
            rows.append([safe(key), *(safe(shown(row[run])) if run in row else "" for run in ids)])
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
