"""Logistic regression: one linear layer, without hidden units."""

from __future__ import annotations

import math

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import needs

KINDS = ("features", "image")


def build(spec: InputSpec) -> nn.Module:
    """Logistic regression: one linear layer from the inputs to the classes.

    Raises:
        SettingsError: the data set is one of sequences.
    """
    needs("logistic", spec, *KINDS)
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(spec.shape), spec.classes))
