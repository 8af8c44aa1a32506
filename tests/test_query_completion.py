"""What is offered while a query is typed: keys, comparisons, and values that occur; taking it makes a query."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.make_runs import make_runs
from engine.errors import UsageError
from engine.index import RunIndex
from engine.query import parse
from engine.query_completion import Completion, complete
from engine.rows import Row
from engine.runs import RunsFolder


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Row, ...]:
    root = tmp_path_factory.mktemp("world") / "runs"
    make_runs(root, 60, steps=3)
    index = RunIndex(RunsFolder(root))
    index.refresh(full=True)
    return tuple(index.rows())


def offered(text: str, rows: tuple[Row, ...], cursor: int | None = None) -> Completion:
    return complete(text, len(text) if cursor is None else cursor, rows, time.time())


def words(text: str, rows: tuple[Row, ...]) -> list[str]:
    return [option.text for option in offered(text, rows).options]


def test_keys_are_offered_by_their_beginning_then_by_their_last_part(rows: tuple[Row, ...]) -> None:
    assert words("val/acc", rows) == ["val/accuracy", "val/accuracy:best", "val/accuracy:at_best"]
    assert "optimizer.lr" in words("lr", rows)
    assert words("state == finished and sta", rows)[0] == "state"
    assert words("zzz", rows) == []
    assert "test/accuracy:best" not in words("test/", rows), "measured once"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state ", ["==", "!=", "~", "!~", "in"]),
        ("val/accuracy ", [">", ">=", "<", "<=", "==", "!="]),
        ("state not ", ["in"]),
        ("state in ", ["("]),
        ("state in ('lost'", [",", ")"]),
        ("state == finished ", ["and", "or"]),
        ("(state == finished ", ["and", "or", ")"]),
        ("star ", ["and", "or", "==", "!="]),
        ("age < ", ["1h", "1d", "7d", "4w"]),
        ("x !", ["!=", "!~"]),
        ("state == finished a", ["and"]),
        ("tag == ", ["'paper'"]),
        ("star == ", ["true", "false"]),
    ],
)
def test_what_comes_next_is_offered(rows: tuple[Row, ...], text: str, expected: list[str]) -> None:
    assert words(text, rows) == expected


def test_what_is_written_in_full_is_offered_first(rows: tuple[Row, ...]) -> None:
    assert words("star", rows)[0] == "star", "not started"


def test_values_that_occur_are_offered_most_frequent_first(rows: tuple[Row, ...]) -> None:
    states = [row.state for row in rows]
    by_count = sorted(set(states), key=lambda state: -states.count(state))
    assert words("state == ", rows)[0] == f"'{by_count[0]}'"
    assert {text.strip("'") for text in words("state == ", rows)} == set(states)
    names = {row.settings["optimizer.name"] for row in rows}
    assert {text.strip("'") for text in words("optimizer.name == '", rows)} == names
    assert words("optimizer.name in ('Adam', \"SG", rows) == ['"SGD"']
    sizes = {row.settings["train.batch_size"] for row in rows}
    assert {int(text) for text in words("train.batch_size == ", rows)} == sizes
    assert offered("state == ", rows).options[0].hint == f"{states.count(by_count[0])} runs"


def test_numbers_that_cannot_be_listed_are_told_by_their_range(rows: tuple[Row, ...]) -> None:
    found = offered("val/accuracy > ", rows)
    values = [row.metrics["val/accuracy"] for row in rows]
    assert not found.options
    assert f"{min(values):.4g} to {max(values):.4g} in 60 runs" in found.note


def test_an_option_is_taken_in_place_of_the_word_at_the_cursor(rows: tuple[Row, ...]) -> None:
    text = "val/acc > 0.5 and state == finished"
    found = offered(text, rows, cursor=5)
    assert found.taken(text, found.options[0]) == ("val/accuracy > 0.5 and state == finished", len("val/accuracy") + 1)
    found = offered("tag == 'pa", rows)
    assert found.taken("tag == 'pa", found.options[0]) == ("tag == 'paper' ", 15)


def test_what_stands_there_already_is_not_offered(rows: tuple[Row, ...]) -> None:
    assert words("optimizer.momentum", rows) == []
    assert words("state == 'finished'", rows) == ["and", "or"]
    found = offered("state == 'finished'", rows)
    assert found.taken("state == 'finished'", found.options[0])[0] == "state == 'finished' and "


def test_only_tab_is_a_query(rows: tuple[Row, ...]) -> None:
    """Taking the first of what is offered, again and again, leads to a query that can be read."""
    text = "optimizer.na"
    for _ in range(3):
        found = offered(text, rows)
        text, _ = found.taken(text, found.options[0])
    query = parse(text)
    assert any(query.matches(row) for row in rows)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="state=<>!~()'\"` ,valmjoin./%:7d\x1b-é", max_size=30), cursor=st.integers(0, 30))
def test_any_text_and_place_is_answered(rows: tuple[Row, ...], text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    found = complete(text, cursor, rows[:5], 0.0)
    assert 0 <= found.start <= cursor <= found.end <= len(text) or not found.options
    for option in found.options[:3]:
        taken, at = found.taken(text, option)
        assert 0 <= at <= len(taken)
        try:
            parse(taken)
        except UsageError:
            continue
