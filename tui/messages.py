"""Messages that cross from threads to screens; each replaces an older one of its kind that still waits.

Nobody compares or prints messages: without the methods for it their classes are made in a third of the time, before the
first screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from engine.errors import EngineError
    from tui.run_columns import RunColumns
    from tui.run_view import Outcome
    from tui.store import Snapshot


class Replacing(Message):
    """A message of which only the newest counts."""

    def can_replace(self, message: Message) -> bool:
        """Under load the queue collapses to the newest."""
        return type(message) is type(self)


@dataclass(eq=False, repr=False)
class SnapshotTaken(Replacing):
    """The store has a new snapshot."""

    snapshot: Snapshot


@dataclass(eq=False, repr=False)
class ViewApplied(Replacing):
    """Rows were filtered and sorted for a view."""

    outcome: Outcome
    columns: RunColumns


@dataclass(eq=False, repr=False)
class DetailsRead(Replacing):
    """What the details of an experiment show was read."""

    name: str
    details: Any


@dataclass(eq=False, repr=False)
class DataSummarised(Message):
    """A data set was read by a process in the background, or could not be."""

    name: str
    summary: dict[str, Any] | None
    error: str = ""
    hint: str = ""


@dataclass(eq=False, repr=False)
class RunsChanged(Message):
    """Runs were marked, trashed, restored or stopped: look again at once."""

    done: str = ""
    error: EngineError | None = None
