"""How `engine devices` shows the box: tables, JSON or CSV, once or again and again."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from engine import box
from engine.cli.output import Cell, Column, note, say, say_csv, say_json, say_table, size_text
from engine.devices import Device, devices, problem
from engine.disk import DiskUse, disk_use
from engine.text import printable
from engine.time_split import split_words

if TYPE_CHECKING:
    from engine.index import RunIndex
    from engine.runs import RunsFolder

COUNTING_SECONDS = 2.0
"""How long the files of all runs are counted at most."""
DISK_SECONDS = 60.0
"""How old what was counted may be."""
_CSV = [
    *("name", "title", "free", "why", "utilization", "memory_used", "memory_total", "temperature", "power"),
    *("power_limit", "uuid"),
]


class Watch:
    """Looks at the box and shows it."""

    def __init__(self, runs: RunsFolder, index: RunIndex, *, as_json: bool, as_csv: bool) -> None:
        self._runs, self._index = runs, index
        self._json, self._csv = as_json, as_csv
        self._disk: DiskUse | None = None
        self._counted = 0.0

    def show(self, interval: float | None) -> None:
        """Show the box once, or every `interval` seconds until interrupted."""
        screen = sys.stdout.isatty() and not (self._json or self._csv)
        while True:
            found = devices()
            live = box.live_runs(self._runs, self._index.rows(), found)
            if interval is not None and screen:
                sys.stdout.write("\x1b[H\x1b[2J")
            self._say(found, live, stream=interval is not None)
            if interval is None:
                return
            if not screen and not self._json:
                say()
            sys.stdout.flush()
            time.sleep(interval)
            self._index.refresh()

    def _say(self, found: list[Device], live: tuple[box.LiveRun, ...], *, stream: bool) -> None:
        if self._csv:
            say_csv(_CSV, [{key: getattr(device, key) for key in _CSV} for device in found])
        elif self._json:
            listed = box.records(found, live, self._disk_now())
            say_json({"time": round(time.time(), 3), "problem": problem(), "devices": listed} if stream else listed)
        else:
            self._say_tables(found, live)

    def _disk_now(self) -> DiskUse:
        """The disk as it was counted less than a minute ago."""
        if self._disk is None or time.monotonic() - self._counted > DISK_SECONDS:
            self._disk, self._counted = disk_use(self._runs.root, COUNTING_SECONDS), time.monotonic()
        return self._disk

    def _say_tables(self, found: list[Device], live: tuple[box.LiveRun, ...]) -> None:
        columns = [
            Column("device"), Column("title", "is", least=10), Column("free"), Column("busy", right=True),
            Column("memory", right=True), Column("temperature", " ", right=True), Column("power", " ", right=True),
            Column("processes", "held by", least=8),
        ]  # fmt: skip
        say_table(columns, [_device_line(device) for device in found])
        _say_processes(found)
        _say_live(live)
        say()
        say(_disk_words(self._disk_now()))
        if trouble := problem():
            note(f"engine: {printable(trouble)}")


def _device_line(device: Device) -> list[Cell]:
    return [
        device.name,
        device.title,
        _free_words(device),
        "" if device.utilization is None else f"{device.utilization:.0f} %",
        _memory_words(device),
        "" if device.temperature is None else f"{device.temperature:.0f} °C",
        _power_words(device.power, device.power_limit),
        device.why or ", ".join(_process(process) for process in device.processes),
    ]


def _free_words(device: Device) -> Cell:
    if not device.free:
        return "taken", "yellow"
    return ("free, but busy", "yellow") if device.strained else ("free", "green")


def _memory_words(device: Device) -> str:
    """`61.0/141.0 GB`."""
    if not device.memory_total:
        return ""
    return f"{(device.memory_used or 0) / 1e9:.1f}/{device.memory_total / 1e9:.1f} GB"


def _power_words(power: float | None, limit: float | None) -> str:
    """`510/700 W`."""
    if power is None:
        return ""
    return f"{power:.0f} W" if limit is None else f"{power:.0f}/{limit:.0f} W"


def _disk_words(disk: DiskUse) -> str:
    """What the runs take and what is free, in a sentence."""
    taken = "the runs take " + (size_text(disk.runs) if disk.runs is not None else "more than could be counted")
    free = f"; {size_text(disk.free)} of {size_text(disk.total)} are free" if disk.free is not None else ""
    return f"disk: {taken}{free} ({printable(disk.folder)})"


def _process(process: dict[str, Any]) -> str:
    who = process.get("run") or process.get("name") or f"process {process.get('pid')}"
    return f"{who} ({process['user']})" if process.get("user") else str(who)


def _say_processes(found: list[Device]) -> None:
    lines: list[list[Cell]] = []
    for device in found:
        for process in device.processes:
            words = [process.get("user") or "?", process.get("run") or "", process.get("name") or "hidden or gone"]
            memory = process.get("memory")
            lines.append([str(process.get("pid")), device.name, *words, size_text(memory) if memory else ""])
    if lines:
        columns = [
            Column("process", right=True), Column("device"), Column("user"), Column("run"),
            Column("command", least=12), Column("memory", right=True),
        ]  # fmt: skip
        say()
        say_table(columns, lines)


def _say_live(live: tuple[box.LiveRun, ...]) -> None:
    if not live:
        return
    columns = [Column("run"), Column("experiment", least=12), Column("device"), Column("done", right=True)]
    columns.append(Column("time", "time goes into", least=20))
    lines: list[list[Cell]] = []
    for run in live:
        share = "" if run.share is None else f"{run.share:.0%}".replace("%", " %")
        lines.append([run.run, run.experiment, run.device, share, split_words(run.seconds)])
    say()
    say_table(columns, lines)
