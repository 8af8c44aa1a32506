"""Draws the pictures of the README and of the user guide from the program itself, and the guide's tables of keys.

    python docs/pictures.py [FOLDER [COLUMNSxROWS]]        (`make pictures` without either)

FOLDER holds `runs/`: their pictures go beside it. Without one, a few small runs are trained first, made to stand still
(`docs/picture_runs.py`), and the pictures of docs/images are replaced: the same program draws the same ones again.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.picture_runs import LIVE, NOW, train  # noqa: E402

if TYPE_CHECKING:
    from textual.pilot import Pilot

IMAGES = ROOT / "docs" / "images"
GUIDE = ROOT / "docs" / "user-guide.md"


@dataclass(frozen=True)
class Scene:
    """One picture."""

    name: str
    at: str
    """Where it begins: experiments, runs, devices, or a tab of the run that is shown."""
    keys: tuple[str, ...] = ()
    """What is typed from there; letters and signs as they are."""
    words: str = ""
    """What must be on screen then: else the program has changed, and this table must follow."""


SCENES = (
    Scene("experiments", "experiments", words="Handwritten digits"),
    Scene("launch", "experiments", ("enter",), "engine train"),
    Scene("rows", "experiments", ("v",), "row 0"),
    Scene("runs", "runs", words="e0005"),
    Scene("filter", "runs", ("/", *"test/accuracy > 0.9 and data.name == 'digits'"), "of 7"),
    Scene("columns", "runs", ("C",), "Columns"),
    Scene("groups", "runs", ("b", "enter"), "groups by"),
    Scene("actions", "runs", ("G", ":"), "again"),
    Scene("trash", "runs", ("j", "d"), "in the trash"),
    Scene("compare", "runs", (*"jjj", "space", "space", "space", "c"), "baseline"),
    Scene("compare-classes", "runs", (*"jjj", "space", "space", "space", "c", "c"), "F1"),
    Scene("journal", "runs", ("J",), "What the rate does"),
    Scene("devices", "devices", words="cpu"),
    Scene("themes", "devices", ("f8",), "contrast"),
    Scene("palette", "runs", ("ctrl+p", *"resume"), "resume"),
    Scene("run", "live", words="running"),
    *(
        Scene(f"run-{tab}", tab)
        for tab in ("curves", "data", "evaluation", "checkpoints", "model", "log", "settings", "notes", "system")
    ),
    Scene("matrix", "evaluation", ("m",), "taken for"),
    Scene("samples", "evaluation", ("v",), "over the epochs"),
    Scene("layers", "model", ("v",), "radient"),
)
NAMED = {" ": "space", "/": "slash", ">": "greater_than_sign", "<": "less_than_sign", "=": "equals_sign",
         "'": "apostrophe", ":": "colon", ".": "full_stop", "_": "underscore"}  # fmt: skip
ONLY: set[str] | None = None
"""Draw these scenes alone; all when None."""
SEEN_OF = "e0005"
"""The run whose tabs are shown: it has images, checkpoints and an evaluation of the test split."""


class Camera:
    """The program without a terminal, and the folder for its pictures."""

    def __init__(self, pilot: Pilot[None], images: Path, shown: str) -> None:
        self.pilot, self.images, self.shown = pilot, images, shown
        self.keys: dict[str, str] = {}
        """Of each picture, the keys that work there."""
        self.missing: list[str] = []
        """Scenes whose keys no longer lead there."""

    async def shoot(self, scene: Scene) -> None:
        """Go where the scene begins, type, wait until nothing changes any more, keep the picture and the keys there."""
        await self._go(scene.at)
        self.pilot.app.clear_notifications()
        for key in scene.keys:
            await self.pilot.press(NAMED.get(key, key))
            await self._given_out()
        await self._settled()
        if scene.words not in _text(self.pilot.app):
            self.missing.append(scene.name)
            print(f"{scene.name}: no {scene.words!r} in\n{_text(self.pilot.app)}", file=sys.stderr)
            return
        picture = self.pilot.app.export_screenshot(title=f"dltui · {scene.name}")
        (self.images / f"{scene.name}.svg").write_text(_plain(picture), encoding="utf-8")
        self.keys[scene.name] = key_table(self.pilot.app)
        if not self.pilot.app.screen.is_modal:
            self.keys |= {"everywhere": key_table(self.pilot.app, "Everywhere"), "moving": moving_table()}

    async def _go(self, place: str) -> None:
        app: Any = self.pilot.app
        while len(app.screen_stack) > 1:
            await app.pop_screen()
        if place in ("experiments", "runs", "devices"):
            await self._list(place)
            return
        app.open_run(LIVE if place == "live" else self.shown)
        await self._settled()
        for _ in range(12):
            if place in ("live", app.screen.tab.NAME):
                break
            await self.pilot.press("right")
            await self.pilot.pause(0.1)

    async def _list(self, place: str) -> None:
        """A main screen as it is at first: nothing typed, filtered or selected, the cursor at its top."""
        app: Any = self.pilot.app
        for key in ("escape", "escape", "escape", {"experiments": "1", "runs": "2", "devices": "3"}[place]):
            await self.pilot.press(key)
            await self._given_out()
        if place == "runs":
            from tui.run_view import View

            app.show_runs(View())
        await self.pilot.press("home")
        await self._given_out()

    async def _given_out(self) -> None:
        """Wait until the app has acted on what was typed."""
        app: Any = self.pilot.app
        while app._keys._task is not None and not app._keys._task.done():
            await self.pilot.pause(0.02)

    async def _settled(self) -> None:
        before, same = "", 0
        for _ in range(400):
            await self.pilot.pause(0.1)
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


def key_table(app: Any, title: str = "") -> str:
    """The keys of what is on screen, as Markdown: of one section of the help, or all that do not work everywhere."""
    from tui.screens.help import sections

    known = _shared_tooltips()
    rows = []
    for section in sections(app.screen):
        if (section.title == title) if title else section.title != "Everywhere":
            rows += [f"| {_keys(keys)} | {what} |" for keys, what in section.entries if title or what not in known]
    return _table(rows)


def moving_table() -> str:
    """The keys of all lists."""
    from tui.widgets.footer import key_display
    from tui.widgets.line_list import LineList

    bindings: list[Any] = list(LineList.BINDINGS)
    return _table([f"| {_keys(' '.join(map(key_display, b.key.split(','))))} | {b.tooltip} |" for b in bindings])


def _shared_tooltips() -> set[str]:
    """What the keys do that all lists, or all panes of text, have in common."""
    from tui.widgets.line_list import LineList
    from tui.widgets.lines_pane import LinesPane

    bindings: list[Any] = [*LineList.BINDINGS, *LinesPane.BINDINGS]
    return {binding.tooltip for binding in bindings}


def _table(rows: list[str]) -> str:
    return "\n".join(["| key | |", "|---|---|", *dict.fromkeys(rows)])


def _keys(keys: str) -> str:
    return " ".join(f"`{key}`".replace("|", "\\|") for key in keys.split())


async def draw(size: tuple[int, int], images: Path, *, shown: str) -> Camera:
    """Every scene as an SVG in `images`; `shown` is the run whose tabs are seen."""
    from tui.app import DltuiApp
    from tui.store import Store

    store = Store(Path("runs"), None)
    store.load()
    app = DltuiApp(store)
    async with app.run_test(size=size, notifications=True) as pilot:
        camera = Camera(pilot, images, shown)
        for scene in SCENES:
            if ONLY is None or scene.name in ONLY:
                await camera.shoot(scene)
    return camera


def write_keys(keys: dict[str, str]) -> None:
    """Put the tables of keys between their marks in the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    for name in re.findall(r"<!-- keys: ([\w-]+) -->", text):
        pattern = re.compile(rf"(<!-- keys: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if name in keys:
            text = pattern.sub(lambda match: f"{match[1]}{keys[name]}\n{match[2]}", text)  # noqa: B023
    GUIDE.write_text(text, encoding="utf-8")


class _Disk(NamedTuple):
    total: int
    used: int
    free: int


@contextmanager
def calm_machine() -> Iterator[None]:
    """A clock that stands and a machine that is never busy: what is measured is the same in every picture."""
    os.environ |= {"TZ": "UTC", "CUDA_VISIBLE_DEVICES": ""}
    time.tzset()
    kept = time.time
    time.time = lambda: NOW  # type: ignore[assignment]
    os.getloadavg = lambda: (0.31, 0.28, 0.25)
    shutil.disk_usage = lambda _: _Disk(2_000_000_000_000, 800_000_000_000, 1_200_000_000_000)  # type: ignore
    try:
        yield
    finally:
        time.time = kept


def main() -> int:
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
        return 0
    with tempfile.TemporaryDirectory(prefix="dltui-pictures-") as name:
        os.chdir(name)
        train(Path(name))
        with calm_machine():
            camera = asyncio.run(draw(size, IMAGES, shown=SEEN_OF))
        write_keys(camera.keys)
    if camera.missing:
        print(f"no such picture any more: {', '.join(camera.missing)}; see SCENES", file=sys.stderr)
    return bool(camera.missing)


if __name__ == "__main__":
    sys.exit(main())
