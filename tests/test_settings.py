"""What a run gets: overrides, complete settings, matrices, recipes that are not run yet, completion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import SettingsError
from engine.experiments import (
    apply_overrides,
    check_all,
    completions,
    expand,
    keys,
    resolve,
    settings_from_run,
)
from engine.jsonio import encode, read_json
from engine.runs import RunInfo
from tests.experiment_files import BASE, refusal, told, written

# ----------------------------------------------------------------------------------------------------------- overrides


def test_overrides_follow_the_rules_of_extends(tmp_path: Path) -> None:
    file = written(tmp_path, BASE)
    named_last = resolve(file, "a", ["optimizer.lr=0.25", "optimizer.name=Adam"])
    assert named_last.optimizer == {"name": "Adam", "lr": 0.25}
    assert resolve(file, "a", ["optimizer.weight_decay=0.1", "optimizer=Adam"]).optimizer["weight_decay"] == 0.1
    assert resolve(file, "a", ["optimizer.name=SGD"]).optimizer["momentum"] == 0.9
    scheduled = resolve(file, "a", ["scheduler={name='StepLR', step_size=2}"])
    assert scheduled.scheduler == {"name": "StepLR", "step_size": 2}
    assert apply_overrides(scheduled, ["scheduler=none"], tmp_path).scheduler is None
    assert resolve(file, "a", ["train.clip_grad_norm=5"]).train.clip_grad_norm == 5.0
    assert resolve(file, "a", ["train.steps=1e3"]).train.steps == 1000
    assert resolve(file, "a", ["device=cuda:0"]).device == "cuda:0"
    assert resolve(file, "a", ['description="a = b"']).description == "a = b"
    assert resolve(file, "a", ["description=a = b # c"]).description == "a = b # c"
    assert resolve(file, "a", ["train.early_stopping.patience=3"]).train.early_stopping is not None


def test_optional_settings_are_switched_off_by_none(tmp_path: Path) -> None:
    text = BASE.replace("epochs = 5", "epochs = 5, clip_grad_norm = 1.0, early_stopping = { patience = 2 }")
    settings = resolve(written(tmp_path, text), "a", ["train.clip_grad_norm=none", "train.early_stopping=none"])
    assert settings.train.clip_grad_norm is None
    assert settings.train.early_stopping is None


def test_schedules_that_fit_themselves_to_the_run(tmp_path: Path) -> None:
    file = written(tmp_path, BASE)
    cosine = "scheduler={name='CosineAnnealingLR', T_max='auto'}"
    assert resolve(file, "a", [cosine]).scheduler == {"name": "CosineAnnealingLR", "T_max": "auto"}
    assert "needs train.epochs or train.steps" in refusal(file, cosine, "train.epochs=none", "train.minutes=3")
    assert "must be a number" in refusal(file, "scheduler={name='CosineAnnealingLR', T_max='auto', eta_min='auto'}")


# --------------------------------------------------------------------------------------------------- complete settings


def test_resolved_settings_stand_alone(tmp_path: Path) -> None:
    file = written(tmp_path, BASE)
    settings = resolve(file, "a", ["train.clip_grad_norm=inf"])
    assert settings.data["noise"] == 0.1
    assert settings.data["group_duplicates"] is True
    assert settings.model["activation"] == "relu"
    (tmp_path / "run.json").write_bytes(encode(RunInfo(run="e0001", settings=flatten_back(settings))))
    info = RunInfo(run="e0001", settings=read_json(tmp_path / "run.json")["settings"])
    again = settings_from_run(info)
    assert again == settings
    assert apply_overrides(again, [], tmp_path) == settings
    assert apply_overrides(again, ["train.epochs=9"], tmp_path).train.epochs == 9


def flatten_back(settings: Any) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(settings))


def test_loss_and_optimizer_need_not_be_named(tmp_path: Path) -> None:
    text = BASE.replace('optimizer = { name = "SGD", lr = 0.1, momentum = 0.9 }', "")
    settings = resolve(written(tmp_path, text), "a")
    assert settings.optimizer == {"name": "Adam", "lr": 0.001}
    assert settings.loss == {"name": "CrossEntropyLoss"}


def test_settings_of_a_newer_version_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="e0009"):
        settings_from_run(RunInfo(run="e0009", settings={"quantum": 1}))


def test_paths_of_csv_files_start_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("x,y\n1,2\n")
    text = BASE.replace('data = "moons"', 'data = { name = "csv", path = "mine.csv" }')
    file = written(tmp_path, text)
    assert resolve(file, "a").data["path"] == str(tmp_path / "mine.csv")
    assert resolve(file, "a", ["data.path=tabular/other.csv"]).data["path"] == "tabular/other.csv"
    assert resolve(file, "a", ["data.path=/abs/x.csv"]).data["path"] == "/abs/x.csv"


def test_a_dash_in_a_data_set_is_an_underscore(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE.replace('"moons"', '"names-demo"').replace('{ name = "mlp", hidden = [20] }', '"lstm_classifier"'),
    )
    assert not file.problems
    resolve(file, "a", ["data.name=names_demo"])


def test_what_differs_from_the_usual(tmp_path: Path) -> None:
    differing = written(tmp_path, BASE).get("a").differing()
    assert differing == {
        "data.name": "moons",
        "model.name": "mlp",
        "model.hidden": [20],
        "optimizer.name": "SGD",
        "optimizer.lr": 0.1,
        "optimizer.momentum": 0.9,
        "train.epochs": 5.0,
        "train.batch_size": 10,
    }


# ---------------------------------------------------------------------------------------------------- matrix and seeds


def test_matrix_times_seeds_in_order(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE + 'seeds = 2\nmatrix = { "optimizer.name" = ["SGD", "Adam"], "train.epochs" = [1, 2] }\nseed = 10\n',
    )
    runs = expand(file, "a")
    assert file.get("a").runs == len(runs) == 8
    assert [(r.optimizer["name"], r.train.epochs, r.seed) for r in runs] == [
        (name, epochs, seed) for name in ("SGD", "Adam") for epochs in (1, 2) for seed in (10, 11)
    ]
    assert runs[4].optimizer == {"name": "Adam", "lr": 0.001}  # another name: nothing of SGD's is left
    assert len(expand(file, "a", ["optimizer.name=Adagrad"], seeds=3)) == 6
    assert resolve(file, "a").train.epochs == 1


def test_one_run_without_matrix(tmp_path: Path) -> None:
    file = written(tmp_path, BASE)
    assert expand(file, "a", ["seed=4"]) == [resolve(file, "a", ["seed=4"])]
    with pytest.raises(SettingsError, match="at least 1"):
        expand(file, "a", seeds=0)


def test_a_matrix_may_bring_the_data_set(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE.replace('data = "moons"', "data = { validation = 0.2 }")
        + 'matrix = { "data.name" = ["moons", "circles"] }\n',
    )
    assert [(run.data["name"], run.data["validation"]) for run in expand(file, "a")] == [
        ("moons", 0.2),
        ("circles", 0.2),
    ]


def test_too_many_runs_and_wrong_values_in_a_matrix(tmp_path: Path) -> None:
    file = written(
        tmp_path, BASE + f'matrix = {{ "seed" = {list(range(101))}, "train.epochs" = {list(range(1, 101))} }}\n'
    )
    with pytest.raises(SettingsError, match="10,100 runs"):
        expand(file, "a")
    file = written(tmp_path, BASE + 'matrix = { "train.epochs" = [1, 0], "optimizer.lr" = [0.1, -1.0] }\n')
    with pytest.raises(SettingsError) as caught:
        expand(file, "a")
    assert "train.epochs must be greater than 0" in str(caught.value)
    assert "optimizer.lr must be" in str(caught.value)
    with pytest.raises(SettingsError, match=r"train\.epochs must be"):
        check_all(file)
    assert "must be a list of values" in told(tmp_path, BASE + "matrix = { seed = 3 }\n")[0]
    assert "no such setting" in told(tmp_path, BASE + 'matrix = { "trian.epochs" = [3] }\n')[0]
    file = written(tmp_path, BASE + "seeds = 2\nmatrix = { seed = [1, 2] }\n")
    with pytest.raises(SettingsError, match="varies the seed already"):
        expand(file, "a")


# ------------------------------------------------------------------------------------------------- commands and sweeps


def test_commands_and_sweeps_are_read_and_not_run(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE
        + """
