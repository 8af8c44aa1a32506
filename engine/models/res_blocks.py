"""A small residual network whose number of blocks is a setting, for images of 28 × 28 or so on a CPU."""

from __future__ import annotations

from torch import nn

from engine.dataset import InputSpec
from engine.model_checks import at_least_one, needs, shares
from engine.models.resnet18 import BasicBlock, head, initialise

KINDS = ("image",)
STAGES = 3
"""Sizes of image that the blocks are spread over."""


def build(spec: InputSpec, *, blocks: int = 3, channels: int = 32, dropout: float = 0.25) -> nn.Module:
    """A 3 × 3 convolution, residual blocks in up to three stages, the average over all positions, one linear layer.

    The form of the ResNets for CIFAR (He et al. 2016, arXiv 1512.03385, section 4.2): blocks are spread evenly over
    three stages, and each stage but the first begins with a block that halves the image and doubles the channels. With
    one or two blocks there are as many stages. As it stands a 28 × 28 image takes 37 million multiplications.

    Args:
        spec: images of any size.
        blocks: residual blocks (convolution, batch norm, ReLU, convolution, batch norm, skip connection).
        channels: of the first stage.
        dropout: share of the last layer's inputs dropped while training.

    Raises:
        SettingsError: no images, or an impossible value.
    """
    needs("res_blocks", spec, *KINDS)
    at_least_one(blocks=blocks, channels=channels)
    shares(dropout=dropout)
    layers: list[nn.Module] = [
        nn.Conv2d(spec.shape[0], channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
    inputs, last = channels, 0
    for number in range(blocks):
        stage = number * min(STAGES, blocks) // blocks
        outputs = channels * 2**stage
        layers.append(BasicBlock(inputs, outputs, stride=1 if stage == last else 2))
        inputs, last = outputs, stage
    model = nn.Sequential(*layers, *head(inputs, spec.classes, dropout))
    initialise(model)
    return model
