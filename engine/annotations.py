"""Checking a value against an annotation that is only known as text, and saying what was expected."""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from typing import Any

import msgspec

from engine.text import printable

_SEQUENCES = {"list", "List", "Sequence", "Iterable", "Collection", "set", "frozenset"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}
_SCALARS = {"int": "int", "float": "float", "str": "str", "bool": "bool", "None": "none", "Path": "str"}
_SCALARS |= {"SupportsFloat": "float", "Real": "float", "Number": "float"}
_FOREIGN = {"Tensor", "Callable", "Module", "Optimizer", "LRScheduler"}
_INT64 = 2**63
_DEEPEST = 30


class Form(msgspec.Struct, frozen=True):
    """What an annotation allows."""

    kind: str
    """int | float | str | bool | none | list | tuple | dict | literal | union | any | foreign (no TOML)"""
    parts: tuple[Form, ...] = ()
    values: tuple[Any, ...] = ()

    def allows(self, kind: str) -> bool:
        """Whether `kind` is this form or one of its alternatives."""
        return self.kind == kind or any(part.allows(kind) for part in self.parts if self.kind == "union")


ANY = Form("any")


@lru_cache(maxsize=1024)
def form_of(annotation: str) -> Form:
    """The form of an annotation's text; `any` for one that is absent or not understood."""
    try:
        return _form(ast.parse(annotation, mode="eval").body) if annotation else ANY
    except (SyntaxError, ValueError, RecursionError):
        return ANY


def _form(node: ast.expr) -> Form:
    match node:
        case ast.Constant(value=None):
            return Form("none")
        case ast.Constant(value=str(text)):
            return form_of(text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union(_form(left), _form(right))
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _subscripted(name, list(inner.elts) if isinstance(inner, ast.Tuple) else [inner])
    return ANY


def _named(name: str) -> Form:
    if name in _SCALARS:
        return Form(_SCALARS[name])
    if name in _SEQUENCES or name in ("tuple", "Tuple"):
        return Form("list", (ANY,))
    if name in _MAPPINGS:
        return Form("dict")
    return Form("foreign") if name in _FOREIGN else ANY


def _subscripted(name: str, inner: list[ast.expr]) -> Form:
    if name == "Literal":
        return Form("literal", values=tuple(node.value for node in inner if isinstance(node, ast.Constant)))
    if name == "Optional":
        return _union(_form(inner[0]), Form("none"))
    if name == "Union":
        return _union(*map(_form, inner))
    if name in ("tuple", "Tuple"):
        if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...:
            return Form("list", (_form(inner[0]),))
        return Form("tuple", tuple(map(_form, inner)))
    if name in _SEQUENCES:
        return Form("list", (_form(inner[0]),))
    if name in ("Annotated", "Final"):
        return _form(inner[0])
    return _named(name)


def _union(*forms: Form) -> Form:
    parts: list[Form] = []
    for form in forms:
        parts += form.parts if form.kind == "union" else [form]
    if any(part.kind == "any" for part in parts):
        return ANY
    kept = [part for part in parts if part.kind != "foreign"] or parts[:1]
    return kept[0] if len(kept) == 1 else Form("union", tuple(kept))


class Mismatch(Exception):
    """A value that its annotation does not allow."""


def fit(form: Form, value: Any) -> Any:
    """`value` as `form` wants it: 1 becomes 1.0 for a float, 1e4 becomes 10000 for an integer, "none" becomes None.

    Raises:
        Mismatch: it cannot be one; the message is empty.
    """
    if value == "none" and isinstance(value, str) and form.allows("none") and not form.allows("literal"):
        return None if not form.allows("str") else value
    if form.kind == "union":
        return _fit_union(form, value)
    if form.kind == "list":
        return [fit(form.parts[0], item) for item in _items(value)]
    if form.kind == "tuple":
        items = _items(value)
        if len(items) != len(form.parts):
            raise Mismatch
        return [fit(part, item) for part, item in zip(form.parts, items, strict=True)]
    return _fit_scalar(form, value)


def _fit_union(form: Form, value: Any) -> Any:
    # the alternative of the value's own type first: 1 stays an integer in `int | float`
    own = {bool: "bool", int: "int", float: "float", str: "str"}.get(type(value))
    for part in sorted(form.parts, key=lambda part: part.kind != own):
        try:
            return fit(part, value)
        except Mismatch:
            continue
    raise Mismatch


def _items(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise Mismatch
    return list(value)


def _fit_scalar(form: Form, value: Any) -> Any:
    kind = form.kind
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "any":
        return value
    if kind == "none" and (value is None or value == "none"):
        return None
    if kind == "literal" and any(type(value) is type(known) and value == known for known in form.values):
        return value
    if kind == "float" and number and (isinstance(value, float) or abs(value) < _INT64):
        return float(value)
    if kind == "int" and number and (isinstance(value, int) or value.is_integer()) and abs(value) < _INT64:
        return int(value)
    if (kind, type(value)) in (("str", str), ("bool", bool), ("dict", dict)):
        return value
    raise Mismatch


def describe(form: Form, plural: bool = False) -> str:
    """What is expected, in words: "a number", "a list of integers"."""
    one, many = _WORDS.get(form.kind, ("a value", "values"))
    if form.kind == "literal":
        shown = [_quoted(value) for value in form.values]
        return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)
    if form.kind == "union":
        named = [describe(part, plural) for part in form.parts if part.kind != "none"]
        return " or ".join(dict.fromkeys(named)) or '"none"'
    if form.kind == "list":
        return ("lists of " if plural else "a list of ") + describe(form.parts[0], plural=True)
    if form.kind == "tuple":
        return f"a list of {len(form.parts)} {describe(form.parts[0], plural=True) if form.parts else 'values'}"
    return many if plural else one


_WORDS = {
    "int": ("an integer", "integers"),
    "float": ("a number", "numbers"),
    "str": ("a string", "strings"),
    "bool": ("true or false", "true or false"),
    "none": ('"none"', '"none"'),
    "dict": ("a table", "tables"),
    "foreign": ("something that no file can hold", "things that no file can hold"),
}


def got(value: Any) -> str:
    """A value as an error message shows it: "the string 'ten'"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"the integer {value}" if abs(value) < _INT64 else "an integer that is too large"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {_quoted(value)}"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a table"
    return "a date or time"


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = printable(value)
    return f"'{text[:57]}…'" if len(text) > 58 else f"'{text}'"


def unstorable(value: Any) -> str:
    """Why a value of a TOML file cannot be kept in run.json (a date, too large a number); empty when it can."""
    level = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.values()
            elif isinstance(item, (list, tuple)):
                below += item
            elif isinstance(item, int) and abs(item) >= _INT64:
                return "an integer this large cannot be used"
            elif item is not None and not isinstance(item, (str, int, float)):
                return "a date or time cannot be used; write it as a string"
        if not below:
            return ""
        level = below
    return f"nested more than {_DEEPEST} deep"


def finite(value: Any) -> bool:
    """Whether no number in `value` is NaN or infinite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return True


def too_deep(value: Any) -> bool:
    """Whether `value` is nested deeper than any setting could be."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else []
