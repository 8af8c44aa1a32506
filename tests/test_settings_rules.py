"""Properties of merging and overriding; whatever a file holds is read or refused; lines of keys."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from engine.annotations import form_of
from engine.errors import SettingsError
from engine.experiments import (
    check_all,
    expand,
    flatten,
    load,
)
from engine.jsonio import encode
from engine.merge import NAMED, NOT_INHERITED, inheritable, leaves, merge, nested, normalise, override, parse_override
from engine.text import printable
from engine.toml_lines import LineMap
from tests.experiment_files import BASE, told

# ---------------------------------------------------------------------------------------------------------- properties

words = st.sampled_from(["lr", "name", "hidden", "x", "data", "train", "a-b"])
values = st.one_of(
    st.integers(-5, 5), st.sampled_from(["SGD", "Adam", "none"]), st.booleans(), st.lists(st.integers(), max_size=2)
)
inner = st.dictionaries(words, values, max_size=4)
tables = st.dictionaries(st.sampled_from([*NAMED, "train", "seed", "tags"]), st.one_of(values, inner), max_size=6)


@given(tables, tables)
def test_merging_with_nothing_and_with_itself(parent: dict[str, Any], child: dict[str, Any]) -> None:
    parent, child = normalise(parent), normalise(child)
    assert merge(parent, {}) == parent
    assert merge({}, child) == child
    assert merge(parent, parent) == parent
    merged = merge(parent, child)
    for path, value in leaves(child):
        if value != {}:  # an empty table adds nothing
            at: Any = merged
            for key in path:
                at = at[key]
            assert at == value


@given(st.lists(tables, min_size=1, max_size=5))
def test_a_chain_of_extends_is_a_chain_of_merges(
    tmp_path_factory: pytest.TempPathFactory, chain: list[dict[str, Any]]
) -> None:
    from engine.inheritance import Source

    data = {f"n{i}": {**table, "seeds": 2, **({"extends": f"n{i - 1}"} if i else {})} for i, table in enumerate(chain)}
    source = Source(Path("x.toml"), {"experiments": data}, "")
    expected: dict[str, Any] = {}
    for table in chain[:-1]:
        expected = merge(expected, inheritable(normalise(table)))
    expected = merge(expected, normalise({**chain[-1], "seeds": 2}))
    merged, problem = source.merged(f"n{len(chain) - 1}")
    assert merged == expected
    assert problem is None
    if len(chain) > 1 and "tags" not in chain[-1]:
        assert "tags" not in merged
    assert set(NOT_INHERITED) & set(merged) <= {"seeds", "tags"}


@given(tables, st.sampled_from(["train.epochs", "seed", "model.hidden", "optimizer.lr", "a.b.c"]), st.integers(-9, 9))
def test_an_override_is_what_comes_out(table: dict[str, Any], key: str, value: int) -> None:
    given_ = [parse_override(f"{key}={value}")]
    changed = override(normalise(table), given_)
    assert flatten(changed)[key] == value
    assert override(changed, given_) == changed


@given(tables, st.permutations(["optimizer.name=Adam", "optimizer.lr=0.5", "optimizer.eps=1e-9"]))
def test_the_order_of_overrides_of_unlike_keys_does_not_matter(table: dict[str, Any], texts: list[str]) -> None:
    changed = override(normalise(table), [parse_override(text) for text in texts])
    assert {"name": "Adam", "lr": 0.5, "eps": 1e-9}.items() <= changed["optimizer"].items()


@given(st.lists(st.text("ab-_", min_size=1, max_size=3), min_size=1, max_size=4), st.integers())
def test_flattening_undoes_nesting(path: list[str], value: int) -> None:
    assert flatten(nested(tuple(path), value)) == {".".join(path): value}


@given(st.text(max_size=30))
def test_any_override_is_understood_or_refused(text: str) -> None:
    try:
        path, _, given_ = parse_override(text)
    except SettingsError:
        return
    assert all(path)
    assert given_ == text


@given(st.text(max_size=30))
def test_any_annotation_is_read(text: str) -> None:
    form_of(text)


toml = st.recursive(
    st.one_of(
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.booleans(),
        st.text(max_size=6),
        st.datetimes(),
        st.sampled_from(["moons", "mlp", "SGD", "none", "auto", "a", "b", "1 epoch"]),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    [
                        "name",
                        "data",
                        "model",
                        "loss",
                        "optimizer",
                        "scheduler",
                        "train",
                        "evaluate",
                        "checkpoint",
                        "extends",
                        "matrix",
                        "seeds",
                        "sweep",
                        "command",
                        "space",
                        "epochs",
                        "every",
                        "seed",
                        "tags",
                        "lr",
                        "class_weight",
                        "validation",
                        "early_stopping",
                        "T_max",
                        "interval",
                        "env",
                        "params",
                        "a",
                        "b",
                    ]
                ),
                st.text(max_size=4),
            ),
            below,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@profile(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["experiments", "defaults", "x"]),
        st.one_of(toml, st.dictionaries(st.sampled_from("abc"), toml)),
    )
)
def test_whatever_a_file_holds_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    import tomlkit

    try:
        text = tomlkit.dumps(data)
    except (ValueError, TypeError, UnicodeEncodeError):
        return
    path = tmp_path_factory.getbasetemp() / "wild.toml"
    try:
        path.write_bytes(text.encode("utf-8"))
    except UnicodeEncodeError:
        return
    try:
        file = load(path)
    except SettingsError:
        return
    for problem in file.problems:
        assert printable(problem) == str(problem)
    for name in [*file.experiments, *file.broken]:
        try:
            for settings in expand(file, name):
                encode(settings)
        except SettingsError:
            continue
    with contextlib.suppress(SettingsError):
        check_all(file)


# --------------------------------------------------------------------------------------------------------------- lines


def test_the_line_of_every_kind_of_key() -> None:
    text = '''# comment with [brackets] = 1
top = """
[not.a.table]
key = 1
"""
[a."b.c"]   # after a header
x.y = [ # a list
  "]", { q = "}" }, '#',
]
inline = { p = 1, r = { s = "=," },
           "t u" = 1979-05-27 07:32:00 }
late = \'\'\'
z = 1\'\'\'
[a."b.c".d]
k = -1.5e3 # why
[[list]]
m = 1
'''
    lines = LineMap(text)
    expected = {
        ("top",): 2,
        ("a", "b.c"): 6,
        ("a", "b.c", "x"): 7,
        ("a", "b.c", "x", "y"): 7,
        ("a", "b.c", "inline"): 10,
        ("a", "b.c", "inline", "r", "s"): 10,
        ("a", "b.c", "inline", "t u"): 11,
        ("a", "b.c", "late"): 12,
        ("a", "b.c", "d", "k"): 15,
        ("list", "m"): 17,
        ("a", "b.c", "inline", "absent"): 10,
    }
    assert {path: lines.line(path) for path in expected} == expected
    assert lines.line(("absent",)) is None


@given(st.text(alphabet="[]{}=\"'#.,\n ab1\\", max_size=60))
def test_looking_for_lines_ends_for_any_text(text: str) -> None:
    LineMap(text).line(("a",))


def test_reading_forty_experiments_is_quick_enough_to_do_it_while_typing(tmp_path: Path) -> None:
    """A ratio and not a time: reading and checking costs at most so many times what the TOML parser alone takes."""
    import time

    import tomli

    text = BASE + "".join(f'[experiments.x{i}]\nextends = "a"\noptimizer = {{ lr = {i + 1}e-4 }}\n' for i in range(40))
    path = tmp_path / "experiments.toml"
    path.write_text(text)
    load(path)

    def best(action: Any) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
        return min(times)

    assert best(lambda: load(path)) < 200 * best(lambda: tomli.loads(text)) + 0.02


def test_paths_in_messages_are_relative_where_that_is_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = told(tmp_path, BASE.replace("epochs = 5", "epochs = 0"))
    assert problem == "experiments.toml:6: [experiments.a] train.epochs must be greater than 0, got 0.0"
