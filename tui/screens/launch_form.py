"""What the launch dialog asks: device, changed settings, seeds, note and tags; and the command that does the same."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import EngineError
from tui.launch_lines import (
    change_lines,
    completion_lines,
    difference_lines,
    error_lines,
    note_line,
    origin_lines,
)
from tui.launching import (
    Checked,
    Order,
    check,
    command_line,
    default_device,
    rerun_differences,
)
from tui.messages import Replacing
from tui.store import Snapshot
from tui.text import fit, safe, wrap
from tui.theme import Inks, inks
from tui.widgets.completing_input import CompletingInput
from tui.widgets.device_list import DeviceChoice
from tui.widgets.footer import key_display
from tui.widgets.line_input import LineInput
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, plain

if TYPE_CHECKING:
    from engine.settings import Settings
    from tui.app import DltuiApp

CHECK_SECONDS = 0.1
"""How long typing rests before what was typed is checked."""


class LaunchForm(ModalScreen[None]):
    """Base of the dialog: what it asks, the order that comes of the answers, and what is said of it."""

    SCOPED_CSS = False  # the rules are those of subclasses too
    CSS = """
    LaunchForm .dialog { width: 100; }
    LaunchForm LinesPane, LaunchForm DeviceChoice { background: $surface; height: auto; }
    LaunchForm DeviceChoice { width: 1fr; }
    LaunchForm Horizontal { height: auto; }
    LaunchForm .label { width: 10; color: $dl-muted; }
    LaunchForm #seeds { width: 8; }
    LaunchForm .second { width: 8; padding: 0 0 0 2; color: $dl-muted; }
    LaunchForm #changes { display: none; }
    LaunchForm #command { margin: 1 0 0 0; }
    LaunchForm.-low #command { margin: 0; }
    """
    AUTO_FOCUS = "#device"
    devices = getters.query_one("#device", DeviceChoice)
    changes = getters.query_one("#changes", LinesPane)
    typed = getters.query_one("#setting", LineInput)
    below = getters.query_one("#below", LinesPane)
    command = getters.query_one("#command", LinesPane)

    @dataclass
    class Resolved(Replacing):
        """The order was checked in a thread."""

        checked: Checked
        typed: str

    def __init__(
        self,
        experiment: str,
        *,
        parent: str | None = None,
        settings: Settings | None = None,
        folder: Path | None = None,
        order: Order | None = None,
        device: str | None = None,
    ) -> None:
        """For an experiment of the file; or to go on from a checkpoint `parent` with the settings of its run.

        With a `device` that one is chosen already. An `order` takes the place of all that: what it changes already can
        be changed on.
        """
        super().__init__()
        self.order = order or Order(experiment, parent=parent, base=settings, folder=folder, device=device)
        self._differs: tuple[str, ...] = ()
        """What is not as it was when the run ran that is run again."""
        self.checked: Checked | None = None
        """What the order comes to; None before it was checked."""
        self.error: EngineError | None = None
        """What an action complains of; until something else is typed."""
        self.busy = False
        self.picked = 0
        """Number of the completion that is marked."""
        self.typed_at = ""
        """What was typed when it was checked."""
        self.working = threading.Lock()
        """Checking and launching take turns: both import most of the engine, and not twice at once."""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """Device, changes, seeds, tags and note; below them errors and the command."""
        origin = f" from {self.order.parent}" if self.order.parent else ""
        with Container(classes="dialog") as dialog:
            again = f"Run {self.order.rerun} again: {self.order.experiment}" if self.order.rerun else ""
            dialog.border_title = plain(again or f"Launch {self.order.experiment}{origin}", 60)
            dialog.border_subtitle = self._keys()
            with Horizontal():
                yield Static("Device", classes="label", markup=False)
                yield DeviceChoice()
            yield LinesPane(self._change_lines, id="changes")
            with Horizontal():
                yield Static("Change", classes="label", markup=False)
                yield CompletingInput(self, placeholder="such as optimizer.lr=0.01", id="setting")
            yield LinesPane(self._below_lines, id="below")
            with Horizontal():
                yield Static("Seeds", classes="label", markup=False)
                yield LineInput(placeholder="1", id="seeds")
                yield Static("Tags", classes="second", markup=False)
                yield LineInput(placeholder="none", id="tags")
            with Horizontal():
                yield Static("Note", classes="label", markup=False)
                yield LineInput(placeholder="why you run it", id="note")
            yield LinesPane(self._command_lines, id="command")

    def _keys(self) -> Any:
        """What enter does now, and the other keys."""
        typing = self.is_mounted and self.typed.has_focus and bool(self.typed.value.strip())
        does = "take this change" if typing else "launch"
        return plain(f"{key_display('enter')} {does}   tab next   {key_display('ctrl+y')} copy command   esc close")

    @on(events.DescendantFocus)
    def _say_keys(self) -> None:
        self.query_one(".dialog").border_subtitle = self._keys()

    def on_mount(self) -> None:
        for pane in self.query(LinesPane):
            pane.can_focus = False
        self.take_snapshot(self.dltui.snapshot)
        if not self.dltui.snapshot.devices:
            self._ask_devices()
        self.query_one("#seeds", LineInput).disabled = self.order.base is not None  # the seed is that of the run
        if self.order.rerun is not None:
            self._look_for_differences(self.order.rerun)
        self.call_after_refresh(self._check)  # not before it is mounted
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    # devices

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the devices as they are now; the choice stays where the person put it."""
        found = [*snapshot.devices[1:], *snapshot.devices[:1]]
        if not found or found == list(self.devices.items):
            return
        given = self.order.device if not self.devices.items else None
        if given is not None and given in (device.name for device in found):
            self.devices.moved = True
            at = next(i for i, device in enumerate(found) if device.name == given)
        elif self.devices.moved and self.devices.current is not None:
            name = self.devices.current.name
            at = next((i for i, device in enumerate(found) if device.name == name), 0)
        else:
            at = default_device(found, self._wanted_device())
        self.devices.styles.height = min(6, len(found))
        self.devices.set_items(found, at)

    def _wanted_device(self) -> str:
        if self.order.base is not None:
            return self.order.base.device
        experiment = self.dltui.store.experiment(self.order.experiment)
        return experiment.settings.device if experiment else "auto"

    @work(thread=True, exclusive=True, exit_on_error=False, group="devices")
    def _ask_devices(self) -> None:
        self.dltui.store.refresh_devices()
        self.app.call_from_thread(self.take_snapshot, self.dltui.store.snapshot)

    @on(DeviceChoice.Highlighted)
    def _device_chosen(self) -> None:
        self.devices.moved = True
        self.change_order()

    @work(thread=True, exit_on_error=False, group="differences")
    def _look_for_differences(self, run_id: str) -> None:
        found = rerun_differences(self.dltui.store, run_id)
        self.app.call_from_thread(self._tell_differences, found)

    def _tell_differences(self, found: tuple[str, ...]) -> None:
        self._differs = found
        if self.is_mounted:
            self.redraw()

    # the order

    def change_order(self, overrides: tuple[str, ...] | None = None) -> None:
        """Take the inputs into the order, and check it."""
        device = self.devices.current
        seeds = self.query_one("#seeds", LineInput).value.strip()
        tags = self.query_one("#tags", LineInput).value.replace(",", " ").split()
        self.order = dataclasses.replace(
            self.order,
            overrides=self.order.overrides if overrides is None else overrides,
            device=device.name if device is not None and self.devices.moved else None,
            seeds=int(seeds) if seeds.isdecimal() and int(seeds) > 0 else None,
            note=self.query_one("#note", LineInput).value.strip(),
            tags=tuple(tags),
        )
        self.error = None
        self._check()
        self.redraw()

    @on(Input.Changed)
    def _input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._say_keys()
        if event.input.id == "setting":
            self.picked = 0
            self.error = None
            self.set_timer(CHECK_SECONDS, self._check)
        else:
            self.change_order()

    def _check(self) -> None:
        file = self.dltui.snapshot.file
        if file is not None and self.is_mounted:
            self._check_later(self.order, self.typed.value)

    @work(thread=True, exclusive=True, exit_on_error=False, group="check")
    def _check_later(self, order: Order, typed: str) -> None:
        file = self.dltui.store.snapshot.file
        if file is not None:
            with self.working:
                checked = check(file, order, typed, runs=self.dltui.store.runs)
            self.post_message(self.Resolved(checked, typed))

    @on(Resolved)
    def _resolved(self, message: Resolved) -> None:
        if message.typed == self.typed.value and message.checked.order == self.order:
            self.checked, self.typed_at = message.checked, message.typed
            self.redraw()

    def redraw(self) -> None:
        """Draw the three panes anew; each is as high as what it holds, and gone when that is nothing."""
        width, ink = self.command.size.width or 80, inks(self.app)
        panes = (
            (self.changes, self._change_lines, 5),
            (self.below, self._below_lines, 7),
            (self.command, self._command_lines, 4),
        )
        for pane, builder, most in panes:
            count = len(builder(width, ink))
            pane.styles.height = max(1, min(most, count))
            pane.display = bool(count)
            pane.show(builder)

    # lines

    def _change_lines(self, _width: int, ink: Inks) -> list[Line]:
        return change_lines(self.order, self.checked, ink)

    def _below_lines(self, width: int, ink: Inks) -> list[Line]:
        """What is wrong, or what may be typed next, or what the launch comes to."""
        checked = self.checked
        error = self.error or (checked.error if checked else None)
        if self.busy:
            return note_line("launching", ink.accent, ink)
        if checked is not None and checked.completions and self.typed.has_focus:
            return completion_lines(checked, self.picked, width, ink)
        if error is not None:
            return error_lines(error, width, ink)
        if checked is not None and checked.many > 1:
            folds = len({settings.data.get("fold") for settings in checked.settings})
            words = f"makes {checked.many:,} runs, one after another" + (f": {folds} folds" if folds > 1 else "")
            return note_line(words, ink.warning, ink)
        if checked is not None and checked.origin:
            return origin_lines(checked.origin, width, ink)
        return difference_lines(self._differs, width, ink)

    def _command_lines(self, width: int, ink: Inks) -> list[Line]:
        return [[(fit(line, width), ink.muted)] for line in wrap(safe(self.command_text), width, 3)]

    @property
    def command_text(self) -> str:
        """The headless command that does the same."""
        return command_line(self.dltui.store, self.order)

    # completing, for the setting line

    def pick(self, by: int) -> bool:
        """Go to another completion; also where there is none the key is the line's."""
        many = len(self.checked.completions) if self.checked else 0
        if many:
            self.picked = (self.picked + by) % many
            self.redraw()
        return True

    def complete(self) -> bool:
        """Take the picked completion into the setting line; whether there was one."""
        file, typed = self.dltui.snapshot.file, self.typed.value
        if file is not None and self.typed_at != typed:  # faster than the thread that checks
            self.checked, self.typed_at = check(file, self.order, typed), typed
        checked = self.checked
        if checked is None or not checked.completions:
            return False
        name = checked.completions[self.picked][0]
        text = name if "=" in name else f"{name}="
        if text == self.typed.value:
            return False
        self.typed.value = text
        self.typed.cursor_position = len(text)
        return True

    def take_back(self) -> None:
        """Take the last changed setting back into the line."""
        if self.order.overrides:
            last = self.order.overrides[-1]
            self.change_order(self.order.overrides[:-1])
            self.typed.value = last
            self.typed.cursor_position = len(last)
