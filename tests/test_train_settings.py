"""What the settings of a training do: each against what it stands for, most of them in whole runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engine.average import WeightAverage
from engine.batch_size import with_batch_size
from engine.errors import SettingsError
from engine.interrupts import Interrupts
from engine.jsonio import read_json
from engine.model_options import freeze, initialise, recompute_activations
from engine.optim import build_optimizer, warmed_up
from engine.resolving import settings_from_run
from engine.runs import load_run
from engine.settings import Settings
from engine.splits import prepare
from engine.tasks.classification import logit_adjustment
from tests.helpers import environment, run_engine
from tests.worker_runs import curves, events, log, make_run, run_worker, same_curves, train, weights

HERE = Path(__file__).parent


# ------------------------------------------------------------------------------------------------------- learning rate


def test_warm_up_raises_the_rate_and_leaves_the_schedule_alone(tmp_path: Path) -> None:
    step = {"name": "StepLR", "step_size": 2, "gamma": 0.5}
    paths = train(tmp_path, train={"warmup": "4 steps"}, scheduler=step)
    rates = dict(curves(paths)["lr"])
    assert [rates[n] for n in (1, 2, 3, 4)] == pytest.approx([5e-3 / 4, 5e-3 / 2, 5e-3 * 3 / 4, 5e-3])
    assert rates[24] == pytest.approx(5e-3)
    assert rates[36] == pytest.approx(2.5e-3)


def test_the_warmed_up_rate_is_the_one_used() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    for number in range(3):
        parameter.grad = torch.ones(1)
        with warmed_up(optimizer, number, 4):
            optimizer.step()
    assert parameter.item() == pytest.approx(-(0.25 + 0.5 + 0.75))
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_groups_of_parameters_have_arguments_of_their_own() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    table = {
        "name": "AdamW", "lr": 1e-3, "weight_decay": 0.1,
        "groups": [{"params": ["1d"], "weight_decay": 0.0}, {"params": ["2.*"], "lr": 1e-4}],
    }  # fmt: skip
    optimizer = build_optimizer(table, model.named_parameters())
    found = [(len(group["params"]), group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert found == [(1, 1e-3, 0.1), (4, 1e-3, 0.0), (1, 1e-4, 0.1)]
    with pytest.raises(SettingsError, match=r"no trained parameter is left for group 1, head\.\*"):
        build_optimizer({"name": "SGD", "groups": [{"params": ["head.*"], "lr": 1.0}]}, model.named_parameters())


# -------------------------------------------------------------------------------------------------------------- weights


def test_the_average_of_weights_follows_its_formula() -> None:
    model = nn.Linear(2, 1)
    average = WeightAverage(model, 0.9)
    wanted = model.weight.detach().clone()
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.add_(1.0)
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * model.weight.detach()
    own = model.weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(model.weight.detach(), wanted)
    torch.testing.assert_close(model.weight.detach(), own)


def test_averaged_weights_are_scored_kept_and_taken_up_again(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"train": {"epochs": 4, "batch_size": 32, "ema": 0.95}}
    whole = train(tmp_path, **changes)
    paths = make_run(tmp_path, **changes)
    command = [sys.executable, "-P", "-c", STOP_AT.format(step=20), str(paths.folder)]
    subprocess.run(command, env=environment(), capture_output=True, check=False)
    run_worker(paths)
    assert events(paths, "resumed")
    assert weights(paths) == weights(whole)
    same_curves(paths, whole)
    plain = train(tmp_path, train={"epochs": 4, "batch_size": 32})
    assert weights(plain) != weights(whole)
    assert curves(plain)["train/loss"] == curves(whole)["train/loss"]  # the average is not what is trained


STOP_AT = """
import os, signal, sys
from engine import train, worker
def step(self):
    made(self)
    if self.loop.step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
