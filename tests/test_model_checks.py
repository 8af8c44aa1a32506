"""What models refuse in common: the models that are named instead are those that can be built, and no others."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import torch

from engine import signatures
from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import fitting, here_fit, large_enough, needs
from tests.helpers import environment

SPECS = {
    "features": InputSpec("features", (4,), 3),
    "names": InputSpec("sequence", (19,), 18, vocabulary=60),
    "text": InputSpec("sequence", (64,), 60, vocabulary=60, longest_label=64),
    "pairs": InputSpec("sequence", (64,), 60, vocabulary=60, longest_label=64, teacher_forcing=True),
    "lines": InputSpec("image", (1, 28, 336), 11, longest_label=12),
    "written": InputSpec("image", (1, 28, 336), 11, longest_label=12, teacher_forcing=True),
    **{f"{side} × {side}": InputSpec("image", (3, side, side), 5) for side in (1, 2, 3, 4, 7, 8, 13, 14, 28, 31, 32)},
    "28 × 32": InputSpec("image", (1, 28, 32), 5),
    "40 × 7": InputSpec("image", (1, 40, 7), 5),
}


def is_built(name: str, spec: InputSpec) -> bool:
    """Whether a model takes `spec` when no argument is given."""
    try:
        with torch.device("meta"):
            importlib.import_module(f"engine.models.{name}").build(spec)
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if not spec.longest_label])
def test_the_models_that_fit_are_those_that_can_be_built(name: str) -> None:
    built = [model for model in signatures.names("model") if is_built(model, SPECS[name])]
    assert fitting(SPECS[name]) == built
    assert built


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("text", ["char_rnn"]),
        ("pairs", []),
        ("lines", ["line_cnn", "line_cnn_lstm"]),
        ("written", ["line_cnn_transformer"]),
    ],
)
def test_models_that_give_one_answer_a_sample_do_not_fit_sequences_of_labels(name: str, models: list[str]) -> None:
    assert fitting(SPECS[name]) == models
    assert all(is_built(model, SPECS[name]) for model in models)
    assert here_fit(SPECS[name]) == (f"here fit: {', '.join(models)}" if models else "")


def test_every_model_says_what_it_takes() -> None:
    named = {name for spec in SPECS.values() for name in fitting(spec)}
    assert named == set(signatures.names("model"))


def test_kinds_are_told_in_words() -> None:
    needs("mine", SPECS["features"], "features", "image")
    with pytest.raises(SettingsError) as caught:
        needs("mine", SPECS["text"], "features", "image")
    assert caught.value.message == "model mine needs features or images; this data set has sequence inputs"
    assert caught.value.hint == "here fit: char_rnn"


def test_small_images_are_told_what_enlarges_them() -> None:
    large_enough("mine", SPECS["28 × 32"], 28)
    with pytest.raises(SettingsError) as caught:
        large_enough("mine", SPECS["1 × 1"], 9, "halved thrice")
    assert caught.value.message == "model mine needs images of 9 × 9 and up, halved thrice; this data set has 1 × 1"
    assert caught.value.hint == f"data.resize = 9 enlarges them; {here_fit(SPECS['1 × 1'])}"
    assert "lenet" not in caught.value.hint


def test_which_models_fit_is_known_without_torch() -> None:
    code = (
        "import sys; from engine.dataset import InputSpec; from engine.model_checks import fitting\n"
        "print(fitting(InputSpec('features', (4,), 3)), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "['logistic', 'mlp', 'numpy_mlp', 'vanilla_rnn'] False"
