"""The series of other runs of a run's group, read without Textual, for their mean and deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from engine.errors import EngineError
from engine.runs import Run, RunsFolder
from engine.series import series_path
from tui.series import SeriesCache

MOST = 64
"""Runs read of one group; the mean of more looks the same."""


class GroupSeries:
    """`update` is called from one thread; the caches may be drawn from by another."""

    def __init__(self, runs: RunsFolder) -> None:
        self.runs: dict[str, Run] = {}
        """The runs, by id, as they were when first read."""
        self.caches: dict[tuple[str, str], SeriesCache] = {}
        """The series read so far, by run and name."""
        self._folder = runs

    @property
    def version(self) -> int:
        """Grows with every point."""
        return sum(cache.version for cache in list(self.caches.values()))

    def update(self, ids: Sequence[str], names: Sequence[str]) -> bool:
        """Read what was appended to the series `names` of these runs; True when anything was."""
        changed = False
        for run_id in ids[:MOST]:
            if self._find(run_id):
                for name in names:
                    changed |= self._read(run_id, name)
        return changed

    def _find(self, run_id: str) -> bool:
        if run_id not in self.runs:
            try:
                self.runs[run_id] = self._folder.find(run_id)
            except EngineError:  # gone since it was listed
                return False
        return True

    def _read(self, run_id: str, name: str) -> bool:
        cache = self.caches.get((run_id, name))
        if cache is None:
            run = self.runs[run_id]
            cache = SeriesCache(series_path(run.paths.series, name), before=self._earlier(run, name))
            self.caches[run_id, name] = cache
        return cache.update()

    def _earlier(self, run: Run, name: str) -> NDArray[Any] | None:
        if not run.info.parent:
            return None
        from engine.lineage import earlier_series, lineage

        return earlier_series(lineage(self._folder, run), name)
