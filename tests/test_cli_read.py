"""Verbs that read: list, runs, show, metrics, plot, checkpoints, compare, log."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from engine.jsonio import read_json, write_json
from engine.runs import RunPaths
from engine.series import SeriesWriter
from tests.cli_world import make_world
from tests.helpers import engine_json, run_engine


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated runs that no test changes."""
    return make_world(tmp_path_factory.mktemp("world"))


def test_list(world: Path) -> None:
    found = {record["name"]: record for record in engine_json("list", "--json", cwd=world)}
    digits = found["digits-mlp"]
    states = [read_json(world / "runs" / f"e{n:04d}" / "state.json") for n in range(1, 7)]
    assert digits["data"] == "digits"
    assert digits["model"] == "mlp"
    assert digits["runs"] == 6
    assert digits["best"] == max(state["best"]["value"] for state in states)
    assert found["digits-long"]["runs"] == 0
    assert found["digits-long"]["best"] is None
    table = run_engine("list", cwd=world)
    assert "Handwritten digits" in table.stdout


def test_runs_json_keys_and_place(world: Path, tmp_path: Path) -> None:
    found = engine_json("runs", "--json", cwd=world)
    assert [record["run"] for record in found] == [f"e{n:04d}" for n in range(1, 7)]
    assert {"run", "experiment", "state", "metrics", "started", "device"} <= found[0].keys()
    assert [record["state"] for record in found] == ["finished", "failed", "stopped", "lost", "finished", "finished"]
    assert found[0]["started"].startswith("2023-11-14T")
    assert (
        found[0]["metrics"]["test/accuracy"] == read_json(world / "runs/e0001/state.json")["metrics"]["test/accuracy"]
    )
    runs = str(world / "runs")
    assert engine_json("--runs", runs, "runs", "--json", cwd=tmp_path) == found
    assert engine_json("runs", "--json", "--runs", runs, cwd=tmp_path) == found
    assert engine_json("runs", "--json", cwd=tmp_path) == []


def test_the_score_on_the_test_split_is_of_the_metric_it_is_shown_beside(tmp_path: Path) -> None:
    """Error rates of lines stand beside error rates; where the two differ in kind, both are named."""
    folder = make_world(tmp_path)
    for number, monitor in ((1, "val/cer"), (5, "train/loss")):
        path = folder / f"runs/e{number:04d}/state.json"
        state = read_json(path)
        state["best"] = {**state["best"], "monitor": monitor, "mode": "min", "value": 0.0147}
        extra = {"test/cer": 0.0139} if number == 1 else {}
        state["metrics"] = {"test/accuracy": 0.9933, **extra}
        write_json(path, state)
    lines = run_engine("runs", cwd=folder).stdout.splitlines()
    assert "0.0139" in lines[1]
    assert "0.9933" not in lines[1]
    assert "train/loss, accuracy" in lines[5]
    assert "0.9933" in lines[5]


def test_runs_where_sort_and_columns(world: Path) -> None:
    every = engine_json("runs", "--json", cwd=world)
    ended = engine_json("runs", "--where", "state in (failed, lost)", "--json", cwd=world)
    assert [record["run"] for record in ended] == ["e0002", "e0004"]
    by_accuracy = engine_json("runs", "--sort", "val/accuracy", "--json", cwd=world)
    values = [record["metrics"]["val/accuracy"] for record in by_accuracy]
    assert values == sorted(values, reverse=True)
    by_loss = engine_json("runs", "--sort", "val/loss", "--json", cwd=world)
    assert by_loss[0]["metrics"]["val/loss"] == min(record["metrics"]["val/loss"] for record in every)
    columns = engine_json("runs", "--columns", "state,val/accuracy,optimizer.lr", "--json", cwd=world)
    assert columns[0].keys() == {"run", "state", "val/accuracy", "optimizer.lr"}
    settings = read_json(world / "runs/e0001/run.json")["settings"]
    assert columns[0]["optimizer.lr"] == settings["optimizer"]["lr"]
    table = run_engine("runs", "--columns", "lr,val/accuracy", cwd=world).stdout
    assert f"{settings['optimizer']['lr']:g}" in table.splitlines()[1]


def test_runs_csv(world: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run_engine("runs", "--csv", cwd=world).stdout)))
    assert len(rows) == 6
    assert rows[0]["run"] == "e0001"
    assert float(rows[0]["val/accuracy"]) == read_json(world / "runs/e0001/state.json")["metrics"]["val/accuracy"]


def test_a_piped_table_is_never_cut(world: Path) -> None:
    done = run_engine("runs", cwd=world, COLUMNS="40")
    assert "…" not in done.stdout
    assert "\x1b" not in done.stdout


def test_show_run(world: Path) -> None:
    found = engine_json("show", "e0001", "--json", cwd=world)
    info = read_json(world / "runs/e0001/run.json")
    assert {"run", "settings", "state", "metrics", "parent", "parameters"} <= found.keys()
    assert found["settings"] == info["settings"]
    assert found["parent"] is None
    assert found["parameters"] == 4810
    text = run_engine("show", "e0001", cwd=world).stdout
    for part in ("4,160", "optimizer.name", "test/accuracy", "always answering 3"):
        assert part in text
    assert run_engine("show", "1", cwd=world).stdout == text, "a number is enough"


