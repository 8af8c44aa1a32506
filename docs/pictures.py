"""Draws the pictures of the README and of the user guide from the program itself, and the guide's tables of keys.

    python docs/pictures.py [FOLDER [COLUMNSxROWS]]        (`make pictures` without either)

FOLDER holds `runs/`: their pictures go beside it. Without one, a few small runs are trained first, made to stand still
(`docs/picture_runs.py`), and the pictures of docs/images are replaced: the same program draws the same ones again.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.picture_runs import LIVE, NOW, train  # noqa: E402

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DltuiApp

IMAGES = ROOT / "docs" / "images"
GUIDE = ROOT / "docs" / "user-guide.md"
SCENES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("experiments", ("1",)),
    ("launch", ("enter",)),
    ("runs", ("escape", "2")),
    ("filter", ("slash", *"test/accuracy > 0.9 and data.name == 'digits'")),
    ("marks", ("escape", "m")),
    ("trash", ("escape", "d")),
    ("compare", ("escape", "G", "k", "k", "space", "k", "space", "k", "space", "c")),
    ("devices", ("escape", "3")),
    ("help", ("2", "question_mark")),
    ("palette", ("escape", "ctrl+p", *"res")),
)
"""Name of the picture and the keys that lead there from the one before; digits and letters as they are typed."""
NAMED = {" ": "space", "/": "slash", ">": "greater_than_sign", "<": "less_than_sign", "=": "equals_sign",
         "'": "apostrophe", ".": "full_stop", "_": "underscore"}  # fmt: skip
SEEN_OF = "e0005"
"""The run whose tabs are shown: it has images, checkpoints and an evaluation of the test split."""


class Camera:
    """The program without a terminal, and the folder for its pictures."""

    def __init__(self, pilot: Pilot[None], images: Path) -> None:
        self.pilot, self.images = pilot, images
        self.keys: dict[str, str] = {}

    async def shoot(self, name: str, *keys: str) -> None:
        """Press keys, wait until nothing changes any more, keep the picture and the keys that work there."""
        for key in keys:
            await self.pilot.press(NAMED.get(key, key))
        await self._settled()
        picture = self.pilot.app.export_screenshot(title=f"dltui · {name}")
        (self.images / f"{name}.svg").write_text(_plain(picture), encoding="utf-8")
        self.keys[name] = key_table(self.pilot.app)
        print(name, flush=True)

    async def _settled(self) -> None:
        before, same = "", 0
        for _ in range(400):
            await self.pilot.pause(0.1)
            self.pilot.app.clear_notifications()
            now = _text(self.pilot.app)
            same = same + 1 if now == before and "reading the data" not in now else 0
            before = now
            if same == 8:
                return


def _text(app: Any) -> str:
    return "\n".join("".join(part.text for part in strip) for strip in app.screen._compositor.render_strips())


def _plain(picture: str) -> str:
    """A picture without what differs from one drawing to the next: ids made of its content."""
    return re.sub(r"terminal-\d+", "terminal", picture)


def key_table(app: Any) -> str:
    """The keys of what is on screen, as Markdown: those of the screen, its tab and its lists."""
    from tui.screens.help import sections

    rows = []
    for section in sections(app.screen):
        if section.title == "Everywhere":
            continue
        rows += [f"| {_keys(keys)} | {what} |" for keys, what in section.entries]
    return "\n".join(["| key | |", "|---|---|", *dict.fromkeys(rows)])


def _keys(keys: str) -> str:
    return " ".join(f"`{key}`".replace("|", "\\|") for key in keys.split())


async def draw(size: tuple[int, int], images: Path, *, shown: str) -> dict[str, str]:
    """Every main screen and tab as an SVG in `images`; the keys of each."""
    from tui.app import DltuiApp
    from tui.store import Store

    store = Store(Path("runs"), None)
    store.load()
    app = DltuiApp(store)
    async with app.run_test(size=size, notifications=True) as pilot:
        camera = Camera(pilot, images)
        for name, keys in SCENES:
            await camera.shoot(name, *keys)
        await camera.shoot("everywhere", "escape", "2")
        camera.keys["everywhere"] = _everywhere(app)
        (images / "everywhere.svg").unlink()
        await _shoot_run(camera, app, shown)
    return camera.keys


async def _shoot_run(camera: Camera, app: DltuiApp, shown: str) -> None:
    """The run that trains, then all tabs of another."""
    from tui.screens.run import RunScreen

    app.open_run(LIVE)
    await camera.shoot("run")
    await camera.pilot.press("escape")
    app.open_run(shown)
    await camera.shoot("run-curves")
    names: list[str] = []
    while isinstance(app.screen, RunScreen) and app.screen.tab is not None and app.screen.tab.NAME not in names:
        names.append(app.screen.tab.NAME)
        await camera.shoot(f"run-{names[-1]}")
        await camera.pilot.press("right")


def _everywhere(app: Any) -> str:
    from tui.screens.help import sections

    found = next(section for section in sections(app.screen) if section.title == "Everywhere")
    return "\n".join(["| key | |", "|---|---|", *(f"| {_keys(keys)} | {what} |" for keys, what in found.entries)])


def write_keys(keys: dict[str, str]) -> None:
    """Put the tables of keys between their marks in the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    for name in re.findall(r"<!-- keys: ([\w-]+) -->", text):
        pattern = re.compile(rf"(<!-- keys: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda match: f"{match[1]}{keys[name]}\n{match[2]}", text)  # noqa: B023
    GUIDE.write_text(text, encoding="utf-8")


@contextmanager
def calm_machine() -> Iterator[None]:
    """A clock that stands and a machine that is never busy: what is measured is the same in every picture."""
    import psutil

    os.environ |= {"TZ": "UTC", "CUDA_VISIBLE_DEVICES": ""}
    time.tzset()
    kept = time.time
    time.time = lambda: NOW  # type: ignore[assignment]
    psutil.cpu_percent = lambda *_, **__: 4.0  # type: ignore[assignment]
    os.getloadavg = lambda: (0.31, 0.28, 0.25)
    try:
        yield
    finally:
        time.time = kept


def main() -> None:
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    columns, rows = (sys.argv[2] if len(sys.argv) > 2 else "120x34").split("x")
    size = int(columns), int(rows)
    os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="dltui-pictures-")
    if folder is not None:
        images = folder / f"pictures-{columns}x{rows}"
        images.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        newest = max(path.name for path in Path("runs").glob("e*"))
        asyncio.run(draw(size, images, shown=newest))
        return
    with tempfile.TemporaryDirectory(prefix="dltui-pictures-") as name:
        os.chdir(name)
        train(Path(name))
        with calm_machine():
            write_keys(asyncio.run(draw(size, IMAGES, shown=SEEN_OF)))


if __name__ == "__main__":
    main()
