"""The series of one run as they grow, along the runs it continues, and those of its group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.records import RunPaths
from engine.runs import Run, RunsFolder
from engine.series import list_series, series_path
from tui.run_parts import Stamp, stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tui.group_series import GroupSeries
    from tui.series import SeriesCache

MOST_SERIES = 64
"""Series kept in memory that are not drawn now."""


class RunSeries:
    """`update` is called from one thread; the caches may be drawn from by another."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.names: tuple[str, ...] = ()
        """Of all series there are."""
        self.caches: dict[str, SeriesCache] = {}
        """The series read so far, by name."""
        self.group: GroupSeries | None = None
        """Those of the runs of its group, once they were wanted."""
        self.joint: tuple[int, float] | None = None
        """Step and Unix time of the last point that comes of the run before."""
        self._run: Run | None = None
        self._line: tuple[Run, ...] = ()
        """The run behind those that it continues."""
        self._stamps: dict[Path, Stamp] = {}

    @property
    def version(self) -> int:
        """Grows with every point."""
        own = sum(cache.version for cache in list(self.caches.values()))
        return own + (self.group.version if self.group is not None else 0)

    @property
    def points(self) -> int:
        """How many were read."""
        return sum(cache.count for cache in list(self.caches.values()))

    def update(self, run: Run, wanted: Sequence[str], group: Sequence[str] = ()) -> bool:
        """Read what was appended to the wanted series, and to those of the runs of `group`; whether anything was."""
        self._run = run
        changed = self._list()
        for name in wanted:
            cache = self.caches.get(name)
            if cache is None:
                if name not in self.names:
                    continue
                cache = self._open(name)
            changed |= cache.update()
        self._forget(wanted)
        return self._update_group(group, wanted) or changed

    def _forget(self, wanted: Sequence[str]) -> None:
        """Let go of what is not in sight, where much was looked at: a run may log hundreds of series."""
        if len(self.caches) > MOST_SERIES:
            for name in [name for name in self.caches if name not in wanted and name != "epoch"]:
                del self.caches[name]

    def _update_group(self, ids: Sequence[str], wanted: Sequence[str]) -> bool:
        if not ids:
            return False
        if self.group is None:
            from tui.group_series import GroupSeries

            self.group = GroupSeries(RunsFolder(self.paths.folder.parent))
        return self.group.update(ids, wanted)

    def _open(self, name: str) -> SeriesCache:
        from tui.series import SeriesCache

        cache = SeriesCache(series_path(self.paths.series, name), before=self._earlier(name))
        self.caches[name] = cache
        return cache

    def _earlier(self, name: str) -> NDArray[Any] | None:
        """The points of a series before this run's own, where it continues another run."""
        assert self._run is not None
        if not self._run.info.parent:
            return None
        from engine.lineage import earlier_series, lineage

        if not self._line:
            self._line = tuple(lineage(RunsFolder(self.paths.folder.parent), self._run))
        records = earlier_series(self._line, name)
        if len(records) and name == "epoch":
            self.joint = (int(records["step"][-1]), float(records["time"][-1]))
        return records

    def _list(self) -> bool:
        """List the series anew if a folder of theirs changed."""
        if self._stamps and all(stamp(folder) == known for folder, known in self._stamps.items()):
            return False
        names = tuple(list_series(self.paths.series))
        folders = {self.paths.series, *(series_path(self.paths.series, name).parent for name in names)}
        self._stamps = {folder: stamp(folder) for folder in folders}
        changed, self.names = names != self.names, names
        return changed
