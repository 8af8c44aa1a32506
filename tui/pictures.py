"""Images in a terminal: by Kitty's, iTerm2's or the sixel protocol where the terminal has one, else in half blocks.

Which protocol there is is read from the environment alone. Asking the terminal, as libraries do when they are imported,
would take its answer from what the person types. `DLTUI_IMAGES` = kitty, iterm, sixel or blocks decides otherwise.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tui.theme import ascii_mode, no_color

if TYPE_CHECKING:
    from PIL.Image import Image

Protocol = Literal["kitty", "iterm", "sixel", "blocks", "text"]
RAMP = " .:-=+*#%@"
"""Brightness where there are no colours."""
KITTY_ID = 0x646C74
"""The number of the one image that is on screen in Kitty."""
MOST_BYTES = 32 << 20
"""A file larger than this is not read."""
_CHUNK = 4096
_SIXEL_TERMINALS = ("foot", "mlterm", "contour", "yaft")
_hidden_terminal = threading.Lock()


def protocol(environ: Mapping[str, str] | None = None) -> Protocol:
    """How images are shown here.

    Args:
        environ: the environment of the program; its own when None.
    """
    environ = os.environ if environ is None else environ
    if no_color() or ascii_mode():
        return "text"
    wanted = environ.get("DLTUI_IMAGES", "")
    if wanted in ("kitty", "iterm", "sixel", "blocks"):
        return wanted  # type: ignore[return-value]
    return _known(environ)


def _known(environ: Mapping[str, str]) -> Protocol:
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if environ.get("TMUX") or environ.get("STY") or term.startswith(("screen", "tmux")):
        return "blocks"  # a multiplexer draws over what it does not know
    if term in ("xterm-kitty", "xterm-ghostty") or environ.get("KITTY_WINDOW_ID") or program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return "sixel" if term.startswith(_SIXEL_TERMINALS) else "blocks"


@dataclass(frozen=True)
class Picture:
    """An image made ready for a terminal."""

    columns: int
    rows: int
    sequence: str = ""
    """What draws it from the cursor on; empty where `pixels` or `text` do."""
    pixels: tuple[tuple[tuple[int, int, int], ...], ...] = ()
    """Two rows of pixels for each line of half blocks."""
    text: tuple[str, ...] = ()
    """Lines of characters from dark to bright."""


def prepare(path: Path, columns: int, rows: int, how: Protocol, cell: tuple[int, int] | None = None) -> Picture:
    """An image file in at most `columns` × `rows` cells; takes some milliseconds.

    Args:
        path: a PNG file, or what else Pillow reads.
        columns: cells there are.
        rows: lines there are.
        how: the protocol.
        cell: the pixels of a cell; sixels need them, without them it is half blocks.

    Raises:
        OSError: the file cannot be read or is no image.
    """
    image = _opened(path)
    if how == "sixel" and cell is None:
        how = "blocks"
    size = fitted(image.width, image.height, columns, rows, cell or (1, 2))
    if how == "text":
        return Picture(*size, text=_text(image, *size))
    if how == "blocks":
        return Picture(*size, pixels=_pixels(image, *size))
    if how == "sixel":
        assert cell is not None
        return Picture(*size, sequence=_sixel(image.resize((size[0] * cell[0], size[1] * cell[1]), 0)))
    content = _png(image)
    return Picture(*size, sequence=_kitty(content, *size) if how == "kitty" else _iterm(content, *size))


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image file in pixels; None where it cannot be read."""
    try:
        return _opened(path).size
    except OSError:
        return None


def _opened(path: Path) -> Image:
    from PIL import Image

    try:
        if path.stat().st_size > MOST_BYTES:
            raise OSError(f"{path.name} is too large to be shown")
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise OSError(f"{path.name} is no image: {error}") from None


def fitted(width: int, height: int, columns: int, rows: int, cell: tuple[int, int]) -> tuple[int, int]:
    """The cells of an image in its proportions, as large as they fit."""
    ratio = (width / max(1, height)) * (cell[1] / cell[0])
    wide = min(columns, max(1, round(rows * ratio)))
    return max(1, wide), max(1, min(rows, round(wide / ratio)))


def _pixels(image: Image, columns: int, rows: int) -> tuple[tuple[tuple[int, int, int], ...], ...]:
    small = _scaled(image, columns, 2 * rows)
    content = small.tobytes()
    triples = list(zip(content[0::3], content[1::3], content[2::3], strict=True))
    return tuple(tuple(triples[y * columns : (y + 1) * columns]) for y in range(2 * rows))


def _text(image: Image, columns: int, rows: int) -> tuple[str, ...]:
    content = _scaled(image, columns, rows).convert("L").tobytes()
    shown = "".join(RAMP[value * len(RAMP) // 256] for value in content)
    return tuple(shown[y * columns : (y + 1) * columns] for y in range(rows))


def _scaled(image: Image, width: int, height: int) -> Image:
    """Pixels stay pixels where an image grows; where it shrinks their mean is taken."""
    from PIL.Image import Resampling

    grows = width >= image.width and height >= image.height
    return image.resize((width, height), Resampling.NEAREST if grows else Resampling.BOX)


def _png(image: Image) -> bytes:
    """A PNG file, small images enlarged so that the terminal does not blur them."""
    times = max(1, 256 // max(image.size))
    buffer = io.BytesIO()
    image.resize((image.width * times, image.height * times), 0).save(buffer, "PNG")
    return buffer.getvalue()


def _kitty(content: bytes, columns: int, rows: int) -> str:
    """Kitty's graphics protocol: an image of our number, placed at the cursor, which stays where it is."""
    data = base64.standard_b64encode(content).decode()
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    pieces = []
    for position, chunk in enumerate(chunks):
        head = f"a=T,f=100,i={KITTY_ID},p=1,c={columns},r={rows},C=1,q=2," if not position else ""
        pieces.append(f"\x1b_G{head}m={int(position < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(pieces)


def kitty_delete() -> str:
    """Takes our image off the screen."""
    return f"\x1b_Ga=d,d=I,i={KITTY_ID},q=2\x1b\\"


def _iterm(content: bytes, columns: int, rows: int) -> str:
    data = base64.standard_b64encode(content).decode()
    size = f"width={columns};height={rows};preserveAspectRatio=0"
    return f"\x1b]1337;File=inline=1;size={len(content)};{size};doNotMoveCursor=1:{data}\x07"


def _sixel(image: Image) -> str:
    """An image as sixels, encoded by textual-image; that library asks a terminal where it sees one, so it sees none."""
    from rich.console import Console

    with _hidden_terminal:
        real, sys.__stdout__ = sys.__stdout__, io.StringIO()  # type: ignore[misc,assignment]
        try:
            from textual_image.renderable.sixel import Image as Sixels

            console = Console(file=io.StringIO(), width=4096, height=4096)
            segments = list(console.render(Sixels(image), console.options))
        finally:
            sys.__stdout__ = real  # type: ignore[misc]
    return next(segment.text for segment in segments if segment.text.startswith("\x1bP"))


def cell_pixels() -> tuple[int, int] | None:
    """The width and height of a cell in pixels, where the terminal's driver tells."""
    import fcntl
    import struct
    import termios

    try:
        answer = fcntl.ioctl(sys.__stderr__.fileno(), termios.TIOCGWINSZ, bytes(8))  # type: ignore[union-attr]
    except (OSError, AttributeError, ValueError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", answer)
    return (width // columns, height // rows) if rows and columns and width >= columns and height >= rows else None
