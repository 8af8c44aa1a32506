"""A run as a pattern: running it again exactly, its settings as changes, and as an experiment of its own."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import pytest

from engine import changes
from engine.duplicate import duplicate, free_name
from engine.errors import UsageError
from engine.experiments import load, resolve, settings_from_run
from engine.jsonio import plain
from engine.launch import LaunchRequest, command
from engine.records import RunInfo, RunPaths
from engine.rerun import differences, rerun_request
from engine.run import Run, load_run
from tests.helpers import engine_json, run_engine

FILE = """# mine, and to be kept
[defaults]
seed = 3          # as ever

[experiments.digits]
description = "Digits"
data = { name = "digits", validation = 0.1 }
model = { name = "mlp", hidden = [16] }
optimizer = { name = "SGD", lr = 0.1, momentum = 0.9 }
scheduler = { name = "StepLR", step_size = 5 }
train = { epochs = 2, ema = 0.9 }
init_from = "e0009:best"
"""


def write_run(world: Path, overrides: tuple[str, ...] = (), run_id: str = "e0001", **fields: object) -> Run:
    """A run of `digits` as the launcher records it, ended."""
    (world / "experiments.toml").write_text(FILE)
    settings = resolve(load(world / "experiments.toml"), "digits", overrides)
    paths = RunPaths(world / "runs" / run_id)
    paths.folder.mkdir(parents=True)
    info = RunInfo(run=run_id, experiment="digits", settings=plain(settings), folder=str(world), **fields)  # type: ignore[arg-type]
    paths.run.write_text(json.dumps(plain(info)))
    paths.state.write_text(json.dumps({"state": "finished"}))
    return load_run(paths)


CHANGES = [
    ("optimizer.name=Adam",),
    ("optimizer.name=Adam", "optimizer.lr=0.1"),
    ("scheduler=none",),
    ("model.hidden=[8, 8]", "seed=7"),
    ("data.limit=100", "loss.label_smoothing=0.1"),
    ("optimizer.name=RMSprop", "optimizer.alpha=0.5", "train.precision=bf16"),
]


@pytest.mark.parametrize("given", CHANGES)
def test_changes_make_the_settings_of_a_run_again(tmp_path: Path, given: tuple[str, ...]) -> None:
    run = write_run(tmp_path, given)
    file, wanted = load(tmp_path / "experiments.toml"), settings_from_run(run.info)
    found = changes.overrides(changes.changed(resolve(file, "digits"), wanted, tmp_path))
    assert changes.alike(resolve(file, "digits", found), wanted)
    assert len(found) <= len(given) + 1, "no more is said than is different"


@pytest.mark.parametrize(
    "value", [1.5, 1e-7, 3, True, "text", "3", "true", "with space ", [1, "a"], {"a": 1, "b c": [2]}]
)
def test_values_are_read_back_as_they_were(value: object) -> None:
    from engine.merge import parse_override

    assert parse_override(f"a.b={changes.written(value)}")[1] == value


def test_the_headless_command_of_a_launch_gives_the_same_settings(tmp_path: Path) -> None:
    run = write_run(tmp_path, ("optimizer.name=Adam", "optimizer.lr=0.1"))
    words = command(LaunchRequest("digits", settings_from_run(run.info), tmp_path))
    given = [word for before, word in itertools.pairwise(words) if before == "-s"]
    again = resolve(load(tmp_path / "experiments.toml"), "digits", given)
    assert again.optimizer["lr"] == 0.1, "0.1 was SGD's too, and is lost with the table that the name replaces"


def test_a_run_is_repeated_with_its_own_settings_beginning_and_kind_of_device(tmp_path: Path) -> None:
    run = write_run(tmp_path, ("seed=11",), parent="e0009:best", device={"kind": "cpu", "name": "cpu"})
    (tmp_path / "experiments.toml").write_text(FILE.replace("0.1, momentum", "0.5, momentum"))
    request = rerun_request(run)
    assert request.settings == settings_from_run(run.info)
    assert (request.settings.seed, request.parent, request.device) == (11, "e0009:best", "cpu")
    assert command(request) == ["engine", "rerun", "e0001"]
    changed = rerun_request(run, ("train.epochs=9",), device="cuda:1")
    assert changed.settings.train.epochs == 9
    assert command(changed)[3:] == ["-s", "train.epochs=9", "--device", "cuda:1"]


def test_another_commit_and_other_changes_are_said(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *options, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "net.py").write_text("a = 1\n")
    git("add", "net.py")
    git("commit", "-qm", "one")
    first = git("rev-parse", "HEAD")
    run = write_run(tmp_path, git={"commit": first, "dirty": False, "diff_sha256": None})
    request = rerun_request(run)
    assert differences(run, request, tmp_path / "runs") == []
    (tmp_path / "net.py").write_text("a = 2\n")
    assert "uncommitted changes are not those of e0001" in " ".join(differences(run, request, tmp_path / "runs"))
    git("commit", "-qam", "two")
    (said,) = differences(run, request, tmp_path / "runs")
    assert first[:10] in said
    assert git("rev-parse", "HEAD")[:10] in said


def test_other_versions_data_and_limits_are_said(tmp_path: Path) -> None:
    run = write_run(tmp_path, versions={"torch": "0.4.1"}, data_fingerprint="f00")
    run.paths.control.mkdir()
    (run.paths.control / "limits.json").write_text('{"train.epochs": 40}')
    said = differences(run, rerun_request(run), tmp_path / "runs")
    assert [any(word in line for line in said) for word in ("torch", "data", "-s train.epochs=40")] == [True] * 3


@pytest.mark.parametrize("given", CHANGES)
def test_a_run_becomes_an_experiment_and_the_rest_of_the_file_stays(tmp_path: Path, given: tuple[str, ...]) -> None:
    run = write_run(tmp_path, given)
    path = tmp_path / "experiments.toml"
    assert duplicate(load(path), run, "digits-2", tmp_path) == path.resolve()
    assert path.read_text().startswith(FILE), "comments and all"
    file = load(path)
    assert file.experiments["digits-2"].extends == "digits"
    assert changes.alike(resolve(file, "digits-2"), settings_from_run(run.info))
    assert free_name(file, "digits") == "digits-3"
    with pytest.raises(UsageError, match="already"):
        duplicate(file, run, "digits-2", tmp_path)
    with pytest.raises(UsageError, match="no name"):
        duplicate(file, run, 'a"]\nx = 1', tmp_path)
    assert not [entry for entry in tmp_path.iterdir() if entry.name.endswith(".tmp")]


def test_what_a_variant_cannot_say_stands_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    settings = {**run.info.settings, "train": {**run.info.settings["train"], "ema": None}}
    run.info.settings = settings
    path = duplicate(load(tmp_path / "experiments.toml"), run, "digits-plain", tmp_path)
    file = load(path)
    assert file.experiments["digits-plain"].extends is None
    assert resolve(file, "digits-plain").train.ema is None


def test_the_packaged_experiments_are_copied_before_one_is_added(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    (tmp_path / "experiments.toml").unlink()
    done = engine_json("duplicate", "e0001", "my-digits", "--json", cwd=tmp_path)
    assert done == {"experiment": "my-digits", "file": str(tmp_path / "experiments.toml"), "run": run.id}
    assert "my-digits" in load(tmp_path / "experiments.toml").experiments


def test_rerun_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    run.paths.run.write_text("{}")
    done = run_engine("rerun", "e0001", cwd=tmp_path)
    assert done.returncode == 2
    assert "no settings" in done.stderr
