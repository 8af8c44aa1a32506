"""Checking merged settings: every fault at once, each with its key; and filling in what was left to defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine import signatures
from engine.errors import SettingsError
from engine.merge import NAMED, Path_
from engine.named_checks import EXAMPLE, NamedChecker
from engine.rules import shown
from engine.settings import Evaluate, Settings, Train
from engine.signatures import TaskSignature
from engine.table_checks import AUTO, TYPED


class Checker(NamedChecker):
    """Checks one merged table of settings; `faults` fills up, nothing is raised."""

    def settings(self, table: Mapping[str, Any]) -> Settings | None:
        """The settings that `table` means, defaults of data set and model filled in; None when there are faults."""
        clean: dict[str, Any] = {}
        self.task = self.task_of(table)
        for key, value in {"loss": {}, "optimizer": {}, **table}.items():  # torch's usual ones when nothing is said
            if key in TYPED:
                clean[key] = self.struct(TYPED[key], value, (key,))
            elif key in NAMED:
                self.named(key, value, clean)
            elif key in Settings.__struct_fields__:
                clean.update(self.fields(Settings, {key: value}, ()))
            else:
                self.unknown(key)
        if self.task is not None:
            clean["task"] = self.task.name
        self.together(clean, table)
        if self.faults:
            return None
        if (data_dir := clean.get("data_dir")) is not None:
            clean["data_dir"] = str(self.folder / Path(data_dir).expanduser())
        return Settings(**clean)

    def task_of(self, table: Mapping[str, Any]) -> TaskSignature | None:
        """The task that a table asks for, or else its data set; a fault where there is none of that name."""
        name = table.get("task")
        if not isinstance(name, str):
            data = table.get("data")
            named = data.get("name") if isinstance(data, dict) else None
            name = signatures.task_of_dataset(named, self.folder) if isinstance(named, str) else signatures.TASK
        try:
            return signatures.task(name, self.folder)
        except SettingsError as error:
            self.fault(("task",), error.message, error.hint)
            return None

    def together(self, clean: dict[str, Any], table: Mapping[str, Any]) -> None:
        """What no single key shows: something is missing, or two keys do not go together."""
        if self.complete:
            for kind in ("data", "model"):
                if kind not in table:
                    self.fault((kind,), f"{kind} is missing", f'such as {kind} = {{ name = "{EXAMPLE[kind]}" }}')
        for key in [key for key in TYPED if key in clean and clean[key] is None]:
            del clean[key]
        self.watched(clean)
        self.begun(clean)
        if not (self.deep and self.complete) or self.faults:
            return
        train: Train = clean.get("train", Train())
        if train.epochs is None and train.steps is None:
            if train.minutes is None:
                self.fault(
                    ("train", "epochs"),
                    "nothing says when training ends",
                    "give train.epochs, train.steps or train.minutes",
                )
            for key in AUTO:
                if (clean.get("scheduler") or {}).get(key) == "auto":
                    self.fault(("scheduler", key), '"auto" needs train.epochs or train.steps')

    def watched(self, clean: Mapping[str, Any]) -> None:
        """Metrics that are watched and that the task does not measure."""
        stopping = getattr(clean.get("train"), "early_stopping", None)
        given = {
            ("checkpoint", "monitor"): getattr(clean.get("checkpoint"), "monitor", None),
            ("train", "early_stopping", "monitor"): getattr(stopping, "monitor", None),
        }
        for path, metric in given.items():
            if metric is not None and self.task is not None and not self.task.measures(metric):
                trained = ", ".join(f"train/{score}" for score in self.task.trained)
                scores = ", ".join(self.task.scores)
                self.fault(path, f"must be val/… or test/…, of {scores}; or {trained}, got {shown(metric)}")
            elif metric is not None and self.complete:
                self.scored(path, metric, clean)
        for name in _evaluated(clean):
            if name.startswith("val_") and name not in _sets(clean, (name,)):
                self.fault(("evaluate", "splits"), f"data.validation names no set {shown(name)}", _known_sets(clean))

    def scored(self, path: Path_, metric: str, clean: Mapping[str, Any]) -> None:
        """A split that is watched is evaluated."""
        prefix = metric.partition("/")[0]
        if prefix == "train" or getattr(clean.get("train"), "overfit_batches", None) is not None:
            return
        split = {"val": "validation", "train_split": "train"}.get(prefix, prefix)
        evaluated = _evaluated(clean)
        if prefix.startswith("val"):
            if split not in _sets(clean, (split,)):
                self.fault(path, f"{metric} is watched, and there is no such validation set", _known_sets(clean))
            elif "validation" not in evaluated and split not in evaluated:
                self.fault(path, f"{metric} is watched, but the {split} split is not evaluated", _NAME_IT)
        elif split not in evaluated:
            self.fault(path, f"{metric} is watched, but the {split} split is not evaluated", _NAME_IT)

    def begun(self, clean: Mapping[str, Any]) -> None:
        """Initial values that another run's weights replace, all of them."""
        origin = clean.get("init_from")
        if clean.get("init") is not None and origin is not None and not origin.endswith(".safetensors"):
            self.fault(
                ("init",),
                f"init_from = {shown(origin)} replaces every weight: nothing would be left of init",
                'leave one of the two out; init = "none" switches an inherited one off',
            )


_NAME_IT = "name it in evaluate.splits"


def _evaluated(clean: Mapping[str, Any]) -> list[str]:
    return list(clean.get("evaluate", Evaluate()).splits)


def _sets(clean: Mapping[str, Any], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The validation sets that data.validation names; `otherwise` where it names none, as a data set may bring some."""
    given = (clean.get("data") or {}).get("validation")
    return tuple(f"val_{name}" for name in given) if isinstance(given, dict) else otherwise


def _known_sets(clean: Mapping[str, Any]) -> str:
    return f"it names {', '.join(_sets(clean, ()))}"
