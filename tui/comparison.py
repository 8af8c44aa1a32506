"""Several runs beside each other, read without Textual: what differs, their scores, and the series to draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.compare import compare
from engine.errors import EngineError
from engine.records import ALIVE
from engine.runs import Run, RunsFolder
from engine.series import list_series, series_path
from tui.run_parts import Stamp, stamp
from tui.scores import is_validation, parted

if TYPE_CHECKING:
    from tui.series import SeriesCache

LIVE_SECONDS, ENDED_SECONDS = 1.0, 5.0
"""Between two looks while one of the runs is alive, and when all have ended."""
_NOT_DRAWN = ("epoch", "samples")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything of one moment."""

    runs: tuple[Run, ...]
    series: tuple[str, ...]
    """Names of all series that any of the runs has."""
    table: dict[str, Any]
    """As `engine.compare.compare` gives it, measured against the baseline."""
    baseline: str
    missing: tuple[str, ...] = ()
    """Runs that are no longer there."""
    table_number: int = 0
    """Another one whenever the runs' folders say something else than before, other than in their series."""

    @property
    def live(self) -> bool:
        """Whether any of them is still training."""
        return any(run.status in ALIVE for run in self.runs)

    def drawn_first(self) -> tuple[str, ...]:
        """What is drawn unless something else is chosen: what most runs watch, and the loss of the same split."""
        watched = Counter(str((run.state.best or {}).get("monitor") or "") for run in self.runs)
        names = [name for name, _ in watched.most_common() if name in self.series]
        names += [name for name in ("val/accuracy", "train/loss") if name in self.series]
        if not names:
            return tuple(name for name in self.series if name not in _NOT_DRAWN)[:2]
        split = parted(names[0])[0]
        losses = [name for name in (f"{split}/loss", "val/loss", "train/loss") if name in self.series]
        return tuple(dict.fromkeys([names[0], *losses]))[:2]

    def choices(self) -> list[str]:
        """Series that can be drawn, scores before the rest."""
        names = [name for name in self.series if name not in _NOT_DRAWN]
        return sorted(names, key=lambda name: (not is_validation(parted(name)[0]), "/" not in name, name))


class ComparisonStore:
    """Reads the folders of some runs; `tick` is called from one thread, the caches may be drawn from by another."""

    def __init__(self, runs_folder: RunsFolder, ids: Sequence[str]) -> None:
        self.runs_folder = runs_folder
        self.ids = tuple(ids)
        self.baseline = self.ids[0]
        """The run that the others are measured against."""
        self.caches: dict[tuple[str, str], SeriesCache] = {}
        """The series read so far, by run and name."""
        self.comparison: Comparison | None = None
        self._stamps: object = None
        self._runs: dict[str, Run] = {}

    @property
    def interval(self) -> float:
        """Seconds until the next look."""
        return LIVE_SECONDS if self.comparison is not None and self.comparison.live else ENDED_SECONDS

    def tick(self, names: Sequence[str]) -> Comparison | None:
        """Look at the folders, and read the series `names`; the comparison if anything has changed, else None.

        With no `names` it is the series that are drawn first.
        """
        changed = self._look()
        assert self.comparison is not None
        for name in (*(names or self.comparison.drawn_first()), "epoch"):
            for run in self.comparison.runs:
                changed |= self._read(run, name)
        return self.comparison if changed else None

    def _look(self) -> bool:
        stamps = (self.baseline, tuple(map(self._stamp, self.ids)))
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        found, missing = [], []
        for run_id in self.ids:
            try:
                found.append(self.runs_folder.find(run_id))
            except EngineError:
                missing.append(run_id)
        self._runs = {run.id: run for run in found}
        first = [run for run in found if run.id == self.baseline]
        ordered = [*first, *(run for run in found if run.id != self.baseline)]
        names = sorted({name for run in found for name in list_series(run.paths.series)})
        table = compare(ordered) if ordered else {"settings": {}, "metrics": {}, "deltas": {}}
        number = self.comparison.table_number + 1 if self.comparison is not None else 0
        self.comparison = Comparison(tuple(found), tuple(names), table, self.baseline, tuple(missing), number)
        return True

    def _stamp(self, run_id: str) -> tuple[Stamp, ...]:
        paths = self.runs_folder.paths(run_id)
        return stamp(paths.run), stamp(paths.state), stamp(paths.marks), stamp(paths.series), stamp(paths.model)

    def _read(self, run: Run, name: str) -> bool:
        cache = self.caches.get((run.id, name))
        if cache is None:
            path = series_path(run.paths.series, name)
            if not path.exists() and not run.info.parent:
                return False
            from engine.lineage import earlier_series, lineage
            from tui.series import SeriesCache

            before = earlier_series(lineage(self.runs_folder, run), name) if run.info.parent else None
            cache = self.caches[run.id, name] = SeriesCache(path, before=before)
            cache.update()
            return True
        return cache.update()
