"""What the Devices screen lists, without Textual: devices, the processes and runs on each, the disk; roomy or close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.box import LiveRun, is_own, on_device
from tui.device_history import DeviceHistory
from tui.text import safe, wrap
from tui.theme import symbol

if TYPE_CHECKING:
    from engine.devices import Device
    from engine.disk import DiskUse
    from engine.runs import RunsFolder
    from tui.store import Snapshot

COLUMNS = 60
"""Columns of history kept ready: five seconds each."""

Kind = Literal[
    "device", "close", "load", "memory", "cores", "process", "run", "time", "disk", "words", "problem", "gap"
]
_CHOOSABLE = ("device", "close", "process", "run")


@dataclass(frozen=True)
class BoxRow:
    """One line."""

    kind: Kind
    device: Device | None = None
    """The device that the line belongs to."""
    process: dict[str, Any] | None = None
    live: LiveRun | None = None
    run: str = ""
    """The id of the run of this folder that the line tells of."""
    loads: tuple[float, ...] = ()
    memories: tuple[float, ...] = ()
    disk: DiskUse | None = None
    words: str = ""

    @property
    def choosable(self) -> bool:
        """Whether the cursor may stand on it."""
        return self.kind in _CHOOSABLE

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same line a moment later."""
        who = self.run or str((self.process or {}).get("pid", ""))
        name = (self.device.uuid or self.device.name) if self.device is not None else ""
        return ("device" if self.kind == "close" else self.kind, name, who)


@dataclass(frozen=True)
class Box:
    """All that is known of the box at one moment."""

    snapshot: Snapshot
    history: DeviceHistory
    runs: RunsFolder
    disk: DiskUse | None = None

    def rows(self, width: int, height: int) -> list[BoxRow]:
        """The lines; one a device where all of them would not fit into `height`."""
        roomy = self._rows(width, close=False)
        return roomy if len(roomy) <= height else self._rows(width, close=True)

    def _rows(self, width: int, *, close: bool) -> list[BoxRow]:
        if not self.snapshot.devices:
            return []
        rows: list[BoxRow] = []
        for device in self.snapshot.devices:
            if rows and not close:
                rows.append(BoxRow("gap"))
            rows += self._device(device, close=close)
        if self.disk is not None:
            rows += [] if close else [BoxRow("gap")]
            rows.append(BoxRow("disk", disk=self.disk))
        return rows + self._said(width, close=close)

    def _said(self, width: int, *, close: bool) -> list[BoxRow]:
        """Why the GPUs cannot be asked, or that there are none."""
        problem = self.snapshot.device_problem
        if not problem and any(device.kind == "cuda" for device in self.snapshot.devices):
            return []
        text = f"{symbol('warning')} {safe(problem)}" if problem else "No NVIDIA GPU here. Trainings use the CPU."
        gap = [] if close else [BoxRow("gap")]
        return gap + [BoxRow("problem" if problem else "words", words=line) for line in wrap(text, max(20, width), 4)]

    def _device(self, device: Device, *, close: bool) -> Iterator[BoxRow]:
        samples = self.history.columns(device, COLUMNS)
        loads = tuple(round(sample.load, 2) for sample in samples)
        memories = tuple(round(sample.memory, 2) for sample in samples)
        if close:
            yield BoxRow("close", device, loads=loads, memories=memories)
        else:
            yield BoxRow("device", device)
            if device.utilization is not None:
                yield BoxRow("load", device, loads=loads)
            if device.memory_total:
                yield BoxRow("memory", device, memories=memories)
            if len(device.cores) > 1:
                yield BoxRow("cores", device)
        yield from self._on(device, on_device(self.snapshot.live_here, device))

    def _on(self, device: Device, live: Sequence[LiveRun]) -> Iterator[BoxRow]:
        """Its processes, those of runs with where their time goes; then runs that show no process of their own."""
        waiting = {run.run: run for run in live}
        for process in device.processes:
            run = str(process.get("run") or "") if is_own(self.runs, process) else ""
            yield BoxRow("process", device, process=process, live=waiting.get(run), run=run)
            yield from _time(device, waiting.pop(run, None))
        for one in waiting.values():
            yield BoxRow("run", device, live=one, run=one.run)
            yield from _time(device, one)


def _time(device: Device, live: LiveRun | None) -> Iterator[BoxRow]:
    if live is not None and live.seconds:
        yield BoxRow("time", device, live=live)
