"""Filters over every line the app writes: no colour where none is wanted, sixteen or ASCII where there is no more."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from tui.palettes import palette
from tui.theme import to_ascii

if TYPE_CHECKING:
    from textual.app import App


class Colourless(LineFilter):
    """Drops every colour; bold, reverse and the like stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colour."""
        return [Segment(text, style and _without_colour(style), control) for text, style, control in segments]


class Ascii(LineFilter):
    """Replaces what is not ASCII by stand-ins of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


class Sixteen(LineFilter):
    """On a terminal of sixteen colours, gives each of a theme its like: the nearest by number is mostly grey."""

    def __init__(self, app: App[Any]) -> None:
        super().__init__()
        self._app = app

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in the terminal's own colours."""
        if self._app.is_headless:  # no terminal at all: a picture has all colours
            return segments
        name, dark = self._app.theme, self._app.current_theme.dark
        return [
            segment
            if segment.style is None
            else Segment(segment.text, _sixteen(segment.style, name, dark), segment.control)
            for segment in segments
        ]


_DARK_CURVES = ("bright_cyan", "bright_yellow", "bright_green", "bright_magenta", "yellow", "bright_blue", "bright_red")
_LIGHT_CURVES = ("blue", "red", "green", "magenta", "black", "cyan", "bright_red")


@functools.lru_cache(16)
def _likes(name: str, dark: bool) -> dict[str, str]:
    """A theme's colours and their likes among the sixteen."""
    own = palette(name, dark=dark)
    likes = dict(
        zip(own.curves, (*(_DARK_CURVES if dark else _LIGHT_CURVES), "white" if dark else "black"), strict=True)
    )
    bright = "bright_" if dark else ""
    likes |= {own.good: f"{bright}green", own.warning: f"{bright}yellow", own.bad: f"{bright}red"}
    return likes | {own.accent: "bright_cyan" if dark else "blue", own.foreground: "bright_white" if dark else "black"}


@functools.lru_cache(4096)
def _sixteen(style: Style, name: str, dark: bool) -> Style:
    own = palette(name, dark=dark)
    back = Color.parse(own.background)
    cursor = back.blend(Color.parse(own.accent), own.cursor).rich_color
    if style.bgcolor is not None and style.bgcolor.triplet == cursor.triplet:
        return style + Style(color="bright_white", bgcolor="blue")  # readable on it whatever was written in
    like = (
        None if style.color is None or style.color.triplet is None else _likes(name, dark).get(style.color.triplet.hex)
    )
    return style if like is None else style + Style(color=like)


@functools.lru_cache(2048)
def _without_colour(style: Style) -> Style:
    return style.without_color


@functools.lru_cache(4096)
def _ascii(text: str) -> str:
    return to_ascii(text)