made, train.Training.step = train.Training.step, step
sys.exit(worker.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("how", "gain"),
    [("he_normal", 2.0), ("he_uniform", 2.0), ("glorot_normal", 2 * 200 / 700), ("glorot_uniform", 2 * 200 / 700)],
)
def test_initialisers_have_the_variance_of_their_papers(how: str, gain: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(200, 500), nn.Conv2d(8, 16, 5))
    initialise(model, how)
    assert model[0].weight.detach().var().item() == pytest.approx(gain / 200, rel=0.05)
    assert not model[0].bias.any()
    assert model[1].weight.detach().std().item() > 0.01


def test_orthogonal_weights_are_orthogonal_gate_by_gate() -> None:
    model = nn.LSTM(6, 6)
    initialise(model, "orthogonal")
    for gate in model.weight_hh_l0.detach().split(6):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), atol=1e-5, rtol=0)


def test_frozen_layers_stay_as_they_are(tmp_path: Path) -> None:
    paths = train(
        tmp_path,
        data={"name": "digits", "validation": 0.1, "limit": 400, "as_image": True},
        model={"name": "cnn", "widths": [4, 8]},
        train={"epochs": 1, "batch_size": 32, "freeze": ["0.*", "1.*"]},
    )
    table = read_json(paths.model)
    assert table["parameters"] - table["trainable"] == 9 * 4 + 8
    kept = load_file(next(paths.checkpoints.glob("step-*")) / "model.safetensors")
    assert not kept["1.running_mean"].any()  # a frozen batch norm keeps its statistics
    assert kept["5.running_mean"].any()


def test_freezing_names_what_is_not_there() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(SettingsError, match=r"no parameter is named 'head\.\*'.*\n.*0\.weight"):
        freeze(model, ["head.*"])
    with pytest.raises(SettingsError, match="leaves nothing to train"):
        freeze(model, ["*"])


def test_weights_of_a_file_are_taken_where_they_fit(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = {"name": "mlp", "hidden": [16]}
    fresh = train(tmp_path, model=model, train={"epochs": 1, "batch_size": 200})
    own = load_file(next(fresh.checkpoints.glob("step-*")) / "model.safetensors")
    first, last = [name for name, value in own.items() if value.dim() == 2]
    save_file({first: torch.randn(own[first].shape), last: torch.randn(3, 16)}, tmp_path / "pretrained.safetensors")
    given = load_file(tmp_path / "pretrained.safetensors")
    changes: dict[str, Any] = {"train": {"epochs": 1, "batch_size": 32}, "optimizer": {"name": "SGD", "lr": 1e-9}}
    paths = train(tmp_path, model=model, init_from="pretrained.safetensors", **changes)
    kept = load_file(next(paths.checkpoints.glob("step-*")) / "model.safetensors")
    torch.testing.assert_close(kept[first], given[first], atol=1e-5, rtol=0)
    assert "begun anew: " in log(paths)
    assert last in log(paths)
    assert run_worker(make_run(tmp_path, init_from="absent.safetensors"), expect=None) != 0


# ------------------------------------------------------------------------------------------------------------- passes


def small_network() -> nn.Module:
    torch.manual_seed(3)
    block = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.Dropout(0.3))  # noqa: E731
    return nn.Sequential(block(1, 4), block(4, 4), nn.Flatten(), nn.Linear(4 * 64, 3))


def test_activations_computed_again_give_the_same_gradients_and_statistics() -> None:
    plain, saving = small_network(), small_network()
    recompute_activations(saving)
    inputs = torch.randn(6, 1, 8, 8)
    for model in (plain, saving):
        torch.manual_seed(4)
        model(inputs).square().sum().backward()
    for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)
    for (name, one), other in zip(plain.state_dict().items(), saving.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, msg=name)


def test_passes_computed_otherwise_train_the_same(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "data": {"name": "digits", "validation": 0.1, "limit": 400, "as_image": True},
        "model": {"name": "cnn", "widths": [4, 8]},
    }
    usual = train(tmp_path, **changes, train={"epochs": 1, "batch_size": 32})
    tuned = train(
        tmp_path, **changes, train={"epochs": 1, "batch_size": 32, "channels_last": True, "checkpoint_gradients": True}
    )
    for name, points in curves(usual).items():
        np.testing.assert_allclose(points, curves(tuned)[name], rtol=1e-3, err_msg=name)


