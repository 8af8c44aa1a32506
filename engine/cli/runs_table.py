"""How `engine runs` writes runs: as a table, JSON or CSV, with the usual columns or those asked for, or by group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.output import (
    Cell,
    Column,
    ago,
    duration,
    metric_text,
    say_csv,
    say_json,
    say_table,
    setting_text,
    size_text,
    state_cell,
)
from engine.row_record import iso, record

if TYPE_CHECKING:
    from engine.grouping import Group
    from engine.rows import Row


def _value(row: Row, key: str) -> Any:
    from engine.row_keys import getter, kind_of

    value = getter(key)(row, time.time())
    return iso(value) if kind_of(key) == "moment" else value


def _columns_record(row: Row, keys: Sequence[str]) -> dict[str, Any]:
    return {"run": row.run, **{key: _value(row, key) for key in keys}}


_CSV_KEYS = [
    *("run", "experiment", "state", "name", "tags", "star", "started", "ended", "seconds", "device", "epoch", "step"),
    *("best", "best_epoch", "monitor", "data", "model", "seed", "parent", "group", "cause", "note"),
]


def say_runs(rows: Sequence[Row], keys: Sequence[str], as_json: bool, as_csv: bool) -> None:
    """Runs, a line each.

    Args:
        keys: the columns asked for; the usual ones when empty.
    """
    if as_json:
        say_json([_columns_record(row, keys) if keys else record(row) for row in rows])
    elif as_csv:
        _say_csv(rows, keys)
    elif keys:
        _say_columns(rows, keys)
    else:
        _say_usual(rows)


def _say_csv(rows: Sequence[Row], keys: Sequence[str]) -> None:
    if keys:
        say_csv(list(dict.fromkeys(["run", *keys])), [_columns_record(row, keys) for row in rows])
        return
    metrics = sorted({name for row in rows for name in row.metrics})
    records = [{**record(row), **row.metrics} for row in rows]
    say_csv([*_CSV_KEYS, *metrics], records)


def _say_usual(rows: Sequence[Row]) -> None:
    from engine.row_keys import test_score

    columns = [
        Column("run", least=5), Column("experiment", least=10), Column("state", least=10), Column("epoch", right=True),
        Column("best", right=True), Column("of", least=6), Column("test", right=True),
        Column("time", right=True), Column("started", right=True), Column("device", least=4), Column("about", least=6),
    ]  # fmt: skip
    lines: list[list[Cell]] = []
    for row in rows:
        tested, on_test = test_score(row)
        total = f"/{round(row.total_epochs, 1):g}" if row.total_epochs else ""
        lines.append(
            [
                f"{row.run}{' ★' if row.star else ''}",
                row.experiment or "–",
                state_cell(row.state),
                f"{round(row.epoch, 1):g}{total}",
                metric_text(row.best),
                _scored(row.monitor or "", tested),
                metric_text(on_test),
                duration(row.seconds) if row.seconds else "–",
                ago(row.started or row.created),
                row.device or "–",
                _about(row),
            ]
        )
    say_table(columns, lines)


def _scored(monitor: str, tested: str) -> str:
    """What the best score and that on the test split are of: one metric is named once."""
    from engine.scores import parted

    same = not tested or not monitor or parted(monitor)[1] == tested
    return monitor if same else f"{monitor}, {tested}"


def _about(row: Row) -> str:
    parts = [
        row.name,
        " ".join(f"#{tag}" for tag in row.tags),
        (row.cause or "").partition("\n")[0],
        row.note.partition("\n")[0],
    ]
    return " · ".join(part for part in parts if part)


def _say_columns(rows: Sequence[Row], keys: Sequence[str]) -> None:
    values = {key: [_value(row, key) for row in rows] for key in keys if key != "run"}
    numeric = {key: all(isinstance(v, (int, float)) or v is None for v in found) for key, found in values.items()}
    columns = [Column("run", least=5), *(Column(key, right=numeric[key], least=8) for key in values)]
    lines = [[row.run, *(cell(key, found[i]) for key, found in values.items())] for i, row in enumerate(rows)]
    say_table(columns, lines)


def cell(key: str, value: Any) -> Cell:
    """A value of a key as a table has it."""
    from engine.row_keys import kind_of

    kind = kind_of(key)
    if kind == "state":
        return state_cell(str(value))
    if kind in ("metric", "score"):
        return metric_text(value)
    if kind == "bytes":
        return size_text(value)
    return duration(value) if kind in ("age", "duration") else setting_text(value)


# groups


def say_groups(groups: Sequence[Group], keys: Sequence[str], as_json: bool, as_csv: bool) -> None:
    """Groups, a line each: what they have in common, how many runs, mean, deviation and best of their score."""
    records = [_group_record(group, keys) for group in groups]
    if as_json:
        say_json(records)
    elif as_csv:
        flat = [{**found["group"], **found} for found in records]
        say_csv([*keys, "count", "metric", "scored", "mean", "deviation", "best", "best_run", "runs"], flat)
    else:
        _say_group_table(groups, keys)


def _group_record(group: Group, keys: Sequence[str]) -> dict[str, Any]:
    figure = group.figure
    return {
        "group": dict(zip(keys, group.values, strict=True)),
        "count": len(group.rows),
        "metric": figure.name if figure else None,
        "scored": figure.count if figure else 0,
        "mean": figure.mean if figure else None,
        "deviation": figure.deviation if figure else None,
        "best": figure.best if figure else None,
        "best_run": figure.best_run if figure else None,
        "runs": [row.run for row in group.rows],
    }


def _say_group_table(groups: Sequence[Group], keys: Sequence[str]) -> None:
    columns = [
        *(Column(key, least=8) for key in keys), Column("runs", right=True), Column("of", least=6),
        Column("mean", right=True), Column("deviation", "±", right=True), Column("best", right=True), Column("run"),
    ]  # fmt: skip
    lines: list[list[Cell]] = []
    for group in groups:
        figure = group.figure
        values = [cell(key, value) if value is not None else "–" for key, value in zip(keys, group.values, strict=True)]
        told = ["–"] * 5
        if figure is not None:
            spread = "–" if figure.deviation is None else metric_text(figure.deviation)
            told = [figure.name, metric_text(figure.mean), spread, metric_text(figure.best), figure.best_run]
        lines.append([*values, str(len(group.rows)), *told])
    say_table(columns, lines)
