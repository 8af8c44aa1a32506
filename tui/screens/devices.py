"""Devices: the CPU and the GPUs, how busy they are and with whose work; launching on one, stopping one's own run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on, work
from textual.binding import Binding, BindingType
from textual.containers import Container

from tui.box_rows import Box
from tui.screens.main_screen import MainScreen
from tui.store import DEVICE_SECONDS, Snapshot
from tui.theme import inks, symbol
from tui.widgets.box_list import BoxList
from tui.widgets.line_list import LineList
from tui.widgets.table import entitle

if TYPE_CHECKING:
    from engine.devices import Device
    from engine.disk import DiskUse
    from tui.marking import Done

WATCHED_SECONDS = 2.0
"""How often the devices are asked while they are in sight."""
COUNTED_SECONDS = 60.0
"""How often it is counted what the runs take on the disk."""


class DevicesScreen(MainScreen):
    """The third screen."""

    MODE = "devices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open or launch", id="devices.choose",
                tooltip="Open the run under the cursor; on a device, launch an experiment on it"),
        Binding("n", "launch", "launch here", id="devices.launch",
                tooltip="Choose an experiment and launch it on the device under the cursor"),
        Binding("S", "stop", "stop", id="devices.stop",
                tooltip="Have the run under the cursor save a checkpoint and stop"),
        Binding("r", "runs", "running runs", id="devices.runs", tooltip="Show the runs that are running"),
        Binding("escape,left,h", "back", "back", id="devices.back", tooltip="Go to the experiments"),
    ]  # fmt: skip

    listing = getters.query_one("#devices", BoxList)

    def __init__(self) -> None:
        super().__init__()
        self._disk: DiskUse | None = None
        self._counted = float("-inf")

    def body(self) -> Container:
        """One list with all devices and what is on them."""
        return Container(BoxList(), id="body")

    def main_list(self) -> LineList[object]:
        """The list of devices."""
        return self.listing  # type: ignore[return-value]

    def on_mount(self) -> None:
        entitle(self.listing, "Devices")
        super().on_mount()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.dltui.device_seconds = WATCHED_SECONDS
        self.dltui.store.watch_box = True
        self.dltui.look_again()

    def on_screen_suspend(self) -> None:
        self.dltui.device_seconds = DEVICE_SECONDS
        self.dltui.store.watch_box = False

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    # what is shown

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the devices as they are now."""
        super().take_snapshot(snapshot)
        self._fill()
        if time.monotonic() - self._counted > COUNTED_SECONDS:
            self._counted = time.monotonic()
            self._count()

    def _fill(self) -> None:
        store, listing = self.dltui.store, self.listing
        ink = inks(self.app)
        listing.empty = [[], [(f" looking{symbol('ellipsis')}", ink.muted)]]
        region = listing.scrollable_content_region
        box = Box(self.dltui.snapshot, store.history, store.runs, self._disk)
        listing.show_rows(box.rows(region.width - 2, region.height or self.size.height - 4))
        self.refresh_bindings()

    @work(thread=True, exclusive=True, exit_on_error=False, group="disk")
    def _count(self) -> None:
        """Count what the runs take: of ten thousand runs that are seconds, and nothing waits for them."""
        from engine.disk import disk_use

        found = disk_use(self.dltui.store.root)
        if self.is_running:
            self.app.call_from_thread(self._take_disk, found)

    def _take_disk(self, disk: DiskUse) -> None:
        self._disk = disk
        if self.is_current:
            self._fill()

    # actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a run of this folder can be stopped."""
        if action == "stop" and self.is_mounted:
            current = self.listing.current
            return current is not None and bool(current.run)
        return True

    @on(LineList.Highlighted)
    def _moved(self) -> None:
        self.refresh_bindings()

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Open the run under the cursor; on a device, launch there."""
        current = self.listing.current
        if current is not None and current.run:
            self.dltui.open_run(current.run)
        elif current is not None and current.process is not None:
            pid = current.process.get("pid")
            self.notify(f"Process {pid} is not a run of {self.dltui.store.root}: there is nothing to open")
        else:
            self.action_launch()

    def action_launch(self) -> None:
        """Choose an experiment, then open the launch dialog with the device under the cursor."""
        current = self.listing.current
        if current is None or current.device is None:
            return
        device = current.device
        if not device.free:
            self.notify(f"{device.name} is {device.why}", title="Not free", severity="warning")
            return
        self._pick_for(device)

    def _pick_for(self, device: Device) -> None:
        from tui.screens.launch import LaunchScreen
        from tui.screens.pick import Item, PickScreen
        from tui.widgets.device_list import short_name

        items = [
            Item(entry.name, entry.name, f"{entry.data} {symbol('dot')} {entry.model}   {entry.description}")
            for entry in self.dltui.snapshot.experiments
            if not entry.problem
        ]
        if not items:
            self.notify("No experiment can be launched; 1 shows why", severity="warning")
            return

        def picked(name: str | None) -> None:
            if name is not None:
                self.app.push_screen(LaunchScreen(name, device=device.name))

        title = f"Launch on {short_name(device)} {symbol('dot')} {device.title}"
        self.app.push_screen(PickScreen(title, items, placeholder="an experiment", verb="choose"), picked)

    def action_stop(self) -> None:
        """Ask, then have the run under the cursor save a checkpoint and stop."""
        from tui.screens.confirm import ConfirmScreen

        current = self.listing.current
        if current is None or not current.run:
            return
        run = current.run
        words = "It saves a checkpoint first, and can be resumed from there."
        question = ConfirmScreen(f"Stop {run}?", words, yes="stop")

        def answered(yes: bool | None) -> None:
            if yes:
                self._stop(run)

        self.app.push_screen(question, answered)

    @work(thread=True, exit_on_error=False, group="act")
    def _stop(self, run: str) -> None:
        from tui import marking

        self.app.call_from_thread(self._stopped, marking.stop(self.dltui.store.runs, (run,)))

    def _stopped(self, outcome: Done) -> None:
        for run in outcome.ids:
            self.notify(f"{run} asked to stop")
        for error in outcome.errors:
            self.dltui.complain(error)
        self.dltui.look_again()

    def action_runs(self) -> None:
        """Show the runs that are running."""
        from tui.run_view import View

        self.dltui.show_runs(View(filter="state in (running, starting, stopping)"))

    def action_back(self) -> None:
        """Go to the experiments."""
        self.dltui.action_go("experiments")
