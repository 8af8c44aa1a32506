"""What evaluations kept: pairs confused, and the same sample's answers over the epochs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.make_runs import Maker
from engine.answers import confused_pairs, confusion_of, histories, predicted_of, predicted_rows, read_evaluations
from engine.records import RunPaths
from tests.helpers import engine_json, run_engine

COUNTS = [[8, 2, 0], [1, 0, 5], [0, 0, 40]]
CLASSES = ["cat", "dog", "ship"]


def evaluation(step: int, samples: list[tuple[int, str, str]], **more: Any) -> dict[str, Any]:
    """An evaluation file's content with samples (row, true, predicted)."""
    rows = [{"row": r, "input": f"s{r}", "true": t, "predicted": p, "probability": 0.5} for r, t, p in samples]
    return {"split": "validation", "epoch": step / 10, "step": step, "classes": CLASSES, "samples": rows, **more}


def test_pairs_in_every_order() -> None:
    def shown(order: str) -> list[tuple[int, int, int]]:
        return [(pair.true, pair.predicted, pair.count) for pair in confused_pairs(COUNTS, order)]

    assert shown("count") == [(1, 2, 5), (0, 1, 2), (1, 0, 1)]
    assert shown("true") == [(0, 1, 2), (1, 2, 5), (1, 0, 1)]
    assert shown("predicted") == [(1, 0, 1), (0, 1, 2), (1, 2, 5)]
    assert confused_pairs(COUNTS, "share")[0].share == 5 / 6


def test_what_is_no_matrix_is_none() -> None:
    assert confusion_of({"confusion": COUNTS, "classes": ["cat"]})[1] == ["cat", "1", "2"]
    for bad in (None, [], [[1, 2]], [[1, "x"], [2, 3]], [[1, -1], [0, 0]], {"a": 1}):
        assert confusion_of({"confusion": bad}) == ([], [])


def test_since_when_a_sample_is_right() -> None:
    found = histories(
        [
            evaluation(10, [(3, "cat", "dog"), (4, "dog", "dog")]),
            evaluation(20, [(3, "cat", "cat"), (4, "dog", "dog")]),
            evaluation(30, [(3, "cat", "dog"), (4, "dog", "dog")]),
            evaluation(40, [(3, "cat", "cat"), (4, "dog", "cat")]),
        ]
    )
    cat, dog = found[3], found[4]
    assert [answer.predicted for answer in cat.answers] == ["dog", "cat", "dog", "cat"]
    assert cat.since is not None
    assert cat.since.epoch == 4.0
    assert cat.flips == 3
    assert dog.since is None
    assert dog.flips == 1


def test_answers_to_the_whole_split_fill_the_gaps() -> None:
    contents = [
        evaluation(10, [], predicted="0 1 2"),
        evaluation(20, [(1, "dog", "dog")], predicted="0 1 2"),
        evaluation(30, [], predicted="0 0"),
    ]
    assert [answer.predicted for answer in histories(contents)[1].answers] == ["dog", "dog", "cat"]
    assert predicted_of(contents[0], 2) == "ship"
    assert predicted_of(contents[2], 2) is None


@pytest.mark.parametrize("kept", ["0 x", 7, [0, 1], "99999999999999999999999"])
def test_answers_that_are_none_are_passed_over(kept: Any) -> None:
    assert list(predicted_rows({"predicted": kept})) == []


def test_samples_that_are_none_are_passed_over() -> None:
    broken = {"samples": [{"row": "x"}, {"row": -1}, 3, {"true": "a"}], "step": "soon", "epoch": None}
    assert histories([broken]) == {}


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A finished run with three evaluations of its validation split."""
    paths = RunPaths(Maker(tmp_path / "runs", 20).make(1, time.time() - 600, end="finished"))
    for step, guess in ((10, "dog"), (20, "dog"), (30, "cat")):
        content = evaluation(step, [(3, "cat", guess), (9, "ship", "dog")], confusion=COUNTS)
        (paths.evaluation / f"val-{step:08d}.json").write_text(json.dumps(content))
    (paths.evaluation / "val-00000040.json").write_text("{ damaged")
    return paths


def test_engine_answers(run: RunPaths) -> None:
    folder = run.folder.parent.parent
    assert [content["step"] for content in read_evaluations(run.evaluation, "validation")] == [10, 20, 30]
    first, second = engine_json("answers", "e0001", "--json", cwd=folder)
    assert (first["row"], first["right_since"]) == (3, 3.0)
    assert [answer["predicted"] for answer in first["answers"]] == ["dog", "dog", "cat"]
    assert second["right_since"] is None
    wrong = engine_json("answers", "e0001", "--wrong", "--json", cwd=folder)
    assert [record["row"] for record in wrong] == [9]
    of_class = engine_json("answers", "e0001", "--class", "cat", "--json", cwd=folder)
    assert [record["row"] for record in of_class] == [3]
    pairs = engine_json("answers", "e0001", "--pairs", "--json", cwd=folder)["pairs"]
    assert pairs[0] == {"true": "dog", "predicted": "ship", "count": 5, "share": 5 / 6}
    by_class = engine_json("answers", "e0001", "--pairs", "--sort", "true", "--json", cwd=folder)["pairs"]
    assert [pair["true"] for pair in by_class] == ["cat", "dog", "dog"]
    early = engine_json("answers", "e0001", "--step", "20", "--json", cwd=folder)
    assert [len(record["answers"]) for record in early] == [2, 2]
    table = run_engine("answers", "e0001", cwd=folder).stdout
    assert "epoch 3" in table
    lines = run_engine("answers", "e0001", "--csv", cwd=folder).stdout.splitlines()
    assert lines[0] == "row,step,epoch,true,predicted,probability"
    assert len(lines) == 7


def test_engine_answers_says_what_is_missing(run: RunPaths) -> None:
    done = run_engine("answers", "e0001", "--split", "train", cwd=run.folder.parent.parent)
    assert done.returncode == 3
    assert "has no evaluation of a train split" in done.stderr
