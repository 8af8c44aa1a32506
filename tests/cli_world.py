"""A folder with an experiments file and generated runs, for tests of the command line."""

from __future__ import annotations

from pathlib import Path

from benchmarks.make_runs import Maker

EXPERIMENTS = """
[experiments.digits-mlp]
description = "Handwritten digits"
tags = ["quick"]
data = { name = "digits", validation = 0.2 }
model = { name = "mlp", hidden = [16] }
optimizer = { name = "Adam", lr = 0.01 }
train = { epochs = 2, batch_size = 128 }

[experiments.digits-long]
extends = "digits-mlp"
train = { epochs = 100000 }

[experiments.digits-three]
extends = "digits-mlp"
train = { epochs = 1 }
matrix = { "optimizer.lr" = [0.01, 0.001] }

[experiments.digits-broken]
extends = "digits-mlp"
optimizer = { name = "Adamm", lr = 0.01 }
"""

ENDS = ["finished", "failed", "stopped", "lost", "finished", "finished"]


def make_world(folder: Path, ends: list[str] | None = None) -> Path:
    """Write experiments.toml and runs e0001, e0002, … (of digits-mlp) that ended as `ends` says into `folder`."""
    (folder / "experiments.toml").write_text(EXPERIMENTS)
    maker = Maker(folder / "runs", steps=5)
    for number, end in enumerate(ends or ENDS, start=1):
        maker.make(number, 1_700_000_000.0 + 600 * number, end=end, experiment="digits-mlp")
    return folder
