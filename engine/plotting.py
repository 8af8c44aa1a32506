"""Curves as text, drawn once with plotext: `engine plot`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.curves import Curve

_COLOURS = (
    ("blue+", "94"), ("orange", "33"), ("green", "32"), ("red", "31"), ("magenta", "35"), ("cyan", "36"),
    ("gray", "90"),
)  # fmt: skip
"""plotext's name and the escape sequence's number of each curve's colour; both follow the terminal's palette."""
_LETTERS = "*+ox#@%&"
_ANSI = re.compile("\x1b\\[[0-9;]*m")


def draw(
    curves: Sequence[Curve],
    title: str,
    *,
    axis: str = "step",
    width: int = 80,
    height: int = 20,
    log: bool = False,
    colour: bool = True,
    plain: bool = False,
) -> str:
    """Draw curves into one frame.

    Args:
        width: characters.
        height: lines.
        log: a logarithmic y axis; values that have no logarithm are left out.
        colour: whether to use escape sequences.
        plain: draw with ASCII alone.

    Returns:
        `height` lines of text.
    """
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")  # the terminal's own background and text
    plotext.terminal.limit(False, False)
    shown = [kept for kept in (_positive(curve) if log else curve for curve in curves) if len(kept.y)]
    legend = _legend(shown, title, colour, plain, width)
    figure.plot_size(width, max(5, height - len(legend)))
    if log and shown:
        figure.ruler(1).scale("log")
    for i, curve in enumerate(shown):
        symbol = _symbol(i, len(shown), colour, plain)
        marker = plotext.marker(symbol, plotext.pixel(_COLOURS[i % len(_COLOURS)][0]))
        figure.draw(figure.signal(curve.x.tolist(), curve.y.tolist(), marker=marker).lines())
    figure.label({"time": "seconds", "wall": "Unix time"}.get(axis, axis))
    text = "\n".join([*legend, str(figure.build().string()).rstrip("\n")])
    figure.clear()
    return text if colour else _ANSI.sub("", text)


def _symbol(number: int, curves: int, colour: bool, plain: bool) -> str:
    """What draws a curve: braille dots where colours, or being alone, tell it apart; else a letter of its own."""
    if plain or (not colour and curves > 1):
        return _LETTERS[number % len(_LETTERS)]
    return "braille"


def _legend(curves: Sequence[Curve], title: str, colour: bool, plain: bool, width: int) -> list[str]:
    """The title and the curves' names, above the frame, where they hide nothing."""
    lines, cells = [title if curves else f"{title}: no points"], len(title)
    for i, curve in enumerate(curves):
        symbol = _symbol(i, len(curves), colour, plain)
        mark = "──" if symbol == "braille" else symbol
        name = f"{mark} {curve.label}"
        shown = f"\x1b[{_COLOURS[i % len(_COLOURS)][1]}m{name}\x1b[0m" if colour else name
        if cells + 3 + len(name) > width:
            lines.append(f"  {shown}")
            cells = 2 + len(name)
        else:
            lines[-1] += f"   {shown}"
            cells += 3 + len(name)
    return lines


def _positive(curve: Curve) -> Curve:
    keep = curve.y > 0
    return Curve(curve.label, curve.x[keep], curve.y[keep])
