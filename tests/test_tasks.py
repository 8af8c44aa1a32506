"""The tasks: their scores against references, and whole runs of each."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from engine.batches import Batch
from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError
from engine.evaluate import evaluate_run, predict
from engine.jsonio import read_json
from engine.runs import load_run
from engine.task import load_task
from engine.tasks.ctc import AlignmentLoss
from engine.tasks.seq2seq import given_tokens, wanted_tokens
from engine.tasks.window_labelling import window_labels
from engine.transcripts import collapsed, error_rates, until_end
from tests.worker_runs import curves, log, make_run, run_worker, train

CPU = torch.device("cpu")
HERE = Path(__file__).parent
texts = st.lists(st.integers(1, 5), max_size=12)


# -------------------------------------------------------------------------------------------------------- transcripts


def levenshtein(one: list[int], other: list[int]) -> int:
    """The textbook's table, as a reference."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_the_character_error_rate_is_the_edits_over_the_length(pairs: list[tuple[list[int], list[int]]]) -> None:
    true, predicted = [a for a, _ in pairs], [b for _, b in pairs]
    rates, distances = error_rates(true, predicted)
    assert distances.tolist() == [levenshtein(a, b) for a, b in pairs]
    length = sum(map(len, true))
    if length:
        assert rates["cer"] == pytest.approx(sum(distances) / length)
    assert rates["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


@given(texts, st.randoms(use_true_random=False))
def test_frames_that_repeat_and_blanks_collapse_to_the_text(text: list[int], random: Any) -> None:
    frames = []
    for before, token in zip([0, *text], text, strict=False):
        frames += [0] * random.randint(int(before == token), 2) + [token] * random.randint(1, 3)
    frames += [0]
    assert collapsed(np.array([frames], np.int64)) == [text]


def test_a_written_text_ends_at_its_first_zero() -> None:
    assert until_end(np.array([[3, 1, 0, 2], [1, 2, 3, 4], [0, 1, 1, 1]])) == [[3, 1], [1, 2, 3, 4], []]


def lines_batch(labels: list[list[int]], positions: list[list[float]] | None = None) -> Batch:
    longest = max(map(len, labels))
    tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in labels])
    lengths = torch.tensor([len(row) for row in labels])
    where = None
    if positions is not None:
        where = torch.tensor([[*row, *[0.0] * (longest - len(row))] for row in positions])
    return Batch(torch.zeros(len(labels), 1, 4, 8), tokens, None, lengths, where)


def test_windows_are_labelled_with_the_character_at_their_centre() -> None:
    batch = lines_batch([[3, 4], [5]], [[10.0, 30.0], [20.0]])
    labels = window_labels(batch, 4, 40.0, 6.0)  # centres at 5, 15, 25, 35
    assert labels.tolist() == [[3, 3, 4, 4], [0, 5, 5, 0]]
    assert window_labels(batch, 4, 40.0, 4.0).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]


def test_what_teacher_forcing_gives_and_wants() -> None:
    batch = lines_batch([[3, 4], [5]])
    assert given_tokens(batch).tolist() == [[0, 3, 4], [0, 5, 0]]
    assert wanted_tokens(batch).tolist() == [[3, 4, 0], [5, 0, -100]]


def test_ctc_loss_is_torchs_and_refuses_texts_longer_than_the_model() -> None:
    batch = lines_batch([[1, 2], [2]])
    loss = AlignmentLoss("CTCLoss", torch.nn.CTCLoss(blank=0))
    logits = torch.randn(2, 6, 4)
    wanted = torch.nn.functional.ctc_loss(
        logits.log_softmax(2).transpose(0, 1), batch.labels, torch.tensor([6, 6]), torch.tensor([2, 1]), blank=0
    )
    torch.testing.assert_close(loss(logits, batch), wanted)
    with pytest.raises(DataError, match=r"a text of 2 characters needs 2 positions.*the model has 1"):
        loss(torch.randn(2, 1, 4), batch)
    with pytest.raises(DataError, match=r"a text of 3 characters needs 5 positions.*the model has 4"):
        loss(torch.randn(2, 4, 4), lines_batch([[2, 2, 2], [1, 2]]))
    loss(torch.randn(2, 5, 4), lines_batch([[2, 2, 2], [1, 2]]))


# ---------------------------------------------------------------------------------------------------------- regression


