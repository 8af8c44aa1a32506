"""What the screens around runs show of other tasks than classification: lists, details of experiments, launching."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.make_runs import Maker
from engine.experiments import load
from engine.records import RunPaths
from engine.runs import load_run, write_state
from tests.tui_world import TASKS, become, make_world, opened, press, screen_text, seen, until
from tui import details
from tui.launching import Order, check
from tui.messages import DataSummarised
from tui.run_view import BEST, TEST, View, apply
from tui.run_view import Order as By

FOLDS = """
[experiments.digits-folds]
description = "Digits, cross-validated"
seeds = 2
data = { name = "digits", folds = 3 }
model = { name = "mlp", hidden = [8] }
train = { epochs = 1 }
"""


@pytest.fixture(autouse=True)
def _no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set is that of the task its experiment is named after."""

    def read(self: Any, store: Any, name: str) -> DataSummarised:
        return DataSummarised(name, TASKS.get(name, TASKS["regression"])["data"])

    monkeypatch.setattr("tui.data_reader.DataReader.read", read)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Two classifiers, an error rate each of two texts, a regression."""
    (tmp_path / "experiments.toml").write_text(FOLDS, encoding="utf-8")
    maker = Maker(tmp_path / "runs", 60)
    maker.runs.own.mkdir(parents=True, exist_ok=True)
    tasks = ("", "ctc", "regression", "", "ctc")
    for number, task in enumerate(tasks, 1):
        folder = maker.make(number, time.time() - 600 * (9 - number), end="finished", experiment="digits-mlp")
        if task:
            become(RunPaths(folder), task)
            info = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps({**info, "experiment": task}))
    state = load_run(RunPaths(tmp_path / "runs" / "e0005")).state
    state.metrics["test/cer"], state.best = 0.5, {**(state.best or {}), "value": 0.25}
    write_state(RunPaths(tmp_path / "runs" / "e0005"), state)
    return tmp_path


async def test_the_list_of_runs_says_what_their_scores_are_of(world: Path) -> None:
    async with opened(world) as pilot:
        await pilot.press("2")
        shown = await seen(pilot, "metric", "rmse", "cer", "accuracy")
        row = next(line for line in shown.splitlines() if "regression" in line)
        assert row.split()[4:8] == ["finished", "rmse", "10,315", "10,315"]
        await press(pilot, "s", *"test", "enter")
        await seen(pilot, "by test")
        runs = pilot.app.screen.listing
        await until(pilot, lambda: [item.run for item in runs.items][-1] == "e0003")
        assert [item.run for item in runs.items if item.experiment == "ctc"] == ["e0002", "e0005"]


async def test_where_all_are_accuracies_no_column_says_so(tmp_path: Path) -> None:
    async with opened(make_world(tmp_path)) as pilot:
        await pilot.press("2")
        await seen(pilot, "best", "test")
        assert "metric" not in screen_text(pilot)


async def test_sorted_by_a_score_the_better_run_of_the_same_metric_is_first(world: Path) -> None:
    async with opened(world) as pilot:
        rows = pilot.app.snapshot.rows
    for key in (BEST, TEST):
        order = {down: [row.run for row in apply(rows, View(orders=(By(key, down),))).rows] for down in (True, False)}
        classifiers = sorted(("e0001", "e0004"), key=lambda run: -_value(rows, run, key))
        assert order[True] == [*classifiers, "e0002", "e0005", "e0003"] or key == BEST
        assert [run for run in order[True] if run in ("e0002", "e0005")] == ["e0002", "e0005"]
        assert [run for run in order[False] if run in ("e0002", "e0005")] == ["e0005", "e0002"]
    assert View().sorted_by("val/cer").first.descending is False
    assert View().sorted_by("val/r2").first.descending is True


def _value(rows: Any, run: str, key: str) -> float:
    row = next(row for row in rows if row.run == run)
    return float(row.best if key == BEST else row.metrics["test/accuracy"])


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("ctc", ("Characters", "train 40", "space", "9 validation rows are nearly the same")),
        ("next_token", ("Characters", "newline", "74.3 %", "1 train sample has characters that the train split lacks")),
        ("regression", ("Quantities", "price", "292,511", "274,186")),
    ],
)
def test_the_summary_of_data_is_of_its_kind(task: str, words: tuple[str, ...]) -> None:
    from rich.style import Style

    from tui.theme import Inks

    class Plain:
        def __getattr__(self, name: str) -> Style:
            return Style()

    ink: Inks = Plain()  # type: ignore[assignment]
    for width in (30, 60, 100):
        lines = details.summary_lines(TASKS[task]["data"], width, ink)
        shown = "\n".join("".join(text for text, _ in line) for line in lines)
        assert max(map(len, shown.splitlines())) <= width
        assert all(word in " ".join(shown.split()) for word in words if width >= 60)
        assert "always answering" not in shown
        assert "Classes" not in shown


async def test_an_experiment_of_folds_says_how_many_runs_it_makes_before_it_is_launched(world: Path) -> None:
    assert check(load(world / "experiments.toml"), Order("digits-folds")).many == 6
    async with opened(world) as pilot:
        await seen(pilot, "3 folds; 2 seeds: 6 runs")
        await pilot.press("enter")
        await seen(pilot, "Launch digits-folds", "makes 6 runs, one after another: 3 folds")


async def test_details_say_what_the_best_value_is_of(world: Path) -> None:
    text = FOLDS.replace("digits-folds", "ctc")
    (world / "experiments.toml").write_text(text, encoding="utf-8")
    async with opened(world) as pilot:
        await seen(pilot, "0.1250", "cer", "Characters")
    assert json.loads((world / "runs" / "e0002" / "state.json").read_text())["best"]["monitor"] == "val/cer"
