"""Runs for the pictures: really trained, then made to stand still, so that the same pictures come out again.

What a training measures of its machine (times, speed, load, who and where) is replaced by what a calm machine would
have said; scores, curves, checkpoints and samples are as they were trained.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]
NOW = 1_767_697_200.0
"""When the pictures are taken: 6 January 2026, 11:00 UTC."""
STEP_SECONDS = 0.012
TRAINED = (
    ("digits-mlp", "-s", "train.epochs=30", "--note", "Is 0.002 too large a step?"),
    ("digits-mlp", "-s", "train.epochs=30", "-s", "optimizer.lr=0.0002"),
    ("digits-mlp", "-s", "train.epochs=30", "-s", "loss.label_smoothing=0", "-s", "model.dropout=0.2"),
    ("moons-mlp", "-s", "train.epochs=20"),
    ("digits-cnn",),
    ("digits-mlp", "-s", "optimizer={name='SGD',lr=1e12}", "-s", "train.epochs=30"),
    ("digits-mlp", "-s", "train.epochs=30", "-s", "optimizer.lr=0.004"),
)
"""The arguments of `engine train`; the sixth fails, the seventh is shown as if it were still training."""
LIVE = "e0007"
NOTES = """# Motivation

Does a smaller learning rate reach more than 0.97?

# Results

**0.978** on the test split, after 30 epochs; 0.0002 is slower and ends lower.

# Interpretation

