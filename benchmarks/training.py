"""What training through dltui costs beside a bare hand-written PyTorch loop, in one run on the CPU.

    DLTUI_DATA=DIR python benchmarks/training.py [--epochs N] [--repeat N] [--json FILE]

Both train the same LeNet on the same in-memory MNIST with the same optimizer, batch size and threads; dltui's is the
whole worker, per-step series and checkpoints included. Neither evaluates while it trains.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.main import main; sys.exit(main())"]
ROOT = Path(__file__).resolve().parent.parent

EXPERIMENT = """
[experiments.bench]
data = "mnist"
model = "lenet"
optimizer = { name = "SGD", lr = 0.05, momentum = 0.9 }
train = { epochs = EPOCHS, batch_size = 128 }
evaluate = { splits = [] }
"""


def bare_loop(epochs: int) -> float:
    """Images a second of a careful loop by hand: whole tensors in memory, no logging, no checkpoint."""
    import torch
    from torch import nn

    from engine.components import load_model_function
    from engine.data.mnist import load
    from engine.data_folder import data_root
    from engine.dataset import input_spec

    dataset = load(data_root(None))
    train = dataset.splits["train"]
    torch.manual_seed(0)
    build = load_model_function("lenet", ROOT)
    model: nn.Module = build(input_spec(dataset))
    images = torch.from_numpy(train.inputs).float().div_(255).sub_(0.1307).div_(0.3081)
    labels = torch.from_numpy(train.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()
    model.train()

    def epoch() -> None:
        for rows in torch.randperm(len(images)).split(128):
            loss = loss_function(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    epoch()  # warm-up: allocator, kernels
    began = time.perf_counter()
    for _ in range(epochs):
        epoch()
    return epochs * len(images) / (time.perf_counter() - began)


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
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        print(bare_loop(options.epochs))
        return
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        ratios, ours = [], []
        for _ in range(options.repeat):
            command = [sys.executable, __file__, "--bare", "--epochs", str(options.epochs)]
            bare = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            ours.append(through_dltui(world, options.epochs))
            ratios.append(ours[-1] / bare)
        result["MNIST LeNet, images/s"] = statistics.median(ours)
        result["MNIST LeNet, images/s / a bare loop's"] = statistics.median(ratios)
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
