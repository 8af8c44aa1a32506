"""Views of the runs: how one is changed, saved, read back, refused; and the same on the command line."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from engine.errors import NotFoundError, RunError, UsageError
from engine.jsonio import read_json, write_json
from engine.ordering import NEWEST, Order
from engine.runs import RunsFolder
from engine.saved_views import SavedViews
from engine.view import Column, View
from tests.cli_world import make_world
from tests.helpers import engine_json, run_engine

PAPER = View(
    filter="val/accuracy > 0.1 and state == 'finished'",
    orders=(Order("optimizer.name", False), Order("val/accuracy:best")),
    groups=("optimizer.name",),
    columns=(Column("val/accuracy:best", 9), Column("lr")),
)


def test_orders_are_added_turned_and_taken_out() -> None:
    view = View().then_by("val/accuracy").then_by("val/loss")
    assert view.orders == (Order("val/accuracy"), Order("val/loss", False)), "the age gives way to what is asked for"
    view = view.then_by("val/accuracy")
    assert view.orders[0] == Order("val/accuracy", False)
    assert view.then_by("val/accuracy").orders == (Order("val/loss", False),)
    assert View().then_by("val/loss").then_by("val/loss").then_by("val/loss").orders == (Order(NEWEST),)
    assert view.sorted_by("val/loss").orders == (Order("val/loss", False),), "alone"


@pytest.fixture
def saved(tmp_path: Path) -> SavedViews:
    return SavedViews(RunsFolder(tmp_path / "runs"))


def test_views_come_back_as_they_were_saved(saved: SavedViews) -> None:
    assert saved.all() == {}
    saved.save("paper", PAPER)
    saved.save(" Again ", View())
    assert saved.all() == {"Again": View(), "paper": PAPER}
    saved.save("paper", View(archived=True))
    assert saved.get("paper") == View(archived=True)
    saved.delete("paper")
    assert list(saved.all()) == ["Again"]
    with pytest.raises(NotFoundError, match="no view 'agian'") as caught:
        saved.get("agian")
    assert "Again" in caught.value.hint
    for name in ("", "  ", "x" * 61):
        with pytest.raises(UsageError, match="1 to 60 characters"):
            saved.save(name, PAPER)


@pytest.mark.parametrize(
    "content",
    [b'{"format": 1, "vie', b"[1, 2]", b'{"format": 2, "views": {}}', b'{"views": {"a": {"orders": "val/loss"}}}',
     b"\xff\xfe"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_and_left_alone(saved: SavedViews, content: bytes) -> None:
    saved.path.parent.mkdir(parents=True)
    saved.path.write_bytes(content)
    with pytest.raises(RunError, match="cannot be read") as caught:
        saved.all()
    assert str(saved.path) in caught.value.hint
    for change in (lambda: saved.save("new", PAPER), lambda: saved.delete("a")):
        with pytest.raises(RunError, match="cannot be read"):
            change()
    assert saved.path.read_bytes() == content


def test_where_nothing_can_be_written_the_error_names_the_file(saved: SavedViews) -> None:
    saved.path.parent.parent.mkdir()
    saved.path.parent.write_text("a file in the way")
    with pytest.raises(RunError, match=r"views\.json"):
        saved.save("a", PAPER)


def test_many_saving_at_once_lose_nothing(saved: SavedViews) -> None:
    threads = [threading.Thread(target=saved.save, args=(f"v{n}", PAPER)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved.all()) == 12
    assert [path.name for path in saved.path.parent.glob(".views*")] == []


# on the command line


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs, the first two of SGD, the others of Adam."""
    folder = make_world(tmp_path_factory.mktemp("world"))
    for number in range(1, 7):
        path = folder / f"runs/e{number:04d}/run.json"
        info = read_json(path)
        info["settings"]["optimizer"] = {"name": "SGD" if number < 3 else "Adam", "lr": 0.1 / number}
        info["tags"] = ["paper"] if number in (1, 3) else []
        write_json(path, info)
        (folder / f"runs/e{number:04d}/marks.json").unlink()
    return folder


