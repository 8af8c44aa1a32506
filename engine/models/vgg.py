"""VGG for small images: 3 × 3 convolutions in five stages with max pooling behind each, then one linear layer."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import large_enough, needs, shares

KINDS = ("image",)
SMALLEST = 32
STAGES: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions of each stage, by depth: configurations A, B, D and E of the paper."""
WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each stage."""


def build(spec: InputSpec, *, depth: int = 16, batch_norm: bool = True, dropout: float = 0.0) -> nn.Module:
    """VGG with a single linear layer behind its convolutions, for 32 × 32 images and up.

    Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015, arXiv 1409.1556,
    table 1; the three linear layers made for ImageNet are left out. Convolutions have a bias, in front of batch norm
    too: VGG-16 with batch norm has 14,728,266 parameters at 3 channels and 10 classes. Images above 32 × 32 leave
    several positions behind the last pooling, which are averaged. With batch norm weights begin as torch has them: at a
    rate of 0.1 the larger ones of He et al. left every unit of the last stages dead.

    Args:
        spec: images of 32 × 32 and up.
        depth: layers with weights of the paper's network: 11, 13, 16 or 19, three of them linear there.
        batch_norm: normalise behind each convolution.
        dropout: share of the last layer's inputs dropped while training.

    Raises:
        SettingsError: no images, too small ones, or an impossible value.
    """
    needs("vgg", spec, *KINDS)
    large_enough("vgg", spec, SMALLEST, "halved five times")
    shares(dropout=dropout)
    if depth not in STAGES:
        raise SettingsError(f"model.depth = {depth}: there is no such VGG", hint="it is 11, 13, 16 or 19")
    drop = [nn.Dropout(dropout)] if dropout else []
    model = nn.Sequential(
        *convolutions(spec.shape[0], depth, batch_norm),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        *drop,
        nn.Linear(WIDTHS[-1], spec.classes),
    )
    if not batch_norm:
        initialise(model)
    return model


def convolutions(channels: int, depth: int, batch_norm: bool) -> list[nn.Module]:
    """The layers of VGG up to the last pooling; images (n, channels, height, width) become (n, 512, …/32, …/32).

    Args:
        channels: of the images.
        depth: a key of STAGES.
        batch_norm: normalise behind each convolution.
    """
    layers: list[nn.Module] = []
    for count, width in zip(STAGES[depth], WIDTHS, strict=True):
        for _ in range(count):
            norm = [nn.BatchNorm2d(width)] if batch_norm else []
            layers += [nn.Conv2d(channels, width, 3, padding=1), *norm, nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return layers


def initialise(model: nn.Module) -> None:
    """Convolutions as in He et al. 2015, by their outputs, biases 0: so deep ones learn without batch norm too."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
