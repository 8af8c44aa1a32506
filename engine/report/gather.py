"""What a journal page tells of its runs, as data: facts, settings, differences, seeds, and the words of notes.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.compare import comparability, compare, defaults, trained_with
from engine.jsonio import read_json
from engine.runs import Run
from engine.significance import Significance, significance
from engine.words import SECTIONS

_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_UNTOLD = ("description", "motivation", "tags", "device")


@dataclass(frozen=True)
class Page:
    """A journal page."""

    title: str
    runs: tuple[Run, ...]
    """The first one is the baseline."""
    shared: dict[str, Any]
    """Settings that all runs have in common and that are no defaults."""
    differences: dict[str, dict[str, Any]]
    """Settings that differ: key to run to value."""
    metrics: dict[str, dict[str, float]]
    """Of each metric the runs' values, test and best ones."""
    data: list[str]
    """A sentence for each data set."""
    unlike: list[str]
    """Whose scores are not measured against the first run's, or mean less, and why."""
    deltas: dict[str, dict[str, float]]
    """Of each metric the differences to the first run's."""
    repeated: Significance | None = None
    """What runs that differ in their seeds alone tell; None where there are none."""
    words: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Section of notes.md to (run, text)."""


def gather(runs: Sequence[Run], title: str = "") -> Page:
    """Put together the page of some runs.

    Args:
        runs: one or more; the others are compared with the first.
        title: of the page; the runs' names where it is empty.
    """
    compared = compare(runs)
    flat = [trained_with(run) for run in runs]
    return Page(
        title=title or _title(runs),
        runs=tuple(runs),
        shared=_shared(flat),
        # what a run goes on from has a column of its own
        differences={key: row for key, row in compared["settings"].items() if key not in (*_UNTOLD, "from")},
        metrics=_metrics(compared["metrics"]),
        data=list(dict.fromkeys(filter(None, map(_data, runs)))),
        deltas=compared["deltas"],
        unlike=comparability(compared),
        repeated=_repeated(runs),
        words={section: _words(runs, section) for section in SECTIONS},
    )


def _title(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(run.info.experiment for run in runs))
    ids = runs[0].id if len(runs) == 1 else f"{runs[0].id} to {runs[-1].id}" if len(runs) > 2 else (
        f"{runs[0].id} and {runs[1].id}"
    )  # fmt: skip
    return f"{ids}: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


def _shared(flat: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    usual, first = defaults(), flat[0]
    return {
        key: value
        for key, value in first.items()
        if key not in _UNTOLD
        and usual.get(key) != value
        and all(key in other and other[key] == value for other in flat[1:])
    }


def _metrics(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The best value and the scores on the test split; without a test split, whatever there is."""
    told = {
        key: {run: float(value) for run, value in row.items()}
        for key, row in table.items()
        if key.startswith(("best ", "test/")) and key not in ("best epoch", "test/majority")
    }
    return told or {key: {run: float(value) for run, value in row.items()} for key, row in table.items() if "/" in key}


def _data(run: Run) -> str:
    """The data set of a run in a sentence."""
    try:
        found = read_json(run.paths.data)
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("splits"), dict):
        table = run.info.settings.get("data")
        return str(table.get("name", "")) if isinstance(table, dict) else ""
    splits = ", ".join(
        f"{split['count']:,} {name}"
        for name, split in found["splits"].items()
        if isinstance(split, dict) and isinstance(split.get("count"), int)
    )
    fingerprint = str(found.get("fingerprint") or "")[:12]
    return f"{found.get('name')}: {splits}" + (f" (fingerprint {fingerprint})" if fingerprint else "")


def _repeated(runs: Sequence[Run]) -> Significance | None:
    found = significance(runs)
    return found if any(len(group.runs) > 1 for group in found.groups) else None


# ------------------------------------------------------------------------------------------------------------- notes.md


def _words(runs: Sequence[Run], section: str) -> list[tuple[str, str]]:
    """What the runs' notes say under a heading; the same words of several runs once, under the first one's name."""
    found: dict[str, str] = {}
    for run in runs:
        try:
            text = run.paths.notes.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        said = sections(text).get(section.lower(), "")
        if said:
            found.setdefault(said, run.id)
    return [(run, said) for said, run in found.items()]


def sections(text: str) -> dict[str, str]:
    """The parts of a Markdown text by heading, in lower case; deeper headings stay in the part they are in."""
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading and heading[1].lower() in {section.lower() for section in SECTIONS}:
            current = parts.setdefault(heading[1].lower(), [])
        elif heading and line.startswith(("# ", "## ")):
            current = []  # another part of the person's own: it is theirs, and stays where it is
        else:
            current.append(line)
    return {name: "\n".join(lines).strip() for name, lines in parts.items()}
