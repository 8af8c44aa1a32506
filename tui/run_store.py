"""One run as its screen shows it, read without Textual: a tick looks at what changed and makes one frozen snapshot."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.jsonio import number
from engine.records import ALIVE, ENDED, Marks, RunInfo, RunPaths, State
from engine.runs import Run, load_run
from tui.run_events import EventsFile, Finding, Happened
from tui.run_log import last_lines
from tui.run_parts import (
    MISSING,
    Document,
    EvaluationKey,
    EvaluationsFolder,
    Stamp,
    WatchedFile,
    read_text,
    stamp,
)
from tui.run_series import RunSeries

if TYPE_CHECKING:
    from engine.checkpoints import CheckpointInfo
    from tui.group_series import GroupSeries
    from tui.series import SeriesCache

LIVE_SECONDS = 0.3
"""Between two looks at a run that is alive."""
ENDED_SECONDS = 1.0
"""Between two looks at a run that has ended: a few calls of stat."""
SLOW_SECONDS = 1.0
"""How often folders that seldom change are looked at."""
SPLITS = {"val": "validation", "train_split": "train"}
"""The splits that metrics call otherwise."""


@dataclass(frozen=True)
class Wants:
    """What of the run is in sight: the rest is not read."""

    tab: str = "curves"
    series: tuple[str, ...] = ()
    """The series that are drawn."""
    group: tuple[str, ...] = ()
    """The runs whose series are wanted besides, for their mean."""
    evaluation: EvaluationKey | None = None
    """The evaluation looked at; the newest when None."""
    log_lines: int = 4


@dataclass(frozen=True, eq=False)
class RunSnapshot:
    """Everything of one moment."""

    run: Run
    status: str
    read_only: str = ""
    """Why the run can only be looked at; empty when it can be acted on."""
    findings: tuple[Finding, ...] = ()
    """Newest first."""
    finding_count: int = 0
    happened: dict[str, tuple[Happened, ...]] = field(default_factory=dict)
    """What happened at which step, by kind: checkpoint, lr, finding, resumed."""
    pauses: tuple[tuple[float, float], ...] = ()
    resumes: tuple[tuple[int, float], ...] = ()
    """Step and Unix time where the run went on after a pause."""
    joint: tuple[int, float] | None = None
    """Step and Unix time of the last point that comes of the run before."""
    series: tuple[str, ...] = ()
    """The names of all series there are."""
    looked: bool = True
    """Whether the folder was looked at; False while only the head is known."""
    series_version: int = 0
    """Grows with every point of the series that are drawn."""
    points: int = 0
    """Points of the series that are drawn."""
    data: Document = MISSING
    model: Document = MISSING
    notes: Document = MISSING
    evaluations: tuple[EvaluationKey, ...] = ()
    evaluation_key: EvaluationKey | None = None
    evaluation: Document = MISSING
    checkpoints: tuple[CheckpointInfo, ...] = ()
    log_end: tuple[str, ...] = ()
    """The last lines of the log, where they matter: before the first step, and after a bad end."""
    log_stamp: Stamp = None
    """Changes with the log, while its tab is in sight."""
    hint: str = ""
    """What to do after a failure, where the worker left word."""
    limits: dict[str, float] = field(default_factory=dict)
    """Limits that a resume has grown."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def info(self) -> RunInfo:
        return self.run.info

    @property
    def state(self) -> State:
        return self.run.state

    @property
    def marks(self) -> Marks:
        return self.run.marks

    @property
    def alive(self) -> bool:
        return self.status in ALIVE

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def progress(self) -> float | None:
        """How much is done (0…1); None when there is no end to count to."""
        for done, total in ((self.state.step, self.state.total_steps), (self.state.epoch, self.state.total_epochs)):
            if total:
                return min(1.0, max(0.0, done / total))
        return None

    @property
    def majority(self) -> tuple[str, float] | None:
        """The largest class of the train split and its share there."""
        found = self.data.table.get("majority")
        if not isinstance(found, dict) or found.get("class") is None:
            return None
        return str(found["class"]), number(found.get("share"))

    def baseline(self, split: str) -> float | None:
        """What always answering the majority class scores on a split (train, val, val_a, test); None when unknown."""
        stated = number(self.state.metrics.get(f"{split}/majority"))
        if math.isfinite(stated):
            return stated
        majority = self.majority
        content = _table(_table(self.data.table.get("splits")).get(SPLITS.get(split, split)))
        count = number(content.get("count"))
        if majority is None or not count > 0:
            return majority[1] if majority is not None and split == "train" else None
        of_class = number(_table(content.get("classes")).get(majority[0]))
        return of_class / count if math.isfinite(of_class) else None

    def metric(self, name: str) -> float | None:
        """The newest value of a metric; None when there is none."""
        value = self.state.metrics.get(name)
        return None if value is None else number(value)

    @property
    def best(self) -> tuple[str, float, float, int] | None:
        """The monitored metric's name, its best value, and the epoch and step of it."""
        best = self.state.best
        if not isinstance(best, dict) or best.get("value") is None:
            return None
        step = number(best.get("step"))
        whole = int(step) if 0 <= step < 2**62 else 0
        return str(best.get("monitor")), number(best["value"]), number(best.get("epoch")), whole


