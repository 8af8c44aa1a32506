"""The screen of a run: every tab, every key, every way a run can be; with real folders and real processes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.records import RunPaths
from engine.runs import load_run
from engine.series import SeriesWriter
from tests.run_world import live, opened, runs
from tests.tui_world import press, screen_text, seen, until
from tui.screens.run import TITLES, RunScreen
from tui.text import safe
from tui.widgets.lines_pane import LinesPane

__all__ = ["runs"]


# head


async def test_a_finished_run_shows_its_scores_beside_the_majority(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        shown = await seen(
            pilot, "✓ finished", "test/accuracy", "always answering 3 0.102", "best val/accuracy", "loss"
        )
        assert "epoch 10/10 after" in shown


async def test_a_live_run_shows_how_far_how_fast_and_how_long_still(runs: Path) -> None:
    live(runs / "e0001", device="cuda:0", epoch=4.1, step=246, seconds_left=1080.0)
    async with opened(runs, size=(140, 40)) as (pilot, _):
        await seen(pilot, "● running", "gpu0", "epoch 4.1/10", "12.4k samples/s", "18 min left", "41 %")


async def test_a_failed_run_shows_cause_and_hint_in_full_at_80_columns(runs: Path) -> None:
    cause = "CUDA out of memory: tried to allocate 2.00 GiB; 139.1 GiB of 139.8 GiB are in use by this very process"
    paths = live(
        runs / "e0001", state="failed", cause=cause, cause_kind="out-of-memory", exit_code=1, ended=time.time()
    )
    paths.control.mkdir()
    (paths.control / "failure.json").write_text(json.dumps({"hint": "choose a smaller train.batch_size"}))
    async with opened(runs, size=(80, 24)) as (pilot, _):
        shown = await seen(pilot, "✗ failed", "smaller train.batch_size", "exit code 1")
        assert cause in " ".join(shown.split())


async def test_a_lost_run_shows_its_last_words(runs: Path) -> None:
    paths = live(runs / "e0001", pid=1, pid_start=-1.0, boot_id="gone")
    paths.log.write_text("epoch 3\nthe very last line\n")
    async with opened(runs) as (pilot, _):
        await seen(pilot, "? lost", "the worker died", "its last words", "the very last line")


async def test_before_the_first_step_the_worker_is_heard(runs: Path) -> None:
    paths = live(runs / "e0001", state="starting", step=0, epoch=0.0, best=None)
    for path in sorted(paths.series.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    paths.log.write_text("importing torch\n")
    async with opened(runs) as (pilot, _):
        await seen(pilot, "waiting for the first step", "importing torch")
        with open(paths.log, "a") as file:
            file.write("reading cifar10\n")
        await seen(pilot, "reading cifar10")
        live(paths.folder, step=1, epoch=0.1)
        with SeriesWriter(paths.series) as writer:
            writer.log(1, {"train/loss": 2.345, "epoch": 0.1})
        await seen(pilot, "2.345", "running")


async def test_points_are_on_screen_within_half_a_second(runs: Path) -> None:
    paths = live(runs / "e0001")
    async with opened(runs) as (pilot, _):
        await seen(pilot, "train", "validation")
        delays = []
        for turn in range(4):
            began = time.monotonic()
            with SeriesWriter(paths.series) as writer:
                writer.log(1000 + turn, {"val/loss": 0.7111 + turn / 100})
            await seen(pilot, f"{0.7111 + turn / 100:.4f}")
            delays.append(time.monotonic() - began)
        assert min(delays) < 0.5, delays


async def test_text_of_the_run_cannot_act_on_the_terminal_or_the_markup(runs: Path) -> None:
    evil = "[red]\x1b]0;owned\x07[/nope] \u202e\x9b31m"
    paths = live(runs / "e0001", state="failed", cause=evil, device=evil, ended=time.time())
    info = json.loads(paths.run.read_text())
    info["experiment"], info["settings"]["model"]["name"] = evil, evil
    paths.run.write_text(json.dumps(info))
    for path in (paths.log, paths.notes):
        path.write_text(evil * 3)
    model = json.loads(paths.model.read_text())
    model["layers"][0] |= {"name": evil, "type": evil, "output_shape": [evil]}
    paths.model.write_text(json.dumps(model))
    data = json.loads(paths.data.read_text())
    data["note"], data["classes"][0], data["splits"]["train"]["classes"][evil] = evil, evil, 5
    paths.data.write_text(json.dumps(data))
    evaluation = next(paths.evaluation.iterdir())
    content = json.loads(evaluation.read_text())
    content["classes"][0] = content["per_class"][0]["class"] = content["samples"][0]["input"] = evil
    content["metrics"][evil] = 1.0
    evaluation.write_text(json.dumps(content))
    append_event(paths, "finding", kind="x", level="error", message=evil)
    with SeriesWriter(paths.series) as writer:
        writer.log(1, {f"train/{evil.replace('/', '')}": 1.0})
    async with opened(runs, size=(160, 48)) as (pilot, _):
        for number in range(1, len(TITLES) + 1):
            await press(pilot, str(number))
            await pilot.pause(0.4)
            shown = screen_text(pilot)
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for c in shown.replace("\n", ""))
        await press(pilot, "exclamation_mark")
        await seen(pilot, safe(evil)[:10])


# tabs


async def test_tabs_turn_by_arrows_letters_numbers_and_clicks(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        for key, title in [("right", "Data"), ("l", "Evaluation"), ("tab", "Checkpoints"), ("h", "Evaluation"),
                           ("left", "Data"), ("shift+tab", "Curves"), ("left", "System"), ("right", "Curves"),
                           ("5", "Model"), ("8", "Notes")]:  # fmt: skip
            await press(pilot, key)
            assert title == screen.tab.TITLE
        line = screen_text(pilot).splitlines()[2]
        await pilot.click("TabLine", offset=(line.index("Log"), 0))
        await until(pilot, lambda: screen.tab.TITLE == "Log")


async def test_only_the_tab_in_sight_exists_and_is_read(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        assert len(screen.query("RunTab")) == 1
        await press(pilot, "6")
        await until(pilot, lambda: len(screen.query("RunTab")) == 2)
        assert [tab.TITLE for tab in screen.query("RunTab") if tab.display] == ["Log"]


async def test_the_data_tab_shows_classes_majority_and_leaks(runs: Path) -> None:
    path = runs / "e0001" / "data.json"
    content = json.loads(path.read_text())
    content["duplicates"]["train/test"] = {"rows": 773, "distinct": 201}
    content["note"] = "Half of it is threes."
    path.write_text(json.dumps(content))
    async with opened(runs) as (pilot, _):
        await press(pilot, "2")
        await seen(pilot, "train 1,160", "validation 280", "always answering 3 scores", "773 test rows (201 distinct)",
                   "Half of it", "10.0 %")  # fmt: skip


async def test_the_evaluation_tab_goes_back_and_forth(runs: Path) -> None:
    folder = runs / "e0001" / "evaluation"
    content = json.loads(next(folder.iterdir()).read_text())
    for step, epoch in ((60, 1.0), (120, 2.0)):
        changed = {**content, "split": "val", "step": step, "epoch": epoch, "metrics": {"val/accuracy": step / 1000}}
        (folder / f"val-{step:08d}.json").write_text(json.dumps(changed))
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        await seen(pilot, "test   epoch 10", "best checkpoint", "3 of 3", "precision", "predicted", "row 0")
        await press(pilot, "left_square_bracket")
        await seen(pilot, "validation   epoch 2", "0.1200", "2 of 3")
        await press(pilot, "left_square_bracket", "left_square_bracket")
        await seen(pilot, "epoch 1", "1 of 3")
        await press(pilot, "right_square_bracket", "right_square_bracket", "right_square_bracket")
        await seen(pilot, "3 of 3")
        await press(pilot, "t")
        await seen(pilot, "validation   epoch 2", "2 of 3")
        await press(pilot, "t")
        await seen(pilot, "test   epoch 10")


async def test_the_other_split_is_shown_at_the_best_step(runs: Path) -> None:
    folder = runs / "e0001" / "evaluation"
    content = json.loads(next(folder.iterdir()).read_text())
    best = load_run(RunPaths(runs / "e0001")).state.best
    assert best is not None
    for split, step in (("test", int(best["step"])), ("test", 9_000), ("val", 9_000)):
        (folder / f"{split}-{step:08d}.json").write_text(json.dumps({**content, "split": split, "step": step}))
    async with opened(runs) as (pilot, _):
        await press(pilot, "3")
        await seen(pilot, "validation", "step 9,000")
        await press(pilot, "t")
        await seen(pilot, "test", f"step {best['step']:,}")


async def test_the_model_tab_adds_up(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        await press(pilot, "5")
        await seen(pilot, "Linear", "4,160", "4,810 parameters, all trainable", "weights 19.2 kB")


async def test_the_settings_tab_tells_what_is_no_default_and_where_the_run_came_from(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await press(pilot, "7")
        await seen(pilot, "optimizer", "batch_size", "differs from the default")
        plain = screen.tab.query_one(LinesPane).plain
        assert "git commit" in plain
        assert "engine train digits-mlp" in plain
        assert "torch" in plain


async def test_where_a_run_was_continued_is_marked(runs: Path) -> None:
    maker = Maker(runs, 60)
    child = RunPaths(maker.make(2, time.time() - 300, end="finished", experiment="digits-mlp"))
    for path in child.series.rglob("*.f8"):
        path.unlink()
    with SeriesWriter(child.series) as writer:
        for step in range(510, 1010, 10):
            writer.log(step, {"train/loss": 0.5, "val/loss": 0.6, "epoch": step / 60})
    info = json.loads(child.run.read_text())
    child.run.write_text(json.dumps({**info, "parent": "e0001:best"}))
    async with opened(runs, "e0002") as (pilot, _):
        await seen(pilot, "continued", "from e0001:best")


async def test_the_settings_tab_tells_the_largest_batch_that_was_found(runs: Path) -> None:
    run = runs / "e0001"
    info = json.loads((run / "run.json").read_text())
    info["settings"]["train"]["batch_size"] = "max"
    (run / "run.json").write_text(json.dumps(info))
    (run / "batch_size.json").write_text('{"samples": 4096}')
    async with opened(runs) as (pilot, _):
        await press(pilot, "7")
        await seen(pilot, "max (4,096 fit)")


async def test_notes_are_shown_and_edited_outside(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = []
    monkeypatch.setattr("tui.editing.editor", lambda: ["ed"])
    monkeypatch.setattr("tui.editing.run_editor", lambda app, command, path, line=1: edited.append((command, path)))
    async with opened(runs) as (pilot, _):
        await press(pilot, "8")
        await seen(pilot, "Motivation")
        (runs / "e0001" / "notes.md").write_text("# Results\n\nIt works.\n")
        await seen(pilot, "It works.")
        await press(pilot, "E")
        assert edited == [(["ed"], runs / "e0001" / "notes.md")]


async def test_a_search_begins_anew_whatever_was_typed_before(runs: Path) -> None:
    (runs / "e0001" / "log.txt").write_text("".join(f"line{i}\n" for i in range(2000)))
    async with opened(runs) as (pilot, screen):
        await press(pilot, "6", "slash", *"nothing", "escape", "slash", *"line7", "enter")
        await until(pilot, lambda: "· line7: " in screen.tab.status.text())
        await press(pilot, "slash", *"line9", "enter")
        await until(pilot, lambda: "· line9: " in screen.tab.status.text())


async def test_the_log_follows_searches_and_goes_to_its_ends(runs: Path) -> None:
    paths = live(runs / "e0001")
    paths.log.write_text("".join(f"line {n}\n" for n in range(5_000)) + "Needle here\n" + "hay\n" * 500)
    async with opened(runs) as (pilot, screen):
        await press(pilot, "6")
        await seen(pilot, "follows the end")
        with open(paths.log, "a") as file:
            file.write("10%|#\r100%|##########\nnewest line\n")
        shown = await seen(pilot, "newest line")
        assert "10%|#\\r" not in shown
        assert "100%|##########" in shown
        await press(pilot, "g")
        await seen(pilot, "line 0", "at 0 %")
        await press(pilot, "slash", *"needle", "enter")
        await seen(pilot, "Needle here")
        await press(pilot, "n")
        await seen(pilot, "went round")
        await press(pilot, "escape", "G")
        await seen(pilot, "newest line", "follows the end")
        assert screen.tab.TITLE == "Log"


async def test_damaged_parts_say_so_and_the_rest_works(runs: Path) -> None:
    folder = runs / "e0001"
    (folder / "data.json").write_text("{")
    (folder / "model.json").write_text("[]")
    next((folder / "evaluation").iterdir()).write_text('{"confusion": [[1, 2], "x"]}')
    next((folder / "checkpoints").glob("step-*/checkpoint.json")).write_text("{}")
    async with opened(runs) as (pilot, _):
        said = {
            "2": "data.json is damaged",
            "5": "model.json is not as it should be",
            "3": "matrix is not as it should be",
        }
        for key, words in {**said, "4": "checkpoint.json cannot be read"}.items():
            await press(pilot, key)
            await seen(pilot, words)
        await press(pilot, "1")
        await seen(pilot, "learning rate")


# curves


async def test_the_keys_of_the_curves(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "loss", "accuracy", "learning rate", "majority 0.102", "epoch")
        await press(pilot, "x")
        await seen(pilot, "x axis: time since the start")
        await press(pilot, "x", "x")
        await seen(pilot, "x axis: step")
        await press(pilot, "s")
        await seen(pilot, "smoothing 0.9")
        await press(pilot, "L")
        assert [chart.plot.log_y for chart in screen.tab.charts] == [True, False, True]
        await press(pilot, "f")
        assert [panel.title for panel in screen.tab.grid.shown] == ["loss"]
        await press(pilot, "p")
        assert [panel.title for panel in screen.tab.grid.shown] == ["accuracy"]
        await press(pilot, "enter")
        assert [panel.title for panel in screen.tab.grid.shown] == ["loss", "accuracy", "learning rate"]
        await press(pilot, "z")
        assert screen.tab.charts[0].plot.zoom == pytest.approx((305, 600), abs=6)
        await press(pilot, "Z")
        assert screen.tab.charts[0].plot.zoom is None
        await press(pilot, "comma")
        assert screen.tab.charts[0].plot.cursor is not None


async def test_what_was_measured_of_the_machine_has_a_tab(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        await seen(pilot, "loss")
        await press(pilot, "9")
        await seen(pilot, "Nothing was measured")
        with SeriesWriter(RunPaths(runs / "e0001").series) as writer:
            for step in range(10, 100, 10):
                writer.log(step, {"time/samples_per_second": 900.0 + step, "system/memory/gpu0": 0.5})
        await seen(pilot, "samples_per_second", "memory", "990")


async def test_a_resumed_run_shows_where(runs: Path) -> None:
    append_event(RunPaths(runs / "e0001"), "resumed", step=300)
    async with opened(runs) as (pilot, _):
        await seen(pilot, "resumed")


async def test_a_metric_is_added_and_taken_away(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "learning rate")
        await press(pilot, "plus")
        await seen(pilot, "a new panel", "macro_f1")
        await press(pilot, "enter", "escape")
        await until(pilot, lambda: [panel.title for panel in screen.tab._panels][-1] == "macro_f1")
        await seen(pilot, "macro_f1")
        await press(pilot, "plus", "shift+tab", "ctrl+d", "escape")
        await until(pilot, lambda: len([c for c in screen.tab.charts if c.display]) == 3)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (20, 5), (40, 12), (300, 80), (1, 1)])
async def test_every_tab_at_every_size(runs: Path, size: tuple[int, int]) -> None:
    append_event(RunPaths(runs / "e0001"), "warning", message="a warning " * 20)
    async with opened(runs, size=size) as (pilot, screen):
        for number, title in enumerate(TITLES, 1):
            await press(pilot, str(number))
            await pilot.pause(0.1)
            assert title == screen.tab.TITLE
        if size[0] >= 80:
            await press(pilot, "1")
            await seen(pilot, "loss", "accuracy", "train", "validation", "epoch")


async def test_the_terminal_may_change_its_size(runs: Path) -> None:
    async with opened(runs, size=(200, 60)) as (pilot, _):
        await seen(pilot, "learning rate")
        for size in ((80, 24), (20, 5), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
        await seen(pilot, "learning rate", "majority")


# findings


async def test_the_newest_finding_stands_below_and_all_behind_a_key(runs: Path) -> None:
    paths = live(runs / "e0001")
    async with opened(runs) as (pilot, _):
        await seen(pilot, "loss")
        append_event(paths, "finding", kind="o", level="warning", message="val loss rises", epoch=3.0, step=10)
        await seen(pilot, "! val loss rises (epoch 3)")
        append_event(paths, "warning", message="slow disk")
        await seen(pilot, "slow disk", "1 of 2")
        await press(pilot, "exclamation_mark")
        await seen(pilot, "Findings and warnings of e0001", "val loss rises", "slow disk")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
