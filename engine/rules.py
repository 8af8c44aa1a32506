"""What values are possible: rules by dotted key and by argument name, each with the sentence that says it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from engine.annotations import got
from engine.errors import SettingsError

SPLITS = ("validation", "test", "train")
SPLIT = re.compile(rf"{'|'.join(SPLITS)}|val_[A-Za-z0-9_]{{1,40}}")
"""What a split may be called; val_… is one of several validation sets."""

Rule = tuple[Callable[[Any], bool], str]
_POSITIVE: Rule = (lambda v: v > 0, "must be greater than 0")
_NOT_NEGATIVE: Rule = (lambda v: v >= 0, "must not be negative")
_AT_LEAST_ONE: Rule = (lambda v: v >= 1, "must be at least 1")
_SHARE: Rule = (lambda v: 0 <= v < 1, "must be a share from 0 to below 1")
_UP_TO_ONE: Rule = (lambda v: 0 <= v <= 1, "must be from 0 to 1")
_FILLED: Rule = (lambda v: v.strip() != "", "must not be empty")
_SEED: Rule = (lambda v: 0 <= v < 2**32, "must be from 0 to 4294967295")
_DEVICE = re.compile(r"auto|cpu|cuda:\d{1,4}|(GPU|MIG)-[0-9A-Za-z/-]{4,100}")
INITIALISERS = ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "orthogonal")
_SET_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
_METRIC = re.compile(r"(train|val|val_[A-Za-z0-9_]{1,40}|test|train_split)/[a-z][a-z0-9_]*")

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
    "train.batch_size": (lambda v: v == "max" or v >= 1, "must be at least 1"),
    "train.ema": (lambda v: 0 < v < 1, "must be a decay above 0 and below 1, such as 0.999"),
    "train.overfit_batches": _AT_LEAST_ONE,
    "train.freeze": (lambda v: all(pattern.strip() for pattern in v), "must not hold an empty name"),
    "init": (lambda v: v in INITIALISERS, f"must be one of {', '.join(INITIALISERS)}"),
    "train.accumulate": _AT_LEAST_ONE,
    "train.clip_grad_norm": _POSITIVE,
    "train.threads": (lambda v: 1 <= v <= 4096, "must be from 1 to 4096"),
    "train.early_stopping.patience": _AT_LEAST_ONE,
    "train.early_stopping.min_delta": _NOT_NEGATIVE,
    "evaluate.batch_size": _AT_LEAST_ONE,
    "evaluate.splits": (
        lambda v: all(SPLIT.fullmatch(split) for split in v) and len(set(v)) == len(v),
        'may hold "validation", "test" and "train", and val_NAME for one of several validation sets, each once',
    ),
    "checkpoint.keep": _AT_LEAST_ONE,
    "data.validation": (
        lambda v: is_validation_sets(v) if isinstance(v, dict) else 0 <= v < 1,
        "must be a share from 0 to below 1, or several by name, such as"
        ' { like_train = 0.1, like_test = { share = 0.1, of = "test" } }, shares of one split together below 1',
    ),
    "data.folds": (lambda v: 2 <= v <= 1000, "must be from 2 to 1000"),
    "data.fold": _NOT_NEGATIVE,
    "data.resize": (lambda v: 1 <= v <= 4096, "must be from 1 to 4096 pixels"),
    "data.test": _SHARE,
    "data.split_seed": _SEED,
    "data.limit": _AT_LEAST_ONE,
    "data.pad_to": _AT_LEAST_ONE,
}
for _key in ("checkpoint.monitor", "train.early_stopping.monitor"):
    RULES[_key] = (
        lambda v: _METRIC.fullmatch(v) is not None,
        "must be a split and a metric, such as val/accuracy, test/loss or train/loss",
    )

ARGUMENT_RULES: dict[str, Rule] = {
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


def broken_rule(rule: Rule | None, value: Any) -> str:
    """What `rule` demands when `value` breaks it; empty when all is well."""
    if rule is None or value is None:
        return ""
    test, message = rule
    try:
        items = value if isinstance(value, list) and rule in (_POSITIVE, _NOT_NEGATIVE) else [value]
        return "" if all(map(test, items)) else message
    except TypeError:
        return ""  # a type the rule does not speak of, told elsewhere


def is_validation_sets(value: dict[str, Any]) -> bool:
    """Whether a table names validation sets, each with its share."""
    sound = bool(value) and all(
        _SET_NAME.fullmatch(str(name)) is not None and _is_validation_set(given) for name, given in value.items()
    )
    return sound and all(_taken(value, of) < 1 for of in ("train", "test"))


def _taken(sets: dict[str, Any], of: str) -> float:
    """The share of a split that validation sets take together."""
    tables = [given if isinstance(given, dict) else {"share": given} for given in sets.values()]
    return float(sum(table["share"] for table in tables if table.get("of", "train") == of))


def _is_validation_set(given: Any) -> bool:
    if isinstance(given, dict):
        known = set(given) <= {"share", "of"} and given.get("of", "train") in ("train", "test")
        return known and "share" in given and _is_validation_set(given["share"])
    return isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given < 1


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


def every_message(value: str) -> str:
    try:
        parse_every(value)
    except SettingsError as error:
        return error.message
    return ""


def shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value[:8]))}{', …' if len(value) > 8 else ''}]"
    return (
        str(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else got(value).removeprefix("the string ")
    )
