"""`dltui --once`: plain lines and JSON for screen readers and scripts, from a real process."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from engine.events import append_event
from engine.records import RunPaths
from engine.runs import load_run, write_state
from engine.series import SeriesWriter
from tests.helpers import environment
from tests.hostile_world import FORBIDDEN
from tests.run_world import live
from tests.tui_world import EXPERIMENTS, make_world

DLTUI = [sys.executable, "-P", "-m", "tui.main", "--once"]
HOSTILE = "evil [red]\x1b[31m\u202edescription"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs; one trains on the CPU, and of one something was found."""
    hostile = EXPERIMENTS + f'\n[experiments.evil]\nextends = "moons-mlp"\ndescription = {json.dumps(HOSTILE)}\n'
    made = make_world(tmp_path_factory.mktemp("once"), 4, hostile)
    paths = live(made / "runs" / "e0004", device="cpu", epoch=4.5, total_epochs=10.0, step=45, total_steps=100)
    state = load_run(paths).state
    state.seconds_left = 125.0
    write_state(paths, state)
    with SeriesWriter(paths.series) as series:
        series.log(45, {"time/data": 1.0, "time/forward": 3.0})
    for _ in range(3):
        append_event(RunPaths(made / "runs" / "e0002"), "finding", level="warning", message="overfitting since epoch 3")
    return made


def once(world: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DLTUI, *words], cwd=world, env=environment(**env), capture_output=True, text=True, timeout=60
    )


def told(world: Path, *words: str, **env: str) -> str:
    done = once(world, *words, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_is_told_in_plain_lines(world: Path) -> None:
    said = told(world)
    lines = said.splitlines()
    assert lines[0].startswith("dltui, ")
    for count in ("Experiments: 4", "Live runs: 1", "Latest runs: 3 of 4", "Findings: 1"):
        assert count in lines
    assert any(line.startswith("digits-mlp: data digits, model mlp, ") for line in lines)
    running = next(line for line in lines if line.startswith("e0004 "))
    assert "is running on cpu, epoch 4.5 of 10, step 45 of 100, 45% done, 2:05 left" in running
    assert any(line.startswith("cpu, ") and "load" in line and "memory" in line for line in lines)
    assert "e0004 spends its time on data 25 percent, forward 75 percent" in lines
    assert "e0002: overfitting since epoch 3" in lines
    assert any(line.startswith("Disk: the runs take ") for line in lines)


def test_no_frames_colours_or_control_codes(world: Path) -> None:
    said = told(world) + told(world, "e0004")
    for character in said:
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "So", "Sk"), repr(character)
    assert not any(0x2500 <= ord(character) <= 0x28FF for character in said), "frames, blocks or braille"
    assert "\\x1b[31m" in said


def test_one_run_is_told_by_itself(world: Path) -> None:
    said = told(world, "e0002")
    row = json.loads(told(world, "e0002", "--json"))
    lines = said.splitlines()
    assert lines[0].startswith(f"e0002 {row['experiment']} {row['state']}")
    assert f"Metrics: {len(row['metrics'])}" in lines
    assert any(line.startswith("val/accuracy 0.") for line in lines)
    assert any(line in ("Checkpoints: 1", "Checkpoints: 2") for line in lines)
    assert any(line.startswith("step-") and "best" in line for line in lines)
    assert "overfitting since epoch 3" in lines
    assert f"Folder: {world / 'runs' / 'e0002'}" in lines


def test_json_is_one_object_with_the_same(world: Path) -> None:
    said = told(world, "--json")
    assert said.count("\n") == 1
    assert FORBIDDEN.search(said.rstrip("\n")) is None
    found = json.loads(said)
    assert [entry["name"] for entry in found["experiments"]][:2] == ["digits-mlp", "moons-mlp"]
    (running,) = found["live"]
    assert (running["run"], running["total_steps"], running["seconds_left"]) == ("e0004", 100, 125.0)
    assert {row["run"] for row in found["latest"]} == {"e0001", "e0002", "e0003"}
    assert found["devices"][0]["runs"][0]["run"] == "e0004"
    assert found["findings"] == [{"run": "e0002", "level": "warning", "message": "overfitting since epoch 3"}]
    assert found["runs_folder"] == str(world / "runs")


def test_the_runs_and_the_file_asked_for(world: Path, tmp_path: Path) -> None:
    other = make_world(tmp_path / "other", 1)
    said = told(world, "--runs", str(other / "runs"), "--file", str(other / "experiments.toml"))
    assert "Latest runs: 1 of 1" in said
    assert "Experiments: 3" in said
    assert "Experiments: 4" in told(tmp_path, "--runs", "none", "--file", str(world / "experiments.toml"))


def test_what_is_wrong_is_said(world: Path, tmp_path: Path) -> None:
    done = once(world, "e9999")
    assert done.returncode == 3
    assert "no run 'e9999'" in done.stderr
    assert done.stdout == ""
    (tmp_path / "experiments.toml").write_text("[experiments.x\n")
    assert "Experiments cannot be read: " in told(tmp_path)
    done = subprocess.run([*DLTUI[:-1], "--json"], cwd=world, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "--json goes with --once" in done.stderr


def test_a_terminal_without_utf8_gets_ascii(world: Path) -> None:
    assert told(world, "e0002", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii").isascii()


def test_nothing_heavy_is_imported(world: Path) -> None:
    heavy = {"torch", "numpy", "textual", "sklearn", "matplotlib", "pandas", "scipy", "plotext"}
    code = f"""
import sys
from tui.main import main
main(["--once"])
main(["--once", "e0002", "--json"])
print(sorted(set(sys.modules) & {heavy!r}), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=world, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_reader_that_has_enough_is_no_error(world: Path) -> None:
    with subprocess.Popen(
        DLTUI, cwd=world, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.wait(60) == 0
        assert program.stderr.read() == b""
