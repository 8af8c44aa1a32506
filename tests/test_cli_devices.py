"""`engine devices`: everything of the box as tables, JSON, CSV, once and watched, over the stand-in for NVML."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.terminal import Terminal
from engine.disk import disk_use, taken_bytes
from engine.series import SeriesWriter, series_path, tail
from engine.time_split import shares, split_words, time_split
from tests.cli_world import make_world
from tests.helpers import engine_command, environment, run_engine, wait_until
from tests.run_world import live
from tests.stand_in.box import H200, Box, box, library

__all__ = ["box", "library"]

LIMITED = f"gpu {H200}|NVIDIA H200|150000000000|61000000000|87|64|510000|700000\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs, one of which this process seems to train on the CPU."""
    made = make_world(tmp_path_factory.mktemp("world"))
    paths = live(made / "runs" / "e0001", device="cpu")
    with SeriesWriter(paths.series) as series:
        for step in (1, 2):
            series.log(step, {"time/data": step * 1.0, "time/forward": step * 3.0, "time/evaluation": 5.0})
    return made


def engine(box: Box, world: Path, *words: str) -> str:
    done = run_engine(*words, cwd=world, **box.variables, CUDA_VISIBLE_DEVICES="0")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_devices_processes_live_runs_and_disk_in_words(box: Box, world: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()", "train.py"], stdin=subprocess.PIPE)
    try:
        box.say(LIMITED + f"process 0 {sleeper.pid} 7000000000\nprocess 0 4194305 1\n")
        said = engine(box, world, "devices")
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert "510/700 W" in said
    assert "61.0/150.0 GB" in said
    process = next(line for line in said.splitlines() if line.split()[:2] == [str(sleeper.pid), "cuda:0"])
    assert "train.py" in process
    assert "7.0 GB" in process
    assert "hidden or gone" in said
    run = next(line for line in said.splitlines() if line.startswith("e0001"))
    assert "cpu" in run
    assert run.endswith("data 25 %, forward 75 %"), "of late, so without the evaluation before"
    assert "disk: the runs take" in said
    assert "\x1b" not in said


def test_json_has_all_of_it_beside_the_keys_scripts_rely_on(box: Box, world: Path) -> None:
    box.say(LIMITED)
    processor, gpu = json.loads(engine(box, world, "devices", "--json"))
    assert (gpu["name"], gpu["uuid"], gpu["free"], gpu["processes"]) == ("cuda:0", H200, True, [])
    assert (gpu["power"], gpu["power_limit"], gpu["runs"]) == (510.0, 700.0, [])
    assert processor["disk"]["free"] > 0
    assert processor["disk"]["runs"] >= 4096
    (run,) = processor["runs"]
    assert run["run"] == "e0001"
    assert run["seconds"] == {"data": 1.0, "forward": 3.0, "evaluation": 0.0}
    assert processor["load_average"] >= 0
    header, cpu_line, gpu_line = engine(box, world, "devices", "--csv").splitlines()
    assert dict(zip(header.split(","), gpu_line.split(","), strict=True))["power_limit"] == "700.0"
    assert cpu_line.startswith("cpu,")


def watched(box: Box, world: Path, *words: str, lines: int) -> list[str]:
    """The first lines of a watch on a pipe; the reader then goes away."""
    env = environment(**box.variables, CUDA_VISIBLE_DEVICES="0")
    command = engine_command("devices", "--watch", "--interval", "0.2", *words)
    with subprocess.Popen(
        command, cwd=world, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        found = [watch.stdout.readline().rstrip("\n") for _ in range(lines)]
        watch.stdout.close()
        assert watch.wait(30) == 0, "a reader that has enough is no error"
    return found


def test_watching_on_a_pipe_is_an_object_a_line(box: Box, world: Path) -> None:
    box.say(LIMITED)
    first, second, third = (json.loads(line) for line in watched(box, world, "--json", lines=3))
    assert first["time"] < second["time"] < third["time"]
    assert [device["name"] for device in third["devices"]] == ["cpu", "cuda:0"]
    assert first["problem"] is None
    assert 0 <= second["devices"][0]["utilization"] <= 100
    assert second["devices"][0]["cores"], "each core, from the second look on"


def test_watching_on_a_pipe_is_a_block_each_time(box: Box, world: Path) -> None:
    box.say(LIMITED)
    lines = watched(box, world, lines=22)
    heads = [index for index, line in enumerate(lines) if line.startswith("device ")]
    assert len(heads) >= 2
    assert all(lines[index - 1] == "" for index in heads[1:]), "blocks stand apart"
    assert not any("\x1b" in line for line in lines)


def test_watching_in_a_terminal_draws_over_what_was_there(box: Box, world: Path) -> None:
    box.say(LIMITED)
    command = engine_command("devices", "--watch", "--interval", "0.2")
    terminal = Terminal(command, cwd=world, columns=80, env=environment(**box.variables, CUDA_VISIBLE_DEVICES="0"))
    try:
        wait_until(lambda: said_by(terminal).count(b"\x1b[H\x1b[2J") >= 2, 30, lambda: said_by(terminal).decode())
        frame = said_by(terminal).split(b"\x1b[H\x1b[2J")[1].decode()
        assert "510/700 W" in frame
        assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in frame.splitlines()) <= 80
    finally:
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(20) == 130


def said_by(terminal: Terminal) -> bytes:
    with terminal.changed:
        return b"".join(data for _, data in terminal.chunks)


def test_a_driver_that_hangs_is_told_in_each_line(box: Box, world: Path) -> None:
    box.say(LIMITED + "hang DeviceGetMemoryInfo\n")
    first, second = (json.loads(line) for line in watched(box, world, "--json", lines=2))
    assert "hangs" in first["problem"]
    assert [device["name"] for device in second["devices"]] == ["cpu"]


def test_the_worker_of_a_run_is_known_with_its_folder(box: Box, world: Path) -> None:
    folder = world / "runs" / "e0002"
    code = "import sys; sys.stdin.read()"
    sleeper = subprocess.Popen([sys.executable, "-c", code, "engine.worker", str(folder)], stdin=subprocess.PIPE)
    try:
        box.say(LIMITED + f"process 0 {sleeper.pid} 1\n")
        (process,) = box.devices()[1]["processes"]
    finally:
        sleeper.communicate()
    assert (process["run"], process["folder"]) == ("e0002", str(folder))


# ------------------------------------------------------------------------------------------------------- what it is of


def test_the_end_of_a_series_is_read_without_the_rest(tmp_path: Path) -> None:
    with SeriesWriter(tmp_path) as series:
        series.log_many(1, {"a": [float(i) for i in range(100)]}, time=5.0)
    path = series_path(tmp_path, "a")
    assert tail(path, 2) == [(99, 5.0, 98.0), (100, 5.0, 99.0)]
    assert len(tail(path, 1000)) == 100
    with path.open("ab") as file:
        file.write(b"half a record")
    assert tail(path, 1) == [(100, 5.0, 99.0)]
    assert tail(series_path(tmp_path, "none"), 3) == []


def test_shares_leave_out_next_to_nothing() -> None:
    seconds = {"data": 0.001, "forward": 1.0, "backward": 3.0}
    assert list(shares(seconds)) == ["forward", "backward"]
    assert split_words(seconds) == "forward 25 %, backward 75 %"
    assert shares({}) == {}


def test_nothing_timed_is_nothing(world: Path) -> None:
    from engine.records import RunPaths

    assert time_split(RunPaths(world / "runs" / "e0002")) == {}


def test_what_runs_take_is_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "runs" / "e0001").mkdir(parents=True)
    (tmp_path / "large").write_bytes(b"x" * 5_000_000)
    before = taken_bytes(tmp_path / "runs")
    assert before is not None
    (tmp_path / "runs" / "e0001" / "link").symlink_to(tmp_path / "large")
    (tmp_path / "runs" / "file").write_bytes(b"x" * 100_000)
    after = taken_bytes(tmp_path / "runs")
    assert after is not None
    assert 100_000 <= after - before < 200_000
    assert taken_bytes(tmp_path / "nothing") == 0
    assert taken_bytes(tmp_path, seconds=-1.0) is None, "out of time before it began"
    found: Any = disk_use(tmp_path / "not" / "made" / "yet")
    assert found.total > found.free > 0
