"""LeNet-5 with ReLU and max pooling, for 28 × 28 and 32 × 32 images."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import PLURALS, here_fit, shares

KINDS = ("image",)
SIZES = ((28, 28), (32, 32))


def build(spec: InputSpec, *, dropout: float = 0.0) -> nn.Module:
    """LeNet-5: two convolutions with pooling and three linear layers, for 28 × 28 and 32 × 32 images.

    Args:
        spec: images of 28 × 28 (padded to 32) or 32 × 32, of any number of channels.
        dropout: share of the linear layers' units dropped while training.

    Raises:
        SettingsError: other inputs, or an impossible value.
    """
    if spec.kind not in KINDS or spec.shape[1:] not in SIZES:
        shape = " × ".join(map(str, spec.shape))
        raise SettingsError(
            f"model lenet needs images of 28 × 28 or 32 × 32; this data set has {PLURALS[spec.kind]} of {shape}",
            hint=here_fit(spec),
        )
    shares(dropout=dropout)
    drop = [nn.Dropout(dropout)] if dropout else []
    padding = 2 if spec.shape[1] == 28 else 0
    return nn.Sequential(
        nn.Conv2d(spec.shape[0], 6, 5, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        *drop,
        nn.Linear(120, 84),
        nn.ReLU(),
        *drop,
        nn.Linear(84, spec.classes),
    )
