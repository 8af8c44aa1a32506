"""The words of a query: text cut into tokens that know where they stand."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from engine.errors import UsageError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
          "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[smhdw%]|[kKMGT]?B)?(?![\w./%:-])
      | (?P<word>[^\W\d][\w./%:-]*|\d[\w./%:-]*)
      | (?P<quoted>`[^`]+`)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<operator>>=|<=|==|!=|!~|=|~|>|<|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[^\W\d][\w./%:-]*")
WORDS = frozenset({"and", "or", "not", "in"})
CONSTANTS: dict[str, Any] = {"true": True, "false": False, "nan": math.nan, "inf": math.inf}


class QueryError(UsageError):
    """A query that cannot be read; it knows at which character."""

    def __init__(self, problem: str, text: str, column: int, *, hint: str = "") -> None:
        line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]", " ", text)
        super().__init__(f"query, column {column + 1}: {problem}\n  {line}\n  {' ' * column}^", hint=hint)
        self.problem = problem
        """What is wrong, without the place."""
        self.column = column
        """Characters before the place."""


@dataclass(frozen=True)
class Token:
    """A word, number, quotation or sign of a query."""

    kind: str
    """word | key-word | value | operator | end"""
    value: Any
    start: int
    text: str
    quoted: bool = False
    """Whether it is a quotation: a text, or a key in backticks."""

    @property
    def end(self) -> int:
        """Where the token ends in the query."""
        return self.start + len(self.text)


def tokens(text: str) -> list[Token]:
    """The tokens of a query, an `end` token behind them.

    Raises:
        QueryError: a character that means nothing, a quotation without an end.
    """
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            open_ = text[at] in "'\"`"
            raise QueryError("this quotation has no end" if open_ else f"{text[at]!r} means nothing here", text, at)
        found.append(_token(match))
        at = match.end()
    return [*found, Token("end", None, len(text), "the end")]


def _token(match: re.Match[str]) -> Token:
    kind = next(name for name in ("number", "word", "quoted", "text", "operator") if match[name] is not None)
    start, shown = match.start(kind), match[kind]
    if kind == "number":
        unit = match["unit"]
        factor = 0.01 if unit == "%" else _UNITS.get(unit or "s", 1.0)
        return Token("value", float(shown) * factor, start, shown + (unit or ""))
    if kind == "text":
        return Token("value", re.sub(r"\\(.)", r"\1", shown[1:-1], flags=re.DOTALL), start, shown, True)
    if kind == "quoted":
        return Token("word", shown[1:-1], start, shown, True)
    if kind == "operator":
        return Token("operator", "==" if shown == "=" else shown, start, shown)
    if shown.lower() in WORDS:
        return Token("key-word", shown.lower(), start, shown)
    return Token("word", shown, start, shown)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in WORDS


def written_key(key: str) -> str:
    """A key as a query writes it: in backticks where it holds what no word may hold."""
    return key if _is_plain(key) else f"`{key}`"


def written_value(value: Any) -> str:
    """A value as a query writes it: texts quoted, numbers and truth bare."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.15g}"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
