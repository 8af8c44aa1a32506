"""The JSON Schema of experiments.toml, by which editors complete and check it.

Made from the typed settings (a field's docstring is its description) and from the signatures of what can be named.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from engine import augment_settings, settings, signatures
from engine.annotations import Form, form_of
from engine.merge import NAMED
from engine.settings import DataOptions, Recipe, Settings, Sweep
from engine.signatures import Parameter, Signature
from engine.table_checks import AUTO, NESTED, TYPED

FILE = Path(__file__).parent / "experiments.schema.json"
"""Where it is shipped."""
_USER = {
    "description": "package.module:callable",
    "type": "string",
    "pattern": r"^(?!torchvision:)[A-Za-z_][\w.]*:[A-Za-z_]\w*$",  # a typo in torchvision:NAME is not taken for one
}
Schema = dict[str, Any]


def schema_json() -> bytes:
    """The schema as indented JSON, as it is shipped in experiments.schema.json."""
    return schema_text().encode()


def schema_text() -> str:
    """The same as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """The schema: JSON Schema, draft 2020-12."""
    tables = {kind: {"$ref": f"#/$defs/{kind}"} for kind in NAMED}
    run = _properties(Settings) | tables
    experiment = run | _properties(Recipe)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "experiments.toml",
        "description": "Experiments of dltui: named recipes, each run by `engine train NAME`.",
        "$comment": _made_with(),
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": {"description": "What every experiment starts from.", **_object(run)},
            "experiments": {
                "description": "Named recipes.",
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/experiment"},
            },
        },
        "$defs": {"experiment": _object(experiment), **{kind: _named(kind) for kind in NAMED}},
    }


def _made_with() -> str:
    versions = (f"{name} {_version(name)}" for name in ("torch", "torchvision"))
    return f"names and arguments as in {', '.join(versions)}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


# -------------------------------------------------------------------------------------------------------- typed tables


@lru_cache(maxsize=1)
def docstrings() -> dict[tuple[str, str], str]:
    """The docstring under each field of each struct of engine.settings; the struct's own under the empty name."""
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (settings, augment_settings)]
    found = {}
    for node in [node for source in sources for node in ast.parse(source).body]:
        if not isinstance(node, ast.ClassDef):
            continue
        found[node.name, ""] = ast.get_docstring(node) or ""
        for field, after in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(after):
                text = ast.literal_eval(after.value)  # type: ignore[attr-defined]
                found[node.name, field.target.id] = " ".join(text.split())
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _properties(kind: type[msgspec.Struct]) -> Schema:
    return {field.name: _field(kind, field) for field in msgspec.structs.fields(kind)}


_TABLES: dict[str, type[msgspec.Struct]] = {**TYPED, **NESTED, "sweep": Sweep}


