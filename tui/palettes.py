"""The program's own themes: dark and light, each also for the colour-blind and with high contrast.

Tests hold what is promised of them: text of 4.5:1 (7:1 with high contrast), symbols and curves of 3:1, and curves that
people tell apart who see no red or no green.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from textual.theme import Theme

DARK, LIGHT = "dltui-dark", "dltui-light"


class Palette(msgspec.Struct, frozen=True):
    """The colours of a theme."""

    name: str
    about: str
    dark: bool
    partner: str
    """The theme of the same kind for the other background."""
    background: str
    surface: str
    panel: str
    foreground: str
    line: str
    """Of frames."""
    accent: str
    good: str
    warning: str
    bad: str
    curves: tuple[str, ...]
    """Of curves, by position."""
    contrast: float = 4.5
    """The least contrast of text."""
    cursor: float = 0.2
    """How much accent is in the ground of the line under the cursor."""


PALETTES: dict[str, Palette] = {
    palette.name: palette
    for palette in (
        Palette(
            DARK, "dark", True, LIGHT,
            background="#13161b", surface="#191d23", panel="#20252d", foreground="#d7dce2", line="#323943",
            accent="#6cb6ff", good="#7fc98f", warning="#dcb666", bad="#ef7d80",
            curves=("#6cb6ff", "#f0a35e", "#96d2a5", "#b487c3", "#f0d269", "#5ae1f0", "#ef7d80", "#a5b4c3"),
        ),
        Palette(
            LIGHT, "light", False, DARK,
            background="#fbfbfa", surface="#f2f3f4", panel="#e9ebed", foreground="#23282f", line="#c9ced5",
            accent="#0b62c1", good="#19743a", warning="#8a5a00", bad="#b3261e",
            curves=("#0b62c1", "#b45309", "#00785a", "#782d87", "#694b00", "#007896", "#d22d69", "#693c4b"),
            cursor=0.1,
        ),
        Palette(
            "dltui-safe-dark", "dark, for the colour-blind", True, "dltui-safe-light",
            background="#101317", surface="#171b20", panel="#1f242b", foreground="#dfe3e8", line="#39414c",
            accent="#56b4e9", good="#4fd1b5", warning="#f0e442", bad="#ff8a5c",
            curves=("#56b4e9", "#e69f00", "#0f9678", "#ffb4a5", "#f0e442", "#0087c3", "#d55e00", "#ffffff"),
        ),
        Palette(
            "dltui-safe-light", "light, for the colour-blind", False, "dltui-safe-dark",
            background="#fcfcfb", surface="#f3f4f5", panel="#eaecee", foreground="#1d2228", line="#c3c9d1",
            accent="#005a9c", good="#00604a", warning="#7e5b00", bad="#8f1d00",
            curves=("#0072b2", "#b25d00", "#003c78", "#964b69", "#783c00", "#0f0f4b", "#5a0f00", "#000000"),
            cursor=0.1,
        ),
        Palette(
            "dltui-contrast-dark", "dark, high contrast", True, "dltui-contrast-light",
            background="#000000", surface="#0a0a0a", panel="#161616", foreground="#ffffff", line="#8a8a8a",
            accent="#6fc3ff", good="#5cf08a", warning="#ffd24d", bad="#ff9c9c",
            curves=("#6fc3ff", "#ffb000", "#3cf0b4", "#f078b4", "#fff24d", "#7896ff", "#ff8778", "#ffffff"),
            contrast=7.0, cursor=0.2,
        ),
        Palette(
            "dltui-contrast-light", "light, high contrast", False, "dltui-contrast-dark",
            background="#ffffff", surface="#f7f7f7", panel="#efefef", foreground="#000000", line="#6a6a6a",
            accent="#003a8c", good="#00461c", warning="#553500", bad="#8a0000",
            curves=("#0040a0", "#7a3b00", "#0f3c5a", "#7800e1", "#3c5a5a", "#0f0f5a", "#69001e", "#000000"),
            contrast=7.0, cursor=0.1,
        ),
    )
}  # fmt: skip


def palette(name: str, *, dark: bool) -> Palette:
    """The palette of a theme; for others than the program's own, its dark or its light one."""
    return PALETTES.get(name) or PALETTES[DARK if dark else LIGHT]


def partner(name: str, *, dark: bool) -> str:
    """The theme of the same kind for the other background."""
    found = PALETTES.get(name)
    return found.partner if found is not None else (LIGHT if dark else DARK)


def themes() -> list[Theme]:
    """The themes as Textual takes them: one accent colour, muted borders."""
    return [_theme(palette) for palette in PALETTES.values()]


def _theme(palette: Palette) -> Theme:
    from textual.theme import Theme

    return Theme(
        name=palette.name,
        primary=palette.accent,
        secondary=palette.accent,
        accent=palette.accent,
        foreground=palette.foreground,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        success=palette.good,
        warning=palette.warning,
        error=palette.bad,
        dark=palette.dark,
        variables=_variables(palette.line, palette.accent, palette.background),
    )


def _variables(line: str, accent: str, background: str) -> dict[str, str]:
    return {
        "border": accent,
        "border-blurred": line,
        "dl-line": line,
        "dl-accent": accent,
        "scrollbar": line,
        "scrollbar-hover": line,
        "scrollbar-active": accent,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        "block-cursor-background": accent,
        "block-cursor-foreground": background,
        "block-cursor-text-style": "none",
    }
