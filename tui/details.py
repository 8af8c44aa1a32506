"""The details of an experiment: read without Textual, and drawn as lines for any width."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.cells import cell_len
from rich.style import Style

from tui.data_words import balance_lines, class_counts, form_of, quantity_lines, table_of, told
from tui.scores import parted
from tui.text import age, dash, fit, number, pad, percent, safe, setting, wrap
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.table import Line

if TYPE_CHECKING:
    from engine.experiments import Experiment, Problem
    from engine.index import Row
    from tui.store import Store

LABEL = 11
"""Cells of the labels at the left."""
LAST_RUNS = 6
MOST_CLASSES = 24


class Details(msgspec.Struct, frozen=True):
    """What is shown of one experiment."""

    name: str
    description: str = ""
    motivation: str = ""
    tags: tuple[str, ...] = ()
    extends: str = ""
    many: str = ""
    """What one launch makes of it, where that is more than a run."""
    settings: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    """The settings that differ from the defaults, by table."""
    runs: tuple[Row, ...] = ()
    """Its newest runs."""
    problems: tuple[Problem, ...] = ()
    summary: dict[str, Any] | None = None
    """data.json's content; None when nobody has read the data yet."""
    data_state: str = ""
    """What is to be said in place of the summary."""
    data_hint: str = ""


def read(store: Store, name: str) -> Details:
    """Everything of an experiment that can be read at once; the data summary only where it is stored."""
    runs = tuple(store.runs_of(name)[:LAST_RUNS])
    experiment = store.experiment(name)
    if experiment is None:
        file = store.snapshot.file
        problems = file.broken.get(name, ()) if file is not None else ()
        return Details(name, runs=runs, problems=tuple(problems))
    settings = experiment.settings
    return Details(
        name=name,
        problems=tuple(store.snapshot.faults.get(name, ())),
        description=settings.description,
        motivation=settings.motivation,
        tags=tuple(settings.tags),
        extends=experiment.extends or "",
        many=_many(experiment),
        settings=_tables(experiment),
        runs=runs,
        summary=_summary(store, experiment),
    )


def _summary(store: Store, experiment: Experiment) -> dict[str, Any] | None:
    from engine.summary import cached

    if experiment.command is not None:
        return None
    return cached(store.runs, experiment.settings.data, experiment.folder, data_dir=experiment.settings.data_dir)


def _many(experiment: Experiment) -> str:
    parts = [f"{key}: {', '.join(setting(value) for value in values)}" for key, values in experiment.matrix.items()]
    runs = math.prod(len(values) for values in experiment.matrix.values())
    folds = experiment.settings.data.get("folds")
    if isinstance(folds, int) and folds > 1 and experiment.settings.data.get("fold") is None:
        parts.append(f"{folds} folds")
        runs *= folds
    if experiment.seeds and experiment.seeds > 1:
        parts.append(f"{experiment.seeds} seeds")
        runs *= experiment.seeds
    return f"{'; '.join(parts)}: {runs} runs" if parts else ""


def _tables(experiment: Experiment) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for key, value in experiment.differing().items():
        table, _, rest = key.partition(".")
        tables.setdefault(table, {})[rest or "name"] = value
    for table, values in tables.items():
        whole = getattr(experiment.settings, table, None)
        if isinstance(whole, dict) and "name" in whole:
            tables[table] = {"name": whole["name"], **values}
    return tables


# ------------------------------------------------------------------------------------------------------------ drawing


def draw(details: Details, width: int, ink: Inks) -> list[Line]:
    """The details as lines of at most `width` cells."""
    lines: list[Line] = []
    lines += _words(details, width, ink)
    lines += problem_lines(details.problems, width, ink)
    lines += _setting_lines(details, width, ink)
    lines += _class_lines(details, width, ink)
    lines += _run_lines(details.runs, width, ink)
    return lines


