"""Verbs for what runs take on the disk: disk, prune."""

from __future__ import annotations

from typing import Any

import click

from engine.cli.common import Place, complete_runs, json_option, runs_argument, table_options, verb
from engine.cli.output import Cell, Column, note, say, say_csv, say_json, say_table, size_text


@verb("disk")
@click.argument("runs", metavar="[RUN...]", nargs=-1, shell_complete=complete_runs)
@table_options
def disk_(place: Place, runs: tuple[str, ...], as_json: bool, as_csv: bool) -> None:
    """What runs take on the disk, the largest first, and what pruning them would free."""
    records = _records(place, runs)
    if as_json:
        say_json(records)
    elif as_csv:
        say_csv(["run", "experiment", "state", "bytes", "checkpoints", "prunable"], records)
    else:
        _say_disk(place, records, bool(runs))


def _records(place: Place, runs: tuple[str, ...]) -> list[dict[str, Any]]:
    from engine.pruning import plan
    from engine.runs import load_run
    from engine.usage import DiskUse

    wanted = {run.id for run in place.find_all(runs)}
    rows = [row for row in place.rows() if not wanted or row.run in wanted]
    use = DiskUse(place.runs)
    use.fill(rows)
    records = []
    for row in rows:
        taken = use.of(row.run)
        prunable = 0 if row.live or row.star else plan(load_run(place.runs.paths(row.run))).bytes
        records.append({"run": row.run, "experiment": row.experiment, "state": row.state, "bytes": taken.bytes,
                        "checkpoints": taken.checkpoints, "prunable": prunable, "star": row.star})  # fmt: skip
    return sorted(records, key=lambda record: -record["bytes"])


def _say_disk(place: Place, records: list[dict[str, Any]], chosen: bool) -> None:
    columns = [
        Column("run", least=5), Column("experiment", least=10), Column("state", least=8),
        Column("bytes", "size", right=True), Column("checkpoints", right=True), Column("prunable", right=True),
    ]  # fmt: skip
    lines: list[list[Cell]] = [
        [f"{record['run']}{' ★' * record['star']}", record["experiment"] or "–", record["state"],
         *(size_text(record[key]) for key in ("bytes", "checkpoints", "prunable"))]
        for record in records
    ]  # fmt: skip
    if lines:
        say_table(columns, lines)
    total, prunable = (sum(record[key] for record in records) for key in ("bytes", "prunable"))
    say(f"{len(records)} run{'s' * (len(records) != 1)}, {size_text(total)}")
    if prunable:
        note(f"engine prune RUN... frees {size_text(prunable)} of it: all checkpoints but the best and the last")
    trashed = [] if chosen else place.runs.trashed()
    if trashed:
        note(f"in the trash besides: {len(trashed)} runs, {size_text(_trash_bytes(place, trashed))}; "
             "engine rm --empty-trash deletes them for good")  # fmt: skip


def _trash_bytes(place: Place, trashed: list[str]) -> int:
    from engine.usage import measure

    return sum(measure(place.runs.trashed_paths(run_id)).bytes for run_id in trashed)


@verb("prune")
@runs_argument
@click.option("--keep", type=click.IntRange(0), default=0, metavar="N", help="Keep the newest N too.")
@click.option("--only-best", is_flag=True, help="Delete the last one too, where there is a best one.")
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@json_option
def prune_(place: Place, runs: tuple[str, ...], keep: int, only_best: bool, dry_run: bool, as_json: bool) -> None:
    """Delete the checkpoints of ended runs, all but the best and the last; those of starred runs stay."""
    from engine.cli.marking import each_failure
    from engine.pruning import Pruned, check_prunable, plan, prune_run

    done: list[Pruned] = []
    with each_failure() as failures:
        for run in place.find_all(runs):
            with failures.collect():
                check_prunable(run)
                act = plan if dry_run else prune_run
                done.append(act(run, keep, only_best=only_best))
        _say_pruned(done, dry_run, as_json)


def _say_pruned(done: list[Any], dry_run: bool, as_json: bool) -> None:
    if as_json:
        say_json([{"run": pruned.run, "deleted": list(pruned.deleted), "bytes": pruned.bytes} for pruned in done])
        return
    what = "would go" if dry_run else "deleted"
    for pruned in done:
        count = len(pruned.deleted)
        say(f"{pruned.run}  {count} checkpoint{'s' * (count != 1)} {what}, {size_text(pruned.bytes)}")
    if len(done) > 1:
        say(f"{size_text(sum(pruned.bytes for pruned in done))} in all")
