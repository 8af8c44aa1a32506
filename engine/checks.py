"""Checking merged settings: every fault at once, each with its key; and filling in what was left to defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.annotations import Mismatch, describe, finite, fit, form_of, got, unstorable
from engine.errors import SettingsError, nearest
from engine.merge import NAMED, canonical
from engine.rules import ARGUMENT_RULES, RULES, broken_rule, every_message, shown
from engine.settings import CheckpointSettings, DataOptions, EarlyStopping, Evaluate, Recipe, Settings, Train
from engine.signatures import Parameter, Signature
from engine.text import printable

Path_ = tuple[str, ...]
TYPED: dict[str, type[msgspec.Struct]] = {"train": Train, "evaluate": Evaluate, "checkpoint": CheckpointSettings}
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

    def settings(self, table: Mapping[str, Any]) -> Settings | None:
        """The settings that `table` means, defaults of data set and model filled in; None when there are faults."""
        clean: dict[str, Any] = {}
        for key, value in {"loss": {}, "optimizer": {}, **table}.items():  # torch's usual ones when nothing is said
            if key in TYPED:
                clean[key] = self.struct(TYPED[key], value, (key,))
            elif key in NAMED:
                self.named(key, value, clean)
            elif key in Settings.__struct_fields__:
                clean.update(self.fields(Settings, {key: value}, ()))
            else:
                self.unknown(key)
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
            elif key == "early_stopping":
                clean[key] = None if value in (None, "none") else self.struct(EarlyStopping, value, here)
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
        if not message and key == "every":
            message = every_message(value)
        if message:
            self.fault(path, message if message.endswith("'") and key == "every" else f"{message}, got {shown(value)}")
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
        name = value.get("name", {"loss": "CrossEntropyLoss", "optimizer": "Adam"}.get(kind))
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
        share = checked.get("validation", 0.0) + (checked.get("test") or 0.0)
        if share >= 1 and len(self.faults) == before:
            self.fault(("data", "validation"), f"data.validation + data.test must be below 1, got {share:g}")
        own = self.arguments("data", signature, arguments, extra=DataOptions.__struct_fields__)
        if canonical(name) in ("csv", "image_folder") and isinstance(own.get("path"), str):
            own["path"] = self.located(own["path"])
        defaults = msgspec.structs.asdict(DataOptions(name=name))
        return {**defaults, **checked, **filled(signature), **own, "name": name}

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
        weight = arguments.pop("class_weight", None)
        balanced = self.class_weight(weight)
        signature = self.signature("loss", name) if self.deep else None
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
        checked = self.arguments("loss", signature, arguments, extra=("class_weight",) if weighted else ())
        return checked if balanced is None else {**checked, "class_weight": balanced}

    def class_weight(self, value: Any) -> Any:
        if value is None or value in ("balanced", "none"):
            return "balanced" if value == "balanced" else None
        try:
            weights = fit(form_of("list[float]"), value)
        except Mismatch:
            weights = []
        if weights and finite(weights) and all(w >= 0 for w in weights) and any(weights):
            return weights
        self.fault(
            ("loss", "class_weight"),
            f'must be "balanced" or a list with one number a class, none negative, got {shown(value)}',
        )
        return None

    def _optimizer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        signature = self.signature("optimizer", name) if self.deep else None
        checked = self.arguments("optimizer", signature, arguments)
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
    tables += ["optimizer"] if key in ("lr", "weight_decay", "momentum") else []
    aliases = {"dataset": "data", "criterion": "loss", "optim": "optimizer", "lr_scheduler": "scheduler"}
    found = aliases.get(key) or (f"{tables[0]}.{key}" if tables else "")
    return f"did you mean '{found}'?" if found else ""


def filled(signature: Signature | None) -> dict[str, Any]:
    """The literal defaults of a signature's arguments."""
    if signature is None:
        return {}
    return {name: p.default for name, p in signature.parameters.items() if p.has_default and p.literal}
