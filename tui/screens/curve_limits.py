"""The dialog for typed limits of x and y; an empty field leaves that end to the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.text import safe
from tui.widgets.footer import key_display
from tui.widgets.line_input import LineInput
from tui.widgets.table import plain


@dataclass(frozen=True)
class Limits:
    """The ends of both axes; None leaves one to the data."""

    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None


FIELDS = ("x_low", "x_high", "y_low", "y_high")


class LimitsScreen(ModalScreen[Limits | None]):
    """Four fields; the limits, or None when the person thinks better of it."""

    CSS = """
    LimitsScreen .dialog { width: 60; }
    LimitsScreen .row { layout: horizontal; height: 1; }
    LimitsScreen Static { background: $surface; }
    LimitsScreen .name { width: 24; padding: 0 1 0 0; }
    LimitsScreen .to { width: 4; color: $dl-muted; }
    LimitsScreen LineInput { width: 1fr; }
    LimitsScreen #problem { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="limits.cancel", tooltip="Close without a change"),
        Binding("down", "app.focus_next", "next", show=False, id="limits.next", tooltip="The next field"),
        Binding("up", "app.focus_previous", "before", show=False, id="limits.before", tooltip="The field before"),
    ]

    def __init__(self, axis: str, panel: str, now: Limits) -> None:
        super().__init__()
        self._axis, self._panel, self._now = axis, panel, now

    def compose(self) -> ComposeResult:
        """Two rows: of x and of y, from and to."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain("Limits", 48)
            dialog.border_subtitle = plain(f"{key_display('enter')} set   tab next field   esc cancel")
            yield from self._row(f"x: {safe(self._axis, 19)}", "x")
            yield from self._row(f"y: {safe(self._panel, 19)}", "y")
            yield Static("", id="problem", markup=False)

    def _row(self, name: str, axis: str) -> ComposeResult:
        with Container(classes="row"):
            yield Static(name, classes="name", markup=False)
            yield LineInput(_text(getattr(self._now, f"{axis}_low")), placeholder="first", id=f"{axis}_low")
            yield Static(" to ", classes="to", markup=False)
            yield LineInput(_text(getattr(self._now, f"{axis}_high")), placeholder="last", id=f"{axis}_high")

    @on(Input.Submitted)
    def _submitted(self) -> None:
        values: dict[str, float | None] = {}
        for name in FIELDS:
            field = self.query_one(f"#{name}", LineInput)
            try:
                values[name] = read_number(field.value)
            except ValueError as error:
                self.query_one("#problem", Static).update(safe(error))
                field.focus()
                return
        limits = Limits(**values)
        problem = _problem(limits)
        if problem:
            self.query_one("#problem", Static).update(problem)
            return
        self.dismiss(limits)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)


def read_number(text: str) -> float | None:
    """A number as people type it: `200`, `1e-3`, `20k`, `1.5M`; None for nothing.

    Raises:
        ValueError: it is none.
    """
    text = text.strip().replace(",", "")
    if not text:
        return None
    factor = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1.0)
    try:
        value = float(text[:-1] if factor > 1 else text) * factor
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{safe(text, 20)!r} is no number: write 200, 1e-3 or 20k")
    return value


def _problem(limits: Limits) -> str:
    for low, high, axis in ((limits.x_low, limits.x_high, "x"), (limits.y_low, limits.y_high, "y")):
        if low is not None and high is not None and low >= high:
            return f"{axis} ends before it begins: {low:g} is not below {high:g}"
    return ""


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.7g}"
