"""Makes runs of W&B, offline, for its terminal UI to show; to be run by a Python that has wandb.

python benchmarks/leet_runs.py one DIR STEPS            one run of STEPS steps × 4 metrics, in DIR/wandb
python benchmarks/leet_runs.py many DIR N               N runs of 2,000 steps × 4 metrics: one logged, the rest copies
python benchmarks/leet_runs.py live DIR HERTZ SECONDS   a run that grows; prints READY when it has begun
"""

from __future__ import annotations

import math
import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

METRICS = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")


def begin(folder: Path) -> Any:
    """An offline run below `folder`/wandb."""
    os.environ |= {"WANDB_SILENT": "true", "WANDB_MODE": "offline"}
    import wandb  # type: ignore[import-not-found,unused-ignore]

    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True)
    return wandb.init(mode="offline", dir=str(folder), project="bench", settings=settings)


def point(step: int, scale: float) -> dict[str, float]:
    """The values of one step: falling, with noise."""
    return {name: math.exp(-step / scale) + random.random() * 0.05 + i for i, name in enumerate(METRICS)}


def one(folder: Path, steps: int) -> Path:
    """A finished run; its folder."""
    run = begin(folder)
    for step in range(steps):
        run.log(point(step, steps / 3))
    run.finish()
    return next((folder / "wandb").glob("offline-run-*"))


def many(folder: Path, count: int) -> None:
    """`count` finished runs."""
    source = one(folder / "first", 2000)
    for i in range(count):
        name = f"{i:08x}"
        copy = folder / "wandb" / f"offline-run-20260101_{i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}-{name}"
        shutil.copytree(source, copy)
        next(copy.glob("run-*.wandb")).rename(copy / f"run-{name}.wandb")


def live(folder: Path, hertz: float, seconds: float) -> None:
    """A run that is appended to."""
    run = begin(folder)
    print("READY", flush=True)
    began = time.time()
    for step in range(int(hertz * seconds)):
        run.log(point(step, 1e4))
        time.sleep(max(0.0, began + (step + 1) / hertz - time.time()))
    run.finish()


def main() -> None:
    verb, folder, numbers = sys.argv[1], Path(sys.argv[2]), [float(given) for given in sys.argv[3:]]
    if verb == "live":
        live(folder, *numbers)
    else:
        {"one": one, "many": many}[verb](folder, int(numbers[0]))


if __name__ == "__main__":
    main()
