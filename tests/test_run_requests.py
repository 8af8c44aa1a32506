"""What a run is asked for from its screen: stop, checkpoint, resume, delete, evaluate, a new run from a checkpoint."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.events import append_event
from engine.records import RunPaths
from engine.runs import RunsFolder, load_run, write_state
from tests.run_world import live, opened, runs
from tests.stand_in.running import Runner, runner
from tests.tui_world import press, screen_text, seen, until
from tui.screens.run import TITLES, RunScreen

__all__ = ["runner", "runs"]


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
        shown = await until(
            pilot, lambda: any(w in screen_text(pilot) for w in ("stopping", "stopped")) and screen_text(pilot)
        )
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
        await seen(pilot, "Resume e0001?", "this run goes on", "a new run from its best")
        await press(pilot, "enter")
        await seen(pilot, "reached train.epochs = 10")
        assert "stays where it ended" not in screen_text(pilot), "it has no schedule"
        for typed, said in (("10", "give a larger number"), ("ten", "'ten' is no number")):
            await press(pilot, *["backspace"] * 3, *typed, "enter")
            await seen(pilot, said, "go on up to")
        assert not calls
        await press(pilot, *["backspace"] * 3, "2", "5", "enter")
        await until(pilot, lambda: calls)
    assert calls == [("e0001", ("train.epochs=25",))]


async def test_that_the_schedule_is_over_is_said_before_a_run_goes_on(runs: Path) -> None:
    path = runs / "e0001" / "run.json"
    info = json.loads(path.read_text())
    info["settings"]["scheduler"] = {"name": "CosineAnnealingLR", "T_max": "auto"}
    info["settings"]["train"]["epochs"] = 4  # it was resumed for longer once already
    path.write_text(json.dumps(info))
    control = runs / "e0001" / "control"
    control.mkdir(exist_ok=True)
    (control / "limits.json").write_text('{"train.epochs": 10}')
    async with opened(runs) as (pilot, _):
        await press(pilot, "r", "enter")
        await seen(pilot, "reached train.epochs = 10", "fitted to train.epochs = 4 and is over", "of its own")


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

    def scored(root: Path, reference: str, closing: object, split: str) -> Evaluation:
        asked.append((root, reference, split))
        return Evaluation(f"{reference}   test/accuracy 0.9000")

    monkeypatch.setattr("tui.run_actions.evaluate", scored)
    async with opened(runs) as (pilot, _):
        await press(pilot, "4")
        await seen(pilot, "best")
        await press(pilot, "v")
        await seen(pilot, "e0001:last   test/accuracy 0.9000")
    assert asked == [(runs, "e0001:last", "test")]


async def test_a_run_without_a_test_split_is_scored_on_its_validation_set(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.run_actions import Evaluation

    path = runs / "e0001" / "data.json"
    content = json.loads(path.read_text())
    for splits, wanted in ((["train", "val_easy", "val_hard"], "val_easy"), (["train", "validation"], "validation")):
        path.write_text(json.dumps({**content, "splits": {name: {"count": 10} for name in splits}}))
        asked: list[str] = []

        def scored(root: Path, reference: str, closing: object, split: str, asked: list[str] = asked) -> Evaluation:
            asked.append(split)
            return Evaluation(f"scored on {split}")

        monkeypatch.setattr("tui.run_actions.evaluate", scored)
        async with opened(runs) as (pilot, _):
            await press(pilot, "4")
            await seen(pilot, "best")
            await press(pilot, "v")
            await seen(pilot, f"scored on {wanted}")
        assert asked == [wanted]


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
        await seen(pilot, "e0001 is not there any more: its folder was removed")
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
    last = runs / "e0001" / "checkpoints" / "last" / "checkpoint.json"
    last.write_text(json.dumps({**json.loads(last.read_text()), "loop": {"lr": 3e-4}}))
    async with opened(runs) as (pilot, _):
        await press(pilot, "4")
        await seen(pilot, "last", "best")
        await press(pilot, "n")
        await seen(pilot, "Launch digits-mlp from e0001:last", "train --from")
        await seen(pilot, "e0001:last has reached train.epochs = 10 already")
        await press(pilot, "tab", *"train.epochs=20", "enter")
        await seen(pilot, "begins at epoch 10 of 20", "learning rate 0.0003")
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


async def test_a_run_that_was_trashed_elsewhere_says_how_it_comes_back(runs: Path) -> None:
    async with opened(runs) as (pilot, _):
        await seen(pilot, "loss")
        RunsFolder(runs).move_to_trash("e0001")
        await seen(pilot, "e0001 was moved to the trash", "engine restore e0001")
        RunsFolder(runs).restore("e0001")
        await seen(pilot, "✓ finished")
