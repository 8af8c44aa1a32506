"""`dltui --once`: what the screens show, as plain lines for screen readers and scripts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from engine.index import Row
from engine.records import RunPaths
from engine.row_keys import test_score
from tui.store import Store
from tui.text import age, duration, number, safe, size

if TYPE_CHECKING:
    from engine.box import LiveRun
    from engine.devices import Device
    from engine.disk import DiskUse

LATEST = 10
"""Runs told of that have ended, the newest."""
MOST_FINDINGS = 5
"""Findings told of one run, the newest."""
COUNTING_SECONDS = 0.5
"""How long the files of all runs are counted at most."""


@dataclass(frozen=True)
class Moment:
    """All there is to tell."""

    store: Store
    live: tuple[Row, ...]
    latest: tuple[Row, ...]
    devices: tuple[Device, ...]
    working: tuple[LiveRun, ...]
    """The live runs of this box."""
    disk: DiskUse
    findings: tuple[dict[str, str], ...]


def tell(store: Store, run: str | None, *, as_json: bool) -> int:
    """Print everything, or all of one run; returns the exit code."""
    _prepare()
    try:
        for _ in store.verify():
            pass
        if run is None:
            moment = look(store)
            _print(_record(moment) if as_json else lines(moment), as_json)
        else:
            row, found = _find(store, run), findings_of(store.runs.paths(run))
            _print(_run_record(store, row, found) if as_json else run_lines(store, row, found), as_json)
    except EngineError as error:
        print(f"dltui: {safe(error.message)}", *([safe(error.hint)] if error.hint else []), sep="\n  ", file=sys.stderr)
        return error.exit_code
    return 0


def look(store: Store) -> Moment:
    """What there is now."""
    from engine.box import live_runs
    from engine.devices import devices
    from engine.disk import disk_use

    rows = [row for row in store.snapshot.rows if not row.archived]
    live = tuple(row for row in reversed(rows) if row.live or row.state == "queued")
    latest = tuple(row for row in reversed(rows) if not (row.live or row.state == "queued"))[:LATEST]
    found = tuple(devices())
    findings = [finding for row in (*live, *latest) for finding in findings_of(store.runs.paths(row.run))]
    working = live_runs(store.runs, live, found)
    return Moment(store, live, latest, found, working, disk_use(store.root, COUNTING_SECONDS), tuple(findings))


def findings_of(paths: RunPaths) -> list[dict[str, str]]:
    """What was found in a run, each message once, the newest last."""
    from engine.events import read_events

    messages: dict[str, str] = {}
    for event in read_events(paths)[0]:
        if event.get("event") in ("finding", "warning") and event.get("message"):
            messages.pop(str(event["message"]), None)
            messages[str(event["message"])] = str(event.get("level") or "warning")
    newest = list(messages.items())[-MOST_FINDINGS:]
    return [{"run": paths.id, "level": level, "message": message} for message, level in newest]


# lines


def lines(moment: Moment) -> Iterator[str]:
    """Experiments, live runs, latest runs, devices and findings, a line each under a line that counts them."""
    store, snapshot = moment.store, moment.store.snapshot
    yield f"dltui, {time.strftime('%Y-%m-%d %H:%M')}, runs in {safe(store.root)}"
    yield from _experiment_lines(store)
    yield f"Live runs: {len(moment.live)}"
    yield from (_live_line(row) for row in moment.live)
    yield f"Latest runs: {len(moment.latest)} of {len(snapshot.rows)}"
    yield from (_ended_line(row) for row in moment.latest)
    yield f"Devices: {len(moment.devices)}"
    for device in moment.devices:
        yield from _device_lines(device)
    yield from _working_lines(moment.working)
    yield _disk_line(moment.disk)
    yield f"Findings: {len(moment.findings)}"
    yield from (f"{finding['run']}: {safe(finding['message'])}" for finding in moment.findings)


def _experiment_lines(store: Store) -> Iterator[str]:
    snapshot = store.snapshot
    if snapshot.file_error is not None:
        yield f"Experiments cannot be read: {safe(snapshot.file_error.message)}"
        return
    yield f"Experiments: {len(snapshot.experiments)}"
    for entry in snapshot.experiments:
        name = safe(entry.name)
        if entry.problem:
            yield f"{name} cannot be launched: {safe(entry.problem)}"
            continue
        runs = "no runs" if not entry.runs else "1 run" if entry.runs == 1 else f"{entry.runs} runs"
        best = "" if entry.best is None else f", best {safe(entry.monitor or 'score')} {number(entry.best)}"
        described = f". {safe(entry.description)}" if entry.description else ""
        yield f"{name}: data {safe(entry.data or 'none')}, model {safe(entry.model or 'none')}, {runs}{best}{described}"


def _live_line(row: Row) -> str:
    parts = [f"{row.run} {safe(row.experiment)} is {row.state}" + (f" on {safe(row.device)}" if row.device else "")]
    if row.total_epochs:
        parts.append(f"epoch {row.epoch:.1f} of {row.total_epochs:g}")
    if row.total_steps:
        parts.append(f"step {row.step} of {row.total_steps}, {min(1.0, row.step / row.total_steps):.0%} done")
    if row.seconds_left is not None:
        parts.append(f"{duration(row.seconds_left)} left")
    return ", ".join([*parts, *_best(row)])


def _ended_line(row: Row) -> str:
    then = row.ended or row.created
    parts = [f"{row.run} {safe(row.experiment)} {row.state}" + (f" {_ago(then)}" if then else "")]
    if row.seconds:
        parts.append(f"trained {duration(row.seconds)}")
    parts += _best(row)
    name, tested = test_score(row)
    if tested is not None:
        parts.append(f"test/{safe(name)} {number(tested)}")
    if row.cause and row.state != "finished":
        parts.append(f"cause: {safe(row.cause)}")
    return ", ".join(parts)


def _ago(then: float) -> str:
    words = age(then)
    return "just now" if words == "now" else f"{words} ago"


def _best(row: Row) -> list[str]:
    if row.best is None:
        return []
    at = "" if row.best_epoch is None else f" at epoch {round(row.best_epoch, 1):g}"
    return [f"best {safe(row.monitor or 'score')} {number(row.best)}{at}"]


def _device_lines(device: Device) -> Iterator[str]:
    parts = [f"{device.name}, {safe(device.title)}, is {'free' if device.free else safe(device.why)}"]
    if device.utilization is not None:
        parts.append(f"load {device.utilization:.0f} percent")
    if device.memory_total:
        parts.append(f"memory {size(device.memory_used)} of {size(device.memory_total)}")
    if device.temperature is not None:
        parts.append(f"{device.temperature:.0f} degrees Celsius")
    if device.power is not None:
        limit = f" of {device.power_limit:.0f}" if device.power_limit else ""
        parts.append(f"{device.power:.0f}{limit} watts")
    yield ", ".join(parts)
    for process in device.processes:
        what = process.get("run") or process.get("name") or "of a hidden command"
        used = f", memory {size(process['memory'])}" if process.get("memory") else ""
        user = safe(process.get("user") or "an unknown user")
        yield f"process {process.get('pid')} on {device.name}: {safe(what)}, user {user}{used}"


def _working_lines(working: Sequence[LiveRun]) -> Iterator[str]:
    from engine.time_split import split_words

    for run in working:
        if run.seconds:
            yield f"{run.run} spends its time on {split_words(run.seconds).replace(' %', ' percent')}"


def _disk_line(disk: DiskUse) -> str:
    taken = "more than could be counted" if disk.runs is None else size(disk.runs)
    return f"Disk: the runs take {taken}, {size(disk.free)} of {size(disk.total)} are free"


def run_lines(store: Store, row: Row, found: Sequence[dict[str, str]]) -> Iterator[str]:
    """All of one run."""
    from engine.checkpoints import list_checkpoints
    from engine.time_split import split_words, time_split

    paths = store.runs.paths(row.run)
    live = row.live or row.state == "queued"
    yield _live_line(row) if live else _ended_line(row)
    yield f"data {safe(row.data or 'none')}, model {safe(row.model or 'none')}, seed {row.seed}"
    marked = [safe(row.name)] if row.name else []
    marked += ["starred"] * row.star + ["archived"] * row.archived + [f"tag {safe(tag)}" for tag in row.tags]
    if marked:
        yield "Marks: " + ", ".join(marked)
    if row.note:
        yield f"Note: {safe(row.note)}"
    metrics = sorted(row.metrics.items())
    yield f"Metrics: {len(metrics)}"
    yield from (f"{safe(name)} {number(value)}" for name, value in metrics)
    spent = split_words(time_split(paths))
    if spent:
        yield f"Time goes into {spent.replace(' %', ' percent')}"
    saved = list_checkpoints(paths)
    yield f"Checkpoints: {len(saved)}"
    for info in saved:
        aliases = f", {' and '.join(info.aliases)}" if info.aliases else ""
        yield f"{info.folder.name}{aliases}, {size(info.bytes)}"
    yield f"Findings: {len(found)}"
    yield from (safe(finding["message"]) for finding in found)
    yield f"Folder: {safe(paths.folder.absolute())}"


# JSON


def _record(moment: Moment) -> dict[str, Any]:
    from engine.box import records
    from engine.devices import problem
    from engine.row_record import record

    snapshot = moment.store.snapshot
    return {
        "time": round(time.time(), 3),
        "runs_folder": str(moment.store.root.absolute()),
        "problem": None if snapshot.file_error is None else snapshot.file_error.message,
        "experiments": [
            {"name": e.name, "data": e.data, "model": e.model, "runs": e.runs, "live": e.live, "best": e.best,
             "monitor": e.monitor or None, "description": e.description, "problem": e.problem or None}
            for e in snapshot.experiments
        ],
        "live": [_progress(record(row), row) for row in moment.live],
        "latest": [record(row) for row in moment.latest],
        "devices": records(moment.devices, moment.working, moment.disk),
        "device_problem": problem(),
        "findings": list(moment.findings),
    }  # fmt: skip


def _progress(told: dict[str, Any], row: Row) -> dict[str, Any]:
    return {**told, "total_steps": row.total_steps, "seconds_left": row.seconds_left}


def _run_record(store: Store, row: Row, found: Sequence[dict[str, str]]) -> dict[str, Any]:
    from engine.row_record import record
    from engine.time_split import time_split

    paths = store.runs.paths(row.run)
    told = _progress(record(row), row)
    return {**told, "time_split": time_split(paths), "findings": list(found), "folder": str(paths.folder.absolute())}


# printing


def _find(store: Store, run: str) -> Row:
    store.runs.find(run)
    return next(row for row in store.snapshot.rows if row.run == run)


def _prepare() -> None:
    """Make stdout take any text: what its encoding lacks becomes an escape."""
    import io

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _print(told: Any, as_json: bool) -> None:
    if as_json:
        from engine.jsonio import encode
        from engine.text import escaped_json

        sys.stdout.write(escaped_json(encode(told).decode()) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in told)
    sys.stdout.flush()
