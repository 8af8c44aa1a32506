"""Filters over every line the app writes: no colour where the user wants none, ASCII where the terminal needs it."""

from __future__ import annotations

import functools

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from tui.theme import to_ascii


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


@functools.lru_cache(2048)
def _without_colour(style: Style) -> Style:
    return style.without_color


@functools.lru_cache(4096)
def _ascii(text: str) -> str:
    return to_ascii(text)
