"""The list of samples: right or wrong, what each is, what it was taken for, and how that came about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
from rich.cells import cell_len

from engine.answers import History
from tui.samples import Sample, course
from tui.text import number, safe
from tui.theme import Inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import Column, Line, arrange, draw_row

MOST_NAME = 40
ROW = Column("name", "sample", 8)
TRUE = Column("true", "true", 6)
PREDICTED = Column("predicted", "predicted", 9, rank=1)
SURE = Column("sure", "sure", 6, right=True, rank=2)
ERRORS = Column("errors", "errors", 8, right=True, rank=1)
COURSE = Column("course", "over the epochs", 15, 40, rank=3)


class SampleList(LineList[Sample]):
    """The samples that the filter lets through."""

    def __init__(self) -> None:
        super().__init__(id="samples")
        self.histories: dict[int, History] = {}
        self.steps: tuple[int, ...] = ()
        """What the columns of the courses stand for."""
        self.columns: tuple[Column, ...] = (ROW, TRUE)

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' titles."""
        cells = {column.key: (column.title, ink.muted) for column in self.columns}
        return [("  ", ink.muted), *draw_row(arrange(self.columns, width - 3), cells, ink.text)]

    def draw_item(self, item: Sample, width: int, ink: Inks) -> Line:
        """A sample: right or wrong by symbol and colour, what it is, what it was taken for."""
        marks = {True: (symbol("finished"), ink.good), False: (symbol("failed"), ink.bad), None: (" ", ink.text)}
        mark, style = marks[item.right]
        arranged = arrange(self.columns, width - 3)
        wide = next((cells for column, cells in arranged if column.key == "course"), 0)
        sure = f"{100 * item.probability:.0f} %" if math.isfinite(item.probability) else ""
        cells = {
            "name": (safe(item.name[:200]), ink.text),
            "true": (safe(item.true[:200]), ink.muted),
            "predicted": (safe((item.predicted or "")[:200]), ink.bad if item.right is False else ink.text),
            "sure": (sure, ink.muted),
            "errors": (_errors(item), ink.muted),
            "course": (course(self.histories.get(item.row), wide, self.steps, sample=item), ink.accent),
        }
        return [(f"{mark} ", style), *draw_row(arranged, cells, ink.text)]


def columns_of(samples: Sequence[Sample], *, answered: bool, courses: bool) -> tuple[Column, ...]:
    """The columns, as wide as what stands in them.

    Args:
        answered: whether what was answered is known.
        courses: whether that is known of several epochs.
    """
    shown = samples[:500]
    name = msgspec.structs.replace(ROW, most=min(MOST_NAME, _longest(sample.name for sample in shown)))
    label = min(24, max(_longest(s.true for s in shown), _longest(s.predicted or "" for s in shown)))
    true, predicted = (
        msgspec.structs.replace(c, width=max(c.width, min(label, 14)), most=label) for c in (TRUE, PREDICTED)
    )
    sure = (SURE,) if any(math.isfinite(sample.probability) for sample in samples) else ()
    errors = (ERRORS,) if any(math.isfinite(sample.errors) for sample in samples) else ()
    beside = (predicted, *sure, *errors) if answered else ()
    return (name, true, *beside, *((COURSE,) if courses else ()))


def _errors(sample: Sample) -> str:
    """How wrong a text is, in characters, or a quantity."""
    if not math.isfinite(sample.errors):
        return ""
    return f"{sample.errors:,.0f}" if not sample.near else number(sample.errors, 3)


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(safe(text[:60])) for text in texts), default=0)
