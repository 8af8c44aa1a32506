"""What there is to compute on: the CPU and the GPUs that NVML shows, who uses them, and which one a run gets."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import msgspec

from engine import cpu, leases, nvml
from engine.errors import NoDeviceError, UsageError
from engine.processes import command_of, owner_of


class Device(msgspec.Struct, kw_only=True):
    """One device as it is now."""

    name: str
    """cpu, or cuda:N: counted as torch counts, within an inherited CUDA_VISIBLE_DEVICES."""
    kind: str
    """cpu | cuda"""
    index: int | None = None
    """NVML's own number, as nvidia-smi shows it."""
    uuid: str | None = None
    title: str = ""
    """NVIDIA H200, or 16 cores."""
    free: bool = True
    why: str = ""
    """Why it is not free; empty when it is."""
    utilization: float | None = None
    """Percent, 0 to 100."""
    memory_used: int | None = None
    """Bytes."""
    memory_total: int | None = None
    """Bytes."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    power_limit: float | None = None
    """The most watts it may draw."""
    cores: list[float] = msgspec.field(default_factory=list)
    """Of the CPU: percent of each core."""
    load_average: float | None = None
    """Of the CPU: the processes that ran or waited, over a minute."""
    processes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """{"pid", "user", "name", "run", "folder", "memory"} of each process computing on it; `run` and its folder where
    it is a worker; None for what other users' processes hide."""
    lease: dict[str, Any] | None = None
    """{"run", "user", "pid", "host", "folder"} of the run that holds it; None when nobody does."""

    @property
    def strained(self) -> bool:
        """Whether something works on it all the same: other programs, or processes hidden from this container."""
        crowded = self.kind == "cuda" and (self.memory_used or 0) > _HALF * (self.memory_total or math.inf)
        return crowded or (self.utilization or 0.0) >= _BUSY


_BUSY = 80.0
"""Percent of load from which on a new training would have to share."""
_HALF = 0.5
"""The share of a GPU's memory from which on somebody computes there."""
_CROWDED = 0.2
"""Where processes cannot be listed: the share of memory in use that tells a GPU is taken."""

_last: nvml.Answer | None = None


def devices(timeout: float = 2.0) -> list[Device]:
    """The CPU, then the GPUs; NVML is asked for `timeout` seconds at most. Never raises."""
    global _last
    _last = nvml.ask(timeout)
    return [_cpu(), *(_device(number, gpu) for number, gpu in enumerate(_visible(_last.gpus)))]


def problem() -> str | None:
    """What stands in the way of using the GPUs, in words; None when nothing does."""
    global _last
    if _last is None:
        _last = nvml.ask()
    if _last.problem is not None:
        return _last.problem
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted and not _hidden(wanted) and _last.gpus and not _visible(_last.gpus):
        return f"CUDA_VISIBLE_DEVICES={wanted} names none of this box's {len(_last.gpus)} GPUs"
    return None


def driver() -> tuple[str | None, str | None]:
    """The NVIDIA driver's version and the newest CUDA it takes, as far as NVML has said."""
    answer = _last or nvml.ask()
    return answer.driver, answer.cuda


def choose(spec: str) -> Device:
    """The device that `auto`, `cpu`, `cuda:N` or a GPU's UUID stands for now.

    `auto` is the free GPU with the most free memory, one that nothing works on where there is any; the CPU only where
    there is no GPU at all.

    Raises:
        NoDeviceError: it is busy, no GPU is free, or the GPUs cannot be asked.
        UsageError: there is no such device.
    """
    if spec == "cpu":
        return _cpu()
    found = devices()
    gpus = found[1:]
    if spec == "auto":
        return _choose_free(found[0], gpus)
    for gpu in gpus:
        if spec in (gpu.name, gpu.uuid):
            return _if_free(gpu)
    if spec.startswith(("cuda:", "GPU-", "MIG-")) and (trouble := problem()):
        raise NoDeviceError(f"{spec} cannot be used: {trouble}", hint="--device cpu computes without a GPU")
    listed = ", ".join(["cpu", *(f"{gpu.name} ({gpu.title}, {gpu.uuid})" for gpu in gpus)])
    raise UsageError(f"there is no device {spec!r} here", hint=f"there are: auto, {listed}")


def _choose_free(processor: Device, gpus: list[Device]) -> Device:
    free = [gpu for gpu in gpus if gpu.free]
    if free:
        return max(free, key=lambda gpu: (not gpu.strained, (gpu.memory_total or 0) - (gpu.memory_used or 0)))
    if gpus:
        busy = "; ".join(f"{gpu.name} ({gpu.title}) is {gpu.why}" for gpu in gpus)
        raise NoDeviceError(f"no GPU is free: {busy}", hint="wait for one, or compute on the CPU with --device cpu")
    if trouble := problem():
        raise NoDeviceError(f"the GPUs cannot be used: {trouble}", hint="--device cpu computes without a GPU")
    return processor


def _if_free(gpu: Device) -> Device:
    if gpu.free:
        return gpu
    raise NoDeviceError(
        f"{gpu.name} ({gpu.title}) is {gpu.why}", hint="wait for it, name another device, or let auto choose"
    )


