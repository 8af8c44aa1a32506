"""What many tests share: the commands as real processes, and waiting for a condition without sleeping blindly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def wait_until(condition: Callable[[], Any], seconds: float = 60.0, what: str | Callable[[], str] = "") -> Any:
    """Poll `condition` until it is truthy and return its value; fail the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {(what() if callable(what) else what) or condition}")
        time.sleep(0.02)


def engine_command(*arguments: str) -> list[str]:
    """The `engine` command as this interpreter runs it."""
    return [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())", *arguments]


def environment(**extra: str) -> dict[str, str]:
    """This environment with the checkout importable from any folder, and no terminal size but the terminal's own."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    return {**inherited, "PYTHONPATH": str(ROOT), **extra}


def run_engine(*arguments: str, cwd: Path, timeout: float = 110.0, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `engine ARGUMENTS` in `cwd` to its end; `extra` goes into the environment."""
    return subprocess.run(
        engine_command(*arguments), cwd=cwd, env=environment(**extra), capture_output=True, text=True, timeout=timeout
    )


def engine_json(*arguments: str, cwd: Path, **extra: str) -> Any:
    """The last line of stdout of a successful `engine ARGUMENTS`, as JSON."""
    done = run_engine(*arguments, cwd=cwd, **extra)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.strip().splitlines()[-1])
