"""The query language: what matches, what is refused and where, and that nothing else can come of a text."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.index import Row, make_row
from engine.ordering import sort_rows
from engine.query import parse
from engine.row_keys import lacking
from engine.runs import Marks, Run, RunInfo, RunPaths, State

NOW = 1_000_000.0


def row(
    run_id: str = "e0001", *, metrics=None, state="finished", tags=(), star=False, settings_=None, started=None
) -> Row:
    from pathlib import Path

    table = settings_ or {"optimizer": {"name": "SGD", "lr": 0.1}, "train": {"epochs": 5.0}, "tags": ["rnn"]}
    return make_row(
        Run(
            RunPaths(Path("runs") / run_id),
            RunInfo(
                run=run_id, experiment="names-lstm", settings=table, created=NOW - 7200, tags=list(tags), note="why not"
            ),
            State(
                state=state,
                metrics=metrics or {"val/accuracy": 0.9, "val/loss": "NaN"},
                seconds=90.0,
                device="cpu",
                started=started,
            ),
            Marks(tags=list(tags), star=star, name="the good one"),
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "val/accuracy > 0.89",
        "val/accuracy >= 90%",
        "0.5 < val/accuracy",
        "optimizer.name == 'SGD'",
        "optimizer.name = SGD",
        "lr == 0.1 and epochs == 5",
        "state in ('finished', 'failed')",
        "state not in (failed, lost)",
        "tag == 'paper'",
        "tag ~ PAP",
        "name ~ 'GOOD'",
        "experiment == names-lstm",
        "age < 3h and age > 100m",
        "seconds == 1.5m",
        "star",
        "not archived",
        "not (val/accuracy < 0.5 or state == failed)",
        "tag == paper and not tag == draft or state == failed",
        "device == cpu",
        "optimizer.lr > val/loss or optimizer.lr < val/accuracy",
        'note == "why not"',
        "run == e0001",
    ],
)
def test_matches(text: str) -> None:
    assert parse(text).matches(row(tags=["paper", "x"], star=True), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "val/nothing > 0",
        "val/nothing < 0",
        "val/nothing != 3",
        "val/nothing",
        "model.name == 'mlp'",
        "val/loss > 0",
        "val/loss < 0",
        "val/loss == nan",
        "star",
        "optimizer.name > 3",
        "tag == 'paper'",
        "val/nothing in (1, 2)",
        "val/nothing not in (1, 2)",
        "age > 1d",
    ],
)
def test_what_is_missing_or_not_a_number_compares_false(text: str) -> None:
    assert not parse(text).matches(row(), NOW)


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("val/accuracy >", 15, "missing"),
        ("val/accuracy > 0.9 0.8", 20, "not expected"),
        ("state in failed", 10, "list"),
        ("(state == failed", 17, ")"),
        ("name ~ 'lstm", 8, "no end"),
        ("a == 1 && b == 2", 8, "&"),
        ("0.9", 4, "comparison"),
        ("and", 1, "key"),
        ("x == ;", 6, ";"),
        ("not", 4, "missing"),
        ("x in (1,", 9, "missing"),
    ],
)
def test_an_error_names_the_column(text: str, column: int, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    lines = caught.value.message.splitlines()
    assert f"column {column}:" in lines[0]
    assert word in lines[0]
    assert lines[2].index("^") == column + 1
    assert caught.value.exit_code == 2


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(UsageError, match="nested"):
        parse("(" * 5000 + "star" + ")" * 5000)
    with pytest.raises(UsageError, match="nested"):
        parse("not " * 5000 + "star")


_PIECES = st.sampled_from(
    ["val/accuracy", "state", "age", "7d", "0.9", "==", ">", "~", "in", "(", ")", ",", "and", "or", "not", "'a'", "tag",
     "lr", "=", "!=", "true", "1e400", "'", "<", " ", "5%", "-3", "inf", "\x1b", "é"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(_PIECES, max_size=25).map(" ".join), st.lists(_PIECES, max_size=12).map("".join)
    )
)
@example("val/accuracy == 1e999 and age < -1w")
def test_any_text_is_a_query_or_a_usage_error(text: str) -> None:
    try:
        query = parse(text)
    except UsageError:
        return
    assert query.matches(row(tags=["paper"]), NOW) in (True, False)


def test_sorting_puts_what_has_no_value_last_both_ways() -> None:
    values = {"e0001": 0.5, "e0002": math.nan, "e0003": 0.9, "e0005": 0.1}
    rows = [row(i, metrics={"val/accuracy": v}) for i, v in values.items()] + [row("e0004", metrics={"x": 1.0})]
    ids = [r.run for r in sort_rows(rows, "val/accuracy", descending=True)]
    assert ids[:3] == ["e0003", "e0001", "e0005"]
    assert set(ids[3:]) == {"e0002", "e0004"}
    assert [r.run for r in sort_rows(rows, "val/accuracy")][:3] == ["e0005", "e0001", "e0003"]
    assert [r.run for r in sort_rows(rows, "run")] == sorted(r.run for r in rows)


def test_dates_compare_with_times() -> None:
    found = row("e0001", started=datetime(2026, 11, 21, 8).timestamp(), state="failed")
    for text, expected in (
        ("started > '2026-11-21'", True),
        ("started < '2026-11-21T07:59'", False),
        ("started >= '2026-11-21T08:00:00' and started < '2026-11-22'", True),
        ("started > 'yesterday'", False),
        ("status == 'failed' and time >= 0", True),
    ):
        assert parse(text).matches(found, NOW) is expected, text


def test_a_key_that_no_run_has_is_told_with_the_nearest() -> None:
    rows = [row("e0001", metrics={"val/accuracy": 0.9})]
    assert lacking("val/acuracy", rows) == "did you mean 'val/accuracy'?"
    assert lacking("val/accuracy", rows) is None
    assert lacking("parent", rows) is None, "a key of every run"
    assert lacking("anything", []) is None
