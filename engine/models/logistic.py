"""Logistic regression: one linear layer, without hidden units."""

from __future__ import annotations

import math

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError


def build(spec: InputSpec) -> nn.Module:
    """Logistic regression: one linear layer from the inputs to the classes.

    Raises:
        SettingsError: the data set is one of sequences.
    """
    if spec.kind == "sequence":
        raise SettingsError(
            "model logistic needs features or images; this data set has sequences",
            hint="for sequences: lstm_classifier",
        )
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(spec.shape), spec.classes))
