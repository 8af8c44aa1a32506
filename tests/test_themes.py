"""Themes: contrast, curves for the colour-blind, choosing one with a preview."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color

from tests.colour_vision import VISIONS, contrast, difference
from tests.helpers import ROOT
from tests.tui_world import gone, make_app, make_world, opened, press, seen
from tui.palettes import DARK, LIGHT, PALETTES, Palette
from tui.plots.inks import shade_style, style_of
from tui.preferences import Preferences
from tui.theme import inks

TEXT = ("text", "muted", "strong", "title", "accent", "good", "bad", "warning", "star", "key")
"""Inks that words are written with, also on the line under the cursor."""
APART = {"dltui-safe-dark": 0.12, "dltui-safe-light": 0.12}
"""The least difference of two curves in OKLab: 0.12 for the colour-blind's own themes, 0.08 for the others."""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path, 3)


@pytest.fixture(params=list(PALETTES))
def themed(request: pytest.FixtureRequest, world: Path) -> tuple[Any, Palette]:
    """The app in a theme of its own."""
    app = make_app(world)
    app.theme = request.param
    app.get_css_variables()
    return app, PALETTES[request.param]


def colour(value: Any) -> str:
    return Color.from_rich_color(value).hex6.lower()


def test_text_is_readable_on_every_ground(themed: tuple[Any, Palette]) -> None:
    app, palette = themed
    ink = inks(app)
    grounds = [palette.background, palette.surface, palette.panel]
    grounds += [colour(ink.cursor.bgcolor), colour(ink.cursor_blurred.bgcolor)]
    for name, ground in itertools.product(TEXT, grounds):
        ratio = contrast(colour(getattr(ink, name).color), ground)
        assert ratio >= palette.contrast, f"{name} on {ground}: {ratio:.2f}"
    for name in ("faint", "bar"):
        ratio = contrast(colour(getattr(ink, name).color), palette.background)
        assert ratio >= (palette.contrast if name == "faint" else 3.0), f"{name}: {ratio:.2f}"
    muted = Color.parse(app.theme_variables["dl-muted"]).hex6.lower()
    assert all(contrast(muted, ground) >= palette.contrast for ground in grounds[:3])


def test_styles_fade_no_text_by_themselves() -> None:
    """`$foreground 60%` is below the contrast that a theme promises; `$dl-muted` is not."""
    sources = [*(ROOT / "tui").rglob("*.py"), *(ROOT / "tui").rglob("*.tcss")]
    faded = [path.name for path in sources if re.search(r"color: *\$foreground \d+%", path.read_text("utf-8"))]
    assert not faded


def test_curves_stand_out_and_their_names_can_be_read(themed: tuple[Any, Palette]) -> None:
    app, palette = themed
    for index in range(len(palette.curves)):
        name = f"curve-{index}"
        assert contrast(colour(style_of(app, name).color), palette.background) >= palette.contrast, name
        assert contrast(colour(style_of(app, name, "dim").color), palette.background) >= 3.0, f"{name}, raw"
    for name in ("muted", "good", "bad", "accent", "warning"):
        assert contrast(colour(style_of(app, name).color), palette.background) >= palette.contrast, name


@pytest.mark.parametrize("shown", ["accent", "good", "bad", "warning"])
def test_numbers_are_readable_on_every_shade(themed: tuple[Any, Palette], shown: str) -> None:
    app, palette = themed
    for percent in range(0, 101, 5):
        style = shade_style(app, shown, percent / 100)
        ground = palette.background if style.bgcolor is None else colour(style.bgcolor)
        assert contrast(colour(style.color), ground) >= palette.contrast, percent


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_curves_are_told_apart(palette: Palette, vision: str) -> None:
    for one, other in itertools.combinations(palette.curves, 2):
        apart = difference(one, other, vision)
        assert apart >= APART.get(palette.name, 0.08), f"{one} and {other}: {apart:.3f}"


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", APART)
def test_states_are_told_apart_in_the_themes_for_the_colour_blind(name: str, vision: str) -> None:
    palette = PALETTES[name]
    states = (palette.accent, palette.good, palette.warning, palette.bad, palette.foreground)
    for one, other in itertools.combinations(states, 2):
        assert difference(one, other, vision) >= 0.06, f"{one} and {other}"


def test_the_formulas_know_known_colours() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert difference("#ff0000", "#00aa00") > 3 * difference("#cc3300", "#7a7a00", "deuteranopia")
    assert difference("#808080", "#808080", "protanopia") == 0


# choosing


async def test_a_theme_is_seen_before_it_is_taken_and_remembered(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "f8")
        await seen(pilot, "Theme", "dark, for the colour-blind", "light, high contrast")
        await press(pilot, "down", "down")
        assert pilot.app.theme == "dltui-safe-dark"
        assert Preferences.load().theme == ""
        await press(pilot, "escape")
        assert pilot.app.theme == DARK
        await press(pilot, "f8", "down", "down", "enter")
        await gone(pilot, "for the colour-blind")
        assert pilot.app.theme == "dltui-safe-dark"
    assert make_app(world).theme == "dltui-safe-dark"


async def test_light_and_dark_stay_in_their_kind(world: Path) -> None:
    async with opened(world) as pilot:
        pilot.app.use_theme("dltui-contrast-dark")
        await press(pilot, "ctrl+t")
        assert pilot.app.theme == "dltui-contrast-light"
        await press(pilot, "ctrl+t")
        assert pilot.app.theme == "dltui-contrast-dark"
        pilot.app.use_theme("nord")
        await press(pilot, "ctrl+t")
        assert pilot.app.theme == LIGHT


async def test_the_palette_offers_the_themes(world: Path) -> None:
    async with opened(world) as pilot:
        await press(pilot, "ctrl+p", *"themes")
        await seen(pilot, "Choose the colours, seeing each")
        await press(pilot, *["backspace"] * 6, *"theme dltui-safe")
        await seen(pilot, "Theme dltui-safe-light")
