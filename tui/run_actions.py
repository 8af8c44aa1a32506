"""What a run's screen asks for that takes more than a call: scoring a checkpoint in a process, launching from one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import EngineError
from engine.jsonio import number
from tui.run_store import RunSnapshot
from tui.text import number as shown
from tui.theme import symbol

if TYPE_CHECKING:
    from engine.run import Run
    from tui.app import DltuiApp


@dataclass(frozen=True)
class Evaluation:
    """What scoring a checkpoint came to, in a line."""

    words: str
    failed: bool = False


def reached_limit(snapshot: RunSnapshot) -> tuple[str, float] | None:
    """The limit that has to grow for a run to go on: `("train.epochs", 100)`; None when it was cut short."""
    return _reached(snapshot.run, snapshot.status, snapshot.limits)


def reached_limit_of(run: Run) -> tuple[str, float] | None:
    """The same of a run that no screen shows."""
    from engine.resume import limits

    return _reached(run, run.status, limits(run.paths))


def _reached(run: Run, status: str, grown: Mapping[str, float]) -> tuple[str, float] | None:
    if status != "finished":
        return None
    train = run.info.settings.get("train")
    train = train if isinstance(train, dict) else {}
    state = run.state
    for key, done in (("epochs", state.epoch), ("steps", float(state.step)), ("minutes", state.seconds / 60)):
        value = grown.get(f"train.{key}", train.get(key))
        if isinstance(value, (int, float)) and value and done >= value * 0.999:
            return f"train.{key}", float(value)
    return None


def split_to_score(snapshot: RunSnapshot) -> str:
    """The split that a checkpoint is scored on: test; a run without one, such as that of a fold, its validation set."""
    splits = snapshot.data.table.get("splits")
    names = list(splits) if isinstance(splits, dict) else []
    if "test" in names or not names:
        return "test"
    return next((name for name in names if name == "validation" or name.startswith("val_")), "train")


def evaluate(root: Path, reference: str, closing: threading.Event, split: str = "test") -> Evaluation:
    """Run `engine evaluate` to its end, or until `closing` is set.

    Returns:
        The metrics in a line, or what went wrong.
    """
    command = [sys.executable, "-P", "-m", "engine.cli", "evaluate", reference, "--split", split, "--json"]
    command += ["--runs", str(root.absolute())]
    environment = _environment()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    while True:
        try:
            output, errors = process.communicate(timeout=0.3)
            break
        except subprocess.TimeoutExpired:
            if closing.is_set():
                process.terminate()
    return _outcome(reference, split, process.returncode, output, errors)


def _environment() -> dict[str, str]:
    import os

    import engine

    own = str(Path(engine.__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": f"{own}{os.pathsep}{path}" if path else own}


def _outcome(reference: str, split: str, code: int, output: bytes, errors: bytes) -> Evaluation:
    lines = output.decode(errors="replace").strip().splitlines()
    if code != 0:
        said = errors.decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
        return Evaluation(f"{reference} could not be evaluated: {' '.join(said[-3:])}", failed=True)
    try:
        content: Any = msgspec.json.decode("\n".join(lines)) if len(lines) > 1 else msgspec.json.decode(lines[-1])
        metrics = dict(content["metrics"])
    except (msgspec.DecodeError, IndexError, KeyError, TypeError, ValueError):
        return Evaluation(f"{reference} was evaluated, but the answer cannot be read", failed=True)
    short = {str(name).removeprefix(f"{split}/"): value for name, value in metrics.items()}
    liked = ("cer", "rmse", "bits_per_character", "accuracy", "majority", "accuracy_unseen", "macro_f1",
             "balanced_accuracy", "perplexity", "texts", "loss", "r2", "mae")  # fmt: skip
    parts = [f"{split}/{name} {shown(number(short[name]))}" for name in liked if name in short]
    parts = parts or [f"{split}/{name} {shown(number(value))}" for name, value in short.items()][:6]
    words = f" {symbol('dot')} ".join(parts) or "no metrics"
    return Evaluation(f"{reference}   {words}")


def open_launch(app: DltuiApp, snapshot: RunSnapshot | Run, reference: str) -> None:
    """The launch dialog with the run's own settings and `reference` as parent."""
    from engine.experiments import settings_from_run

    try:
        settings = settings_from_run(snapshot.info)
    except EngineError as error:
        app.complain(error)
        return
    from tui.screens.launch import LaunchScreen

    folder = Path(snapshot.info.folder) if snapshot.info.folder else None
    app.push_screen(LaunchScreen(snapshot.info.experiment, parent=reference, settings=settings, folder=folder))
