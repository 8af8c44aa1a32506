"""Verbs that read one run: show, metrics, checkpoints, compare and log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, complete_either, json_option, missing, run_argument, runs_argument, table_options, verb
from engine.cli.output import (
    Column,
    ago,
    count_text,
    duration,
    iso,
    metric_text,
    note,
    number_text,
    paint,
    say,
    say_csv,
    say_json,
    say_table,
    setting_text,
    size_text,
    state_cell,
)
from engine.errors import NotFoundError, UsageError, nearest
from engine.jsonio import read_json
from engine.runs import ENDED, RUN_ID, Run, finite_metrics, load_run
from engine.text import printable, printable_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@verb("show")
@click.argument("name", metavar="NAME|RUN", shell_complete=complete_either)
@click.option("--settings", "only_settings", is_flag=True, help="The settings alone: no data or model is loaded.")
@json_option
def show_(place: Place, name: str, only_settings: bool, as_json: bool) -> None:
    """Settings, model table and data summary of an experiment or a run."""
    if not RUN_ID.fullmatch(name) and name in {*place.experiments.experiments, *place.experiments.broken}:
        _show_experiment(place, name, only_settings, as_json)
        return
    try:
        run = place.find(name)
    except NotFoundError:
        if RUN_ID.fullmatch(name):
            raise
        raise missing(name, place) from None
    found = run_record(run)
    if as_json:
        say_json(found)
    else:
        _say_run(run, found, only_settings)


def _optional(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def run_record(run: Run) -> dict[str, Any]:
    """A run as `engine show RUN --json` shows it."""
    info, state = run.info, run.state
    model = _optional(run.paths.model)
    return {
        "run": run.id, "experiment": info.experiment, "settings": info.settings, "state": run.status,
        "cause": state.cause, "cause_kind": state.cause_kind, "metrics": finite_metrics(state.metrics),
        "best": state.best, "parent": info.parent, "group": info.group,
        "parameters": model.get("parameters") if isinstance(model, dict) else None,
        "epoch": state.epoch, "step": state.step, "total_epochs": state.total_epochs, "total_steps": state.total_steps,
        "seconds": state.seconds, "created": iso(info.created), "started": iso(state.started), "ended": iso(state.ended),
        "device": state.device or info.device.get("name"), "seed": info.seed, "argv": info.argv, "git": info.git,
        "host": state.host or info.host, "user": info.user, "pid": state.pid, "versions": info.versions,
        "data_fingerprint": info.data_fingerprint, "note": info.note, "name": run.marks.name, "tags": run.marks.tags,
        "star": run.marks.star, "archived": run.marks.archived, "folder": str(run.paths.folder),
        "problems": list(run.problems), "model": model, "data": _optional(run.paths.data),
    }  # fmt: skip


def _say_run(run: Run, found: dict[str, Any], only_settings: bool) -> None:
    if only_settings:
        say_settings(run.info.settings)
        return
    symbol, colour = state_cell(found["state"])
    title = f"{run.id} {printable(run.info.experiment)}" + (f" “{printable(run.marks.name)}”" if run.marks.name else "")
    say(f"{paint(title, 'bold')}  {paint(symbol, colour)}{' ★' if run.marks.star else ''}")
    best = run.state.best or {}
    facts = {
        "why": run.state.cause,
        "device": found["device"],
        "trained": f"epoch {number_text(run.state.epoch)}, step {count_text(run.state.step)}, {duration(run.state.seconds)}",
        "launched": ago(run.info.created) + (f" by {run.info.user}@{run.info.host}" if run.info.user else ""),
        "best": f"{best['monitor']} {metric_text(best['value'])} at epoch {number_text(best.get('epoch'))}" if best else "",
        "continues": run.info.parent,
        "group": run.info.group,
        "tags": " ".join(run.marks.tags),
        "note": run.info.note,
        "command": " ".join(run.info.argv),
        "folder": str(run.paths.folder),
        "problems": "; ".join(run.problems),
    }
    _say_facts(facts)
    if found["metrics"]:
        _say_title("metrics")
        _say_facts({name: metric_text(value) if "/" in name else setting_text(value) for name, value in sorted(found["metrics"].items())})
    _say_title("settings")
    say_settings(run.info.settings)
    say_model(found["model"])
    say_data(found["data"])


def _say_title(text: str) -> None:
    say()
    say(paint(text, "bold"))


def _say_facts(facts: dict[str, Any]) -> None:
    shown = {key: value for key, value in facts.items() if value not in (None, "", [])}
    longest = max(map(len, shown), default=0)
    for key, value in shown.items():
        say(f"  {printable(key):<{longest}}  {printable(value)}")


def say_settings(settings: dict[str, Any]) -> None:
    """Settings, one dotted key a line; what has no value is left out."""
    from engine.index import flatten

    _say_facts({key: setting_text(value) for key, value in flatten(settings)})


def say_model(model: Any) -> None:
    """A layer table with its totals; nothing when there is none or it cannot be understood."""
    if not isinstance(model, dict) or not isinstance(model.get("layers"), list):
        return
    _say_title("model")
    lines = [
        [
            f"  {layer.get('name', '')}",
            str(layer.get("type", "")),
            " × ".join(map(str, layer.get("output_shape") or ())),
            "shared" if layer.get("reused") else count_text(layer.get("parameters")),
        ]
        for layer in model["layers"]
        if isinstance(layer, dict)
    ]
    columns = [Column("layer", "  layer"), Column("type"), Column("output"), Column("parameters", right=True)]
    say_table(columns, lines)
    sizes = model.get("bytes") if isinstance(model.get("bytes"), dict) else {}
    say(
        f"  {count_text(model.get('parameters'))} parameters, {count_text(model.get('trainable'))} trainable; "
        + ", ".join(f"{key.replace('_', ' and ')} {size_text(value)}" for key, value in sizes.items())
    )


def say_data(data: Any) -> None:
    """Classes by split, the majority, and the duplicates; nothing when there is no summary."""
    if not isinstance(data, dict) or not isinstance(data.get("splits"), dict):
        return
    _say_title("data")
    splits = {name: split for name, split in data["splits"].items() if isinstance(split, dict)}
    shape = " × ".join(map(str, data.get("shape") or ()))
    say(f"  {printable(data.get('name', ''))}  {printable(data.get('kind', ''))} {shape}")
    classes = data.get("classes") or []
    first = next(iter(splits.values()), {}).get("classes") or {}
    order = sorted(classes, key=lambda c: -first.get(c, 0))
    total = sum(first.values()) or 1
    lines = []
    for name in order[:40]:
        share = first.get(name, 0) / total
        counts = [count_text((split.get("classes") or {}).get(name, 0)) for split in splits.values()]
        lines.append([f"  {name}", *counts, f"{100 * share:.1f} %", "█" * round(30 * share / _top_share(first))])
    if len(order) > 40:
        lines.append([f"  … {len(order) - 40} more", *[""] * (len(splits) + 2)])
    lines.append(["  all", *[count_text(split.get("count")) for split in splits.values()], "", ""])
    columns = [Column("class", "  class"), *(Column(name, right=True) for name in splits)]
    say_table([*columns, Column("share", "share", right=True), Column("bar", " ")], lines)
    _say_data_notes(data)


def _top_share(counts: dict[str, int]) -> float:
    return max(counts.values(), default=1) / (sum(counts.values()) or 1) or 1.0


def _say_data_notes(data: dict[str, Any]) -> None:
    majority = data.get("majority")
    if isinstance(majority, dict):
        share = 100 * float(majority.get("share") or 0)
        say(f"  always answering {printable(majority.get('class'))} would be right on {share:.1f} % of the train split")
    for pair, found in (data.get("duplicates") or {}).items():
        if isinstance(found, dict) and found.get("rows"):
            text = f"  {printable(pair)}: {count_text(found['rows'])} rows of one are in the other"
            say(paint(f"{text} ({count_text(found.get('distinct'))} distinct)", "yellow"))
    if data.get("note"):
        say(f"  {printable(data['note'])}")


def _show_experiment(place: Place, name: str, only_settings: bool, as_json: bool) -> None:
    from engine.experiments import resolve

    file = place.experiments
    experiment = file.get(name)
    settings = experiment.settings if experiment.command is not None else resolve(file, name)
    model = data = None
    if experiment.command is None and not only_settings:
        from engine.cli.checking import describe

        model, data = describe(settings, file.folder, place.runs)
    runs = [row.run for row in place.rows() if row.experiment == name]
    if as_json:
        parameters = model.get("parameters") if model else None
        say_json(
            {"name": name, "description": settings.description, "motivation": settings.motivation,
             "tags": settings.tags, "extends": experiment.extends, "settings": settings, "seeds": experiment.seeds,
             "matrix": experiment.matrix, "sweep": experiment.sweep, "command": experiment.command, "runs": runs,
             "parameters": parameters, "model": model, "data": data, "file": str(file.path)}
        )  # fmt: skip
        return
    import msgspec

    say(paint(printable(name), "bold") + f"  {printable(settings.description)}")
    _say_facts({"motivation": settings.motivation, "extends": experiment.extends, "runs": " ".join(runs[-20:]),
                "seeds": experiment.seeds, "matrix": setting_text(experiment.matrix) if experiment.matrix else None, "file": file.path})  # fmt: skip
    _say_title("settings")
    say_settings({k: v for k, v in msgspec.to_builtins(settings).items() if k not in ("description", "motivation")})
    say_model(model)
    say_data(data)


@verb("metrics")
@run_argument
@click.argument("series", metavar="[SERIES...]", nargs=-1)
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N points of each.")
@table_options
def metrics_(
    place: Place, run: str, series: tuple[str, ...], last: int | None, as_json: bool, as_csv: bool
) -> None:
    """The points of a run's series: all, or those named ('val/*' works too); without names a line each."""
    found = place.find(run)
    points = {name: _points(found, name, last) for name in chosen_series(found, series)}
    if as_json:
        say_json({name: {key: p[key].tolist() for key in ("step", "time", "value")} for name, p in points.items()})
    elif as_csv:
        say_csv(["series", "step", "time", "value"], _each_point(points))
    elif series:
        for name, p in points.items():
            lines = [[count_text(int(s)), number_text(float(v))] for s, v in zip(p["step"], p["value"], strict=True)]
            say_table([Column("step", right=True), Column(name, right=True)], lines)
    elif not points:
        note(f"{found.id} has no points yet")
    else:
        _say_series(points)


def chosen_series(run: Run, patterns: tuple[str, ...]) -> list[str]:
    """The run's series that patterns name, in the order asked for; all of them without patterns.

    Raises:
        NotFoundError: a pattern names none.
    """
    from engine.series import list_series

    known = list_series(run.paths.series)
    if not patterns:
        return known
    chosen: dict[str, None] = {}
    for pattern in patterns:
        names = [name for name in known if name == pattern or fnmatchcase(name, pattern)]
        if not names:
            raise NotFoundError(f"{run.id} has no series {pattern!r}", hint=nearest(pattern, known) or "it has none yet")
        chosen.update(dict.fromkeys(names))
    return list(chosen)


def _points(run: Run, name: str, last: int | None) -> NDArray[np.void]:
    from engine.series import RECORD, read_records, series_path

    path = series_path(run.paths.series, name)
    if last is None:
        return read_records(path)
    return read_records(path, max(0, path.stat().st_size // RECORD.size - last))


def _each_point(points: dict[str, NDArray[np.void]]) -> Iterator[dict[str, Any]]:
    for name, p in points.items():
        for step, time, value in p.tolist():
            yield {"series": name, "step": step, "time": time, "value": value}


def _say_series(points: dict[str, NDArray[np.void]]) -> None:
    import numpy as np

    lines = []
    for name, p in points.items():
        values, finite = p["value"], p["value"][np.isfinite(p["value"])]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
        last = float(values[-1]) if len(values) else None
        step = int(p["step"][-1]) if len(p) else None
        lines.append([name, count_text(len(p)), count_text(step), *map(number_text, (last, low, high))])
    columns = [Column("series", least=12)]
    columns += [Column(key, right=True) for key in ("points", "step", "last", "lowest", "highest")]
    say_table(columns, lines)


@verb("checkpoints")
@run_argument
@table_options
def checkpoints_(place: Place, run: str, as_json: bool, as_csv: bool) -> None:
    """The checkpoints of a run, oldest first; RUN:NAME elsewhere takes their names."""
    from engine.checkpoints import list_checkpoints, summary

    found = place.find(run)
    known = list_checkpoints(found.paths)
    if as_json:
        say_json([summary(info) for info in known])
        return
    if as_csv:
        say_csv(["name", "epoch", "step", "bytes", "created", "path"], [summary(info) for info in known])
        return
    if not known:
        note(f"{found.id} has no checkpoints yet")
        return
    monitor = str((found.state.best or {}).get("monitor") or "val/accuracy")
    columns = [Column("name"), Column("also"), Column("epoch", right=True), Column("step", right=True)]
    columns += [Column(monitor, right=True), Column("size", right=True), Column("saved", right=True), Column("problem", " ")]
    lines = []
    for info in known:
        also = " ".join([*(a for a in info.aliases if a != info.name), *([info.folder.name] * (info.name != info.folder.name))])
        numbers = [number_text(info.epoch), count_text(info.step), metric_text(info.metrics.get(monitor))]
        lines.append([info.name, also, *numbers, size_text(info.bytes), ago(info.created), info.problem])
    say_table(columns, lines)


@verb("compare")
@runs_argument
@click.option("--all", "everything", is_flag=True, help="Settings that agree too.")
@table_options
def compare_(place: Place, runs: tuple[str, ...], everything: bool, as_json: bool, as_csv: bool) -> None:
    """The settings in which runs differ, and their metrics with the differences to the first run's."""
    from engine.compare import compare

    found = place.find_all(runs)
    if len(found) < 2:
        raise UsageError("a comparison takes at least two different runs", hint="engine compare e0001 e0002")
    result = compare(found, everything=everything)
    if as_json:
        say_json(result)
        return
    ids = [run.id for run in found]
    if as_csv:
        rows = [{"key": key, **values} for part in ("settings", "metrics") for key, values in result[part].items()]
        say_csv(["key", *ids], rows)
        return
    lines = [[printable(k), *(setting_text(v.get(i)) for i in ids)] for k, v in result["settings"].items()]
    if lines:
        say_table([Column("settings that differ", least=14), *(Column(i, right=True) for i in ids)], lines)
    else:
        say("the settings are the same")
    say()
    lines = [[k, *_with_deltas(ids, v, result["deltas"].get(k, {}))] for k, v in result["metrics"].items()]
    say_table([Column("metrics", least=14), *(Column(i, right=True) for i in ids)], lines)


def _with_deltas(ids: list[str], values: dict[str, Any], deltas: dict[str, Any]) -> list[str]:
    shown = []
    for run_id in ids:
        text, delta = metric_text(values.get(run_id)), deltas.get(run_id)
        shown.append(text if delta is None else f"{text} {delta:+.4f}")
    return shown


@verb("log")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("-n", "--lines", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
def log_(place: Place, run: str, follow: bool, lines: int | None) -> None:
    """What a run's worker printed."""
    found = place.find(run)
    path = found.paths.log
    try:
        with open(path, "rb") as file:
            content = file.read() if lines is None else last_lines(file.read(), lines)
            offset = file.tell()
    except FileNotFoundError:
        content, offset = b"", 0
        if not follow:
            note(f"{found.id} has printed nothing yet")
    _write_log(content)
    if follow:
        _follow_log(found, offset)


def last_lines(content: bytes, count: int) -> bytes:
    """The last `count` lines of `content`."""
    kept = content.splitlines(keepends=True)
    return b"".join(kept[len(kept) - count :] if count else [])


def _write_log(content: bytes) -> None:
    sys.stdout.write(printable_lines(content.decode("utf-8", "replace")))
    sys.stdout.flush()


def _follow_log(run: Run, offset: int) -> None:
    import time

    while True:
        ended = load_run(run.paths).status in ENDED
        try:
            with open(run.paths.log, "rb") as file:
                file.seek(offset)
                content = file.read()
        except FileNotFoundError:
            content = b""
        whole = content if ended else content[: content.rfind(b"\n") + 1]
        offset += len(whole)
        if whole:
            _write_log(whole)
        if ended:
            return
        time.sleep(0.2)
