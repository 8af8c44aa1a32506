"""What the main screens read: first from the index alone, then verified; filters, marks, preferences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.make_runs import make_runs
from engine.devices import Device
from engine.records import Marks, write_marks
from engine.runs import RunsFolder
from tui import marking
from tui.details import draw, read, summary_lines
from tui.launching import Order, check, command_line
from tui.preferences import Preferences
from tui.run_view import Order as By
from tui.run_view import View, apply
from tui.store import ExperimentEntry, Store
from tui.theme import _plain_inks
from tui.widgets.device_list import DeviceChoice
from tui.widgets.experiment_list import ExperimentList
from tui.widgets.table import Column, arrange

EXPERIMENTS = """
[experiments.digits-mlp]
description = "Digits"
data = { name = "digits", validation = 0.1 }
model = { name = "mlp", hidden = [64] }
train = { epochs = 2 }

[experiments.broken]
data = { name = "digits" }
model = { name = "mlp" }
optimizer = { name = "Adam", lrr = 1 }
train = { epochs = 1 }

[experiments.moons-mlp]
data = { name = "moons" }
model = { name = "mlp" }
train = { epochs = 1 }
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "experiments.toml").write_text(EXPERIMENTS)
    make_runs(tmp_path / "runs", 12, steps=3)
    return tmp_path


@pytest.fixture
def store(world: Path) -> Store:
    return Store(world / "runs", None, cwd=world)


def verified(store: Store) -> Store:
    for _ in (*store.verify(), *store.check_experiments()):
        pass
    return store


def test_nothing_is_looked_at_before_the_first_snapshot(store: Store, world: Path) -> None:
    assert store.load().rows == ()  # no index yet
    verified(store)
    assert len(store.snapshot.rows) == 12
    again = Store(world / "runs", None, cwd=world)
    for run in (world / "runs").glob("e*/state.json"):
        run.unlink()  # not even looked for
    assert len(again.load().rows) == 12


def test_experiments_stand_in_file_order_with_their_runs_and_their_best(store: Store) -> None:
    store.load()
    entries = {entry.name: entry for entry in verified(store).snapshot.experiments}
    assert list(entries) == ["digits-mlp", "broken", "moons-mlp"]
    rows = [row for row in store.snapshot.rows if row.experiment == "digits-mlp"]
    assert entries["digits-mlp"].runs == len(rows) > 0
    assert entries["digits-mlp"].best == max(row.best for row in rows if row.best is not None)
    assert "lrr" in entries["broken"].problem
    assert not entries["moons-mlp"].problem


def test_all_mistakes_of_a_broken_experiment_are_found(tmp_path: Path) -> None:
    broken = EXPERIMENTS.replace("train = { epochs = 1 }", "train = { epochs = -1 }", 1)
    (tmp_path / "experiments.toml").write_text(broken)
    store = Store(tmp_path / "runs", None, cwd=tmp_path)
    file = store.load().file
    assert file is not None
    assert [problem.line for problem in file.problems] == [12]
    assert list(store.check_experiments())[-1]
    assert [problem.line for problem in store.snapshot.faults["broken"]] == [11]
    assert "did you mean" in (store.snapshot.faults["broken"][0].hint or "")


def test_a_changed_file_is_read_again_and_a_broken_one_is_told_of(store: Store, world: Path) -> None:
    store.load()
    assert not store.refresh_file()
    (world / "experiments.toml").write_text(EXPERIMENTS + '\n[experiments.new]\nextends = "digits-mlp"\n')
    assert store.refresh()
    assert "new" in {entry.name for entry in store.snapshot.experiments}
    (world / "experiments.toml").write_text("[experiments.x\n")
    assert store.refresh_file()
    assert store.snapshot.file_error is not None
    assert "experiments.toml" in store.snapshot.file_error.message


def test_a_refresh_that_finds_nothing_leaves_the_snapshot_alone(store: Store) -> None:
    store.load()
    verified(store)
    before = store.snapshot
    assert not store.refresh()
    assert store.snapshot is before


def test_words_queries_and_what_is_neither(store: Store) -> None:
    store.load()
    rows = verified(store).snapshot.rows
    newest = apply(rows, View())
    assert [row.run for row in newest.rows] == [row.run for row in reversed(rows)]
    words = apply(rows, View(filter="DIGITS finished"))
    assert words.plain
    assert {(row.experiment, row.state) for row in words.rows} <= {("digits-mlp", "finished")}
    query = apply(rows, View(filter="best > 0.5", orders=(By("best"),)))
    assert [row.best for row in query.rows] == sorted((r.best for r in rows if (r.best or 0) > 0.5), reverse=True)
    broken = apply(rows, View(filter="best > > 1"))
    assert broken.error is not None
    assert broken.error.column == 7
    assert len(broken.rows) == len(rows)


def test_sorting_by_the_same_key_turns_round_and_losses_begin_at_the_least() -> None:
    view = View().sorted_by("val/accuracy")
    assert view.first.descending
    assert not view.sorted_by("val/accuracy").first.descending
    assert not view.sorted_by("val/loss").first.descending


def test_archived_runs_are_out_of_the_way(store: Store, world: Path) -> None:
    runs = RunsFolder(world / "runs")
    marking.set_archived(runs, ["e0003"], True)
    store.load()
    rows = verified(store).snapshot.rows
    outcome = apply(rows, View())
    assert "e0003" not in {row.run for row in outcome.rows}
    assert outcome.hidden == 1
    assert len(apply(rows, View(archived=True)).rows) == len(rows)


