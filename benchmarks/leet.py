"""The terminal UI beside W&B LEET, screen by screen, through a pseudo-terminal at 160×48, in turn and in one run.

    DLTUI_LEET_PYTHON=/opt/wandb/bin/python python benchmarks/leet.py [PART ...] [--steps N] [--repeat N] [--json FILE]

The Python named must have wandb; the runs of both programs are made anew.
Parts: start, keys, idle, live, million, overlay.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.screens import DLTUI, LIVE_METRICS, fake_live_run, first_screen, in_turn, make_runs, paired_ratio, watch
from benchmarks.terminal import Terminal
from engine.runs import RunsFolder
from engine.series import SeriesWriter

HERE = Path(__file__).resolve().parent
COUNTS = (1, 100, 1_000)
Figures = dict[str, float]


@dataclass(frozen=True)
class World:
    """Where the runs are, and how the peer is called."""

    folder: Path
    python: str
    repeat: int
    steps: int

    @property
    def leet(self) -> list[str]:
        """The peer's command."""
        return [str(Path(self.python).parent / "wandb"), "leet"]

    def peer_runs(self, name: str, verb: str, number: int) -> Path:
        """A folder of the peer's runs, made when it is first asked for."""
        folder = self.folder / f"leet-{name}"
        if not folder.exists():
            subprocess.run([self.python, HERE / "leet_runs.py", verb, folder, str(number)], check=True)
        return folder / "wandb"

    def own_runs(self, count: int) -> Path:
        """A folder with `count` runs of dltui below `runs`."""
        folder = self.folder / f"dltui-{count}"
        return folder if folder.exists() else make_runs(folder, count)


def start(world: World) -> Figures:
    """First useful screen at several numbers of runs."""
    figures: Figures = {}
    for count in COUNTS:
        own, peer = world.own_runs(count), world.peer_runs(str(count), "many", count)

        def ours(own: Path = own) -> float:
            return first_screen(DLTUI, own, "digits-mlp")

        def theirs(peer: Path = peer) -> float:
            return first_screen([*world.leet, str(peer)], world.folder, "Runs")

        columns = in_turn(world.repeat, ours, theirs)
        figures[f"first screen, {count:,} runs / LEET's (×)"] = paired_ratio(*columns)
    return figures


def keys(world: World) -> Figures:
    """Key to paint in a list of 10,000 runs, beside the peer's with 1,000."""
    ours = _key_times(DLTUI, world.own_runs(10_000), "digits-mlp", b"2")
    theirs = _key_times([*world.leet, str(world.peer_runs("1000", "many", 1_000))], world.folder, "Runs", b"")
    return {
        "key to paint, 10,000 runs / LEET's with 1,000: median (×)": statistics.median(ours)
        / statistics.median(theirs),
        "key to paint, 10,000 runs / LEET's with 1,000: p95 (×)": _p95(ours) / _p95(theirs),
    }


def _key_times(command: list[str], cwd: Path, pattern: str, before: bytes) -> list[float]:
    """Seconds from each of 60 keys to the first byte of its repaint."""
    terminal = Terminal(command, cwd=cwd)
    terminal.wait_for(pattern)
    terminal.settle()
    if before:
        terminal.send(before)
        terminal.settle()
    times = [terminal.key(b"\x1b[B", gap=0.25) for _ in range(60)]
    terminal.close()
    return [found for found in times if found is not None]


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


def idle(world: World) -> Figures:
    """CPU and memory of the list of 1,000 runs when nothing happens."""
    own = _idle(DLTUI, world.own_runs(1_000), "digits-mlp")
    peer = _idle([*world.leet, str(world.peer_runs("1000", "many", 1_000))], world.folder, "Runs")
    return {
        "idle, 1,000 runs: CPU / LEET's (×)": own[0] / peer[0],
        "idle, 1,000 runs: bytes/s": own[1],
        "memory, 1,000 runs / LEET's (×)": own[2] / peer[2],
    }


def _idle(command: list[str], cwd: Path, pattern: str) -> tuple[float, float, float]:
    terminal = Terminal(command, cwd=cwd)
    terminal.wait_for(pattern)
    terminal.settle(quiet=2.0)
    cpu, written = watch(terminal, 20)
    memory = terminal.usage().rss_megabytes
    terminal.close()
    return cpu, written, memory


def live(world: World) -> Figures:
    """CPU and bytes while a run logs 20 points a second into four panels."""
    own, peer = _live_own(world), _live_peer(world)
    return {
        "live, 20 points/s: CPU / LEET's (×)": own[0] / peer[0],
        "live, 20 points/s: bytes / LEET's (×)": own[1] / peer[1],
        "live, 20 points/s: memory / LEET's (×)": own[2] / peer[2],
    }


