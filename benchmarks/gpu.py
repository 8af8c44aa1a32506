"""On a GPU: ResNet-18 on CIFAR-10 through dltui beside a loop by hand and Lightning, and the time to 0.94.

    DLTUI_DATA=DIR python benchmarks/gpu.py [--epochs N] [--airbench FILE] [--json FILE]

bf16, batch 512, channels last, cropped and flipped on the device. Utilisation is NVML's, sampled while dltui trains.
Ends with a sentence where there is no GPU. The time to 0.94 is the `cifar10-94` experiment's own: training alone, with
its test accuracy beside it. Beside it stands airbench94 (github.com/KellerJordan/cifar10-airbench, its
legacy/airbench94.py or airbench94_muon.py), where its script is given: three runs, the last of which counts.
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
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor, nn

from engine.augment import Augmentation
from engine.augment_settings import Augment
from engine.batches import image_statistics
from engine.data import cifar10
from engine.data_folder import data_root
from engine.dataset import input_spec
from engine.models import resnet18
from engine.series import read_records, series_path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]
BATCH = 512
EXPERIMENT = """
[experiments.resnet18]
data = { name = "cifar10", augment = { crop = 4, flip = 0.5 }, near_duplicates = false }
model = "resnet18"
optimizer = { name = "SGD", lr = 0.1, momentum = 0.9, weight_decay = 5e-4 }
train = { epochs = EPOCHS, batch_size = 512, precision = "bf16", channels_last = true, deterministic = false }
evaluate = { splits = [] }
checkpoint = { every = "100 epochs" }
"""


def engine(world: Path, *arguments: str) -> dict[str, object]:
    """The result of a run."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*ENGINE, "train", *arguments, "--json"]
    done = subprocess.run(command, cwd=world, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def through_dltui(world: Path, epochs: int) -> tuple[float, float]:
    """Images a second after the first epoch, and the GPU's mean utilisation in percent meanwhile."""
    (world / "experiments.toml").write_text(EXPERIMENT.replace("EPOCHS", str(epochs)))
    samples: list[tuple[float, float]] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(samples, done))
    watcher.start()
    run = str(engine(world, "resnet18")["run"])
    done.set()
    watcher.join()
    marks = read_records(series_path(world / "runs" / run / "series", "samples"))
    losses = read_records(series_path(world / "runs" / run / "series", "train/loss"))
    moments = dict(zip(losses["step"].tolist(), losses["time"].tolist(), strict=True))
    steps, values = marks["step"].tolist(), marks["value"].tolist()
    first = next(i for i, value in enumerate(values) if value >= 50_000)
    begin, end = moments[steps[first]], moments[steps[-1]]
    used = [share for moment, share in samples if begin <= moment <= end]
    return (values[-1] - values[first]) / (end - begin), statistics.fmean(used) if used else float("nan")


def _watch(samples: list[tuple[float, float]], done: threading.Event) -> None:
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    while not done.wait(0.1):
        samples.append((time.time(), float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)))


def by_hand(epochs: int) -> float:
    """Images a second of a loop over tensors on the GPU, after the first epoch."""
    device = torch.device("cuda")
    dataset = cifar10.load(data_root(None))
    split = dataset.splits["train"]
    images, labels = torch.from_numpy(split.inputs).to(device), torch.from_numpy(split.labels).to(device)
    mean, deviation = (torch.tensor(v, device=device).view(3, 1, 1) for v in image_statistics(split.inputs))
    augment = Augmentation(Augment(crop=4, flip=0.5), (3, 32, 32), None, 0, device)
    model = resnet18.build(input_spec(dataset)).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    began = 0.0
    for epoch in range(epochs):
        if epoch == 1:
            torch.cuda.synchronize()
            began = time.perf_counter()
        order = torch.randperm(len(labels), device=device)
        for number, start in enumerate(range(0, len(labels), BATCH)):
            rows = order[start : start + BATCH]
            pixels = augment(images[rows], epoch, number).float().div_(255).sub_(mean).div_(deviation)
            _step(model, optimizer, pixels.contiguous(memory_format=torch.channels_last), labels[rows])
    torch.cuda.synchronize()
    return (epochs - 1) * len(labels) / (time.perf_counter() - began)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        logits = model(images)
    nn.functional.cross_entropy(logits.float(), labels).backward()
    optimizer.step()


