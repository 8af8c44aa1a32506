"""What tests of the screens of what was learnt share: a run with several evaluations, layers over steps, a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.make_runs import Maker
from engine.layer_series import LayerWriter
from engine.records import RunPaths
from engine.samples import png

EVIL = "\x1b[31m[bold]evil[/]\x07\u202e"
"""A class that would act on a terminal or on markup."""


def class_names(count: int) -> list[str]:
    """Names of classes, one hostile, one of wide characters."""
    names = [f"class {index:03d}" for index in range(count)]
    names[1], names[2] = EVIL, "電車の" * 8
    return names


def confusion(count: int, step: int) -> list[list[int]]:
    """A matrix in which class i is taken for i + 1 the oftener the earlier it is."""
    table = [[0] * count for _ in range(count)]
    for index, row in enumerate(table):
        mistakes = max(0, 40 - 10 * step) + index % 5
        row[index] = 100 - mistakes
        row[(index + 1) % count] += mistakes
    return table


def evaluation(count: int, step: int, *, whole: bool = False, images: bool = False) -> dict[str, Any]:
    """The evaluation after `step`: row 0 is right from step 2 on, row 1 never, row 2 always."""
    names = class_names(count)
    answers = ((0, 0, 0 if step >= 2 else 3), (1, 1, 0), (2, 2, 2))
    samples = [
        {"input": None if images else f"text of {row} {EVIL}", "row": row, "true": names[true],
         "predicted": names[predicted], "probability": 0.25 * (row + 1),
         **({"image": f"inputs/val-{row:06d}.png"} if images else {})}
        for row, true, predicted in answers
    ]  # fmt: skip
    table = confusion(count, step)
    content: dict[str, Any] = {
        "split": "validation", "task": "classification", "epoch": float(step), "step": step, "checkpoint": None,
        "metrics": {"accuracy": 0.6, "loss": 0.4}, "count": 100 * count, "classes": names, "confusion": table,
        "per_class": [{"class": n, "precision": 0.5, "recall": row[i] / 100, "f1": 0.5, "support": 100}
                      for i, (n, row) in enumerate(zip(names, table, strict=True))],
        "samples": samples,
    }  # fmt: skip
    if whole:
        content["predicted"] = " ".join(str(predicted) for *_, predicted in answers)
    return content


def make_run(folder: Path, created: float, *, classes: int = 10, whole: bool = False, images: bool = False) -> RunPaths:
    """A finished run in `folder` with four evaluations of its validation split, layers over steps, a nested model."""
    paths = RunPaths(Maker(folder, 60, seed=3).make(1, created, end="finished", experiment="digits-mlp"))
    for old in paths.evaluation.iterdir():
        old.unlink()
    for step in range(4):
        content = evaluation(classes, step, whole=whole, images=images)
        (paths.evaluation / f"val-{step:08d}.json").write_text(json.dumps(content))
    if images:
        _images(paths.evaluation / "inputs")
    _data(paths, classes)
    _model(paths)
    with_layers(paths, 30)
    return paths


def _images(folder: Path) -> None:
    import numpy as np

    folder.mkdir()
    for row in range(3):
        image = np.zeros((3, 4, 4), np.uint8)
        image[row % 3] = 255
        (folder / f"val-{row:06d}.png").write_bytes(png(image))


def _data(paths: RunPaths, classes: int) -> None:
    names = class_names(classes)
    counts = {name: 10 * (index + 1) for index, name in enumerate(names)}
    content = {
        "name": "made", "kind": "sequence", "shape": [None], "classes": names, "labels": "class",
        "splits": {"train": {"count": sum(counts.values()), "classes": counts},
                   "validation": {"count": 100 * classes, "classes": dict.fromkeys(names, 100)}},
        "majority": {"class": names[-1], "share": 0.2}, "duplicates": {}, "note": "",
    }  # fmt: skip
    paths.data.write_text(json.dumps(content))


def _model(paths: RunPaths) -> None:
    rows = [("stem.conv", "Conv2d", 100), ("stem.norm", "BatchNorm2d", 20), ("stem.relu", "ReLU", 0),
            ("body.0.conv", "Conv2d", 600), ("body.0.shortcut.conv", "Conv2d", 80), ("body.1.conv", "Conv2d", 150),
            ("head", EVIL, 50)]  # fmt: skip
    layers = [{"name": n, "type": t, "output_shape": [4], "parameters": p, "trainable": p} for n, t, p in rows]
    paths.model.write_text(json.dumps({"name": "net", "parameters": 1000, "trainable": 1000, "layers": layers}))


def with_layers(paths: RunPaths, records: int) -> None:
    """Append gradient norms and update ratios of three layers."""
    writer = LayerWriter(paths.series, ["stem.conv", "body.0.conv", "head"])
    for record in range(records):
        writer.log(10 * record, "grad_norm", [10.0 / (record + 1), 1.0, 1e-4 * (record + 1)])
        writer.log(10 * record, "update_ratio", [1e-3, 2e-3, float("nan")])