def test_a_model_that_does_not_compile_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(
        "import torch\nclass Failed(RuntimeError): pass\nFailed.__module__ = 'torch._dynamo.exc'\n"
        "class Net(torch.nn.Linear):\n    def forward(self, x):\n"
        "        if self.training: raise Failed('no compiler found')\n        return super().forward(x)\n"
        "def build(spec): return Net(64, 10)\n"
    )
    paths = make_run(tmp_path, model={"name": "stubborn:build"})
    run_worker(paths, expect=2)
    assert read_json(paths.control / "failure.json")["hint"].startswith("set train.compile = false")


@pytest.mark.parametrize(("size", "words"), [(1, "a batch of one sample is too much"), (8, "halve train.batch_size")])
def test_too_little_memory_says_what_to_do(tmp_path: Path, size: int, words: str) -> None:
    (tmp_path / "greedy.py").write_text(
        "import torch\nclass Net(torch.nn.Linear):\n    def forward(self, x):\n"
        '        if self.training: raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory")\n'
        "        return super().forward(x)\ndef build(spec): return Net(64, 10)\n"
    )
    paths = make_run(tmp_path, model={"name": "greedy:build"}, train={"epochs": 1, "batch_size": size})
    run_worker(paths, expect=1)
    assert words in read_json(paths.control / "failure.json")["hint"]


# --------------------------------------------------------------------------------------------------------------- data


def test_one_batch_is_learnt_by_heart_and_nothing_else_is_scored(tmp_path: Path) -> None:
    paths = train(
        tmp_path, train={"epochs": 150, "batch_size": 32, "overfit_batches": 1}, checkpoint={"every": "150 epochs"}
    )
    assert read_json(paths.data)["splits"].keys() == {"train"}
    assert read_json(paths.data)["splits"]["train"]["count"] == 32
    found = curves(paths)
    assert "val/loss" not in found
    assert found["train_split/accuracy"][-1][1] >= 0.99
    assert len(found["train/loss"]) == 150


def test_folds_are_disjoint_stratified_and_cover_the_train_split() -> None:
    table = {"name": "iris", "test": 0.0, "folds": 4}
    parts = [prepare(Settings(data={**table, "fold": fold}), HERE).dataset.splits for fold in range(4)]
    rows = [{row.tobytes() for row in part["validation"].inputs} for part in parts]
    assert sum(len(part["validation"]) for part in parts) == 150
    for part in parts:
        counts = np.bincount(part["validation"].labels)
        assert counts.max() - counts.min() <= 2
        assert len(part["train"]) + len(part["validation"]) == 150
    assert not (rows[0] & rows[1]) and not (rows[2] & rows[3])  # noqa: PT018


def test_several_validation_sets_are_scored_side_by_side(tmp_path: Path) -> None:
    data = {"name": "digits", "limit": 400, "validation": {"alike": 0.1, "later": {"share": 0.3, "of": "test"}}}
    paths = train(tmp_path, data=data)
    counts = {name: split["count"] for name, split in read_json(paths.data)["splits"].items()}
    assert counts == {"train": 360, "val_alike": 40, "val_later": 108, "test": 252}
    found = curves(paths)
    assert len(found["val_alike/accuracy"]) == len(found["val_later/accuracy"]) == 3
    assert read_json(paths.state)["best"]["monitor"] == "val_alike/accuracy"
    assert {"val_alike-00000036.json", "val_later-00000036.json"} <= {p.name for p in paths.evaluation.iterdir()}


def test_the_adjustment_of_logits_is_the_log_of_each_share() -> None:
    found = logit_adjustment(0.5, 3, np.array([0, 0, 0, 1]))
    torch.testing.assert_close(found.double(), 0.5 * torch.log(torch.tensor([3, 1, 1]).double() / 5), atol=1e-6, rtol=0)


