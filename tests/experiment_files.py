"""A small experiments file to change, and how its problems and refusals are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.experiments import ExperimentFile, load, resolve

BASE = """
[experiments.a]
data = "moons"
model = { name = "mlp", hidden = [20] }
optimizer = { name = "SGD", lr = 0.1, momentum = 0.9 }
train = { epochs = 5, batch_size = 10 }
"""


def written(folder: Path, text: str) -> ExperimentFile:
    path = folder / "experiments.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def told(folder: Path, text: str) -> list[str]:
    """The problems of a file, each as it is shown."""
    return [str(problem) for problem in written(folder, text).problems]


def refusal(file: ExperimentFile, *overrides: str, name: str = "a") -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(file, name, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)
