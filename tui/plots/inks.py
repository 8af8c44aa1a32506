"""Colour names of plots as styles of the app's present theme: foregrounds only, legible on dark and on light."""

from __future__ import annotations

import functools
from typing import Any

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from tui.palettes import palette
from tui.theme import contrast, legible, no_color

_ALIASES = {"good": "success", "bad": "error", "star": "warning", "text": "foreground"}
_TONES = {"dim": 0.45, "faint": 0.25}
_CURVE = 3.0
"""The least contrast of a curve."""


def style_of(app: App[Any], color: str, tone: str = "", back: Color | None = None) -> Style:
    """The style of a colour's name in a tone: "", "bold", "dim" or "faint" (towards `back`, the theme's if None)."""
    if no_color():
        return Style(bold=True) if tone == "bold" else Style(dim=True) if tone in ("dim", "faint") else Style()
    if not color:
        return Style()
    if back is None or back.ansi is not None or back.a < 1.0:
        back = _background(app)
    ink = _color(app, color, back)
    if tone in ("dim", "faint"):  # still told from the ground
        ink = legible(back, ink, _TONES[tone], _CURVE if tone == "dim" else 1.0, (back,))
    return Style.from_color(ink.rich_color) + (Style(bold=True) if tone == "bold" else Style())


def _color(app: App[Any], name: str, back: Color) -> Color:
    dark = app.current_theme.dark
    if name.startswith("curve-"):
        curves = palette(app.theme, dark=dark).curves
        return Color.parse(curves[int(name[6:]) % len(curves)])
    fore = _variable(app, "foreground") or Color.parse("#d7dce2" if dark else "#23282f")
    if name == "muted":
        return legible(back, fore, 0.58, palette(app.theme, dark=dark).contrast, (back,))
    if name == "line":
        return back.blend(fore, 0.32, 1.0)
    name = _ALIASES.get(name, name).removeprefix("$")
    if name == "foreground":
        return fore
    return _variable(app, name) or _parse(name) or fore


def _background(app: App[Any]) -> Color:
    return _variable(app, "background") or Color.parse("#13161b" if app.current_theme.dark else "#fbfbfa")


def _variable(app: App[Any], name: str) -> Color | None:
    value = app.theme_variables.get(name)
    color = _parse(value) if value else None
    # The terminal's own colours ("ansi_default") cannot be blended.
    return color if color is not None and color.ansi is None else None


def _parse(value: str) -> Color | None:
    try:
        return Color.parse(value)
    except ColorParseError:
        return None


def shade_style(app: App[Any], color: str, share: float, back: Color | None = None) -> Style:
    """Text on a background shaded by `share` (0 to 1) of a colour, readable on each; reversed without colours."""
    if no_color():
        return Style(reverse=share >= 0.5, bold=share >= 0.25, underline=color == "good")
    if back is None or back.ansi is not None or back.a < 1.0:
        back = _background(app)
    fore = _variable(app, "foreground") or Color.parse("#d7dce2" if app.current_theme.dark else "#23282f")
    colour = _color(app, color, back)
    if share <= 0:
        least = palette(app.theme, dark=app.current_theme.dark).contrast
        return Style.from_color(legible(back, fore, 0.45, least, (back,)).rich_color)
    # Deeper than 80 % the ink itself would no longer be told from the ground on some themes.
    ground = _clear(back, colour, 0.8 * min(1.0, share), palette(app.theme, dark=app.current_theme.dark).contrast)
    return Style.from_color(_readable(ground).rich_color, ground.rich_color)


def half_style(app: App[Any], upper: str, lower: str, back: Color | None = None) -> Style:
    """An upper half block of two colours: each the name of a colour and how much of it, `bad-12`; empty is nothing."""
    if back is None or back.ansi is not None or back.a < 1.0:
        back = _background(app)
    return Style.from_color(_shade(app, upper, back).rich_color, _shade(app, lower, back).rich_color)


def _shade(app: App[Any], tone: str, back: Color) -> Color:
    """`bad-12` as twelve twentieths of the way from the ground to the colour; the ground itself where empty."""
    color, _, steps = tone.rpartition("-")
    return back.blend(_color(app, color, back), int(steps) / 20, 1.0) if color else back


def _readable(ground: Color) -> Color:
    """Black or white, whichever stands out more: of the two, one always has a contrast of 4.5."""
    return max((Color(0, 0, 0), Color(255, 255, 255)), key=lambda ink: contrast(ink, ground))


@functools.lru_cache(1024)
def _clear(back: Color, colour: Color, amount: float, least: float) -> Color:
    """`colour` shaded into `back` by about `amount`, past the middle tones where no ink would be readable enough."""
    for step in range(40):
        for tried in (amount + step * 0.02, amount - step * 0.02):
            ground = back.blend(colour, min(1.0, max(0.0, tried)), 1.0)
            if contrast(_readable(ground), ground) >= least:
                return ground
    return back.blend(colour, amount, 1.0)
