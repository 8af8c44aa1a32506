"""Runs and experiments whose every text tries something: to act on the terminal, to hide, to be taken for markup."""

from __future__ import annotations

import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

from benchmarks.make_runs import Maker
from engine.records import RunPaths

EVIL = (
    "\x1b]0;OWNED\x07", "[bold red]OWNED[/", "\u202eDENWO\u2066", "\x9b31mOWNED", "漢字" * 60, "\x1b]52;c;T1dORUQ=\x07",
    "OWNED\x00\x08\x7f", "e\u0301\u0323" * 90, "\ud800OWNED", "\u200b\u2060\U000e0041OWNED", "\x1bP+q4f574e4544\x1b\\",
    "a\tb\nOWNED\rc", "[@click=app.quit]OWNED[/]", "👩\u200d👩\u200d👧OWNED", "\x1b[2J\x1b[31mOWNED", "x" * 5000,
    "[[[]]]]\\",
)  # fmt: skip
_KEPT = {"format", "run", "state", "mode", "split", "kind", "task", "labels", "boot_id", "name", "host", "precision",
         "test_with", "device"}  # fmt: skip
"""What decides how the rest is understood; the others' values are anything at all."""
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u2060\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What may never be on the screen; a line's end is no part of it."""


def poisoned(value: Any, evil: itertools.cycle[str], key: str = "") -> Any:
    """`value` with something evil behind every text in it, keys of tables (classes, metrics) among them."""
    if isinstance(value, str):
        return value if key in _KEPT else value + next(evil)
    if isinstance(value, list):
        return [poisoned(item, evil) for item in value]
    if isinstance(value, dict):
        free = key in ("metrics", "classes", "versions", "environment", "per_class")
        return {(name + next(evil) if free else name): poisoned(item, evil, name) for name, item in value.items()}
    return value


def poison(path: Path, evil: itertools.cycle[str]) -> None:
    """Poison a JSON file."""
    path.write_text(json.dumps(poisoned(json.loads(path.read_text()), evil)))


def _toml(text: str) -> str:
    """`text` as TOML writes it: control characters by their numbers."""
    kept = text.replace("\ud800", "").replace("\\", "\\\\")
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in kept) + '"'


EXPERIMENTS = "\n".join(
    f"""
[experiments.{_toml("evil" + str(index) + text)}]
description = {_toml("what it is " + text)}
motivation = {_toml("why " + text)}
tags = [{_toml(text)}]
data = {{ name = "csv", path = {_toml("/nowhere" + text)}, label = "y" }}
model = {{ name = "mlp" }}
train = {{ epochs = 1 }}
"""
    for index, text in enumerate(EVIL)
)


def hostile_world(folder: Path) -> Path:
    """Three runs, one of each end, and as many experiments as there are evils."""
    # a file with half a character is no JSON: nothing else in it would ever be shown
    evil = itertools.cycle(text for text in EVIL if "\ud800" not in text)
    maker = Maker(folder / "runs", 6)
    for number, end in enumerate(("finished", "failed", "stopped"), 1):
        paths = RunPaths(maker.make(number, time.time() - 600 * number, end=end, experiment="digits-mlp"))
        (paths.series / "val" / "%1B%5B31mOWNED%E2%80%AE.f8").write_bytes(
            (paths.series / "val" / "loss.f8").read_bytes()
        )
        for file in [paths.run, paths.state, paths.data, paths.model, *paths.evaluation.glob("*.json"),
                     *paths.checkpoints.glob("*/checkpoint.json")]:  # fmt: skip
            if file.is_file():
                poison(file, evil)
        paths.log.write_bytes("\n".join(text.replace("\ud800", "") for text in EVIL).encode() + b"\xff\xfe\x80 OWNED\n")
        paths.notes.write_text("# Motivation\n\n" + "\n\n".join(text.replace("\ud800", "") for text in EVIL))
        paths.marks.write_text(json.dumps({"name": EVIL[0], "tags": list(EVIL), "star": True, "note": EVIL[1]}))
        with open(paths.events, "a") as events:
            for text in EVIL:
                finding = {"finding": "overfitting" + text, "message": text, "severity": "warning"}
                events.write(json.dumps({"event": "finding", "step": 3, "time": time.time(), **finding}) + "\n")
    (folder / "experiments.toml").write_text(EXPERIMENTS, encoding="utf-8")
    return folder
