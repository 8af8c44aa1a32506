"""Eight 3 × 3 convolutions with batch norm and five max poolings, as VGG-11 has them, then one linear layer."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import large_enough, needs, shares
from engine.models.vgg import WIDTHS, convolutions, initialise

KINDS = ("image",)
SMALLEST = 32


def build(spec: InputSpec, *, dropout: float = 0.0) -> nn.Module:
    """Convolutions of 64, 128, 256, 256 and four times 512 channels, max pooling behind the 1st, 2nd, 4th, 6th and 8th.

    Batch norm and ReLU come behind each convolution, which has a bias. The linear layer reads every position that is
    left: 512 numbers of a 32 × 32 image, 2048 of a 64 × 64 one. 9,231,114 parameters at 3 × 32 × 32 and 10 classes.

    Args:
        spec: images of 32 × 32 and up.
        dropout: share of the last layer's inputs dropped while training.

    Raises:
        SettingsError: no images, too small ones, or an impossible value.
    """
    needs("conv8", spec, *KINDS)
    large_enough("conv8", spec, SMALLEST, "halved five times")
    shares(dropout=dropout)
    channels, height, width = spec.shape
    drop = [nn.Dropout(dropout)] if dropout else []
    positions = (height // 32) * (width // 32)
    model = nn.Sequential(
        *convolutions(channels, 11, batch_norm=True),
        nn.Flatten(),
        *drop,
        nn.Linear(WIDTHS[-1] * positions, spec.classes),
    )
    initialise(model)
    return model
