"""The settings of augmentation: what is impossible is refused in words, and no torch is needed to read them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from engine.augment_settings import Augment
from engine.errors import SettingsError
from tests.augment_world import augmentation
from tests.helpers import environment


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"flip": 1.5}, "data.augment.flip = 1.5: it must be from 0 to 1"),
        ({"vertical_flip": -0.1}, "data.augment.vertical_flip = -0.1"),
        ({"erase": float("nan")}, "data.augment.erase = nan"),
        ({"translate": 2.0}, "data.augment.translate = 2.0: it must be from 0 to 1"),
        ({"degrees": -10.0}, "data.augment.degrees = -10.0: it must be from 0 to 360"),
        ({"degrees": float("inf")}, "data.augment.degrees = inf"),
        ({"shear": 90.0}, "it must be from 0 to below 90"),
        ({"scale": [1.0]}, "data.augment.scale = [1.0]: it must be two numbers"),
        ({"scale": [1.2, 0.8]}, "the smaller one first"),
        ({"scale": [0.0, 1.0]}, "above 0"),
        ({"scale": [1.0, float("inf")]}, "data.augment.scale"),
        ({"crop": -1}, "data.augment.crop = -1: it must not be negative"),
        ({"crop": 8}, "data.augment.crop = 8 could leave nothing of images of 8 × 12"),
        ({"crop": 8, "crop_fill": "reflect"}, "cannot be mirrored in images of 8 × 12\ngive at most 7"),
        ({"crop_fill": "zeros"}, "did you mean 'zero'?"),
        ({"cutout": -2}, "data.augment.cutout = -2: it must not be negative"),
        ({"cutout": 9}, "data.augment.cutout = 9 is larger than images of 8 × 12\ngive at most 8"),
    ],
)
def test_what_is_impossible_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        augmentation((3, 8, 12), **given)
    assert words in str(caught.value)


def test_a_mean_of_other_channels_is_refused() -> None:
    with pytest.raises(SettingsError, match="the mean has 1 values; images of 3 channels need 3"):
        augmentation((3, 8, 8), [0.5], cutout=2)


def test_settings_of_a_file() -> None:
    read = msgspec.convert({"crop": 4, "flip": 1, "scale": [1, 1.5], "crop_fill": "reflect"}, Augment)
    assert read == Augment(crop=4, flip=1.0, scale=[1.0, 1.5], crop_fill="reflect")
    for wrong in ({"crops": 4}, {"flip": True}, {"crop_fill": "edge"}, {"crop": 0.5}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Augment)


def test_settings_need_no_torch() -> None:
    code = "import sys, engine.augment_settings; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "[]"