def test_several_keys_sort_a_minus_turns_one_round(world: Path) -> None:
    found = engine_json("runs", "--sort", "optimizer.name,-lr", "--columns", "optimizer.name,lr", "--json", cwd=world)
    pairs = [(record["optimizer.name"], record["lr"]) for record in found]
    assert pairs == sorted(pairs)
    assert pairs[0][0] == "Adam"
    turned = engine_json("runs", "--sort", "optimizer.name,-lr", "--reverse", "--json", cwd=world)
    assert [record["run"] for record in turned][:2] == ["e0001", "e0002"]


def test_groups_are_told_in_every_form(world: Path) -> None:
    runs = {record["run"]: record for record in engine_json("runs", "--json", cwd=world)}
    found = engine_json("runs", "--group-by", "optimizer.name", "--sort", "val/loss:best", "--json", cwd=world)
    by_name = {record["group"]["optimizer.name"]: record for record in found}
    assert by_name["SGD"]["count"] == 2
    assert set(by_name["Adam"]["runs"]) == {"e0003", "e0004", "e0005", "e0006"}
    assert by_name["SGD"]["metric"] == "val/loss:best"
    assert by_name["SGD"]["best"] <= min(runs[run]["metrics"]["val/loss"] for run in ("e0001", "e0002"))
    csv = run_engine("runs", "--group-by", "tag", "--csv", cwd=world).stdout.splitlines()
    assert csv[0].startswith("tag,count,metric")
    assert csv[1].startswith("paper,2,val/accuracy,2,")
    table = run_engine("runs", "--group-by", "tag,optimizer.name", cwd=world).stdout
    assert "±" in table.splitlines()[0]
    assert len(table.splitlines()) == 5


def test_a_view_saved_in_one_place_is_shown_in_the_other(world: Path) -> None:
    asked = ["--where", "tag == 'paper' or lr < 0.03", "--sort", "-lr", "--columns", "lr,tag"]
    done = run_engine("runs", *asked, "--save-view", "mine", cwd=world)
    assert done.returncode == 0, done.stderr
    view = SavedViews(RunsFolder(world / "runs")).get("mine")
    assert view.orders == (Order("lr", False),)
    assert engine_json("runs", "--view", "mine", "--json", cwd=world) == engine_json(
        "runs", *asked, "--json", cwd=world
    )
    narrowed = engine_json("runs", "--view", "mine", "--where", "lr > 0.05", "--json", cwd=world)
    assert [record["run"] for record in narrowed] == ["e0001"], "what is said besides counts instead"
    assert [view["name"] for view in engine_json("views", "--json", cwd=world)] == ["mine"]
    assert "tag == 'paper'" in run_engine("views", cwd=world).stdout
    missing = run_engine("runs", "--view", "mien", cwd=world)
    assert (missing.returncode, "did you mean 'mine'" in missing.stderr) == (3, True)
    run_engine("views", "--delete", "mine", cwd=world)
    assert engine_json("views", "--json", cwd=world) == []


def test_words_in_a_saved_view_are_looked_for_as_text(world: Path) -> None:
    SavedViews(RunsFolder(world / "runs")).save("words", View(filter="digits lost"))
    found = engine_json("runs", "--view", "words", "--json", cwd=world)
    assert [record["run"] for record in found] == ["e0004"]


@pytest.mark.parametrize(
    ("option", "value"), [("--sort", "lr,nonsense"), ("--group-by", "optimizer.nme"), ("--columns", "val/acuracy:best")]
)
def test_a_key_that_no_run_has_is_refused(world: Path, option: str, value: str) -> None:
    done = run_engine("runs", option, value, cwd=world)
    assert done.returncode == 2
    assert "no run has" in done.stderr


def test_the_shell_completes_queries_and_keys(world: Path) -> None:
    def completed(words: str, last: int) -> list[str]:
        extra = {"_ENGINE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(last)}
        return [line.partition(",")[2] for line in run_engine(cwd=world, **extra).stdout.splitlines()]

    assert "state,val/accuracy" in completed("engine runs --columns state,val/a", 3)
    assert "lr,-val/loss" in completed("engine runs --sort lr,-val/l", 3)


def test_a_views_file_that_cannot_be_read_stops_only_views(world: Path, tmp_path: Path) -> None:
    make_world(tmp_path, ["finished"])
    path = tmp_path / "runs/.dltui/views.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"format": 99}))
    done = run_engine("runs", "--view", "x", cwd=tmp_path)
    assert (done.returncode, "format 99" in done.stderr) == (1, True)
    assert run_engine("runs", cwd=tmp_path).returncode == 0
