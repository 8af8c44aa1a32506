"""Checking merged settings: every fault at once, each with its key; and filling in what was left to defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine import signatures
from engine.annotations import Mismatch, describe, finite, fit, form_of, got, unstorable
from engine.errors import SettingsError, nearest
from engine.merge import NAMED, canonical
from engine.settings import CheckpointSettings, DataOptions, EarlyStopping, Evaluate, Recipe, Settings, Sweep, Train
from engine.signatures import Parameter, Signature
from engine.text import printable

Path_ = tuple[str, ...]
TYPED: dict[str, type[msgspec.Struct]] = {"train": Train, "evaluate": Evaluate, "checkpoint": CheckpointSettings}
SPLITS = ("validation", "test", "train")
AUTO = ("total_steps", "T_max")
"""Scheduler arguments that "auto" fits to the length of the run."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with settings, wherever they came from."""

    path: Path_
    message: str
    hint: str = ""


def parse_every(text: str) -> tuple[int, Literal["epoch", "step"]]:
    """What "10 epochs" or "500 steps" means.

    Returns:
        The number and its unit, such as (10, "epoch").

    Raises:
        SettingsError: it is not a whole number of epochs or steps.
    """
    match = re.fullmatch(r"\s*(\d{1,12})\s*(epoch|step)s?\s*", text)
    if match is None or int(match[1]) < 1:
        raise SettingsError(f"must be such as '1 epoch', '10 epochs' or '500 steps', got {got(text)}")
    return int(match[1]), "epoch" if match[2] == "epoch" else "step"


# ------------------------------------------------------------------------------------------------------ possible values

Rule = tuple[Callable[[Any], bool], str]
_POSITIVE: Rule = (lambda v: v > 0, "must be greater than 0")
_NOT_NEGATIVE: Rule = (lambda v: v >= 0, "must not be negative")
_AT_LEAST_ONE: Rule = (lambda v: v >= 1, "must be at least 1")
_SHARE: Rule = (lambda v: 0 <= v < 1, "must be a share from 0 to below 1")
_UP_TO_ONE: Rule = (lambda v: 0 <= v <= 1, "must be from 0 to 1")
_FILLED: Rule = (lambda v: v.strip() != "", "must not be empty")
_SEED: Rule = (lambda v: 0 <= v < 2**32, "must be from 0 to 4294967295")
_DEVICE = re.compile(r"auto|cpu|cuda:\d{1,4}|(GPU|MIG)-[0-9A-Za-z/-]{4,100}")
_METRIC = re.compile(r"(val|test|train)/\S+")

RULES: dict[str, Rule] = {
    "seed": _SEED,
    "tags": (lambda v: all(tag.strip() for tag in v), "must not hold an empty tag"),
    "device": (
        lambda v: _DEVICE.fullmatch(v) is not None,
        "must be auto, cpu, cuda:N (such as cuda:0) or a GPU's UUID (GPU-…)",
    ),
    "init_from": _FILLED,
    "data_dir": _FILLED,
    "train.epochs": _POSITIVE,
    "train.steps": _AT_LEAST_ONE,
    "train.minutes": _POSITIVE,
    "train.batch_size": _AT_LEAST_ONE,
    "train.accumulate": _AT_LEAST_ONE,
    "train.clip_grad_norm": _POSITIVE,
    "train.threads": (lambda v: 1 <= v <= 4096, "must be from 1 to 4096"),
    "train.early_stopping.patience": _AT_LEAST_ONE,
    "train.early_stopping.min_delta": _NOT_NEGATIVE,
    "evaluate.batch_size": _AT_LEAST_ONE,
    "evaluate.splits": (
        lambda v: all(split in SPLITS for split in v) and len(set(v)) == len(v),
        'may hold "validation", "test" and "train", each once',
    ),
    "checkpoint.keep": _AT_LEAST_ONE,
    "data.validation": _SHARE,
    "data.test": _SHARE,
    "data.split_seed": _SEED,
    "data.limit": _AT_LEAST_ONE,
    "data.pad_to": _AT_LEAST_ONE,
}
for _key in ("checkpoint.monitor", "train.early_stopping.monitor"):
    RULES[_key] = (
        lambda v: _METRIC.fullmatch(v) is not None,
        "must be a metric such as 'val/accuracy' or 'train/loss'",
    )

_ARGUMENT_RULES: dict[str, Rule] = {
    **dict.fromkeys(("lr", "max_lr", "base_lr", "gamma", "power", "div_factor", "final_div_factor"), _POSITIVE),
    **dict.fromkeys(
        ("weight_decay", "momentum", "eps", "alpha", "min_lr", "eta_min", "patience", "cooldown"), _NOT_NEGATIVE
    ),
    **dict.fromkeys(
        ("lr_decay", "initial_accumulator_value", "momentum_decay", "threshold", "last_epoch"), _NOT_NEGATIVE
    ),
    **dict.fromkeys(
        ("step_size", "total_iters", "total_steps", "T_max", "T_0", "T_mult", "epochs", "steps_per_epoch"),
        _AT_LEAST_ONE,
    ),
    **dict.fromkeys(
        ("step_size_up", "step_size_down", "max_iter", "max_eval", "history_size", "ns_steps"), _AT_LEAST_ONE
    ),
    **dict.fromkeys(("label_smoothing", "pct_start", "rho", "dampening"), _UP_TO_ONE),
    "factor": (lambda v: 0 < v <= 1, "must be above 0 and at most 1"),
    "start_factor": (lambda v: 0 < v <= 1, "must be above 0 and at most 1"),
    "end_factor": _UP_TO_ONE,
    "betas": (lambda v: all(0 <= beta < 1 for beta in v), "must be from 0 to below 1"),
    "milestones": (lambda v: v == sorted(v) and all(m >= 0 for m in v), "must be increasing"),
    "reduction": (lambda v: v in ("mean", "sum"), "must be 'mean' or 'sum'"),
}