def test_metrics(world: Path) -> None:
    found = engine_json("metrics", "e0001", "--json", cwd=world)
    assert found["train/loss"].keys() == {"step", "time", "value"}
    assert found["train/loss"]["step"] == [10, 20, 30, 40, 50]
    assert len(found["train/loss"]["value"]) == 5
    assert engine_json("metrics", "e0001", "val/loss", "--json", cwd=world).keys() == {"val/loss"}
    some = engine_json("metrics", "e0001", "val/*", "--last", "2", "--json", cwd=world)
    assert set(some) == {"val/loss", "val/accuracy", "val/macro_f1"}
    assert some["val/loss"]["step"] == [40, 50]
    rows = list(csv.DictReader(io.StringIO(run_engine("metrics", "e0001", "val/loss", "--csv", cwd=world).stdout)))
    assert [float(row["value"]) for row in rows] == found["val/loss"]["value"]


def test_metrics_that_are_not_finite(tmp_path: Path) -> None:
    make_world(tmp_path, ["finished"])
    with SeriesWriter(RunPaths(tmp_path / "runs/e0001").series) as writer:
        for step, value in enumerate((float("nan"), float("inf"), float("-inf"), 1.5)):
            writer.log(step, {"odd": value}, time=1.0)
    done = run_engine("metrics", "e0001", "odd", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["odd"]["value"] == ["NaN", "inf", "-inf", 1.5]
    assert run_engine("metrics", "e0001", cwd=tmp_path).returncode == 0
    assert run_engine("plot", "e0001", "-m", "odd", cwd=tmp_path).returncode == 0


def test_checkpoints(world: Path) -> None:
    found = engine_json("checkpoints", "e0001", "--json", cwd=world)
    assert {"name", "epoch", "step", "metrics", "bytes", "path"} <= found[0].keys()
    assert {"best", "last"} <= {alias for record in found for alias in record["aliases"]}
    assert all(Path(world / record["path"]).is_dir() for record in found)


def test_compare(world: Path) -> None:
    found = engine_json("compare", "e0001", "e0005", "--json", cwd=world)
    first, second = (read_json(world / f"runs/{run}/run.json")["settings"] for run in ("e0001", "e0005"))
    assert found["settings"]["optimizer.lr"] == {"e0001": first["optimizer"]["lr"], "e0005": second["optimizer"]["lr"]}
    assert "data.name" not in found["settings"]
    values = found["metrics"]["val/accuracy"]
    assert found["deltas"]["val/accuracy"] == {"e0005": pytest.approx(values["e0005"] - values["e0001"])}
    assert "optimizer.lr" in run_engine("compare", "e0001", "e0005", cwd=world).stdout
    alone = run_engine("compare", "e0001", "e0001", cwd=world)
    assert alone.returncode == 2


def test_plot_to_stdout_and_into_a_file(world: Path, tmp_path: Path) -> None:
    done = run_engine("plot", "e0001", "e0005", "--width", "70", "--height", "10", cwd=world)
    assert done.returncode == 0, done.stderr
    assert "e0005" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 70
    path = tmp_path / "curve.txt"
    assert run_engine("plot", "e0001", "-o", str(path), "-x", "step", "--log", cwd=world).stdout == ""
    assert "step" in path.read_text()
    plain = run_engine("plot", "e0001", cwd=world, LC_ALL="C")
    assert plain.stdout.isascii()


def test_log(world: Path, tmp_path: Path) -> None:
    assert run_engine("log", "e0001", cwd=world).stdout == "training digits-mlp\n"
    make_world(tmp_path, ["finished"])
    (tmp_path / "runs/e0001/log.txt").write_bytes(b"one\n10%\r50%\r100%\ntwo \x1b[2J\xff\n")
    done = run_engine("log", "e0001", cwd=tmp_path)
    assert done.stdout == "one\n100%\ntwo \\x1b[2J\ufffd\n"
    assert run_engine("log", "e0001", "-n", "1", cwd=tmp_path).stdout.startswith("two")
    assert run_engine("log", "e0001", "-f", cwd=tmp_path).stdout == done.stdout, "an ended run ends the following"


def test_a_damaged_run_is_shown_as_such_and_the_rest_works(tmp_path: Path) -> None:
    make_world(tmp_path, ["finished", "finished"])
    (tmp_path / "runs/e0001/state.json").write_bytes(b"{")
    (tmp_path / "runs/e0001/model.json").write_bytes(b"[1")
    (tmp_path / "runs/e0001/data.json").write_bytes(b'{"splits": 3}')
    found = engine_json("runs", "--json", cwd=tmp_path)
    assert [record["state"] for record in found] == ["unreadable", "finished"]
    done = run_engine("show", "e0001", cwd=tmp_path)
    assert done.returncode == 0
    assert "state.json" in done.stdout


def test_names_from_data_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    make_world(tmp_path, ["finished"])
    info = read_json(tmp_path / "runs/e0001/run.json")
    info["experiment"] = "evil\x1b]0;title\x07\u202e[bold]"
    info["settings"]["model"]["name"] = "a\x9b31mb"
    write_json(tmp_path / "runs/e0001/run.json", info)
    for arguments in (
        ["runs"],
        ["show", "e0001"],
        ["compare", "e0001", "e0001"],
        ["plot", "e0001"],
        ["runs", "--json"],
    ):
        text = run_engine(*arguments, cwd=tmp_path).stdout
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text), arguments
