"""What launching and resuming share: taking the device, and starting the process that runs on by itself."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import threading
from pathlib import Path

from engine import devices, leases
from engine.devices import Device
from engine.errors import NoDeviceError
from engine.records import RunPaths

WORKER = "engine.worker"


def take_device(spec: str) -> tuple[Device, int | None]:
    """Choose a device and take its lease; where `auto` loses a race for a GPU, it tries the next."""
    attempts = 16
    while True:
        device = devices.choose(spec)
        if device.uuid is None:
            return device, None
        try:
            return device, leases.acquire(device, "", "")
        except NoDeviceError:
            attempts -= 1
            if spec != "auto" or attempts == 0:
                raise


def start(
    paths: RunPaths,
    folder: Path,
    device: Device,
    environment: dict[str, str],
    lock: int,
    lease: int | None,
    worker: str,
) -> None:
    """Start the supervisor in a session of its own, holding the run's lock and the device's lease."""
    command = [sys.executable, "-P", "-m", "engine.supervisor", str(paths.folder.absolute()), "--lock", str(lock)]
    if lease is not None:
        command += ["--lease", str(lease)]
    if worker != WORKER:
        command += ["--worker", worker]
    with open(paths.log, "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder if folder.is_dir() else None,
            env=process_environment(environment, device),
            start_new_session=True,
            pass_fds=[lock] if lease is None else [lock, lease],
        )
    _let_go(process)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """The supervisor outlives us; it is reaped where this process still lives when it ends."""
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()


def device_variables(device: Device) -> dict[str, str]:
    """The variables that show a process this device alone; they act only before torch is imported."""
    variables = {"CUDA_VISIBLE_DEVICES": device.uuid or ""}
    if device.uuid:
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    return variables


def process_environment(environment: dict[str, str], device: Device) -> dict[str, str]:
    """What the supervisor and the worker get: the captured variables, the device, and where this engine lies."""
    extra = device_variables(device)
    own = str(Path(__file__).resolve().parent.parent)
    if own not in {*site.getsitepackages(), site.getusersitepackages()}:
        # before all others: a folder with an engine.py of its own must not be found first
        others = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part and part != own]
        extra["PYTHONPATH"] = os.pathsep.join([own, *others])
    return {**environment, **extra}
