"""The user guide and its pictures: none missing, none forgotten, and the same again from the same trainings."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

from benchmarks.make_runs import Maker
from docs import picture_runs, pictures
from tests.helpers import ROOT

GUIDE = (ROOT / "docs" / "user-guide.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_scene_is_a_picture_of_the_guide_and_the_reverse() -> None:
    drawn = {f"{scene.name}.svg" for scene in pictures.SCENES}
    shown = set(re.findall(r"\]\(images/([\w-]+\.svg)\)", GUIDE))
    assert shown == drawn
    assert {path.name for path in (ROOT / "docs" / "images").glob("*.svg")} == drawn
    assert set(re.findall(r"docs/images/([\w-]+\.svg)", README)) <= drawn


def test_every_table_of_keys_belongs_to_a_scene_and_is_filled() -> None:
    tables = re.findall(r"<!-- keys: ([\w-]+) -->\n(.*?)<!-- end -->", GUIDE, re.DOTALL)
    assert {name for name, _ in tables} <= {scene.name for scene in pictures.SCENES} | {"everywhere", "moving"}
    assert [name for name, rows in tables if rows.count("\n") < 4] == []
    assert GUIDE.count("<!-- keys:") == len(tables) == GUIDE.count("<!-- end -->")


def test_links_within_the_guide_lead_somewhere() -> None:
    heads = {re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in GUIDE.splitlines()
             if line.startswith("#")}  # fmt: skip
    assert {link for link in re.findall(r"\]\(#([\w-]+)\)", GUIDE) if link not in heads} == set()


def test_runs_that_stand_still_are_the_same_whenever_they_were_trained(tmp_path: Path) -> None:
    kept = []
    for place, began in (("a", time.time() - 90_000), ("b", time.time() - 5)):
        run = Maker(tmp_path / place / "runs", 30).make(1, began, end="finished", experiment="digits-mlp")
        state = json.loads((run / "state.json").read_text())
        (run / "state.json").write_text(json.dumps(state | {"seconds": began % 100, "host": place, "pid": int(began)}))
        picture_runs.still(run, picture_runs.NOW - 3600)
        kept.append({str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()})
        shutil.rmtree(run)
    first, second = kept
    for content in kept:
        del content["state.json"]
    assert {name for name in first if first[name] != second[name]} == set()
