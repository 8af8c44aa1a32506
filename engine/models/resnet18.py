"""ResNet of basic blocks, ResNet-18 as it stands, with a stem for small images or the one for ImageNet."""

from __future__ import annotations

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.model_checks import needs, one_of, shares

KINDS = ("image",)
Tensor = torch.Tensor
STEMS = ("cifar", "imagenet")


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norm, and what went in added to what comes out (He et al. 2016, figure 5)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            # what goes in has another shape than what comes out: option B of the paper
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, height, width) to (n, outputs, height / stride, width / stride), rounded up."""
        residual = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        summed: Tensor = self.relu(residual + self.shortcut(x))
        return summed


def build(
    spec: InputSpec,
    *,
    widths: list[int] | None = None,
    blocks: list[int] | None = None,
    stem: str = "cifar",
    zero_init_residual: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """A ResNet of basic blocks: as it stands ResNet-18 for 32 × 32 images, 11,173,962 parameters at 10 classes.

    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385. With the imagenet stem
    it is table 1's network of 18 layers (11,689,512 parameters at 1000 classes), with blocks [3, 4, 6, 3] that of 34.

    Args:
        spec: images of any size; the cifar stem is meant for those of up to 64 × 64.
        widths: channels of each stage; [64, 128, 256, 512] when absent. Each stage but the first halves the image.
        blocks: basic blocks of each stage; [2, 2, 2, 2] when absent.
        stem: cifar (3 × 3 convolution) or imagenet (7 × 7 convolution and max pooling, each halving the image).
        zero_init_residual: begin with every block passing its input on (Goyal et al. 2017, arXiv 1706.02677).
        dropout: share of the last layer's inputs dropped while training.

    Raises:
        SettingsError: no images, or an impossible value.
    """
    channels = [64, 128, 256, 512] if widths is None else widths
    counts = [2, 2, 2, 2] if blocks is None else blocks
    needs("resnet18", spec, *KINDS)
    _check_stages(channels, counts)
    one_of("stem", stem, STEMS)
    shares(dropout=dropout)
    layers = _stem(stem, spec.shape[0], channels[0])
    inputs = channels[0]
    for stage, (outputs, count) in enumerate(zip(channels, counts, strict=True)):
        for number in range(count):
            layers.append(BasicBlock(inputs, outputs, stride=2 if stage and not number else 1))
            inputs = outputs
    model = nn.Sequential(*layers, *head(inputs, spec.classes, dropout))
    initialise(model, zero_init_residual)
    return model


def _stem(stem: str, inputs: int, outputs: int) -> list[nn.Module]:
    imagenet = stem == "imagenet"
    kernel, stride = (7, 2) if imagenet else (3, 1)
    pool = [nn.MaxPool2d(3, 2, padding=1)] if imagenet else []
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), *pool]


def head(inputs: int, classes: int, dropout: float) -> list[nn.Module]:
    """The average over all positions of (n, inputs, height, width), and the linear layer to logits (n, classes)."""
    drop = [nn.Dropout(dropout)] if dropout else []
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *drop, nn.Linear(inputs, classes)]


def initialise(model: nn.Module, zero_init_residual: bool = False) -> None:
    """Convolutions as in He et al. 2015, by their outputs; each block's last batch norm at 0 when asked for."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, BasicBlock) and zero_init_residual:
            nn.init.zeros_(module.norm2.weight)


def _check_stages(widths: list[int], blocks: list[int]) -> None:
    for name, values in (("widths", widths), ("blocks", blocks)):
        if not values or any(value < 1 for value in values):
            raise SettingsError(
                f"model.{name} = {values}: give at least one stage, each of at least 1",
                hint="one number for each stage",
            )
    if len(widths) != len(blocks):
        raise SettingsError(
            f"model.widths = {widths} has {len(widths)} stages, model.blocks = {blocks} has {len(blocks)}",
            hint="give both, one number for each stage",
        )