def test_marks_are_written_and_errors_do_not_stop_the_others(world: Path) -> None:
    runs = RunsFolder(world / "runs")
    write_marks(runs.paths("e0002").folder and runs.paths("e0002"), Marks(tags=["old"]))
    done = marking.change_tags(runs, ["e0002", "e9999"], "paper, -old")
    assert done.ids == ("e0002",)
    assert "e9999" in done.errors[0].message
    assert runs.find("e0002").marks.tags == ["paper"]
    marking.set_star(runs, ["e0002"], True)
    assert "starred" in marking.trash(runs, ["e0002"]).errors[0].message
    marking.set_star(runs, ["e0002"], False)
    assert marking.trash(runs, ["e0002"]).ids == ("e0002",)
    assert marking.restore(runs, ["e0002"]).ids == ("e0002",)
    assert runs.find("e0002").marks.tags == ["paper"]


def test_details_of_a_broken_experiment_say_what_and_where(store: Store) -> None:
    store.load()
    verified(store)
    details = read(store, "broken")
    shown = "\n".join("".join(text for text, _ in line) for line in draw(details, 60, _plain_inks()))
    assert "lrr" in shown
    assert "line" in shown


def test_a_summary_names_the_majority_and_the_file_before_the_cut() -> None:
    summary = {
        "splits": {
            "train": {"count": 9, "classes": {"Russian": 6, "English": 3}},
            "validation": {"count": 1, "classes": {"Russian": 1}},
        },
        "source": {"train": {"count": 10, "classes": {"Russian": 7, "English": 3}}},
        "majority": {"class": "Russian", "share": 0.7},
        "duplicates": {"train/test": {"rows": 773, "distinct": 201}},
    }
    shown = "\n".join("".join(text for text, _ in line) for line in summary_lines(summary, 60, _plain_inks()))
    assert "train 9 · validation 1" in shown
    assert "train file of 10: Russian 7 (70.0 %)" in shown
    assert "always answering Russian scores 70.0 %" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith(("Russian", "English"))]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("Russian", "6", "1", "66.7", "%"),
        ("English", "3", "0", "33.3", "%"),
    ]
    assert "773" in shown
    assert "201" in shown


def test_an_order_is_checked_and_says_its_command(store: Store) -> None:
    store.load()
    file = store.snapshot.file
    assert file is not None
    sound = check(file, Order("digits-mlp", ("optimizer.lr=0.1",), seeds=3))
    assert [settings.seed for settings in sound.settings] == [0, 1, 2]
    wrong = check(file, Order("digits-mlp"), "optimizer.lrr=1")
    assert wrong.error is not None
    assert "lrr" in wrong.error.message
    assert any("optimizer.lr" in name for name, _ in check(file, Order("digits-mlp"), "lr").completions)
    line = command_line(store, Order("digits-mlp", ("model.hidden=[1, 2]",), device="cpu", note="why not"))
    assert line.endswith("train digits-mlp -s 'model.hidden=[1, 2]' --device cpu --note 'why not'")


def test_preferences_survive_and_foreign_files_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Preferences.load().theme == ""
    Preferences(theme="nord").save()
    assert Preferences.load().theme == "nord"
    path = tmp_path / "dltui" / "settings.json"
    for content in ("{", "[]", json.dumps({"theme": 3, "unknown": 1})):
        path.write_text(content)
        assert Preferences.load() == Preferences()


def test_columns_are_left_out_by_rank_and_fill_the_width() -> None:
    columns = (Column("a", "a", 5, 20), Column("b", "b", 5, rank=2), Column("c", "c", 5, 1000, rank=1))
    assert [(c.key, w) for c, w in arrange(columns, 60)] == [("a", 20), ("b", 5), ("c", 31)]
    assert [c.key for c, _ in arrange(columns, 13)] == ["a", "c"]
    assert [(c.key, w) for c, w in arrange(columns, 5)] == [("a", 5)]
    assert [(c.key, w) for c, w in arrange(columns, 3)] == [("a", 3)]


@pytest.mark.parametrize("why", ["held by e0031 of alice", "held by e0031 of someone with a long name"])
def test_in_a_narrow_dialog_who_holds_a_device_is_told_before_its_kind(why: str) -> None:
    device = Device(
        name="cuda:0", kind="gpu", title="NVIDIA GeForce RTX 4090", free=False, why=why, utilization=37.0,
        memory_used=61_200_000_000, memory_total=143_000_000_000,
    )  # fmt: skip
    line = "".join(text for text, _ in DeviceChoice().draw_item(device, 66, _plain_inks()))
    assert line.endswith(why)
    assert "load 37 %" in line
    assert len(line) <= 66


def test_what_the_best_is_of_is_told_where_it_is_not_all_accuracy() -> None:
    accuracies = [ExperimentEntry("digits", "digits", "mlp", 1, best=0.9, monitor="val/accuracy")]
    losses = [*accuracies, ExperimentEntry("moons", "moons", "mlp", 1, best=0.0032, monitor="train/loss")]

    def drawn(entries: list[ExperimentEntry]) -> list[str]:
        listing = ExperimentList()
        listing.measure(entries)
        lines = [listing.draw_title(76, _plain_inks()), *(listing.draw_item(e, 76, _plain_inks()) for e in entries)]
        return ["".join(text for text, _ in line) for line in lines]

    assert "metric" not in drawn(accuracies)[0]
    title, first, second = drawn(losses)
    assert title.split()[-2:] == ["metric", "best"]
    assert (first.split()[-2:], second.split()[-2:]) == (["accuracy", "0.9000"], ["loss", "0.0032"])