def _broken_rule(rule: Rule | None, value: Any) -> str:
    """What `rule` demands when `value` breaks it; empty when all is well."""
    if rule is None or value is None:
        return ""
    test, message = rule
    try:
        items = value if isinstance(value, list) and rule in (_POSITIVE, _NOT_NEGATIVE) else [value]
        return "" if all(map(test, items)) else message
    except TypeError:
        return ""  # a type the rule does not speak of, told elsewhere


# --------------------------------------------------------------------------------------------------------------- tables


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
        for key, value in table.items():
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
        message = _broken_rule(RULES.get(dotted), value)
        if not message and not finite(value) and not (key == "clip_grad_norm" and value > 0):
            message = "must be finite"
        if not message and key == "every":
            message = _every_message(value)
        if message:
            self.fault(path, message if message.endswith("'") and key == "every" else f"{message}, got {_shown(value)}")
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
            f'must be "balanced" or a list with one number a class, none negative, got {_shown(value)}',
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
        message = _broken_rule(_ARGUMENT_RULES.get(parameter.name) if torch else None, value)
        if torch and not message and not finite(value):
            message = "must be finite"
        if message:
            self.fault(path, f"{message}, got {_shown(value)}")
        else:
            clean[parameter.name] = value

    # ------------------------------------------------------------------------------------------------- taken together

    def together(self, clean: dict[str, Any], table: Mapping[str, Any]) -> None:
        """What no single key shows: something is missing, or two keys do not go together."""
        if self.complete:
            for kind in ("data", "model"):
                if not table.get(kind) and (kind not in table or table[kind] == {}):
                    self.fault((kind,), f"{kind} is missing", f'such as {kind} = {{ name = "{_EXAMPLE[kind]}" }}')
        for key in [key for key in TYPED if key in clean and clean[key] is None]:
            del clean[key]
        if not self.deep or self.faults:
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


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value[:8]))}{', …' if len(value) > 8 else ''}]"
    return (
        str(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else got(value).removeprefix("the string ")
    )


def _every_message(value: str) -> str:
    try:
        parse_every(value)
    except SettingsError as error:
        return error.message
    return ""


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


# ------------------------------------------------------------------------------------- what an experiment has beyond it


def recipe_faults(table: Mapping[str, Any]) -> list[Fault]:
    """Faults in those keys of an experiment that are no settings of a run: matrix, seeds, sweep, command and so on."""
    checker = Checker(Path(), deep=False)
    for key, value in table.items():
        if key == "sweep":
            checker.struct(Sweep, value, ("sweep",))
        elif key in Recipe.__struct_fields__:
            checker.field(Recipe, key, value, (key,))
            if reason := unstorable(value):
                checker.fault((key,), reason)
    faults = checker.faults
    faults += _matrix_faults(table.get("matrix")) + _sweep_faults(table)
    command = table.get("command")
    if isinstance(command, list) and (not command or not all(isinstance(part, str) and part for part in command[:1])):
        faults.append(Fault(("command",), "must name a program"))
    if isinstance(table.get("seeds"), int) and not isinstance(table["seeds"], bool) and table["seeds"] < 1:
        faults.append(Fault(("seeds",), f"must be at least 1, got {table['seeds']}"))
    return faults


def _sweep_faults(table: Mapping[str, Any]) -> list[Fault]:
    faults = [
        Fault((key,), f"a sweep has no {key}") for key in ("matrix", "seeds") if "sweep" in table and key in table
    ]
    sweep = table.get("sweep")
    if isinstance(sweep, dict):
        if not sweep.get("space"):
            faults.append(
                Fault(("sweep", "space"), "a sweep needs a space to search", 'such as { "optimizer.lr" = [0.1, 0.01] }')
            )
        trials = sweep.get("trials")
        if isinstance(trials, int) and not isinstance(trials, bool) and trials < 1:
            faults.append(Fault(("sweep", "trials"), f"must be at least 1, got {trials}"))
        for key, values in sweep["space"].items() if isinstance(sweep.get("space"), dict) else ():
            if not (isinstance(values, (list, dict)) and values):
                faults.append(
                    Fault(
                        ("sweep", "space", key),
                        f"must be a list of values or a table with low and high, got {got(values)}",
                    )
                )
    return faults


def _matrix_faults(matrix: Any) -> list[Fault]:
    faults = []
    known = [*Settings.__struct_fields__]
    for key, values in matrix.items() if isinstance(matrix, dict) else ():
        path = ("matrix", str(key))
        if not isinstance(values, list) or not values:
            faults.append(
                Fault(path, f"must be a list of values, got {got(values) if values != [] else 'an empty one'}")
            )
        if str(key).split(".")[0] not in known or not all(str(key).split(".")):
            faults.append(
                Fault(path, f"no such setting: '{printable(key)}'", elsewhere(str(key)) or nearest(str(key), known))
            )
    return faults
