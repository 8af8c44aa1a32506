"""Verbs about the machine and the program: devices, doctor, completion; and how fast the light verbs start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_world import make_world
from tests.helpers import engine_json, environment, run_engine


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated runs that no test changes."""
    return make_world(tmp_path_factory.mktemp("world"))


def test_devices(world: Path) -> None:
    found = engine_json("devices", "--json", cwd=world)
    assert found[0]["name"] == "cpu"
    assert found[0]["free"] is True
    assert all({"uuid", "free", "processes"} <= device.keys() for device in found[1:])
    assert "cpu" in run_engine("devices", cwd=world).stdout


def test_doctor_says_what_is_wrong_and_exits_1(world: Path) -> None:
    done = run_engine("doctor", "--json", cwd=world, TERM="dumb", EDITOR="no-such-editor", VISUAL="")
    found = json.loads(done.stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert {"python", "packages", "runs", "disk", "experiments", "data", "terminal", "editor", "cpu", "torch"} <= set(
        checks
    )
    assert done.returncode == (0 if found["ready"] else 1)
    assert checks["terminal"]["level"] == "warning"
    assert checks["editor"]["level"] == "warning"
    assert "torch" in checks["torch"]["message"]


def test_doctor_finds_an_unusable_experiments_file(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text("[broken\n")
    done = run_engine("doctor", cwd=tmp_path, TERM="xterm-256color")
    assert done.returncode == 1
    assert "experiments" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(world: Path, shell: str) -> None:
    done = run_engine("completion", shell, cwd=world)
    assert done.returncode == 0
    assert "_ENGINE_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ch"], {"checkpoint", "checkpoints", "check"}),
        (["show", "digits-"], {"digits-mlp", "digits-long", "digits-three", "digits-broken"}),
        (["log", "e000"], {f"e{n:04d}" for n in range(1, 7)}),
        (["train", "digits-mlp", "-s", "optimizer.l"], {"optimizer.lr="}),
        (["runs", "--js"], {"--json"}),
    ],
)
def test_completion_of_words(world: Path, words: list[str], expected: set[str]) -> None:
    line = ["engine", *words]
    done = run_engine(
        cwd=world, _ENGINE_COMPLETE="bash_complete", COMP_WORDS=" ".join(line), COMP_CWORD=str(len(line) - 1)
    )
    offered = {entry.partition(",")[2] for entry in done.stdout.split()}
    assert expected <= offered


def test_light_verbs_import_nothing_heavy(world: Path) -> None:
    heavy = {"torch", "numpy", "sklearn", "matplotlib", "textual", "tqdm", "plotext", "scipy", "pandas"}
    for verb in ("list", "runs", "log e0001", "mark e0001", "checkpoints e0001", "devices", "show e0001"):
        code = f"""
import sys
from engine.cli.main import main
main({verb.split()!r})
print(sorted(set(sys.modules) & {heavy!r}), file=sys.stderr)
"""
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], cwd=world, env=environment(), capture_output=True, text=True
        )
        assert done.stderr.splitlines()[-1] == "[]", verb
