"""The query language of `engine runs --where` and of the runs screen's filter; parsed by hand, nothing is evaluated.

    val/accuracy > 0.9 and optimizer.name == 'SGD' and age < 7d
    state in (failed, lost) or tag == 'paper' or not (name ~ 'lstm')

Comparisons: > >= < <= == != ~ (contains, in any case) and `in (…)`. A key that a run lacks compares false.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from engine.errors import UsageError, nearest
from engine.index import Row

Test = Callable[[Row, float], bool]
Getter = Callable[[Row, float], Any]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DEEPEST = 60
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[smhdw%])?(?![\w./%-])
      | (?P<word>[^\W\d][\w./%-]*|\d[\w./%-]*)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<operator>>=|<=|==|!=|!~|=|~|>|<|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"and", "or", "not", "in"}
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "nan": math.nan, "inf": math.inf}

_FIXED: dict[str, Getter] = {
    "run": lambda row, now: row.run,
    "experiment": lambda row, now: row.experiment,
    "state": lambda row, now: row.state,
    "status": lambda row, now: row.state,
    "tag": lambda row, now: row.tags,
    "tags": lambda row, now: row.tags,
    "name": lambda row, now: row.name or row.experiment,
    "age": lambda row, now: now - (row.started or row.created) if row.created else None,
    "started": lambda row, now: row.started,
    "created": lambda row, now: row.created,
    "ended": lambda row, now: row.ended,
    "star": lambda row, now: row.star,
    "archived": lambda row, now: row.archived,
    "device": lambda row, now: row.device,
    "host": lambda row, now: row.host,
    "user": lambda row, now: row.user,
    "seconds": lambda row, now: row.seconds,
    "time": lambda row, now: row.seconds,
    "epoch": lambda row, now: row.epoch,
    "step": lambda row, now: row.step,
    "best": lambda row, now: row.best,
    "best_epoch": lambda row, now: row.best_epoch,
    "monitor": lambda row, now: row.monitor,
    "parent": lambda row, now: row.parent,
    "group": lambda row, now: row.group,
    "seed": lambda row, now: row.seed,
    "cause": lambda row, now: row.cause,
    "note": lambda row, now: row.note,
    "data": lambda row, now: row.data,
    "model": lambda row, now: row.model,
}
KEYS = tuple(_FIXED)
"""The keys every run has; besides them each metric and each setting is a key."""

_TABLES = ("optimizer", "train", "model", "data", "scheduler", "loss", "checkpoint", "evaluate")


def getter(key: str) -> Getter:
    """How to take `key` from a row: a fixed key, a metric (`val/accuracy`), a setting (`optimizer.lr`, or `lr`)."""
    if key in _FIXED:
        return _FIXED[key]
    if "/" in key:
        return lambda row, now: row.metrics.get(key)
    if "." in key:
        return lambda row, now: row.settings.get(key)
    dotted = [f"{table}.{key}" for table in _TABLES]

    def short(row: Row, now: float) -> Any:
        settings = row.settings
        found = settings.get(key, next((settings[name] for name in dotted if name in settings), None))
        return row.metrics.get(key) if found is None else found

    return short


def lacking(key: str, rows: Sequence[Row]) -> str | None:
    """What is nearest to a key that none of `rows` has, as a hint; None for one that a run has or might have."""
    take = getter(key)
    if key in KEYS or not rows or any(take(row, 1.0) is not None for row in rows):
        return None
    return nearest(key, sorted({*KEYS, *(name for row in rows for name in (*row.metrics, *row.settings))}))


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    text: str
    keys: frozenset[str]
    """The keys it asks for."""
    _test: Test = field(repr=False, compare=False)

    def matches(self, row: Row, now: float | None = None) -> bool:
        """Whether `row` fulfils it; `now` is the time that ages count from."""
        return self._test(row, time.time() if now is None else now)


def parse(text: str) -> Query:
    """Read a query; an empty one matches every run.

    Raises:
        UsageError: it cannot be read; the message shows where.
    """
    return _Parser(text).parse()


@dataclass(frozen=True)
class _Token:
    kind: str
    """word | key-word | value | operator | end"""
    value: Any
    start: int
    text: str


@dataclass(frozen=True)
class _Operand:
    get: Getter
    constant: bool
    value: Any
    token: _Token


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan()
        self._at = 0
        self._depth = 0
        self._keys: set[str] = set()

    def parse(self) -> Query:
        if self._peek.kind == "end":
            return Query(self._text, frozenset(), lambda row, now: True)
        test = self._either()
        if self._peek.kind != "end":
            hint = "write a key, a comparison and a value, joined by `and` or `or`"
            self._fail(f"{self._peek.text!r} is not expected here", hint)
        return Query(self._text, frozenset(self._keys), test)

    def _scan(self) -> list[_Token]:
        tokens, at = [], 0
        while self._text[at:].strip():
            match = _TOKEN.match(self._text, at)
            if match is None:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                quote = self._text[at] in "'\""
                self._fail("this quotation has no end" if quote else f"{self._text[at]!r} means nothing here", at=at)
            tokens.append(self._token(match))
            at = match.end()
        return [*tokens, _Token("end", None, len(self._text), "the end")]

    def _token(self, match: re.Match[str]) -> _Token:
        kind = next(name for name in ("number", "word", "text", "operator") if match[name] is not None)
        start, shown = match.start(kind), match[kind]
        if kind == "number":
            unit = match["unit"]
            factor = 0.01 if unit == "%" else _UNITS.get(unit or "s", 1.0)
            return _Token("value", float(shown) * factor, start, shown + (unit or ""))
        if kind == "text":
            return _Token("value", re.sub(r"\\(.)", r"\1", shown[1:-1], flags=re.DOTALL), start, shown)
        if kind == "operator":
            return _Token("operator", "==" if shown == "=" else shown, start, shown)
        if shown.lower() in _WORDS:
            return _Token("key-word", shown.lower(), start, shown)
        return _Token("word", shown, start, shown)

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _takes(self, kind: str, *values: str) -> bool:
        if self._peek.kind == kind and self._peek.value in values:
            self._take()
            return True
        return False

    def _fail(self, message: str, hint: str = "", at: int | None = None) -> NoReturn:
        column = self._peek.start if at is None else at
        line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]", " ", self._text)
        raise UsageError(f"query, column {column + 1}: {message}\n  {line}\n  {' ' * column}^", hint=hint)

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("key-word", "or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row, now: any(test(row, now) for test in tests)

    def _both(self) -> Test:
        tests = [self._negation()]
        while self._takes("key-word", "and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else lambda row, now: all(test(row, now) for test in tests)

    def _negation(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("this is nested too deeply")
        try:
            if self._takes("key-word", "not"):
                test = self._negation()
                return lambda row, now: not test(row, now)
            if self._takes("operator", "("):
                test = self._either()
                if not self._takes("operator", ")"):
                    self._fail("a ) is missing")
                return test
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        left = self._operand(left=True)
        negated = self._peek.value == "not" and self._tokens[self._at + 1].value == "in"
        if negated:
            self._take()
        if self._takes("key-word", "in"):
            return self._membership(left, negated)
        token = self._peek
        if token.kind != "operator" or token.value not in _COMPARE:
            if left.constant:
                self._fail("a comparison is missing", "such as val/accuracy > 0.9")
            return lambda row, now: _true(left.get(row, now))
        self._take()
        right = self._operand(left=left.constant)
        if left.constant and not right.constant:
            left, right, operator = right, left, _MIRRORED.get(token.value, token.value)
        else:
            operator = token.value
        compare, get, other = _COMPARE[operator], left.get, right.get
        if right.constant:
            value = right.value
            return lambda row, now: compare(get(row, now), value)
        return lambda row, now: compare(get(row, now), other(row, now))

    def _membership(self, left: _Operand, negated: bool) -> Test:
        if not self._takes("operator", "("):
            self._fail("a list is expected", "such as state in ('failed', 'lost')")
        values = [self._operand(left=False)]
        while self._takes("operator", ","):
            values.append(self._operand(left=False))
        if not self._takes("operator", ")"):
            self._fail("a ) is missing at the end of the list")
        get = left.get

        def test(row: Row, now: float) -> bool:
            value = get(row, now)
            if value is None:
                return False
            return any(_equal(value, item.get(row, now)) for item in values) != negated

        return test

    def _operand(self, *, left: bool) -> _Operand:
        token = self._peek
        if token.kind == "value":
            self._take()
            return _constant(token.value, token)
        if token.kind != "word":
            what = "a key such as val/accuracy, state or optimizer.lr" if left else "a value"
            self._fail(f"{what} is expected before {token.text!r}" if token.kind != "end" else f"{what} is missing")
        self._take()
        if not left and token.value.lower() in _CONSTANTS:
            return _constant(_CONSTANTS[token.value.lower()], token)
        if not left and "/" not in token.value:
            return _constant(token.value, token)  # state == failed: a word on the right is text
        self._keys.add(token.value)
        return _Operand(getter(token.value), False, None, token)


def _constant(value: Any, token: _Token) -> _Operand:
    return _Operand(lambda row, now: value, True, value, token)


def _true(value: Any) -> bool:
    return bool(value) and value == value


def _number(value: Any) -> float | None:
    """The number that `value` is or spells, of a date the Unix time; None when it is something else."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        for read in (float, _unix_time):
            with contextlib.suppress(ValueError, OverflowError, OSError):
                return read(value)
    return None


