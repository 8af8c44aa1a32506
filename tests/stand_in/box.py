"""A machine with GPUs: NVIDIA's library replaced by one built from nvml.c, which answers what a file says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, environment

H200, T4 = "GPU-aaaaaaaa-0000", "GPU-bbbbbbbb-1111"
TWO = f"gpu {H200}|NVIDIA H200|150000000000|1000|37|55|320500\ngpu {T4}|NVIDIA T4|16000000000|0|-1|-1|-1\n"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-in libnvidia-ml.so.1."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in library with")
    folder = tmp_path_factory.mktemp("nvml")
    source = ROOT / "tests" / "stand_in" / "nvml.c"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(folder / "libnvidia-ml.so.1"), str(source)]
    subprocess.run(command, check=True)
    return folder


class Box:
    """A machine whose GPUs are as the plan says."""

    def __init__(self, library: Path, plan: Path) -> None:
        self.plan = plan
        self.variables = {"LD_LIBRARY_PATH": str(library), "DLTUI_STAND_IN_NVML": str(plan)}
        self.say(TWO)

    def say(self, plan: str) -> None:
        """Change what NVML answers from now on."""
        self.plan.write_text(plan)

    def run(self, code: str, **extra: str) -> Any:
        """What `code` prints as JSON in a process of its own."""
        env = environment(**self.variables, **extra)
        if "CUDA_VISIBLE_DEVICES" not in extra:
            env.pop("CUDA_VISIBLE_DEVICES", None)
        program = "import json, sys, time\nfrom engine import devices\nfrom engine.jsonio import plain\n" + code
        done = subprocess.run(
            [sys.executable, "-P", "-c", program], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def devices(self, **extra: str) -> list[dict[str, Any]]:
        found = self.run("print(json.dumps(plain(devices.devices())))", **extra)
        assert isinstance(found, list)
        return found

    def choose(self, spec: str, **extra: str) -> list[Any]:
        """[name, UUID] of what is chosen, or [exit code, message]."""
        found = self.run(
            "from engine.errors import EngineError\n"
            f"try: device = devices.choose({spec!r}); print(json.dumps([device.name, device.uuid]))\n"
            "except EngineError as error: print(json.dumps([error.exit_code, str(error)]))",
            **extra,
        )
        assert isinstance(found, list)
        return found


@pytest.fixture
def box(library: Path, tmp_path: Path) -> Box:
    return Box(library, tmp_path / "gpus.txt")
