"""What the views of a comparison show, read without Textual: classes and confusions, what seeds make of it, code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.class_scores import ClassComparison, compare_classes, models_tested
from engine.code_diff import CodeDiff, compare_code
from engine.paired_answers import ModelTest
from engine.runs import Run
from engine.scored import splits_to_compare
from engine.significance import Significance, significance


@dataclass(frozen=True, eq=False)
class Classes:
    """Of the views of classes and confusions."""

    found: ClassComparison
    splits: tuple[str, ...]
    """That any of the runs was scored on."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """Of the view of seeds."""

    found: Significance
    models: tuple[ModelTest, ...]


Content = Classes | Seeds | CodeDiff
_KEPT = 64


@dataclass
class ViewReader:
    """Reads what a view shows, once for each question; called from one thread."""

    near: Sequence[Path] = ()
    """Folders in which the code's repository may be."""
    _known: dict[object, Content] = field(default_factory=dict)

    def classes(self, runs: Sequence[Run], base: str, split: str) -> Classes:
        """Of runs and their baseline, on a split; the one that most were scored on where it is empty."""
        splits = tuple(splits_to_compare(runs))
        wanted = split if split in splits else ""
        return Classes(compare_classes(runs, base, wanted), splits)

    def seeds(self, runs: Sequence[Run], base: str) -> Seeds:
        """Of runs, the baseline's group first."""
        ordered = [run for run in runs if run.id == base] + [run for run in runs if run.id != base]
        return Seeds(significance(ordered), tuple(models_tested(compare_classes(runs, base))))

    def code(self, base: Run, run: Run) -> CodeDiff:
        """From one run to another; what a run was started from never changes."""
        key = (base.id, run.id)
        found = self._known.get(key)
        if not isinstance(found, CodeDiff):
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[key] = compare_code(base, run, self.near)
        return found
