"""What a scrolled view of drawn lines is based on."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView


class ContentView(ScrollView, inherit_bindings=False):
    """As high as its content where the styles say `height: auto`.

    The height is set as a number. Textual keeps the height it last found for `auto` and finds it again for the next
    layout that is asked for; content that comes while a layout is due already would never be given its lines.
    """

    def watch_virtual_size(self, _: Size, size: Size) -> None:
        """Take the height of new content."""
        height = self.styles.base.height
        if height is not None and height.is_auto:
            self.styles.height = size.height + self.gutter.height
