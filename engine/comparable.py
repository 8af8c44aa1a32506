"""Whether scores of two runs may be set against each other: of which data and task they are, which code made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from engine.runs import Run

_COMMIT, _CHANGES = 7, 4
"""Characters of a commit's and of uncommitted changes' digests."""


def data_named(run: Run) -> tuple[str, str]:
    """Name and path of a run's data set, as its settings give them."""
    table = run.info.settings.get("data")
    table = table if isinstance(table, dict) else {}
    return str(table.get("name") or ""), str(table.get("path") or "")


def apart(base: Run, run: Run) -> str:
    """Why a difference between the scores of two runs means nothing; empty where it may mean something."""
    first, second = data_named(base), data_named(run)
    if first[0] and second[0] and first != second:
        names = [" ".join(filter(None, one)) for one in (second, first)]
        return f"other data than the baseline's ({names[0]}, not {names[1]})"
    tasks = [str(one.info.settings.get("task") or "") for one in (run, base)]
    if all(tasks) and tasks[0] != tasks[1]:
        return f"another task than the baseline's ({tasks[0]}, not {tasks[1]})"
    return ""


def weakened(base: Run, run: Run) -> str:
    """What makes a difference mean less though data and task are called the same; empty where nothing is known."""
    known = base.info.data_fingerprint, run.info.data_fingerprint
    if all(known) and known[0] != known[1] and not apart(base, run):
        return f"the data set has changed since the baseline or before it ({data_named(run)[0]})"
    return ""


def told(reasons: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    """Reasons in words, those that several runs share once: `e0002, e0003: other data …`."""
    runs: dict[str, list[str]] = {}
    for run, why in reasons.items() if isinstance(reasons, Mapping) else reasons:
        if why:
            runs.setdefault(why, []).append(run)
    return [f"{', '.join(own)}: {why}" for why, own in runs.items()]


def code_of(run: Run) -> str:
    """The state of the code that a run was started from, in short: commit, `+` and a digest of what is not in it."""
    git = run.info.git or {}
    commit = str(git.get("commit") or "")[:_COMMIT]
    loose = run.info.code if not commit or git.get("untracked") else {}
    if not git.get("dirty") and not loose:
        return commit
    changes = json.dumps([git.get("diff_sha256"), sorted(loose.items())])
    return f"{commit}+{hashlib.sha256(changes.encode()).hexdigest()[:_CHANGES]}"


def codes(runs: Sequence[Run]) -> dict[str, str]:
    """The state of each run's code; of runs whose code is not known nothing."""
    return {run.id: code for run in runs if (code := code_of(run))}
