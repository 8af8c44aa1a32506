"""What stands in place of a run's curves before the first point: what the worker is doing."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from tui.run_store import RunSnapshot
from tui.text import fit, safe
from tui.theme import inks
from tui.widgets.run_tab import notice
from tui.widgets.table import to_strip


class Waiting(Widget):
    """Words, and below them the end of the log."""

    DEFAULT_CSS = "Waiting { height: 1fr; display: none; background: $background; } Waiting.-shown { display: block; }"

    def __init__(self) -> None:
        super().__init__()
        self._words: tuple[str, tuple[str, ...]] = ("", ())

    def say(self, words: str, log: tuple[str, ...] = ()) -> None:
        """Say something else; repainted only then."""
        if (words, log) != self._words:
            self._words = (words, log)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        width, ink = self.size.width, inks(self.app)
        words, log = self._words
        lines = notice(words, width, ink)
        if log:
            lines += [
                [],
                *(
                    [(fit(f"   {safe(text)}", width), ink.faint if i < len(log) - 1 else ink.muted)]
                    for i, text in enumerate(log)
                ),
            ]
        return to_strip(lines[y] if y < len(lines) else [], width, self.rich_style)


def waiting_words(snapshot: RunSnapshot, nothing: str, panels: bool) -> tuple[str, tuple[str, ...]]:
    """What is said of a run without points, with the end of its log.

    Args:
        nothing: what is said of one that has ended.
        panels: whether there is anything that points could be drawn in.
    """
    if not snapshot.looked:
        return "", ()
    if snapshot.points and not panels:
        return nothing, ()
    if snapshot.status == "queued":
        return "queued: waiting for a free device", snapshot.log_end
    if snapshot.alive:
        doing = {"starting": "starting: ", "stopping": "stopping: "}.get(snapshot.status, "")
        return f"{doing}waiting for the first step…", snapshot.log_end
    return nothing, snapshot.log_end
