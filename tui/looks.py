"""How the program looks: themes, what poor terminals are spared, and who has the mouse."""

from __future__ import annotations

import contextlib
from typing import Any

from tui.copying import CopyingApp
from tui.palettes import partner
from tui.preferences import Preferences
from tui.theme import ascii_mode, muted_colour, no_color


class LookingApp(CopyingApp):
    """An app whose colours a person chooses."""

    preferences: Preferences
    mouse_on = True
    """Whether the mouse is the program's, and not left to the terminal."""

    def install_filters(self) -> None:
        """Change what is drawn as far as the terminal asks for: fewer colours, none, ASCII."""
        from tui.filters import Ascii, Colourless, Sixteen

        if no_color():
            self._filters[1:] = [Colourless()]
        elif self.console.color_system == "standard":
            self._filters.append(Sixteen(self))
        if ascii_mode():
            self._filters.append(Ascii())

    def action_toggle_theme(self) -> None:
        """Change between the dark and the light theme, and remember it."""
        self.use_theme(partner(self.theme, dark=self.current_theme.dark))

    def action_themes(self) -> None:
        """Choose a theme, seeing each."""
        from tui.screens.themes import ThemeScreen

        if not isinstance(self.screen, ThemeScreen):
            self.push_screen(ThemeScreen(self.theme, sorted(self.available_themes)))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours that styles name and themes of others do not."""
        return {"dl-muted": muted_colour(self)}

    def use_theme(self, name: str) -> None:
        """Take a theme and remember it."""
        self.theme = name
        self.preferences.theme = name
        self.preferences.save()

    def action_toggle_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        driver: Any = self._driver
        self.mouse_on = not self.mouse_on
        with contextlib.suppress(AttributeError):  # a driver without a mouse
            if self.mouse_on:
                driver._enable_mouse_support()
            else:
                driver._disable_mouse_support()
        self.notify(
            "The mouse works here again"
            if self.mouse_on
            else "The terminal has the mouse: mark and copy; M takes it back"
        )

    def repaint(self) -> None:
        """Draw everything, whatever is believed to be on the terminal: after `fg`, after an editor."""
        self.screen.refresh(layout=True)

    @property
    def can_suspend(self) -> bool:
        """Whether the terminal can be given to another program."""
        return self._driver is not None and self._driver.can_suspend
