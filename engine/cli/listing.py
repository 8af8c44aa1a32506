"""`engine list`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from engine.cli.common import Place, table_options, verb
from engine.cli.output import Cell, Column, metric_text, note, say_csv, say_json, say_table

if TYPE_CHECKING:
    from engine.rows import Row


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
