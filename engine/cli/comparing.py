"""The verb that lays runs beside each other: settings, scores, what seeds make of them, classes, code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, runs_argument, table_options, verb
from engine.cli.output import (
    Cell,
    Column,
    metric_text,
    number_text,
    paint,
    say,
    say_csv,
    say_json,
    say_table,
    setting_text,
)
from engine.errors import NotFoundError, UsageError, nearest
from engine.text import printable

if TYPE_CHECKING:
    from engine.class_scores import ClassComparison
    from engine.code_diff import CodeDiff
    from engine.paired_answers import ModelTest
    from engine.runs import Run
    from engine.significance import Significance

_MOST_CHANGES = 12
"""Changed confusions told of each run."""


@verb("compare")
@runs_argument
@click.option("--all", "everything", is_flag=True, help="Settings that agree too.")
@click.option("--classes", is_flag=True, help="Scores of each class, and which confusions changed.")
@click.option("--split", default="", metavar="SPLIT", help="Of --classes: test, val, … (what most runs have).")
@click.option("--code", is_flag=True, help="The code: commits and uncommitted changes.")
@table_options
def compare_(
    place: Place,
    runs: tuple[str, ...],
    everything: bool,
    classes: bool,
    split: str,
    code: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """What differs between runs, and by how much the others' scores differ from the first run's.

    Runs of the same settings but for the seed are one group; groups are tested against that of the first run.
    """
    from engine.compare import compare

    found = place.find_all(runs)
    if len(found) < 2:
        raise UsageError("a comparison takes at least two different runs", hint="engine compare e0001 e0002")
    by_class = _by_class(found, split)
    result = compare(found, everything=everything)
    if as_csv:
        _say_as_csv(result, by_class if classes else None)
        return
    tested, models, changed = _tested(found), _models(by_class), _code(place, found) if code else []
    if as_json:
        from engine.cli.compare_json import as_object

        say_json(as_object(result, tested, models, by_class if classes else None, changed if code else None))
        return
    _say_settings(result)
    _say_significance(tested, models)
    if classes:
        _say_classes(by_class)
    said: dict[object, str] = {}
    for diff in changed:
        _say_code(diff, said.setdefault((diff.parts, diff.summary), diff.run))


def _by_class(found: list[Run], split: str) -> ClassComparison:
    from engine.class_scores import compare_classes
    from engine.scored import splits_to_compare

    wanted = {"validation": "val", "valid": "val"}.get(split, split)
    known = splits_to_compare(found)
    if wanted and wanted not in known:
        hint = nearest(wanted, known) if known else "none of them has evaluations"
        raise NotFoundError(f"none of these runs was evaluated on a split {split!r}", hint=hint)
    return compare_classes(found, split=wanted)


def _tested(found: list[Run]) -> Significance:
    from engine.significance import significance

    return significance(found)


def _models(by_class: ClassComparison) -> list[ModelTest]:
    from engine.class_scores import models_tested

    return models_tested(by_class)


def _code(place: Place, found: list[Run]) -> list[CodeDiff]:
    from engine.code_diff import compare_code

    return [compare_code(found[0], run, (place.folder,)) for run in found[1:]]


def _say_as_csv(result: dict[str, Any], by_class: ClassComparison | None) -> None:
    ids = result["runs"]
    rows = [{"key": key, **values} for part in ("settings", "metrics") for key, values in result[part].items()]
    if by_class is not None:
        for name in by_class.classes:
            for score in ("precision", "recall", "f1", "support"):
                values = {run: by_class.value(run, name, score) for run in ids}
                rows.append({"key": f"{by_class.split}/{score}/{name}", **values})
    say_csv(["key", *ids], rows)


def _say_settings(result: dict[str, Any]) -> None:
    from engine.compare import comparability

    ids = result["runs"]
    lines = [[printable(k), *(setting_text(v.get(i)) for i in ids)] for k, v in result["settings"].items()]
    if lines:
        say_table([Column("settings that differ", least=14), *(Column(i, right=True) for i in ids)], lines)
    else:
        say("the settings are the same")
    say()
    lines = [[k, *_with_deltas(k, ids, v, result["deltas"].get(k, {}))] for k, v in result["metrics"].items()]
    say_table([Column("metrics", least=14), *(Column(i, right=True) for i in ids)], lines)
    for words in comparability(result):
        say(printable(words))


def _signed(delta: float) -> str:
    text = metric_text(delta)
    return text if delta < 0 else f"+{text}"


def _with_deltas(key: str, ids: list[str], values: dict[str, Any], deltas: dict[str, Any]) -> list[str]:
    shown, comparable = [], "/" in key
    shown_value = metric_text if comparable else number_text
    for run_id in ids:
        text, delta = shown_value(values.get(run_id)), deltas.get(run_id)
        shown.append(text if delta is None or not comparable else f"{text} {_signed(delta)}")
    return shown


# ------------------------------------------------------------------------------------------------------------ seeds


def _say_significance(found: Significance, models: Sequence[ModelTest]) -> None:
    say()
    columns = [Column("group", least=12), Column("runs", least=8), Column("score", least=8)]
    columns += [Column("mean ± deviation", right=True), Column("difference", right=True)]
    columns += [Column("95 % interval", right=True), Column("p", right=True), Column("verdict", least=12)]
    lines = [_group_line(found, place, metric) for metric in found.metrics for place in range(len(found.groups))]
    say_table(columns, [line for line in lines if line])
    for name in dict.fromkeys(test.test for test in found.contrasts if test.test):
        say(f"tested by {name}")
    for words in found.told:
        say(printable(words))
    for test in models:
        say(f"{test.base}, {test.run} on the same {test.count:,} {test.split} samples: {model_words(test)}")


def _group_line(found: Significance, place: int, metric: str) -> list[Cell]:
    group = found.groups[place]
    if metric not in group.values:
        return []
    deviation = group.deviation(metric)
    spread = f" ± {metric_text(deviation)}" if deviation is not None else " (one seed)"
    line: list[Cell] = [group.name, ", ".join(group.runs), metric, metric_text(group.mean(metric)) + spread]
    test = next((one for one in found.contrasts if one.group == group.name and one.metric == metric), None)
    if test is None:
        return [*line, "", "", "", "baseline" if group.name == found.base else ""]
    between = "" if test.low is None or test.high is None else f"{_signed(test.low)} … {_signed(test.high)}"
    p = "" if test.p is None else p_text(test.p)
    return [*line, _signed(test.difference), between, p, test.verdict]


def p_text(p: float) -> str:
    """A p-value: three decimals, never a zero."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def model_words(test: ModelTest) -> str:
    """McNemar's test in a sentence."""
    values = p_text(test.p) if test.exact or p_text(test.p) == p_text(test.p_least) else (
        f"between {p_text(test.p_least)} and {p_text(test.p)}"
    )  # fmt: skip
    between = f"{_signed(test.low)} … {_signed(test.high)}"
    return f"accuracy {_signed(test.difference)} ({between}), McNemar's test p {values}: {test.verdict}"


