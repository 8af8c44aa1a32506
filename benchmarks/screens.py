"""What the terminal UI costs, measured from outside through a pseudo-terminal at 160×48.

    python benchmarks/screens.py [--leet COMMAND] [--repeat N] [--json FILE]

`--leet` (or DLTUI_LEET) is the peer's command on its own 1,000 runs, such as `wandb leet /data/wandb`; without it the
ratios against it are left out. Everything is measured in one run, the programs in turn, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.terminal import Terminal
from engine.runs import RunPaths, RunsFolder, load_run, write_state
from engine.series import SeriesWriter

HERE = Path(__file__).resolve().parent
DLTUI = [sys.executable, "-P", "-c", "from tui.main import main; raise SystemExit(main())"]
LIVE_METRICS = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")


def make_runs(folder: Path, count: int) -> Path:
    """A folder with `count` runs below `folder/runs`."""
    runs = folder / "runs"
    subprocess.run([sys.executable, HERE / "make_runs.py", runs, str(count)], check=True, capture_output=True)
    subprocess.run(
        [*ENGINE, "runs", "--json"], cwd=folder, check=True, capture_output=True
    )  # as any use leaves the index
    return folder


ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]


def first_screen(command: list[str], cwd: Path, pattern: str) -> float:
    """Milliseconds from the start of `command` until `pattern` is on the screen."""
    terminal = Terminal(command, cwd=cwd)
    try:
        return terminal.wait_for(pattern) * 1e3
    finally:
        terminal.settle()
        terminal.close()


def in_turn(repeat: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Each measure `repeat` times after a warm-up, A B C A B C …"""
    for measure in measures:
        measure()
    rounds = [[measure() for measure in measures] for _ in range(repeat)]
    return [list(column) for column in zip(*rounds, strict=True)]


def paired_ratio(over: list[float], under: list[float]) -> float:
    """The median of the pairwise ratios."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def start_up(world: Path, leet: list[str] | None, repeat: int) -> dict[str, Any]:
    """First useful screen with 1,000 and with 10,000 runs, beside the peer's with 1,000."""
    small, large = make_runs(world / "k1", 1_000), make_runs(world / "k10", 10_000)
    measures = [lambda: first_screen(DLTUI, small, "digits-mlp"), lambda: first_screen(DLTUI, large, "digits-mlp")]
    if leet:
        measures.append(lambda: first_screen(leet, world, "Runs"))
    columns = in_turn(repeat, *measures)
    result: dict[str, Any] = {
        "first screen, 1,000 runs (ms)": statistics.median(columns[0]),
        "first screen, 10,000 / 1,000 runs": paired_ratio(columns[1], columns[0]),
    }
    if leet:
        result["first screen, 1,000 runs / LEET's"] = paired_ratio(columns[0], columns[2])
    return result


