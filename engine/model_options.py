"""What settings do to any model: how weights begin, which are frozen, and how its passes are computed."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from engine.errors import SettingsError
from engine.settings import Train

Tensor = torch.Tensor
_NORMS = (nn.modules.batchnorm._BatchNorm,)


def initialise(model: nn.Module, how: str | None) -> None:
    """Draw the weights of linear, convolution and recurrent layers anew; biases become 0, norms and embeddings stay.

    Args:
        how: he_normal, he_uniform (He et al., 2015), glorot_normal, glorot_uniform (Glorot and Bengio, 2010) or
            orthogonal (Saxe et al., 2014); None leaves the model's own.
    """
    if how is None:
        return
    fill = _INITIALISERS[how]
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
            fill(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.RNNBase):
            _initialise_recurrent(module, fill)


def _initialise_recurrent(module: nn.RNNBase, fill: Callable[[Tensor], Any]) -> None:
    """Each gate's matrix on its own: one drawn for all gates together would have another scale."""
    for name, parameter in module.named_parameters():
        if parameter.dim() < 2:
            nn.init.zeros_(parameter)
            continue
        height = len(parameter) if "proj" in name else module.hidden_size
        for gate in torch.split(parameter.detach(), height):
            fill(gate)


def _he_normal(weight: Tensor) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def _he_uniform(weight: Tensor) -> None:
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")


_INITIALISERS: dict[str, Callable[[Tensor], Any]] = {
    "he_normal": _he_normal,
    "he_uniform": _he_uniform,
    "glorot_normal": nn.init.xavier_normal_,
    "glorot_uniform": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Take parameters out of training; a batch norm whose parameters are all frozen keeps its statistics too.

    Args:
        patterns: names with * and ?.

    Raises:
        SettingsError: a pattern fits no parameter, or nothing is left to train.
    """
    for pattern in patterns:
        found = [p for name, p in model.named_parameters() if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            names = [name for name, _ in model.named_parameters()]
            raise SettingsError(
                f"train.freeze: no parameter is named {pattern!r}",
                hint=f"the model's parameters: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}",
            )
        for parameter in found:
            parameter.requires_grad_(False)
    if patterns and not any(p.requires_grad for p in model.parameters()):
        raise SettingsError("train.freeze leaves nothing to train", hint="leave the last layer out of it")
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, _NORMS) and own and not any(p.requires_grad for p in own):
            module.train = _stays_as_it_is.__get__(module.eval())  # type: ignore[method-assign]


def _stays_as_it_is(self: nn.Module, mode: bool = True) -> nn.Module:
    return self


def tune(model: nn.Module, train: Train) -> None:
    """How a model's passes are computed: channels last, activations computed again, compiled."""
    if train.channels_last:
        model.to(memory_format=torch.channels_last)
    if train.checkpoint_gradients:
        recompute_activations(model)
    if train.compile:
        model.compile(dynamic=None)


def recompute_activations(model: nn.Module) -> None:
    """Keep only the inputs of the model's blocks in the forward pass; the rest is computed again going backward.

    A block is an element of a Sequential or ModuleList that has layers of its own; where there is none, each element
    of the outermost Sequential, else each child of the model. Chen et al., "Training Deep Nets with Sublinear Memory
    Cost", 2016.

    Raises:
        SettingsError: the model is a single layer.
    """
    blocks = _blocks(model)
    if not blocks:
        raise SettingsError(
            "train.checkpoint_gradients: the model has no layers inside", hint="set train.checkpoint_gradients = false"
        )
    for block in blocks:
        _recompute(block)


def _blocks(model: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, (nn.Sequential, nn.ModuleList)):
            found += [child for child in module if any(child.children())]
    outermost = [block for block in found if not any(block is not other and _inside(block, other) for other in found)]
    return outermost or [child for child in model.children() if any(True for _ in child.parameters())]


def _inside(module: nn.Module, other: nn.Module) -> bool:
    return any(module is part for part in other.modules())


def _recompute(block: nn.Module) -> None:
    inner = block.forward

    def forward(*arguments: Any, **named: Any) -> Any:
        if not (block.training and torch.is_grad_enabled()):
            return inner(*arguments, **named)
        return checkpoint(inner, *arguments, use_reentrant=False, context_fn=contexts, **named)

    def contexts() -> tuple[contextlib.AbstractContextManager[None], contextlib.AbstractContextManager[None]]:
        return contextlib.nullcontext(), _frozen_statistics(block)

    block.forward = forward


@contextlib.contextmanager
def _frozen_statistics(block: nn.Module) -> Iterator[None]:
    """Batch norms took up this batch in the forward pass; computed again it must not count twice."""
    norms = [module for module in block.modules() if isinstance(module, _NORMS) and module.track_running_stats]
    kept = [(norm.momentum, _counter(norm).clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            _counter(norm).copy_(tracked)


def _counter(norm: nn.Module) -> Tensor:
    """How many batches a norm has taken up."""
    counter = norm.num_batches_tracked
    assert isinstance(counter, Tensor)
    return counter
