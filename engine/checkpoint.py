"""Saving and loading a run's state: tensors as safetensors, the rest as tagged JSON, nothing as pickle.

A checkpoint is written to a hidden folder, made durable, and renamed: it exists if and only if it is complete. The
sizes and SHA-256 of its files stand in checkpoint.json and are checked when it is loaded.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from engine import tagged
from engine.checkpoints import CONTENT, FORMAT, CheckpointInfo, find_checkpoint, folder_name
from engine.errors import RunError, SettingsError
from engine.jsonio import encode, number, read_json
from engine.records import RunPaths

MODEL, TRAINING = "model.safetensors", "training.safetensors"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Loaded:
    """What a checkpoint holds."""

    folder: Path
    epoch: float
    step: int
    metrics: dict[str, float]
    model: Tensors
    """The model's state dict, tied weights under each of their names."""
    training: dict[str, Any]
    """Optimizer, scheduler, scaler and random states, as they were given to `save`."""
    loop: dict[str, Any]


def save(
    paths: RunPaths,
    *,
    model: torch.nn.Module,
    training: dict[str, Any],
    loop: dict[str, Any],
    epoch: float,
    step: int,
    metrics: Mapping[str, float],
) -> Path:
    """Write the checkpoint of `step`, replacing one that is there; returns its folder.

    Raises:
        OSError: the disk is full or the folder is not writable; nothing half-written is left.
        SettingsError: something in `training` has no form on disk.
    """
    weights, tied = _unique(model)
    tensors: Tensors = {}
    try:
        rest = {"tied": tied, "training": tagged.encode(training, tensors), "devices": _devices(tensors)}
    except tagged.UnsavableError as error:
        raise SettingsError(f"this training state cannot be saved: {error}", hint=_UNSAVABLE) from error
    files = {MODEL: _serialised(weights), TRAINING: _serialised(tensors)}
    content = {
        "format": FORMAT,
        "epoch": epoch,
        "step": step,
        "metrics": dict(metrics),
        "created": time.time(),
        "files": {name: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for name, d in files.items()},
        "loop": tagged.encode(loop, {}),
        "rest": rest,
        "versions": {"torch": str(torch.__version__)},
    }
    return _write(paths, folder_name(step), {**files, CONTENT: encode(content) + b"\n"})


_UNSAVABLE = "use an optimizer and a scheduler whose state is made of numbers, text and tensors"


def read_weights(file: Path) -> Tensors:
    """The tensors of a .safetensors file.

    Raises:
        RunError: it is none, or is damaged.
    """
    try:
        return load_tensors(file.read_bytes())
    except Exception as error:  # safetensors has errors of its own for every kind of damage
        raise RunError(f"{file} is no file of weights: {error}", hint="give a whole .safetensors file") from error


def check_savable(training: dict[str, Any]) -> None:
    """Refuse, before training, a state that could not be saved.

    Raises:
        SettingsError: it holds a function or a foreign object.
    """
    try:
        tagged.encode(training, {})
    except tagged.UnsavableError as error:
        raise SettingsError(f"this training state cannot be saved: {error}", hint=_UNSAVABLE) from error


def _unique(model: torch.nn.Module) -> tuple[Tensors, dict[str, str]]:
    """The state dict with each tensor once, and the names that share another's tensor."""
    weights: Tensors = {}
    tied: dict[str, str] = {}
    seen: dict[tuple[Any, ...], str] = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            continue
        key = (value.data_ptr(), value.dtype, tuple(value.shape), value.stride(), value.device)
        if value.numel() and key in seen:
            tied[name] = seen[key]
        else:
            seen[key] = name
            weights[name] = value
    return weights, tied


def _devices(tensors: Tensors) -> list[str]:
    """The tensors that were not on the CPU; the others go back there."""
    return [name for name, value in tensors.items() if value.device.type != "cpu"]


def _serialised(tensors: Tensors) -> bytes:
    # cloned where several share a storage, which the format does not allow
    plain = {name: value.detach().to("cpu").contiguous() for name, value in tensors.items()}
    owners: set[int] = set()
    for name, value in plain.items():
        storage = value.untyped_storage().data_ptr()
        if storage in owners:
            plain[name] = value.clone()
        owners.add(storage)
    return save_tensors(plain)


