"""The layer table of a model: what each layer gives out and how many parameters it has."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from engine.dataset import InputSpec
from engine.errors import SettingsError

Tensor = torch.Tensor


def example(spec: InputSpec, count: int = 2) -> tuple[Tensor, ...]:
    """Arguments for a model's forward pass on `count` made-up samples."""
    if spec.kind == "sequence":
        longest = max(1, spec.shape[0])
        return torch.ones(count, longest, dtype=torch.int64), torch.full((count,), longest)
    images = torch.zeros(count, *spec.shape)
    return (
        (images, torch.zeros(count, spec.longest_label + 1, dtype=torch.int64)) if spec.teacher_forcing else (images,)
    )


def model_table(model: nn.Module, spec: InputSpec) -> dict[str, Any]:
    """What model.json holds: one row for each call of a layer without layers of its own, with totals and sizes.

    The model's weights, buffers and mode, and the random states, stay as they are. Batch sizes are left out of shapes.

    Raises:
        SettingsError: the model cannot take the data set's samples, or gives something else than (n, classes).
    """
    rows: list[dict[str, Any]] = []
    handles = [_watch(module, name, rows) for name, module in model.named_modules() if not any(module.children())]
    modes = [(module, module.training) for module in model.modules()]
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    inputs = tuple(value.to(device) for value in example(spec))
    state = torch.get_rng_state()
    try:
        model.eval()
        with torch.no_grad():
            output = model(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        shape = " × ".join(map(str, spec.shape))
        raise SettingsError(
            f"the model cannot take this data set's {spec.kind} samples of {shape}: {error}",
            hint="forward takes (x); for sequences (tokens, lengths); given the tokens before, (images, tokens)",
        ) from error
    finally:
        torch.set_rng_state(state)
        for module, mode in modes:
            module.training = mode
        for handle in handles:
            handle.remove()
    check_output(output, spec, 2)
    return _table(model, rows, inputs)


def _watch(module: nn.Module, name: str, rows: list[dict[str, Any]]) -> Any:
    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        rows.append({"name": name, "module": module, "shape": _shape(output), "numbers": _numbers(output)})

    return module.register_forward_hook(note)


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, nn.utils.rnn.PackedSequence):
        return [output.data]
    if isinstance(output, dict):
        return [t for value in output.values() for t in _tensors(value)]
    if isinstance(output, (tuple, list)):
        return [t for value in output for t in _tensors(value)]
    return []


def _shape(output: Any) -> list[int]:
    tensors = _tensors(output)
    return list(tensors[0].shape[1:]) if tensors else []


def _numbers(output: Any) -> int:
    tensors = _tensors(output)
    return math.prod(tensors[0].shape[1:]) if tensors else 0


def check_output(output: Any, spec: InputSpec, count: int) -> None:
    """Refuse a model's answer to `count` samples that has not the shape of logits.

    Raises:
        SettingsError: with the shape it has and the one it must have.
    """
    shape = tuple(output.shape) if isinstance(output, Tensor) else None
    fits = shape is not None and shape[0] == count and shape[-1] == spec.classes
    if not fits or len(shape or ()) != (3 if spec.longest_label else 2):
        given = f"{shape} for {count} samples" if shape else f"a {type(output).__name__}"
        wanted = f"(samples, positions, {spec.classes})" if spec.longest_label else f"(samples, {spec.classes})"
        raise SettingsError(
            f"the model gives {given}; the data set has {spec.classes} classes",
            hint=f"it must give logits of the shape {wanted}",
        )


def _table(model: nn.Module, rows: list[dict[str, Any]], inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    layers: list[dict[str, Any]] = []
    counted: set[int] = set()
    for row in rows:
        module = row["module"]
        fresh = [p for p in module.parameters() if id(p) not in counted]
        layer = {
            "name": row["name"] or type(module).__name__.lower(),
            "type": type(module).__name__,
            "output_shape": row["shape"],
            "parameters": sum(p.numel() for p in fresh),
            "trainable": sum(p.numel() for p in fresh if p.requires_grad),
            "multiplications": _multiplications(module, row["shape"]),
        }
        if id(module) in counted:
            layer["reused"] = True
        counted.update(id(p) for p in fresh)
        counted.add(id(module))
        layers.append(layer)
    layers += _left_over(model, counted)
    parameters = list(model.parameters())
    numbers = sum(row["numbers"] for row in rows)
    return {
        "parameters": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "multiplications": sum(layer["multiplications"] for layer in layers),
        "layers": layers,
        "bytes": {
            "parameters": sum(p.nbytes for p in parameters),
            "input": inputs[0][0].nbytes,
            "forward_backward": 2 * 4 * numbers,
        },
    }


def _multiplications(module: nn.Module, shape: list[int]) -> int:
    """How many a layer does for one sample: its weights, at each position of what it gives out."""
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or not shape:
        return 0
    weights = sum(p.numel() for p in module.parameters(recurse=False) if p.dim() > 1)
    positions = math.prod(shape[1:]) if isinstance(module, _CONVOLUTIONS) else math.prod(shape[:-1])
    return weights * positions


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def _left_over(model: nn.Module, counted: set[int]) -> list[dict[str, Any]]:
    """Parameters that stand outside of any layer called, so that the rows add up to the total."""
    return [
        {
            "name": name,
            "type": "Parameter",
            "output_shape": list(p.shape),
            "parameters": p.numel(),
            "trainable": p.numel() if p.requires_grad else 0,
            "multiplications": 0,
        }
        for name, p in model.named_parameters()
        if id(p) not in counted
    ]
