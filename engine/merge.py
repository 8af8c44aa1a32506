"""How tables of settings inherit from one another, and how `-s key=value` changes them; plain data, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.errors import SettingsError
from engine.text import printable

NAMED = ("data", "model", "loss", "optimizer", "scheduler")
"""Tables that hold `name` and the arguments of what it names."""
NOT_INHERITED = ("extends", "description", "motivation", "tags", "matrix", "sweep", "seeds", "init_from")
"""Keys that `extends` does not pass on."""
Table = dict[str, Any]
Path_ = tuple[str, ...]


def normalise(table: Mapping[str, Any]) -> Table:
    """`table` with a bare name written out: `optimizer = "SGD"` is `{ name = "SGD" }`; `scheduler = "none"` stays."""
    return {key: _written_out(key, value) for key, value in table.items()}


def _written_out(key: str, value: Any) -> Any:
    if key in NAMED and isinstance(value, str) and (key, value) != ("scheduler", "none"):
        return {"name": value}
    return value


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Table:
    """`parent` with `child` over it; neither is changed.

    Tables merge key by key, but a data, model, loss, optimizer or scheduler with another name replaces the parent's
    whole; everything else (lists, strings, numbers) replaces.
    """
    merged = dict(parent)
    for key, value in child.items():
        below = merged.get(key)
        if key in NAMED and isinstance(below, dict) and isinstance(value, dict) and _renamed(below, value):
            merged[key] = value
        elif isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merge_plain(below, value)
        else:
            merged[key] = value
    return merged


def _renamed(parent: Table, child: Table) -> bool:
    if "name" not in parent or "name" not in child:
        return False
    return bool(canonical(parent["name"]) != canonical(child["name"]))


def _merge_plain(parent: Table, child: Table) -> Table:
    merged = dict(parent)
    for key, value in child.items():
        below = merged.get(key)
        merged[key] = _merge_plain(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def canonical(name: Any) -> Any:
    """A name with `-` and `_` taken as the same: `names-demo` is the module names_demo."""
    return name.replace("-", "_") if isinstance(name, str) else name


def inheritable(table: Mapping[str, Any]) -> Table:
    """What of a table `extends` passes on."""
    return {key: value for key, value in table.items() if key not in NOT_INHERITED}


def flatten(table: Mapping[str, Any]) -> Table:
    """`table` with dotted keys; lists and empty tables are values."""
    return {".".join(path): value for path, value in leaves(table)}


def leaves(table: Mapping[str, Any], above: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """The path and value of everything in `table` that is not itself a table with content."""
    for key, value in table.items():
        path = (*above, str(key))
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def nested(path: Path_, value: Any) -> Table:
    """`{a: {b: value}}` for the path (a, b)."""
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def has(table: Any, path: Path_) -> bool:
    """Whether `table` holds something at `path`."""
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True


Override = tuple[Path_, Any, str]
"""The path, the value, and the text it was given as; for a value of a matrix MATRIX and its key."""

MATRIX = "matrix: "


def parse_override(text: str) -> Override:
    """One `key=value`: the value as TOML reads it, else as a string.

    Raises:
        SettingsError: there is no `=`, or the key is not a dotted key.
    """
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise SettingsError(f"-s {printable(text)}: not of the form key=value", hint="such as -s optimizer.lr=0.01")
    return path, toml_value(value.strip()), text


def toml_value(text: str) -> Any:
    """What `text` means as one TOML value; the text itself where it is none."""
    import tomli

    try:
        # alone and inside a table: neither a second line nor a comment nor a closing brace gets through both
        alone, inside = tomli.loads(f"v = {text}"), tomli.loads(f"v = {{ v = {text} }}")
    except (tomli.TOMLDecodeError, RecursionError, ValueError):
        return text
    return alone["v"] if list(alone) == ["v"] and list(inside) == ["v"] and list(inside["v"]) == ["v"] else text


def in_order(overrides: Sequence[Override]) -> list[Override]:
    """Overrides that name something (`optimizer.name=SGD`, `optimizer=SGD`) first, each kind in the order given."""
    return sorted(overrides, key=lambda override: not _names(override))


def _names(override: Override) -> bool:
    path, value, _ = override
    if path[0] not in NAMED:
        return False
    return path[1:] == ("name",) or (len(path) == 1 and (isinstance(value, str) or has(value, ("name",))))


def override(table: Mapping[str, Any], overrides: Sequence[Override]) -> Table:
    """`table` with the overrides over it, by the rules of `merge`."""
    merged = dict(table)
    for path, value, text in in_order(overrides):
        before = merged
        merged = merge(merged, normalise(nested(path, value)))
        if path == ("data", "name") and text.startswith(MATRIX):
            merged = _with_options(merged, before)
    return merged


def _with_options(merged: Table, before: Table) -> Table:
    """A matrix over data sets keeps how they are split and varied; only the data set's own arguments go."""
    from engine.settings import DataOptions

    table = before.get("data")
    options = {k: v for k, v in table.items() if k in DataOptions.__struct_fields__} if isinstance(table, dict) else {}
    return {**merged, "data": {**options, **merged["data"]}}
