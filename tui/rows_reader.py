"""Has rows of a data set listed by `engine data NAME --samples`, in a process of its own, one question at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.data_reader import EngineProcess, last_object, place_words, said

PAGE = 300
"""Rows of one question."""


@dataclass(frozen=True)
class Source:
    """The data whose rows are browsed."""

    name: str
    """An experiment or a run."""
    root: Path
    """The runs folder."""
    file: Path | None = None
    cwd: Path | None = None
    splits: tuple[str, ...] = ("train",)
    classes: tuple[str, ...] = ()
    """Empty where samples have no class."""


@dataclass(frozen=True)
class Question:
    """Which rows are wanted."""

    split: str
    label: str | None = None
    start: int = 0
    step: int | None = None
    """Of the evaluation whose answers stand beside the rows."""
    wrong: bool = False
    """Only those that it answers wrong."""
    predicted: str | None = None
    """Only those that it takes for this class."""


@dataclass(frozen=True)
class Rows:
    """The answer, or why there is none."""

    question: Question
    content: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    hint: str = ""


@dataclass
class RowsReader:
    """Asks for rows; a new question ends the one before."""

    source: Source
    _engine: EngineProcess = field(default_factory=EngineProcess)

    def ask(self, question: Question) -> Rows | None:
        """List rows; blocks. None when another question came between."""
        done = self._engine.run(_words(self.source, question), self.source.cwd)
        if done is None:
            return None
        code, out, err = done
        found = last_object(out) if code == 0 else None
        return Rows(question, found) if found is not None else Rows(question, {}, *said(err, code))

    def close(self) -> None:
        """End what runs."""
        self._engine.close()


def _words(source: Source, question: Question) -> list[str]:
    words = [*place_words(source.root.absolute(), source.file), "data", source.name, "--json"]
    words += ["--samples", str(PAGE), "--start", str(question.start), f"--split={question.split}"]
    words += [] if question.label is None else [f"--class={question.label}"]
    words += [] if question.step is None else [f"--step={question.step}"]
    words += [] if question.predicted is None else [f"--predicted={question.predicted}"]
    return [*words, "--wrong"] if question.wrong else words
