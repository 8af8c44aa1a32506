"""The end of a run: the scores of its best and last checkpoint, and the files and figures for people and scripts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from engine import checkpoint
from engine.checkpoints import CheckpointInfo, find_checkpoint
from engine.errors import NotFoundError
from engine.evaluate import score_fully
from engine.evaluation_file import Moment, evaluation_content, store_evaluation
from engine.interrupts import Stopped
from engine.jsonio import write_json
from engine.parts import prefix_of
from engine.runs import append_event
from engine.series import read_records, series_path
from engine.session import Session


def finish(session: Session) -> None:
    """Score the checkpoints, write train.json, test.json and the figures, and put the final metrics into the state.

    Raises:
        Stopped: a stop was asked for meanwhile.
        OSError: the disk is full or the folder is not writable.
    """
    preferred = session.settings.test_with
    other = "last" if preferred == "best" else "best"
    split = "test" if "test" in session.parts.splits else "validation"
    if split not in session.parts.splits:
        split = "train"
    metrics = dict(session.loop.metrics)
    content: dict[str, Any] | None = None
    scored: dict[int, dict[str, Any]] = {}
    for name in (other, preferred):  # the preferred one last: its weights stay in the model
        info = _find(session, name)
        if info is None:
            continue
        content = _score(session, info, name, split, scored)
        prefix = split if split != "validation" else "val"
        prefix = prefix if name == preferred else f"{prefix}_{name}"
        if split == "test":
            metrics |= {f"{prefix}/{key}": value for key, value in content["metrics"].items()}
    if content is None:
        return
    _write_test(session, content, split)
    session.heartbeat.write(metrics=metrics)
    _write_train(session)
    _draw(session, content)
    session.heartbeat.write(metrics=metrics)
    keys = [key for key in (*session.parts.task.shown, "macro_f1") if key in content["metrics"]]
    shown = "  ".join(f"{split}/{key} {content['metrics'][key]:.4f}" for key in keys)
    print(f"finished  {shown}  ({preferred}: epoch {content['epoch']:g})", flush=True)
    append_event(session.paths, "finished", epoch=session.epochs_done, step=session.loop.step, metrics=metrics)


def _find(session: Session, name: str) -> CheckpointInfo | None:
    try:
        return find_checkpoint(session.paths, name)
    except NotFoundError:
        return None  # no value was ever better than none: the monitored metric was never finite


def _score(
    session: Session, info: CheckpointInfo, name: str, split: str, scored: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """The content of the evaluation of one checkpoint, with how long it took; `scored` has what is known by step."""
    _heed_stop(session)
    if info.step in scored:  # best and last are the same one
        content = {**scored[info.step], "checkpoint": name}
        store_evaluation(session.paths, session.parts, content)
        return content
    began = time.perf_counter()
    loaded = checkpoint.load(info.folder, weights_only=True)
    checkpoint.load_weights(session.model, loaded.model, info.folder.name)
    evaluation = score_fully(session.parts, split)
    content = evaluation_content(session.parts, split, evaluation, Moment(info.epoch, info.step, name))
    store_evaluation(session.paths, session.parts, content)
    scored[info.step] = {**content, "duration": time.perf_counter() - began}
    return scored[info.step]


def _heed_stop(session: Session) -> None:
    session.interrupts.poll()
    if session.interrupts.stop:
        raise Stopped


def _write_test(session: Session, content: dict[str, Any], split: str) -> None:
    metrics = content["metrics"]
    summary: dict[str, Any] = {
        "run": session.paths.id,
        "experiment": session.info.experiment,
        "split": split,
        "checkpoint": content["checkpoint"],
        "epoch": content["epoch"],
        "step": content["step"],
        "samples": content["count"],
        "loss": metrics["loss"],
        **{name: metrics[key] for name, key in _SHORT.items() if key in metrics},
        "duration": content["duration"],
        "metrics": metrics,
    }
    if "per_class" in content:
        summary["per_class"] = content["per_class"]
    write_json(session.paths.artifact("test.json"), summary)


_SHORT = {
    "accuracy": "accuracy",
    "precision": "macro_precision",
    "recall": "macro_recall",
    "f1": "macro_f1",
    "auc": "auc",
}
"""The usual words for macro averages."""


def _write_train(session: Session) -> None:
    _heed_stop(session)
    metrics = score_fully(session.parts, "train").metrics
    summary: dict[str, Any] = {
        "run": session.paths.id,
        "experiment": session.info.experiment,
        "checkpoint": session.settings.test_with,
        **{key: metrics[key] for key in ("accuracy", "loss") if key in metrics},
        "metrics": metrics,
        "parameters": sum(p.numel() for p in session.model.parameters()),
        "epochs": session.epochs_done,
        "steps": session.loop.step,
        "samples": session.loop.samples,
        "duration": session.loop.seconds,
        "best": session.loop.best,
        "time": session.loop.times,
        "history": history(session),
    }
    write_json(session.paths.artifact("train.json"), summary)


def history(session: Session) -> list[dict[str, float]]:
    """One row an epoch: the mean train loss and accuracy, and the last value of everything evaluated in it."""
    folder, length = session.paths.series, session.steps_per_epoch
    rows: dict[int, dict[str, float]] = {}
    for name in ("train/loss", "train/accuracy"):
        records = read_records(series_path(folder, name))
        epochs = (records["step"] - 1) // length + 1
        present, begins = np.unique(epochs, return_index=True)
        if len(present):
            means = np.add.reduceat(records["value"].copy(), begins) / np.diff([*begins.tolist(), len(records)])
            for epoch, value in zip(present.tolist(), means.tolist(), strict=True):
                rows.setdefault(epoch, {"epoch": epoch})[name] = value
    for name in [key for key in session.loop.metrics if not key.startswith("train/")]:
        for step, value in _points(session, name):
            row = rows.setdefault((step - 1) // length + 1, {"epoch": (step - 1) // length + 1})
            row[name] = value
    return [rows[epoch] for epoch in sorted(rows)]


def _points(session: Session, name: str) -> list[tuple[int, float]]:
    records = read_records(series_path(session.paths.series, name))
    return list(zip(records["step"].tolist(), records["value"].tolist(), strict=True))


def _draw(session: Session, content: dict[str, Any]) -> None:
    _heed_stop(session)
    from engine.figures import confusion_figure, curve_figure

    title = f"{session.paths.id} · {session.info.experiment}"
    length = session.steps_per_epoch
    scored = [key for key in session.parts.task.logged if key in content["metrics"]]
    for metric in dict.fromkeys(("loss", *session.parts.task.shown, *scored[:2])):
        several = [prefix_of(name) for name in session.parts.splits if name.startswith("val_")]
        names = [f"{prefix}/{metric}" for prefix in ("train", "val", *several, "test", "train_split")]
        curves = {name: points for name in names if (points := _points(session, name))}
        curve_figure(session.paths.artifact(f"{metric}.png"), title, metric, curves, length)
    if "confusion" not in content:
        return
    answered = f"{content['split']} split, accuracy {content['metrics']['accuracy']:.4f}"
    path = session.paths.artifact("confusion_matrix.png")
    confusion_figure(path, f"{title}: {answered}", content["classes"], np.array(content["confusion"], np.int64))