def check_torch_sees(device: str) -> None:
    """Called by a worker that was given a GPU: make sure that torch can use it.

    Args:
        device: the device's name in run.json; nothing is checked for `cpu`.

    Raises:
        NoDeviceError: NVML showed a GPU and torch sees none, as with a driver older than torch's CUDA.
    """
    if device == "cpu":
        return
    import torch

    if torch.cuda.is_available():
        return
    version, newest = driver()
    built = torch.version.cuda
    if built is None:
        hint = "install a torch built for CUDA: https://pytorch.org/get-started/locally/"
    elif newest is not None and [int(part) for part in newest.split(".")] < [int(part) for part in built.split(".")]:
        wheel = f"https://download.pytorch.org/whl/cu{newest.replace('.', '')}"
        hint = (
            f"update the driver, or install a torch for CUDA {newest} or older: pip install torch --index-url {wheel}"
        )
    else:
        hint = "engine doctor says more; --device cpu computes without a GPU"
    raise NoDeviceError(
        f"torch {torch.__version__} (CUDA {built}) cannot use {device}: the NVIDIA driver is {version or 'unknown'}"
        f" and takes CUDA up to {newest or 'an unknown version'}",
        hint=hint,
    )


def _visible(gpus: tuple[nvml.Gpu, ...]) -> list[nvml.Gpu]:
    """The GPUs that an inherited CUDA_VISIBLE_DEVICES leaves, in its order; like CUDA, up to its first unknown one."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return list(gpus)
    chosen: list[nvml.Gpu] = []
    for entry in wanted.split(","):
        gpu = next((gpu for gpu in gpus if _names(entry.strip(), gpu)), None)
        if gpu is None or gpu in chosen:
            break
        chosen.append(gpu)
    return chosen


def _names(entry: str, gpu: nvml.Gpu) -> bool:
    if entry.isdecimal():
        return int(entry) == gpu.index
    return entry.startswith(("GPU-", "MIG-")) and gpu.uuid.startswith(entry)


def _hidden(wanted: str) -> bool:
    """Whether CUDA_VISIBLE_DEVICES says that no GPU is to be used."""
    return wanted.strip() in ("", "-1", "none", "void", "NoDevFiles")


def _device(number: int, gpu: nvml.Gpu) -> Device:
    processes = [_process(pid, memory) for pid, memory in gpu.processes or ()]
    lease = leases.holder(gpu.uuid)
    why = _why(gpu, processes, lease)
    return Device(
        name=f"cuda:{number}",
        kind="cuda",
        index=gpu.index,
        uuid=gpu.uuid,
        title=gpu.title,
        free=not why,
        why=why,
        utilization=gpu.utilization,
        memory_used=gpu.memory_used,
        memory_total=gpu.memory_total,
        temperature=gpu.temperature,
        power=gpu.power,
        power_limit=gpu.power_limit,
        processes=processes,
        lease=lease,
    )


def _why(gpu: nvml.Gpu, processes: list[dict[str, Any]], lease: dict[str, Any] | None) -> str:
    if gpu.problem:
        return f"out of order: {gpu.problem}"
    if lease is not None:
        return f"held by {leases.holder_words(lease)}"
    if processes:
        return "used by " + ", ".join(_process_words(process) for process in processes[:3])
    if gpu.processes is None and gpu.memory_used and gpu.memory_total and gpu.memory_used > _CROWDED * gpu.memory_total:
        return f"in use: {gpu.memory_used / gpu.memory_total:.0%} of its memory is taken"
    return ""


def _process(pid: int, memory: int | None) -> dict[str, Any]:
    words = command_of(pid)
    folder = _run_folder(pid, words)
    run = None if folder is None else folder.name
    shown = None if folder is None else str(folder)
    return {"pid": pid, "user": owner_of(pid), "name": _program(words), "run": run, "folder": shown, "memory": memory}


def _run_folder(pid: int, words: list[str]) -> Path | None:
    """The folder of the run whose worker a process is."""
    if "engine.worker" not in words[:-1]:
        return None
    named = Path(words[words.index("engine.worker") + 1])
    try:
        return named if named.is_absolute() else Path(os.readlink(f"/proc/{pid}/cwd")) / named
    except OSError:  # another user's
        return named


def _program(words: list[str]) -> str | None:
    """The program and, for Python, the script or module: enough to know it by, without its arguments."""
    if not words:
        return None
    program = Path(words[0]).name
    script = next((word for word in words[1:] if word.endswith(".py")), None)
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else None
    return " ".join(part for part in (program, Path(script).name if script else module) if part)


def _process_words(process: dict[str, Any]) -> str:
    what = process["run"] or process["name"] or "a process"
    owner = f" of {process['user']}" if process["user"] else ""
    return f"{what}{owner} (process {process['pid']})"


def _cpu() -> Device:
    cores, load = cpu.core_count(), cpu.cpu_load()
    total, used = cpu.memory()
    return Device(
        name="cpu",
        kind="cpu",
        title=f"{cores} core{'' if cores == 1 else 's'}",
        utilization=load.whole,
        cores=[round(share, 1) for share in load.cores],
        load_average=load.average,
        memory_total=total,
        memory_used=used,
    )
