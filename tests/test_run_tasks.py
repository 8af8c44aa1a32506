"""What the screens show of runs that are no classifiers: texts, quantities, several validation sets, folds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tests.run_world import opened, runs
from tests.tui_world import TASKS, become, press, screen_text, seen, until
from tui.run_panels import addable, is_share, panels_of
from tui.scores import first_of, parted, score_on_test, smaller_is_better, told
from tui.widgets.lines_pane import LinesPane
from tui.widgets.run_data import data_lines
from tui.widgets.run_samples import generated_lines, sample_lines

__all__ = ["runs"]
ANSI = ("\x1b", "\x07", "\u202e", "\x9b")


def of_task(runs: Path, task: str) -> RunPaths:
    """The run of the folder as one of that task."""
    paths = RunPaths(runs / "e0001")
    become(paths, task)
    return paths


# evaluation


async def test_texts_stand_beside_the_truth_the_most_wrong_first(runs: Path) -> None:
    of_task(runs, "ctc")
    async with opened(runs) as (pilot, screen):
        await press(pilot, "3")
        shown = await seen(pilot, "cer 0.1250   accuracy 0.5000   loss 0.7500", "80 samples", "sample", "errors")
        rows = [line.split() for line in shown.splitlines() if "row " in line]
        assert rows == [
            ["✗", "row", "7", "10110", "111", "2"],
            ["✗", "row", "4", "0011", "001", "1"],
            ["✓", "row", "0", "0110", "0110", "0"],
        ]
        assert "evaluation/inputs" in shown
        assert not screen.tab.has_class("-beside")  # no matrix: nothing to stand beside
        assert screen.tab.check_action("pane", ()) is False


async def test_wrong_characters_are_marked_without_colours_too(runs: Path) -> None:
    of_task(runs, "ctc")
    async with opened(runs) as (pilot, screen):
        await press(pilot, "3")
        await seen(pilot, "row 7")
        line = next(line for line in screen.tab.matrix._lines if any("row 7" in text for text, _ in line))
        assert sum(len(text) for text, style in line if style.underline) == 2  # 111 lacks two characters of 10110 …
        assert [text for text, style in line if text == "111" and not style.underline]  # … and has no wrong one


async def test_what_a_language_model_goes_on_with_is_shown_as_it_was_written(runs: Path) -> None:
    of_task(runs, "next_token")
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        shown = await seen(
            pilot, "bits_per_character 2.2500", "the model goes on", "First Citizen:", "2 of 116 characters"
        )
        lines = [line.strip() for line in shown.splitlines()]
        at = lines.index("First Citizen:")
        assert lines[at + 1 : at + 3] == ["We are accounted poor", "citizens, the patricians"]
        assert lines.index("✗ 2 of 116 characters wrong") < lines.index("✓ no error")
        assert any(line.startswith("input") and "the↵question" in line for line in lines)
        assert any(line.startswith("predicted") and "het is the question" in line for line in lines)


async def test_quantities_are_shown_with_the_largest_error_first(runs: Path) -> None:
    of_task(runs, "regression")
    async with opened(runs, size=(80, 24)) as (pilot, _):
        await press(pilot, "3")
        shown = await seen(pilot, "rmse 10,315   r2 0.9958   mae 7,956", "price; errors in standard deviations")
        rows = [line.split() for line in shown.splitlines() if "rooms=" in line]
        assert [row[2:5] for row in rows] == [["42,672", "65,479", "0.162"], ["373,340", "386,060", "0.090"]]


async def test_an_evaluation_of_scores_alone_says_so(runs: Path) -> None:
    paths = of_task(runs, "regression")
    next(paths.evaluation.iterdir()).write_text(json.dumps({"metrics": {"rmse": 2.0}}))
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        await seen(pilot, "rmse 2.0000", "holds no answers")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("width", [1, 8, 20, 40, 80, 200])
async def test_no_line_is_wider_than_the_screen_nor_acts_on_it(runs: Path, task: str, width: int) -> None:
    of_task(runs, task)
    evil = "[red]\x1b]0;owned\x07[/nope]\u202e\x9b31m\n漢字"
    samples = [
        {**sample, "true": evil, "predicted": evil * 30, "input": evil}
        for sample in TASKS[task]["evaluation"]["samples"]
    ]
    table = {**TASKS[task]["evaluation"], "samples": samples, "quantities": [evil],
             "generated": [{"prompt": evil, "text": evil * 20}, {"prompt": None}, 3]}  # fmt: skip
    async with opened(runs) as (pilot, screen):
        from tui.theme import inks

        ink = inks(pilot.app)
        lines = [*sample_lines(table, width, ink), *generated_lines(table, width, ink)]
        lines += data_lines(pilot.app, screen.snapshot, width, ink)
        texts = ["".join(text for text, _ in line) for line in lines]
        assert not any(char in text for text in texts for char in ANSI)
        if width >= 80:
            assert max(map(cell_len, texts)) <= width


@pytest.mark.parametrize(
    "samples", [[{}], [{"true": 3, "predicted": None}], [{"error": "x"}], [3, None], {"a": 1}, "x"]
)
async def test_samples_that_are_not_as_they_should_be_do_no_harm(runs: Path, samples: object) -> None:
    paths = of_task(runs, "ctc")
    next(paths.evaluation.iterdir()).write_text(json.dumps({"metrics": {"cer": 0.5}, "samples": samples}))
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        await seen(pilot, "cer 0.5000")


async def test_evaluations_of_any_validation_set_are_found(runs: Path) -> None:
    folder = RunPaths(runs / "e0001").evaluation
    content = json.loads(next(folder.iterdir()).read_text())
    (folder / "val_2024_b-00000700.json").write_text(json.dumps({**content, "split": "val_2024_b", "step": 700}))
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        await seen(pilot, "val_2024_b   epoch 10", "2 of 2")


# data


async def test_of_texts_the_data_tab_counts_characters(runs: Path) -> None:
    of_task(runs, "ctc")
    async with opened(runs) as (pilot, screen):
        await press(pilot, "2")
        shown = await seen(pilot, "3 characters", "how often each character", "space", "50.0 %")
        assert "always answering" not in shown
        plain = screen.tab.query_one(LinesPane).plain
        assert "1 validation row (1 distinct) is in train too" in plain
        assert "2 validation rows are in train too, with other labels" in plain
        assert "9 validation rows are nearly the same as rows of train" in plain


async def test_of_quantities_the_data_tab_tells_mean_deviation_and_range(runs: Path) -> None:
    of_task(runs, "regression")
    async with opened(runs, size=(80, 24)) as (pilot, _):
        await press(pilot, "2")
        shown = await seen(pilot, "1 quantity", "mean", "deviation", "least", "most")
        rows = [line.split() for line in shown.splitlines() if "-10,596" in line]
        assert rows == [[name, mean, "140,471", "-10,596", "578,040"]
                        for name, mean in (("train", "292,511"), ("test", "274,186"))]  # fmt: skip


async def test_a_fold_says_which_it_is(runs: Path) -> None:
    paths = RunPaths(runs / "e0001")
    info, data = json.loads(paths.run.read_text()), json.loads(paths.data.read_text())
    info["settings"]["data"] |= {"folds": 5, "fold": 1}
    data["source"] = {"train": {"count": 1440, "classes": {}}}
    data["near_duplicates"] = {"train/test": {"rows": 0, "pairs": []}}
    paths.run.write_text(json.dumps(info))
    paths.data.write_text(json.dumps(data))
    async with opened(runs) as (pilot, _):
        await press(pilot, "2")
        await seen(pilot, "validation is fold 2 of 5 of the train file of 1,440", "nor one nearly the same")


# curves


def several_sets(runs: Path) -> RunPaths:
    """The run as one with two validation sets and a test split that was evaluated too."""
    paths = RunPaths(runs / "e0001")
    with SeriesWriter(paths.series) as writer:
        for step in range(60, 601, 60):
            writer.log(
                step, {f"{s}/{m}": 0.5 + step / 9999 for s in ("val_a", "val_b", "test") for m in ("loss", "accuracy")}
            )
    for name in ("loss", "accuracy", "macro_f1"):
        (paths.series / "val" / f"{name}.f8").unlink(missing_ok=True)
    data = json.loads(paths.data.read_text())
    data["splits"] = {"train": data["splits"]["train"], "val_a": {"count": 8, "classes": {"3": 2, "4": 6}},
                      "val_b": {"count": 8, "classes": {"3": 1, "4": 7}}, "test": data["splits"]["test"]}  # fmt: skip
    paths.data.write_text(json.dumps(data))
    state = load_run(paths).state
    state.best = {"monitor": "val_a/accuracy", "mode": "max", "value": 0.56, "epoch": 10.0, "step": 600}
    write_state(paths, state)
    return paths


async def test_several_validation_sets_share_a_panel_and_are_told_apart(runs: Path) -> None:
    several_sets(runs)
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "val_a", "val_b", "majority 0.250")
        for chart in screen.tab.charts[:2]:
            curves = chart.plot.curves
            assert [curve.label for curve in curves] == ["train", "val_a", "val_b", "test"]
            assert len({curve.color for curve in curves}) == 4
            assert [curve.smooth for curve in curves] == [None, 0.0, 0.0, 0.0]
        await press(pilot, "2")
        await seen(pilot, "val_a 8", "val_b 8", "0.250 val_a", "0.125 val_b")


async def test_the_checkpoints_show_every_validation_set() -> None:
    from types import SimpleNamespace

    from tui.widgets.run_checkpoints import metric_columns

    def columns(monitor: str, *names: str) -> list[str]:
        return metric_columns((SimpleNamespace(metrics=dict.fromkeys(names, 1.0)),), monitor)  # type: ignore[arg-type]

    both = [f"{split}/{name}" for split in ("train", "val_a", "val_b") for name in ("accuracy", "loss", "macro_f1")]
    assert columns("val_a/accuracy", *both) == ["val_a/accuracy", "val_b/accuracy", "val_a/loss", "val_b/loss"]
    usual = ["train/accuracy", "train/loss", "val/accuracy", "val/balanced_accuracy", "val/loss", "val/macro_f1"]
    assert columns("val/accuracy", *usual) == ["val/accuracy", "val/loss", "val/macro_f1", "train/accuracy"]
    assert columns("val/cer", "train/loss", "val/accuracy", "val/cer", "val/loss")[:3] == [
        "val/cer",
        "val/loss",
        "train/loss",
    ]


def test_the_panels_are_loss_the_score_of_the_task_and_what_is_monitored() -> None:
    def titles(monitor: str, *names: str) -> list[str]:
        return [panel.title for panel in panels_of(names, monitor, ())]

    texts = ("train/loss", "val/loss", "val/cer", "val/accuracy", "lr", "epoch")
    assert titles("val/cer", *texts) == ["loss", "cer", "learning rate"]
    assert addable(texts, "val/cer") == ["accuracy"]
    numbers = ("train/loss", "val/rmse", "val/r2", "lr")
    assert titles("val/r2", *numbers) == ["loss", "rmse", "r2", "learning rate"]
    assert addable(numbers, "val/r2") == []
    assert titles("val/loss", "train/loss", "train/accuracy", "val/loss", "lr") == ["loss", "accuracy", "learning rate"]
    assert titles("train_split/accuracy", "train/accuracy", "train_split/accuracy") == ["accuracy"]
    panel = panels_of(["train/accuracy", "train_split/accuracy", "val_b/accuracy", "val_a/accuracy"], "", ())[0]
    assert panel.series == ("train/accuracy", "train_split/accuracy", "val_a/accuracy", "val_b/accuracy")
    assert is_share(panels_of(["val/r2"], "val/r2", ())[0])
    assert not is_share(panels_of(["val/rmse"], "val/rmse", ())[0])


async def test_error_rates_have_a_panel(runs: Path) -> None:
    of_task(runs, "ctc")
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "cer", "0.1250")
        assert [panel.title for panel in screen.tab._panels] == ["loss", "cer", "learning rate"]
        assert "majority" not in screen_text(pilot)
        await press(pilot, "plus")
        await seen(pilot, "a new panel", "accuracy")


# head


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("ctc", "test/cer 0.1250   test/accuracy 0.5000"),
        ("next_token", "test/bits_per_character 2.2500   test/accuracy 0.5000"),
        ("regression", "test/rmse 10,315   test/r2 0.9958"),
    ],
)
async def test_the_head_tells_the_scores_of_the_task(runs: Path, task: str, words: str) -> None:
    of_task(runs, task)
    async with opened(runs) as (pilot, _):
        await seen(pilot, words, f"best {TASKS[task]['monitor']}")


async def test_the_head_tells_what_is_left_without_samples_of_the_train_split(runs: Path) -> None:
    paths = RunPaths(runs / "e0001")
    state = load_run(paths).state
    state.metrics |= {"test/accuracy": 0.9, "test/accuracy_unseen": 0.8125, "test/macro_f1": 0.85}
    write_state(paths, state)
    async with opened(runs, size=(140, 40)) as (pilot, _):
        await seen(pilot, "test/accuracy 0.9000", "test/accuracy_unseen 0.8125")


# which score


def test_which_score_stands_for_a_run() -> None:
    assert first_of(["loss", "accuracy", "macro_f1"], "val/loss") == "accuracy"
    assert first_of(["loss", "accuracy", "cer"]) == "cer"
    assert first_of(["loss", "dice"], "val_a/dice") == "dice"
    assert first_of([]) == ""
    assert score_on_test(["test/accuracy", "test/loss", "val/loss"], "val/loss") == "test/accuracy"
    assert score_on_test(["test/rmse", "test/r2", "test_last/rmse"], "val/r2") == "test/r2"
    assert score_on_test(["test/bits_per_character", "test/loss"], None) == "test/bits_per_character"
    assert score_on_test(["val/accuracy", "test_last/accuracy"], "val/accuracy") == ""
    assert told(["loss", "accuracy_unseen", "x", "accuracy"]) == ["accuracy", "accuracy_unseen", "loss", "x"]
    assert [parted(name) for name in ("val_a/cer", "lr", "time/data")] == [
        ("val_a", "cer"),
        ("", "lr"),
        ("", "time/data"),
    ]
    assert smaller_is_better("cer_unseen")
    assert not smaller_is_better("test/macro_f1")


async def test_the_chosen_pane_keeps_the_keys_when_the_matrix_goes(runs: Path) -> None:
    folder = RunPaths(runs / "e0001").evaluation
    (folder / "val-00000001.json").write_text(json.dumps({"metrics": {"loss": 1.0}}))
    async with opened(runs) as (pilot, screen):
        await press(pilot, "3")
        await seen(pilot, "precision")
        assert screen.tab.has_class("-beside")
        await press(pilot, "p")
        assert screen.tab.scores.has_focus
        await press(pilot, "left_square_bracket")
        await seen(pilot, "holds no answers")
        await until(pilot, lambda: screen.tab.matrix.has_focus)
        await press(pilot, "right_square_bracket")
        await seen(pilot, "precision")
        assert screen.tab.has_class("-beside")
