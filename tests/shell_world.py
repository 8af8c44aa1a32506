"""The world of the tests of the screens: twelve runs, data that is never really read, two devices."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.devices import Device
from tests.tui_world import make_world

SUMMARY = {
    "name": "digits-mlp",
    "splits": {
        "train": {"count": 90, "classes": {"three": 60, "one": 30}},
        "test": {"count": 10, "classes": {"three": 10}},
    },
    "source": {"train": {"count": 100, "classes": {"three": 65, "one": 35}}},
    "majority": {"class": "three", "share": 0.65},
}


@pytest.fixture(autouse=True)
def no_real_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a data set imports torch: here a few bytes answer in its place."""
    code = f"import json; print(json.dumps({SUMMARY!r}))"
    monkeypatch.setattr("tui.data_reader.engine_command", lambda *words: [sys.executable, "-S", "-c", code])


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path)


# ---------------------------------------------------------------------------------------------------------- experiments


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a busy GPU, a free one and a CPU."""
    found = [
        Device(name="cpu", kind="cpu", title="16 cores", utilization=3.0, memory_used=2 * 10**9,
               memory_total=64 * 10**9),
        Device(name="cuda:0", kind="cuda", uuid="GPU-a", title="NVIDIA H200", free=False, why="held by e0042 (mira)",
               utilization=87.0, memory_used=61 * 10**9, memory_total=141 * 10**9, temperature=64.0, power=510.0,
               processes=[{"pid": 8121, "user": "mira", "name": "python train.py", "run": None, "memory": 10**10}],
               lease={"run": "e0042", "user": "mira"}),
        Device(name="cuda:1", kind="cuda", uuid="GPU-b", title="NVIDIA H200", utilization=0.0, memory_used=2 * 10**9,
               memory_total=141 * 10**9, temperature=31.0, power=80.0),
    ]  # fmt: skip
    monkeypatch.setattr("engine.devices.devices", lambda timeout=2.0: list(found))
    monkeypatch.setattr("engine.devices.problem", lambda: None)
