"""Which changes make one experiment's settings those of a run: as `-s key=value`, and as the values themselves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.experiments import apply_overrides, flatten
from engine.merge import NAMED, canonical, toml_value
from engine.settings import Settings

WORDS = ("description", "motivation", "tags")
"""What an experiment says of itself; it changes nothing of what is computed."""


def complete(settings: Settings, folder: Path) -> Settings:
    """Settings with what is usual for all that they do not say: an older version may have known less to say."""
    try:
        return apply_overrides(settings, (), folder)
    except EngineError:
        return settings


def changed(base: Settings, wanted: Settings, folder: Path) -> dict[str, Any]:
    """Dotted keys and values that turn `base` into `wanted`; what they say of themselves is left out.

    Another name in a table replaces the table, so arguments that both have are told again where they would be lost.
    """
    mine = flatten(wanted)
    names = _renamed(flatten(base), mine)
    before = flatten(base)
    if names:
        try:
            before = flatten(apply_overrides(base, overrides(names), folder))
        except EngineError:  # the name alone is not enough: then say everything of its table
            tables = {key.partition(".")[0] for key in names}
            before = {key: value for key, value in before.items() if key.partition(".")[0] not in tables}
    rest = {key: value for key, value in mine.items() if _differs(before, key, value) and key not in WORDS}
    if "scheduler" in rest and rest["scheduler"] is None:
        rest["scheduler"] = "none"
    return {**names, **{key: value for key, value in rest.items() if value is not None}}


def _renamed(before: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    keys = [f"{table}.name" for table in NAMED]
    return {key: mine[key] for key in keys if key in mine and canonical(before.get(key)) != canonical(mine[key])}


def _differs(before: dict[str, Any], key: str, value: Any) -> bool:
    return key not in before or not same(before[key], value)


def same(one: Any, other: Any) -> bool:
    """Whether two values of settings are equal; NaN equals itself."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def alike(one: Settings, other: Settings) -> bool:
    """Whether two settings compute the same."""
    left, right = ({k: v for k, v in flatten(s).items() if k not in WORDS} for s in (one, other))
    return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)


def overrides(values: dict[str, Any]) -> tuple[str, ...]:
    """`key=value` for each, as `-s` takes them."""
    return tuple(f"{key}={written(value)}" for key, value in values.items())


def written(value: Any) -> str:
    """A value as `-s` reads it back: bare text where that is no TOML, else as TOML."""
    if isinstance(value, str) and value.strip() == value and value and toml_value(value) == value:
        return value
    return toml_text(value)


def toml_text(value: Any) -> str:
    """A value in TOML, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)  # inf and nan too are written so
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {toml_text(item)}" for key, item in value.items() if item is not None)
        return f"{{ {inside} }}" if inside else "{}"
    return str(value) if isinstance(value, int) else json.dumps(str(value))


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if plain else json.dumps(key)
