"""What the main screens show, read without Textual: runs, experiments and devices in one frozen snapshot.

The first snapshot comes from the stored index without looking at any run; a thread then verifies, and makes another
snapshot only when something changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.errors import EngineError
from engine.index import Row, RunIndex
from engine.records import ALIVE
from engine.runs import RunsFolder
from tui.device_history import DeviceHistory

if TYPE_CHECKING:
    from engine.box import LiveRun
    from engine.devices import Device
    from engine.experiments import Experiment, ExperimentFile, Problem

DEVICE_SECONDS = 5.0
"""How often the devices are asked while nothing shows them in full."""
Gpu = tuple[str, tuple[float, ...], bool]
"""A GPU in the header: name, its load (0…1) over the last questions, whether it is free."""


class ExperimentEntry(msgspec.Struct, frozen=True):
    """An experiment as the list shows it."""

    name: str
    data: str = ""
    model: str = ""
    runs: int = 0
    live: int = 0
    best: float | None = None
    monitor: str = ""
    """Of which metric that is."""
    starred: bool = False
    """Whether its best run is starred."""
    description: str = ""
    problem: str = ""
    """What is wrong with it in the file; empty when it can be launched."""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything of one moment; replaced whole."""

    rows: tuple[Row, ...] = ()
    """All runs, oldest first."""
    experiments: tuple[ExperimentEntry, ...] = ()
    """In the order of the file."""
    file: ExperimentFile | None = None
    file_error: EngineError | None = None
    """Why the file could not be read at all."""
    faults: Mapping[str, tuple[Problem, ...]] = msgspec.field(default_factory=dict)
    """What the closer look at each experiment found: arguments that what it names does not take."""
    running: int = 0
    queued: int = 0
    devices: tuple[Device, ...] = ()
    live_here: tuple[LiveRun, ...] = ()
    """The live runs of this box with where their time goes, read while a screen shows them."""
    gpus: tuple[Gpu, ...] = ()
    device_problem: str | None = None
    verified: bool = False
    """Whether every run was looked at since the program started."""


