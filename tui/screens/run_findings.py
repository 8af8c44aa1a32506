"""All findings and warnings of a run, newest first."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from tui.run_store import RunSnapshot
from tui.text import safe, wrap
from tui.theme import Inks, inks, symbol
from tui.widgets.lines_pane import LinesPane
from tui.widgets.run_words import finding_text, moment
from tui.widgets.table import Line


class FindingsScreen(ModalScreen[None]):
    """A list to scroll through."""

    CSS = """
    FindingsScreen .dialog { width: 100; height: auto; max-height: 90%; }
    FindingsScreen LinesPane { height: auto; max-height: 100%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,exclamation_mark", "close", "close", id="findings.close", tooltip="Close the list"),
    ]

    def __init__(self, snapshot: RunSnapshot) -> None:
        super().__init__()
        self._snapshot = snapshot

    def compose(self) -> ComposeResult:
        """The findings in a frame."""
        with Container(classes="dialog") as dialog:
            count = self._snapshot.finding_count
            dialog.border_title = f"Findings and warnings of {safe(self._snapshot.id)} {symbol('dot')} {count:,}"
            dialog.border_subtitle = "esc close"
            yield LinesPane(self._lines)

    def on_mount(self) -> None:
        pane = self.query_one(LinesPane)
        pane.styles.height = len(self._lines(min(96, max(20, self.app.size.width - 4)), inks(self.app)))
        pane.focus()

    def _lines(self, width: int, ink: Inks) -> list[Line]:
        lines: list[Line] = []
        for finding in self._snapshot.findings:
            style = ink.bad if finding.level == "error" else ink.warning
            when = moment(finding.time, "%H:%M:%S").rjust(8)
            text = finding_text(finding.message, finding.epoch, finding.step)
            for position, row in enumerate(wrap(text, max(10, width - 12), 12)):
                head = f"{symbol('warning')} {when}  " if not position else " " * 12
                lines.append([(head, style if not position else ink.muted), (row, ink.text)])
        left_out = self._snapshot.finding_count - len(self._snapshot.findings)
        if left_out:
            lines.append([(f"{left_out:,} older ones are in events.jsonl", ink.muted)])
        return lines or [[("nothing was found", ink.muted)]]

    def action_close(self) -> None:
        """Close the list."""
        self.dismiss()