def with_lightning(epochs: int) -> float:
    """Images a second of Lightning's Trainer over a DataLoader with as many workers as there are cores."""
    import lightning
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    changes = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    changes.append(transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262)))
    data = datasets.CIFAR10(str(data_root(None)), train=True, transform=transforms.Compose(changes))
    workers = os.cpu_count() or 2
    loader = DataLoader(
        data, batch_size=BATCH, shuffle=True, num_workers=workers, pin_memory=True, persistent_workers=True
    )

    class Net(lightning.LightningModule):  # type: ignore[misc]
        """ResNet-18 as the others have it."""

        def __init__(self) -> None:
            super().__init__()
            self.net = resnet18.build(input_spec(cifar10.load(data_root(None))))
            self.began = 0.0

        def training_step(self, batch: tuple[Tensor, Tensor], _number: int) -> Tensor:
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 1:
                torch.cuda.synchronize()
                self.began = time.perf_counter()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    model = Net()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(max_epochs=epochs, precision="bf16-mixed", devices=1, default_root_dir=folder)
        trainer.fit(model, loader)
    torch.cuda.synchronize()
    return (epochs - 1) * 50_000 / (time.perf_counter() - model.began)


def time_to_94(world: Path) -> dict[str, float]:
    """Seconds of training of the fastest recipe, and the test accuracy it reached."""
    found = engine(world, "cifar10-94", "--file", str(ROOT / "experiments.toml"))
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    return {"cifar10-94, seconds": float(str(found["seconds"])), "cifar10-94, test accuracy": metrics["test/accuracy"]}


_THREE_RUNS = """
import re, sys
path = sys.argv[1]
text = re.sub(r"for run in range\\(\\d+\\)", "for run in range(3)", open(path).read())
sys.argv = [path]
exec(compile(text, path, "exec"), {"__name__": "__main__"})
"""


def with_airbench(script: Path) -> dict[str, float]:
    """Seconds that airbench94 says it trained, and its test accuracy with and without test-time augmentation."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "cifar10").mkdir()
        for entry in data_root(None).iterdir():
            (Path(name) / "cifar10" / entry.name).symlink_to(entry.resolve())
        command = [sys.executable, "-c", _THREE_RUNS, str(script.resolve())]
        done = subprocess.run(command, cwd=name, check=True, stdout=subprocess.PIPE, text=True)
    return airbench_figures(done.stdout)


def airbench_figures(printed: str) -> dict[str, float]:
    """The figures of the last run in the table that airbench94 prints.

    Its columns are run, epoch, train_loss, train_acc, val_acc, tta_val_acc and the seconds so far; a run's last row has
    `eval` for its epoch.
    """
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line.startswith("|")]
    head = next(row for row in rows if "tta_val_acc" in row)
    last = dict(zip(head, [row for row in rows if "eval" in row][-1], strict=True))
    seconds = next(value for key, value in last.items() if key.endswith("seconds"))
    return {
        "airbench94, seconds": float(seconds),
        "airbench94, test accuracy": float(last["val_acc"]),
        "airbench94, test accuracy, augmented": float(last["tta_val_acc"]),
    }


def main() -> int:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--airbench", type=Path, metavar="FILE", help="its script, beside whose time cifar10-94 stands")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("there is no GPU here that PyTorch can use: nothing is measured", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory() as name:
        ours, used = through_dltui(Path(name), given.epochs)
        figures = {
            "ResNet-18, images/s": ours,
            "GPU utilisation (%)": used,
            "dltui / by hand (×)": ours / by_hand(given.epochs),
        }
        if importlib.util.find_spec("lightning"):
            figures["dltui / lightning (×)"] = ours / with_lightning(given.epochs)
        figures |= time_to_94(Path(name))
        if given.airbench:
            figures |= with_airbench(given.airbench)
    for label, value in figures.items():
        print(f"{label:<32} {value:,.4g}")
    if given.json:
        given.json.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
