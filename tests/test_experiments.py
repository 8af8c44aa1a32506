"""experiments.toml: reading it, inheritance, and every error with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import NotFoundError, RunError, SettingsError
from engine.experiments import (
    PACKAGED,
    check_all,
    copy_packaged,
    find_file,
    load,
    parse_every,
    resolve,
)
from tests.experiment_files import BASE, refusal, told, written
from tests.helpers import environment

# ------------------------------------------------------------------------------------------------------------ the file


def test_the_packaged_file_is_sound_and_each_experiment_says_why(tmp_path: Path) -> None:
    file = load(PACKAGED)
    assert file.packaged
    assert not file.problems
    check_all(file)
    names = list(file.experiments)
    assert names[0] == "digits-mlp"
    assert {"names-lstm-pad29", "titanic-mlp", "cifar10-cnn"} <= set(names)
    assert all(e.settings.description and e.settings.motivation and e.settings.tags for e in file.experiments.values())
    moons = resolve(file, "moons-mlp")
    assert moons.model["hidden"] == [20]
    assert moons.train.batch_size == 1
    assert moons.train.epochs == 200
    assert moons.data["samples"] == 1000
    assert moons.data["noise"] == 0.1
    assert moons.data["test"] == 0.2
    padded = resolve(file, "names-lstm-pad29")
    assert (padded.data["pad_to"], padded.model["read"], padded.model["hidden_size"]) == (29, "last_step", 100)
    assert resolve(file, "names-lstm").evaluate.splits == ["validation", "test"]


def test_the_file_of_a_folder_is_found_before_the_packaged_one(tmp_path: Path) -> None:
    assert find_file(None, tmp_path) == PACKAGED
    (tmp_path / "experiments.toml").write_text(BASE)
    assert find_file(None, tmp_path) == tmp_path / "experiments.toml"
    assert not load(tmp_path / "experiments.toml").packaged
    with pytest.raises(NotFoundError, match=r"other\.toml"):
        find_file(Path("other.toml"), tmp_path)


def test_copying_the_packaged_file_never_overwrites(tmp_path: Path) -> None:
    path = copy_packaged(tmp_path)
    assert path.read_bytes() == PACKAGED.read_bytes()
    assert not load(path).packaged
    assert load(path).folder == tmp_path
    path.write_text(BASE)
    assert copy_packaged(tmp_path).read_text() == BASE


def test_copying_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        copy_packaged(tmp_path / "absent")


def test_reading_brings_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, json, pathlib\n"
        "from engine.experiments import load, resolve, find_file, check_all\n"
        "file = load(find_file(None, pathlib.Path.cwd()))\n"
        "check_all(file)\n"
        "heavy = ('torch', 'torchvision', 'numpy', 'textual', 'tomlkit', 'sklearn')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"[experiments.a]\ntrain = { epochs = = 3 }\n",
            "experiments.toml:2:20: Invalid value\n    train = { epochs = = 3 }",
        ),
        (b"[experiments.a]\nx = 1\nx = 2\n", "experiments.toml:3:"),
        (b"a = \x9b\xff\n", "experiments.toml:1:5: byte 0x9b is not UTF-8"),
        (b"\xff\xfea\x00", "UTF-16"),
        (b"a = " + b"[" * 3000, "nested"),
        (b"a = " + b"9" * 6000, "experiments.toml"),
        (b'[experiments.a]\nx = "\x1b[31m" oops\n', r"\x1b[31m"),
    ],
)
def test_a_file_that_is_not_toml_says_where(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert message in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "experiments.toml")
    with pytest.raises(NotFoundError):
        load(tmp_path / "absent.toml")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert list(load(path).experiments) == ["a"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "[experiments]\n", "[defaults]\nseed = 1\n"])
def test_a_file_without_experiments_says_how_to_begin(tmp_path: Path, text: str) -> None:
    (problem,) = told(tmp_path, text)
    assert "there is no experiment in it" in problem
    assert "[experiments.NAME]" in problem


# --------------------------------------------------------------------------------------------------------- inheritance


def test_tables_merge_and_another_name_replaces(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE
        + """
