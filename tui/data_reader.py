"""Has data sets summarised by `engine data NAME --json` in the background, one at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.messages import DataSummarised

if TYPE_CHECKING:
    from tui.store import Store

SECONDS = 600.0


@dataclass
class EngineProcess:
    """One `engine` command at a time; starting another ends the one before."""

    _process: subprocess.Popen[str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, words: list[str], cwd: Path | None) -> tuple[int, str, str] | None:
        """Run `engine WORDS`; blocks. Its exit code, stdout and stderr; None when another one was started meanwhile."""
        with self._lock:
            self._end()
            process = self._process = _start(words, cwd)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            return 124, "", f"the data was not read within {SECONDS:.0f} s\nR tries again"
        with self._lock:
            if self._process is not process:
                return None
            self._process = None
        return process.returncode, out, err

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGTERM)


@dataclass
class DataReader:
    """Asks for the summaries of experiments; a new question ends the one before."""

    failures: dict[str, DataSummarised] = field(default_factory=dict)
    """What could not be read, by experiment, so that it is not tried again and again."""
    reading: str | None = None
    _engine: EngineProcess = field(default_factory=EngineProcess)

    def read(self, store: Store, name: str) -> DataSummarised | None:
        """Summarise an experiment's data set; blocks. None when another question came between."""
        self.reading = name
        done = self._engine.run([*place_words(store.root, store.file), "data", name, "--json"], store.cwd)
        if done is None:
            return None
        self.reading = None
        code, out, err = done
        summary = last_object(out) if code == 0 else None
        if summary is not None:
            return DataSummarised(name, summary)
        failure = self.failures[name] = DataSummarised(name, None, *said(err, code))
        return failure

    def close(self) -> None:
        """End what runs."""
        self.reading = None
        self._engine.close()


def place_words(root: Path, file: Path | None) -> list[str]:
    """The options that say where runs and experiments are."""
    return ["--runs", str(root), *([] if file is None else ["--file", str(file)])]


def engine_command(*arguments: str) -> list[str]:
    """The `engine` command as this interpreter runs it, whatever lies in the working directory."""
    return [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())", *arguments]


def engine_environment() -> dict[str, str]:
    """This process's environment, with the engine it uses importable."""
    own = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (own, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def _start(words: list[str], cwd: Path | None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        engine_command(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=cwd,
        env=engine_environment(),
        start_new_session=True,
    )


def last_object(text: str) -> dict[str, Any] | None:
    """What a command printed as JSON, where it is an object; of several the first."""
    import msgspec

    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, dict) else None


def said(text: str, code: int) -> tuple[str, str]:
    """Error and hint from what the command wrote to stderr: the first line says what, the rest what to do."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return f"the data could not be read (exit code {code})", ""
    first = lines[0].removeprefix("engine: ")
    return first, " ".join(line.removeprefix("hint: ") for line in lines[1:6])
