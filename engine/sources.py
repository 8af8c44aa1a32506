"""Reading the arguments of one function or class out of a source file, without importing it or parsing all of it."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SettingsError


class Parameter(msgspec.Struct, frozen=True):
    """One argument: its annotation as text, and its default where that is a literal."""

    name: str
    annotation: str
    default: Any
    has_default: bool
    literal: bool = True
    """Whether `default` is known; False when the source computes it."""


class Signature(msgspec.Struct, frozen=True):
    """What something named in `experiments.toml` takes; arguments that the engine itself gives are left out."""

    name: str
    parameters: dict[str, Parameter]
    accepts_any: bool
    """Whether arguments beyond `parameters` are taken (`**kwargs`)."""
    file: Path
    doc: str = ""
    """First line of its docstring."""


def text_of(file: Path) -> str:
    """The text of a source file; read again when it has changed.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return _text(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=256)
def _text(file: Path, _changed: int) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def function_signature(file: Path, function: str, name: str, skip: int) -> Signature:
    """The signature of a module's function.

    Args:
        name: what it is called in experiments.toml.
        skip: how many of its first arguments the engine gives.

    Raises:
        SettingsError: the file has no such function, or its arguments cannot be read.
    """
    parameters, any_, doc = _function(file, text_of(file), function, skip)
    return Signature(name, parameters, any_, file, doc)


def class_signature(file: Path, class_: str, name: str, skip: int = 1) -> Signature:
    """The signature of a class: of its `__init__` or the nearest one inherited within the file or a sibling of it.

    Args:
        name: what it is called in experiments.toml.
        skip: how many first arguments of `__init__` are not the user's, `self` included.

    Raises:
        SettingsError: the arguments cannot be read.
    """
    parameters, any_, doc = _class(file, text_of(file), class_, skip)
    return Signature(name, parameters, any_, file, doc)


Found = tuple[dict[str, Parameter], bool, str]


@lru_cache(maxsize=256)
def _function(file: Path, text: str, function: str, skip: int) -> Found:
    match = re.search(rf"^(async )?def {function}\(", text, re.MULTILINE)
    if match is None:
        raise SettingsError(f"{file} has no function '{function}'")
    node, end = _parse_head(text, match.start(), file)
    return (*_parameters(node, skip), _doc(text[end : end + 2000]))


@lru_cache(maxsize=256)
def _class(file: Path, text: str, class_: str, skip: int) -> Found:
    doc, seen = "", set()
    while (match := re.search(rf"^class {class_}\b([^:]*):", text, re.MULTILINE)) and class_ not in seen:
        seen.add(class_)
        after = _NEXT_STATEMENT.search(text, match.end())
        doc = doc or _doc(text[match.end() : match.end() + 2000])
        init = _INIT.search(text, match.end(), after.start() if after else len(text))
        if init:
            node, _ = _parse_head(text, init.start(), file)
            return (*_parameters(node, skip), doc)
        base = re.search(r"\(\s*(?:[\w.]*\.)?(\w+)", match[1])
        if base is None:
            return {}, False, doc  # no base and no __init__: it takes nothing
        class_ = base[1]
        sibling = re.search(rf"^from \.(\w+) import [^\n]*\b{class_}\b", text, re.MULTILINE)
        if sibling and (other := file.with_name(f"{sibling[1]}.py")).is_file():
            text = text_of(other)
    return {}, True, doc


_NEXT_STATEMENT = re.compile(r"^[^\s#)\]}]", re.MULTILINE)
_INIT = re.compile(r"^[ \t]+def __init__\(", re.MULTILINE)


def _parse_head(text: str, start: int, file: Path) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]:
    """Parse one `def …:` head from `start`; returns it and where its body begins."""
    for end in _line_ends(text, start):
        head = text[start:end].strip()
        if head.count("(") > head.count(")") and head.count('"') + head.count("'") == 0:
            continue  # the arguments go on; nothing to try
        for candidate in (
            head,
            f"{head} ...",
            f"{head.rpartition('#')[0].rstrip()} ...",
        ):  # body on the line, none, a comment
            with contextlib.suppress(SyntaxError, ValueError):
                node = ast.parse(candidate).body[0]
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    return node, end
    line = text.count("\n", 0, start) + 1
    raise SettingsError(f"{file}:{line}: this function's arguments cannot be read")


def _line_ends(text: str, start: int, most: int = 200) -> Iterator[int]:
    for _ in range(most):
        start = text.find("\n", start)
        if start < 0:
            yield len(text)
            return
        start += 1
        yield start


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, skip: int) -> tuple[dict[str, Parameter], bool]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*defaults, *arguments.defaults], strict=True))[skip:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = {argument.arg: _parameter(argument, default) for argument, default in pairs}
    return found, arguments.kwarg is not None


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    annotation = ast.unparse(argument.annotation) if argument.annotation else ""
    if default is None:
        return Parameter(argument.arg, annotation, None, has_default=False)
    try:
        return Parameter(argument.arg, annotation, _value(default), has_default=True)
    except ValueError:
        return Parameter(argument.arg, annotation, None, has_default=True, literal=False)


def _value(node: ast.expr) -> Any:
    """A literal, or arithmetic on literals such as `1.0 / 3`; tuples become lists.

    Raises:
        ValueError: it is anything else.
    """
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            a, b = _value(left), _value(right)
            if isinstance(a, (int, float)) and isinstance(b, (int, float)) and b:
                return a / b
            raise ValueError
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_value(item) for item in items]
    value = ast.literal_eval(node)
    if value is None or isinstance(value, (str, int, float, dict)):
        return value
    raise ValueError


def _doc(text: str) -> str:
    match = re.match(r"""\s*[rR]?(?:\"\"\"|''')\s*(.+)""", text)
    if match is None:
        return ""
    return match[1].split('"""')[0].split("'''")[0].strip()
