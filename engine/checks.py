"""Checking merged settings: every fault at once, each with its key; and filling in what was left to defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.annotations import Mismatch, describe, finite, fit, form_of, got, unstorable
from engine.augment_settings import Augment, check_augment
from engine.errors import SettingsError, nearest
from engine.merge import NAMED, canonical
from engine.rules import ARGUMENT_RULES, RULES, broken_rule, every_message, shown
from engine.settings import CheckpointSettings, DataOptions, EarlyStopping, Evaluate, Recipe, Settings, Train
from engine.signatures import Parameter, Signature, TaskSignature
from engine.text import printable

Path_ = tuple[str, ...]
TYPED: dict[str, type[msgspec.Struct]] = {"train": Train, "evaluate": Evaluate, "checkpoint": CheckpointSettings}
NESTED: dict[str, type[msgspec.Struct]] = {"early_stopping": EarlyStopping, "augment": Augment}
"""Tables within tables; "none" switches an inherited one off."""
AUTO = ("total_steps", "T_max")
"""Scheduler arguments that "auto" fits to the length of the run."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with settings, wherever they came from."""

    path: Path_
    message: str
    hint: str = ""


class Checker:
    """Checks one merged table of settings; `faults` fills up, nothing is raised.

    `deep` also reads the signatures of torch and torchvision.
    """

    def __init__(self, folder: Path, *, deep: bool, complete: bool = True) -> None:
        self.folder = folder
        self.deep = deep
        self.complete = complete
        """Whether data and model must be there (an experiment that runs a command of its own has none)."""
        self.faults: list[Fault] = []
        self.task: TaskSignature | None = None
        """What is learnt; None where there is no such task."""

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

    def fault(self, path: Path_, message: str, hint: str = "") -> None:
        self.faults.append(Fault(path, message, hint))

    def unknown(self, key: str) -> None:
        known = [*Settings.__struct_fields__, *Recipe.__struct_fields__]
        self.fault((key,), f"no such setting: '{printable(key)}'", elsewhere(key) or nearest(key, known))

    def struct(self, kind: type[msgspec.Struct], value: Any, path: Path_) -> Any:
        """A typed table as its struct; None where it is not a table or has faults."""
        if not isinstance(value, dict):
            return self.fault(path, f"must be a table, got {got(value)}")
        before = len(self.faults)
        clean = self.fields(kind, value, path)
        return kind(**clean) if len(self.faults) == before else None

    def fields(self, kind: type[msgspec.Struct], table: Mapping[str, Any], path: Path_) -> dict[str, Any]:
        """The fields of `table` that are right."""
        clean: dict[str, Any] = {}
        for key, value in table.items():
            here = (*path, key)
            if key not in kind.__struct_fields__:
                self.fault(here, f"no such setting: '{printable(key)}'", _hint(key, kind.__struct_fields__))
            elif key in NESTED:
                clean[key] = None if value in (None, "none") else self.struct(NESTED[key], value, here)
            else:
                clean.update(self.field(kind, key, value, here))
        return clean

    def field(self, kind: type[msgspec.Struct], key: str, value: Any, path: Path_) -> dict[str, Any]:
        form = form_of(str(kind.__annotations__[key]))
        if value == "none" and isinstance(value, str) and form.allows("none"):
            return {key: None}
        try:
            value = fit(form, value)
        except Mismatch:
            self.fault(path, f"must be {describe(form)}, got {got(value)}", _near_literal(form.values, value))
            return {}
        dotted = ".".join(path)
        message = broken_rule(RULES.get(dotted), value)
        if not message and not finite(value) and not (key == "clip_grad_norm" and value > 0):
            message = "must be finite"
        if not message and key in ("every", "warmup") and value is not None:
            message = every_message(value)
        if message:
            self.fault(
                path,
                message if message.endswith("'") and key in ("every", "warmup") else f"{message}, got {shown(value)}",
            )
            return {}
        return {key: value}

    # -------------------------------------------------------------------------------- data, model, loss, optimizer, …

    def named(self, kind: str, value: Any, clean: dict[str, Any]) -> None:
        """A table with a name and arguments; goes into `clean` filled and checked."""
        if kind == "scheduler" and value in (None, "none"):
            clean[kind] = None
            return
        if not isinstance(value, dict):
            self.fault((kind,), f"must be a table with a name, or a name, got {got(value)}")
            return
        if kind in ("data", "model") and not value and not self.complete:
            return
        reasons = {key: reason for key, item in value.items() if (reason := unstorable(item))}
        for key, reason in reasons.items():
            self.fault((kind, key), reason)
        if reasons:
            return
        usual_loss = "CrossEntropyLoss" if self.task is None else self.task.losses[0]
        name = value.get("name", {"loss": usual_loss, "optimizer": "Adam"}.get(kind))
        if not isinstance(name, str) or not name.strip():
            what = f"must be a name, got {got(name)}" if "name" in value else f"{kind} has no name"
            self.fault(
                (kind, "name") if "name" in value else (kind,),
                what,
                f'such as {kind} = {{ name = "{_EXAMPLE[kind]}" }}',
            )
            return
        arguments = {key: item for key, item in value.items() if key != "name"}
        clean[kind] = {"name": name, **getattr(self, f"_{kind}")(name, arguments)}

    def _data(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        options = {key: arguments.pop(key) for key in list(arguments) if key in DataOptions.__struct_fields__}
        signature = self.signature("data", name)
        before = len(self.faults)
        checked = self.fields(DataOptions, options, ("data",))
        if len(self.faults) == before:
            self._splits(checked)
        if checked.get("augment") is not None:
            self._augment(checked["augment"])
        checked = msgspec.to_builtins(checked)
        own = self.arguments("data", signature, arguments, extra=DataOptions.__struct_fields__)
        if canonical(name) in ("csv", "image_folder") and isinstance(own.get("path"), str):
            own["path"] = self.located(own["path"])
        defaults = msgspec.structs.asdict(DataOptions(name=name))
        return {**defaults, **checked, **filled(signature), **own, "name": name}

    def _splits(self, options: Mapping[str, Any]) -> None:
        """Shares and folds that do not go together."""
        validation, folds, fold = options.get("validation", 0.0), options.get("folds"), options.get("fold")
        if not isinstance(validation, dict):
            share = validation + (options.get("test") or 0.0)
            if share >= 1:
                self.fault(("data", "validation"), f"data.validation + data.test must be below 1, got {share:g}")
        if folds is not None and validation:
            self.fault(
                ("data", "folds"), "takes the validation split's place", "leave out data.validation, or set it to 0"
            )
        if fold is not None and (folds is None or fold >= folds):
            given = "there are no data.folds" if folds is None else f"there are {folds} of them, counted from 0"
            self.fault(("data", "fold"), f"no fold {fold}: {given}")

    def _augment(self, augment: Augment) -> None:
        """What no image of any size can be put through."""
        try:
            check_augment(augment, (3, 10**6, 10**6))
        except SettingsError as error:
            key = error.message.partition(" =")[0].removeprefix("data.augment.")
            self.fault(("data", "augment", key), error.message.partition(": ")[2] or error.message, error.hint)

    def located(self, path: str) -> str:
        """A path made absolute when it exists beside the file; else it is looked for in the data folder."""
        expanded = Path(path).expanduser() if path.startswith("~") else Path(path)
        try:
            beside = self.folder / expanded
            return str(beside.absolute()) if expanded.is_absolute() or beside.exists() else path
        except (OSError, ValueError):
            return path

    def _model(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name.startswith("torchvision:") and not self.deep:
            return arguments
        signature = self.signature("model", name)
        return {**filled(signature), **self.arguments("model", signature, arguments)}

    def _loss(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.task is not None and name not in self.task.losses:
            known = ", ".join(self.task.losses)
            self.fault(
                ("loss", "name"),
                f"the task {printable(self.task.name)} takes no '{printable(name)}'",
                f"known: {known}",
            )
        weight = arguments.pop("class_weight", None)
        balanced = self.class_weight(weight)
        own = self.task is not None and name in self.task.losses and name not in signatures.names("loss")
        signature = self.signature("loss", name) if self.deep and not own else None
        weighted = signature is not None and "weight" in signature.parameters
        if weight is not None and signature is not None and not weighted:
            self.fault(("loss", "class_weight"), f"{printable(name)} has no class weights")
        if "weight" in arguments and weighted:
            self.fault(
                ("loss", "weight"),
                "is given as class_weight",
                'class_weight = "balanced", or a list with one number a class',
            )
            del arguments["weight"]
        own_keys = {} if balanced is None else {"class_weight": balanced}
        strength = arguments.pop("logit_adjustment", None)
        if strength not in (None, "none"):
            own_keys |= self._logit_adjustment(name, strength)
        extra = ("class_weight", "logit_adjustment") if weighted else ()
        return {**self.arguments("loss", signature, arguments, extra=extra), **own_keys}

    def _logit_adjustment(self, name: str, strength: Any) -> dict[str, Any]:
        path = ("loss", "logit_adjustment")
        if self.task is not None and (self.task.name != signatures.TASK or name != "CrossEntropyLoss"):
            self.fault(path, "goes with the CrossEntropyLoss of a classifier alone")
        elif not isinstance(strength, (int, float)) or isinstance(strength, bool) or not 0 <= strength <= 10:
            self.fault(path, f"must be a number from 0 to 10, such as 1.0, got {shown(strength)}")
        else:
            return {"logit_adjustment": float(strength)}
        return {}

    def class_weight(self, value: Any) -> Any:
        if value is None or value in ("balanced", "none"):
            return "balanced" if value == "balanced" else None
        power = value.get("power") if isinstance(value, dict) and set(value) == {"power"} else None
        if isinstance(power, (int, float)) and 0 < power <= 2:
            return {"power": float(power)}
        try:
            weights = fit(form_of("list[float]"), value)
        except Mismatch:
            weights = []
        if weights and finite(weights) and all(w >= 0 for w in weights) and any(weights):
            return weights
        self.fault(
            ("loss", "class_weight"),
            f'must be "balanced", {{ power = 0.5 }} of that, or a list with one number a class, none negative,'
            f" got {shown(value)}",
        )
        return None

    def _optimizer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        signature = self.signature("optimizer", name) if self.deep else None
        groups = self._groups(signature, arguments.pop("groups", None))
        checked = {**self.arguments("optimizer", signature, arguments), **groups}
        if (
            checked.get("nesterov") is True
            and signature
            and name == "SGD"
            and (not checked.get("momentum") or checked.get("dampening"))
        ):
            self.fault(("optimizer", "nesterov"), "needs a momentum above 0 and no dampening")
        rate = signature.parameters.get("lr") if signature else None
        # the learning rate is looked for in every comparison of runs: it is written down even when left to torch
        return {"lr": rate.default, **checked} if rate and rate.has_default and rate.literal else checked

    def _groups(self, signature: Signature | None, given: Any) -> dict[str, Any]:
        """Parameters with arguments of their own, such as biases without weight decay."""
        if given is None or given == "none":
            return {}
        clean = []
        for number, group in enumerate(given if isinstance(given, list) else [given]):
            params = group.get("params") if isinstance(group, dict) else None
            names = [params] if isinstance(params, str) else params
            if not (isinstance(names, list) and names and all(isinstance(n, str) and n.strip() for n in names)):
                self.fault(
                    ("optimizer", "groups"),
                    f"must be a list of tables, each with params and arguments of its own, got {got(group)}",
                    'such as groups = [{ params = "1d", weight_decay = 0.0 }]',
                )
                return {}
            before = len(self.faults)
            own = {key: value for key, value in group.items() if key != "params"}
            required = {} if signature is None else signature.parameters
            checked = self.arguments("optimizer", signature, own, given=required)
            for at in range(before, len(self.faults)):  # they are about this group, not about the table above it
                fault = self.faults[at]
                path = ("optimizer", "groups", str(number + 1), *fault.path[1:])
                self.faults[at] = Fault(path, fault.message, fault.hint)
            if len(self.faults) == before and not own:
                self.fault(
                    ("optimizer", "groups"), f"group {number + 1} has no argument of its own", "such as lr = 1e-4"
                )
            clean.append({**checked, "params": names})
        return {"groups": clean}

    def _scheduler(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        interval = arguments.pop("interval", "epoch")
        if interval not in ("epoch", "step"):
            self.fault(("scheduler", "interval"), f"must be 'epoch' or 'step', got {got(interval)}")
        signature = self.signature("scheduler", name) if self.deep else None
        for key in AUTO:
            if arguments.get(key) == "auto" and (signature is None or key in signature.parameters):
                own[key] = arguments.pop(key)
        checked = self.arguments("scheduler", signature, arguments, given=own, extra=("interval",))
        self.one_cycle(name, {**checked, **own})
        return {**checked, **own, **({"interval": interval} if interval != "epoch" else {})}

    def one_cycle(self, name: str, arguments: dict[str, Any]) -> None:
        lengths = ("epochs", "steps_per_epoch")
        if (
            self.deep
            and name == "OneCycleLR"
            and not arguments.get("total_steps")
            and not all(map(arguments.get, lengths))
        ):
            self.fault(("scheduler", "total_steps"), "OneCycleLR needs total_steps", '"auto" fits it to the run')

    def signature(self, kind: str, name: str) -> Signature | None:
        """The signature of what is named; None, and a fault, when there is none."""
        try:
            if kind in ("data", "model"):
                return (signatures.dataset if kind == "data" else signatures.model)(name, self.folder)
            return {"optimizer": signatures.optimizer, "scheduler": signatures.scheduler, "loss": signatures.loss}[
                kind
            ](name)
        except SettingsError as error:
            self.fault((kind, "name"), error.message, error.hint)
            return None

    def arguments(
        self,
        kind: str,
        signature: Signature | None,
        arguments: dict[str, Any],
        *,
        given: Mapping[str, Any] | None = None,
        extra: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """The arguments that are right; without a signature they are taken as they are."""
        if signature is None:
            return arguments
        clean: dict[str, Any] = {}
        for key, value in arguments.items():
            if key in signature.parameters:
                self.argument(kind, signature.parameters[key], value, clean)
            elif signature.accepts_any:
                clean[key] = value
            else:
                known = [*signature.parameters, *extra]
                self.fault(
                    (kind, key), f"{printable(signature.name)} has no argument '{printable(key)}'", _valid(key, known)
                )
        for name, parameter in signature.parameters.items():
            if not parameter.has_default and name not in arguments and name not in (given or {}):
                hint = '"auto" fits it to the run' if kind == "scheduler" and name in AUTO else ""
                self.fault((kind, name), f"{printable(signature.name)} needs '{name}'", hint)
        return clean

    def argument(self, kind: str, parameter: Parameter, value: Any, clean: dict[str, Any]) -> None:
        form = form_of(parameter.annotation)
        path = (kind, parameter.name)
        if form.kind in ("foreign", "none"):
            self.fault(path, "cannot be given in a file")
            return
        try:
            if value is not None or not (form.allows("none") or (parameter.has_default and parameter.default is None)):
                value = fit(form, value)
        except Mismatch:
            self.fault(path, f"must be {describe(form)}, got {got(value)}", _near_literal(form.values, value))
            return
        torch = kind in ("optimizer", "scheduler", "loss")
        message = broken_rule(ARGUMENT_RULES.get(parameter.name) if torch else None, value)
        if torch and not message and not finite(value):
            message = "must be finite"
        if message:
            self.fault(path, f"{message}, got {shown(value)}")
        else:
            clean[parameter.name] = value

    # ------------------------------------------------------------------------------------------------- taken together

    def together(self, clean: dict[str, Any], table: Mapping[str, Any]) -> None:
        """What no single key shows: something is missing, or two keys do not go together."""
        if self.complete:
            for kind in ("data", "model"):
                if kind not in table:
                    self.fault((kind,), f"{kind} is missing", f'such as {kind} = {{ name = "{_EXAMPLE[kind]}" }}')
        for key in [key for key in TYPED if key in clean and clean[key] is None]:
            del clean[key]
        self.watched(clean)
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


_EXAMPLE = {"data": "digits", "model": "mlp", "loss": "CrossEntropyLoss", "optimizer": "Adam", "scheduler": "StepLR"}


def _near_literal(values: tuple[Any, ...], value: Any) -> str:
    if not values or not isinstance(value, str):
        return ""
    hint = nearest(value, [known for known in values if isinstance(known, str)])
    return hint if hint.startswith("did") else ""


def _valid(key: str, known: list[str]) -> str:
    hint = nearest(key, known)
    return hint.replace("known:", "it takes:", 1) if hint else "it takes none"


def _hint(key: str, known: tuple[str, ...]) -> str:
    hint = nearest(key, known)
    return hint if hint.startswith("did") else elsewhere(key) or hint


def elsewhere(key: str) -> str:
    """Where a key that was written in the wrong table belongs: `did you mean 'train.epochs'?`; empty when nowhere."""
    homes: dict[str, type[msgspec.Struct]] = {**TYPED, "train.early_stopping": EarlyStopping, "data": DataOptions}
    tables = [table for table, kind in homes.items() if key in kind.__struct_fields__ and key != "name"]
    tables += ["data.augment"] if key in Augment.__struct_fields__ else []
    tables += ["optimizer"] if key in ("lr", "weight_decay", "momentum") else []
    aliases = {"dataset": "data", "criterion": "loss", "optim": "optimizer", "lr_scheduler": "scheduler"}
    found = aliases.get(key) or (f"{tables[0]}.{key}" if tables else "")
    return f"did you mean '{found}'?" if found else ""


def filled(signature: Signature | None) -> dict[str, Any]:
    """The literal defaults of a signature's arguments."""
    if signature is None:
        return {}
    return {name: p.default for name, p in signature.parameters.items() if p.has_default and p.literal}
