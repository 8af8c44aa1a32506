"""The whole box at one moment: devices with who computes on them, the disk of the runs, where live runs spend time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.devices import Device
from engine.disk import DiskUse
from engine.time_split import time_split

if TYPE_CHECKING:
    from engine.index import Row
    from engine.runs import RunsFolder


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of this folder that computes on this box now."""

    run: str
    experiment: str
    state: str
    device: str
    """cpu or cuda:N, as this process counts them."""
    user: str = ""
    share: float | None = None
    """How far it is, 0 to 1."""
    seconds: dict[str, float] = {}
    """Seconds that data, forward, backward, … took lately (`engine.time_split`)."""


def live_runs(runs: RunsFolder, rows: Iterable[Row], devices: Sequence[Device]) -> tuple[LiveRun, ...]:
    """The runs of a folder that compute on these devices, the longest running first."""
    from engine.processes import hostname

    here = [row for row in rows if row.live and row.host in ("", hostname())]
    return tuple(_live_run(runs, row, _device_of(runs, row, devices)) for row in here)


def on_device(live: Iterable[LiveRun], device: Device) -> list[LiveRun]:
    """Those of the runs that compute on `device`."""
    return [run for run in live if run.device == device.name]


def is_own(runs: RunsFolder, process: dict[str, Any]) -> bool:
    """Whether a process of a device is the worker of a run in this folder."""
    folder = str(process.get("folder") or "")
    return bool(folder) and os.path.realpath(Path(folder).parent) == os.path.realpath(runs.root)


def records(devices: Sequence[Device], live: Sequence[LiveRun], disk: DiskUse | None) -> list[dict[str, Any]]:
    """What `--json` shows: each device with its live runs, the disk of the runs beside the CPU."""
    from engine.jsonio import plain

    listed = []
    for device in devices:
        record = {**plain(device), "runs": [plain(run) for run in on_device(live, device)]}
        if device.kind == "cpu":
            record["disk"] = None if disk is None else plain(disk)
        listed.append(record)
    return listed


def _live_run(runs: RunsFolder, row: Row, device: str) -> LiveRun:
    total = row.total_steps or 0
    return LiveRun(
        run=row.run,
        experiment=row.experiment,
        state=row.state,
        device=device,
        user=row.user,
        share=min(1.0, row.step / total) if total else None,
        seconds=time_split(runs.paths(row.run)),
    )


def _device_of(runs: RunsFolder, row: Row, devices: Sequence[Device]) -> str:
    """The device of a run by who is on it: the launcher of the run may have counted the GPUs otherwise."""
    folder = str(runs.paths(row.run).folder.absolute())
    for device in devices:
        lease = device.lease or {}
        if folder in (lease.get("folder"), *(process.get("folder") for process in device.processes)):
            return device.name
    return row.device or "cpu"