def _words(details: Details, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = [[(line, ink.text)] for line in wrap(safe(details.description), width, 6)]
    lines += [[(line, ink.muted)] for line in wrap(safe(details.motivation), width, 8)]
    marks = [f" {symbol('dot')} ".join(safe(tag) for tag in details.tags)] if details.tags else []
    if details.extends:
        marks.append(f"extends {safe(details.extends)}")
    if marks:
        lines.append([(fit("   ".join(marks), width), ink.accent)])
    lines += [[(line, ink.warning)] for line in wrap(safe(details.many), width, 3)]
    return [*lines, []] if lines else []


def problem_lines(problems: Sequence[Problem], width: int, ink: Inks) -> list[Line]:
    """Problems of the experiments file: where, what, and what to do."""
    lines: list[Line] = []
    for problem in problems:
        where = f"line {problem.line}: " if problem.line else ""
        text = safe(f"{where}{problem.key}: {problem.message}" if problem.key else f"{where}{problem.message}")
        for position, line in enumerate(wrap(text, width - 2, 6)):
            mark = symbol("failed") if not position else " "
            lines.append([(f"{mark} ", ink.bad), (line, ink.text)])
        lines += [[("  ", ink.text), (line, ink.muted)] for line in wrap(safe(problem.hint), width - 2, 4)]
    return [*lines, []] if lines else []


def _setting_lines(details: Details, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    for table, values in details.settings.items():
        words = [setting(values["name"])] if "name" in values else []
        words += [f"{safe(key)} {setting(value)}" for key, value in values.items() if key != "name"]
        for position, row in enumerate(_flow(words, width - LABEL)):
            lines.append([(pad(safe(table) if not position else "", LABEL), ink.muted), (row, ink.text)])
    return [*lines, []] if lines else []


def _flow(words: Sequence[str], width: int) -> list[str]:
    """Words set side by side, three cells apart, in as many lines as they need."""
    rows: list[str] = []
    for word in words:
        if rows and cell_len(rows[-1]) + 3 + cell_len(word) <= width:
            rows[-1] += "   " + word
        else:
            rows.append(fit(word, width))
    return rows


def _class_lines(details: Details, width: int, ink: Inks) -> list[Line]:
    if details.summary is not None:
        return [*summary_lines(details.summary, width, ink), []]
    if not details.data_state:
        return []
    lines: list[Line] = [[("Data", ink.strong)]]
    lines += [
        [(line, ink.text if details.data_hint else ink.muted)] for line in wrap(safe(details.data_state), width, 4)
    ]
    lines += [[(line, ink.muted)] for line in wrap(safe(details.data_hint), width, 4)]
    return [*lines, []]


def summary_lines(summary: Mapping[str, Any], width: int, ink: Inks) -> list[Line]:
    """A data summary: the splits' counts, a bar for each class, and what always answering the largest one scores.

    Of texts a bar for each character; of quantities what they are like.
    """
    splits, source = summary.get("splits") or {}, (summary.get("source") or {}).get("train")
    title = {"tokens": "Characters", "numbers": "Quantities"}.get(form_of(summary), "Classes")
    counts = f" {symbol('dot')} ".join(f"{safe(name)} {_count(split):,}" for name, split in splits.items())
    lines: list[Line] = [[(title, ink.strong)], *([(row, ink.text)] for row in wrap(counts, width))]
    majority = summary.get("majority") or {}
    if source:
        lines.append([(fit(_source_words(source, majority), width), ink.muted)])
    lines += _bars(class_counts(summary), width, ink)
    lines += quantity_lines(summary, width, ink)
    if majority.get("class") is not None:
        words = f"always answering {safe(majority['class'])} scores {percent(majority.get('share'))}"
        lines.append([(fit(words, width), ink.warning)])
    lines += balance_lines(summary, width, ink)
    lines += _warnings(summary, width, ink)
    return lines


def _count(split: Mapping[str, Any]) -> int:
    return int(split.get("count") or 0)


def _source_words(source: Mapping[str, Any], majority: Mapping[str, Any]) -> str:
    words = f"train file of {_count(source):,}"
    name = majority.get("class")
    if name is not None and name in table_of(source.get("classes")):
        words += f": {safe(name)} {source['classes'][name]:,} ({percent(majority.get('share'))})"
    return words


def _bars(splits: Mapping[str, Mapping[str, int]], width: int, ink: Inks) -> list[Line]:
    """A bar for each class of the first split; the counts of the others beside it as far as there is room."""
    if not splits:
        return []
    from tui.plots.bars import bars_of, draw_bars

    bars = bars_of(splits)
    height = None if len(bars) <= MOST_CLASSES else MOST_CLASSES + 2
    drawn = draw_bars(bars, width, height, splits=list(splits), ascii_only=ascii_mode())
    return [[(text, _plot_ink(ink, name, weight)) for text, name, weight in line] for line in drawn]


def _plot_ink(ink: Inks, name: str, weight: str) -> Style:
    if weight == "bold":
        return ink.strong
    return {"accent": ink.bar, "muted": ink.muted}.get(name, ink.text)


def _warnings(summary: Mapping[str, Any], width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    for words, serious in told(summary):
        if serious:
            lines += [[(line, ink.warning)] for line in wrap(f"{symbol('warning')} {words}", width, 3)]
    if summary.get("note"):
        lines += [[(line, ink.muted)] for line in wrap(safe(summary["note"]), width, 3)]
    return lines


def _run_lines(runs: Sequence[Row], width: int, ink: Inks) -> list[Line]:
    if not runs:
        return [[(pad("Runs", LABEL), ink.strong), (fit("none yet: enter launches it", width - LABEL), ink.muted)]]
    lines: list[Line] = []
    now = time.time()
    for position, row in enumerate(runs):
        lines.append(
            [
                (pad("Runs" if not position else "", LABEL), ink.strong),
                (f"{symbol(row.state)} ", ink.state(row.state)),
                (pad(row.run, 7), ink.text),
                (pad(number(row.best), 8, right=True), ink.strong),
                (f" {symbol('star')}" if row.star else "  ", ink.star),
                (fit(f"  {_metric(row)}{run_words(row, now)}", max(0, width - LABEL - 19)), ink.muted),
            ]
        )
    return lines


def _metric(row: Row) -> str:
    """What the best value is one of, unless it is an accuracy."""
    name = parted(row.monitor or "")[1] if row.best is not None else ""
    return f"{safe(name)}  " if name and name != "accuracy" else ""


def run_words(row: Row, now: float) -> str:
    """How far a run is, or how and when it ended."""
    if row.live:
        done = progress(row)
        return row.state if done is None else f"{row.state} {100 * done:.0f} %"
    when = age(row.ended or row.started or row.created, now)
    when = "" if when == dash() else (when if when == "now" else f"{when} ago")
    if row.state == "finished":
        return when
    return f"{row.state}: {safe(row.cause)}" if row.cause else f"{row.state} {when}".strip()


def progress(row: Row) -> float | None:
    """How much of a run is done (0…1); None when it has no end to count to."""
    for done, total in ((row.step, row.total_steps), (row.epoch, row.total_epochs)):
        if total:
            return min(1.0, done / total)
    return None
