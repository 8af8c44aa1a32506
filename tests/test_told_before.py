"""What is wrong with data, tasks and splits is told before it costs anything, and by whose file it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError, SettingsError
from engine.experiments import expand, load
from engine.inheritance import ProblemsError
from engine.jsonio import read_json
from engine.settings import Settings
from engine.splits import prepare
from tests.helpers import run_engine
from tests.worker_runs import events, make_run, run_worker, train

OWN = """
import numpy as np
from engine.dataset import Dataset, Split
def two_columns(root, task="classification"):
    return Dataset("features", {"train": Split(np.zeros((9, 1), np.float32), np.ones((9, 2), np.float32))}, ("y",))
def swapped(root):
    return Dataset("features", ("a", "b"), {"train": None})
def boom(root):
    raise ValueError("not today")
"""


def written(folder: Path, text: str) -> Path:
    """An experiments.toml."""
    path = folder / "experiments.toml"
    path.write_text(text)
    return path


def test_a_matrix_over_data_sets_keeps_how_they_are_split(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[experiments.a]\ndata = { name = "digits", as_image = true, validation = 0.1, limit = 200 }\nmodel = "mlp"\n'
        'train = { epochs = 1 }\nmatrix = { "data.name" = ["digits", "iris"] }\n',
    )
    first, second = expand(load(path), "a")
    assert (second.data["name"], second.data["validation"], second.data["limit"]) == ("iris", 0.1, 200)
    assert "as_image" not in second.data
    assert first.data["as_image"] is True


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{ name = "digits", as_image = true, augment = { crop = -1 } }', "data.augment.crop"),
        ('{ name = "digits", as_image = true, augment = { flip = 2.0 } }', "must be from 0 to 1"),
        ('{ name = "digits", as_image = true, augment = { scale = [2.0, 0.5] } }', "data.augment.scale"),
        ('{ name = "digits", validation = { a = 0.6, b = 0.6 } }', "shares of one split together below 1"),
        ('{ name = "digits", validation = { a = { share = 0.1, of = "tset" } } }', "data.validation"),
        ('{ name = "digits", validation = 0.1, folds = 3 }', "takes the validation split's place"),
        ('{ name = "digits", fold = 1 }', "there are no data.folds"),
    ],
    ids=lambda value: value[20:50],
)
def test_impossible_data_options_are_errors_of_the_file(tmp_path: Path, data: str, words: str) -> None:
    path = written(tmp_path, f'[experiments.a]\ndata = {data}\nmodel = "mlp"\ntrain = {{ epochs = 1 }}\n')
    with pytest.raises((ProblemsError, SettingsError)) as caught:
        expand(load(path), "a")
    assert words in str(caught.value)
    assert "experiments.toml:2" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "iris", "normalize": False}, "data.normalize is for images; iris has features inputs"),
        ({"name": "iris", "resize": 32}, "data.resize is for images; iris has features inputs"),
        ({"name": "digits", "as_image": True, "pad_to": 29}, "data.pad_to is for sequences; digits has image inputs"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_an_option_that_would_do_nothing_is_refused(data: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        prepare(Settings(data=data), Path())


_SETS = 'data = { name = "digits", validation = { easy = 0.1, hard = 0.1 } }\n'


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            _SETS + 'checkpoint = { monitor = "val_hrad/accuracy" }',
            "there is no such validation set; it names val_easy",
        ),
        (_SETS + 'checkpoint = { monitor = "val/accuracy" }', "there is no such validation set; it names val_easy"),
        (_SETS + 'evaluate = { splits = ["val_hrad"] }', "data.validation names no set 'val_hrad'; it names val_easy"),
        (_SETS + 'evaluate = { splits = ["test"] }\ncheckpoint = { monitor = "val_easy/loss" }', "is not evaluated"),
        ('data = "digits"\ncheckpoint = { monitor = "test/accuracy" }', "the test split is not evaluated; name it in"),
        ('data = "digits"\ninit = "he_normal"\ninit_from = "e0001:best"', "replaces every weight"),
    ],
    ids=range(6),
)
def test_what_is_watched_and_begun_from_is_checked_with_the_file(tmp_path: Path, lines: str, words: str) -> None:
    path = written(tmp_path, f'[experiments.a]\n{lines}\nmodel = "mlp"\ntrain.epochs = 1\n')
    with pytest.raises((ProblemsError, SettingsError)) as caught:
        expand(load(path), "a")
    assert words in str(caught.value)


def test_a_watched_validation_set_and_weights_from_a_file_are_in_order(tmp_path: Path) -> None:
    lines = _SETS + 'checkpoint = { monitor = "val_hard/accuracy" }\ninit = "he_normal"\ninit_from = "w.safetensors"'
    path = written(tmp_path, f'[experiments.a]\n{lines}\nmodel = "mlp"\ntrain.epochs = 1\n')
    (settings,) = expand(load(path), "a")
    assert settings.checkpoint.monitor == "val_hard/accuracy"


def test_shares_of_validation_sets_are_of_the_whole_split() -> None:
    data = {"name": "digits", "validation": {"a": 0.1, "b": 0.1}, "group_duplicates": False}
    splits = prepare(Settings(data=data), Path()).dataset.splits
    whole = sum(len(split) for name, split in splits.items() if name != "test")
    assert len(splits["val_a"]) == len(splits["val_b"]) == int(np.ceil(whole * 0.1))


@pytest.mark.parametrize(
    ("function", "task", "words"),
    [
        ("two_columns", "regression", "labels have 2 columns, and classes name 1"),
        ("swapped", "classification", "splits are a tuple, not a mapping"),
        ("boom", "classification", r"owndata\.py:9: data set 'owndata:boom' failed: ValueError: not today"),
    ],
)
def test_mistakes_of_ones_own_data_set_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, task: str, words: str
) -> None:
    (tmp_path / "owndata.py").write_text(OWN)
    monkeypatch.delitem(__import__("sys").modules, "owndata", raising=False)
    with pytest.raises(DataError, match=words):
        prepare(Settings(data={"name": f"owndata:{function}"}, task=task), tmp_path)


def test_a_task_file_that_is_no_python_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "broken_task.py").write_text("LOSSES = (\ndef x(:\n")
    path = written(
        tmp_path, '[experiments.a]\ntask = "broken_task:T"\ndata = "digits"\nmodel = "mlp"\ntrain = { epochs = 1 }\n'
    )
    with pytest.raises((ProblemsError, SettingsError), match=r"broken_task\.py:2: "):
        expand(load(path), "a")


def test_a_group_of_parameters_is_named_in_its_errors(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[experiments.a]\ndata = "digits"\nmodel = "mlp"\ntrain = { epochs = 1 }\n'
        'optimizer = { name = "SGD", lr = 0.1, groups = [{ params = "1d", lr = -1.0 }] }\n',
    )
    with pytest.raises((ProblemsError, SettingsError), match=r"optimizer\.groups\.1\.lr must be greater than 0"):
        expand(load(path), "a")


def test_a_warm_up_longer_than_the_run_is_warned_of(tmp_path: Path) -> None:
    paths = train(tmp_path, train={"epochs": 1, "batch_size": 32, "warmup": "500 steps"})
    assert [e["message"] for e in events(paths, "warning")] == [
        "the warm-up of 500 steps is not over when the run ends after 12"
    ]


def test_a_watched_score_that_an_own_task_never_gives_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(
        "from engine.tasks.classification import LOSSES as _L, Classification\n"
        'LOSSES = ("CrossEntropyLoss",)\nSCORES = ("loss", "accuracy", "top3")\nTRAINED = ("loss", "accuracy")\n'
        'MONITOR = "top3"\nclass Forgetful(Classification):\n    """Says top3 and gives none."""\n'
    )
    paths = make_run(tmp_path, task="forgetful:Forgetful", train={"epochs": 2, "batch_size": 32})
    run_worker(paths)
    (told,) = [e["message"] for e in events(paths, "finding")]
    assert told.startswith("val/top3 is watched, and no evaluation gives it")


STRANGE = """
from engine.sequences import text_dataset
def load(root):
    train = [("ab" * (1 + n % 3) + "ba" * (n % 2), "xy"[n % 2]) for n in range(64)]
    return text_dataset({"train": train, "test": [("abba", "x"), ("ab\u00df", "y"), ("\u017e\u00dfa", "y")]})
"""


def test_characters_outside_of_the_vocabulary_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "strangers.py").write_text(STRANGE)
    data = {"name": "strangers:load", "limit": None, "validation": 0.0}
    model = {"name": "lstm_classifier", "hidden_size": 4}
    paths = train(tmp_path, data=data, model=model, train={"epochs": 1, "batch_size": 32})
    words = "2 test samples have characters that the train split lacks: each is read as unknown"
    assert words in [e["message"] for e in events(paths, "finding")]
    assert read_json(paths.data)["splits"]["test"]["strange"] == 2
    shown = run_engine("--runs", str(paths.folder.parent), "data", "e0001", cwd=tmp_path)
    assert words in shown.stdout
    answered = run_engine("--runs", str(paths.folder.parent), "predict", "e0001", "ab\u00df", "ab", cwd=tmp_path)
    assert answered.returncode == 0, answered.stderr
    assert answered.stderr.strip() == "warning: ab\u00df: a character not in the vocabulary, read as unknown"
