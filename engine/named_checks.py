"""Checking the tables that have a name and arguments: data, model, loss, optimizer and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.annotations import Mismatch, finite, fit, form_of, got, unstorable
from engine.augment_settings import Augment, check_augment
from engine.errors import SettingsError
from engine.merge import canonical
from engine.rules import shown
from engine.settings import DataOptions
from engine.signatures import Signature, TaskSignature
from engine.table_checks import AUTO, Fault, TableChecker, filled
from engine.text import printable

EXAMPLE = {"data": "digits", "model": "mlp", "loss": "CrossEntropyLoss", "optimizer": "Adam", "scheduler": "StepLR"}


class NamedChecker(TableChecker):
    """Checks tables with a name; `deep` also reads the signatures of torch and torchvision."""

    def __init__(self, folder: Path, *, deep: bool, complete: bool = True) -> None:
        super().__init__(folder)
        self.deep = deep
        self.complete = complete
        """Whether data and model must be there (an experiment that runs a command of its own has none)."""
        self.task: TaskSignature | None = None
        """What is learnt; None where there is no such task."""

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
                f'such as {kind} = {{ name = "{EXAMPLE[kind]}" }}',
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