def test_regression_scores_equal_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    labels = generator.normal(5, 30, (40, 2)).astype(np.float32)
    dataset = Dataset("features", {"train": Split(np.zeros((40, 1), np.float32), labels)}, ("mass", "height"))
    task = load_task("regression", dataset, CPU, HERE)
    outputs = torch.randn(40, 2)
    evaluation = task.evaluation(dataset.splits["train"], 0.5, [(outputs,)], True)
    predicted = outputs.numpy() * labels.std(0) + labels.mean(0)
    wanted = {
        "rmse": np.sqrt(np.mean(np.square(labels - predicted))),
        "mae": mean_absolute_error(labels, predicted),
        "r2": r2_score(labels, predicted),
    }
    for name, value in wanted.items():
        assert evaluation.metrics[name] == pytest.approx(value, rel=1e-5)
    one = root_mean_squared_error(labels[:, 0], predicted[:, 0])
    assert np.sqrt(np.mean([one**2, root_mean_squared_error(labels[:, 1], predicted[:, 1]) ** 2])) == pytest.approx(
        evaluation.metrics["rmse"], rel=1e-5
    )


def test_a_task_refuses_labels_it_cannot_learn() -> None:
    rows = Split(np.zeros((2, 1), np.float32), np.array([0, 1]))
    dataset = Dataset("features", {"train": rows}, ("a", "b"))
    for name, words in (
        ("regression", "the task regression learns numbers; this data set has one class a sample"),
        ("ctc", "the task ctc learns a sequence of labels a sample"),
    ):
        with pytest.raises(SettingsError, match=words):
            load_task(name, dataset, CPU, HERE)


def quantities(path: Path, rows: int = 240) -> None:
    """A CSV file whose price is nearly a sum of its other columns."""
    generator = np.random.default_rng(1)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["area", "rooms", "town", "price"])
        for _ in range(rows):
            area, rooms, town = generator.uniform(20, 200), generator.integers(1, 6), generator.choice(["A", "B"])
            price = 3000 * area + 10_000 * rooms + 90_000 * (town == "B") + generator.normal(0, 5000)
            writer.writerow([f"{area:.1f}", rooms, town, f"{price:.0f}"])


def test_a_quantity_of_a_csv_file_is_learnt(tmp_path: Path) -> None:
    quantities(tmp_path / "houses.csv")
    paths = train(
        tmp_path,
        task="regression",
        data={"name": "csv", "path": str(tmp_path / "houses.csv"), "label": "price", "validation": 0.1},
        model={"name": "mlp", "hidden": [32]},
        loss={"name": "MSELoss"},
        train={"epochs": 40, "batch_size": 16},
        optimizer={"name": "Adam", "lr": 1e-2},
    )
    summary = read_json(paths.artifact("test.json"))
    assert summary["metrics"]["r2"] > 0.95
    assert read_json(paths.data)["splits"]["train"]["quantities"]["price"]["most"] > 100_000
    assert {"val/rmse", "val/mae", "val/r2", "train/loss"} <= curves(paths).keys()
    assert "train/accuracy" not in curves(paths)
    assert paths.artifact("rmse.png").exists()
    (answer,) = predict(load_run(paths), ["area=100,rooms=3,town=B"])
    assert float(answer["predicted"]) == pytest.approx(420_000, rel=0.15)
    worst = read_json(sorted(paths.evaluation.glob("test-*.json"))[-1])["samples"]
    assert max(sample["error"] for sample in worst) == pytest.approx(worst[-1]["error"], rel=1) or len(worst) == 30
    rows = {line.replace(".0,", ",").rpartition(",")[0] for line in (tmp_path / "houses.csv").read_text().splitlines()}
    shown = [re.fullmatch(r"area=(\S+), rooms=(\d), town=(\w)", sample["input"]) for sample in worst]
    assert all(given is not None and ",".join(given.groups()) in rows for given in shown)


def test_a_label_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,much\n3,4\n4,5\n5,6\n")
    paths = make_run(
        tmp_path, task="regression", data={"name": "csv", "path": str(tmp_path / "t.csv")}, loss={"name": "MSELoss"}
    )
    run_worker(paths, expect=1)
    assert "t.csv:3: the label 'y' is 'much', which is no number" in log(paths)


# -------------------------------------------------------------------------------------------------------------- texts


