"""One image, drawn as well as the terminal can; what is drawn beside it stays in the order it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import on, work
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.pictures import Picture, cell_pixels, kitty_delete, prepare, protocol
from tui.text import fit, safe
from tui.theme import inks
from tui.widgets.table import to_strip

SHARE = 0.6
"""Of the height that there is: the rest is for what is said of an image."""


def picture_segments(picture: Picture) -> list[list[Segment]]:
    """The lines of an image that is drawn in half blocks or characters."""
    if picture.text:
        return [[Segment(line)] for line in picture.text]
    return [_half_blocks(picture, line) for line in range(picture.rows)]


def _half_blocks(picture: Picture, y: int) -> list[Segment]:
    """Two rows of pixels as one line; neighbours of the same colours are one piece."""
    if 2 * y + 1 >= len(picture.pixels):
        return []
    segments: list[Segment] = []
    from rich.color import Color

    for upper, lower in zip(picture.pixels[2 * y], picture.pixels[2 * y + 1], strict=True):
        style = Style.from_color(Color.from_rgb(*upper), Color.from_rgb(*lower))
        if segments and segments[-1].style == style:
            segments[-1] = Segment(segments[-1].text + "▀", style)
        else:
            segments.append(Segment("▀", style))
    return segments


class PictureReady(Message):
    """An image was read and made ready, or why it was not."""

    def __init__(self, path: Path, size: tuple[int, int], picture: Picture | None, problem: str = "") -> None:
        super().__init__()
        self.path, self.wanted, self.picture, self.problem = path, size, picture, problem


class ImageView(Widget):
    """Shows an image file; read and scaled in a thread."""

    DEFAULT_CSS = "ImageView { width: 1fr; height: 1fr; background: $background; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.path: Path | None = None
        self.picture: Picture | None = None
        self.problem = ""
        self.share = SHARE
        """How much of the height that there is it may take."""
        self._how = protocol()
        self._sent = False
        """Whether the terminal shows an image of ours."""
        self._due = False

    def show(self, path: Path | None) -> None:
        """Show another image, or none."""
        if path == self.path:
            return
        self.path = path
        if path is None:
            self._set(None)
        else:
            self._read()

    def on_resize(self) -> None:
        self._read()

    @property
    def room(self) -> tuple[int, int]:
        """The cells an image may take."""
        container = self.parent
        height = container.size.height if isinstance(container, Widget) else self.size.height
        return self.size.width, max(2, int(self.share * height))

    def _read(self) -> None:
        if self.path is not None and self.size.width and self.size.height:
            self._prepare(self.path, self.room)

    @work(thread=True, exclusive=True, exit_on_error=False, group="picture")
    def _prepare(self, path: Path, size: tuple[int, int]) -> None:
        cell = cell_pixels() if self._how == "sixel" else None
        try:
            ready = PictureReady(path, size, prepare(path, *size, self._how, cell))
        except OSError as error:
            ready = PictureReady(path, size, None, error.strerror or str(error))
        self.post_message(ready)

    @on(PictureReady)
    def _ready(self, message: PictureReady) -> None:
        message.stop()
        if message.path == self.path and message.wanted == self.room:
            self._set(message.picture, message.problem)

    def _set(self, picture: Picture | None, problem: str = "") -> None:
        self.picture, self.problem = picture, problem
        self._take_away()
        if picture is not None:
            self.styles.height = picture.rows
        self.refresh()

    # drawing

    def render_line(self, y: int) -> Strip:
        """A line of half blocks or characters; cells left free where the terminal draws the image itself."""
        width, base, ink = self.size.width, self.rich_style, inks(self.app)
        if self.problem and y == 0:
            return to_strip([(fit(safe(self.problem), width), ink.bad)], width, base)
        picture = self.picture
        if picture is None:
            return Strip.blank(width, base)
        if picture.sequence:
            self._ask_to_send()
            return Strip.blank(width, base)
        if picture.text:
            return to_strip([(picture.text[y], ink.text)] if y < len(picture.text) else [], width, base)
        return Strip(_half_blocks(picture, y)).adjust_cell_length(width, base)

    # images the terminal draws itself

    def _ask_to_send(self) -> None:
        """Send the image once the cells below it are on their way."""
        if not self._due:
            self._due = True
            self.call_after_refresh(self._send)

    def _send(self) -> None:
        self._due = False
        picture, driver = self.picture, self._terminal
        if picture is None or not picture.sequence or driver is None or not self.is_on_screen:
            return
        x, y = self.content_region.offset
        self._take_away()
        # the cursor is kept, so that what the app sends next goes where it means
        driver.write(f"\x1b7\x1b[{y + 1};{x + 1}H{picture.sequence}\x1b8")
        driver.flush()
        self._sent = True

    def _take_away(self) -> None:
        """Take an image of ours off the terminal; cells drawn over one take away the others."""
        if self._sent and self._how == "kitty" and (driver := self._terminal) is not None:
            driver.write(kitty_delete())
        self._sent = False

    @property
    def _terminal(self) -> Any:
        """What writes to a real terminal; None without one."""
        return None if self.app.is_headless else self.app._driver

    @property
    def is_on_screen(self) -> bool:
        """Whether its screen is the one in sight."""
        return self.is_attached and self.app.screen is self.screen

    def on_unmount(self) -> None:
        self._take_away()

    def leave(self) -> None:
        """Its screen is covered by another one."""
        self._take_away()