[experiments.same-name]
extends = "a"
optimizer = { name = "SGD", lr = 0.5 }
train = { epochs = 7 }
model = { hidden = [1, 2] }
[experiments.other-name]
extends = "same-name"
optimizer = { name = "Adam", lr = 1e-3 }
scheduler = { name = "StepLR", step_size = 3 }
[experiments.removed]
extends = "other-name"
scheduler = "none"
optimizer = "RMSprop"
""",
    )
    same = resolve(file, "same-name")
    assert same.optimizer == {"name": "SGD", "lr": 0.5, "momentum": 0.9}
    assert (same.train.epochs, same.train.batch_size, same.model["hidden"]) == (7, 10, [1, 2])
    other = resolve(file, "other-name")
    assert other.optimizer == {"name": "Adam", "lr": 1e-3}
    assert other.scheduler == {"name": "StepLR", "step_size": 3}
    removed = resolve(file, "removed")
    assert removed.scheduler is None
    assert removed.optimizer == {"name": "RMSprop", "lr": 0.01}


def test_what_extends_does_not_pass_on(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        BASE.replace('data = "moons"', 'data = "moons"\ndescription = "d"\nmotivation = "m"\ntags = ["t"]\nseeds = 3')
        + 'init_from = "e0001:best"\nmatrix = { "optimizer.lr" = [1.0, 2.0] }\n[experiments.b]\nextends = "a"\n',
    )
    parent, child = file.get("a"), file.get("b")
    assert (parent.seeds, parent.runs, parent.settings.init_from) == (3, 6, "e0001:best")
    assert (child.seeds, child.matrix, child.runs) == (None, {}, 1)
    assert child.settings.tags == []
    assert child.settings.description == child.settings.motivation == ""
    assert child.settings.init_from is None
    assert child.settings.optimizer["lr"] == 0.1


def test_defaults_are_under_every_experiment(tmp_path: Path) -> None:
    file = written(tmp_path, '[defaults]\nseed = 7\noptimizer = { name = "SGD", lr = 0.3 }\ntags = ["all"]\n' + BASE)
    settings = resolve(file, "a")
    assert settings.seed == 7
    assert settings.optimizer["lr"] == 0.1
    assert settings.tags == ["all"]


def test_a_circle_is_told_once_and_names_its_members(tmp_path: Path) -> None:
    text = "".join(f'[experiments.{a}]\nextends = "{b}"\n' for a, b in [("x", "y"), ("y", "z"), ("z", "x"), ("w", "x")])
    file = written(tmp_path, text + BASE)
    (problem,) = file.problems
    assert "'x' → 'y' → 'z' → 'x'" in str(problem)
    assert problem.line == 2
    assert set(file.broken) == {"x", "y", "z", "w"}
    assert list(file.experiments) == ["a"]


def test_a_parent_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, BASE + '[experiments.b]\nextends = "aa"\n[experiments.aab]\nextends = "a"\n')
    assert problem.endswith("[experiments.b] extends: there is no experiment 'aa'; did you mean 'aab'?")


def test_a_chain_of_thousands_is_read(tmp_path: Path) -> None:
    text = BASE + "".join(f'[experiments.n{i}]\nextends = "{f"n{i + 1}" if i < 3000 else "a"}"\n' for i in range(3001))
    file = written(tmp_path, text)
    assert not file.problems
    assert resolve(file, "n0").optimizer["momentum"] == 0.9


# ---------------------------------------------------------------------------------------------------------- the errors


def test_all_errors_at_once_each_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """[defaults]
device = "cuda"
[experiment.typo]
[experiments.a]
data = { name = "moons", nois = 0.1 }
model = { name = "mlpp" }
train = { epochs = "ten", batchsize = 3,
          precision = "fp8" }
