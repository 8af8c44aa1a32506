"""Asking NVIDIA's management library about the GPUs, with a time limit: it may be absent, hang, fail or vanish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

LIBRARY = "libnvidia-ml.so.1"

_T = TypeVar("_T")


class Gpu(msgspec.Struct, frozen=True):
    """One GPU, or one MIG instance, as NVML shows it; what it cannot say is None."""

    index: int
    """nvidia-smi's number; a MIG instance has its GPU's."""
    uuid: str
    title: str = ""
    memory_used: int | None = None
    """Bytes."""
    memory_total: int | None = None
    """Bytes."""
    utilization: float | None = None
    """Percent."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    power_limit: float | None = None
    """Watts."""
    processes: tuple[tuple[int, int | None], ...] | None = ()
    """(process id, bytes) of each process that computes on it; None when they cannot be listed."""
    problem: str = ""
    """Why it cannot be used: lost, or in need of a reset."""


class Answer(NamedTuple):
    """What NVML said."""

    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None
    """Why it could not be asked; None where it could, or where there is no such library at all."""
    driver: str | None = None
    cuda: str | None = None
    """The newest CUDA version the driver takes, such as 12.4."""


class Reader:
    """Asks NVML in a thread of its own, one question at a time, so that a hanging driver hangs nobody else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._done.set()
        self._answer = Answer()
        self._asked = 0.0
        self._initialised = False

    def ask(self, timeout: float) -> Answer:
        """What NVML says now, or why it did not within `timeout` seconds."""
        with self._lock:
            fresh = self._done.is_set()
            if fresh:
                self._done.clear()
                self._asked = time.monotonic()
                threading.Thread(target=self._run, daemon=True, name="nvml").start()
        # a question that has hung before is not waited for again in full
        if self._done.wait(timeout if fresh else min(timeout, 0.1)):
            return self._answer
        waited = time.monotonic() - self._asked
        return Answer(problem=f"the NVIDIA driver has not answered for {waited:.0f} s (NVML hangs)")

    def _run(self) -> None:
        try:
            self._answer = self._read()
        except Exception as error:  # whatever a driver does, it is told and not thrown into a thread's void
            self._answer = Answer(problem=f"NVML fails: {type(error).__name__}: {error}")
        finally:
            self._done.set()

    def _read(self) -> Answer:
        absent = _absent()
        if absent is not None:
            return Answer(problem=absent or None)
        import pynvml

        try:
            if not self._initialised:
                pynvml.nvmlInit()
                self._initialised = True
            count = int(pynvml.nvmlDeviceGetCount())
            gpus = tuple(gpu for index in range(count) for gpu in _gpus(pynvml, index))
            return Answer(gpus, None, _text(_try(pynvml.nvmlSystemGetDriverVersion)), _cuda(pynvml))
        except pynvml.NVMLError as error:
            self._shut_down(pynvml)
            return Answer(problem=_words(pynvml, error))

    def _shut_down(self, pynvml: Any) -> None:
        if self._initialised:
            _try(pynvml.nvmlShutdown)
            self._initialised = False  # so that a driver that comes back is found


def _absent() -> str | None:
    """Why the library cannot be loaded: "" where there is none, None where it can be loaded."""
    import ctypes

    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        return "" if "No such file" in str(error) else f"{LIBRARY} cannot be loaded: {error}"
    return None


def _words(pynvml: Any, error: Any) -> str:
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return (
            "the NVIDIA driver and its library have different versions (updated since the last boot?): reboot the box"
        )
    if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed but not loaded"
    return f"NVML fails: {error}"


def _gpus(pynvml: Any, index: int) -> Iterator[Gpu]:
    """The GPU of this number, or its MIG instances where it is cut into them."""
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        mode = _try(pynvml.nvmlDeviceGetMigMode, handle)
        if mode is None or mode[0] != 1:
            yield _gpu(pynvml, index, handle)
            return
        for slot in range(int(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle))):
            instance = _try(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, slot)
            if instance is not None:
                yield _gpu(pynvml, index, instance)
    except pynvml.NVMLError as error:
        yield Gpu(index, f"gpu-{index}", "NVIDIA GPU", processes=None, problem=str(error))


def _gpu(pynvml: Any, index: int, handle: Any) -> Gpu:
    uuid = _text(pynvml.nvmlDeviceGetUUID(handle)) or f"gpu-{index}"
    memory = _try(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _try(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power = _try(pynvml.nvmlDeviceGetPowerUsage, handle)
    limit = _try(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    problem = ""
    try:
        processes = _processes(pynvml, handle)
    except pynvml.NVMLError as error:
        processes = None
        if error.value in (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED):
            problem = str(error)
    return Gpu(
        index=index,
        uuid=uuid,
        title=_text(_try(pynvml.nvmlDeviceGetName, handle)) or "NVIDIA GPU",
        memory_used=None if memory is None else int(memory.used),
        memory_total=None if memory is None else int(memory.total),
        utilization=None if rates is None else float(rates.gpu),
        temperature=_number(_try(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)),
        power=None if power is None else float(power) / 1000,
        power_limit=None if limit is None else float(limit) / 1000,
        processes=processes,
        problem=problem,
    )


def _processes(pynvml: Any, handle: Any) -> tuple[tuple[int, int | None], ...] | None:
    for name in ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"):
        try:
            found = getattr(pynvml, name)(handle)
        except pynvml.NVMLError as error:
            if error.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
                continue  # an older driver
            raise
        return tuple(
            (int(entry.pid), None if entry.usedGpuMemory is None else int(entry.usedGpuMemory)) for entry in found
        )
    return None


def _try(function: Callable[..., _T], *arguments: Any) -> _T | None:
    """What a query answers; None where this GPU or driver cannot say."""
    import pynvml

    try:
        return function(*arguments)
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None


def _text(value: str | bytes | None) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _cuda(pynvml: Any) -> str | None:
    version = _try(pynvml.nvmlSystemGetCudaDriverVersion_v2)
    return None if not version else f"{version // 1000}.{version % 1000 // 10}"


_reader = Reader()


def ask(timeout: float = 2.0) -> Answer:
    """What NVML says of this machine's GPUs now, within `timeout` seconds."""
    return _reader.ask(timeout)
