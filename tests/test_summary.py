"""What is said of a data set, and that it is kept, found again without loading, and forgotten when the data changes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.jsonio import encode
from engine.runs import RunsFolder
from engine.settings import Settings
from engine.splits import prepare, prepare_own
from engine.summary import cached, quick_fingerprint, store, summarise, summary_key
from tests.helpers import environment

NASTY = ["\x1b]0;own\x07", "[bold red]x[/", "\u202egnp.exe", "漢字", "e\u0301", "a\tb"]
"""Control bytes, markup, a direction override, wide and combining characters."""


def table_file(folder: Path, name: str = "t.csv", rows: int = 60) -> Path:
    path = folder / name
    path.write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(rows)))
    return path


def test_the_summary_of_the_real_names(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_DATA", str(real_data))
    own = summarise(prepare_own(Settings(data={"name": "names"}), real_data))
    assert own["splits"]["train"]["count"] == 13_374
    assert own["splits"]["train"]["classes"]["Russian"] == 6272
    assert own["majority"] == {"class": "Russian", "share": pytest.approx(0.469, abs=5e-4)}
    assert own["duplicates"] == {"train/test": {"rows": 773, "distinct": 201}}
    assert "source" not in own
    cut = summarise(prepare(Settings(data={"name": "names", "validation": 0.1}), real_data))
    assert list(cut["splits"]) == ["train", "validation", "test"]
    assert cut["source"]["train"] == own["splits"]["train"]
    assert cut["majority"] == own["majority"]
    assert sum(cut["splits"][s]["count"] for s in ("train", "validation")) == 13_374
    assert cut["fingerprint"] != own["fingerprint"]


def test_the_summary_says_shape_kind_columns_and_note() -> None:
    found = summarise(prepare(Settings(data={"name": "iris"}), Path("/nonexistent")))
    assert (found["kind"], found["shape"], found["classes"]) == ("features", [4], ["setosa", "versicolor", "virginica"])
    assert found["columns"][0] == "sepal length (cm)"
    assert found["splits"]["train"]["classes"] == {"setosa": 40, "versicolor": 40, "virginica": 40}
    assert found["seconds"] >= 0
    assert "generated" in summarise(prepare(Settings(data={"name": "moons"}), Path("/nonexistent")))["note"]


def test_the_fingerprint_tells_data_apart_and_repeats() -> None:
    def of(**table: Any) -> str:
        return prepare(Settings(data=table), Path("/nonexistent")).fingerprint

    assert of(name="moons") == of(name="moons")
    assert len({of(name="moons"), of(name="moons", data_seed=1), of(name="moons", test=0.1), of(name="circles")}) == 4


def test_class_and_column_names_are_kept_as_they_are(tmp_path: Path) -> None:
    names = [name.strip() for name in NASTY]
    lines = [f'{i},"{names[i % len(names)]}"' for i in range(120)]
    (tmp_path / "t.csv").write_text('"\u202e[b]\x07",label\n' + "\n".join(lines) + "\n", encoding="utf-8")
    found = summarise(prepare(Settings(data={"name": "csv", "path": "t.csv"}), tmp_path))
    assert sorted(found["classes"]) == sorted(names)
    assert found["columns"] == ["\u202e[b]\x07"]
    runs = RunsFolder(tmp_path / "runs")
    store(runs, {"name": "csv", "path": "t.csv"}, tmp_path, found)
    again = cached(runs, {"name": "csv", "path": "t.csv"}, tmp_path)
    assert again is not None
    assert encode(again) == encode(found)


def test_a_kept_summary_is_found_until_the_file_changes(tmp_path: Path) -> None:
    path = table_file(tmp_path)
    runs, table = RunsFolder(tmp_path / "runs"), {"name": "csv", "path": "t.csv"}
    assert cached(runs, table, tmp_path) is None
    store(runs, table, tmp_path, {"name": "csv"})
    assert cached(runs, table, tmp_path) == {"name": "csv"}
    os.utime(path, ns=(1, 1))
    assert cached(runs, table, tmp_path) is None


def test_what_changes_no_count_changes_no_key_and_what_does_does(tmp_path: Path) -> None:
    plain = summary_key({"name": "moons"}, tmp_path)
    filled = {
        "name": "moons",
        "samples": 1000,
        "noise": 0.1,
        "validation": 0.0,
        "limit": None,
        "bucket": False,
        "pad_to": 3,
    }
    assert summary_key(filled, tmp_path) == plain
    different: list[dict[str, Any]] = [
        {"name": "circles"},
        {"name": "moons", "samples": 999},
        {"name": "moons", "validation": 0.1},
        {"name": "moons", "split_seed": 1},
    ]
    keys = {plain, summary_key({"name": "moons"}, tmp_path, own=True), *(summary_key(t, tmp_path) for t in different)}
    assert len(keys) == 6
    assert summary_key({"name": "moons", "validation": 0.1}, tmp_path, own=True) == summary_key(
        {"name": "moons"}, tmp_path, own=True
    )


def test_the_fingerprint_follows_data_folder_files_and_own_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DLTUI_DATA", raising=False)
    settings = Settings(data={"name": "mnist"}, data_dir=str(tmp_path / "a"))
    before = quick_fingerprint(settings, tmp_path)
    assert quick_fingerprint(Settings(data={"name": "mnist"}, data_dir=str(tmp_path / "b")), tmp_path) != before
    file = tmp_path / "a" / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert quick_fingerprint(settings, tmp_path) != before
    module = tmp_path / "mine.py"
    module.write_text("def load(root): ...\n")
    mine = Settings(data={"name": "mine:load"})
    first = quick_fingerprint(mine, tmp_path)
    module.write_text("def load(root): return 1\n")
    assert quick_fingerprint(mine, tmp_path) != first


def test_the_fingerprint_of_a_folder_of_images_changes_when_one_comes(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "train" / "a").mkdir(parents=True)
    settings = Settings(data={"name": "image_folder", "path": "pictures"})
    before = quick_fingerprint(settings, tmp_path)
    assert quick_fingerprint(settings, tmp_path) == before
    os.utime(tmp_path / "pictures" / "train" / "a", ns=(5, 5))
    assert quick_fingerprint(settings, tmp_path) != before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_kept_summary_is_no_summary(tmp_path: Path, content: bytes) -> None:
    runs, table = RunsFolder(tmp_path / "runs"), {"name": "moons"}
    store(runs, table, tmp_path, {"name": "moons"})
    (kept,) = (tmp_path / "runs" / ".dltui" / "data").iterdir()
    kept.write_bytes(content)
    assert cached(runs, table, tmp_path) is None


def test_a_place_that_cannot_be_written_keeps_nothing_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    store(RunsFolder(tmp_path / "runs"), {"name": "moons"}, tmp_path, {"name": "moons"})
    assert cached(RunsFolder(tmp_path / "runs"), {"name": "moons"}, tmp_path) is None


@pytest.mark.parametrize(
    "table", [{}, {"name": None}, {"name": "no_such"}, {"name": "csv", "path": "a\0b"}, {"name": "csv", "path": 3}]
)
def test_tables_that_are_wrong_have_no_summary_and_no_error(tmp_path: Path, table: dict[str, Any]) -> None:
    assert cached(RunsFolder(tmp_path / "runs"), table, tmp_path) is None


def test_looking_one_up_imports_nothing_heavy_and_is_quick(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.summary import cached; from engine.runs import RunsFolder\n"
        "cached(RunsFolder(Path('runs')), {'name': 'cifar10'}, Path('.'))\n"
        "print([m for m in ('numpy', 'torch', 'sklearn', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
    runs = RunsFolder(tmp_path / "runs")
    cached(runs, {"name": "cifar10"}, tmp_path)
    started = time.perf_counter()
    for _ in range(50):
        cached(runs, {"name": "cifar10"}, tmp_path)
    assert (time.perf_counter() - started) / 50 < 0.02
