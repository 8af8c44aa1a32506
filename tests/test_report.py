"""The journal: pages of several runs, from outside; what runs wrote and named stays words on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.make_runs import Maker
from engine.curves import read_curve
from engine.jsonio import read_json
from engine.lineage import lineage, whole_series
from engine.report import figures
from engine.report.gather import sections
from engine.report.html import as_html
from engine.report.markdown import code, escaped
from engine.runs import RunsFolder
from engine.series import SeriesWriter
from engine.words import SECTIONS
from tests.helpers import engine_json, run_engine

HOSTILE = "<script>alert(1)</script> | `x` **b** [a](javascript:alert(2)) \x1b[31m $x^2$"


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def edit(folder: Path, run: str, change: Callable[[dict[str, Any]], None], name: str = "run.json") -> None:
    """Change a JSON file of a run."""
    path = folder / "runs" / run / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Three finished runs of one experiment that differ in the learning rate alone; the last continues the second."""
    maker = Maker(tmp_path / "runs", steps=5)
    for number in (1, 2, 3):
        maker.make(number, 1_700_000_000.0 + 600 * number, end="finished", experiment="digits-mlp")
    settings = json.loads((tmp_path / "runs" / "e0001" / "run.json").read_text())["settings"]
    for run, lr in (("e0001", 0.1), ("e0002", 0.01), ("e0003", 0.01)):
        edit(tmp_path, run, lambda info, lr=lr: info.update(settings=_with_rate(settings, lr)))  # type: ignore[misc]
        edit(tmp_path, run, lambda marks: marks.update(name=""), "marks.json")
    edit(tmp_path, "e0003", lambda info: info.update(parent="e0002:last"))
    return tmp_path


