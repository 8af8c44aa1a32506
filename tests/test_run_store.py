"""What is read of one run's folder: whole, growing, damaged and foreign ones."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from benchmarks.make_runs import Maker
from engine.events import append_event
from engine.processes import boot_id, hostname, process_start
from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tui.run_log import LogWindow, clean, find, last_lines
from tui.run_store import RunStore as Store
from tui.run_store import Wants

SERIES = ("train/loss", "val/loss", "train/accuracy", "val/accuracy", "lr", "epoch")
CURVES = Wants("curves", SERIES)


@pytest.fixture
def finished(tmp_path: Path) -> RunPaths:
    return RunPaths(Maker(tmp_path / "runs", 40).make(1, time.time() - 3600, end="finished"))


def live(paths: RunPaths) -> RunPaths:
    """The run as if this very process trained it."""
    state = load_run(paths).state
    state.state, state.host, state.boot_id, state.ended = "running", hostname(), boot_id(), None
    state.pid, state.pid_start = os.getpid(), process_start(os.getpid())
    write_state(paths, state)
    return paths


def test_a_finished_run_is_read_once_and_then_only_looked_at(finished: RunPaths) -> None:
    store = Store(finished)
    snapshot = store.tick(CURVES)
    assert snapshot is not None
    assert (snapshot.status, snapshot.ended, snapshot.alive) == ("finished", True, False)
    assert set(SERIES) <= set(snapshot.series)
    assert snapshot.points == 40 * len(SERIES)
    assert snapshot.best is not None
    assert snapshot.best[0] == "val/accuracy"
    assert snapshot.majority == ("3", 0.1017)
    assert store.tick(CURVES) is None
    assert store.interval >= 1.0


def test_a_run_that_continues_another_is_one_curve_with_it(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs", 40)
    parent, child = (RunPaths(maker.make(n, 1_700_000_000.0 + 9000 * n, end="finished")) for n in (1, 2))
    for path in child.series.rglob("*.f8"):
        path.unlink()
    with SeriesWriter(child.series) as writer:
        for step in range(310, 610, 10):
            writer.log(step, {"train/loss": 7.0, "epoch": step / 40}, time=1_700_100_000.0 + step)
    info = json.loads(child.run.read_text())
    child.run.write_text(json.dumps({**info, "parent": f"{parent.id}:best"}))
    store = Store(child)
    snapshot = store.tick(CURVES)
    assert snapshot is not None
    points = store.caches["train/loss"].points()
    assert points.step.tolist() == list(range(10, 610, 10))
    assert set(points.last[30:]) == {7.0}
    assert snapshot.joint is not None
    assert snapshot.joint[0] == 300
    assert snapshot.pauses[0] == (snapshot.joint[1], 1_700_100_310.0), "the time between the two does not count"


def test_points_that_are_appended_arrive_at_the_next_tick(finished: RunPaths) -> None:
    store = Store(live(finished))
    first = store.tick(CURVES)
    assert first is not None
    assert store.tick(CURVES) is None
    with SeriesWriter(finished.series) as writer:
        writer.log(410, {"train/loss": 0.123, "val/loss": 0.2})
    second = store.tick(CURVES)
    assert second is not None
    assert second.points == first.points + 2
    assert store.caches["train/loss"].last[2] == 0.123  # type: ignore[index]
    assert store.interval <= 0.4


def test_a_series_that_appears_later_is_found(finished: RunPaths) -> None:
    store = Store(live(finished))
    store.tick(CURVES)
    with SeriesWriter(finished.series) as writer:
        writer.log(1, {"system/power/gpu0": 300.0, "val/new": 1.0})
    snapshot = store.tick(Wants("curves", (*SERIES, "val/new")))
    assert snapshot is not None
    assert {"system/power/gpu0", "val/new"} <= set(snapshot.series)
    assert store.caches["val/new"].count == 1


def test_series_are_not_read_for_other_tabs(finished: RunPaths) -> None:
    store = Store(live(finished))
    store.tick(CURVES)
    store.tick(Wants("log"))
    with SeriesWriter(finished.series) as writer:
        writer.log(410, {"train/loss": 0.123})
    assert store.tick(Wants("log")) is None
    assert store.caches["train/loss"].count == 40
    assert store.tick(CURVES) is not None
    assert store.caches["train/loss"].count == 41


def test_findings_and_warnings_newest_first_as_they_are_written(finished: RunPaths) -> None:
    store = Store(live(finished))
    snapshot = store.tick(CURVES)
    assert snapshot is not None
    assert not snapshot.findings
    append_event(finished, "finding", kind="overfitting", level="warning", message="val loss rises", epoch=12, step=600)
    append_event(finished, "warning", message="slow disk")
    with open(finished.events, "ab") as file:
        file.write(b'{"event": "finding", "message": "half a li')
    snapshot = store.tick(CURVES)
    assert snapshot is not None
    assert [finding.message for finding in snapshot.findings] == ["slow disk", "val loss rises"]
    assert snapshot.findings[1].epoch == 12
    assert snapshot.finding_count == 2
    append_event(finished, "finding", kind="nan", level="error", message="loss is NaN")
    snapshot = store.tick(CURVES)
    assert snapshot is not None
    assert (snapshot.findings[0].message, snapshot.findings[0].level) == ("loss is NaN", "error")


def test_foreign_lines_among_the_events_are_passed_over(finished: RunPaths) -> None:
    with open(finished.events, "ab") as file:
        file.write(b"\xff\xfe\n[1, 2]\nnull\n" + b"[" * 5000 + b"\n" + b'{"event": 3}\n' + b"x" * 3_000_000 + b"\n")
    append_event(finished, "warning", message="still read")
    snapshot = Store(finished).tick(CURVES)
    assert snapshot is not None
    assert [finding.message for finding in snapshot.findings] == ["still read"]


def test_the_pause_between_two_sittings_is_known(finished: RunPaths) -> None:
    finished.events.write_text(
        '{"time": 100.0, "event": "started"}\n{"time": 160.0, "event": "stopped"}\n'
        '{"time": 500.0, "event": "resumed", "step": 10}\n'
    )
    snapshot = Store(finished).tick(CURVES)
    assert snapshot is not None
    assert snapshot.pauses == ((160.0, 500.0),)


def test_a_dead_worker_is_lost_with_its_last_words(finished: RunPaths) -> None:
    state = load_run(finished).state
    state.state, state.pid, state.pid_start, state.boot_id = "running", 1, -1.0, "gone"
    write_state(finished, state)
    finished.log.write_text("epoch 1\n\n\x1b[31mabout to die\x1b[0m\n")
    snapshot = Store(finished).tick(CURVES)
    assert snapshot is not None
    assert snapshot.status == "lost"
    assert snapshot.log_end == ("epoch 1", "about to die")


def test_the_hint_a_failed_worker_left_is_shown(finished: RunPaths) -> None:
    state = load_run(finished).state
    state.state, state.cause, state.cause_kind = "failed", "CUDA out of memory", "out-of-memory"
    write_state(finished, state)
    finished.control.mkdir()
    (finished.control / "failure.json").write_text('{"cause": "x", "cause_kind": "y", "hint": "a smaller batch"}')
    snapshot = Store(finished).tick(CURVES)
    assert snapshot is not None
    assert snapshot.hint == "a smaller batch"


def test_evaluations_follow_the_newest_until_one_is_chosen(finished: RunPaths) -> None:
    store = Store(live(finished))
    snapshot = store.tick(Wants("evaluation"))
    assert snapshot is not None
    assert [key.split for key in snapshot.evaluations] == ["test"]
    content = json.loads((finished.evaluation / snapshot.evaluations[0].name).read_text())
    for step in (100, 500):
        (finished.evaluation / f"val-{step:08d}.json").write_text(json.dumps({**content, "split": "val", "step": step}))
    snapshot = store.tick(Wants("evaluation"))
    assert snapshot is not None
    assert [(key.split, key.step) for key in snapshot.evaluations] == [("val", 100), ("test", 400), ("val", 500)]
    assert snapshot.evaluation.table["step"] == 500
    snapshot = store.tick(Wants("evaluation", evaluation=snapshot.evaluations[0]))
    assert snapshot is not None
    assert snapshot.evaluation.table["step"] == 100


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"a": ' * 3000])
def test_damaged_documents_say_so_and_the_rest_works(finished: RunPaths, content: bytes) -> None:
    finished.data.write_bytes(content)
    finished.model.write_bytes(content)
    for path in finished.evaluation.iterdir():
        path.write_bytes(content)
    store = Store(finished)
    snapshot = store.tick(Wants("model"))
    assert snapshot is not None
    assert "model.json" in snapshot.model.problem
    assert "data.json" in snapshot.data.problem
    assert snapshot.status == "finished"
    snapshot = store.tick(Wants("evaluation"))
    assert snapshot is not None
    assert snapshot.evaluation.problem
    assert snapshot.majority is None
    assert snapshot.baseline("test") == pytest.approx(0.1017)


def test_an_empty_folder_is_a_run_in_the_making(tmp_path: Path) -> None:
    folder = tmp_path / "e0001"
    folder.mkdir()
    snapshot = Store(RunPaths(folder)).tick(CURVES)
    assert snapshot is not None
    assert snapshot.status == "queued"
    assert snapshot.series == ()
    assert snapshot.data.missing


def test_a_folder_full_of_the_wrong_things_is_still_shown(finished: RunPaths) -> None:
    finished.events.unlink()
    finished.events.mkdir()
    finished.log.unlink()
    finished.log.mkdir()
    finished.notes.unlink()
    finished.notes.symlink_to("/nowhere")
    finished.state.write_text("cut of")
    store = Store(finished)
    for tab in ("curves", "notes", "checkpoints", "model", "evaluation"):
        store.tick(Wants(tab, SERIES))
    assert store.snapshot is not None
    assert store.snapshot.status == "unreadable"
    assert any("state.json" in problem for problem in store.snapshot.run.problems)
    assert store.snapshot.points == 40 * len(SERIES)


def test_baselines_come_from_the_split_itself(finished: RunPaths) -> None:
    content = json.loads(finished.data.read_text())
    content["splits"]["validation"] = {"count": 4, "classes": {"3": 3, "1": 1}}
    content["majority"] = {"class": "3", "share": 0.5}
    finished.data.write_text(json.dumps(content))
    state = load_run(finished).state
    state.metrics = {"test/majority": 0.25}
    write_state(finished, state)
    snapshot = Store(finished).tick(CURVES)
    assert snapshot is not None
    assert snapshot.baseline("val") == 0.75
    assert snapshot.baseline("test") == 0.25


# log


def test_the_log_follows_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    window = LogWindow(path)
    assert window.update() is False
    path.write_text("one\ntw")
    assert window.update()
    assert [line.text for line in window.lines] == ["one", "tw"]
    with open(path, "a") as file:
        file.write("o\nthree\n")
    assert window.update()
    assert [line.text for line in window.lines] == ["one", "two", "three"]
    assert window.update() is False


def test_progress_bars_keep_their_last_state_and_colours_go(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"  0%|\r 50%|\r100%|done\n\x1b[31mred\x1b[0m \x1b]0;title\x07text\r\n\r\n")
    window = LogWindow(path)
    window.update()
    assert [line.text for line in window.lines] == ["100%|done", "red text", ""]


def test_only_a_window_of_a_huge_log_is_held(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with open(path, "w") as file:
        for number in range(200_000):
            file.write(f"line {number} of the log\n")
    window = LogWindow(path, window=64_000)
    window.update()
    assert window.lines[-1].text == "line 199999 of the log"
    assert sum(len(line.text) for line in window.lines) < 70_000
    window.show_start()
    assert window.lines[0].text == "line 0 of the log"
    assert not window.follows
    offset = find(path, "LINE 100000 of".lower(), 0)
    assert offset is not None
    window.show(offset)
    assert window.lines[window.index_at(offset)].text == "line 100000 of the log"


def test_a_log_that_grows_for_long_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    window = LogWindow(path, window=8_000)
    with open(path, "w") as file:
        for number in range(3_000):
            file.write(f"line {number}\n")
            if number % 100 == 0:
                file.flush()
                window.update()
    window.update()
    assert window.lines[-1].text == "line 2999"
    assert window.end - window.start <= 3 * 8_000
    assert window.lines[0].offset == window.start


def test_a_log_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("old\n" * 100)
    window = LogWindow(path)
    window.update()
    path.write_text("new\n")
    window.update()
    assert [line.text for line in window.lines] == ["new"]
    path.unlink()
    assert window.update()
    assert window.lines == []


def test_search_goes_both_ways_round_and_over_the_seams_of_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.run_log.PIECE", 16)
    path = tmp_path / "log.txt"
    path.write_text("needle one\n" + "hay hay hay\n" * 20 + "Needle two\n" + "hay\n" * 30)
    first, second = path.read_bytes().index(b"needle"), path.read_bytes().index(b"Needle")
    assert find(path, "needle", 0) == first
    assert find(path, "needle", first + 1) == second
    assert find(path, "needle", second + 1) == first
    assert find(path, "needle", second, forward=False) == first
    assert find(path, "needle", first, forward=False) == second
    assert find(path, "Needle", 0) == second
    assert find(path, "absent", 5) is None
    assert find(path, "needle", 0, cancelled=lambda: True) is None
    assert find(tmp_path / "none", "x", 0) is None


def test_last_words_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("x" * 40_000 + "\n\nlast but one\nlast\n\n")
    assert last_lines(path, 2) == ("last but one", "last")
    assert last_lines(tmp_path / "none") == ()


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    assert len(clean(b"a" * 1_000_000)) < 5_000
