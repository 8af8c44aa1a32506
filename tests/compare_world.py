"""What tests of comparing runs share: evaluations and commits that runs seem to have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from engine.runs import RunsFolder

CLASSES = ["ash", "birch", "cedar"]


def evaluate(run: Path, confusion: list[list[int]], classes: list[str] = CLASSES, **more: Any) -> None:
    """Make this the run's one evaluation."""
    for path in (run / "evaluation").iterdir():
        path.unlink()
    content = {"split": "test", "epoch": 3.0, "step": 600, "checkpoint": "best", "count": sum(map(sum, confusion)),
               "classes": classes, "confusion": confusion, "metrics": {}, "samples": []}  # fmt: skip
    (run / "evaluation" / "test-00000600.json").write_text(json.dumps(content | more))
    data = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(data | {"fingerprint": "f"}))


def change(run: Path, name: str, /, **fields: Any) -> None:
    """Change a JSON file of a run."""
    (run / name).write_text(json.dumps(json.loads((run / name).read_text()) | fields))


def git(path: Path, *arguments: str) -> str:
    """Run git as somebody."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments]
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(command, cwd=path, env=env, check=True, capture_output=True, text=True).stdout


def launched(folder: RunsFolder, run: str, path: Path | str, commit: str | None, patch: str = "", **more: Any) -> None:
    """Have the run say so."""
    entry = None if commit is None else {"commit": commit, "dirty": bool(patch), "untracked": [], **more}
    change(folder.root / run, "run.json", folder=str(path), cwd=str(path), git=entry)
    if patch:
        (folder.root / run / "code.patch").write_text(patch)


def commits_of(project: Path) -> list[str]:
    """Of a repository, the first one first."""
    return git(project, "log", "--reverse", "--format=%H").split()
