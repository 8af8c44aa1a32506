"""The models for images: parameter counts of papers, equality with torchvision's, gradients, what they refuse."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from engine import signatures
from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import (
    conv8,
    conv_blocks,
    conv_ex1,
    conv_ex2,
    densenet,
    inception_v4,
    res_blocks,
    resnet18,
    vgg,
)
from engine.models.resnet18 import BasicBlock
from tests.models_world import image, shapeless

MODELS = (conv8, conv_blocks, conv_ex1, conv_ex2, densenet, inception_v4, res_blocks, resnet18, vgg)
FEATURES = InputSpec("features", (4,), 3)
NAMES = InputSpec("sequence", (19,), 18, vocabulary=60)

DENSENET121 = {"growth": 32, "blocks": [6, 12, 24, 16], "stem": "imagenet"}
PLAIN = {"bottleneck": False, "compression": 1.0}


# ----------------------------------------------------------------------------------------------------- parameter counts


@pytest.mark.parametrize(
    ("module", "spec", "arguments", "parameters"),
    [
        (inception_v4, image(299, 1000), {}, 42_679_816),
        (inception_v4, image(299, 200), {}, 41_450_216),
        (inception_v4, image(226, 200), {}, 41_450_216),
        (inception_v4, image(226, 200), {"size": 0}, 41_450_216),
        (inception_v4, image(226, 200, channels=1), {"size": None}, 41_450_216 - 2 * 9 * 32),
        (densenet, image(32), {"depth": 100}, 769_162),
        (densenet, image(32), {"depth": 40, **PLAIN}, 1_019_722),
        (densenet, image(224, 1000), DENSENET121, 7_978_856),
        (vgg, image(32), {"depth": 11}, 9_231_114),
        (vgg, image(32), {}, 14_728_266),
        (vgg, image(64), {}, 14_728_266),
        (vgg, image(32), {"batch_norm": False}, 14_728_266 - 2 * 4224),
        (resnet18, image(32), {}, 11_173_962),
        (resnet18, image(224, 1000), {"stem": "imagenet"}, 11_689_512),
        (resnet18, image(224, 1000), {"stem": "imagenet", "blocks": [3, 4, 6, 3]}, 21_797_672),
        (conv_ex1, image(32, 100), {}, 266_416),
        (conv_ex2, image(128, 100), {}, 16_904_548),
        (conv8, image(32), {}, 9_231_114),
        (conv8, image(64), {}, 9_231_114 + 3 * 512 * 10),
        (conv_blocks, image(28, 83, channels=1), {}, 640 + 36_928 + 64 * 14 * 14 * 128 + 128 + 129 * 83),
        (
            res_blocks,
            image(28, 47, channels=1),
            {"blocks": 2},
            # stem; a block of 32 channels; one of 64 with its shortcut; six batch norms; the last layer
            9 * 32 + 2 * 9 * 32**2 + 9 * (32 * 64 + 64**2) + 32 * 64 + 2 * 3 * (32 + 64) + 65 * 47,
        ),
    ],
)
def test_parameters_and_output(module: ModuleType, spec: InputSpec, arguments: dict[str, Any], parameters: int) -> None:
    table = model_table(shapeless(module, spec, **arguments), spec)
    assert table["parameters"] == table["trainable"] == parameters
    assert sum(row["parameters"] for row in table["layers"]) == parameters
    assert table["layers"][-1]["output_shape"] == [spec.classes]


@pytest.mark.parametrize(
    ("arguments", "millions"),
    [
        ({"depth": 40, "growth": 12, **PLAIN}, 1.0),
        ({"depth": 100, "growth": 12, **PLAIN}, 7.0),
        ({"depth": 100, "growth": 24, **PLAIN}, 27.2),
        ({"depth": 100, "growth": 12}, 0.8),
        ({"depth": 250, "growth": 24}, 15.3),
        ({"depth": 190, "growth": 40}, 25.6),
    ],
)
def test_densenets_of_the_paper(arguments: dict[str, Any], millions: float) -> None:
    model = shapeless(densenet, image(32), **arguments)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == millions


def test_what_a_character_costs() -> None:
    spec = image(28, 83, channels=1)
    costs = [model_table(shapeless(module, spec), spec)["multiplications"] for module in (res_blocks, conv_blocks)]
    assert [round(cost / 1e6) for cost in costs] == [37, 31]


# ---------------------------------------------------------------------------------------------------- training, dropout

SMALL: list[tuple[ModuleType, InputSpec, dict[str, Any]]] = [
    (conv8, image(32, 5), {}),
    (conv_blocks, image(9, 5, channels=1), {"channels": 8, "fc_dim": 16}),
    (conv_ex1, image(16, 5), {}),
    (conv_ex2, image(11, 5), {}),
    (densenet, image(8, 5), {"depth": 10, "growth": 4}),
    (densenet, image(32, 5), {"blocks": [2, 1], "growth": 4, "stem": "imagenet", **PLAIN}),
    (inception_v4, image(20, 5), {"size": 75}),
    (res_blocks, image(12, 5, channels=1), {"channels": 8, "blocks": 4}),
    (resnet18, image(8, 5), {"widths": [8, 16], "blocks": [1, 2]}),
    (resnet18, image(32, 5, channels=1), {"widths": [8, 8, 16], "blocks": [1, 1, 1], "stem": "imagenet"}),
    (vgg, image(32, 5), {"depth": 11}),
    (vgg, image(33, 5, channels=1), {"depth": 11, "batch_norm": False}),
]


@pytest.mark.parametrize(("module", "spec", "arguments"), SMALL)
def test_backward_reaches_every_parameter(module: ModuleType, spec: InputSpec, arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = module.build(spec, **arguments)
    logits = model(torch.randn(3, *spec.shape))
    assert logits.shape == (3, 5)
    functional.cross_entropy(logits, torch.tensor([0, 3, 4])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # a bias in front of batch norm changes nothing, so that its gradient is 0
        assert parameter.dim() == 1 or parameter.grad.any(), name


@pytest.mark.parametrize(
    ("module", "spec", "arguments"),
    [case for case in SMALL if case[0] not in (conv_ex1, conv_ex2, inception_v4)],
)
def test_dropout_is_for_training_alone(module: ModuleType, spec: InputSpec, arguments: dict[str, Any]) -> None:
    images = torch.randn(4, *spec.shape)
    for dropout in (0.0, 0.5):
        model = module.build(spec, dropout=dropout, **arguments)
        first, second = model.train()(images), model(images)
        # batch norm follows the batch while training: without dropout nothing else differs
        assert torch.equal(first, second) == (dropout == 0)
        model.eval()
        assert torch.equal(model(images), model(images))


def test_densenet_drops_behind_every_convolution_but_the_first() -> None:
    for arguments in ({}, PLAIN):
        model = shapeless(densenet, image(32), dropout=0.2, depth=22, **arguments)
        kinds = [type(module) for module in model.modules()]
        assert kinds.count(nn.Dropout) == kinds.count(nn.Conv2d) - 1 == 20


# ------------------------------------------------------------------------------------------------- equal to torchvision


def copied(reference: nn.Module, model: nn.Module) -> None:
    """Gives `model` the numbers of `reference`, whose layers stand in the same order; statistics are made up."""
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 1.5)
    theirs, names = list(reference.state_dict().values()), list(model.state_dict())
    model.load_state_dict(dict(zip(names, theirs, strict=True)))  # refuses a shape that differs
    reference.eval()
    model.eval()


@pytest.mark.parametrize(
    ("reference", "module", "arguments"),
    [
        ("densenet121", densenet, DENSENET121),
        ("resnet18", resnet18, {"stem": "imagenet"}),
    ],
)
def test_same_as_torchvision(reference: str, module: ModuleType, arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, reference)(num_classes=7)
    ours = module.build(image(64, 7), **arguments)
    copied(theirs, ours)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("depth", vgg.STAGES)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_convolutions_of_vgg_are_torchvisions(depth: int, batch_norm: bool) -> None:
    name = f"vgg{depth}_bn" if batch_norm else f"vgg{depth}"
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)().features
        ours = nn.Sequential(*vgg.convolutions(3, depth, batch_norm))
    assert [str(layer) for layer in ours] == [str(layer) for layer in theirs]


def test_conv8_is_vgg_11_on_small_images() -> None:
    first, second = conv8.build(image(32)), vgg.build(image(32), depth=11)
    copied(second, first)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(first(images), second(images))


# ------------------------------------------------------------------------------------------------------------ residuals


def test_zero_init_makes_blocks_pass_their_input_on() -> None:
    images = torch.rand(3, 8, 6, 6)
    for zero in (False, True):
        model = resnet18.build(image(6), widths=[8], blocks=[1], zero_init_residual=zero)
        block = next(module for module in model.modules() if isinstance(module, BasicBlock))
        assert torch.equal(block(images), images) == zero


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_blocks_are_spread_over_stages(count: int) -> None:
    spec = image(28, 47, channels=1)
    model = shapeless(res_blocks, spec, blocks=count, channels=4)
    widths = [module.conv2.out_channels for module in model.modules() if isinstance(module, BasicBlock)]
    assert len(widths) == count
    assert widths == sorted(widths)
    counts = [widths.count(width) for width in (4, 8, 16)[: min(3, count)]]
    assert sum(counts) == count
    assert max(counts) - min(counts) <= 1


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("module", MODELS)
@pytest.mark.parametrize("spec", [FEATURES, NAMES])
def test_only_images_are_taken(module: ModuleType, spec: InputSpec) -> None:
    name = module.__name__.rpartition(".")[2]
    with pytest.raises(SettingsError, match=f"model {name} needs images; this data set has {spec.kind}") as caught:
        module.build(spec)
    assert caught.value.hint.startswith(f"here fit: {'lstm_classifier' if spec is NAMES else 'logistic, mlp'}, ")


@pytest.mark.parametrize(
    ("module", "spec", "arguments", "words"),
    [
        (inception_v4, image(64), {"size": 74}, "at least 75 pixels a side"),
        (inception_v4, image(64), {"size": -1}, "model.size = -1"),
        (inception_v4, image(74), {"size": 0}, "model.size = 75 or more makes the model enlarge them"),
        (inception_v4, InputSpec("image", (3, 80, 70), 5), {"size": None}, "this data set has 80 × 70"),
        (densenet, image(32), {"depth": 41}, "with bottlenecks have 6 · n + 4 layers\nsuch as 40 or 46"),
        (densenet, image(32), {"depth": 4, **PLAIN}, "without bottlenecks have 3 · n + 4 layers\nsuch as 7 or 10"),
        (densenet, image(32), {"growth": 0}, "model.growth = 0"),
        (densenet, image(32), {"compression": 0.0}, "above 0 and at most 1"),
        (densenet, image(32), {"compression": 1.5}, "1 keeps all channels"),
        (densenet, image(32), {"stem": "imagnet"}, "did you mean 'imagenet'?"),
        (densenet, image(32), {"blocks": []}, "at least one block of at least 1 layer"),
        (densenet, image(32), {"blocks": [2, 0]}, "such as [6, 12, 24, 16]"),
        (densenet, image(3), {}, "give at most 2 blocks"),
        (
            densenet,
            image(28),
            DENSENET121,
            "28 × 28 is too small\ngive at most 3 blocks in model.blocks, or model.stem",
        ),
        (vgg, image(31), {}, "32 × 32 and up, halved five times; this data set has 31 × 31"),
        (vgg, image(32), {"depth": 12}, "it is 11, 13, 16 or 19"),
        (conv8, image(28, channels=1), {}, "model conv8 needs images of 32 × 32 and up"),
        (resnet18, image(32), {"widths": []}, "model.widths = []"),
        (resnet18, image(32), {"widths": [8, 0, 8, 8]}, "each of at least 1"),
        (resnet18, image(32), {"blocks": [2, 2, 2, 0]}, "model.blocks = [2, 2, 2, 0]"),
        (resnet18, image(32), {"blocks": [2, 2]}, "has 4 stages, model.blocks = [2, 2] has 2"),
        (resnet18, image(32), {"stem": "CIFAR"}, "did you mean 'cifar'?"),
        (res_blocks, image(28), {"blocks": 0}, "model.blocks = 0: it must be at least 1"),
        (res_blocks, image(28), {"channels": -3}, "model.channels = -3"),
        (conv_blocks, image(28), {"channels": 0}, "model.channels = 0"),
        (conv_blocks, image(28), {"fc_dim": 0}, "model.fc_dim = 0"),
        (conv_blocks, image(1), {}, "2 × 2 and up; this data set has 1 × 1"),
        (conv_ex1, image(13), {}, "14 × 14 and up; this data set has 13 × 13"),
        (conv_ex2, image(7), {}, "8 × 8 and up; this data set has 7 × 7"),
    ],
)
def test_what_does_not_fit_is_refused(
    module: ModuleType, spec: InputSpec, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        shapeless(module, spec, **arguments)
    assert words in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("module", [module for module in MODELS if module not in (conv_ex1, conv_ex2)])
@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_impossible_dropout_is_refused(module: ModuleType, dropout: float) -> None:
    with pytest.raises(SettingsError, match=r"model\.dropout = .*from 0 to below 1\n0 drops nothing"):
        shapeless(module, image(32), dropout=dropout)


# ------------------------------------------------------------------------------------------------------------- any size

LEAST: list[tuple[ModuleType, dict[str, Any], int]] = [
    (conv8, {}, 32),
    (conv_blocks, {"channels": 2, "fc_dim": 2}, 2),
    (conv_ex1, {}, 14),
    (conv_ex2, {}, 8),
    (densenet, {"depth": 10}, 4),
    (densenet, {"blocks": [1, 1, 1], "stem": "imagenet"}, 13),
    (res_blocks, {"channels": 2}, 1),
    (resnet18, {"widths": [2, 2], "blocks": [1, 1]}, 1),
    (resnet18, {"widths": [2, 2], "blocks": [1, 1], "stem": "imagenet"}, 1),
    (vgg, {"depth": 11}, 32),
]


@pytest.mark.parametrize(("module", "arguments", "least"), LEAST)
@given(height=st.integers(1, 80), width=st.integers(1, 80), channels=st.integers(1, 4), classes=st.integers(2, 9))
@settings(max_examples=20, deadline=None)
def test_images_of_any_size_are_taken_or_refused(
    module: ModuleType, arguments: dict[str, Any], least: int, height: int, width: int, channels: int, classes: int
) -> None:
    spec = InputSpec("image", (channels, height, width), classes)
    if min(height, width) < least:
        with pytest.raises(SettingsError, match=f"{height} × {width}"):
            shapeless(module, spec, **arguments)
    else:
        table = model_table(shapeless(module, spec, **arguments), spec)
        assert table["layers"][-1]["output_shape"] == [classes]


@pytest.mark.parametrize(("module", "arguments", "least"), LEAST)
def test_smallest_images_give_numbers(module: ModuleType, arguments: dict[str, Any], least: int) -> None:
    model = module.build(image(least, 5), **arguments).eval()
    assert model(torch.randn(2, 3, least, least)).isfinite().all()


@pytest.mark.parametrize("module", MODELS)
def test_settings_are_read_without_running(module: ModuleType) -> None:
    name = module.__name__.rpartition(".")[2]
    assert name in signatures.names("model")
    parameters = signatures.model(name, Path()).parameters
    assert all(p.annotation and p.has_default and p.literal for p in parameters.values())
    assert ("dropout" in parameters) == (module not in (conv_ex1, conv_ex2))
