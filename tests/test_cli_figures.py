"""`engine plot` into figures and tables, and its text in colours."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.make_runs import Maker
from engine.curve_sheet import Sheet, SheetBaseline, SheetCurve, SheetMark, SheetPanel
from engine.curves import Curve, pauses, positions
from engine.events import append_event
from engine.jsonio import write_json
from engine.plotting import draw
from engine.records import RunPaths
from engine.runs import RunsFolder
from tests.helpers import run_engine


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Two runs of 60 steps."""
    for number in (1, 2):
        Maker(tmp_path / "runs", 60, seed=number).make(
            number, time.time() - 600, end="finished", experiment="digits-mlp"
        )
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_figures_and_a_table_are_written_and_never_over_a_file(world: Path) -> None:
    wanted = ["plot", "e0001", "e0002", "--smooth", "10", "--png", "a.png", "--svg", "a.svg", "--csv", "a.csv"]
    done = run_engine(*wanted, cwd=world)
    assert done.returncode == 0, done.stderr
    assert (world / "a.png").read_bytes().startswith(b"\x89PNG")
    drawing = (world / "a.svg").read_text()
    assert "e0001 digits-mlp train/loss" in drawing, "text stays text"
    table = rows(world / "a.csv")
    assert {row["run"] for row in table} == {"e0001", "e0002"}
    assert float(table[0]["value"]) != float(table[20]["smoothed"])
    again = run_engine("plot", "e0001", "--png", "a.png", cwd=world)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    assert run_engine("plot", "e0001", "--csv", "no/where.csv", cwd=world).returncode == 2
    assert not [path for path in world.iterdir() if path.suffix == ".tmp"]


def test_the_mean_of_runs_and_any_axis_within_limits(world: Path) -> None:
    wanted = [
        "plot",
        "e0001",
        "e0002",
        "-m",
        "val/loss",
        "--mean",
        "-x",
        "val/accuracy",
        "--from",
        "0.5",
        "--csv",
        "m.csv",
    ]
    done = run_engine(*wanted, cwd=world)
    assert done.returncode == 0, done.stderr
    table = rows(world / "m.csv")
    assert {row["run"] for row in table} == {"e0001 e0002"}
    assert min(float(row["val/accuracy"]) for row in table) >= 0.5
    assert any(float(row["deviation"]) > 0 for row in table)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-x", "val/acuracy"], "val/accuracy"),
        (["--smooth", "1.5"], "number of points"),
        (["--mean"], "need --png"),
        (["--png", "x.png", "--view", "no.json"], "cannot be read"),
        (["--png", "x.png", "--view", "runs/e0001/run.json"], "is no view of curves"),
    ],
)
def test_what_cannot_be_drawn_is_said(world: Path, arguments: list[str], words: str) -> None:
    done = run_engine("plot", "e0001", *arguments, cwd=world)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (world / "x.png").exists()


def test_a_view_is_drawn_as_it_says(world: Path) -> None:
    hostile = "$\\frac{a}$ \x1b[31m <b> 日本"
    marks = (SheetMark("best", 300, value=0.5, label=hostile), SheetMark("checkpoint", 300), SheetMark("odd", 10**15))
    curves = (SheetCurve("train/loss", ("e0001",), hostile, 0, 0.9), SheetCurve("val/loss", ("e0001", "e0002"), "", 9))
    panels = (
        SheetPanel(hostile, curves, log_y=True, y=(0.01, 5.0), marks=marks),
        SheetPanel("gone", (SheetCurve("no", ("e0001",)),)),
    )
    for number, axis in enumerate(("step", "epoch", "samples", "time", "wall", "val/accuracy")):
        sheet = Sheet(panels, hostile, columns=2, axis=axis, log_x=axis == "step", x=(None, 500.0), clip=True)
        write_json(world / "view.json", sheet)
        done = run_engine("plot", "e0001", "--view", "view.json", "--svg", f"{number}.svg", cwd=world)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in (world / f"{number}.svg").read_text()


def test_a_panel_alone_in_the_last_row_takes_all_of_it_and_baselines_are_drawn(world: Path) -> None:
    curves = (SheetCurve("val/accuracy", ("e0001",)),)
    panels = [SheetPanel(title, curves, baselines=(SheetBaseline(0.104, "majority 0.104"),)) for title in "abc"]
    write_json(world / "view.json", Sheet(tuple(panels), columns=2))
    assert run_engine("plot", "e0001", "--view", "view.json", "--svg", "a.svg", cwd=world).returncode == 0
    text = (world / "a.svg").read_text()
    assert text.count("majority 0.104") == 3
    widths = []
    for name in ("axes_1", "axes_3"):
        ground = re.search(rf'id="{name}".*?<path d="([^"]+)"', text, re.DOTALL)
        assert ground is not None
        places = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", ground[1])]
        widths.append(max(places) - min(places))
    assert widths[1] > 1.8 * widths[0]


@pytest.mark.parametrize(
    "change", [{"panels": []}, {"columns": 0}, {"x": [5, 5]}, {"panels": [{"title": "a", "curves": []}]}, {"axis": 3}]
)
def test_a_view_of_nothing_is_refused(world: Path, change: dict[str, object]) -> None:
    sheet = {"panels": [{"title": "a", "curves": [{"series": "train/loss", "runs": ["e0001"]}]}]} | change
    (world / "view.json").write_text(json.dumps(sheet))
    assert run_engine("plot", "e0001", "--view", "view.json", "--png", "a.png", cwd=world).returncode == 2


def test_time_leaves_out_when_the_run_did_not_run(world: Path) -> None:
    paths = RunPaths(world / "runs" / "e0001")
    paths.events.unlink(missing_ok=True)
    append_event(paths, "started")
    first = json.loads(paths.events.read_text())["time"]
    with paths.events.open("a") as file:
        file.write(json.dumps({"time": first + 50, "event": "resumed", "step": 3}) + "\n")
    line = [RunsFolder(world / "runs").find("e0001")]
    assert list(pauses(line)) == [(first, first + 50)]
    at = positions(line, "time", np.array([1, 2]), np.array([first, first + 60]))
    assert at[1] - at[0] == pytest.approx(10.0)


def test_curves_in_the_terminal_have_colours_of_their_own() -> None:
    x = np.arange(20.0)
    text = draw([Curve("one", x, x), Curve("two", x, -x)], "title", colour=True, width=60, height=12)
    assert "\x1b[94m" in text
    assert "\x1b[33m" in text
