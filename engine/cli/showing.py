"""Verbs that read runs: metrics, checkpoints and log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, run_argument, table_options, verb
from engine.cli.output import (
    Column,
    ago,
    count_text,
    metric_text,
    note,
    number_text,
    say_csv,
    say_json,
    say_table,
    size_text,
)
from engine.errors import NotFoundError, UsageError, nearest
from engine.runs import ENDED, Run, load_run
from engine.text import printable_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@verb("metrics")
@run_argument
@click.argument("series", metavar="[SERIES...]", nargs=-1)
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N points of each.")
@click.option("--layers", is_flag=True, help="Gradient norms and update ratios of each layer instead.")
@table_options
def metrics_(
    place: Place, run: str, series: tuple[str, ...], last: int | None, layers: bool, as_json: bool, as_csv: bool
) -> None:
    """The points of a run's series: all, or those named ('val/*' works too); without names a line each."""
    found = place.find(run)
    if layers:
        if series:
            raise UsageError("--layers has no series to name", hint="leave the names out")
        _say_layers(found, last, as_json, as_csv)
        return
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


def _say_layers(run: Run, last: int | None, as_json: bool, as_csv: bool) -> None:
    """Gradient norms and update-to-weight ratios: all of them as JSON or CSV, else the last beside the first."""
    from engine.layer_series import QUANTITIES, read_layers

    tables = {name: found for name in QUANTITIES if (found := read_layers(run.paths.series, name)) is not None}
    kept = slice(None if last is None else -last, None)
    if as_json:
        say_json(
            {name: {"layers": t.layers, "step": t.step[kept].tolist(), "value": t.value[kept].tolist()}
             for name, t in tables.items()}
        )  # fmt: skip
        return
    if as_csv:
        say_csv(
            ["quantity", "step", "layer", "value"],
            [{"quantity": name, "step": step, "layer": layer, "value": value}
             for name, t in tables.items()
             for step, row in zip(t.step[kept].tolist(), t.value[kept].tolist(), strict=True)
             for layer, value in zip(t.layers, row, strict=True)],
        )  # fmt: skip
        return
    if not tables or not all(len(t.step) for t in tables.values()):
        note(f"{run.id} has measured no layers yet")
        return
    columns = [Column("layer", least=12)]
    columns += [
        Column(f"{name.replace('_', ' ')}, {when}", right=True) for name in tables for when in ("first", "last")
    ]
    names = next(iter(tables.values())).layers
    lines = [
        [layer, *(number_text(float(t.value[k, i])) for t in tables.values() for k in (0, -1))]
        for i, layer in enumerate(names)
    ]
    say_table(columns, lines)


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
            raise NotFoundError(
                f"{run.id} has no series {pattern!r}", hint=nearest(pattern, known) or "it has none yet"
            )
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
    columns += [
        Column(monitor, right=True),
        Column("size", right=True),
        Column("saved", right=True),
        Column("problem", " "),
    ]
    lines = []
    for info in known:
        also = " ".join(
            [*(a for a in info.aliases if a != info.name), *([info.folder.name] * (info.name != info.folder.name))]
        )
        numbers = [number_text(info.epoch), count_text(info.step), metric_text(info.metrics.get(monitor))]
        lines.append([info.name, also, *numbers, size_text(info.bytes), ago(info.created), info.problem])
    say_table(columns, lines)


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
