"""Draws the pictures of the README from the program itself: `make pictures`.

    python docs/pictures.py [FOLDER [COLUMNSxROWS]]

FOLDER holds `runs/`; without one, a few small runs are trained first.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SHOWN = ("experiments", "launch", "runs", "run", "run-data")
"""What the project keeps; the other screens are drawn for a folder of one's own."""
sys.path.insert(0, str(ROOT))

ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]


def train(folder: Path) -> None:
    """A few runs that take seconds."""
    for arguments in (["digits-mlp"], ["digits-mlp", "-s", "optimizer.lr=0.0003"], ["wine-mlp"], ["digits-cnn"]):
        subprocess.run([*ENGINE, "train", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*ENGINE, "mark", "e0001", "--star"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


async def draw(size: tuple[int, int], images: Path) -> None:
    """Every main screen as an SVG in `images`."""
    from textual.pilot import Pilot

    from tui.app import DltuiApp
    from tui.store import Store

    async def shoot(pilot: Pilot[None], name: str) -> None:
        await pilot.pause(1.5)
        if images != IMAGES or name in SHOWN:
            (images / f"{name}.svg").write_text(pilot.app.export_screenshot(title=f"dltui · {name}"))

    store = Store(Path("runs"), None)
    store.load()
    app = DltuiApp(store)
    async with app.run_test(size=size) as pilot:
        await shoot(pilot, "experiments")
        await pilot.press("enter")
        await shoot(pilot, "launch")
        await pilot.press("escape", "2")
        await shoot(pilot, "runs")
        await pilot.press("enter")
        await shoot(pilot, "run")
        for tab in ("data", "evaluation", "checkpoints", "model", "log", "settings", "notes"):
            await pilot.press("right")
            await shoot(pilot, f"run-{tab}")
        await pilot.press("question_mark")
        await shoot(pilot, "help")
        await pilot.press("escape", "3")
        await shoot(pilot, "devices")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    columns, rows = (sys.argv[2] if len(sys.argv) > 2 else "120x34").split("x")
    images = IMAGES if folder is None else folder / f"pictures-{columns}x{rows}"
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        if folder is None:
            folder = Path(name)
            train(folder)
        os.chdir(folder)
        asyncio.run(draw((int(columns), int(rows)), images.resolve()))


if __name__ == "__main__":
    main()