def _write(paths: RunPaths, name: str, files: dict[str, bytes]) -> Path:
    final = paths.checkpoints / name
    temporary = paths.checkpoints / f".{name}.{os.getpid()}.tmp"
    paths.checkpoints.mkdir(exist_ok=True)
    try:
        temporary.mkdir()
        for file, data in files.items():
            _write_durably(temporary / file, data)
        _sync_folder(temporary)
        if final.exists():
            aside = paths.checkpoints / f".{name}.{os.getpid()}.old.tmp"
            os.rename(final, aside)
            os.rename(temporary, final)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.rename(temporary, final)
        _sync_folder(paths.checkpoints)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load(folder: Path, *, weights_only: bool = False) -> Loaded:
    """Read a checkpoint, checking every byte of what is read.

    Args:
        folder: the checkpoint's folder.
        weights_only: leave the training state unread.

    Raises:
        RunError: it is damaged, incomplete or of a newer version; the message names the file.
    """
    content = _content(folder)
    try:
        rest = content["rest"]
        model = _tensors(folder, MODEL, content)
        for name, source in rest["tied"].items():
            model[name] = model[source]
        tensors = {} if weights_only else _tensors(folder, TRAINING, content)
        training = {} if weights_only else tagged.decode(rest["training"], tensors)
        loop = tagged.decode(content["loop"], {})
        return Loaded(
            folder,
            float(content["epoch"]),
            int(content["step"]),
            {k: number(v) for k, v in content["metrics"].items()},
            model,
            training,
            loop,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{folder / CONTENT} is damaged: {error}", hint=_DAMAGED) from error


_DAMAGED = "another checkpoint of the run may be whole: engine checkpoints RUN lists them"


def _content(folder: Path) -> dict[str, Any]:
    path = folder / CONTENT
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}", hint=_DAMAGED) from error
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged", hint=_DAMAGED)
    version = content.get("format")
    if not isinstance(version, int) or version > FORMAT:
        raise RunError(f"{path} has format {version}; this version reads up to {FORMAT}", hint="upgrade dltui")
    return content


def _tensors(folder: Path, name: str, content: dict[str, Any]) -> Tensors:
    path = folder / name
    expected = content["files"][name]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}", hint=_DAMAGED) from error
    if len(data) != expected["bytes"]:
        raise RunError(f"{path} is damaged: {len(data):,} bytes instead of {expected['bytes']:,}", hint=_DAMAGED)
    if hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise RunError(f"{path} is damaged: its SHA-256 is not the recorded one", hint=_DAMAGED)
    try:
        # cloned: views into the file's bytes are not aligned as torch's own memory is
        return {key: value.clone() for key, value in load_tensors(data).items()}
    except SafetensorError as error:
        raise RunError(f"{path} is damaged: {error}", hint=_DAMAGED) from error


def load_weights(model: torch.nn.Module, weights: Tensors, source: str) -> None:
    """Put a checkpoint's weights into a model.

    Raises:
        SettingsError: names or shapes differ; those of the first few are in the message.
    """
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    wrong = [f"{name} is not in {source}" for name in own if name not in weights]
    wrong += [f"{name} of {source} is not in the model" for name in weights if name not in own]
    wrong += [
        f"{name} is {tuple(value.shape)} in the model, {tuple(weights[name].shape)} in {source}"
        for name, value in own.items()
        if name in weights and value.shape != weights[name].shape
    ]
    if wrong:
        shown = "\n  ".join(wrong[:6]) + (f"\n  … and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        raise SettingsError(
            f"the weights of {source} do not fit the model:\n  {shown}", hint="give the model the settings it had there"
        )
    model.load_state_dict({name: weights[name] for name in own}, strict=False)


def load_named(paths: RunPaths, name: str, *, weights_only: bool = False) -> tuple[CheckpointInfo, Loaded]:
    """Find and read a checkpoint by name.

    Raises:
        NotFoundError: there is none of that name.
        RunError: it is damaged.
    """
    info = find_checkpoint(paths, name)
    return info, load(info.folder, weights_only=weights_only)
