"""Colour names of plots as styles of the app's present theme: foregrounds only, legible on dark and on light."""

from __future__ import annotations

from typing import Any

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from tui.theme import no_color

CURVES = {
    True: ("#6cb6ff", "#f0a35e", "#7fc98f", "#d696e8", "#e3cf6b", "#5fd0c5", "#ef7d80", "#aeb6c2"),
    False: ("#0b62c1", "#b45309", "#19743a", "#8a2fa8", "#766000", "#0f766e", "#b3261e", "#555d68"),
}
"""Colours of curves by position, for dark and light themes."""

_ALIASES = {"good": "success", "bad": "error", "star": "warning", "text": "foreground"}
_TONES = {"": 1.0, "bold": 1.0, "dim": 0.45, "faint": 0.25}


def style_of(app: App[Any], color: str, tone: str = "", back: Color | None = None) -> Style:
    """The style of a colour's name in a tone: "", "bold", "dim" or "faint" (towards `back`, the theme's if None)."""
    if no_color():
        return Style(bold=True) if tone == "bold" else Style(dim=True) if tone in ("dim", "faint") else Style()
    if not color:
        return Style()
    if back is None or back.ansi is not None or back.a < 1.0:
        back = _background(app)
    ink = back.blend(_color(app, color, back), _TONES[tone], 1.0)
    return Style.from_color(ink.rich_color) + (Style(bold=True) if tone == "bold" else Style())


def _color(app: App[Any], name: str, back: Color) -> Color:
    dark = app.current_theme.dark
    if name.startswith("curve-"):
        return Color.parse(CURVES[dark][int(name[6:]) % len(CURVES[dark])])
    fore = _variable(app, "foreground") or Color.parse("#d7dce2" if dark else "#23282f")
    if name == "muted":
        return back.blend(fore, 0.58, 1.0)
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
    # Deeper than 80 % the ink itself would no longer be told from the ground on some themes.
    ground = back.blend(_color(app, color, back), 0.8 * min(1.0, max(0.0, share)), 1.0)
    ink = max((fore, back), key=lambda c: abs(c.brightness - ground.brightness))
    if share <= 0:
        return Style.from_color(back.blend(fore, 0.45, 1.0).rich_color)
    return Style.from_color(ink.rich_color, ground.rich_color)


def half_style(app: App[Any], upper: str, lower: str, back: Color | None = None) -> Style:
    """An upper half block of two colours: each the name of a colour and how much of it, `bad-12`; empty is nothing."""
    if back is None or back.ansi is not None or back.a < 1.0:
        back = _background(app)
    return Style.from_color(_shade(app, upper, back).rich_color, _shade(app, lower, back).rich_color)


def _shade(app: App[Any], tone: str, back: Color) -> Color:
    """`bad-12` as twelve twentieths of the way from the ground to the colour; the ground itself where empty."""
    color, _, steps = tone.rpartition("-")
    return back.blend(_color(app, color, back), int(steps) / 20, 1.0) if color else back