def test_a_phrase_is_learnt_and_gone_on_with(tmp_path: Path) -> None:
    paths = train(
        tmp_path,
        task="next_token",
        data={"name": "text_blocks", "text": "hihello", "block": 8, "limit": None, "validation": 0.0},
        model={"name": "char_rnn", "hidden_size": 16},
        train={"epochs": 80, "batch_size": 1},
        optimizer={"name": "Adam", "lr": 2e-2},
        evaluate={"every": "20 epochs", "splits": ["test"]},
        checkpoint={"every": "40 epochs", "monitor": "test/loss"},
    )
    metrics = read_json(paths.artifact("test.json"))["metrics"]
    assert metrics["accuracy"] == 1.0
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["loss"]))
    assert metrics["bits_per_character"] == pytest.approx(metrics["loss"] / np.log(2))
    content = read_json(sorted(paths.evaluation.glob("test-*.json"))[-1])
    assert content["samples"][0]["true"] == content["samples"][0]["predicted"] == "ihello"
    assert content["generated"][0]["text"]
    assert content["task"] == "next_token"
    (answer,) = predict(load_run(paths), ["hih"])
    assert answer["predicted"].startswith("ello")
    assert dict(curves(paths)["train/accuracy"])[80] == 1.0


# -------------------------------------------------------------------------------------------------------------- lines


OWN_LINES = '''
import numpy as np
from engine.dataset import Dataset, Split
from engine.line_images import LineForm, make_lines
TASK = "ctc"
def load(root):
    """Lines of glyphs that differ in which rows are lit."""
    labels = np.arange(100) % 10
    glyphs = np.random.default_rng(0).integers(0, 30, (100, 28, 28)).astype(np.uint8)
    for row, label in enumerate(labels):
        glyphs[row, 2 * label + 3 : 2 * label + 7, 4:24] = 255
    splits = {}
    for seed, (name, count) in enumerate((("train", 200), ("validation", 40), ("test", 40))):
        made = make_lines(glyphs, labels, count, LineForm(2, 3, 0.0, 0.2), np.random.RandomState(seed))
        splits[name] = Split(made.images, made.labels, label_lengths=made.label_lengths, positions=made.positions)
    return Dataset("image", splits, ("", *"0123456789"))
'''


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("ctc", {"name": "line_cnn"}),
        ("ctc", {"name": "line_cnn_lstm", "window_stride": 7}),
        ("window_labelling", {"name": "line_cnn"}),
        ("seq2seq", {"name": "line_cnn_transformer", "window_stride": 7}),
    ],
)
def test_lines_of_characters_are_read(tmp_path: Path, task: str, model: dict[str, Any]) -> None:
    module = f"lines_{task}_{model['name']}"  # a name of its own: modules stay imported
    (tmp_path / f"{module}.py").write_text(OWN_LINES)
    paths = train(
        tmp_path,
        task=task,
        data={"name": f"{module}:load"},
        model=model,
        loss={"name": "CTCLoss" if task == "ctc" else "CrossEntropyLoss"},
        train={"epochs": 1, "batch_size": 50},
        checkpoint={"monitor": "val/cer"},
    )
    metrics = read_json(paths.artifact("test.json"))["metrics"]
    assert 0 <= metrics["cer"] <= 3
    assert [step for step, _ in curves(paths)["val/cer"]] == [4]
    samples = read_json(sorted(paths.evaluation.glob("test-*.json"))[-1])["samples"]
    assert all(set(sample["true"]) <= set("0123456789") for sample in samples)
    picture = paths.evaluation / samples[0]["image"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    content = evaluate_run(load_run(paths), "last", "validation")
    assert content["metrics"]["cer"] == pytest.approx(dict(curves(paths)["val/cer"])[4])


OWN_TASK = '''
import torch
from engine.losses import Loss, build_module
from engine.task import Evaluation, Task
LOSSES = ("CrossEntropyLoss",)
SCORES = ("loss", "top3")
TRAINED = ("loss",)
MONITOR = "top3"
class TopThree(Task):
    """Whether the class is among the three likeliest."""
    logged = ("loss", "top3")
    shown = ("loss", "top3")
    def build_loss(self, table):
        return Loss(*build_module(table, LOSSES, self.device))
    def answers(self, model, output, batch, full):
        return ((output.topk(3, 1).indices == batch.labels[:, None]).any(1),)
    def evaluation(self, split, loss, answers, full):
        top3 = float(torch.cat([part[0] for part in answers]).float().mean())
        return Evaluation({"loss": loss, "top3": top3}, {"samples": []})
'''


def test_a_task_of_ones_own_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "own_task.py").write_text(OWN_TASK)
    paths = train(tmp_path, task="own_task:TopThree", train={"epochs": 3, "batch_size": 32})
    values = [value for _, value in curves(paths)["val/top3"]]
    assert len(values) == 3
    assert values[-1] > 0.5
    assert read_json(paths.artifact("test.json"))["metrics"]["top3"] > 0.5