# ----------------------------------------------------------------------------------------------------- largest batch


def test_the_largest_batch_is_found_once_and_taken(tmp_path: Path) -> None:
    paths = train(tmp_path, train={"epochs": 2, "batch_size": "max"})
    assert read_json(paths.folder / "batch_size.json") == {"samples": 360}
    assert [step for step, _ in curves(paths)["train/loss"]] == [1, 2]
    assert settings_from_run(load_run(paths).info).train.batch_size == "max"
    shown = run_engine("--runs", str(paths.folder.parent), "show", paths.id, cwd=tmp_path).stdout
    assert "360, the largest that fits" in shown


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from engine import batch_size, trial_step
def attempt(self, size):
    return f"no room for {size}" if size > %d else None
trial_step.TrialSteps.attempt = attempt
sys.exit(batch_size.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("room", "found"), [(100, 88), (5, 5), (0, None)])
def test_the_search_stops_where_memory_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, found: int | None
) -> None:
    paths = make_run(tmp_path, train={"epochs": 1, "batch_size": "max"})
    settings = settings_from_run(load_run(paths).info)
    popen = subprocess.Popen

    def start(command: list[str], **more: Any) -> Any:
        return popen([sys.executable, "-P", "-c", SHORT_OF_MEMORY % room, *command[4:]], env=environment(), **more)

    monkeypatch.setattr("engine.batch_size.subprocess.Popen", start)
    interrupts = Interrupts(paths)
    if found is None:
        with pytest.raises(Exception, match="not even a batch of one sample fits into memory: no room for 1"):
            with_batch_size(settings, paths, interrupts)
        return
    assert with_batch_size(settings, paths, interrupts).train.batch_size == found


# ------------------------------------------------------------------------------------------------- verbs about training


def engine(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    code = "import sys; from engine.cli.start import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, input=stdin, check=False
    )


def test_a_rate_is_found_where_the_loss_falls(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text(
        '[experiments.a]\ndata = { name = "digits", validation = 0.1 }\nmodel = "logistic"\n'
        'optimizer = { name = "SGD", lr = 0.1 }\ntrain = { epochs = 1, batch_size = 32 }\n'
    )
    done = engine(tmp_path, "lr-find", "a", "--low", "1e-5", "--high", "1e3", "--steps", "100", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 1e-3 < found["lr"] < 10
    assert found["rates"] == sorted(found["rates"])
    assert not (tmp_path / "runs").exists()


def test_many_runs_are_asked_about(tmp_path: Path) -> None:
    values = ", ".join(f"{n}e-4" for n in range(1, 121))
    (tmp_path / "experiments.toml").write_text(
        '[experiments.a]\ndata = "digits"\nmodel = "logistic"\ntrain = { epochs = 1 }\n'
        f'matrix = {{ "optimizer.lr" = [{values}] }}\n'
    )
    done = engine(tmp_path, "train", "a")
    assert (done.returncode, "a makes 120 runs" in done.stderr, "--yes" in done.stderr) == (2, True, True)
    assert not (tmp_path / "runs").exists()


def test_a_debugger_opens_where_a_model_fails(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import torch\nclass Net(torch.nn.Linear):\n    def forward(self, x):\n        secret = 41 + 1\n"
        "        if self.training: raise RuntimeError('no')\n        return super().forward(x)\n"
        "def build(spec): return Net(64, 10)\n"
    )
    (tmp_path / "experiments.toml").write_text(
        '[experiments.a]\ndata = "digits"\nmodel = "own:build"\ntrain = { epochs = 1 }\n'
    )
    done = engine(tmp_path, "train", "a", "--pdb", stdin="p secret\nq\n")
    assert "(Pdb) 42" in done.stdout
    assert done.returncode == 1
    assert read_json(tmp_path / "runs" / "e0001" / "state.json")["state"] == "failed"