# ---------------------------------------------------------------------------------------------------------- classes


def _say_classes(found: ClassComparison) -> None:
    from engine.class_scores import changes
    from engine.comparable import told as together

    say()
    runs = [one.run for one in found.scored]
    columns = [Column(f"F1 on {found.split}", least=12), *(Column(run, right=True) for run in runs)]
    say_table(columns, [[name, *(_class_cell(found, run, name) for run in runs)] for name in found.classes])
    for words in together(found.missing | found.refused):
        say(printable(words))
    for words in found.told:
        say(printable(words))
    base = found.of(found.base)
    for one in found.scored:
        if base is None or one is base or one.run in found.refused:
            continue
        say()
        columns = [Column(f"{base.run} to {one.run}: true"), Column("answered"), Column("before", right=True)]
        columns += [Column("after", right=True), Column("change", right=True)]
        lines: list[list[Cell]] = [
            [c.true, c.predicted, f"{c.before:,}", f"{c.after:,}", (f"{c.difference:+,.0f}", _colour(c.better))]
            for c in changes(base, one)[:_MOST_CHANGES]
        ]
        say_table(columns, lines)


def _class_cell(found: ClassComparison, run: str, name: str) -> Cell:
    value, delta = found.value(run, name, "f1"), found.difference(run, name, "f1")
    if value is None or delta is None:
        return metric_text(value)
    return f"{metric_text(value)} {_signed(delta)}", _colour(delta > 0) if delta else ""


def _colour(better: bool) -> str:
    """Blue and yellow are told apart by everyone."""
    return "blue" if better else "yellow"


# ------------------------------------------------------------------------------------------------------------- code


def _say_code(found: CodeDiff, first: str) -> None:
    """The differences; those that were said of another run already are not said again."""
    say()
    say(paint(f"code of {found.base} and {found.run}: {found.summary}", "bold"))
    for words in found.told:
        say(f"  {printable(words)}")
    if first != found.run and found.parts:
        say(f"  as {first}'s")
        return
    for part in found.parts:
        say()
        say(printable(part.title))
        for line in part.text.splitlines():
            say(paint(printable(line), _line_colour(line)))


def _line_colour(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ", "@@")):
        return "dim"
    return "blue" if line.startswith("+") else "yellow" if line.startswith("-") else ""
