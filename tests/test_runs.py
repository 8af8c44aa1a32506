"""Run folders: ids, records read from damaged files, the trash, and what a kill leaves behind."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import NotFoundError, RunError
from engine.jsonio import encode, number, read_json, write_json
from engine.processes import boot_id, hostname, process_start
from engine.runs import (
    Marks,
    RunInfo,
    RunPaths,
    RunsFolder,
    State,
    StateName,
    append_event,
    finite_metrics,
    load_run,
    read_events,
    write_marks,
    write_state,
)
from tests.helpers import environment, wait_until


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    return RunsFolder(tmp_path / "runs")


def made(runs: RunsFolder, state: str = "finished", **fields: object) -> RunPaths:
    """A run folder with readable records."""
    paths = runs.new()
    write_json(paths.run, RunInfo(run=paths.id, experiment="x", settings={"seed": 0}))
    write_state(paths, State(state=state, **fields))
    return paths


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments], env=environment(), stdout=subprocess.PIPE, text=True
    )


def test_processes_at_once_never_get_the_same_id(runs: RunsFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.runs import RunsFolder\n"
        "runs = RunsFolder(Path(sys.argv[1]));"
        "print(*(runs.new().id for _ in range(20)))"
    )
    takers = [python(code, str(runs.root)) for _ in range(8)]
    ids = [run_id for taker in takers for run_id in taker.communicate(timeout=60)[0].split()]
    assert sorted(ids) == [f"e{number:04d}" for number in range(1, 161)] == runs.ids()


def test_an_id_is_never_used_again(runs: RunsFolder) -> None:
    for _ in range(3):
        made(runs)
    runs.move_to_trash("e0003")
    assert made(runs).id == "e0004"
    runs.move_to_trash("e0004")
    assert runs.empty_trash() == 2
    assert made(runs).id == "e0005"
    runs.move_to_trash("e0005")
    runs.empty_trash()
    (runs.own / "last-id").unlink()
    assert made(runs).id == "e0006", "the counter in .dltui may be lost"
    (runs.own / "last-id").write_bytes(b"\xff garbage")
    assert made(runs).id == "e0007"


def test_ids_beyond_four_digits_stay_in_order(runs: RunsFolder) -> None:
    (runs.root / "e9999").mkdir(parents=True)
    assert runs.new().id == "e10000"
    assert runs.ids() == ["e9999", "e10000"]


def test_foreign_things_are_not_runs(runs: RunsFolder) -> None:
    made(runs)
    for name in ("e12", "e012", "e00002", "E0009", "e٠٠٠٩", "data", "e0004x"):
        (runs.root / name).mkdir()
    (runs.root / "e0002").write_text("a file")
    (runs.root / "e0003").symlink_to("nowhere")
    (runs.root / "e0007").symlink_to("e0007")
    (runs.root / "e0009").symlink_to(runs.root / "e0001")
    assert runs.ids() == ["e0001", "e0009"], "a link to a run's folder is a run, the rest is not"
    with pytest.raises(NotFoundError):
        runs.find("e0002")
    with pytest.raises(NotFoundError):
        runs.find("../runs/e0001")
    assert runs.new().id == "e0010"
    (runs.root / "e0011").write_text("in the way")
    assert runs.new().id == "e0012"


def test_a_folder_without_records_is_being_made_or_was_never_started(runs: RunsFolder) -> None:
    paths = runs.new()
    assert load_run(paths).status == "queued"
    assert not load_run(paths).problems
    os.utime(paths.folder, (time.time() - 120,) * 2)
    run = load_run(paths)
    assert run.status == "failed"
    assert "never started" in (run.state.cause or "")
    assert run.problems


def test_a_launch_that_was_cut_off_does_not_wait_for_ever(runs: RunsFolder) -> None:
    paths = runs.new()
    for state in ("queued", "starting"):
        write_state(paths, State(state=state, host=hostname(), boot_id=boot_id()))
        os.utime(paths.folder)
        assert (load_run(paths).status, load_run(paths).problems) == (state, ())
        os.utime(paths.folder, (time.time() - 120,) * 2)
        assert load_run(paths).status == "failed"
    write_state(paths, State(state="finished"))
    assert load_run(paths).status == "finished", "it has only lost its run.json"


def test_a_runs_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot make a run in .*file") as caught:
        RunsFolder(tmp_path / "file").new()
    assert "--runs" in caught.value.hint


def test_trash_and_back(runs: RunsFolder) -> None:
    paths = made(runs)
    runs.move_to_trash(paths.id)
    with pytest.raises(NotFoundError) as caught:
        runs.find(paths.id)
    assert "engine restore e0001" in caught.value.hint
    runs.restore(paths.id)
    assert runs.find(paths.id).status == "finished"
    with pytest.raises(NotFoundError):
        runs.restore(paths.id)
    write_marks(paths, Marks(star=True))
    with pytest.raises(RunError, match="starred"):
        runs.move_to_trash(paths.id)


def test_a_living_run_is_not_trashed(runs: RunsFolder) -> None:
    here = {"host": hostname(), "boot_id": boot_id(), "pid": os.getpid(), "pid_start": process_start(os.getpid())}
    paths = made(runs, "running", **here)
    with pytest.raises(RunError, match="running"):
        runs.move_to_trash(paths.id)


def test_lost_is_derived_from_the_processes(runs: RunsFolder) -> None:
    me = {"host": hostname(), "boot_id": boot_id(), "pid": os.getpid(), "pid_start": process_start(os.getpid())}
    assert load_run(made(runs, "running", **me)).status == "running"
    assert load_run(made(runs, "running", **{**me, "pid_start": 1.0})).status == "lost", "the number was given again"
    assert load_run(made(runs, "running", **{**me, "boot_id": "another"})).status == "lost", "the box was rebooted"
    assert load_run(made(runs, "running", **{**me, "pid": 2**22 + 1, "pid_start": None})).status == "lost"
    assert load_run(made(runs, "running", **{**me, "pid": 10**30})).status == "lost"
    elsewhere = made(runs, "running", **{**me, "host": "elsewhere", "pid": 1})
    assert load_run(elsewhere).status == "running", "a fresh heartbeat"
    assert "elsewhere" in load_run(elsewhere).read_only_reason
    state = load_run(elsewhere).state
    state.updated = time.time() - 600
    write_json(elsewhere.state, state)
    assert load_run(elsewhere).status == "lost"


def test_a_run_that_ends_while_it_is_looked_at_is_not_lost(runs: RunsFolder) -> None:
    paths = made(runs, "running", host=hostname(), boot_id=boot_id(), pid=2**22 + 1, pid_start=5.0)
    run = load_run(paths)
    write_state(paths, State(state="finished"))
    assert run.status == "finished"


def test_a_newer_format_is_left_alone(runs: RunsFolder) -> None:
    paths = made(runs)
    write_json(paths.run, {"format": 99, "settings": "of another shape"})
    run = load_run(paths)
    assert any("format 99" in problem for problem in run.problems)
    write_json(paths.run, {"format": 99, "run": paths.id})
    assert "newer" in load_run(paths).read_only_reason
    with pytest.raises(RunError, match="newer"):
        runs.move_to_trash(paths.id)


def test_non_finite_numbers_survive(runs: RunsFolder) -> None:
    metrics = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.5}
    paths = made(runs, metrics=metrics, samples_per_second=math.nan)
    raw = json.loads(paths.state.read_text())
    assert raw["metrics"] == {"a": "NaN", "b": "inf", "c": "-inf", "d": 0.5}
    run = load_run(paths)
    assert not run.problems
    assert math.isnan(run.state.samples_per_second or 0)
    read = finite_metrics(run.state.metrics)
    assert math.isnan(read["a"])
    assert [read[name] for name in "bcd"] == [math.inf, -math.inf, 0.5]
    assert number(10**400) == math.inf
    assert math.isnan(number("abc"))
    assert math.isnan(number(None))


def test_json_takes_numpy_numbers_and_names_that_are_no_text() -> None:
    import numpy as np

    value = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": np.float64("nan"), "d": os.fsdecode(b"\xff")}
    assert json.loads(encode(value)) == {"a": 0.5, "b": [1, 2], "c": "NaN", "d": "?"}


garbage = st.one_of(
    st.binary(max_size=60),
    st.just(b"[" * 50_000),
    st.just(b""),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=6,
    ).map(encode),
)
one_wrong = st.builds(
    lambda field, value: encode({field: value}),
    st.sampled_from(sorted({*State.__struct_fields__, *RunInfo.__struct_fields__, *Marks.__struct_fields__})),
    st.one_of(
        st.none(), st.text(max_size=4), st.integers(), st.floats(), st.lists(st.integers(), max_size=2), st.just({})
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=garbage | one_wrong, state=garbage | one_wrong, marks=garbage | one_wrong)
def test_no_content_makes_reading_raise(runs: RunsFolder, run: bytes, state: bytes, marks: bytes) -> None:
    paths = runs.paths("e0001")
    paths.folder.mkdir(parents=True, exist_ok=True)
    for path, content in ((paths.run, run), (paths.state, state), (paths.marks, marks), (paths.events, run)):
        path.write_bytes(content)
    found = load_run(paths)
    assert found.status in get_args(StateName)
    assert isinstance(found.read_only_reason, str)
    read_events(paths)


def test_one_damaged_file_leaves_the_others_readable(runs: RunsFolder) -> None:
    paths = made(runs)
    paths.state.write_bytes(b'{"state": "fini')
    run = load_run(paths)
    assert run.info.experiment == "x"
    assert run.status == "unreadable"
    assert len(run.problems) == 1
    write_state(paths, State(state="finished"))
    paths.run.write_bytes(b"")
    run = load_run(paths)
    assert run.status == "finished"
    assert "run.json cannot be read" in run.problems[0]
    paths.state.write_text('{"state": "banana"}')
    assert load_run(paths).status == "unreadable"


def test_events_after_half_a_line_are_read(runs: RunsFolder) -> None:
    paths = made(runs)
    append_event(paths, "started", device="cpu")
    with open(paths.events, "ab") as file:
        file.write(b'{"event": "cut')
    append_event(paths, "epoch", epoch=1)
    with open(paths.events, "ab") as file:
        file.write(b'{"event": "not yet')
    events, offset = read_events(paths)
    assert [event["event"] for event in events] == ["started", "epoch"]
    assert read_events(paths, offset) == ([], offset)


def test_a_killed_writer_of_state_leaves_a_whole_one(runs: RunsFolder) -> None:
    paths = made(runs)
    code = (
        "import sys; from pathlib import Path; from engine.runs import *; paths = RunPaths(Path(sys.argv[1]));"
        "state = State(state='running', metrics={f'm{i}': i for i in range(300)})\n"
        "while True: state.step += 1; write_state(paths, state); append_event(paths, 'epoch', step=state.step)"
    )
    steps = 0
    for _ in range(5):
        writer = python(code, str(paths.folder))
        wait_until(lambda: read_json(paths.state).get("step", 0) > 3, 30)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        run = load_run(paths)
        assert not run.problems
        assert len(run.state.metrics) == 300
        steps += run.state.step
        events, _ = read_events(paths)
        assert len(events) >= steps - 10
        write_state(paths, State(state="running"))


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OSError):
        write_json(tmp_path / "folder.json", {})
    assert read_json(path) == {"a": 1}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder.json", "state.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_run_of_another_user_is_read_only_and_a_hidden_one_unreadable() -> None:
    code = (
        "import sys, os; from pathlib import Path; from engine.runs import *; os.setuid(65534)\n"
        "runs = RunsFolder(Path(sys.argv[1])); run = runs.find('e0001');"
        "print(run.status, run.problems, run.read_only_reason)\n"
        "os.chdir('/'); print(RunsFolder(Path(sys.argv[1], 'e0001', 'below')).ids())"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        paths = made(RunsFolder(Path(folder)))
        assert python(code, folder).communicate()[0].startswith("finished () e0001 belongs to root")
        paths.folder.chmod(0o700)
        hidden = python(code, folder).communicate()[0]
        assert hidden.startswith("unreadable ('run.json cannot be read: Permission denied'")
        assert "belongs to root" in hidden