def stepped(snapshot: RunSnapshot, chosen: EvaluationKey | None, by: int) -> EvaluationKey | None:
    """The evaluation `by` steps on from the chosen one; None, which follows the newest, at the end."""
    keys = snapshot.evaluations
    if not keys:
        return None
    now = chosen or snapshot.evaluation_key
    at = keys.index(now) if now in keys else len(keys) - 1
    at = max(0, min(len(keys) - 1, at + by))
    return None if at == len(keys) - 1 else keys[at]


def best_of(snapshot: RunSnapshot) -> EvaluationKey | None:
    """The evaluation of the best step; None where it was not kept."""
    best = snapshot.state.best or {}
    return next((key for key in snapshot.evaluations if key.step == best.get("step")), None)


def of_next_split(snapshot: RunSnapshot) -> EvaluationKey | None:
    """An evaluation of another split than the one in sight, of the best step or else the newest; None without one."""
    splits = list(dict.fromkeys(key.split for key in snapshot.evaluations))
    now = snapshot.evaluation_key
    if len(splits) < 2 or now is None:
        return None
    after = splits[(splits.index(now.split) + 1) % len(splits)] if now.split in splits else splits[0]
    keys = [key for key in snapshot.evaluations if key.split == after]
    best = (snapshot.state.best or {}).get("step")
    return next((key for key in keys if key.step == best), keys[-1])


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


