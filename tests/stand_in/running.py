"""Runs of the stand-in worker, ended with the test that started them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.launch import LaunchRequest, launch
from engine.processes import is_process
from engine.runs import RunPaths, RunsFolder, load_run
from engine.settings import Settings, Train
from tests.helpers import ROOT, wait_until

WORKER = "tests.stand_in.worker"


class Runner:
    """Launches stand-in workers in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.runs = RunsFolder(folder / "runs")
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def request(self, **fields: object) -> LaunchRequest:
        """A request for the CPU unless `fields` say otherwise."""
        settings = Settings(motivation="Does it run?", tags=["first"], train=Train(epochs=2))
        given = {
            "settings": settings,
            "folder": self.folder,
            "device": "cpu",
            "argv": ("engine", "train", "x"),
            **fields,
        }
        return LaunchRequest("x", **given)

    def start(self, plan: str = "finish", **fields: object) -> RunPaths:
        """Launch a worker that follows `plan`."""
        self._monkeypatch.setenv("DLTUI_STUB", plan)
        return launch(self.runs, self.request(**fields), worker=WORKER)

    def running(self, plan: str = "wait", **fields: object) -> RunPaths:
        """Launch, and wait until the worker has said that it runs."""
        paths = self.start(plan, **fields)
        wait_until(lambda: load_run(paths).status == "running", 30, load_run(paths).state.state)
        return paths

    def end_all(self) -> None:
        """Kill what still runs."""
        for run_id in self.runs.ids():
            state = load_run(self.runs.paths(run_id)).state
            for pid, start in ((state.pid, state.pid_start), (state.supervisor_pid, state.supervisor_start)):
                with contextlib.suppress(ProcessLookupError):
                    if pid is not None and is_process(pid, start):
                        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A folder to launch stand-in workers in."""
    runner = Runner(tmp_path, monkeypatch)
    yield runner
    runner.end_all()