def fake_live_run(runs: Path, points: int) -> RunPaths:
    """A run that this very process pretends to train, with `points` points in each of four series."""
    import numpy as np

    from engine.processes import boot_id, hostname, process_start
    from engine.series import record_type, series_path

    folder = RunsFolder(runs)
    template = folder.paths(folder.ids()[-1])
    paths = folder.new()
    paths.run.write_bytes(template.run.read_bytes().replace(template.id.encode(), paths.id.encode()))
    state = load_run(template).state
    state.state, state.host, state.boot_id, state.ended = "running", hostname(), boot_id(), None
    state.pid, state.pid_start = os.getpid(), process_start(os.getpid())
    write_state(paths, state)
    for i, name in enumerate(LIVE_METRICS):
        records = np.zeros(points, record_type())
        records["step"] = np.arange(1, points + 1)
        records["time"] = 1.7e9 + np.arange(points) * 0.01
        noise = np.random.default_rng(i).normal(0, 0.05, points)
        records["value"] = np.exp(-np.arange(points) / max(points, 1) * 3) + noise
        path = series_path(paths.series, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(records.tobytes())
    return paths


def million_points(world: Path, repeat: int) -> dict[str, Any]:
    """A run with 1,000,000 points in each of four series, opened directly."""
    folder = make_runs(world / "big", 20)
    paths = fake_live_run(folder / "runs", 1_000_000)
    seconds, memory = [], []
    for _ in range(repeat):
        terminal = Terminal([*DLTUI, paths.id], cwd=folder)
        terminal.wait_for("loss")
        seconds.append(terminal.settle(quiet=1.0))
        memory.append(terminal.usage().rss_megabytes)
        terminal.close()
    return {
        "4 × 1,000,000 points fully drawn (s from start)": statistics.median(seconds),
        "memory then (MB)": statistics.median(memory),
    }


def keys(world: Path) -> dict[str, Any]:
    """Key to repaint in the list of 10,000 runs while one of them is live."""
    folder = world / "k10"
    paths = fake_live_run(folder / "runs", 1_000)
    terminal = Terminal(DLTUI, cwd=folder)
    terminal.wait_for("digits-mlp")
    terminal.settle()
    terminal.send(b"2")
    terminal.settle()
    with SeriesWriter(paths.series) as writer:
        times = []
        for step in range(100):
            writer.log(1_001 + step, dict.fromkeys(LIVE_METRICS, 0.5))
            times.append(terminal.key(b"j"))
    terminal.close()
    milliseconds = sorted(1e3 * t for t in times if t is not None)
    return {
        "key to repaint, 10,000 runs: median (ms)": statistics.median(milliseconds),
        "key to repaint, 10,000 runs: p95 (ms)": milliseconds[int(0.95 * len(milliseconds))],
        "keys without a repaint": sum(t is None for t in times),
    }


def watch(terminal: Terminal, seconds: float, tick: Callable[[], None] | None = None) -> tuple[float, float]:
    """CPU per cent and bytes a second over `seconds`, calling `tick` 20 times a second."""
    before, written, began = terminal.usage(), terminal.bytes_read, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        if tick:
            tick()
        time.sleep(max(0.0, 0.05 - (time.perf_counter() - now)))
    elapsed = time.perf_counter() - began
    return (terminal.usage().cpu_seconds - before.cpu_seconds) / elapsed * 100, (
        terminal.bytes_read - written
    ) / elapsed


def idle_and_live(world: Path) -> dict[str, Any]:
    """Idle in the list of 1,000 runs, then watching a run that logs 20 points a second."""
    folder = world / "k1"
    terminal = Terminal(DLTUI, cwd=folder)
    terminal.wait_for("digits-mlp")
    terminal.settle(quiet=2.0)
    idle_cpu, idle_bytes = watch(terminal, 15)
    terminal.close()

    paths = fake_live_run(folder / "runs", 2_000)
    terminal = Terminal([*DLTUI, paths.id], cwd=folder)
    terminal.wait_for("loss")
    terminal.settle(quiet=1.0)
    step = 2_000
    with SeriesWriter(paths.series) as writer:

        def log() -> None:
            nonlocal step
            step += 1
            writer.log(step, dict.fromkeys(LIVE_METRICS, 0.2 + 0.1 * (step % 7) / 7))

        watch(terminal, 3, log)
        live_cpu, live_bytes = watch(terminal, 20, log)
    terminal.settle(quiet=1.5)
    delays = [log_to_screen(terminal, paths, step + 1 + i) for i in range(5)]
    terminal.close()
    return {
        "idle, 1,000 runs: CPU (%)": idle_cpu,
        "idle, 1,000 runs: bytes/s": idle_bytes,
        "watching 20 points/s: CPU (%)": live_cpu,
        "watching 20 points/s: bytes/s": live_bytes,
        "log() to screen (s, worst of 5)": max(delays),
    }


def log_to_screen(terminal: Terminal, paths: RunPaths, step: int) -> float:
    """Seconds from one `log` call to the first byte that shows it."""
    terminal.settle(quiet=1.0)
    with terminal.changed:
        seen = len(terminal.chunks)
    began = time.perf_counter()
    with SeriesWriter(paths.series) as writer:
        writer.log(step, dict.fromkeys(LIVE_METRICS, 0.3 + step % 5 / 10))
    with terminal.changed:
        terminal.changed.wait_for(lambda: len(terminal.chunks) > seen, timeout=5)
        stamp = terminal.chunks[seen][0] if len(terminal.chunks) > seen else began + 5
    return stamp - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--leet", default=os.environ.get("DLTUI_LEET"), help="the peer's command on 1,000 runs of its own"
    )
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    leet = shlex.split(options.leet) if options.leet else None
    for package in ("engine", "tui"):  # as an installation leaves them
        subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / package], check=True)
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        result = {
            **start_up(world, leet, options.repeat),
            **million_points(world, 3),
            **keys(world),
            **idle_and_live(world),
        }
    for label, value in result.items():
        print(f"{label:55s} {value:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