[experiments.a-sweep]
extends = "a"
[experiments.a-sweep.sweep]
sampler = "tpe"
trials = 30
space = { "optimizer.lr" = { low = 1e-5, high = 1e-1, log = true }, "model.hidden" = [[1], [2]] }
[experiments.script]
command = ["python", "train.py", "--lr", "{lr}"]
params = { lr = 0.1 }
metrics = { tensorboard = "logs/" }
cwd = "sub"
env = { A = "1" }
python = "/usr/bin/python3"
checkpoints = "out/*.pt"
resume_arg = "--resume"
""",
    )
    assert not file.problems
    script = file.get("script")
    assert script.command == ["python", "train.py", "--lr", "{lr}"]
    assert script.params == {"lr": 0.1}
    assert (script.metrics, script.cwd, script.resume_arg) == ({"tensorboard": "logs/"}, "sub", "--resume")
    assert file.get("a-sweep").sweep is not None
    assert not script.runnable
    assert "cannot run those yet" in refusal(file, name="script")
    assert "is a sweep" in refusal(file, name="a-sweep")
    check_all(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = 2\nsweep = { space = { seed = [1] } }", "a sweep has no seeds"),
        ("sweep = { sampler = 'magic', space = { seed = [1] } }", "sweep.sampler must be 'grid', 'random' or 'tpe'"),
        ("sweep = { trials = 0, space = { seed = [1] } }", "sweep.trials must be at least 1"),
        ("sweep = { trials = 3 }", "needs a space"),
        ("sweep = { space = { seed = 3 } }", "must be a list of values or a table"),
        ("seeds = 0", "seeds must be at least 1"),
        ("seeds = 'many'", "seeds must be an integer"),
        ("command = []", "must name a program"),
        ("command = 'python train.py'", "command must be a list of strings"),
        ("matrix = 3", "matrix must be a table"),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(told(tmp_path, BASE + text + "\n"))


# ----------------------------------------------------------------------------------------------------- what may follow


def test_keys_and_completions(tmp_path: Path) -> None:
    settings = resolve(written(tmp_path, BASE), "a")
    known = keys(settings, tmp_path)
    assert {
        "seed",
        "data.noise",
        "data.validation",
        "model.hidden",
        "optimizer.nesterov",
        "train.early_stopping.patience",
    } <= set(known)
    assert len(known) == len(set(known))
    assert "optimizer.params" not in known
    assert "data.name" in known
    assert dict(completions(settings, "optimizer.l", tmp_path)) == {"optimizer.lr": "a number, 0.001"}
    assert ("optimizer.name=SGD", "") in completions(settings, "optimizer.name=S", tmp_path)
    assert completions(settings, "train.precision=b", tmp_path) == [("train.precision=bf16", "")]
    assert completions(settings, "scheduler=no", tmp_path) == [("scheduler=none", "")]
    assert completions(settings, "no-such=", tmp_path) == [] == completions(settings, "no-such", tmp_path)


def test_every_key_can_be_set(tmp_path: Path) -> None:
    """What completion offers, `-s` takes: no key of the list is called unknown."""
    file = written(tmp_path, BASE)
    for key in keys(resolve(file, "a"), tmp_path):
        with pytest.raises(SettingsError) as caught:
            resolve(file, "a", [f"{key}=zzz", "no-such-key=1"])
        text = str(caught.value)
        assert text.count("no such setting") == 1, key
        assert "has no argument" not in text, key


def test_what_torch_would_refuse_is_told_together_with_the_rest(tmp_path: Path) -> None:
    text = BASE.replace("lr = 0.1", "lrr = 0.1").replace("batch_size", "batch_sise")
    message = refusal(written(tmp_path, text))
    assert "experiments.toml:5: [experiments.a] optimizer.lrr: SGD has no argument 'lrr'; did you mean 'lr'?" in message
    assert "train.batch_sise" in message
