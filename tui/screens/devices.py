"""Devices: the CPU and the GPUs, how busy they are and with whose work."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import getters
from textual.binding import Binding, BindingType
from textual.containers import Container

from tui.screens.main_screen import MainScreen
from tui.store import DEVICE_SECONDS, Snapshot
from tui.text import safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.device_list import device_lines
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, plain

WATCHED_SECONDS = 2.0
"""How often the devices are asked while they are in sight."""


class DevicesScreen(MainScreen):
    """The third screen."""

    MODE = "devices"
    AUTO_FOCUS = "LinesPane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "runs", "running runs", id="devices.runs", tooltip="Show the runs that are running"),
        Binding("escape,left,h", "back", "back", id="devices.back", tooltip="Go to the experiments"),
    ]

    pane = getters.query_one("#devices", LinesPane)

    def __init__(self) -> None:
        super().__init__()
        self._seen: tuple[object, ...] = ()

    def body(self) -> Container:
        """One pane with all devices."""
        return Container(LinesPane(id="devices", classes="panel"), id="body")

    def on_mount(self) -> None:
        self.pane.border_title = plain("Devices")
        super().on_mount()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.dltui.device_seconds = WATCHED_SECONDS
        self.dltui.look_again()

    def on_screen_suspend(self) -> None:
        self.dltui.device_seconds = DEVICE_SECONDS

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the devices as they are now."""
        super().take_snapshot(snapshot)
        live = tuple((row.run, row.experiment, row.state, row.device, row.host) for row in snapshot.rows if row.live)
        seen = (snapshot.devices, snapshot.device_problem, live)
        if seen == self._seen and self.pane.line_count:
            return
        self._seen = seen
        self.pane.show(lambda width, ink: _lines(snapshot, width, ink), top=False)

    def action_runs(self) -> None:
        """Show the runs that are running."""
        from tui.run_view import View

        self.dltui.show_runs(View(filter="state in (running, starting, stopping)"))

    def action_back(self) -> None:
        """Go to the experiments."""
        self.dltui.action_go("experiments")


def _lines(snapshot: Snapshot, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = [[]]
    if not snapshot.devices:
        return [[], [("looking…" if not os.environ.get("DLTUI_ASCII") else "looking...", ink.muted)]]
    for device in snapshot.devices:
        lines += device_lines(device, width, ink)
        if device.kind == "cpu":
            lines[-1:] = [*_cpu_runs(snapshot, width, ink), []]
    if snapshot.device_problem:
        lines += [
            [(f"{symbol('warning')} {line}", ink.warning)] for line in wrap(safe(snapshot.device_problem), width - 2)
        ]
    elif not any(device.kind == "cuda" for device in snapshot.devices):
        lines.append([("No NVIDIA GPU here. Trainings use the CPU.", ink.muted)])
    return lines


def _cpu_runs(snapshot: Snapshot, width: int, ink: Inks) -> list[Line]:
    """The runs that compute on this machine's CPU."""
    from engine.processes import hostname

    rows = [row for row in snapshot.rows if row.live and row.device in ("cpu", "") and row.host in ("", hostname())]
    return [
        [
            ("       ", ink.text),
            (f"{symbol(row.state)} ", ink.state(row.state)),
            (safe(f"{row.run}  {row.experiment}", max(0, width - 9)), ink.text),
        ]
        for row in rows
    ]