def _unix_time(text: str) -> float:
    """Of "2026-11-21" or "2026-11-21T08:00", in the local time zone unless it names one."""
    return datetime.fromisoformat(text).timestamp()


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, other: Any) -> bool:
        if value is None or other is None:
            return False
        a, b = _number(value), _number(other)
        if a is not None and b is not None:
            return compare(a, b)
        return isinstance(value, str) and isinstance(other, str) and compare(value, other)

    return test


def _equal(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return False
    if isinstance(value, (list, tuple)):
        return any(_equal(item, other) for item in value)
    if isinstance(value, str) and isinstance(other, str):
        return value == other
    a, b = _number(value), _number(other)
    return a is not None and b is not None and a == b


def _unequal(value: Any, other: Any) -> bool:
    return value is not None and other is not None and not _equal(value, other)


def _contains(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return False
    if isinstance(value, (list, tuple)):
        return any(_contains(item, other) for item in value)
    return str(other).casefold() in str(value).casefold()


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": _ordered(lambda a, b: bool(a > b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
    "<": _ordered(lambda a, b: bool(a < b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    "==": _equal,
    "!=": _unequal,
    "~": _contains,
    "!~": lambda a, b: a is not None and not _contains(a, b),
}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


def sort_rows(rows: Sequence[Row], key: str, descending: bool = False) -> list[Row]:
    """`rows` by the value of `key` (a key of the query language); those without one, or with NaN, come last."""
    take, now = getter(key), time.time()
    numbers: list[tuple[float, Row]] = []
    texts: list[tuple[str, Row]] = []
    rest: list[Row] = []
    for row in rows:
        value = take(row, now)
        if isinstance(value, (int, float)):
            if value == value:
                numbers.append((value, row))
            else:
                rest.append(row)
        elif value is None or value == "" or value == ():
            rest.append(row)
        else:
            texts.append((", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value), row))
    numbers.sort(key=lambda pair: pair[0], reverse=descending)
    texts.sort(key=lambda pair: pair[0].casefold(), reverse=descending)
    return [row for _, row in numbers] + [row for _, row in texts] + rest
