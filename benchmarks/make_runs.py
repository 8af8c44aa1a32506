"""Make run folders that look like real ones, fast: for benchmarks, screens and tests.

    python benchmarks/make_runs.py runs 10000 --steps 20

No worker runs; checkpoints hold their metadata and a few bytes in place of weights.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.jsonio import encode
from engine.processes import hostname
from engine.runs import RunsFolder
from engine.series import RECORD, series_path

CLASSES = [str(digit) for digit in range(10)]
EXPERIMENTS: list[dict[str, Any]] = [
    {"experiment": "digits-mlp", "data": "digits", "model": {"name": "mlp", "hidden": [64]}, "ceiling": 0.98},
    {"experiment": "moons-mlp", "data": "moons", "model": {"name": "mlp", "hidden": [16, 16]}, "ceiling": 0.99},
    {
        "experiment": "names-lstm",
        "data": "names",
        "model": {"name": "lstm_classifier", "hidden_size": 100, "num_layers": 2},
        "ceiling": 0.83,
    },
    {"experiment": "cifar10-lenet", "data": "cifar10", "model": {"name": "lenet"}, "ceiling": 0.67},
    {"experiment": "fashion-cnn", "data": "fashion_mnist", "model": {"name": "cnn"}, "ceiling": 0.92},
]
OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "SGD", "momentum": 0.9},
    {"name": "Adam"},
    {"name": "AdamW", "weight_decay": 0.01},
    {"name": "RMSprop", "alpha": 0.9},
]
ENDS = ["finished"] * 16 + ["failed", "stopped", "lost", "failed"]
CAUSES = [("CUDA out of memory", "out-of-memory"), ("loss became NaN at step 12", "non-finite")]


class Maker:
    """Writes runs into one folder, with a random generator of its own."""

    def __init__(self, root: Path, steps: int, seed: int = 0) -> None:
        self.runs = RunsFolder(root)
        self.steps = steps
        self.random = random.Random(seed)
        self.model = encode(_model_table(), indent=1)
        self.data = {e["experiment"]: encode(_data_summary(e["data"]), indent=1) for e in EXPERIMENTS}

    def make(self, number: int, created: float, *, end: str | None = None, experiment: str | None = None) -> Path:
        """Write run `e<number>`, launched at `created` (Unix seconds); `end` is its state.

        Returns:
            Its folder.
        """
        folder = self.runs.root / f"e{number:04d}"
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "evaluation").mkdir()
        chosen = [e for e in EXPERIMENTS if experiment in (None, e["experiment"])]
        recipe = self.random.choice(chosen)
        end = end or self.random.choice(ENDS)
        done = self.steps if end == "finished" else max(1, self.steps // 2)
        curves = self._curves(done, recipe["ceiling"])
        settings = self._settings(recipe)
        self._write_run(folder, recipe, settings, created)
        self._write_series(folder, curves, created)
        metrics = {name: values[-1] for name, values in curves.items()}
        best = max(range(done), key=curves["val/accuracy"].__getitem__)
        self._write_checkpoints(folder, curves, {"best": best, "last": done - 1}, created)
        if end == "finished":
            metrics |= self._test_metrics(curves["val/accuracy"][best])
            self._write_evaluation(folder, metrics["test/accuracy"], done)
        self._write_state(folder, end, created, done, metrics, (best, curves["val/accuracy"][best]))
        return folder

    def _settings(self, recipe: dict[str, Any]) -> dict[str, Any]:
        optimizer = {**self.random.choice(OPTIMIZERS), "lr": round(10 ** self.random.uniform(-4, -1), 5)}
        return {
            "description": f"{recipe['model']['name']} on {recipe['data']}",
            "motivation": "",
            "tags": [],
            "seed": self.random.randrange(5),
            "device": "auto",
            "data": {"name": recipe["data"], "validation": 0.1, "test": None, "split_seed": 0, "limit": None,
                     "group_duplicates": True, "leak": "warn", "pad_to": None, "bucket": True},
            "model": {**recipe["model"], "dropout": self.random.choice([0.0, 0.1, 0.5])},
            "loss": {"name": "CrossEntropyLoss"},
            "optimizer": optimizer,
            "scheduler": self.random.choice([None, {"name": "StepLR", "step_size": 40, "gamma": 0.2}]),
            "train": {"epochs": 10.0, "steps": None, "minutes": None, "batch_size": self.random.choice([32, 64, 128]),
                      "accumulate": 1, "clip_grad_norm": None, "precision": "fp32", "threads": None,
                      "deterministic": True, "shuffle": True, "drop_last": False, "early_stopping": None},
            "evaluate": {"every": "1 epoch", "batch_size": None, "splits": ["validation"]},
            "checkpoint": {"every": "1 epoch", "keep": 3, "monitor": None, "mode": None},
            "init_from": None, "test_with": "best", "data_dir": None,
        }  # fmt: skip

    def _curves(self, points: int, ceiling: float) -> dict[str, list[float]]:
        speed, noise = self.random.uniform(2, 6), self.random.gauss
        names = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/macro_f1", "lr", "epoch")
        curves: dict[str, list[float]] = {name: [] for name in names}
        for point in range(points):
            done = (point + 1) / self.steps
            learnt = 1 - math.exp(-speed * done)
            accuracy = min(1.0, max(0.0, 0.1 + (ceiling - 0.1) * learnt + noise(0, 0.01)))
            loss = 2.3 * (1 - learnt) + 0.05 + abs(noise(0, 0.02))
            row = (loss, min(1.0, accuracy + 0.02), loss * 1.1, accuracy, accuracy * 0.99, 0.01, 10 * done)
            for name, value in zip(names, row, strict=True):
                curves[name].append(value)
        return curves

    def _test_metrics(self, accuracy: float) -> dict[str, float]:
        test = min(1.0, max(0.0, accuracy + self.random.gauss(0, 0.01)))
        return {
            "test/accuracy": test, "test/loss": 0.4, "test/macro_f1": test * 0.99, "test/macro_precision": test,
            "test/macro_recall": test * 0.98, "test/balanced_accuracy": test * 0.98, "test/auc": 0.99,
            "test_last/accuracy": test - 0.005, "val/majority": 0.1017, "test/majority": 0.1017,
        }  # fmt: skip

    def _write_run(self, folder: Path, recipe: dict[str, Any], settings: dict[str, Any], created: float) -> None:
        name = recipe["experiment"]
        info = {
            "format": 1, "run": folder.name, "experiment": name, "settings": settings, "parent": None, "group": None,
            "seed": settings["seed"], "argv": ["engine", "train", name, "-s", f"seed={settings['seed']}"],
            "folder": str(self.runs.root.parent), "git": {"commit": "0" * 40, "dirty": False, "diff_sha256": None},
            "host": hostname(), "user": "someone",
            "device": {"kind": "cpu", "name": "cpu", "uuid": None, "index": None},
            "versions": {"python": "3.11.9", "torch": "2.6.0"}, "data_fingerprint": "0" * 16, "environment": {},
            "created": created, "note": "", "tags": [],
        }  # fmt: skip
        _write(folder / "run.json", encode(info, indent=1))
        _write(folder / "data.json", self.data[name])
        _write(folder / "model.json", self.model)
        _write(folder / "notes.md", b"# Motivation\n\n\n# Results\n\n\n# Interpretation\n\n")
        _write(folder / "log.txt", f"training {name}\n".encode())
        marks: dict[str, Any] = {"name": "", "tags": [], "star": False, "archived": False}
        if self.random.random() < 0.05:
            marks |= {"star": True, "tags": ["paper"], "name": f"the good {name}"}
        _write(folder / "marks.json", encode(marks, indent=1))

    def _write_series(self, folder: Path, curves: dict[str, list[float]], created: float) -> None:
        pack = RECORD.pack
        for name, values in curves.items():
            path = series_path(folder / "series", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, b"".join(pack(10 * (i + 1), created + i, v) for i, v in enumerate(values)))

    def _write_checkpoints(
        self, folder: Path, curves: dict[str, list[float]], at: dict[str, int], created: float
    ) -> None:
        events = [{"time": created, "event": "started", "device": "cpu"}]
        for point in sorted(set(at.values())):
            step, epoch = 10 * (point + 1), 10 * (point + 1) / self.steps
            metrics = {name: values[point] for name, values in curves.items() if "/" in name}
            checkpoint = folder / "checkpoints" / f"step-{step:08d}"
            checkpoint.mkdir()
            _write(checkpoint / "model.safetensors", b"\x08\0\0\0\0\0\0\0{}      ")
            _write(checkpoint / "training.safetensors", b"\x08\0\0\0\0\0\0\0{}      ")
            files = {name: {"bytes": 16, "sha256": "0" * 64} for name in ("model.safetensors", "training.safetensors")}
            content = {"format": 1, "epoch": epoch, "step": step, "metrics": metrics, "created": created + point,
                       "files": files, "loop": {}, "rest": {}, "versions": {}}  # fmt: skip
            _write(checkpoint / "checkpoint.json", encode(content, indent=1))
            events.append({"time": created + point, "event": "evaluated", "split": "validation", "epoch": epoch,
                           "step": step, "metrics": metrics})  # fmt: skip
            events.append({"time": created + point, "event": "checkpoint", "name": checkpoint.name, "epoch": epoch,
                           "step": step, "metrics": metrics})  # fmt: skip
        for name, point in at.items():
            (folder / "checkpoints" / name).symlink_to(f"step-{10 * (point + 1):08d}")
        _write(folder / "events.jsonl", b"".join(encode(event) + b"\n" for event in events))

    def _write_evaluation(self, folder: Path, accuracy: float, points: int) -> None:
        right = round(100 * accuracy)
        confusion = [
            [right if t == p else (100 - right if p == (t + 1) % 10 else 0) for p in range(10)] for t in range(10)
        ]
        scores = [
            {"class": c, "precision": accuracy, "recall": accuracy, "f1": accuracy, "support": 100} for c in CLASSES
        ]
        samples = [{"input": None, "row": r, "true": "3", "predicted": "5", "probability": 0.9} for r in range(4)]
        content = {"split": "test", "epoch": 10.0, "step": 10 * points, "checkpoint": "best",
                   "metrics": {"test/accuracy": accuracy}, "classes": CLASSES, "confusion": confusion,
                   "per_class": scores, "samples": samples}  # fmt: skip
        _write(folder / "evaluation" / f"test-{10 * points:08d}.json", encode(content))

    def _write_state(
        self, folder: Path, end: str, created: float, points: int, metrics: dict[str, float], best: tuple[int, float]
    ) -> None:
        cause, kind = self.random.choice(CAUSES) if end == "failed" else (None, None)
        lost = end == "lost"
        state = {
            "format": 1, "state": "running" if lost else end, "cause": cause, "cause_kind": kind,
            "exit_code": {"finished": 0, "failed": 1, "stopped": 130}.get(end), "host": hostname(),
            "pid": 1 if lost else None, "pid_start": -1.0 if lost else None, "boot_id": "gone" if lost else None,
            "device": "cpu", "epoch": 10 * points / self.steps, "step": 10 * points, "total_steps": 10 * self.steps,
            "total_epochs": 10.0, "samples_per_second": 12400.0, "seconds_left": None,
            "best": {"monitor": "val/accuracy", "mode": "max", "value": best[1], "step": 10 * (best[0] + 1),
                     "epoch": 10 * (best[0] + 1) / self.steps},
            "metrics": metrics, "created": created, "started": created + 2, "updated": created + points,
            "ended": None if lost else created + points, "seconds": float(points),
        }  # fmt: skip
        _write(folder / "state.json", encode(state, indent=1))


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, content)
    os.close(descriptor)


def _data_summary(name: str) -> dict[str, Any]:
    def split(count: int) -> dict[str, Any]:
        return {"count": 10 * count, "classes": dict.fromkeys(CLASSES, count)}

    return {"name": name, "kind": "features", "shape": [64], "classes": CLASSES,
            "splits": {"train": split(116), "validation": split(28), "test": split(36)},
            "majority": {"class": "3", "share": 0.1017},
            "duplicates": {"train/test": {"rows": 0, "distinct": 0}},
            "fingerprint": "0" * 16, "note": "", "seconds": 0.01}  # fmt: skip


def _model_table() -> dict[str, Any]:
    layers = [
        {"name": "0", "type": "Linear", "output_shape": [64], "parameters": 4160, "trainable": 4160},
        {"name": "1", "type": "ReLU", "output_shape": [64], "parameters": 0, "trainable": 0},
        {"name": "2", "type": "Linear", "output_shape": [10], "parameters": 650, "trainable": 650},
    ]
    return {"name": "mlp", "parameters": 4810, "trainable": 4810, "layers": layers,
            "bytes": {"parameters": 19240, "input": 256, "forward_backward": 1104}}  # fmt: skip


def make_runs(root: Path, count: int, steps: int = 10, seed: int = 0) -> list[str]:
    """Write `count` runs with `steps` points a series into `root`, after those that are there.

    Returns:
        Their ids.
    """
    maker = Maker(root, steps, seed)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    first = int((maker.runs.ids() or ["e0000"])[-1][1:]) + 1
    begin = time.time() - 600.0 * count
    made = [maker.make(first + i, begin + 600.0 * i).name for i in range(count)]
    (maker.runs.own / "last-id").write_text(str(first + count - 1))
    return made


def main() -> None:
    """Read the command line and make the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--steps", type=int, default=10, help="points in each series")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    make_runs(arguments.folder, arguments.count, arguments.steps, arguments.seed)
    print(f"{arguments.count} runs in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
