"""Signatures read from sources equal those that Python gives after importing; the user's code; the callables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import signatures
from engine.components import load_dataset_function, load_model_function
from engine.dataset import InputSpec
from engine.errors import SettingsError
from tests.helpers import environment

GIVEN = {
    "optimizer": {"self", "params"},
    "scheduler": {"self", "optimizer", "last_epoch", "verbose"},
    "loss": {"self", "size_average", "reduce"},
}


def test_reading_signatures_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from engine import signatures as s\n"
        "s.optimizer('Adam'), s.scheduler('StepLR'), s.loss('CrossEntropyLoss')\n"
        "s.model('torchvision:resnet18', pathlib.Path()), s.dataset('moons', pathlib.Path())\n"
        "print([name for name in ('torch', 'torchvision', 'numpy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_signature_is_the_one_of_the_installed_torch(tmp_path: Path) -> None:
    code = """
import inspect, json, torch
from torch import optim, nn
from torch.optim import lr_scheduler
def arguments(c):
    return {n: None if p.default is p.empty else repr(list(p.default) if isinstance(p.default, tuple) else p.default)
            for n, p in inspect.signature(c.__init__).parameters.items()}
found = {"optimizer": {n: arguments(c) for n, c in vars(optim).items()
                       if isinstance(c, type) and issubclass(c, optim.Optimizer) and c is not optim.Optimizer},
         "scheduler": {n: arguments(c) for n, c in vars(lr_scheduler).items()
                       if isinstance(c, type) and issubclass(c, lr_scheduler.LRScheduler) and n[0] != "_"},
         "loss": {n: arguments(c) for n, c in vars(nn).items() if n.endswith("Loss")}}
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    real = json.loads(done.stdout.splitlines()[-1])
    readers = {"optimizer": signatures.optimizer, "scheduler": signatures.scheduler, "loss": signatures.loss}
    for kind, read in readers.items():
        names = signatures.names(kind)
        assert set(names) <= set(real[kind])
        assert {"Adam", "SGD", "LBFGS", "StepLR", "OneCycleLR", "CrossEntropyLoss", "MSELoss"} & set(real[kind]) <= set(
            names
        )
        for name in names:
            expected = {key: value for key, value in real[kind][name].items() if key not in GIVEN[kind]}
            signature = read(name)
            assert list(signature.parameters) == list(expected), name
            for parameter in signature.parameters.values():
                assert parameter.has_default == (expected[parameter.name] is not None)
                if parameter.has_default and parameter.literal:
                    assert repr(parameter.default) == expected[parameter.name], (name, parameter)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("optimizer", "adam", "did you mean 'Adam'?"),
        ("optimizer", "Optimizer", "no optimizer"),
        ("optimizer", "zzzzzz", "known: ASGD"),
        ("scheduler", "StepLr", "did you mean 'StepLR'?"),
        ("scheduler", "LambdaLR", "a function"),
        ("scheduler", "SequentialLR", "other schedulers"),
        ("scheduler", "LRScheduler", "no scheduler"),
        ("loss", "CrossEntropy", "did you mean 'CrossEntropyLoss'?"),
        ("loss", "TripletMarginLoss", "no loss"),
        ("loss", "Linear", "no loss"),
        ("loss", "\x1b[31m", r"\x1b[31m"),
    ],
)
def test_unknown_names_of_torch(kind: str, name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        getattr(signatures, kind)(name)
    assert message in str(caught.value)


def test_own_data_sets_and_models_are_found_by_their_file(tmp_path: Path) -> None:
    assert {"moons", "csv", "names_demo"} <= set(signatures.names("data"))
    assert {"mlp", "lenet", "lstm_classifier"} <= set(signatures.names("model"))
    moons = signatures.dataset("moons", tmp_path)
    assert list(moons.parameters) == ["samples", "noise", "data_seed"]
    assert moons.parameters["noise"].default == 0.1
    assert moons.doc.startswith("Two")
    assert signatures.dataset("names-demo", tmp_path).file == signatures.dataset("names_demo", tmp_path).file
    assert "hidden" in signatures.model("mlp", tmp_path).parameters


def test_torchvision_models_take_what_their_class_takes(tmp_path: Path) -> None:
    resnet = signatures.model("torchvision:resnet18", tmp_path)
    assert "zero_init_residual" in resnet.parameters
    assert not {"weights", "progress", "num_classes", "block"} & set(resnet.parameters)
    assert "torchvision:vgg16_bn" in signatures.names("torchvision")


USER = '''
"""Mine."""
from functools import partial
import math as imported

def net(
    spec, *, width: int = 3,  # with: a comment
    names: list[str] = ["a: b"], depth: "int | None" = None, **more,
) -> "Net":
    """The first line.

    More.
    """

class Net:
    """A class."""

    def __init__(self, spec, hidden: int):
        pass

class Child(Net):
    pass

class Bare:
    pass

made = partial(net, width=4)
constant = 3
'''


def test_the_users_own_functions_and_classes(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(USER)
    net = signatures.model("mine:net", tmp_path)
    assert {n: (p.annotation, p.default) for n, p in net.parameters.items()} == {
        "width": ("int", 3),
        "names": ("list[str]", ["a: b"]),
        "depth": ("'int | None'", None),
    }
    assert net.accepts_any
    assert net.doc == "The first line."
    assert list(signatures.model("mine:Net", tmp_path).parameters) == ["hidden"]
    assert list(signatures.model("mine:Child", tmp_path).parameters) == ["hidden"]
    assert signatures.model("mine:Bare", tmp_path).parameters == {}
    assert signatures.model("mine:made", tmp_path).accepts_any
    assert next(iter(signatures.dataset("mine:net", tmp_path).parameters)) == "width"


def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def net(spec, a=1): ...\n")
    assert list(signatures.model("mine:net", tmp_path).parameters) == ["a"]
    file.write_text("def net(spec, b=1): ...\n")
    os.utime(file, ns=(1, 1))
    assert list(signatures.model("mine:net", tmp_path).parameters) == ["b"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:nett", "mine.py has no 'nett'\ndid you mean '"),
        ("absent:net", "there is no absent.py in"),
        ("pack.absent:net", "there is no pack/absent.py in"),
        ("mine", "has no ':callable'"),
        ("mine:", "not a name of the form package.module:callable"),
        ("../mine:net", "not a name of the form package.module:callable"),
        ("mine:net.deep", "not a name of the form package.module:callable"),
        ("broken:net", "broken.py:1: this function's arguments cannot be read"),
        ("mpl", "there is no model 'mpl'\ndid you mean 'mlp'?"),
        ("torchvision:rsnet18", "did you mean 'resnet18'?"),
    ],
)
def test_unknown_names_of_the_user(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(USER)
    (tmp_path / "broken.py").write_text("def net(spec, :\n    pass\n")
    (tmp_path / "pack").mkdir()
    with pytest.raises(SettingsError) as caught:
        signatures.model(name, tmp_path)
    assert message in str(caught.value)


# -------------------------------------------------------------------------------------------------- the real callables


@pytest.fixture
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What importing the user's modules leaves behind goes with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("users_"):
            del sys.modules[name]


@pytest.mark.usefixtures("own_path")
class TestCallables:
    def test_own_and_user_functions_are_loaded(self, tmp_path: Path) -> None:
        package = tmp_path / "users_package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "other.py").write_text("VALUE = 41\n")
        (package / "data.py").write_text("from .other import VALUE\ndef make(root, add=1): return VALUE + add\n")
        assert load_dataset_function("users_package.data:make", tmp_path)(None) == 42
        assert sys.path[-1] == str(tmp_path)
        assert load_dataset_function("moons", tmp_path)(tmp_path, samples=10).classes

    def test_a_file_of_the_user_does_not_hide_pythons_own(self, tmp_path: Path) -> None:
        (tmp_path / "random.py").write_text("raise RuntimeError('never imported')\n")
        (tmp_path / "users_model.py").write_text("import random\ndef net(spec): return random.random()\n")
        assert 0 <= load_model_function("users_model:net", tmp_path)(None) < 1  # type: ignore[operator]
        with pytest.raises(SettingsError, match="give your file another name"):
            load_model_function("random:random", tmp_path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def net(:\n", "users_bad.py:1: "),
            ("\nimport absent_package_xyz\n", "users_bad.py:2: importing users_bad failed: no module named 'absent"),
            ("\n\nx = 1 / 0\n", "users_bad.py:3: importing users_bad failed: ZeroDivisionError"),
            ("other = 1\n", "has no 'net'"),
            ("net = 3\n", "is not a function or class, but int"),
        ],
    )
    def test_a_module_that_cannot_be_imported_says_which_line(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "users_bad.py").write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_model_function("users_bad:net", tmp_path)
        assert message in str(caught.value)

    def test_unknown_names_raise_as_signatures_do(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="did you mean 'moons'"):
            load_dataset_function("moon", tmp_path)
        with pytest.raises(SettingsError, match="did you mean 'resnet18'"):
            load_model_function("torchvision:resnet_18", tmp_path)


def test_torchvision_models_take_grey_images_and_refuse_what_is_no_image() -> None:
    torch = pytest.importorskip("torch")
    build = load_model_function("torchvision:squeezenet1_1", Path())
    for channels in (1, 3):
        model = build(InputSpec("image", (channels, 40, 40), 7))
        assert model(torch.zeros(2, channels, 40, 40)).shape == (2, 7)
    with pytest.raises(SettingsError, match="has sequence inputs"):
        build(InputSpec("sequence", (12,), 3, 30))
    with pytest.raises(SettingsError, match="has features inputs"):
        build(InputSpec("features", (12,), 3))
    with pytest.raises(SettingsError, match="1 or 3 channels; these have 4"):
        build(InputSpec("image", (4, 40, 40), 3))
    with pytest.raises(SettingsError, match="cannot be built"):
        build(InputSpec("image", (3, 40, 40), 3), version="9_9")


def test_googlenet_gives_one_output() -> None:
    torch = pytest.importorskip("torch")
    model = load_model_function("torchvision:googlenet", Path())(InputSpec("image", (3, 32, 32), 5), init_weights=False)
    assert model.train()(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
