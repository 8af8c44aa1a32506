"""Verbs that keep runs in order: mark, note, rm, restore, prune."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.jsonio import read_json
from tests.cli_world import make_world
from tests.helpers import engine_command, engine_json, environment, run_engine


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path, ["finished", "finished", "finished"])


def test_mark(world: Path) -> None:
    done = run_engine("mark", "e0001", "e0002", "--star", "--tag", "paper", "--tag", "x", cwd=world)
    assert done.returncode == 0, done.stderr
    assert run_engine("mark", "e0001", "--name", "the one", "--untag", "x", "--archive", cwd=world).returncode == 0
    first, second = (read_json(world / f"runs/{run}/marks.json") for run in ("e0001", "e0002"))
    assert first == {"name": "the one", "tags": ["paper"], "star": True, "archived": True}
    assert (second["tags"], second["star"]) == (["paper", "x"], True)
    assert [r["run"] for r in engine_json("runs", "--json", cwd=world)] == ["e0002", "e0003"], (
        "archived ones are hidden"
    )
    assert len(engine_json("runs", "--archived", "--json", cwd=world)) == 3
    assert [r["run"] for r in engine_json("runs", "--where", "archived", "--json", cwd=world)] == ["e0001"]
    assert engine_json("show", "the one", "--json", cwd=world)["run"] == "e0001", "a run is found by its name"
    assert engine_json("mark", "e0001", "--json", cwd=world)[0]["tags"] == ["paper"]
    assert run_engine("mark", "e0001", "e0002", "--name", "both", cwd=world).returncode == 2


def test_a_starred_run_is_not_removed_and_the_others_are(world: Path) -> None:
    run_engine("mark", "e0002", "--star", cwd=world)
    done = run_engine("rm", "e0001", "e0002", "e0003", cwd=world)
    assert done.returncode == 1
    assert "starred" in done.stderr
    assert [r["run"] for r in engine_json("runs", "--json", cwd=world)] == ["e0002"]
    missing = run_engine("show", "e0001", cwd=world)
    assert missing.returncode == 3
    assert "engine restore e0001" in missing.stderr
    assert run_engine("restore", "e0003", "e0001", cwd=world).returncode == 0
    assert len(engine_json("runs", "--json", cwd=world)) == 3
    assert run_engine("restore", "e0001", cwd=world).returncode == 3


def test_emptying_the_trash(world: Path) -> None:
    run_engine("rm", "e0001", cwd=world)
    done = run_engine("rm", "--empty-trash", cwd=world)
    assert done.returncode == 0
    assert "1 run" in done.stdout
    assert run_engine("restore", "e0001", cwd=world).returncode == 3
    assert run_engine("rm", cwd=world).returncode == 2


def test_note_appends_and_never_overwrites(world: Path) -> None:
    path = world / "runs/e0001/notes.md"
    path.write_text("# Mine\n\nno newline at the end")
    assert run_engine("note", "e0001", "--text", "first", cwd=world).returncode == 0
    assert run_engine("note", "e0001", "--text", "second — ü", cwd=world).returncode == 0
    assert path.read_text() == "# Mine\n\nno newline at the end\n\nfirst\n\nsecond — ü\n"
    assert run_engine("note", "e0001", "--text", " ", cwd=world).returncode == 2


def test_note_opens_the_editor_of_the_environment(world: Path) -> None:
    editor = world / "my editor"
    editor.write_text('#!/bin/sh\necho written >> "$2"\n')
    editor.chmod(0o755)
    done = run_engine("note", "e0001", cwd=world, EDITOR=f"'{editor}' -x", VISUAL="")
    assert done.returncode == 0, done.stderr
    assert (world / "runs/e0001/notes.md").read_text().endswith("written\n")
    assert run_engine("note", "e0001", cwd=world, EDITOR="no-such-editor", VISUAL="").returncode == 1
    assert run_engine("note", "e0001", cwd=world, EDITOR="false", VISUAL="").returncode == 1


def test_prune_keeps_best_and_last(world: Path) -> None:
    folder = world / "runs/e0001/checkpoints"
    source = folder / os.readlink(folder / "last")
    content = read_json(source / "checkpoint.json")
    for step in (1, 2, 3):
        extra = folder / f"step-{step:08d}"
        extra.mkdir()
        for name in ("model.safetensors", "training.safetensors"):
            (extra / name).write_bytes((source / name).read_bytes())
        (extra / "checkpoint.json").write_text(__import__("json").dumps({**content, "step": step}))
    before = len(engine_json("checkpoints", "e0001", "--json", cwd=world))
    planned = engine_json("prune", "e0001", "--dry-run", "--json", cwd=world)
    assert planned[0]["deleted"] == ["step-00000001", "step-00000002", "step-00000003"]
    assert len(engine_json("checkpoints", "e0001", "--json", cwd=world)) == before
    done = engine_json("prune", "e0001", "--json", cwd=world)
    assert done == planned
    left = engine_json("checkpoints", "e0001", "--json", cwd=world)
    assert {alias for record in left for alias in record["aliases"]} >= {"best", "last"}
    assert len(left) == before - 3


def test_a_note_that_does_not_fit_is_not_half_written(world: Path) -> None:
    notes = world / "runs" / "e0001" / "notes.md"
    notes.write_text("before\n")
    limited = [sys.executable, "-c", FULL, *engine_command("note", "e0001", "--text", "x" * 20_000)]
    done = subprocess.run(limited, cwd=world, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "notes.md" in done.stderr
    assert notes.read_text() == "before\n"


FULL = """
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_marks_that_cannot_be_read_are_kept_beside_the_new_ones(world: Path) -> None:
    folder = world / "runs" / "e0001"
    (folder / "marks.json").write_bytes(b"\xff{bad")
    assert run_engine("mark", "e0001", "--tag", "x", cwd=world).returncode == 0
    assert json.loads((folder / "marks.json").read_text())["tags"] == ["x"]
    assert [path.read_bytes() for path in folder.glob("marks-unreadable-*.json")] == [b"\xff{bad"]
