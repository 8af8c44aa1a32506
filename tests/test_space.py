"""What runs take on the disk, pruning to the best, and a trash that loses nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.checkpoints import list_checkpoints
from engine.errors import RunError
from engine.index import RunIndex
from engine.jsonio import read_json
from engine.locks import lock_run
from engine.pruning import plan, prune_run
from engine.records import RunPaths
from engine.runs import RunsFolder, load_run, write_state
from engine.usage import DiskUse, measure
from tests.cli_world import make_world
from tests.helpers import engine_json, run_engine


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path, ["finished", "finished", "finished"])


def more_checkpoints(paths: RunPaths, steps: tuple[int, ...]) -> None:
    source = paths.checkpoints / os.readlink(paths.checkpoints / "last")
    content = read_json(source / "checkpoint.json")
    for step in steps:
        extra = paths.checkpoints / f"step-{step:08d}"
        extra.mkdir()
        for file in source.iterdir():
            (extra / file.name).write_bytes(file.read_bytes())
        (extra / "checkpoint.json").write_text(json.dumps({**content, "step": step}))


def names(paths: RunPaths) -> set[str]:
    return {alias for info in list_checkpoints(paths) for alias in (*info.aliases, info.folder.name)}


def test_pruning_keeps_best_and_last_or_the_best_alone(world: Path) -> None:
    paths = RunPaths(world / "runs" / "e0001")
    more_checkpoints(paths, (900001, 900002))
    os.replace(_link(paths, "step-00900002"), paths.checkpoints / "last")
    best = os.readlink(paths.checkpoints / "best")
    before = measure(paths).checkpoints
    planned = plan(load_run(paths))
    assert prune_run(load_run(paths)) == planned
    assert names(paths) == {"best", "last", best, "step-00900002"}
    assert before - measure(paths).checkpoints == planned.bytes > 0
    alone = prune_run(load_run(paths), only_best=True)
    assert alone.deleted == ("step-00900002",)
    assert names(paths) == {"best", best}
    assert plan(load_run(paths), only_best=True).deleted == ()


def _link(paths: RunPaths, target: str) -> Path:
    link = paths.checkpoints / ".new"
    link.symlink_to(target)
    return link


def test_without_a_sound_best_the_newest_stays(world: Path) -> None:
    paths = RunPaths(world / "runs" / "e0001")
    more_checkpoints(paths, (900001,))
    (paths.checkpoints / "best" / "model.safetensors").unlink()
    prune_run(load_run(paths), only_best=True)
    assert "step-00900001" in names(paths)


def test_what_is_protected_is_not_pruned_and_the_others_are(world: Path) -> None:
    for run_id in ("e0001", "e0002", "e0003"):
        more_checkpoints(RunPaths(world / "runs" / run_id), (1, 2))
    run_engine("mark", "e0002", "--star", cwd=world)
    state = load_run(RunPaths(world / "runs" / "e0003")).state
    state.state = "queued"
    write_state(RunPaths(world / "runs" / "e0003"), state)
    done = run_engine("prune", "e0001", "e0002", "e0003", "--json", cwd=world)
    assert done.returncode == 1
    assert [record["run"] for record in json.loads(done.stdout.splitlines()[-1])] == ["e0001"]
    assert "starred" in done.stderr
    assert "queued" in done.stderr
    assert {"step-00000001", "step-00000002"} <= names(RunPaths(world / "runs" / "e0002"))


def test_disk_use_is_counted_once_and_again_when_files_go(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = RunsFolder(world / "runs")
    index = RunIndex(runs)
    index.refresh(full=True)
    rows = index.rows()
    total = DiskUse(runs).fill(rows)
    files = [file for row in rows for file in runs.paths(row.run).folder.rglob("*") if not file.is_symlink()]
    assert total == sum(file.stat().st_size for file in files if file.is_file())
    assert [row.__dict__["disk"] for row in rows] == [measure(runs.paths(row.run)).bytes for row in rows]
    monkeypatch.setattr("engine.usage.measure", lambda *_: pytest.fail("it was counted already"))
    assert DiskUse(runs).fill(rows) == total
    monkeypatch.undo()
    more_checkpoints(runs.paths("e0002"), (1,))
    assert DiskUse(runs).fill(rows) > total


def test_disk_use_is_a_column_a_filter_and_a_verb(world: Path) -> None:
    (world / "runs" / "e0002" / "large").write_bytes(b"x" * 3_000_000)
    found = engine_json("runs", "--where", "disk > 3000000", "--columns", "disk", "--json", cwd=world)
    assert [record["run"] for record in found] == ["e0002"]
    assert found[0]["disk"] > 3_000_000
    run_engine("rm", "e0003", cwd=world)
    assert next(record["run"] for record in engine_json("disk", "--json", cwd=world)) == "e0002"
    done = run_engine("disk", cwd=world)
    assert "2 runs, 3." in done.stdout
    assert "in the trash besides: 1 runs" in done.stderr
    assert [record["run"] for record in engine_json("restore", "--json", cwd=world)] == ["e0003"]


# -- the trash


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the lock, whose holder changes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_trash_and_back_changes_no_byte(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    before = content(runs.root / "e0002")
    for _ in range(3):
        runs.move_to_trash("e0002")
        assert not (runs.root / "e0002").exists()
        runs.restore("e0002")
    assert content(runs.root / "e0002") == before
    assert load_run(runs.paths("e0002")).status == "finished"


def test_a_run_behind_a_relative_link_comes_back(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    elsewhere = world / "elsewhere"
    os.rename(runs.root / "e0002", elsewhere)
    (runs.root / "e0002").symlink_to("../elsewhere")
    before = content(elsewhere)
    runs.move_to_trash("e0002")
    assert runs.trashed() == ["e0002"], "though the link leads nowhere from there"
    runs.restore("e0002")
    assert load_run(runs.paths("e0002")).status == "finished"
    runs.move_to_trash("e0002")
    assert runs.empty_trash() == 1
    assert content(elsewhere) == before, "only the link was deleted"


def test_a_run_that_somebody_holds_stays(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    lock = lock_run(runs.paths("e0001"))
    try:
        with pytest.raises(RunError, match="held by"):
            runs.move_to_trash("e0001")
        with pytest.raises(RunError, match="held by"):
            prune_run(runs.find("e0001"))
    finally:
        os.close(lock)
    runs.move_to_trash("e0001")


def test_nothing_is_written_over_on_the_way_there_or_back(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    runs.move_to_trash("e0001")
    (runs.root / "e0001").mkdir()
    (runs.root / "e0001" / "mine").write_text("mine")
    with pytest.raises(RunError, match="in the way"):
        runs.restore("e0001")
    state = load_run(runs.trashed_paths("e0001"))
    assert state.status == "finished"
    assert (runs.root / "e0001" / "mine").read_text() == "mine"


def test_a_queued_run_is_taken_out_of_the_queue_first(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    state = load_run(runs.paths("e0001")).state
    state.state = "queued"
    write_state(runs.paths("e0001"), state)
    with pytest.raises(RunError, match="queued"):
        runs.move_to_trash("e0001")
