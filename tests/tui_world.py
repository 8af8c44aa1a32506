"""What tests of the terminal UI share: a folder with runs and experiments, the app in it, and what is on its screen."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tui.app import DltuiApp
from tui.store import Store

EXPERIMENTS = """
[experiments.digits-mlp]
description = "Handwritten digits, a small network"
motivation = "Does it work at all?"
tags = ["quick", "cpu"]
data = { name = "digits", validation = 0.1 }
model = { name = "mlp", hidden = [64] }
train = { epochs = 2 }

[experiments.moons-mlp]
description = "Two moons"
data = { name = "moons" }
model = { name = "mlp", hidden = [16, 16] }
train = { epochs = 1 }

[experiments.digits-sgd]
extends = "digits-mlp"
optimizer = { name = "SGD", lr = 0.1, momentum = 0.9 }
"""


def make_world(folder: Path, runs: int = 12, experiments: str = EXPERIMENTS) -> Path:
    """Experiments and `runs` runs in `folder`; the newest began ten minutes ago."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiments.toml").write_text(experiments, encoding="utf-8")
    maker = Maker(folder / "runs", 4)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    for number in range(1, runs + 1):
        maker.make(number, time.time() - 600 * (runs + 1 - number))
    return folder


def make_app(world: Path, **options: Any) -> DltuiApp:
    """The app on a world, its first snapshot loaded."""
    store = Store(world / "runs", None, cwd=world)
    store.load()
    return DltuiApp(store, **options)


TASKS: dict[str, dict[str, Any]] = {
    "ctc": {
        "monitor": "val/cer",
        "metrics": {"cer": 0.125, "accuracy": 0.5, "loss": 0.75},
        "data": {"kind": "image", "shape": [1, 28, 336], "classes": ["", "0", "1", " "], "labels": "tokens",
                 "splits": {"train": {"count": 40, "classes": {"": 0, "0": 30, "1": 50, " ": 20}},
                            "validation": {"count": 8, "classes": {"": 0, "0": 6, "1": 10, " ": 3}}},
                 "duplicates": {"train/validation": {"rows": 1, "distinct": 1}},
                 "duplicate_inputs": {"train/validation": {"rows": 3, "distinct": 3}},
                 "near_duplicates": {"train/validation": {"rows": 12, "pairs": []}}},
        "evaluation": {"samples": [
            {"input": None, "row": 0, "true": "0110", "predicted": "0110", "errors": 0, "image": "in/val-000000.png"},
            {"input": None, "row": 7, "true": "10110", "predicted": "111", "errors": 2, "image": "in/val-000007.png"},
            {"input": None, "row": 4, "true": "0011", "predicted": "001", "errors": 1, "image": "in/val-000004.png"},
        ]},
    },
    "next_token": {
        "monitor": "val/loss",
        "metrics": {"bits_per_character": 2.25, "accuracy": 0.5, "loss": 1.56, "perplexity": 4.76},
        "data": {"kind": "sequence", "shape": [64], "classes": ["", "\ufffd", "\n", "a", "b"], "labels": "tokens",
                 "splits": {"train": {"count": 9, "strange": 1,
                                      "classes": {"": 0, "\ufffd": 0, "\n": 4, "a": 300, "b": 100}}}},
        "evaluation": {
            "samples": [
                {"input": "to be or not", "row": 0, "true": "o be or not ", "predicted": "o be or not "},
                {"input": "that is the\nquestion" + " whether" * 12, "row": 1,
                 "true": "hat is the\nquestion" + " whether" * 12 + " ",
                 "predicted": "het is the question" + " whether" * 12 + " "},
            ],
            "generated": [{"prompt": "First Citizen:\n", "text": "We are accounted poor\ncitizens, the patricians"}],
        },
    },
    "regression": {
        "monitor": "val/rmse",
        "metrics": {"loss": 0.0054, "rmse": 10315.4, "mae": 7955.9, "r2": 0.9958},
        "data": {"kind": "features", "shape": [4], "classes": ["price"], "labels": "numbers",
                 "splits": {name: {"count": count, "quantities": {
                                "price": {"mean": mean, "deviation": 140471.3, "least": -10596.0, "most": 578040.0}}}
                            for name, count, mean in (("train", 288, 292511.0), ("test", 80, 274186.0))}},
        "evaluation": {"quantities": ["price"], "samples": [
            {"input": "rooms=0.4, area=0.6", "row": 0, "true": "3.7334e+05", "predicted": "3.8606e+05", "error": 0.09},
            {"input": "rooms=-1.6, area=-2", "row": 9, "true": "42672", "predicted": "65479", "error": 0.1624},
        ]},
    },
}  # fmt: skip
"""What runs of other tasks than classification hold, by task."""


def become(paths: RunPaths, task: str) -> None:
    """Make a finished run of a classifier one of another task: settings, data, series, its one evaluation, scores."""
    content = TASKS[task]
    metrics = content["metrics"]
    info = json.loads(paths.run.read_text())
    info["settings"] |= {"task": task, "checkpoint": {"monitor": content["monitor"]}}
    paths.run.write_text(json.dumps(info))
    paths.data.write_text(json.dumps({"name": task, "majority": None, "note": "", **content["data"]}))
    evaluation = next(paths.evaluation.iterdir())
    common = {"split": "test", "task": task, "epoch": 10.0, "step": 600, "checkpoint": "best", "count": 80}
    evaluation.write_text(json.dumps({**common, "metrics": metrics, **content["evaluation"]}))
    shutil.rmtree(paths.series / "val")
    (paths.series / "train" / "accuracy.f8").unlink(missing_ok=True)
    with SeriesWriter(paths.series) as writer:
        for step in range(60, 601, 60):
            writer.log(step, {f"val/{name}": value * 600 / step for name, value in metrics.items()})
    state = load_run(paths).state
    name = content["monitor"].partition("/")[2]
    state.metrics = {f"{split}/{key}": value for split in ("val", "test") for key, value in metrics.items()}
    state.best = {"monitor": content["monitor"], "mode": "min", "value": metrics[name], "epoch": 10.0, "step": 600}
    write_state(paths, state)


@asynccontextmanager
async def opened(world: Path, size: tuple[int, int] = (120, 40), **options: Any) -> AsyncIterator[Pilot[Any]]:
    """The app, running without a terminal, verified."""
    app = make_app(world, **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.verified)
        yield pilot


async def until(pilot: Pilot[Any], condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Let the app work until `condition` holds; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await pilot.pause(0.02)
        value = condition()
        if value:
            return value
    raise AssertionError(f"not within {seconds} s; on screen:\n{screen_text(pilot)}")


def screen_text(pilot: Pilot[Any]) -> str:
    """What is on screen, a line each."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def seen(pilot: Pilot[Any], *words: str) -> str:
    """Wait until all `words` are on screen; the screen's text."""
    await until(pilot, lambda: all(word in screen_text(pilot) for word in words))
    return screen_text(pilot)


async def gone(pilot: Pilot[Any], *words: str) -> str:
    """Wait until none of `words` is on screen; the screen's text."""
    await until(pilot, lambda: not any(word in screen_text(pilot) for word in words))
    return screen_text(pilot)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys one after another."""
    for key in keys:
        await pilot.press(key)
    await pilot.pause()
