"""`engine list` and `engine runs`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, table_options, verb
from engine.cli.output import (
    Cell,
    Column,
    ago,
    duration,
    metric_text,
    note,
    number_text,
    say_csv,
    say_json,
    say_table,
    setting_text,
    state_cell,
)
from engine.row_record import iso, record

if TYPE_CHECKING:
    from engine.index import Row
    from engine.query import Query


@verb("list")
@table_options
def list_(place: Place, as_json: bool, as_csv: bool) -> None:
    """The experiments, with how many runs each has and the best score among them."""
    file = place.experiments
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in place.rows():
        rows[row.experiment].append(row)
    records = []
    for name, experiment in file.experiments.items():
        settings, own = experiment.settings, rows.get(name, [])
        records.append(
            {
                "name": name,
                "data": settings.data.get("name"),
                "model": settings.model.get("name"),
                "runs": len(own),
                "best": _best(own),
                "monitor": next((row.monitor for row in own if row.monitor), None),
                "live": sum(row.live for row in own),
                "tags": list(settings.tags),
                "description": settings.description,
                "extends": experiment.extends,
            }
        )
    for problem in file.problems:
        note(f"engine: {problem}")
    if as_json:
        say_json(records)
    elif as_csv:
        say_csv(["name", "data", "model", "runs", "best", "description"], records)
    else:
        _say_experiments(records)


def _best(rows: list[Row]) -> float | None:
    values = [row.best for row in rows if row.best is not None and row.best == row.best]
    if not values:
        return None
    return min(values) if any(row.mode == "min" for row in rows) else max(values)


def _say_experiments(records: list[dict[str, Any]]) -> None:
    columns = [
        Column("name", least=14), Column("data"), Column("model", least=10), Column("runs", right=True),
        Column("best", right=True), Column("description", least=10),
    ]  # fmt: skip
    lines: list[list[Cell]] = []
    for entry in records:
        runs: Cell = f"{'● ' if entry['live'] else ''}{entry['runs']}" if entry["runs"] else "–"
        lines.append(
            [
                entry["name"],
                str(entry["data"] or "–"),
                str(entry["model"] or "–"),
                (str(runs), "green") if entry["live"] else runs,
                metric_text(entry["best"]),
                entry["description"],
            ]
        )
    say_table(columns, lines)


@verb("runs")
@click.option("--where", metavar="QUERY", default="", help="Only these: \"val/accuracy > 0.9 and tag == 'paper'\".")
@click.option("--sort", metavar="KEY", help="Order by a metric, a setting or a column; numbers largest first.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--columns", metavar="A,B", help="Show these metrics, settings or columns.")
@click.option("--archived", is_flag=True, help="Archived runs too.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many: the newest, or the first by --sort."
)
@table_options
def runs_(
    place: Place,
    where: str,
    sort: str | None,
    reverse: bool,
    columns: str | None,
    archived: bool,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """The runs, oldest first.

    QUERY compares metrics (val/accuracy), settings (optimizer.name or lr), run, experiment, state, tag, name, age (7d),
    star, device, seconds, epoch, best, seed, note, by > >= < <= == != ~ (contains) in, joined by and, or, not.
    """
    from engine.query import parse, sort_rows

    query = parse(where)
    rows = place.rows()
    if not archived and "archived" not in query.keys:
        rows = [row for row in rows if not row.archived]
    if where:
        every, rows = rows, [row for row in rows if query.matches(row)]
        if not rows:
            _tell_lacking(query, every)
    if sort:
        _check_key(sort, rows)
        rows = sort_rows(rows, sort, descending=_descending(sort, rows) != reverse)
    elif reverse:
        rows.reverse()
    if limit:
        rows = rows[:limit] if sort or reverse else rows[-limit:]
    keys = [key.strip() for key in columns.split(",") if key.strip()] if columns else []
    for key in keys:
        _check_key(key, rows)
    if as_json:
        say_json([_columns_record(row, keys) if keys else record(row) for row in rows])
    elif as_csv:
        _say_runs_csv(rows, keys)
    elif not rows:
        _say_none(place, where)
    else:
        _say_runs(rows, keys)


def _descending(key: str, rows: list[Row]) -> bool:
    """Numbers and times largest first, losses and text smallest first."""
    from engine.query import getter

    if key.endswith("loss"):
        return False
    take = getter(key)
    return any(isinstance(take(row, 0.0), (int, float)) for row in rows) and key not in ("seed", "run")


def _check_key(key: str, rows: list[Row]) -> None:
    from engine.errors import UsageError
    from engine.query import lacking

    if (hint := lacking(key, rows)) is not None:
        raise UsageError(f"no run has {key!r}", hint=hint)


def _value(row: Row, key: str) -> Any:
    import time

    from engine.query import getter

    value = getter(key)(row, time.time())
    return iso(value) if key in ("started", "created", "ended") else value


def _columns_record(row: Row, keys: list[str]) -> dict[str, Any]:
    return {"run": row.run, **{key: _value(row, key) for key in keys}}


_CSV_KEYS = [
    *("run", "experiment", "state", "name", "tags", "star", "started", "ended", "seconds", "device", "epoch", "step"),
    *("best", "best_epoch", "monitor", "data", "model", "seed", "parent", "group", "cause", "note"),
]


def _say_runs_csv(rows: list[Row], keys: list[str]) -> None:
    if keys:
        say_csv(list(dict.fromkeys(["run", *keys])), [_columns_record(row, keys) for row in rows])
        return
    metrics = sorted({name for row in rows for name in row.metrics})
    records = [{**record(row), **row.metrics} for row in rows]
    say_csv([*_CSV_KEYS, *metrics], records)


def _tell_lacking(query: Query, rows: list[Row]) -> None:
    """A query that nothing matches may name what no run has: a slip, or a metric that none has got to yet."""
    from engine.query import lacking

    for key in sorted(query.keys):
        if (hint := lacking(key, rows)) is not None:
            note(f"no run has {key!r}; {hint}")


def _say_none(place: Place, where: str) -> None:
    if where:
        note(f"no run in {place.root} matches")
    else:
        note(f"no runs in {place.root} yet; engine list shows the experiments, engine train NAME runs one")


def _say_runs(rows: list[Row], keys: list[str]) -> None:
    if keys:
        _say_columns(rows, keys)
        return
    columns = [
        Column("run", least=5), Column("experiment", least=10), Column("state", least=10), Column("epoch", right=True),
        Column("best", right=True), Column("of", least=6), Column("test/accuracy", "test", right=True),
        Column("time", right=True), Column("started", right=True), Column("device", least=4), Column("about", least=6),
    ]  # fmt: skip
    lines: list[list[Cell]] = []
    for row in rows:
        total = f"/{number_text(row.total_epochs)}" if row.total_epochs else ""
        lines.append(
            [
                f"{row.run}{' ★' if row.star else ''}",
                row.experiment or "–",
                state_cell(row.state),
                f"{round(row.epoch, 1):g}{total}",
                metric_text(row.best),
                row.monitor or "",
                metric_text(row.metrics.get("test/accuracy")),
                duration(row.seconds) if row.seconds else "–",
                ago(row.started or row.created),
                row.device or "–",
                _about(row),
            ]
        )
    say_table(columns, lines)


def _about(row: Row) -> str:
    parts = [
        row.name,
        " ".join(f"#{tag}" for tag in row.tags),
        (row.cause or "").partition("\n")[0],
        row.note.partition("\n")[0],
    ]
    return " · ".join(part for part in parts if part)


def _say_columns(rows: list[Row], keys: list[str]) -> None:
    columns = [Column("run", least=5)]
    values = {key: [_value(row, key) for row in rows] for key in keys if key != "run"}
    for key, found in values.items():
        numeric = all(isinstance(v, (int, float)) or v is None for v in found)
        columns.append(Column(key, right=numeric, least=8))
    lines: list[list[Cell]] = []
    for i, row in enumerate(rows):
        line: list[Cell] = [row.run]
        for key, found in values.items():
            value = found[i]
            if key == "state":
                line.append(state_cell(str(value)))
            elif "/" in key or key == "best":
                line.append(metric_text(value))
            elif key in ("age", "seconds"):
                line.append(duration(value))
            else:
                line.append(setting_text(value))
        lines.append(line)
    say_table(columns, lines)
