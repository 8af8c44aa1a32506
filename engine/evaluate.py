"""Scoring and using a run's checkpoints after training: `engine evaluate` and `engine predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch

from engine import checkpoint
from engine.batches import DeviceSplit
from engine.checkpoint import Loaded
from engine.dataset import Split
from engine.errors import DataError, NotFoundError, RunError, SettingsError
from engine.evaluation_file import Moment, evaluation_content, store_evaluation
from engine.measure import Measured, measure
from engine.metrics import auc_per_class, macro_auc, scores
from engine.parts import Parts, build_parts, choose_device
from engine.records import ALIVE
from engine.runs import Run
from engine.settings import Settings
from engine.splits import prepare
from engine.summary import data_changed


def full_metrics(parts: Parts, measured: Measured) -> dict[str, float]:
    """All scores of an evaluation that kept its probabilities, without prefix."""
    metrics = {"loss": measured.loss, **scores(measured.confusion, parts.majority)}
    if measured.probabilities is not None:
        metrics["auc"] = macro_auc(auc_per_class(measured.labels, measured.probabilities))
    return metrics


def score_fully(parts: Parts, split: str) -> tuple[Measured, dict[str, float]]:
    """Score the parts' model on a split, with probabilities and every metric.

    Raises:
        NotFoundError: there is no such split.
    """
    if split not in parts.splits:
        raise NotFoundError(f"this run's data has no {split} split", hint=f"it has: {', '.join(parts.splits)}")
    measured = measure(
        parts.model,
        parts.splits[split],
        parts.loss,
        len(parts.dataset.classes),
        batch_size=parts.evaluation_batch,
        precision=parts.settings.train.precision,
        probabilities=True,
    )
    assert measured is not None
    return measured, full_metrics(parts, measured)


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
    measured, metrics = score_fully(parts, split)
    moment = Moment(loaded.epoch, loaded.step, checkpoint)
    content = evaluation_content(parts, split, measured, metrics, moment)
    if changed:
        content["data_changed"] = True
    if run.status not in ALIVE and run.writable:
        store_evaluation(run.paths, content)
    return content


def _open(run: Run, name: str, device: str) -> tuple[Parts, Loaded, bool]:
    """The run's model with a checkpoint's weights and its data, and whether that has changed since the training."""
    settings = _settings(run)
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
        For each input {"input", "predicted", "probability", "top": [[class, probability], ...]}, the likeliest first.

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
    answers: list[dict[str, Any]] = []
    with torch.inference_mode():
        for batch in split.in_order(parts.evaluation_batch):
            shares = torch.softmax(batch.logits(parts.model).float(), 1)
            values, indices = shares.topk(min(5, len(dataset.classes)), dim=1)
            for share, index in zip(values.tolist(), indices.tolist(), strict=True):
                top = [[dataset.classes[i], s] for i, s in zip(index, share, strict=True)]
                given = inputs[len(answers)]
                answers.append({"input": given, "predicted": top[0][0], "probability": top[0][1], "top": top})
    return answers


def _pad_to(settings: Settings) -> int | None:
    value = settings.data.get("pad_to")
    return int(value) if value is not None else None


def _fitting(split: Split, parts: Parts) -> Split:
    """What was encoded, if it has the shape the model was built for."""
    shape = tuple(split.inputs.shape[1:])
    if parts.dataset.kind != "sequence" and shape != parts.spec.shape:
        raise SettingsError(f"the inputs have the shape {shape}, the model takes {parts.spec.shape}")
    return split