class RunStore:
    """Reads one run's folder; `tick` is called from one thread, the caches may be drawn from by another."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.snapshot: RunSnapshot | None = None
        """The newest one."""
        self.series = RunSeries(paths)
        self._run: Run | None = None
        self._run_stamps: tuple[Stamp, ...] = ()
        self._status = ""
        self._events = EventsFile(paths.events)
        self._files = {
            "data": WatchedFile(paths.data),
            "model": WatchedFile(paths.model),
            "notes": WatchedFile(paths.notes, read_text),
        }
        self._evaluations = EvaluationsFolder(paths.evaluation)
        self._checkpoints: tuple[CheckpointInfo, ...] = ()
        self._checkpoint_stamp: Stamp | tuple[()] = ()
        self._log_end: tuple[str, ...] = ()
        self._log_stamp: Stamp = None
        self._whole_log: Stamp = None
        self._hint = ""
        self._limits: dict[str, float] = {}
        self._looked = 0.0

    @property
    def caches(self) -> dict[str, SeriesCache]:
        """The series read so far, by name."""
        return self.series.caches

    @property
    def group(self) -> GroupSeries | None:
        """The series of the runs of its group, once they were wanted."""
        return self.series.group

    @property
    def interval(self) -> float:
        """Seconds until the next look."""
        return LIVE_SECONDS if self._status in ALIVE or self._status == "queued" else ENDED_SECONDS

    def tick(self, wants: Wants, *, force: bool = False) -> RunSnapshot | None:
        """Look at the folder; a new snapshot if anything in sight changed, else None."""
        changed = self._update_run()
        changed |= self._events.update()
        changed |= self._update_documents(wants)
        assert self._run is not None
        changed |= self.series.update(self._run, wants.series, wants.group)
        changed |= self._update_log(wants)
        if not changed and not force and self.snapshot is not None:
            return None
        self.snapshot = self._make()
        return self.snapshot

    def first_look(self) -> RunSnapshot:
        """What the header needs, and nothing that takes time: for the first paint."""
        self._update_run()
        return dataclasses.replace(self._make(), looked=False)

    def _make(self) -> RunSnapshot:
        run = self._run or load_run(self.paths)
        return RunSnapshot(
            run=run,
            status=self._status,
            read_only=run.read_only_reason,
            findings=self._events.findings,
            finding_count=self._events.count,
            happened=self._events.happened,
            pauses=self._pauses(),
            joint=self.series.joint,
            resumes=self._events.resumes,
            series=self.series.names,
            series_version=self.series.version,
            points=self.series.points,
            data=self._files["data"].document,
            model=self._files["model"].document,
            notes=self._files["notes"].document,
            evaluations=self._evaluations.keys,
            evaluation_key=self._evaluations.chosen,
            evaluation=self._evaluations.document,
            checkpoints=self._checkpoints,
            log_end=self._log_end,
            log_stamp=self._whole_log,
            hint=self._hint,
            limits=self._limits,
        )

    def _pauses(self) -> tuple[tuple[float, float], ...]:
        """When it did not run, the time between the run before and this one included."""
        cache = self.caches.get("epoch")
        if self.series.joint is None or cache is None:
            return self._events.pauses
        began = cache.own_begin
        return self._events.pauses if began is None else ((self.series.joint[1], began), *self._events.pauses)

    # the small records

    def _update_run(self) -> bool:
        paths = self.paths
        stamps = (stamp(paths.run), stamp(paths.state), stamp(paths.marks))
        changed = stamps != self._run_stamps or self._run is None
        if changed:
            self._run, self._run_stamps = load_run(paths), stamps
            self._hint, self._limits = _failure_hint(paths), _limits(paths)
        run = self._run
        assert run is not None
        status = run.status
        if status != self._status:
            if not changed:
                self._run = load_run(paths)
            self._status, changed = status, True
        return changed

    def _update_documents(self, wants: Wants) -> bool:
        tab, now = wants.tab, time.monotonic()
        all_of_them = now - self._looked >= SLOW_SECONDS
        if all_of_them:
            self._looked = now
        changed = self._files["data"].update() if all_of_them or tab == "data" else False
        if tab in ("model", "notes"):
            changed |= self._files[tab].update()
        if tab in ("evaluation", "data"):
            changed |= self._evaluations.update(wants.evaluation)
        if tab == "checkpoints":
            changed |= self._update_checkpoints()
        return changed

    def _update_checkpoints(self) -> bool:
        now = stamp(self.paths.checkpoints)
        if now == self._checkpoint_stamp:
            return False
        from engine.checkpoints import list_checkpoints

        self._checkpoint_stamp = now
        self._checkpoints = tuple(list_checkpoints(self.paths))
        return True

    def forget_checkpoints(self) -> None:
        """List them again at the next tick that shows them."""
        self._checkpoint_stamp = ()

    # the log's end

    def _update_log(self, wants: Wants) -> bool:
        before = self._whole_log
        if wants.tab == "log":
            self._whole_log = stamp(self.paths.log)
        return self._update_log_end(wants) or self._whole_log != before

    def _update_log_end(self, wants: Wants) -> bool:
        waiting = self._status in ("queued", "starting") or (self._status in ALIVE and not self.series.names)
        if not waiting and self._status not in ("failed", "lost"):
            gone, self._log_end, self._log_stamp = bool(self._log_end), (), None
            return gone
        now = stamp(self.paths.log)
        if now == self._log_stamp:
            return False
        self._log_stamp = now
        lines = last_lines(self.paths.log, wants.log_lines)
        changed, self._log_end = lines != self._log_end, lines
        return changed


def _failure_hint(paths: RunPaths) -> str:
    from engine.jsonio import read_json

    try:
        content = read_json(paths.control / "failure.json")
    except (OSError, ValueError):
        return ""
    hint = content.get("hint") if isinstance(content, dict) else None
    return hint if isinstance(hint, str) else ""


def _limits(paths: RunPaths) -> dict[str, float]:
    from engine.jsonio import read_json

    try:
        content = read_json(paths.control / "limits.json")
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in content.items() if isinstance(v, (int, float))} if isinstance(content, dict) else {}
