"""How things look: the symbols with their ASCII stand-ins, and the inks that lines are drawn with."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from rich.style import Style

from tui.palettes import DARK as DARK
from tui.palettes import LIGHT as LIGHT
from tui.palettes import palette

if TYPE_CHECKING:
    from textual.app import App
    from textual.color import Color


@functools.cache
def ascii_mode() -> bool:
    """Whether only ASCII may be drawn.

    `DLTUI_ASCII=1` says so, a locale other than UTF-8, or the Linux console, whose font has few glyphs.
    """
    forced = os.environ.get("DLTUI_ASCII")
    if forced:
        return forced != "0"
    return not _utf8(os.environ) or os.environ.get("TERM") == "linux"


def _utf8(environ: Mapping[str, str]) -> bool:
    """Read the locale's character set as C programs do; nothing said counts as UTF-8.

    Python itself sets LC_CTYPE=C.UTF-8 when it starts in the C locale (PEP 538); then LANG is what the user said.
    """
    spoken = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    if not environ.get("LC_ALL") and environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8"):
        spoken = environ.get("LANG") or "C.UTF-8"
    return not spoken or "utf8" in spoken.lower().replace("-", "")


def no_color() -> bool:
    """Whether the user asked for no colour (https://no-color.org); symbols and weight carry the meaning then."""
    return bool(os.environ.get("NO_COLOR"))


_SYMBOLS: dict[str, tuple[str, str]] = {
    "running": ("●", "*"),
    "queued": ("◐", "o"),
    "starting": ("◔", "o"),
    "stopping": ("◌", "s"),
    "finished": ("✓", "+"),
    "failed": ("✗", "x"),
    "stopped": ("■", "="),
    "lost": ("?", "?"),
    "unreadable": ("!", "!"),
    "star": ("★", "*"),
    "cursor": ("▌", ">"),
    "selected": ("◆", "#"),
    "warning": ("!", "!"),
    "up": ("↑", "^"),
    "down": ("↓", "v"),
    "right": ("→", "->"),
    "enter": ("⏎", "enter"),
    "dot": ("·", "-"),
    "dash": ("–", "-"),
    "ellipsis": ("…", "~"),
    "full": ("█", "#"),
    "track": ("░", "."),
    "rule": ("─", "-"),
    "bar": ("━", "="),
    "bar-end": ("╸", "="),
    "vertical": ("│", "|"),
    "times": ("×", "x"),
    "degree": ("°", " "),
    "tree": ("└", "`"),
    "open": ("▾", "v"),
    "closed": ("▸", ">"),
    "deviation": ("±", "+"),
}
EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = " ▁▂▃▄▅▆▇█"


def symbol(name: str) -> str:
    """The symbol for a state or a mark, in ASCII where the terminal needs it; a state without one is `?`."""
    both = _SYMBOLS.get(name, ("?", "?"))
    return both[ascii_mode()]


def bar(share: float, width: int) -> str:
    """A horizontal bar of `share` (0…1) of `width` cells, filled up with spaces; in eighths of a cell, `#` in ASCII."""
    share = min(1.0, max(0.0, share)) if share == share else 0.0
    if ascii_mode():
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


def spark(shares: list[float]) -> str:
    """A row of columns, one character a value (0…1); digits 0 to 9 in ASCII."""
    if ascii_mode():
        return "".join(str(min(9, int(max(0.0, s) * 10))) for s in shares)
    return "".join(HEIGHTS[max(1, min(8, round(s * 8)))] for s in shares)


_TO_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━╌┄╴╸╺╶▔▁⎺⎽", "-"),
        **dict.fromkeys("┊┆╎│┃▏▎▍▌▋▊▉▐▕║", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╋┏┓┗┛", "+"),
        **dict.fromkeys("█▇▆▅▄▃▂▀▓▒▚", "#"),
        **dict.fromkeys("•·∙▪", "."),
        **dict.fromkeys("–—−", "-"),
        **{unicode: plain[0] for unicode, plain in _SYMBOLS.values() if not unicode.isascii()},
        "←": "<", "→": ">", "…": "~", "“": '"', "”": '"', "‘": "'", "’": "'", "🔎": ">", "▲": "^", "▼": "v",
        "×": "x", "↵": "|", "»": ">",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """`text` with every non-ASCII character replaced by a stand-in of the same width in cells."""
    from rich.cells import cell_len

    text = text.translate(_TO_ASCII)
    if text.isascii():
        return text
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in text)


STATE_INKS = {
    "running": "accent",
    "starting": "accent",
    "stopping": "warning",
    "queued": "warning",
    "finished": "good",
    "failed": "bad",
    "stopped": "muted",
    "lost": "bad",
    "unreadable": "bad",
}


class Inks(msgspec.Struct, frozen=True):
    """The styles of a theme that lines are drawn with; foregrounds only, but for `cursor` and `cursor_blurred`."""

    text: Style
    muted: Style
    faint: Style
    strong: Style
    title: Style
    accent: Style
    good: Style
    bad: Style
    warning: Style
    star: Style
    key: Style
    cursor: Style
    cursor_blurred: Style
    bar: Style
    track: Style

    def state(self, state: str) -> Style:
        """The ink of a run's state."""
        return getattr(self, STATE_INKS.get(state, "muted"))  # type: ignore[no-any-return]


def inks(app: App[Any]) -> Inks:
    """The inks of the app's present theme."""
    return _inks(app.theme, no_color(), app.current_theme.dark, tuple(sorted(_colours(app).items())))


def _colours(app: App[Any]) -> dict[str, str]:
    theme = app.current_theme
    dark = theme.dark
    return {
        "background": theme.background or ("#121212" if dark else "#e0e0e0"),
        "panel": theme.panel or theme.background or ("#121212" if dark else "#e0e0e0"),
        "foreground": theme.foreground or ("#e0e0e0" if dark else "#202020"),
        "accent": theme.variables.get("dl-accent") or theme.primary,
        "good": theme.success or "#4ebf71",
        "bad": theme.error or "#ba3c5b",
        "warning": theme.warning or "#ffa62b",
    }


@functools.lru_cache(16)
def _inks(name: str, plain: bool, dark: bool, pairs: tuple[tuple[str, str], ...]) -> Inks:
    if plain:
        return _plain_inks()
    colour = {name: _parse(value) for name, value in pairs}
    back, fore, accent = colour["background"], colour["foreground"], colour["accent"]
    own = palette(name, dark=dark)
    grounds = (back, colour["panel"], back.blend(accent, own.cursor), back.blend(fore, _BLURRED))

    def ink(value: Color, **extra: bool) -> Style:
        return Style.from_color(value.rich_color) + Style(**extra)  # type: ignore[arg-type]

    muted = ink(legible(back, fore, 0.58, own.contrast, grounds))
    return Inks(
        text=ink(fore),
        muted=muted,
        faint=ink(legible(back, fore, 0.30, own.contrast, (back,))),
        strong=ink(fore, bold=True),
        title=muted,
        accent=ink(accent),
        good=ink(colour["good"]),
        bad=ink(colour["bad"]),
        warning=ink(colour["warning"]),
        star=ink(colour["warning"]),
        key=ink(accent, bold=True),
        cursor=Style.from_color(None, grounds[2].rich_color),
        cursor_blurred=Style.from_color(None, grounds[3].rich_color),
        bar=ink(accent),
        track=ink(back.blend(fore, 0.16)),
    )


_BLURRED = 0.08
"""How much of the text's colour is in the ground of the cursor's line while the keys go elsewhere."""


def muted_colour(app: App[Any]) -> str:
    """The muted colour of the app's theme, for styles."""
    theme, colour = app.current_theme, {name: _parse(value) for name, value in _colours(app).items()}
    back, least = colour["background"], palette(theme.name, dark=theme.dark).contrast
    return legible(back, colour["foreground"], 0.58, least, (back, colour["panel"])).hex


@functools.lru_cache(512)
def legible(back: Color, fore: Color, amount: float, least: float, grounds: tuple[Color, ...]) -> Color:
    """`fore` faded into `back`: as much of it as `amount`, or as a contrast of `least` on all the grounds takes."""
    while amount < 1.0:
        faded = back.blend(fore, amount, 1.0)
        if all(contrast(faded, ground) >= least for ground in grounds):
            return faded
        amount += 0.02
    return fore


def contrast(one: Color, other: Color) -> float:
    """How much two colours stand out from each other, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = (part / 255 for part in (colour.r, colour.g, colour.b))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parse(value: str) -> Any:
    from textual.color import Color

    colour = Color.parse(value)
    if colour.ansi is not None:  # the terminal's own colour: blend with what it most likely is
        return Color(30, 30, 30) if "background" in value else Color(200, 200, 200)
    return colour


def _plain_inks() -> Inks:
    none, bold, reverse = Style(), Style(bold=True), Style(reverse=True)
    return Inks(
        text=none, muted=none, faint=Style(dim=True), strong=bold, title=none, accent=bold, good=none, bad=bold,
        warning=bold, star=bold, key=bold, cursor=reverse, cursor_blurred=Style(underline=True), bar=none, track=none,
    )  # fmt: skip
