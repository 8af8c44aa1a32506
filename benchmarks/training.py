"""Training through dltui beside a bare loop, a DataLoader and Lightning, in one run on the CPU; launch to first point.

    DLTUI_DATA=DIR python benchmarks/training.py [--epochs N] [--repeat N] [--json FILE]

All train the same LeNet on MNIST with the same optimizer and batch size; dltui's is the whole worker, per-step series
and checkpoints included. None evaluates while it trains. Lightning is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]
ROOT = Path(__file__).resolve().parent.parent

EXPERIMENT = """
[experiments.bench]
data = "mnist"
model = "lenet"
optimizer = { name = "SGD", lr = 0.05, momentum = 0.9 }
train = { epochs = EPOCHS, batch_size = 128 }
evaluate = { splits = [] }
"""


def peer(name: str, epochs: int) -> float:
    """Images a second of one of `training_peers.py`, in a process of its own."""
    command = [sys.executable, ROOT / "benchmarks" / "training_peers.py", name, "--epochs", str(epochs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def throughput(repeat: int, epochs: int) -> dict[str, float]:
    """Ours beside each peer that is installed, in turn; the median of the pairs' ratios."""
    peers = ["bare", "dataloader", *(["lightning"] if importlib.util.find_spec("lightning") else [])]
    ours: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in peers}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(repeat):
            ours.append(through_dltui(Path(name), epochs))
            for beside in peers:
                ratios[beside].append(ours[-1] / peer(beside, epochs))
    result = {"MNIST LeNet, images/s": statistics.median(ours)}
    return result | {f"dltui / {beside} (×)": statistics.median(ratios[beside]) for beside in peers}


def through_dltui(world: Path, epochs: int) -> float:
    """Images a second of the same training as a run, from its own series: first epoch left out as warm-up."""
    from engine.series import read_records, series_path

    (world / "experiments.toml").write_text(EXPERIMENT.replace("EPOCHS", str(epochs + 1)))
    done = subprocess.run(
        [*ENGINE, "train", "bench", "--device", "cpu", "--json"], cwd=world, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    run = json.loads(done.stdout.splitlines()[-1])["run"]
    records = read_records(series_path(world / "runs" / run / "series", "train/loss"))
    steps = len(records)
    first = steps // (epochs + 1)
    images = 60_000 * epochs
    return images / float(records["time"][-1] - records["time"][first - 1])


def start_latency(world: Path) -> tuple[float, float]:
    """Seconds of `import torch` in a bare interpreter, and from launching `digits-mlp` to its first point."""
    from engine import experiments
    from engine.launch import LaunchRequest, launch, stop
    from engine.runs import RunsFolder, load_run
    from engine.series import series_path

    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    imported = time.perf_counter() - began
    file = experiments.load(experiments.find_file(None, world))
    settings = experiments.resolve(file, "digits-mlp", [])
    began = time.perf_counter()
    paths = launch(RunsFolder(world / "runs"), LaunchRequest("digits-mlp", settings, file.folder, device="cpu"))
    series = series_path(paths.series, "train/loss")
    while not (series.exists() and series.stat().st_size):
        time.sleep(0.002)
    first_point = time.perf_counter() - began
    run = load_run(paths)
    stop(run)
    while load_run(paths).status not in ("stopped", "finished", "failed"):
        time.sleep(0.05)
    return imported, first_point


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    result = throughput(options.repeat, options.epochs)
    with tempfile.TemporaryDirectory() as name:
        pairs = [start_latency(Path(name)) for _ in range(options.repeat + 1)][1:]
        result["launch to first point (s)"] = statistics.median(p for _, p in pairs)
        result["launch to first point minus import torch (s)"] = statistics.median(p - i for i, p in pairs)
    for label, value in result.items():
        print(f"{label:55s} {value:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