The rate of the recipe is right for so short a training.
"""
_CALM: dict[str, Callable[[int], float]] = {
    "cpu_percent": lambda step: 96 + 3 * math.sin(step / 40),
    "memory_gib": lambda step: 0.62 + min(step, 200) / 4000,
    "samples_per_second": lambda step: 2650 + 90 * math.sin(step / 55),
    "data": lambda step: 0.0004,
    "forward": lambda step: 0.0041,
    "backward": lambda step: 0.0049,
    "update": lambda step: 0.0021,
    "evaluation": lambda step: 0.011,
    "checkpoint": lambda step: 0.034,
}


def train(folder: Path) -> None:
    """Train the runs in `folder` and make them stand still."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for arguments in TRAINED:
        subprocess.run([*ENGINE, "train", *arguments], cwd=folder, env=variables, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)  # fmt: skip
    for arguments in (("e0001", "--star", "--name", "the plain one"), ("e0003", "--tag", "paper")):
        subprocess.run([*ENGINE, "mark", *arguments], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    runs = sorted((folder / "runs").glob("e*"))
    for index, run in enumerate(runs):
        still(run, NOW - 3600.0 * 5 * (len(runs) - index) ** 1.5)
    (folder / "runs" / "e0001" / "notes.md").write_text(NOTES, encoding="utf-8")
    make_live(folder / "runs" / LIVE)
    _write_entry(folder, variables)
    shutil.rmtree(folder / "runs" / ".dltui", ignore_errors=True)  # rebuilt from the folders


def _write_entry(folder: Path, variables: dict[str, str]) -> None:
    """An entry of the journal, written on the day of the pictures."""
    command = [*ENGINE, "journal", "What the rate does", "e0001", "e0002"]
    subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    today, day = datetime.date.today().isoformat(), datetime.date.fromtimestamp(NOW).isoformat()
    for file in sorted((folder / "runs" / "journal").rglob(f"*{today}*"), reverse=True):
        file.rename(file.with_name(file.name.replace(today, day)))
    for file in [*(folder / "runs" / "journal").rglob("*.md"), *(folder / "runs" / "journal").rglob("*.html")]:
        file.write_text(file.read_text().replace(today, day))


def still(run: Path, created: float) -> None:
    """Give a run the times of a calm machine, and no trace of the one that it was trained on."""
    last = int(json.loads((run / "state.json").read_text()).get("step") or 0)

    def at(step: int) -> float:
        return created + 2.0 + step * STEP_SECONDS

    for file in [*run.glob("*.json"), *run.glob("evaluation/*.json"), *run.glob("checkpoints/step-*/checkpoint.json")]:
        content = _timed(json.loads(file.read_text()), at, last)
        if file.name == "run.json":
            home = {"folder": "/home/ada/lab", "cwd": "/home/ada/lab", "python": "/home/ada/lab/.venv/bin/python"}
            content |= {"created": created, "host": "lab", "user": "ada", "git": None, "environment": {}, **home}
            content["versions"] |= {"system": "Linux"}
        if file.name == "state.json":
            content |= {"created": created, "started": created + 2.0, "host": "lab", "samples_per_second": 2650.0}
        file.write_text(json.dumps(content, indent=1))
    events = [_timed(json.loads(line), at, last) for line in (run / "events.jsonl").read_text().splitlines()]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    for file in (run / "series").rglob("*.f8"):
        _still_series(file, at)
    for file in (run / "series").rglob("*.rows"):
        _still_rows(file, at)


def _timed(value: Any, at: Callable[[int], float], step: int) -> Any:
    """`value` with every moment and duration in it as if a step always took the same time."""
    if isinstance(value, list):
        return [_timed(item, at, step) for item in value]
    if not isinstance(value, dict):
        return at(step) if isinstance(value, float) and 1.5e9 < value < 3e9 else value
    here = value["step"] if isinstance(value.get("step"), int) else step
    changed = {key: _timed(item, at, here) for key, item in value.items()}
    if isinstance(changed.get("seconds"), float):
        changed["seconds"] = here * STEP_SECONDS
    if isinstance(changed.get("times"), dict):
        changed["times"] = dict.fromkeys(changed["times"], here * 0.002)
    return changed


def _still_series(file: Path, at: Callable[[int], float]) -> None:
    calm = _CALM.get(file.stem) if file.parent.name in ("system", "time") else None
    records = struct.iter_unpack("<qdd", file.read_bytes())
    file.write_bytes(
        b"".join(struct.pack("<qdd", step, at(step), calm(step) if calm else value) for step, _, value in records)
    )


def _still_rows(file: Path, at: Callable[[int], float]) -> None:
    size = 16 + 8 * len(json.loads((file.parent / "layers.json").read_text())["layers"])
    content = file.read_bytes()
    rows = [content[start : start + size] for start in range(0, len(content) - size + 1, size)]
    file.write_bytes(
        b"".join(row[:8] + struct.pack("<d", at(struct.unpack("<q", row[:8])[0])) + row[16:] for row in rows)
    )


def make_live(run: Path) -> None:
    """Make a run one that this very process seems to train, two thirds through."""
    state = json.loads((run / "state.json").read_text())
    part = int(state["step"] * 0.66)
    created = NOW - part * STEP_SECONDS - 2.0
    still(run, created)
    for file in (run / "series").rglob("*.f8"):
        kept = [record for record in struct.iter_unpack("<qdd", file.read_bytes()) if record[0] <= part]
        file.write_bytes(b"".join(struct.pack("<qdd", *record) for record in kept))
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    kept_events = [event for event in events if event.get("step", 0) <= part and event["event"] != "finished"]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in kept_events))
    for name in ("train.json", "test.json", "loss.png", "accuracy.png", "confusion_matrix.png"):
        (run / name).unlink(missing_ok=True)
    for file in run.glob("evaluation/*.json"):
        if file.name.startswith("test") or int(file.stem.rpartition("-")[2]) > part:
            file.unlink()
    lines = (run / "log.txt").read_text().splitlines()
    (run / "log.txt").write_text("\n".join(lines[: 2 + int((len(lines) - 3) * 0.66)]) + "\n")
    from engine.processes import boot_id, process_start

    me = os.getpid()
    metrics = {name: value for name, value in state["metrics"].items() if not name.startswith("test")}
    state = json.loads((run / "state.json").read_text()) | {
        "state": "running", "exit_code": None, "ended": None, "step": part, "metrics": metrics,
        "epoch": state["epoch"] * 0.66, "total_epochs": state["epoch"], "total_steps": state["step"],
        "seconds": part * STEP_SECONDS, "seconds_left": 187.0, "updated": NOW, "host": socket.gethostname(),
        "pid": me, "boot_id": boot_id(), "pid_start": process_start(me),
    }  # fmt: skip
    (run / "state.json").write_text(json.dumps(state))
