"""What models refuse: other kinds of input, images too small, impossible values; and which models fit instead."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from engine.dataset import InputSpec
from engine.errors import SettingsError, nearest

PLURALS = {"features": "features", "image": "images", "sequence": "sequences"}
"""What samples are called, by the kind of input."""

_MODELS = Path(__file__).parent / "models"
_STATED = re.compile(r"^(KINDS|LABELS|SMALLEST|SIZES) = (.+)$", re.MULTILINE)
"""What a model's file states of the samples that it takes when no argument of its own is given:

KINDS: the kinds of input.
LABELS: "class" where it is absent, one answer a sample; "tokens", a sequence of answers; or "prefix", a sequence whose
    tokens before it is given as well.
SMALLEST: pixels a side that images must have, 1 where it is absent.
SIZES: the only heights and widths that it takes, any where it is absent.
"""


# ----------------------------------------------------------------------------------------------------------- which fit


def fitting(spec: InputSpec) -> list[str]:
    """Names of the engine's models that can be built for `spec`, as their files state it: nothing is imported."""
    return [file.stem for file in sorted(_MODELS.glob("[!_]*.py")) if _fits(_stated(file), spec)]


def here_fit(spec: InputSpec) -> str:
    """The hint that names them; empty where there is none."""
    names = fitting(spec)
    return f"here fit: {', '.join(names)}" if names else ""


def _stated(file: Path) -> dict[str, Any]:
    stated = {}
    for name, value in _STATED.findall(file.read_text("utf-8")):
        with contextlib.suppress(ValueError, SyntaxError):  # not a literal: the file counts as stating nothing there
            stated[name] = ast.literal_eval(value)
    return stated


def _fits(stated: dict[str, Any], spec: InputSpec) -> bool:
    if spec.kind not in stated.get("KINDS", ()) or stated.get("LABELS", "class") != _labels(spec):
        return False
    if spec.kind != "image":
        return True
    size = tuple(spec.shape[1:])
    return min(size) >= stated.get("SMALLEST", 1) and size in stated.get("SIZES", (size,))


def _labels(spec: InputSpec) -> str:
    if not spec.longest_label:
        return "class"
    return "prefix" if spec.teacher_forcing else "tokens"


# -------------------------------------------------------------------------------------------------------------- samples


def needs(model: str, spec: InputSpec, *kinds: str) -> None:
    """Refuse samples of any other kind than those of `kinds`.

    Raises:
        SettingsError: naming the models that take such samples.
    """
    if spec.kind not in kinds:
        wanted = " or ".join(PLURALS[kind] for kind in kinds)
        raise SettingsError(f"model {model} needs {wanted}; this data set has {spec.kind} inputs", hint=here_fit(spec))


def large_enough(model: str, spec: InputSpec, smallest: int, why: str = "") -> None:
    """Refuse images with a side of fewer pixels than `smallest`; `why` says what for.

    Raises:
        SettingsError: naming the models that take such images.
    """
    if min(spec.shape[1:]) < smallest:
        fit = here_fit(spec)
        raise SettingsError(
            f"model {model} needs images of {smallest} × {smallest} and up{why and f', {why}'};"
            f" this data set has {size_of(spec)}",
            hint=f"data.resize = {smallest} enlarges them{fit and f'; {fit}'}",
        )


def size_of(spec: InputSpec) -> str:
    """Height and width of images in words: 28 × 28."""
    return " × ".join(map(str, spec.shape[1:]))


# --------------------------------------------------------------------------------------------------------------- values


def at_least_one(**sizes: int) -> None:
    """Refuse sizes and counts below 1, given by the names of the model's arguments.

    Raises:
        SettingsError: naming the argument.
    """
    for name, value in sizes.items():
        if value < 1:
            raise SettingsError(
                f"model.{name} = {value}: it must be at least 1", hint=f"leave out {name} for a default"
            )


def block_sizes(name: str, values: list[int], of: str, such_as: list[int]) -> None:
    """Refuse an empty list of blocks, and blocks of nothing; `of` is what the numbers count, in the singular.

    Raises:
        SettingsError: naming the argument, with the example `such_as`.
    """
    if not values or any(value < 1 for value in values):
        raise SettingsError(
            f"model.{name} = {values}: give at least one block of at least 1 {of}", hint=f"such as {such_as}"
        )


def shares(**dropped: float) -> None:
    """Refuse shares to be dropped that are not from 0 to below 1, given by the names of the model's arguments.

    Raises:
        SettingsError: naming the argument.
    """
    for name, value in dropped.items():
        if not 0 <= value < 1:
            raise SettingsError(f"model.{name} = {value}: it must be from 0 to below 1", hint="0 drops nothing")


def one_of(name: str, value: str, known: Collection[str]) -> None:
    """Refuse a word that is not among `known`.

    Raises:
        SettingsError: naming the argument and the nearest word, or all of them.
    """
    if value not in known:
        raise SettingsError(f"model.{name} = {value!r}", hint=nearest(value, list(known)))
