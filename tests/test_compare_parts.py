"""Classes and code of runs compared, from run folders and real repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.make_runs import Maker
from engine.class_scores import changes, compare_classes, models_tested
from engine.code_diff import compare_code
from engine.compare import compare
from engine.runs import Run, RunsFolder
from engine.scored import Scored, read_scored, splits_to_compare
from tests.compare_world import CLASSES, change, commits_of, evaluate, git, launched
from tests.helpers import engine_json, run_engine

FIRST = [[8, 2, 0], [1, 9, 0], [0, 0, 10]]
SECOND = [[9, 1, 0], [5, 5, 0], [0, 0, 10]]


@pytest.fixture
def folder(tmp_path: Path) -> RunsFolder:
    """Three finished runs with evaluations of the same ten samples a class."""
    maker = Maker(tmp_path / "runs", 5)
    for number in (1, 2, 3):
        maker.make(number, 1_700_000_000.0 + 600 * number, end="finished", experiment="digits-mlp")
    for run, confusion in (("e0001", FIRST), ("e0002", SECOND), ("e0003", FIRST)):
        evaluate(tmp_path / "runs" / run, confusion)
    return RunsFolder(tmp_path / "runs")


def of(folder: RunsFolder, *ids: str) -> list[Run]:
    return [folder.find(run) for run in ids]


# ------------------------------------------------------------------------------------------------ settings and scores


def test_no_difference_is_formed_between_scores_on_other_data(folder: RunsFolder) -> None:
    settings = folder.find("e0002").info.settings
    change(folder.root / "e0002", "run.json", settings={**settings, "data": {"name": "other"}})
    change(folder.root / "e0003", "run.json", data_fingerprint="changed")
    found = compare(of(folder, "e0001", "e0002", "e0003"))
    assert "other, not digits" in found["apart"]["e0002"]
    assert set(found["deltas"]["test/accuracy"]) == {"e0003"}
    assert set(found["deltas"]["minutes"]) == {"e0002", "e0003"}, "time is time"
    assert "has changed" in found["weakened"]["e0003"]
    done = run_engine("--runs", str(folder.root), "compare", "e0001", "e0002", cwd=folder.root.parent)
    assert "no difference is formed for e0002: other data" in done.stdout


def test_a_setting_that_a_run_lacks_is_at_its_default(folder: RunsFolder) -> None:
    settings = folder.find("e0002").info.settings
    data = {**settings["data"], "augment": {"degrees": 0.0, "flip": 0.5}, "near_duplicates": True}
    change(folder.root / "e0002", "run.json", settings={**settings, "data": data})
    found = compare(of(folder, "e0001", "e0002"))["settings"]
    assert {key: row["e0002"] for key, row in found.items() if key.startswith("data.")} == {"data.augment.flip": 0.5}


def test_the_state_of_the_code_is_among_what_differs(folder: RunsFolder) -> None:
    for run, commit, patch in (("e0001", "a" * 40, ""), ("e0002", "a" * 40, "x"), ("e0003", "a" * 40, "y")):
        launched(folder, run, "/nowhere", commit, patch, diff_sha256=patch)
    row = compare(of(folder, "e0001", "e0002", "e0003"))["settings"]["code"]
    assert row["e0001"] == "aaaaaaa"
    assert row["e0002"].startswith("aaaaaaa+")
    assert len(set(row.values())) == 3
    launched(folder, "e0002", "/nowhere", "a" * 40)
    assert "code" not in compare(of(folder, "e0001", "e0002"))["settings"]


# ---------------------------------------------------------------------------------------------------------- classes


def test_scores_of_classes_are_those_of_the_matrix_and_the_largest_change_is_first(folder: RunsFolder) -> None:
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert found.split == "test"
    assert found.classes[0] == "birch"
    assert found.value("e0001", "birch", "recall") == pytest.approx(0.9)
    assert found.value("e0001", "birch", "precision") == pytest.approx(9 / 11)
    assert found.value("e0001", "birch", "f1") == pytest.approx(2 * 9 / 21)
    assert found.difference("e0002", "birch", "recall") == pytest.approx(-0.4)
    assert found.difference("e0002", "cedar", "f1") == 0
    assert found.difference("e0001", "birch", "recall") is None, "the baseline's own"


def test_the_baseline_is_anyone(folder: RunsFolder) -> None:
    found = compare_classes(of(folder, "e0001", "e0002"), base="e0002")
    assert found.difference("e0001", "birch", "recall") == pytest.approx(0.4)


def test_changed_confusions(folder: RunsFolder) -> None:
    found = compare_classes(of(folder, "e0001", "e0002"))
    base, other = found.scored
    listed = changes(base, other)
    assert [(c.true, c.predicted, c.before, c.after, c.better) for c in listed[:2]] == [
        ("birch", "ash", 1, 5, False), ("birch", "birch", 9, 5, False)
    ]  # fmt: skip
    assert [(c.true, c.predicted, c.better) for c in listed[2:]] == [("ash", "ash", True), ("ash", "birch", True)]


def test_of_splits_of_other_sizes_the_change_is_in_samples_of_the_baselines(folder: RunsFolder) -> None:
    evaluate(folder.root / "e0002", [[2 * value for value in row] for row in FIRST])
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert changes(*found.scored) == [], "the same shares"


def test_a_class_that_only_one_run_has_is_told(folder: RunsFolder) -> None:
    evaluate(folder.root / "e0002", [[9, 1], [5, 5]], ["ash", "oak"])
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert set(found.classes) == {*CLASSES, "oak"}
    assert found.only("oak") == ("e0002",)
    assert found.only("ash") == ()
    assert found.difference("e0002", "oak", "f1") is None
    assert any("classes that the baseline lacks: oak" in words for words in found.told)
    assert any("without the baseline's classes birch, cedar" in words for words in found.told)


def test_other_data_is_refused(folder: RunsFolder) -> None:
    settings = folder.find("e0002").info.settings
    change(folder.root / "e0002", "run.json", settings={**settings, "data": {"name": "other"}})
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert "other data" in found.refused["e0002"]
    assert found.difference("e0002", "birch", "f1") is None
    assert found.value("e0002", "birch", "f1") is not None
    assert models_tested(found) == []


def test_other_samples_are_told_and_no_models_are_tested_on_them(folder: RunsFolder) -> None:
    change(folder.root / "e0002", "data.json", fingerprint="another")
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert "other samples" in found.told[0]
    assert found.difference("e0002", "birch", "f1") is not None
    assert models_tested(found) == []


def test_classes_without_any_in_common_are_refused(folder: RunsFolder) -> None:
    evaluate(folder.root / "e0002", [[1, 0], [0, 1]], ["x", "y"])
    assert "none of" in compare_classes(of(folder, "e0001", "e0002")).refused["e0002"]


def test_a_run_without_an_evaluation_says_so(folder: RunsFolder) -> None:
    (folder.root / "e0002/evaluation/test-00000600.json").unlink()
    found = compare_classes(of(folder, "e0001", "e0002", "e0003"))
    assert found.missing == {"e0002": "no evaluation of the test split"}
    assert [one.run for one in found.scored] == ["e0001", "e0003"]
    assert "e0003" not in found.refused
    without = compare_classes(of(folder, "e0002", "e0001"))
    assert "baseline has no evaluation" in without.refused["e0001"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"{}", b'{"confusion": [[1, 2]], "classes": 5}', b'{"confusion": [[-1]], "per_class": [1, {}]}',
     b'{"confusion": [["a"]], "classes": [null]}'],
)  # fmt: skip
def test_a_damaged_evaluation_is_no_harm(folder: RunsFolder, content: bytes) -> None:
    (folder.root / "e0002/evaluation/test-00000600.json").write_bytes(content)
    found = compare_classes(of(folder, "e0001", "e0002"))
    assert found.value("e0001", "ash", "f1") is not None
    assert found.difference("e0002", "ash", "f1") is None


def test_the_final_evaluation_counts(folder: RunsFolder) -> None:
    run = folder.root / "e0001"
    content = json.loads((run / "evaluation/test-00000600.json").read_text())
    for step in (300, 900):
        (run / f"evaluation/test-{step:08d}.json").write_text(json.dumps(content | {"step": step}))
    for step in (300, 900):
        (run / "test.json").write_text(json.dumps({"split": "test", "step": step}))
        scored = read_scored(folder.find("e0001"), "test")
        assert isinstance(scored, Scored)
        assert scored.step == step


def test_the_split_that_most_have_is_first(folder: RunsFolder) -> None:
    for run in ("e0001", "e0002"):
        (folder.root / run / "evaluation/val-00000600.json").write_text("{}")
    assert splits_to_compare(of(folder, "e0001", "e0002")) == ["test", "val"]
    (folder.root / "e0001/evaluation/test-00000600.json").unlink()
    assert splits_to_compare(of(folder, "e0001", "e0002")) == ["val", "test"]


def test_models_are_tested_on_each_sample_where_that_is_recorded(folder: RunsFolder) -> None:
    (bounds,) = models_tested(compare_classes(of(folder, "e0001", "e0002")))
    assert not bounds.exact
    for run, right in (("e0001", "1" * 27 + "0" * 3), ("e0002", "0" * 6 + "1" * 24)):
        evaluate(folder.root / run, FIRST if run == "e0001" else SECOND, right=right)
    (exact,) = models_tested(compare_classes(of(folder, "e0001", "e0002")))
    assert exact.exact
    assert (exact.only_base, exact.only_run) == (6, 3)
    evaluate(folder.root / "e0002", SECOND, right="01")
    (bounds,) = models_tested(compare_classes(of(folder, "e0001", "e0002")))
    assert not bounds.exact, "what is recorded is not of these samples"


# ------------------------------------------------------------------------------------------------------------- code


@pytest.fixture
def project(tmp_path: Path, folder: RunsFolder) -> Path:
    """A repository of two commits, in which the first two runs were launched."""
    path = tmp_path / "project"
    path.mkdir()
    git(path, "init", "-q")
    commits = []
    for text in ("one\ntwo\nthree\n", "one\n2\nthree\n"):
        (path / "train.py").write_text(text)
        git(path, "add", ".")
        git(path, "commit", "-qm", text.split()[1])
        commits.append(git(path, "rev-parse", "HEAD").strip())
    for run, commit in zip(("e0001", "e0002"), commits, strict=True):
        launched(folder, run, path, commit)
    return path


def patch_of(project: Path, commit: str, text: str) -> str:
    """What `git diff` says of a working copy with this text."""
    git(project, "checkout", "-q", commit)
    (project / "train.py").write_text(text)
    patch = git(project, "diff", "HEAD", "--binary")
    git(project, "checkout", "-qf", "-")
    return patch


def test_commits_are_compared(folder: RunsFolder, project: Path) -> None:
    found = compare_code(*of(folder, "e0001", "e0002"))
    (part,) = found.parts
    assert found.same is False
    assert "-two" in part.text.splitlines()
    assert "+2" in part.text.splitlines()
    assert found.summary == "1 file changed, +1 -1 lines"


def test_uncommitted_changes_are_put_on_their_commits(folder: RunsFolder, project: Path) -> None:
    first, second = commits_of(project)
    launched(folder, "e0001", project, first, patch_of(project, first, "one\n2\nthree\n"))
    before = sorted(str(p) for p in (project / ".git").rglob("*"))
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert found.summary == "no difference in the files that git knows", "the change was committed later"
    launched(folder, "e0002", project, second, patch_of(project, second, "one\n2\nthree\nfour\n"))
    before = sorted(str(p) for p in (project / ".git").rglob("*"))
    (part,) = compare_code(*of(folder, "e0001", "e0002")).parts
    lines = part.text.splitlines()
    assert "+four" in lines
    assert not {"-two", "+2"} & set(lines)
    assert sorted(str(p) for p in (project / ".git").rglob("*")) == before, "the repository is only read"


def test_the_same_code(folder: RunsFolder, project: Path) -> None:
    first, _ = commits_of(project)
    launched(folder, "e0002", project, first)
    assert compare_code(*of(folder, "e0001", "e0002")).same is True
    launched(folder, "e0002", project, first, untracked=["new.py"])
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert found.same is None
    assert any("new.py" in words for words in found.told)


def test_an_unknown_commit_is_said(folder: RunsFolder, project: Path) -> None:
    launched(folder, "e0002", project, None)
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert found.same is None
    assert "e0002 is unknown" in found.summary
    assert any("not launched from a git repository" in words for words in found.told)


def test_a_repository_that_is_elsewhere_is_said_and_changes_are_compared_as_texts(
    folder: RunsFolder, project: Path, tmp_path: Path
) -> None:
    first, second = commits_of(project)
    launched(folder, "e0001", tmp_path / "gone", first, patch_of(project, first, "one\ntwo\n"))
    launched(folder, "e0002", tmp_path / "gone", second)
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert any("no repository here holds both commits" in words for words in found.told)
    assert "compared as texts" in found.parts[0].title
    assert "--three" in found.parts[0].text.splitlines()
    near = compare_code(*of(folder, "e0001", "e0002"), near=(project,))
    assert not any("no repository" in words for words in near.told)


def test_changes_that_do_not_fit_are_compared_as_texts_beside_the_commits(folder: RunsFolder, project: Path) -> None:
    first = commits_of(project)[0]
    launched(folder, "e0001", project, first, "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-no\n+yes\n")
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert [part.title.split()[0] for part in found.parts] == ["commits", "uncommitted"]
    assert "-two" in found.parts[0].text


@pytest.mark.parametrize("commit", ["--output=/tmp/x", "HEAD", "; rm", "x" * 40, ""])
def test_a_commit_is_never_an_option(folder: RunsFolder, project: Path, commit: str) -> None:
    launched(folder, "e0002", project, commit)
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert found.same is None
    assert "the commit of e0002 is unknown" in found.summary


def test_own_modules_and_versions_that_differ_are_told(folder: RunsFolder, project: Path) -> None:
    first, _ = commits_of(project)
    launched(folder, "e0002", project, first)
    change(folder.root / "e0001", "run.json", code={"net.py": "a"}, versions={"torch": "2.9", "numpy": "2"})
    change(folder.root / "e0002", "run.json", code={"net.py": "b"}, versions={"torch": "2.10", "numpy": "2"})
    found = compare_code(*of(folder, "e0001", "e0002"))
    assert found.same is None
    assert "own modules that differ: net.py" in found.told
    assert "versions: torch 2.9 to 2.10" in found.told


# ---------------------------------------------------------------------------------------------------- the command


def test_the_command_tells_all_of_it(folder: RunsFolder, project: Path) -> None:
    cwd = folder.root.parent
    found = engine_json("compare", "e0001", "e0002", "--classes", "--code", "--json", cwd=cwd)
    assert found["classes"]["deltas"]["birch"]["e0002"]["recall"] == pytest.approx(-0.4)
    assert found["classes"]["confusion"]["e0002"][0]["true"] == "birch"
    assert found["models"][0]["verdict"] == "not distinguishable"
    assert {group["runs"][0] for group in found["significance"]["groups"]} == {"e0001", "e0002"}
    assert "+2" in found["code"][0]["parts"][0]["text"]
    plain = run_engine("compare", "e0001", "e0002", "--classes", "--code", cwd=cwd).stdout
    for words in ("cannot tell: one seed each", "McNemar's test", "birch", "1 file changed", "+2"):
        assert words in plain
    short = engine_json("compare", "e0001", "e0002", "--json", cwd=cwd)
    assert not {"classes", "code"} & set(short)
    table = run_engine("compare", "e0001", "e0002", "--classes", "--csv", cwd=cwd).stdout
    assert "test/recall/birch,0.9,0.5" in table.splitlines()


def test_a_split_that_was_never_evaluated_is_exit_3(folder: RunsFolder) -> None:
    done = run_engine("compare", "e0001", "e0002", "--classes", "--split", "tset", cwd=folder.root.parent)
    assert done.returncode == 3
    assert "did you mean" in done.stderr
