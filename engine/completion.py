"""What may be written after `-s`: every key that is valid for given settings, with a hint of its type and default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine import signatures
from engine.annotations import describe, form_of
from engine.errors import SettingsError
from engine.merge import NAMED
from engine.settings import DataOptions, Settings
from engine.signatures import Signature
from engine.table_checks import AUTO, NESTED, TYPED, filled


def keys(settings: Settings, folder: Path) -> list[str]:
    """Every dotted key that `-s` takes for these settings."""
    return [key for key, _ in _described(settings, folder)]


def completions(settings: Settings, prefix: str, folder: Path) -> list[tuple[str, str]]:
    """What `prefix` may become: keys with a hint (type, default); after an `=`, the possible values where they are few.

    Returns:
        Pairs such as ("optimizer.lr", "a number, 0.001") or ("optimizer.name=SGD", "").
    """
    key, equals, value = prefix.partition("=")
    if equals:
        return [(f"{key}={choice}", "") for choice in _choices(settings, key) if choice.startswith(value)]
    return [(name, hint) for name, hint in _described(settings, folder) if name.startswith(prefix)]


def _described(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    for key in Settings.__struct_fields__:
        if key in TYPED:
            yield from _fields(TYPED[key], key)
        elif key in NAMED:
            yield from _named(settings, key, folder)
        else:
            yield key, _hint(str(Settings.__annotations__[key]), getattr(Settings(), key))


def _fields(kind: type[msgspec.Struct], above: str) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(kind):
        if field.name in NESTED:
            yield from _fields(NESTED[field.name], f"{above}.{field.name}")
        elif field.name != "name":
            default = field.default_factory() if callable(field.default_factory) else field.default
            yield f"{above}.{field.name}", _hint(str(kind.__annotations__[field.name]), default)


def _named(settings: Settings, kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    name = (getattr(settings, kind) or {}).get("name", "")
    yield f"{kind}.name", str(name or "none")
    signature = _signature(kind, name, folder) if name else None
    for parameter in signature.parameters.values() if signature else ():
        form = form_of(parameter.annotation)
        if form.kind not in ("foreign", "none"):
            default = filled(signature).get(parameter.name)
            yield f"{kind}.{parameter.name}", _hint(parameter.annotation, default)
    if kind == "data":
        yield from _fields(DataOptions, kind)
    elif kind == "loss" and signature and "weight" in signature.parameters:
        yield "loss.class_weight", '"balanced" or a list of numbers'
    elif kind == "scheduler" and signature:
        yield "scheduler.interval", "'epoch' or 'step'"


def _signature(kind: str, name: str, folder: Path) -> Signature | None:
    try:
        if kind in ("data", "model"):
            return (signatures.dataset if kind == "data" else signatures.model)(name, folder)
        return {"optimizer": signatures.optimizer, "scheduler": signatures.scheduler, "loss": signatures.loss}[kind](
            name
        )
    except SettingsError:
        return None


def _hint(annotation: str, default: Any) -> str:
    words = describe(form_of(annotation))
    return words if default is None or default is msgspec.NODEFAULT or default in ("", []) else f"{words}, {default}"


def _choices(settings: Settings, key: str) -> Sequence[str]:
    """The values of a key, where they can be listed."""
    table, _, name = key.partition(".")
    if table in NAMED and name in ("", "name"):
        extra = signatures.names("torchvision") if table == "model" else ["none"] if table == "scheduler" else []
        return [*signatures.names(table), *extra]
    if table == "scheduler" and name in AUTO:
        return ["auto"]
    kind: type[msgspec.Struct] = TYPED.get(table, DataOptions if table == "data" else Settings)
    annotation = kind.__annotations__.get(name or table)
    form = form_of(str(annotation)) if annotation else form_of("")
    if form.kind == "bool":
        return ["true", "false"]
    values = [value for part in (form, *form.parts) for value in part.values]
    return [*map(str, values), *(["none"] if form.allows("none") else [])]
