"""Inception-v4: stages, sizes, resizing."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.dataset import InputSpec
from engine.layers import model_table
from engine.models import (
    inception_v4,
)
from tests.models_world import image, shapeless

# -------------------------------------------------------------------------------------------------------- Inception-v4


@pytest.fixture(scope="module")
def inception() -> nn.Module:
    """A model that enlarges to 107 × 107; its weights are those of every size."""
    torch.manual_seed(0)
    return inception_v4.build(image(64, 5), size=107).eval()


@pytest.mark.parametrize("size", [75, 139])
def test_inception_takes_small_images(inception: nn.Module, size: int) -> None:
    resized = nn.Sequential(inception_v4.Resize(size), *list(inception.children())[1:])
    with torch.inference_mode():
        logits = resized(torch.randn(1, 3, 64, 64))
    assert logits.shape == (1, 5)
    assert logits.isfinite().all()


def test_weights_of_inception_do_not_know_its_size(inception: nn.Module) -> None:
    other = shapeless(inception_v4, image(107, 5), size=0)
    other.load_state_dict(inception.state_dict(), assign=True)
    images = torch.randn(1, 3, 64, 64)
    larger = functional.interpolate(images, size=(107, 107), mode="bilinear")
    with torch.inference_mode():
        torch.testing.assert_close(other.eval()(larger), inception(images))


def test_stages_of_inception_have_the_shapes_of_the_paper() -> None:
    model = shapeless(inception_v4, image(299, 1000))
    shapes, x = {}, torch.zeros(1, 3, 299, 299, device="meta")
    for name, stage in model.named_children():
        x = stage(x)
        shapes[name] = tuple(x.shape[1:])
    assert shapes == {
        "resize": (3, 299, 299),
        "stem": (384, 35, 35),
        "blocks_a": (384, 35, 35),
        "reduction_a": (1024, 17, 17),
        "blocks_b": (1024, 17, 17),
        "reduction_b": (1536, 8, 8),
        "blocks_c": (1536, 8, 8),
        "head": (1000,),
    }
    assert {module.eps for module in model.modules() if isinstance(module, nn.BatchNorm2d)} == {0.001}


def test_resizing_leaves_fitting_images_alone() -> None:
    fitting = torch.randn(2, 3, 20, 20)
    assert inception_v4.Resize(20)(fitting) is fitting


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = torch.zeros(1, 1, 40, 40)
    stripes[..., ::4] = 1.0
    shrunk = inception_v4.Resize(10)(stripes)
    torch.testing.assert_close(shrunk, torch.full((1, 1, 10, 10), 0.25), atol=0.1, rtol=0)


@pytest.mark.parametrize("shape", [(3, 20, 50), (1, 50, 20), (3, 300, 10)])
def test_inception_takes_images_that_are_not_square(shape: tuple[int, ...]) -> None:
    spec = InputSpec("image", shape, 5)
    table = model_table(shapeless(inception_v4, spec), spec)
    assert table["layers"][0]["output_shape"] == [shape[0], 299, 299]
