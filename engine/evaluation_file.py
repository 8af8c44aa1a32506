"""The files in a run's evaluation folder: scores, and what the task shows, such as a confusion matrix and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.jsonio import write_json
from engine.parts import Parts
from engine.records import RunPaths, file_prefix
from engine.samples import keep_images
from engine.task import Evaluation


@dataclass(frozen=True)
class Moment:
    """When in a training a split was scored, and with which checkpoint's weights (None: those of the moment)."""

    epoch: float
    step: int
    checkpoint: str | None = None


def evaluation_content(parts: Parts, split: str, evaluation: Evaluation, moment: Moment) -> dict[str, Any]:
    """What an evaluation file holds."""
    return {
        "split": split,
        "task": parts.settings.task,
        "epoch": moment.epoch,
        "step": moment.step,
        "checkpoint": moment.checkpoint,
        "metrics": evaluation.metrics,
        "count": len(parts.dataset.splits[split]),
        **evaluation.content,
    }


def store_evaluation(paths: RunPaths, parts: Parts, content: dict[str, Any]) -> None:
    """Write the content of an evaluation file to its place, and the images of its samples beside it.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    paths.evaluation.mkdir(exist_ok=True)
    keep_images(paths, parts.dataset, file_prefix(content["split"]), content["split"], content["samples"])
    write_json(paths.evaluation / f"{file_prefix(content['split'])}-{content['step']:08d}.json", content)