[experiments.b]
extends = "a"
[experiments.b.checkpoint]
every = "3 bananas"
keep = 0
""",
    )
    lines = [str(problem).replace(str(tmp_path) + "/", "") for problem in file.problems]
    expected = [
        "experiments.toml:2: [defaults] device must be auto, cpu, cuda:N",
        "experiments.toml:3: [experiment]: no such table: 'experiment'; did you mean 'experiments'?",
        "experiments.toml:5: [experiments.a] data.nois: moons has no argument 'nois'; did you mean 'noise'?",
        "experiments.toml:6: [experiments.a] model.name: there is no model 'mlpp'; did you mean 'mlp'?",
        "experiments.toml:7: [experiments.a] train.epochs must be a number, got the string 'ten'",
        "experiments.toml:7: [experiments.a] train.batchsize: no such setting: 'batchsize'; did you mean 'batch_size'?",
        "experiments.toml:8: [experiments.a] train.precision must be 'fp32', 'bf16' or 'fp16', got the string 'fp8'",
        "experiments.toml:12: [experiments.b] checkpoint.every must be such as '1 epoch'",
        "experiments.toml:13: [experiments.b] checkpoint.keep must be at least 1, got 0",
    ]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
    with pytest.raises(SettingsError) as caught:
        file.get("b")
    assert "[experiments.a] data.nois" in str(caught.value)
    assert "3 bananas" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimizer.lrr=1", "SGD has no argument 'lrr'; did you mean 'lr'?"),
        ("optimizer.name=Sdg", "no optimizer 'Sdg'; did you mean 'SGD'?"),
        ("optimizer.lr=-1", "optimizer.lr must be greater than 0, got -1.0"),
        ("optimizer.lr=nan", "optimizer.lr must be greater than 0"),
        ("optimizer.lr=inf", "optimizer.lr must be finite"),
        ("optimizer.lr=fast", "optimizer.lr must be a number, got the string 'fast'"),
        ("optimizer.lr=true", "optimizer.lr must be a number, got true"),
        ("optimizer.params=1", "SGD has no argument 'params'"),
        ("optimizer.momentum=-0.1", "must not be negative"),
        ("optimizer={name='SGD',lr=0.1,momentum=0,nesterov=true}", "needs a momentum above 0"),
        ("optimizer={name='Adam',betas=[0.9]}", "optimizer.betas must be a list of 2 numbers"),
        ("optimizer={name='Adam',betas=[0.9,1.0]}", "must be from 0 to below 1"),
        ("scheduler=StepLR", "StepLR needs 'step_size'"),
        ("scheduler=LambdaLR", "is given a function"),
        ("scheduler={name='StepLR',step_size=0}", "must be at least 1"),
        ("scheduler={name='StepLR',step_size=2,interval='week'}", "must be 'epoch' or 'step'"),
        ("scheduler={name='OneCycleLR',max_lr=0.1}", "OneCycleLR needs total_steps"),
        ("scheduler={gamma=0.1}", "scheduler has no name"),
        ("loss=CrossEntropy", "did you mean 'CrossEntropyLoss'?"),
        ("loss.class_weight=heavy", 'must be "balanced", { power'),
        ("loss={name='MSELoss',class_weight='balanced'}", "MSELoss has no class weights"),
        ("loss.weight=[1,2]", "is given as class_weight"),
        ("loss.label_smoothing=2", "must be from 0 to 1"),
        ("loss.reduction=none", "must be 'mean' or 'sum'"),
        ("model.name=resnet19", "there is no model 'resnet19'"),
        ("model.name=torchvision:resnet19", "did you mean 'resnet18'?"),
        ("model.hidden=20", "model.hidden must be a list of integers, got the integer 20"),
        ("model.hidden=[1.5]", "must be a list of integers"),
        ("model=1", "must be a table with a name, or a name, got the integer 1"),
        ("model.name=3", "must be a name, got the integer 3"),
        ("data.noise=1979-05-27", "a date or time cannot be used"),
        ("data.samples=99999999999999999999999", "this large"),
        ("data.validation=1", "must be a share from 0 to below 1"),
        ("data={name='moons',validation=0.5,test=0.5}", "data.validation + data.test must be below 1, got 1"),
        ("data.limit=0", "must be at least 1"),
        ("data.leak=wran", "did you mean 'warn'?"),
        ("train.epochs=0", "must be greater than 0"),
        ("train.epochs=none", "nothing says when training ends"),
        ("train.epochs=inf", "must be finite"),
        ("train.batch_size=0", "must be at least 1"),
        ("train.batch_size=2.5", "must be an integer or 'max', got the number 2.5"),
        ("train.lr=1", "did you mean 'optimizer.lr'?"),
        ("train=5", "train must be a table, got the integer 5"),
        ("train.early_stopping.patience=0", "must be at least 1"),
        ("epochs=5", "did you mean 'train.epochs'?"),
        ("evaluate.splits=['val']", 'may hold "validation", "test" and "train"'),
        ("evaluate.every=often", "must be such as '1 epoch'"),
        ("checkpoint.monitor=accuracy", "must be a split and a metric, such as val/accuracy"),
        ("checkpoint.monitor=val/acuracy", "must be val/… or test/…"),
        ("checkpoint.monitor=train/macro_f1", "or train/loss, train/accuracy"),
        ("train.early_stopping={patience=1,monitor='val/foo'}", "must be val/… or test/…"),
        ("checkpoint.mode=up", "must be 'max' or 'min'"),
        ("device=gpu", "must be auto, cpu, cuda:N"),
        ("seed=1.5", "seed must be an integer"),
        ("seed=-1", "must be from 0"),
        ("seed.deep=1", "seed must be an integer, got a table"),
        ("tags=quick", "tags must be a list of strings"),
        ("seeds=3", "use --seeds N"),
        ("extends=b", "write an experiment of its own"),
        ("train.epochs", "not of the form key=value"),
        ("=3", "not of the form key=value"),
        ("a..b=3", "not of the form key=value"),
    ],
)
def test_impossible_settings(tmp_path: Path, setting: str, message: str) -> None:
    text = refusal(written(tmp_path, BASE), setting)
    assert message in text
    assert text.startswith("-s ") or "experiments.toml:" in text


def test_several_bad_overrides_are_told_together(tmp_path: Path) -> None:
    text = refusal(written(tmp_path, BASE), "train.epochs=0", "optimizer.lr=x", "modl.hidden=[1]")
    assert text.count("\n") == 2
    assert "-s modl.hidden=[1]: modl: no such setting: 'modl'; did you mean 'model'?" in text


def test_what_is_missing_is_told_with_an_example(tmp_path: Path) -> None:
    problems = told(tmp_path, "[experiments.a]\ntrain = { epochs = 1 }\n[experiments.b]\ndata = {}\nmodel = ''\n")
    assert [p.partition("experiments.toml")[2].split(";")[0] for p in problems] == [
        ":1: [experiments.a] data: data is missing",
        ":1: [experiments.a] model: model is missing",
        ":4: [experiments.b] data: data has no name",
        ":5: [experiments.b] model.name must be a name, got the string ''",
    ]


def test_entries_that_are_no_tables(tmp_path: Path) -> None:
    assert "[experiments.a]: must be a table, got the integer 3" in told(tmp_path, "[experiments]\na = 3\n")[0]
    assert "must hold tables, got a list" in told(tmp_path, "experiments = []\n")[0]
    assert "[defaults]: must be a table" in told(tmp_path, "defaults = 1\n" + BASE)[0]
    assert "belongs to an experiment" in told(tmp_path, "[defaults]\nseeds = 3\n" + BASE)[0]
    assert "must be a string" in told(tmp_path, BASE + "[experiments.b]\nextends = 3\n")[0]


def test_control_characters_in_names_are_shown_as_escapes(tmp_path: Path) -> None:
    problems = told(tmp_path, '[experiments."\\u001b]0;x\\u0007 [b]東京"]\n"l\\u001br" = 1\ndata = "\\u0000\\u202e"\n')
    text = "\n".join(problems)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert r'[experiments."\x1b]0;x\x07 [b]東京"]' in text
    assert r"'l\x1br'" in text


def test_an_experiment_that_is_not_there(tmp_path: Path) -> None:
    file = written(tmp_path, BASE.replace("experiments.a", "experiments.names-lstm"))
    with pytest.raises(NotFoundError, match="did you mean 'names-lstm'") as caught:
        resolve(file, "names-lstn")
    assert caught.value.exit_code == 3


def test_torch_names_are_only_looked_up_when_asked(tmp_path: Path) -> None:
    file = written(tmp_path, BASE.replace("lr = 0.1", "lrr = 0.1"))
    assert not file.problems
    with pytest.raises(SettingsError, match=r"experiments\.toml:5: \[experiments\.a\] optimizer\.lrr: SGD has no"):
        check_all(file)


@pytest.mark.parametrize(
    "text", ["0 epochs", "3 bananas", "", "epoch", "1.5 epochs", "-1 steps", "1 epoch 2", "9" * 40 + " steps"]
)
def test_impossible_intervals(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_every(text)


def test_intervals() -> None:
    assert parse_every("1 epoch") == (1, "epoch")
    assert parse_every("500 steps") == (500, "step")
    assert parse_every(" 10  epochs ") == (10, "epoch")
