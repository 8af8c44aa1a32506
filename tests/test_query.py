"""The query language: what matches, what is refused and where, and that nothing else can come of a text."""

from __future__ import annotations

import math
import statistics
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.grouping import group_rows
from engine.index import Row, make_row
from engine.ordering import order_rows, parse_orders, sort_rows
from engine.query import parse
from engine.query_words import QueryError
from engine.row_keys import getter, lacking, values_in
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
        ("star and age < 7x", 16, "'7x' is not a span"),
        ("state == finnished", 10, "no state 'finnished'"),
        ("state in (failed, dead)", 19, "no state 'dead'"),
        ("val/accuracy > high", 16, "not a number"),
        ("'high' < val/accuracy", 1, "not a number"),
        ("disk > 1 and star != maybe", 22, "not yes or no"),
        ("started > 'yesterday'", 11, "not a date"),
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


def test_sizes_are_written_with_their_unit() -> None:
    big = row("e0001")
    big.__dict__["disk"] = 20_500_000
    for text, expected in (("disk > 20MB", True), ("disk > 1GB", False), ("disk < 20.6MB and disk > 500kB", True)):
        assert parse(text).matches(big, NOW) is expected, text


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
        ("status == 'failed' and time >= 0", True),
    ):
        assert parse(text).matches(found, NOW) is expected, text


def test_a_key_that_no_run_has_is_told_with_the_nearest() -> None:
    rows = [row("e0001", metrics={"val/accuracy": 0.9})]
    assert lacking("val/acuracy", rows) == "did you mean 'val/accuracy'?"
    assert lacking("val/accuracy", rows) is None
    assert lacking("parent", rows) is None, "a key of every run"
    assert lacking("anything", []) is None


def test_a_key_may_stand_in_backticks_and_a_quoted_word_is_text() -> None:
    odd = row("e0001", metrics={"my metric": 0.5, "val/accuracy": 0.9}, settings_={"model": {"name": "true"}})
    assert parse("`my metric` > 0.4").matches(odd, NOW)
    assert not parse("`my metric` > 0.6").matches(odd, NOW)
    assert parse("model.name == 'true'").matches(odd, NOW)
    with pytest.raises(QueryError) as caught:
        parse("`my metric > 1")
    assert caught.value.column == 0
    assert "no end" in caught.value.problem


def test_an_error_knows_its_column_and_keys_know_theirs() -> None:
    with pytest.raises(QueryError) as caught:
        parse("state == failed and > 3")
    assert (caught.value.column, caught.value.problem) == (20, caught.value.problem)
    assert parse("lr > 1 and not (val/loss < `lr`)").keys == {"lr": 0, "val/loss": 16}


def test_several_orders_come_one_after_the_other() -> None:
    rows = [
        row(f"e000{n}", metrics={"val/accuracy": accuracy, "val/loss": loss}, settings_={"optimizer": {"name": name}})
        for n, name, accuracy, loss in ((1, "SGD", 0.5, 0.1), (2, "Adam", 0.5, 0.3), (3, "SGD", 0.9, 0.2),
                                        (4, "Adam", 0.9, 0.4), (5, "Adam", 0.5, 0.1))
    ]  # fmt: skip

    def ids(text: str) -> str:
        return "".join(r.run[-1] for r in order_rows(rows, parse_orders(text, rows)))

    assert ids("optimizer.name,val/accuracy,val/loss") == "45231"
    assert ids("-optimizer.name,val/accuracy,-val/loss") == "31425"
    assert ids("val/accuracy") == "34125", "those alike stay as they stood"
    assert ids("-val/accuracy") == "12534"
    assert ids(" , ") == "12345"


def test_many_values_at_once_are_those_taken_one_by_one() -> None:
    rows = [row(f"e000{n}", settings_=table) for n, table in enumerate(
        ({"optimizer": {"lr": 0.1}}, {"lr": 3}, {"train": {"epochs": 2}}, {"loss": {"lr": 1}, "optimizer": {"lr": 2}}),
        start=1)]  # fmt: skip
    for key in ("lr", "optimizer.lr", "epochs", "val/accuracy", "val/loss:best", "state", "nothing", "x/y", "tags"):
        assert [getter(key)(r, NOW) for r in rows] == [
            pytest.approx(value, nan_ok=True) if isinstance(value, float) else value
            for value in values_in(rows, key, NOW)
        ], key
    assert values_in(rows, "lr", NOW) == [0.1, 3, None, 2]


def test_groups_tell_count_mean_deviation_and_best() -> None:
    rows = [
        row(f"e000{n}", metrics={"val/loss": loss}, settings_={"optimizer": {"name": name}}, tags=tags)
        for n, name, loss, tags in ((1, "SGD", 0.4, ["a", "b"]), (2, "Adam", 0.1, []), (3, "SGD", 0.2, ["b"]),
                                    (4, "SGD", math.nan, ["a"]))
    ]  # fmt: skip
    sgd, adam = group_rows(rows, ["optimizer.name"], "val/loss")
    assert (sgd.values, [r.run for r in sgd.rows]) == (("SGD",), ["e0001", "e0003", "e0004"])
    assert sgd.figure is not None
    assert (sgd.figure.count, sgd.figure.best, sgd.figure.best_run) == (2, 0.2, "e0003")
    assert sgd.figure.mean == pytest.approx(0.3)
    assert sgd.figure.deviation == pytest.approx(statistics.stdev([0.4, 0.2]))
    assert adam.figure is not None
    assert adam.figure.deviation is None, "of one run"
    by_tag = group_rows(rows, ["tag"], "val/loss")
    assert [(g.values, len(g.rows)) for g in by_tag] == [(("a",), 2), (("b",), 2), ((None,), 1)]
    assert [g.values for g in group_rows(rows, ["tag", "optimizer.name"])][:2] == [("a", "SGD"), ("b", "SGD")]
    assert group_rows([], ["tag"]) == []
