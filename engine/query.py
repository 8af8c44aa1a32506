"""The query language of `engine runs --where` and of the runs screen's filter; parsed by hand, nothing is evaluated.

    val/accuracy > 0.9 and optimizer.name == 'SGD' and age < 7d
    state in (failed, lost) or tag == 'paper' or not (name ~ 'lstm')

Comparisons: > >= < <= == != ~ (contains, in any case) and `in (…)`. A key that a run lacks compares false; a value that
no run can have (`age < 7x`) is an error. A key that holds other characters than a word may is written in backticks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from engine.query_values import as_number, misfit
from engine.query_words import CONSTANTS, QueryError, Token, tokens
from engine.row_keys import Getter, getter, kind_of
from engine.rows import Row

Test = Callable[[Row, float], bool]

_DEEPEST = 60


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    text: str
    keys: Mapping[str, int]
    """The keys it asks for, each with the characters before it."""
    _test: Test = field(repr=False, compare=False)

    def matches(self, row: Row, now: float | None = None) -> bool:
        """Whether `row` fulfils it; `now` is the time that ages count from."""
        return self._test(row, time.time() if now is None else now)


def parse(text: str) -> Query:
    """Read a query; an empty one matches every run.

    Raises:
        QueryError: it cannot be read; the message shows where.
    """
    return _Parser(text).parse()


@dataclass(frozen=True)
class _Operand:
    get: Getter
    constant: bool
    value: Any
    token: Token


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._keys: dict[str, int] = {}

    def parse(self) -> Query:
        if self._peek.kind == "end":
            return Query(self._text, {}, lambda row, now: True)
        test = self._either()
        if self._peek.kind != "end":
            hint = "write a key, a comparison and a value, joined by `and` or `or`"
            self._fail(f"{self._peek.text!r} is not expected here", hint)
        return Query(self._text, self._keys, test)

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _takes(self, kind: str, *values: str) -> bool:
        if self._peek.kind == kind and self._peek.value in values:
            self._take()
            return True
        return False

    def _fail(self, message: str, hint: str = "") -> NoReturn:
        raise QueryError(message, self._text, self._peek.start, hint=hint)

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
        if operator not in ("~", "!~"):
            self._check(left, right)
        compare, get, other = _COMPARE[operator], left.get, right.get
        if right.constant:
            value = right.value
            return lambda row, now: compare(get(row, now), value)
        return lambda row, now: compare(get(row, now), other(row, now))

    def _check(self, key: _Operand, value: _Operand) -> None:
        """Refuse a value that no run can have: it would say without a word that no run fits."""
        if value.constant and not key.constant and (wrong := misfit(kind_of(key.token.value), value.value)):
            raise QueryError(wrong[0], self._text, value.token.start, hint=wrong[1])

    def _membership(self, left: _Operand, negated: bool) -> Test:
        if not self._takes("operator", "("):
            self._fail("a list is expected", "such as state in ('failed', 'lost')")
        values = [self._operand(left=False)]
        while self._takes("operator", ","):
            values.append(self._operand(left=False))
        if not self._takes("operator", ")"):
            self._fail("a ) is missing at the end of the list")
        for value in values:
            self._check(left, value)
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
        if not left and not token.quoted and token.value.lower() in CONSTANTS:
            return _constant(CONSTANTS[token.value.lower()], token)
        if not left and not token.quoted and "/" not in token.value:
            return _constant(token.value, token)  # state == failed: a word on the right is text
        self._keys.setdefault(token.value, token.start)
        return _Operand(getter(token.value), False, None, token)


def _constant(value: Any, token: Token) -> _Operand:
    return _Operand(lambda row, now: value, True, value, token)


def _true(value: Any) -> bool:
    return bool(value) and value == value


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, other: Any) -> bool:
        if value is None or other is None:
            return False
        a, b = as_number(value), as_number(other)
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
    a, b = as_number(value), as_number(other)
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