def _field(kind: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> Schema:
    described: Schema = {}
    if text := docstrings().get((kind.__name__, field.name)):
        described["description"] = text
    if field.name in _TABLES:
        table = _object(_properties(_TABLES[field.name]))
        return described | ({"anyOf": [table, {"const": "none"}]} if field.name in NESTED else table)
    form = form_of(str(kind.__annotations__[field.name]))
    if field.default is not msgspec.NODEFAULT and field.default is not None:
        described["default"] = field.default
    if field.name == "matrix":
        return described | {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
    if field.name in ("every", "warmup"):
        return described | {"type": "string", "pattern": r"^\s*0*[1-9]\d*\s*(epoch|step)s?\s*$"}
    return described | _of(form)


def _object(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _of(form: Form) -> Schema:
    """The schema of what an annotation allows."""
    simple = {"int": "integer", "float": "number", "str": "string", "bool": "boolean", "dict": "object"}
    if form.kind in simple:
        return {"type": simple[form.kind]}
    if form.kind == "literal":
        return {"enum": list(form.values)}
    if form.kind == "none":
        return {"const": "none"}
    if form.kind == "list":
        return {"type": "array", "items": _of(form.parts[0])}
    if form.kind == "tuple":
        return {"type": "array", "minItems": len(form.parts), "maxItems": len(form.parts), "items": _either(form.parts)}
    return _either(form.parts) if form.kind == "union" else {}


def _either(parts: Iterable[Form]) -> Schema:
    choices: list[Schema] = []
    for part in parts:
        if (choice := _of(part)) not in choices:
            choices.append(choice)
    return choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}


# -------------------------------------------------------------------------------------------------------- named tables


def _named(kind: str) -> Schema:
    """A table with a name and the arguments of what it names; or the bare name."""
    known = {name: _signature(kind, name) for name in signatures.names(kind)}
    names = _name(kind, list(known))
    table: Schema = {"type": "object", "properties": {"name": names}}
    table["allOf"] = [
        {"if": _is_named(kind, name), "then": _object({"name": {}, **_arguments(kind, signature)})}
        for name, signature in known.items()
    ]
    if kind not in ("data", "model"):  # whoever names it, in a table that extends another the name is not there
        every = {argument for signature in known.values() for argument in _arguments(kind, signature)}
        table["propertyNames"] = {"enum": ["name", *sorted(every)]}
    text = docstrings().get(("Settings", kind), "")
    return {"description": text, "anyOf": [names, table]}


def _signature(kind: str, name: str) -> Signature:
    if kind in ("data", "model"):
        return (signatures.dataset if kind == "data" else signatures.model)(name, Path())
    readers = {"optimizer": signatures.optimizer, "scheduler": signatures.scheduler, "loss": signatures.loss}
    return readers[kind](name)


def _spellings(name: str) -> list[str]:
    dashed = name.replace("_", "-")
    return [name] if dashed == name else [name, dashed]


def _name(kind: str, known: list[str]) -> Schema:
    if kind == "scheduler":
        return {"enum": [*known, "none"]}
    if kind not in ("data", "model"):
        return {"enum": known}
    own = [spelling for name in known for spelling in _spellings(name)]
    zoo = signatures.names("torchvision") if kind == "model" else []
    return {"anyOf": [{"enum": [*own, *zoo]}, _USER]}


def _is_named(kind: str, name: str) -> Schema:
    spellings = _spellings(name) if kind in ("data", "model") else [name]
    return {"required": ["name"], "properties": {"name": {"enum": spellings}}}


def _arguments(kind: str, signature: Signature) -> Schema:
    found = {name: _argument(parameter) for name, parameter in signature.parameters.items() if _settable(parameter)}
    if kind == "data":
        found |= {name: option for name, option in _properties(DataOptions).items() if name != "name"}
    elif kind == "loss" and "weight" in signature.parameters:
        weights = {"type": "array", "items": {"type": "number"}}
        power = _object({"power": {"type": "number"}})
        found["class_weight"] = {
            "description": "Weight of each class: by its count, by a power of that, or a number each.",
            "anyOf": [{"const": "balanced"}, power, weights],
        }
        found["logit_adjustment"] = {
            "description": "Times the log of each class's share, added to logits in training: for rare classes.",
            "type": "number",
        }
    elif kind == "optimizer":
        found["groups"] = {
            "description": "Parameters with arguments of their own: a list of tables, each with params (names, or 1d).",
            "type": "array",
            "items": {"type": "object", "required": ["params"]},
        }
    elif kind == "scheduler":
        found["interval"] = {"description": "When it steps.", "enum": ["epoch", "step"]}
        for name in set(AUTO) & found.keys():
            found[name] = {"description": '"auto" fits it to the run.', "anyOf": [{"const": "auto"}, found[name]]}
    return found


def _settable(parameter: Parameter) -> bool:
    return form_of(parameter.annotation).kind not in ("foreign", "none")


def _argument(parameter: Parameter) -> Schema:
    found = _of(form_of(parameter.annotation))
    if parameter.has_default and parameter.literal and parameter.default is not None:
        found = found | {"default": parameter.default}
    return found
