"""Scoring and using a run's checkpoints after training: `engine evaluate` and `engine predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch

from engine import checkpoint
from engine.batch_size import settled
from engine.batches import DeviceSplit
from engine.checkpoint import Loaded
from engine.dataset import Split
from engine.errors import DataError, NotFoundError, RunError, SettingsError
from engine.evaluation_file import Moment, evaluation_content, store_evaluation
from engine.measure import measure
from engine.parts import Parts, build_parts, choose_device
from engine.records import ALIVE
from engine.runs import Run
from engine.sequences import UNKNOWN
from engine.settings import Settings
from engine.splits import prepare
from engine.summary import data_changed
from engine.task import Evaluation


def score_fully(parts: Parts, split: str) -> Evaluation:
    """Score the parts' model on a split, with every metric.

    Raises:
        NotFoundError: there is no such split.
    """
    if split not in parts.splits:
        raise NotFoundError(f"this run's data has no {split} split", hint=f"it has: {', '.join(parts.splits)}")
    evaluation = measure(parts, split, full=True)
    assert evaluation is not None
    return evaluation


def evaluate_run(run: Run, checkpoint: str = "best", split: str = "test", device: str = "cpu") -> dict[str, Any]:
    """Score a checkpoint of a run on one of its splits; the outcome is also kept in its evaluation folder.

    Args:
        run: the run.
        checkpoint: best, last, epoch-0010, step-00000450.
        split: test, validation or train.
        device: cpu or cuda:N.

    Returns:
        The evaluation file's content, with `data_changed` where the data is not what the run was trained on; it is not
        written while the run's worker lives or where its folder is read-only.

    Raises:
        NotFoundError: there is no such checkpoint or split.
        RunError: the checkpoint is damaged, or the run's settings cannot be read.
    """
    parts, loaded, changed = _open(run, checkpoint, device)
    moment = Moment(loaded.epoch, loaded.step, checkpoint)
    content = evaluation_content(parts, split, score_fully(parts, split), moment)
    if changed:
        content["data_changed"] = True
    if run.status not in ALIVE and run.writable:
        store_evaluation(run.paths, parts, content)
    return content


def _open(run: Run, name: str, device: str) -> tuple[Parts, Loaded, bool]:
    """The run's model with a checkpoint's weights and its data, and whether that has changed since the training."""
    settings = settled(_settings(run), run.paths)
    info, loaded = checkpoint.load_named(run.paths, name, weights_only=True)
    folder = Path(run.info.folder) if run.info.folder else Path.cwd()
    prepared = prepare(settings, folder)
    parts = build_parts(settings, prepared, folder, choose_device(device))
    checkpoint.load_weights(parts.model, loaded.model, f"{run.id}:{info.folder.name}")
    return parts, loaded, data_changed(run.paths, prepared.fingerprint)


def _settings(run: Run) -> Settings:
    if not run.info.settings:
        raise RunError(f"{run.id} has no settings: {'; '.join(run.problems) or 'run.json holds none'}")
    try:
        return msgspec.convert(run.info.settings, Settings)
    except msgspec.ValidationError as error:
        raise RunError(f"run.json of {run.id} cannot be understood: {error}") from error


def predict(run: Run, inputs: list[str], checkpoint: str = "best") -> list[dict[str, Any]]:
    """Let a checkpoint of a run answer inputs from a command line.

    Args:
        run: the run.
        inputs: texts, image files, or numbers separated by commas, by the data set's kind.
        checkpoint: best, last, epoch-0010, step-00000450.

    Returns:
        For each input {"input", "predicted", …}; of a classifier also "probability" and "top": [[class, probability],
        …], the likeliest first; of a text with characters outside of the vocabulary "unknown_characters", how many.

    Raises:
        DataError: an input cannot be read, or the data set takes none from a command line.
        NotFoundError: there is no such checkpoint.
        RunError: the checkpoint is damaged.
    """
    parts, *_ = _open(run, checkpoint, "cpu")
    dataset = parts.dataset
    if dataset.encode is None:
        raise DataError(f"the data set {parts.settings.data['name']!r} does not take inputs from a command line")
    encoded = _fitting(dataset.encode(inputs), parts)
    split = DeviceSplit(dataset, encoded, parts.device, _pad_to(parts.settings))
    parts.model.eval()
    with torch.inference_mode():
        answers = parts.task.predict(parts.model, split, inputs, parts.evaluation_batch)
    if dataset.vocabulary:
        for answer, count in zip(answers, (encoded.inputs == UNKNOWN).sum(1).tolist(), strict=True):
            answer.update({"unknown_characters": count} if count else {})
    return answers


def _pad_to(settings: Settings) -> int | None:
    value = settings.data.get("pad_to")
    return int(value) if value is not None else None


def _fitting(split: Split, parts: Parts) -> Split:
    """What was encoded, if it has the shape the model was built for."""
    shape = tuple(split.inputs.shape[1:])
    wanted = tuple(parts.dataset.splits["train"].inputs.shape[1:])
    if parts.dataset.kind != "sequence" and shape != wanted:
        raise SettingsError(f"the inputs have the shape {shape}, the model takes {wanted}")
    return split