def _with_rate(settings: dict[str, Any], lr: float) -> dict[str, Any]:
    return {**settings, "optimizer": {**settings["optimizer"], "lr": lr}}


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table below a heading, the head and its rule left out."""
    part = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_only_what_differs_is_in_the_table(world: Path) -> None:
    written = engine_json("report", "e0001", "e0002", "e0003", "--json", cwd=world)
    page = Path(world / written["markdown"]).read_text()
    assert Path(written["markdown"]).parent == Path("runs/journal")
    table = rows(page, "Runs")
    assert [row[0] for row in table] == ["e0001", "e0002", "e0003"]
    assert [row[2] for row in table] == [f"`optimizer.lr = {lr}`" for lr in ("0.1", "0.01", "0.01")]
    metrics = json.loads((world / "runs/e0002/state.json").read_text())["metrics"]
    assert table[1][4] == f"{metrics['test/accuracy']:.4f}"
    assert "e0003 continues e0002:last" in page
    shared = dict(map(tuple, rows(page, "Settings that all share")))  # type: ignore[arg-type]
    assert "`optimizer.lr`" not in shared
    assert shared["`data.name`"] == "`digits`"
    assert "`data.split_seed`" not in shared, "it is at its default"
    assert all((world / figure).stat().st_size > 5000 for figure in written["figures"])
    assert {Path(figure).name for figure in written["figures"]} >= {"loss-by-epoch.png", "accuracy-by-step.png"}


def test_limits_grown_on_resuming_are_told(world: Path) -> None:
    control = world / "runs" / "e0001" / "control"
    control.mkdir(exist_ok=True)
    (control / "limits.json").write_text('{"train.epochs": 75}')
    compared = engine_json("compare", "e0001", "e0002", "--json", cwd=world)
    assert compared["settings"]["train.epochs"]["e0001"] == 75
    done = run_engine("report", "e0001", "e0002", cwd=world)
    assert done.returncode == 0, done.stderr
    page = next((world / "runs" / "journal").glob("*.md")).read_text()
    assert "engine train --resume e0001 -s train.epochs=75" in page
    assert re.search(r"train.epochs.*75", page)


def test_the_html_file_holds_everything_and_asks_for_nothing(world: Path) -> None:
    written = engine_json("report", "e0001", "e0002", "--json", cwd=world)
    tags = Tags((world / written["html"]).read_text()).found
    sources = [attributes["src"] for tag, attributes in tags if tag == "img"]
    assert len(sources) == len(written["figures"]) == 4
    assert all(source is not None and source.startswith("data:image/png;base64,") for source in sources)
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "a"}


def test_names_and_notes_are_words(world: Path) -> None:
    edit(world, "e0001", lambda info: info.update(experiment=HOSTILE))
    (world / "runs" / "e0001" / "notes.md").write_text(f"# Motivation\n\n{HOSTILE}\n\n![x](../../../etc/hostname)\n")
    done = run_engine("report", "e0001", "e0002", "-o", "page.md", cwd=world)
    assert done.returncode == 0, done.stderr
    page = Tags((world / "page.html").read_text())
    assert not {tag for tag, _ in page.found} & {"script", "a"}
    assert [attributes["src"][:10] for tag, attributes in page.found if tag == "img"] == ["data:image"] * 4  # type: ignore[index]
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in (world / "page.md").read_text().partition("## Motivation")[0]
    assert len(rows((world / "page.md").read_text(), "Runs")[0]) == 7, "a name with a bar makes no further cell"


def test_what_people_wrote_is_kept(world: Path) -> None:
    results = "It *works*.\n\n### Closer\n\n```\n# Results\n```"
    notes = f"## Motivation\n\nWhy?\n\n## Results\n\n{results}\n\n## My own\n\nprivate\n"
    (world / "runs" / "e0002" / "notes.md").write_text(notes)
    first = engine_json("report", "e0001", "e0002", "--title", "Größe: does it pay?", "--json", cwd=world)
    path = world / first["markdown"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-groe?sse-does-it-pay|\d{4}-\d\d-\d\d-gro-?e-does-it-pay", path.stem)
    assert results in path.read_text()
    assert "private" not in path.read_text()
    path.write_text("mine")
    again = engine_json("report", "e0001", "e0002", "--title", "Größe: does it pay?", "--json", cwd=world)
    assert again["markdown"] != first["markdown"]
    refused = run_engine("report", "e0001", "-o", str(path), cwd=world)
    assert (refused.returncode, path.read_text()) == (2, "mine")
    assert "is there already" in refused.stderr
    assert run_engine("report", "e0001", "-o", str(path), "--force", cwd=world).returncode == 0
    assert path.read_text() != "mine"


def test_an_entry_that_spans_runs_has_a_title(world: Path) -> None:
    done = run_engine("journal", "Smaller steps", "e0001", "last", cwd=world)
    assert done.returncode == 0, done.stderr
    markdown, html = (world / line for line in done.stdout.split())
    assert markdown.name.endswith("-smaller-steps.md")
    assert markdown.read_text().startswith("# Smaller steps\n")
    assert "<title>Smaller steps</title>" in html.read_text()
    assert run_engine("journal", " ", "e0001", cwd=world).returncode == 2
    assert run_engine("report", "e0009", cwd=world).returncode == 3
    assert run_engine("report", "e0001", "-o", "page.txt", cwd=world).returncode == 2


def test_seeds_come_with_mean_and_deviation(world: Path) -> None:
    for run, value in (("e0002", 0.5), ("e0003", 0.7)):
        seed = {"settings": read_json(world / f"runs/{run}/run.json")["settings"] | {"seed": int(run[-1])}}
        edit(world, run, lambda info, seed=seed: info.update(parent=None, **seed))  # type: ignore[misc]
        edit(world, run, lambda state, value=value: state["metrics"].update({"test/accuracy": value}), "state.json")  # type: ignore[misc]
    done = run_engine("report", "e0001", "e0002", "e0003", "-o", "page.md", cwd=world)
    assert done.returncode == 0, done.stderr
    page = (world / "page.md").read_text()
    found = {row[0]: row[1:] for row in rows(page, "Repeated runs")}
    (repeated,) = (row for name, row in found.items() if name.startswith("test/accuracy") and "lr 0.01" in name)
    assert repeated[0] == "0.6000 ± 0.1414"
    assert "one seed of" in repeated[-1]
    assert ": e0002, e0003" in page


def test_scores_on_other_data_have_no_difference(world: Path) -> None:
    edit(world, "e0002", lambda info: info["settings"].update(data={"name": "iris"}))
    assert run_engine("report", "e0001", "e0002", "e0003", "-o", "page.md", cwd=world).returncode == 0
    page = (world / "page.md").read_text()
    (scores,) = (row for row in rows(page, "Metrics") if row[0] == "test/accuracy")
    assert ["(" in cell for cell in scores[1:]] == [False, False, True]
    assert "No difference is formed for e0002: other data than the baseline's (iris, not digits)." in page


def test_of_many_differences_a_row_tells_those_that_say_most(world: Path) -> None:
    more = {f"a{n}": n for n in range(9)} | {"name": "cnn"}
    edit(world, "e0002", lambda info: info["settings"].update(model=more))
    assert run_engine("report", "e0001", "e0002", "-o", "page.md", cwd=world).returncode == 0
    page = (world / "page.md").read_text()
    _, told = (row[2] for row in rows(page, "Runs"))
    assert told.startswith("`model.name = cnn`")
    assert told.endswith("more")
    assert told.count("`") == 8
    assert len([row for row in rows(page, "Settings that differ") if row[0].startswith("`model.a")]) == 9


def test_a_page_of_one_run_that_has_logged_nothing(world: Path) -> None:
    maker = Maker(world / "other", steps=5)
    maker.make(1, 1_700_000_000.0, end="failed", experiment="digits-mlp")
    for path in (world / "other/e0001/series").rglob("*.f8"):
        path.unlink()
    (world / "other/e0001/data.json").unlink()
    written = engine_json("--runs", "other", "report", "e0001", "--json", cwd=world)
    assert written["figures"] == []
    page = (world / written["markdown"]).read_text()
    assert "e0001 (failed)" in page
    assert "## Curves" not in page


def test_noise_of_steps_is_smoothed_in_the_figures(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (world / "runs/e0001/series/val").glob("*.f8"):
        path.unlink()
    with SeriesWriter(world / "runs/e0001/series") as writer:
        for step in range(90_000, 91_000):
            writer.log(step, {"train/loss": float(step % 2)})
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, path: drawn.append(figure))
    folder = RunsFolder(world / "runs")
    figures.draw(world, folder, [folder.find("e0001"), folder.find("e0002")])
    lines = {line.get_label(): line for line in drawn[1].axes[0].lines}
    tail = lines["e0001 train/loss, smoothed"].get_ydata()[-100:]
    assert max(tail) - min(tail) < 0.2
    assert "e0002 val/loss" in lines, "evaluations are drawn as they are"


def test_a_continued_run_is_one_curve(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs", steps=3)
    for number in (1, 2, 3):
        folder = maker.make(number, 1_700_000_000.0, end="finished", experiment="digits-mlp")
        for path in (folder / "series").rglob("*.f8"):
            path.unlink()
    for number, steps in ((1, (10, 20, 30, 40)), (2, (30, 40, 50)), (3, (60, 70))):
        writer = SeriesWriter(tmp_path / "runs" / f"e{number:04d}" / "series")
        for step in steps:
            writer.log(step, {"train/loss": number + step / 1000})
        writer.close()
    edit(tmp_path, "e0002", lambda info: info.update(parent="e0001:best"))
    edit(tmp_path, "e0003", lambda info: info.update(parent="e0002"))
    runs = RunsFolder(tmp_path / "runs")
    line = lineage(runs, runs.find("e0003"))
    assert [run.id for run in line] == ["e0001", "e0002", "e0003"]
    records = whole_series(line, "train/loss")
    assert records["step"].tolist() == [10, 20, 30, 40, 50, 60, 70]
    assert [int(value) for value in records["value"]] == [1, 1, 2, 2, 2, 3, 3]
    assert read_curve(line, "train/loss", "", "step", 100).x.tolist() == [10, 20, 30, 40, 50, 60, 70]
    edit(tmp_path, "e0001", lambda info: info.update(parent="e0003"))  # a circle ends
    assert [run.id for run in lineage(runs, runs.find("e0003"))] == ["e0001", "e0002", "e0003"]


@given(st.text())
def test_any_text_is_literal(text: str) -> None:
    shown = Tags(as_html(f"| {escaped(text)} | {code(text)} |\n| --- | --- |\n", "t", Path())).found
    inside = [tag for tag, _ in shown[shown.index(("body", {})) + 1 :]]
    assert not set(inside) - {"table", "thead", "tr", "th", "code", "p"}
    assert inside.count("th") in (0, 2)


@given(st.lists(st.tuples(st.sampled_from([*SECTIONS, "Other"]), st.text(st.characters(codec="utf-8"))), max_size=5))
def test_the_parts_of_notes_are_found(parts: list[tuple[str, str]]) -> None:
    clean = [(name, re.sub(r"[#`~]", "", " ".join(text.split()))) for name, text in parts]
    found = sections("".join(f"## {name}\n\n{text}\n\n" for name, text in clean))
    for name in SECTIONS:
        said = [text for other, text in clean if other == name]
        assert " ".join(found.get(name.lower(), "").split()) == " ".join(" ".join(said).split())
