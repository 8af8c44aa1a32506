"""Fixtures: every test has its own leases and caches; real data is found, or the test says why it was skipped."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases, caches and settings of this test alone, never the author's."""
    world = tmp_path_factory.mktemp("world")
    monkeypatch.setenv("DLTUI_LEASES", str(world / "leases"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    # many workers at once: threads that spin while they wait for each other would take turns for minutes
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of real data files: DLTUI_DATA, else unpacked once from the folder beside the project."""
    named = os.environ.get("DLTUI_DATA")
    if named and (Path(named) / "names").is_dir():
        return Path(named)
    unpack = SHARED / "data" / "unpack.py"
    if not unpack.is_file():
        if os.environ.get("DLTUI_REQUIRE_DATA"):
            pytest.fail("the real data files are required here and not found: set DLTUI_DATA")
        pytest.skip("no real data files: set DLTUI_DATA to the folder that holds them")
    folder = tmp_path_factory.getbasetemp().parent / "dltui-data"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side: one unpacks, the others find it done
        subprocess.run([sys.executable, str(unpack), str(folder)], check=True, capture_output=True)
    return folder
