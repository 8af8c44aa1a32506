"""Runs every benchmark and writes the table of benchmarks/README.md from what they measured here and now.

python benchmarks/run.py [NAME ...]      only these; the others keep their rows
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
NAMES = (
    "screens", "leet", "table", "repaint", "series_log", "series_read", "commands", "training", "recipes",
    "numpy_training", "augmentation", "slow_line",
)  # fmt: skip
FIGURES = HERE / "figures.json"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def measure(name: str) -> dict[str, float]:
    """The figures of one benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        subprocess.run([sys.executable, HERE / f"{name}.py", "--json", path], check=True)
        figures: dict[str, float] = json.loads(path.read_text())
        return figures


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as a Markdown table."""
    rows = ["| benchmark | figure | |", "|---|---|---:|"]
    for name in NAMES:
        for index, (label, value) in enumerate(figures.get(name, {}).items()):
            rows.append(f"| {f'`{name}.py`' if not index else ''} | {label} | {value:,.4g} |")
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"Measured on {machine}.\n\n" + "\n".join(rows)


def main() -> None:
    """Measure what was asked for and write the table."""
    figures: dict[str, dict[str, float]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in sys.argv[1:] or NAMES:
        figures[name] = measure(name)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
