"""What may be written next in a query: keys, comparisons, and the values that occur among the runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.query_words import QueryError, Token, tokens, written_key, written_value
from engine.row_keys import kind_of, known_keys, values_in, values_of
from engine.rows import Row

MOST = 60
"""Options given at once."""
_FEW = 24
"""A setting with more numbers than this is told by its range."""
_WORD = re.compile(r"[\w./%:-]*")
_COMPARE = frozenset({">", ">=", "<", "<=", "==", "!=", "~", "!~"})
_AGES = (("1h", "an hour"), ("1d", "a day"), ("7d", "a week"), ("4w", "four weeks"))
_EXPECTED = {
    "key": {"not": "key", "(": "key", "word": "operator", "value": "operator"},
    "operator": {"compare": "value", "in": "list", "not": "in", "join": "key", ")": "joint"},
    "in": {"in": "list"},
    "list": {"(": "item"},
    "item": {"word": "after", "value": "after"},
    "after": {",": "item", ")": "joint"},
    "value": {"word": "joint", "value": "joint"},
    "joint": {"join": "key", ")": "joint"},
}
"""What is expected after what: the grammar of engine.query, without its nesting."""


@dataclass(frozen=True)
class Option:
    """Something that may be written."""

    text: str
    hint: str = ""


@dataclass(frozen=True)
class Completion:
    """What may stand in a part of a query."""

    start: int = 0
    end: int = 0
    """The characters that an option replaces."""
    options: tuple[Option, ...] = ()
    note: str = ""
    """What is expected where it cannot be listed."""

    def taken(self, text: str, option: Option) -> tuple[str, int]:
        """`text` with an option in its place, and where the cursor stands then."""
        after = text[self.end :]
        space = "" if after.startswith(" ") else " "
        before = text[: self.start]
        apart = " " if before[-1:] in tuple("'\"`") and option.text.isalpha() else ""  # 'SGD'and would be one word
        head = f"{before}{apart}{option.text}"
        return f"{head}{space}{after}", len(head) + 1


def complete(text: str, cursor: int, rows: Sequence[Row], now: float) -> Completion:
    """What may stand at the cursor.

    Args:
        text: the query so far.
        cursor: characters before the cursor.
        rows: the runs whose keys and values are offered.
        now: the time that ages count from.
    """
    start, typed, quote = _partial(text[:cursor])
    try:
        before = tokens(text[:start])[:-1]
    except QueryError:
        return Completion()
    expected, key, depth = _expected(before)
    end = cursor + _WORD.match(text[cursor:]).end() if not quote else cursor  # type: ignore[union-attr]
    if expected == "key":
        found, note = _keys(typed, rows), ""
    elif expected in ("value", "item"):
        found, note = _values(key, typed, quote, rows, now)
    else:
        found, note = _signs(expected, key, typed, depth), ""
    if [option.text for option in found] == [text[start:end]]:
        found = []  # it stands there already
    return Completion(start, end, tuple(found[:MOST]), note)


def _partial(head: str) -> tuple[int, str, str]:
    """Where the word at the end of `head` begins, its letters, and the quotation mark it is opened by."""
    quote = ""
    start = 0
    for index, char in enumerate(head):
        if quote:
            quote = "" if char == quote and head[index - 1] != "\\" else quote
        elif char in "'\"`":
            quote, start = char, index
    if quote:
        return start, head[start + 1 :], quote
    typed = re.search(r"[\w./%:-]*$|!$", head)
    assert typed is not None
    return typed.start(), typed[0], ""


def _class(token: Token) -> str:
    if token.kind in ("word", "value"):
        return token.kind
    if token.kind == "key-word":
        return "join" if token.value in ("and", "or") else str(token.value)
    return "compare" if token.value in _COMPARE else str(token.value)


def _expected(before: Sequence[Token]) -> tuple[str, str, int]:
    """What is expected after some tokens, of which key, and how many parentheses are open."""
    expected, key, depth = "key", "", 0
    for token in before:
        kind = _class(token)
        if expected == "key" and kind in ("word", "value"):
            key = token.value if kind == "word" else ""
        depth += (kind == "(" and expected == "key") - (kind == ")" and expected in ("operator", "joint"))
        expected = _EXPECTED.get(expected, {}).get(kind, "nothing")
    return expected, key, depth


def fitting(words: Sequence[str], typed: str) -> list[str]:
    """The words that hold what was typed, in any case: that very one first, then those that begin so."""
    wanted = typed.casefold()
    ranked = [(_rank(word.casefold(), wanted), word) for word in words]
    return [word for rank, word in sorted(ranked, key=lambda pair: pair[0]) if rank < 3]


def _rank(word: str, wanted: str) -> int:
    if word.startswith(wanted):
        return -(word == wanted)
    # the last part of a dotted name is what one has in mind: lr, optimizer.lr
    return 1 if re.split(r"[./]", word)[-1].startswith(wanted) else 2 if wanted in word else 3


def _chosen(options: Sequence[Option], typed: str) -> list[Option]:
    by_text = {option.text.strip("'\"`"): option for option in options}
    return [by_text[text] for text in fitting(list(by_text), typed.strip("'\"`"))]


def _keys(typed: str, rows: Sequence[Row]) -> list[Option]:
    return [Option(written_key(key), hint_of(key)) for key in fitting(known_keys(rows), typed)[:MOST]]


def hint_of(key: str) -> str:
    """What a key is, in a word or two."""
    if kind_of(key) == "metric":
        aspect = key.rpartition(":")[2]
        return {"best": "best value", "at_best": "value at the best epoch"}.get(aspect, "newest value")
    return {"texts": "tags", "score": "score", "moment": "date", "id": "id"}.get(kind_of(key), kind_of(key))


def _values(key: str, typed: str, quote: str, rows: Sequence[Row], now: float) -> tuple[list[Option], str]:
    if not key:
        return [], ""
    kind = kind_of(key)
    if kind == "age":
        return _chosen([Option(*pair) for pair in _AGES], typed), "a span: 90s, 20m, 3h, 7d, 4w"
    if kind == "bytes":
        return [], "a size: 500kB, 20MB, 1.5GB"
    if kind == "moment":
        return [], "a date in quotation marks: '2026-11-21'"
    if kind == "yes or no":
        return _chosen([Option("true"), Option("false")], typed), ""
    found = values_of(key, rows, now)
    numbers = [value for value, _ in found if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if found and len(numbers) == len(found) and (kind not in ("setting", "count") or len(numbers) > _FEW):
        return [], _range(key, rows, now)
    options = [Option(_written(value, quote), f"{count:,} {'run' if count == 1 else 'runs'}") for value, count in found]
    return _chosen(options, typed), ""


def _written(value: Any, quote: str) -> str:
    """A value in the quotation marks that were begun; words stand bare where none were."""
    text = written_value(value)
    if not isinstance(value, str):
        return text
    return text if quote != '"' else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _range(key: str, rows: Sequence[Row], now: float) -> str:
    values = [v for v in values_in(rows, key, now) if isinstance(v, (int, float)) and abs(v) < float("inf")]
    if not values:
        return "a number; no run has one yet"
    return f"a number: {min(values):.4g} to {max(values):.4g} in {len(values):,} runs"


def _signs(expected: str, key: str, typed: str, depth: int) -> list[Option]:
    if expected == "operator":
        return [option for option in _comparisons(key) if option.text.startswith(typed)]
    found = {"in": [Option("in")], "list": [Option("(")], "after": [Option(","), Option(")")]}.get(expected, [])
    if expected == "joint":
        found = [Option("and", "both"), Option("or", "either"), *([Option(")")] if depth > 0 else [])]
    return [option for option in found if option.text.startswith(typed)]


def _comparisons(key: str) -> list[Option]:
    kind = kind_of(key) if key else "number"
    equal = [Option("==", "is"), Option("!=", "is not")]
    texts = [*equal, Option("~", "contains"), Option("!~", "does not contain"), Option("in", "one of a list")]
    numbers = [Option(">"), Option(">="), Option("<"), Option("<="), *equal]
    if kind == "yes or no":
        return [Option("and"), Option("or"), *equal]
    if kind in ("text", "texts", "state", "id"):
        return texts
    if kind == "setting":
        return [*texts, *numbers[:4]]
    return numbers
