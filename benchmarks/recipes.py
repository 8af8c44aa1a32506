"""Recipes through dltui, logged and checkpointed, beside the same training without it, in one run on the CPU.

    DLTUI_DATA=DIR python benchmarks/recipes.py [EXPERIMENT ...] [--repeat N] [--json FILE]

Each pair is measured in turn; the figure is the median of the pairs' ratios of samples a second. `recipe_peers.py` says
what stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.series import read_records, series_path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]
EXPERIMENTS = """
[experiments.moons]
data = { name = "moons", samples = 1000, test = 0.0 }
model = { name = "mlp", hidden = [20] }
optimizer = { name = "SGD", lr = 0.01 }
train = { epochs = 30, batch_size = 1, threads = 1 }
evaluate = { splits = [] }
checkpoint = { every = "10 epochs" }

[experiments.moons-numpy]
extends = "moons"
model = { name = "numpy_mlp", hidden = [20] }
train = { epochs = 300 }
checkpoint = { every = "100 epochs" }

[experiments.names]
data = "names"
model = { name = "lstm_classifier", hidden_size = 100, num_layers = 2, embedding_dim = 20 }
optimizer = { name = "Adam", lr = 4e-3 }
train = { epochs = 3, batch_size = 128 }
evaluate = { splits = [] }

[experiments.cifar]
data = { name = "cifar10", augment = { crop = 4, flip = 0.5 }, near_duplicates = false }
model = "lenet"
optimizer = { name = "SGD", lr = 0.01, momentum = 0.9 }
train = { epochs = 3, batch_size = 128 }
evaluate = { splits = [] }
checkpoint = { every = "10 epochs" }
"""
PAIRS = {
    "moons": ("moons",),
    "moons-numpy": ("moons-numpy",),
    "names": ("names-bucketed", "names-padded", "names-single"),
    "cifar": ("cifar-bare", "cifar-dataloader"),
}


def through_dltui(world: Path, experiment: str) -> float:
    """Samples a second of a run, from its own series, its first third left out as warm-up."""
    command = [*ENGINE, "train", experiment, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=world, check=True, capture_output=True, text=True, env=environment)
    run = json.loads(done.stdout.splitlines()[-1])["run"]
    series = world / "runs" / run / "series"
    times = read_records(series_path(series, "train/loss"))
    samples = read_records(series_path(series, "samples"))
    begin, end = len(samples) // 3, len(samples) - 1
    moments = dict(zip(times["step"].tolist(), times["time"].tolist(), strict=True))
    steps = samples["step"].tolist()
    passed = moments[steps[end]] - moments[steps[begin]]
    return float((samples["value"][end] - samples["value"][begin]) / passed)


def peer(name: str) -> float:
    """Samples a second of one of `recipe_peers.py`, in a process of its own."""
    command = [sys.executable, ROOT / "benchmarks" / "recipe_peers.py", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measure(experiments: list[str], repeat: int) -> dict[str, float]:
    """The figures of some of PAIRS."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        (world / "experiments.toml").write_text(EXPERIMENTS)
        for experiment in experiments:
            peers = PAIRS[experiment]
            ours: list[float] = []
            ratios: dict[str, list[float]] = {beside: [] for beside in peers}
            for _ in range(repeat):
                ours.append(through_dltui(world, experiment))
                for beside in peers:
                    ratios[beside].append(ours[-1] / peer(beside))
            figures[f"{experiment}, samples/s"] = statistics.median(ours)
            for beside, found in ratios.items():
                figures[f"{experiment} / {beside} (×)"] = statistics.median(found)
    return figures


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=f"{', '.join(PAIRS)}; all when none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = measure(given.experiments or list(PAIRS), given.repeat)
    for label, value in figures.items():
        print(f"{label:<44} {value:,.4g}")
    if given.json:
        given.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
