"""What data sets refuse before they look for their files; their settings are read without importing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine import signatures
from engine.data import emnist, lines, text_blocks, tiny_imagenet
from engine.dataset import Dataset
from engine.errors import SettingsError
from tests.data_world import NOWHERE


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (emnist.load, {"variant": "byklass"}, "did you mean 'byclass'?"),
        (emnist.load, {"part": "train"}, "known: all, test"),
        (emnist.load, {"data_seed": -1}, "data_seed = -1"),
        (tiny_imagenet.load, {"size": 0}, "size = 0"),
        (tiny_imagenet.load, {"per_class": 0}, "per_class = 0"),
        (lines.load, {"source": "emnst"}, "did you mean 'emnist'?"),
        (lines.load, {"samples": 0}, "samples = 0"),
        (lines.load, {"test_samples": 0}, "test_samples = 0"),
        (lines.load, {"validation_samples": -1}, "validation_samples = -1"),
        (lines.load, {"min_length": 0}, "min_length = 0"),
        (lines.load, {"min_length": 9, "max_length": 8}, "max_length = 8"),
        (lines.load, {"max_overlap": 1.0}, "max_overlap = 1.0"),
        (lines.load, {"min_overlap": 0.2, "max_overlap": 0.1}, "min_overlap = 0.2"),
        (lines.load, {"max_overlap": float("nan")}, "max_overlap = nan"),
        (lines.load, {"data_seed": 2**32}, "data_seed = 4294967296"),
        (text_blocks.load, {"block": 0}, "block = 0"),
        (text_blocks.load, {"stride": 0}, "stride = 0"),
        (text_blocks.load, {"stride": 129}, "would leave characters out"),
        (text_blocks.load, {"test_share": 0.0}, "test_share = 0.0"),
        (text_blocks.load, {"test_share": float("nan")}, "test_share = nan"),
        (text_blocks.load, {"validation_share": 1.0}, "validation_share = 1.0"),
    ],
)
def test_impossible_arguments_are_named(function: Callable[..., Dataset], arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        function(NOWHERE, **arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["emnist", "tiny_imagenet", "lines", "text_blocks"])
def test_their_settings_can_be_read_without_importing_them(name: str) -> None:
    parameters = signatures.dataset(name, NOWHERE).parameters.values()
    assert parameters
    assert all(p.literal and p.annotation for p in parameters)
