"""The screen of a run: every tab, every key, every way a run can be; with real folders and real processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from textual.pilot import Pilot

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.processes import boot_id, hostname, process_start
from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tests.stand_in.running import Runner, runner
from tui.app import DltuiApp
from tui.screens.run import TITLES, RunScreen
from tui.store import Store
from tui.text import safe
from tui.widgets.lines_pane import LinesPane

__all__ = ["runner"]

Opener = Callable[..., Any]


@asynccontextmanager
async def opened(runs: Path, run_id: str = "e0001", size: tuple[int, int] = (120, 40)) -> Any:
    """The program, showing a run; yields a pilot and the screen once its first tab is there."""
    store = Store(runs)
    store.load()
    app = DltuiApp(store, open_run=run_id)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.tab is not None)
        yield pilot, app.screen


async def until(pilot: Pilot[Any], condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Let the program work until `condition` holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await pilot.pause(0.02)
        value = condition()
        if value:
            return value
    raise AssertionError(f"not within {seconds} s; on screen:\n{text(pilot)}")


def text(pilot: Pilot[Any]) -> str:
    """What is on screen."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def seen(pilot: Pilot[Any], *words: str) -> str:
    """Wait until all `words` are on screen; the screen's text."""
    await until(pilot, lambda: all(word in text(pilot) for word in words))
    return text(pilot)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with one finished run."""
    Maker(tmp_path / "runs", 60).make(1, time.time() - 600, end="finished", experiment="digits-mlp")
    return tmp_path / "runs"


def live(folder: Path, **fields: Any) -> RunPaths:
    """Make the run one that this very process seems to train."""
    paths = RunPaths(folder)
    state = load_run(paths).state
    state.state, state.host, state.boot_id, state.ended = "running", hostname(), boot_id(), None
    state.pid, state.pid_start, state.metrics = os.getpid(), process_start(os.getpid()), {}
    for name, value in fields.items():
        setattr(state, name, value)
    write_state(paths, state)
    return paths


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
            shown = text(pilot)
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
        line = text(pilot).splitlines()[2]
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


async def test_the_model_tab_adds_up(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        await press(pilot, "5")
        await seen(pilot, "Linear", "4,160", "4,810 parameters, all trainable", "weights 19.2 kB")


async def test_the_settings_tab_tells_what_is_no_default_and_where_the_run_came_from(runs: Path) -> None:
    async with opened(runs) as (pilot, screen):
        await press(pilot, "7")
        await seen(pilot, "optimizer", "batch_size", "differs from the defaults")
        plain = screen.tab.query_one(LinesPane).plain
        assert "git commit" in plain
        assert "engine train digits-mlp" in plain
        assert "torch" in plain


async def test_notes_are_shown_and_edited_outside(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = []
    monkeypatch.setattr("tui.editing.editor", lambda: ["ed"])
    monkeypatch.setattr("tui.editing.run_editor", lambda app, command, path, line=1: edited.append((command, path)))
    async with opened(runs) as (pilot, _):
        await press(pilot, "8")
        await seen(pilot, "# Motivation")
        (runs / "e0001" / "notes.md").write_text("# Results\n\nIt works.\n")
        await seen(pilot, "It works.")
        await press(pilot, "e")
        assert edited == [(["ed"], runs / "e0001" / "notes.md")]


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
        await seen(pilot, "x axis: time")
        await press(pilot, "x")
        await seen(pilot, "x axis: step")
        await press(pilot, "s")
        await seen(pilot, "smoothing 0.9")
        await press(pilot, "L")
        assert [chart.plot.log_y for chart in screen.tab.charts] == [True, False, True]
        await press(pilot, "f")
        assert [chart.display for chart in screen.tab.charts] == [True, False, False]
        await press(pilot, "f", "f", "f")
        assert all(chart.display for chart in screen.tab.charts)
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
        await seen(pilot, "Add a metric", "macro_f1")
        await press(pilot, "enter")
        await until(pilot, lambda: [panel.title for panel in screen.tab._panels][-1] == "macro_f1")
        await seen(pilot, "macro_f1")
        await press(pilot, "plus", "enter")
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


# asking


async def test_stop_asks_once_and_stays_stopping_until_it_is(runner: Runner) -> None:
    paths = runner.running("wait")
    async with opened(runner.runs.root) as (pilot, _):
        await press(pilot, "S")
        await seen(pilot, "Stop e0001?", "saves a checkpoint first")
        await press(pilot, "escape")
        assert not (paths.control / "stop").exists()
        await press(pilot, "S", "enter")
        await seen(pilot, "■ stopped")
    assert load_run(paths).state.exit_code == 130


async def test_a_worker_that_does_not_stop_is_stopped_at_once(runner: Runner) -> None:
    paths = runner.running("deaf")
    async with opened(runner.runs.root) as (pilot, _):
        os.kill(load_run(paths).state.supervisor_pid or 0, 0)
        await press(pilot, "S", "enter")
        await until(pilot, lambda: (paths.control / "stop").exists())
        shown = await until(pilot, lambda: any(w in text(pilot) for w in ("stopping", "stopped")) and text(pilot))
        if "stopped" not in shown:
            await press(pilot, "S")
            await seen(pilot, "at once")
            await press(pilot, "enter")
        await seen(pilot, "■ stopped")


async def test_a_checkpoint_is_asked_for(runner: Runner) -> None:
    paths = runner.running("wait")
    async with opened(runner.runs.root) as (pilot, _):
        await press(pilot, "c")
        await seen(pilot, "Asked for a checkpoint")
        await until(pilot, lambda: (paths.control / "checkpoint").exists())


async def test_a_stopped_run_is_resumed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = runner.start("exit 130")
    await_end(paths)
    from engine.resume import resume

    calls = []
    monkeypatch.setattr(
        "engine.resume.resume",
        lambda runs, run_id, grow=(): calls.append(grow) or resume(runs, run_id, grow, worker="tests.stand_in.worker"),
    )
    monkeypatch.setenv("DLTUI_STUB", "wait")
    async with opened(runner.runs.root) as (pilot, _):
        await seen(pilot, "■ stopped")
        await press(pilot, "r")
        await seen(pilot, "Resume e0001?")
        await press(pilot, "enter")
        await seen(pilot, "● running")
    assert calls == [()]


def await_end(paths: RunPaths) -> None:
    from engine.launch import wait

    wait(paths, 30)


async def test_a_finished_run_goes_on_for_longer(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("engine.resume.resume", lambda runs, run_id, grow=(): calls.append((run_id, grow)))
    async with opened(runs) as (pilot, _):
        await press(pilot, "r")
        await seen(pilot, "reached train.epochs = 10")
        await press(pilot, "enter")
        await seen(pilot, "give a larger number")
        await press(pilot, "r", "backspace", "backspace", "2", "0", "enter")
        await until(pilot, lambda: calls)
    assert calls == [("e0001", ("train.epochs=20",))]


async def test_what_cannot_be_done_is_said_and_nothing_lost(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.errors import NoDeviceError

    def busy(*_: object) -> None:
        raise NoDeviceError("cuda:0 is taken by pid 8121 of mira", hint="engine queue add waits for it")

    monkeypatch.setattr("engine.resume.resume", busy)
    paths = RunPaths(runs / "e0001")
    state = load_run(paths).state
    state.state = "stopped"
    write_state(paths, state)
    async with opened(runs) as (pilot, _):
        await press(pilot, "r", "enter")
        await seen(pilot, "taken by pid 8121", "waits for it", "■ stopped")


async def test_a_checkpoint_is_deleted_once_confirmed_but_never_best_or_last(runs: Path) -> None:
    folder = runs / "e0001" / "checkpoints"
    template = folder / os.readlink(folder / "last")
    middle = folder / "step-00000020"
    middle.mkdir()
    for file in template.iterdir():
        (middle / file.name).write_bytes(file.read_bytes())
    async with opened(runs) as (pilot, screen):
        await press(pilot, "4")
        await seen(pilot, "last", "best", "step-00000020")
        await press(pilot, "d")
        await seen(pilot, "it stays")
        await press(pilot, "G", "d")
        await seen(pilot, "Delete step-00000020?")
        await press(pilot, "enter")
        await until(pilot, lambda: not middle.exists())
        await until(pilot, lambda: len(screen.tab.list.items) == 2)


async def test_a_checkpoint_is_scored_in_a_process_of_its_own(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.run_actions import Evaluation

    asked: list[Any] = []

    def scored(root: Path, reference: str, closing: object) -> Evaluation:
        asked.append((root, reference))
        return Evaluation(f"{reference}   test/accuracy 0.9000")

    monkeypatch.setattr("tui.run_actions.evaluate", scored)
    async with opened(runs) as (pilot, _):
        await press(pilot, "4")
        await seen(pilot, "best")
        await press(pilot, "v")
        await seen(pilot, "e0001:last   test/accuracy 0.9000")
    assert asked == [(runs, "e0001:last")]


@pytest.mark.parametrize("prefix", ["", "test/"])
def test_the_answer_of_an_evaluation_in_a_line(prefix: str) -> None:
    from tui.run_actions import _outcome

    answer = json.dumps({"metrics": {f"{prefix}accuracy": 0.9889, f"{prefix}majority": 0.1028, "x": 1}}).encode()
    told = _outcome("e0001:best", "test", 0, answer, b"")
    assert told.words == "e0001:best   test/accuracy 0.9889 · test/majority 0.1028"
    assert _outcome("e0001:best", "test", 0, b"nothing", b"").failed
    failed = _outcome("e0001:best", "test", 3, b"", b"engine: no checkpoint 'best'\n")
    assert failed.failed
    assert "no checkpoint 'best'" in failed.words


async def test_a_read_only_run_says_why_and_refuses(runs: Path) -> None:
    live(runs / "e0001", host="elsewhere", updated=time.time())
    async with opened(runs) as (pilot, _):
        await seen(pilot, "runs on elsewhere; act on it there")
        await press(pilot, "S")
        await seen(pilot, "Read-only")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_a_run_that_vanishes_does_not_end_the_program(runs: Path) -> None:
    import shutil

    async with opened(runs) as (pilot, _):
        await seen(pilot, "loss")
        shutil.rmtree(runs / "e0001")
        await seen(pilot, "cannot be reached")
        for number in range(1, len(TITLES) + 1):
            await press(pilot, str(number))


async def test_escape_goes_back_and_the_thread_ends(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        await seen(pilot, "loss")
        await press(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RunScreen))
        await until(pilot, lambda: not [w for w in pilot.app.workers if w.group == "run"])


async def test_an_ended_run_is_not_drawn_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(runs) as (pilot, screen):
        await seen(pilot, "learning rate")
        await pilot.pause(0.5)
        taken: list[Awaitable[None]] = []
        monkeypatch.setattr(screen.head, "show", taken.append)
        await pilot.pause(1.3)
        assert not taken


async def test_a_new_run_starts_from_a_checkpoint_with_the_runs_own_settings(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def launch(_: object, request: Any) -> RunPaths:
        asked.append(request)
        return RunPaths(runs / "e0001")

    monkeypatch.setattr("engine.launch.launch", launch)
    path = runs / "e0001" / "run.json"
    info = json.loads(path.read_text())
    info["settings"]["optimizer"] = {"name": "Adam", "lr": 0.0123}
    info["settings"]["model"] = {"name": "mlp", "hidden": [64]}
    path.write_text(json.dumps(info))
    async with opened(runs) as (pilot, _):
        await press(pilot, "4")
        await seen(pilot, "last", "best")
        await press(pilot, "n")
        await seen(pilot, "Launch digits-mlp from e0001:last", "train --from")
        await press(pilot, "enter")
        await until(pilot, lambda: asked)
    assert asked[0].parent == "e0001:last"
    assert asked[0].settings.optimizer == {"name": "Adam", "lr": 0.0123}


ODD = [None, "NaN", "inf", "-inf", -1, 0, 1e300, 10**17, 2**70, "x" * 300, "\x1b[31m", [], {}, [[]], {"a": 1}, True, ""]


def mutated(value: Any, random: Random, share: float) -> Any:
    """`value` with a share of its parts left out or replaced by something odd."""
    if random.random() < share:
        return random.choice(ODD)
    if isinstance(value, dict):
        return {key: mutated(item, random, share) for key, item in value.items() if random.random() > share / 2}
    if isinstance(value, list):
        return [mutated(item, random, share) for item in value if random.random() > share / 3]
    return value


async def test_odd_values_anywhere_in_the_folder_end_nothing(runs: Path) -> None:
    paths = RunPaths(runs / "e0001")
    files = [paths.run, paths.state, paths.data, paths.model, paths.marks, next(paths.evaluation.iterdir()),
             next(paths.checkpoints.glob("step-*/checkpoint.json"))]  # fmt: skip
    whole = {file: json.loads(file.read_text()) for file in files}
    async with opened(runs, size=(110, 40)) as (pilot, screen):
        for seed in range(8):
            random = Random(seed)
            for file, content in whole.items():
                file.write_text(json.dumps(mutated(content, random, random.choice([0.02, 0.1, 0.3]))))
            append_event(paths, "finding", message=random.choice(ODD), epoch=random.choice(ODD))
            for number in range(1, len(TITLES) + 1):
                await press(pilot, str(number))
                before = screen.snapshot
                screen.store.tick(screen._wants, force=True)
                screen.look_again()
                await pilot.pause(0.02)
                assert TITLES[number - 1] == screen.tab.TITLE, f"seed {seed}: {before.run.problems}"
            await press(pilot, "exclamation_mark", "escape")
        assert not [worker.error for worker in pilot.app.workers if worker.error]