def _live_own(world: World) -> tuple[float, float, float]:
    folder = world.own_runs(1)
    paths = fake_live_run(folder / "runs", 200)
    terminal = Terminal([*DLTUI, paths.id], cwd=folder)
    terminal.wait_for("loss")
    terminal.settle(quiet=1.0)
    step = 200
    with SeriesWriter(paths.series) as writer:

        def log() -> None:
            nonlocal step
            step += 1
            writer.log(step, dict.fromkeys(LIVE_METRICS, 0.2 + 0.1 * (step % 7) / 7))

        return _watched(terminal, log)


def _live_peer(world: World) -> tuple[float, float, float]:
    folder = world.folder / "leet-live"
    command = [world.python, HERE / "leet_runs.py", "live", folder, "20", "90"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        run = next((folder / "wandb").glob("offline-run-*"))
        terminal = Terminal([*world.leet, "run", str(run)], cwd=world.folder)
        terminal.wait_for("loss")
        found = _watched(terminal, None)
        writer.terminate()
    return found


def _watched(terminal: Terminal, tick: Callable[[], None] | None) -> tuple[float, float, float]:
    watch(terminal, 5, tick)
    cpu, written = watch(terminal, 25, tick)
    memory = terminal.usage().rss_megabytes
    terminal.close()
    return cpu, written, memory


def million(world: World) -> Figures:
    """From start until all points of four long series are drawn, and the memory then."""
    steps = world.steps
    folder = make_runs(world.folder / "long", 1)
    paths = fake_live_run(folder / "runs", steps)
    terminal = Terminal([*DLTUI, paths.id], cwd=folder)
    terminal.wait_for("loss")
    ours, memory = terminal.settle(quiet=1.5), terminal.usage().rss_megabytes
    terminal.close()
    run = next(world.peer_runs("long", "one", steps).glob("offline-run-*"))
    terminal = Terminal([*world.leet, "run", str(run)], cwd=world.folder)
    terminal.wait_for("loss")
    theirs = terminal.settle(quiet=6.0, seconds=300)  # it repaints every second or so while it loads
    peer_memory = terminal.usage().rss_megabytes
    terminal.close()
    return {
        f"4 × {steps:,} points drawn / LEET's (×)": ours / theirs,
        f"memory then, 4 × {steps:,} points / LEET's (×)": memory / peer_memory,
    }


def overlay(world: World) -> Figures:
    """50 runs × 100,000 points over one another: from the key to the last byte of the picture."""
    folder = make_runs(world.folder / "overlay", 50)
    _lengthen(folder / "runs", 100_000)
    terminal = Terminal(DLTUI, cwd=folder)
    terminal.wait_for("digits-mlp")
    terminal.settle()
    for key in (b"2", b"a"):
        terminal.send(key)
        terminal.settle(quiet=1.0)
    pressed = time.perf_counter() - terminal.began
    terminal.send(b"c")
    drawn = terminal.settle(quiet=2.0)
    terminal.close()
    return {"50 runs × 100,000 points overlaid (s)": drawn - pressed}


def _lengthen(runs: Path, points: int) -> None:
    """Give the first series of every run `points` points."""
    import numpy as np

    from engine.series import record_type

    folder = RunsFolder(runs)
    for i, run in enumerate(folder.ids()):
        records = np.zeros(points, record_type())
        records["step"] = np.arange(1, points + 1)
        records["time"] = 1.7e9 + np.arange(points) * 0.01
        records["value"] = np.exp(-np.arange(points) / points * 3) + np.random.default_rng(i).normal(0, 0.05, points)
        for path in folder.paths(run).series.rglob("*.f8"):
            path.write_bytes(records.tobytes())


PARTS: dict[str, Callable[[World], Figures]] = {
    "start": start, "keys": keys, "idle": idle, "live": live, "million": million, "overlay": overlay,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all when none is given")
    parser.add_argument("--python", default=os.environ.get("DLTUI_LEET_PYTHON"), help="a Python that has wandb")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not given.python:
        raise SystemExit("name a Python that has wandb: --python, or DLTUI_LEET_PYTHON")
    for package in ("engine", "tui"):  # as an installation leaves them
        subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / package], check=True)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name), given.python, given.repeat, given.steps)
        for part in given.parts or PARTS:
            figures |= PARTS[part](world)
    for label, value in figures.items():
        print(f"{label:65s} {value:10.3f}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