@dataclass
class Store:
    """Reads; holds the newest snapshot. `load` first, then `verify` and `refresh` from one thread."""

    root: Path
    """The runs folder."""
    file: Path | None = None
    """The experiments file asked for; found by itself when None."""
    cwd: Path = field(default_factory=Path.cwd)
    snapshot: Snapshot = field(default_factory=Snapshot)

    def __post_init__(self) -> None:
        self.runs = RunsFolder(self.root)
        self.index = RunIndex(self.runs)
        self._lock = threading.Lock()
        self._stamp: tuple[str, int, int] | None = None
        self._partial = False
        """Whether most experiments have not been checked yet."""
        self.history = DeviceHistory()
        """Load and memory of the devices over the last minutes."""
        self.watch_box = False
        """Whether a screen shows all of the box, so that more than its devices is read."""
        self._checked: ExperimentFile | None = None

    # first, fast

    def load(self, *, first: int | None = None) -> Snapshot:
        """The first snapshot: stored index and experiments, nothing verified.

        Args:
            first: how many experiments are checked, the others by `refresh_file`; all where it is None.
        """
        rows = tuple(self.index.rows())
        file, error = self._read_file(first)
        self._partial = first is not None
        self.snapshot = self._with_rows(Snapshot(file=file, file_error=error), rows)
        return self.snapshot

    # later, from a thread

    def verify(self, chunk: int = 250) -> Iterator[bool]:
        """Look at every run, a part at a time; each step says whether the snapshot changed."""
        for changed in self.index.verify_in_steps(chunk):
            yield changed and self._take_rows()
        self._replace(verified=True)

    def refresh(self) -> bool:
        """Look at what may have changed: live and new runs, the experiments file. Whether the snapshot changed."""
        changed = self.index.refresh() and self._take_rows()
        return self.refresh_file() or changed

    def refresh_file(self, force: bool = False) -> bool:
        """Read the experiments again when the file changed; whether it did."""
        if not (force or self._partial) and self._file_stamp() == self._stamp:
            return False
        file, error = self._read_file()
        self._partial = False
        snapshot = msgspec.structs.replace(self.snapshot, file=file, file_error=error, faults={})
        self._set(self._with_rows(snapshot, snapshot.rows))
        return True

    @property
    def unchecked(self) -> bool:
        """Whether the experiments were read anew since they were last checked."""
        return self.snapshot.file is not self._checked

    def check_experiments(self) -> Iterator[bool]:
        """Check each experiment's arguments, those of broken ones too; each step says whether the snapshot changed."""
        from engine.resolving import closely, first_values

        file = self._checked = self.snapshot.file
        faults: dict[str, tuple[Problem, ...]] = {}
        for name, experiment in dict(file.experiments if file is not None else {}).items():
            yield False
            if file is None or not experiment.runnable:
                continue
            try:
                first_values(file, name)
            except EngineError as error:
                faults[name] = _problems_of(error, name, experiment.line)
        for name in file.broken if file is not None else ():
            yield False
            assert file is not None
            if deeper := tuple(problem for problem in closely(file, name) if problem not in file.problems):
                faults[name] = deeper
        if self.snapshot.file is file and faults != self.snapshot.faults:
            self._set(self._with_rows(msgspec.structs.replace(self.snapshot, faults=faults), self.snapshot.rows))
            yield True

    def refresh_devices(self) -> bool:
        """Ask the devices; whether anything is different now."""
        from engine.devices import devices, problem

        found = tuple(devices())
        self.history.add(found)
        live = self._live_here(found) if self.watch_box else ()
        gpus = tuple(self._gpu(device) for device in found if device.kind != "cpu")
        trouble = problem()
        before = self.snapshot
        same = (before.devices, before.live_here, before.gpus, before.device_problem)
        if (found, live, gpus, trouble) == same:
            return self.watch_box  # what is drawn of the last minutes moves on
        self._replace(devices=found, live_here=live, gpus=gpus, device_problem=trouble)
        return True

    def _live_here(self, found: tuple[Device, ...]) -> tuple[LiveRun, ...]:
        from engine.box import live_runs

        return live_runs(self.runs, self.snapshot.rows, found)

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of this name as the file has it; None when it is not there."""
        file = self.snapshot.file
        return None if file is None else file.experiments.get(name)

    def runs_of(self, name: str) -> list[Row]:
        """The runs of an experiment, newest first."""
        return [row for row in reversed(self.snapshot.rows) if row.experiment == name]

    def _gpu(self, device: Device) -> Gpu:
        # the header draws four values: like ones make like snapshots, and nothing is repainted
        return device.name, self.history.newest(device, 4), device.free

    def _take_rows(self) -> bool:
        self._set(self._with_rows(self.snapshot, tuple(self.index.rows())))
        return True

    def _replace(self, **fields: object) -> None:
        with self._lock:
            self.snapshot = msgspec.structs.replace(self.snapshot, **fields)

    def _set(self, snapshot: Snapshot) -> None:
        with self._lock:
            self.snapshot = snapshot

    def _path(self) -> Path:
        from engine.experiments import find_file

        return find_file(self.file, self.cwd)

    def _file_stamp(self) -> tuple[str, int, int] | None:
        try:
            path = self._path()
            status = os.stat(path)
        except (OSError, EngineError):
            return None
        return str(path), status.st_mtime_ns, status.st_size

    def _read_file(self, first: int | None = None) -> tuple[ExperimentFile | None, EngineError | None]:
        from engine.experiments import load

        self._stamp = self._file_stamp()
        try:
            return load(self._path(), first=first), None
        except EngineError as error:
            return None, error
        except OSError as error:
            hint = "give a file that can be read with --file"
            return None, EngineError(f"{error.filename}: {error.strerror}", hint=hint)

    def _with_rows(self, snapshot: Snapshot, rows: tuple[Row, ...]) -> Snapshot:
        return msgspec.structs.replace(
            snapshot,
            rows=rows,
            experiments=_entries(snapshot, rows),
            running=sum(row.state in ALIVE for row in rows),
            queued=sum(row.state == "queued" for row in rows),
        )


def _problems_of(error: EngineError, name: str, line: int) -> tuple[Problem, ...]:
    """The problems an error tells of, one by one where it knows them."""
    from engine.experiments import Problem

    known = getattr(error, "problems", None)
    return tuple(known) if known else (Problem(error.message, line, name, error.hint),)


def _entries(snapshot: Snapshot, rows: tuple[Row, ...]) -> tuple[ExperimentEntry, ...]:
    """The experiments of the file with what their runs reached; experiments that only runs know of are not listed."""
    file, faults = snapshot.file, snapshot.faults
    if file is None:
        return ()
    tallies: dict[str, _Tally] = {}
    for row in rows:
        tally = tallies.get(row.experiment)
        if tally is None:
            tally = tallies[row.experiment] = _Tally()
        tally.add(row)
    none = _Tally()
    told = [(e, _entry(e, tallies.get(name, none), faults.get(name, ()))) for name, e in file.experiments.items()]
    if not file.broken:  # in the file's order already
        return tuple(entry for _, entry in told)
    entries = [(experiment.line, entry) for experiment, entry in told]
    for name, problems in file.broken.items():
        tally = tallies.get(name, none)
        entry = ExperimentEntry(name, runs=tally.runs, live=tally.live, best=tally.best, problem=problems[0].message)
        entries.append((problems[0].line or 0, entry))
    entries.sort(key=lambda pair: pair[0])
    return tuple(entry for _, entry in entries)


def _entry(experiment: Experiment, tally: _Tally, faults: tuple[Problem, ...]) -> ExperimentEntry:
    settings = experiment.settings
    return ExperimentEntry(
        name=experiment.name,
        data=str(settings.data.get("name") or ""),
        model=str(settings.model.get("name") or ("command" if experiment.command else "")),
        runs=tally.runs,
        live=tally.live,
        best=tally.best,
        monitor=tally.monitor or "",
        starred=tally.starred,
        description=settings.description,
        problem=faults[0].message if faults else "",
    )


class _Tally(msgspec.Struct):
    runs: int = 0
    live: int = 0
    best: float | None = None
    starred: bool = False
    monitor: str | None = None

    def add(self, row: Row) -> None:
        self.runs += 1
        if row.state in ALIVE:
            self.live += 1
        value = row.best
        if value is None or value != value:
            return
        if row.monitor != self.monitor:  # what the newest run watches: another metric's values are not compared with it
            self.best, self.monitor = None, row.monitor
        if self.best is None or (value < self.best if row.mode == "min" else value > self.best):
            self.best, self.starred = value, row.star
