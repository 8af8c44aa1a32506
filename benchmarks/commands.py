"""How long `engine list` and `engine runs` take as whole processes, with 1,000 runs.

python benchmarks/commands.py [--repeat N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]


def seconds(command: list[str], cwd: Path) -> float:
    """Wall-clock seconds of one whole process."""
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        subprocess.run([sys.executable, HERE / "make_runs.py", world / "runs", "1000"], check=True, capture_output=True)
        for verb in ("list", "runs"):
            seconds([*ENGINE, verb], world)
            times = [seconds([*ENGINE, verb], world) for _ in range(options.repeat)]
            result[f"engine {verb}, 1,000 runs (s)"] = statistics.median(times)
    for label, value in result.items():
        print(f"{label:55s} {value:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
