"""The columns of the list of runs as they were chosen last, kept beside the runs: who chose them finds them again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from engine.jsonio import read_json, write_json
from engine.runs import RunsFolder
from engine.view import Column

MOST = 100
"""Columns read of the file."""


class KeptColumns:
    """The file `columns.json` of a runs folder; what cannot be read counts as not chosen."""

    def __init__(self, runs: RunsFolder) -> None:
        self.path = runs.own / "columns.json"

    def read(self) -> tuple[Column, ...]:
        """The columns; none where the usual ones are shown."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = msgspec.convert(read_json(self.path), tuple[Column, ...])
            return tuple({column.key: column for column in found[:MOST]}.values())
        return ()

    def write(self, columns: Sequence[Column]) -> None:
        """Keep them, if the folder can be written."""
        if columns == self.read():
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, msgspec.to_builtins(columns))
