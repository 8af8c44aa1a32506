"""Checking one table: the fields of a struct, or the arguments of a signature; each fault with its key and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.annotations import Mismatch, describe, finite, fit, form_of, got
from engine.augment_settings import Augment
from engine.errors import SettingsError, nearest
from engine.merge import Path_
from engine.rules import ARGUMENT_RULES, RULES, broken_rule, every_message, shown
from engine.settings import CheckpointSettings, DataOptions, EarlyStopping, Evaluate, Recipe, Settings, Train
from engine.signatures import Parameter, Signature
from engine.text import printable

TYPED: dict[str, type[msgspec.Struct]] = {"train": Train, "evaluate": Evaluate, "checkpoint": CheckpointSettings}
NESTED: dict[str, type[msgspec.Struct]] = {"early_stopping": EarlyStopping, "augment": Augment}
"""Tables within tables; "none" switches an inherited one off."""
AUTO = ("total_steps", "T_max")
"""Scheduler arguments that "auto" fits to the length of the run."""


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with settings, wherever they came from."""

    path: Path_
    message: str
    hint: str = ""


class TableChecker:
    """Checks tables one by one; `faults` fills up, nothing is raised."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Where what a person has written is looked for: data sets, models, files."""
        self.faults: list[Fault] = []

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

    # ----------------------------------------------------------------------------------------- arguments of a signature

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
