"""The launch dialog: device, changed settings, seeds, note and tags, and the command that does the same."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import EngineError
from tui.launch_lines import change_lines, completion_lines, difference_lines, error_lines, note_line
from tui.launching import (
    Checked,
    Launched,
    Order,
    carry_out,
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


class LaunchScreen(ModalScreen[None]):
    """Asks nothing that has a default: enter launches at once."""

    CSS = """
    LaunchScreen .dialog { width: 100; }
    LaunchScreen LinesPane, LaunchScreen DeviceChoice { background: $surface; height: auto; }
    LaunchScreen DeviceChoice { width: 1fr; }
    LaunchScreen Horizontal { height: auto; }
    LaunchScreen .label { width: 10; color: $dl-muted; }
    LaunchScreen #seeds { width: 8; }
    LaunchScreen .second { width: 8; padding: 0 0 0 2; color: $dl-muted; }
    LaunchScreen #changes { display: none; }
    LaunchScreen #command { margin: 1 0 0 0; }
    LaunchScreen.-low #command { margin: 0; }
    """
    AUTO_FOCUS = "#device"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "launch",
            "launch",
            priority=True,
            id="launch.launch",
            tooltip="Launch; in the setting line, take the setting first",
        ),
        Binding("escape", "close", "close", id="launch.close", tooltip="Close without launching"),
        Binding(
            "plus,c,slash",
            "change",
            "change a setting",
            id="launch.change",
            tooltip="Type key=value; names are completed",
        ),
        Binding(
            "y,ctrl+y", "copy", "copy command", id="launch.copy", tooltip="Copy the headless command to the clipboard"
        ),
    ]

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

    @dataclass
    class Ended(Message):
        """Launching came to an end."""

        launched: Launched | None
        error: EngineError | None = None

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
        self._order = order or Order(experiment, parent=parent, base=settings, folder=folder, device=device)
        self._differs: tuple[str, ...] = ()
        """What is not as it was when the run ran that is run again."""
        self._checked: Checked | None = None
        self._error: EngineError | None = None
        self._busy = False
        self._pick = 0
        self._typed_at = ""
        self._working = threading.Lock()
        """Checking and launching take turns: both import most of the engine, and not twice at once."""

    @property
    def _app(self) -> DltuiApp:
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """Device, changes, seeds, tags and note; below them errors and the command."""
        origin = f" from {self._order.parent}" if self._order.parent else ""
        with Container(classes="dialog") as dialog:
            again = f"Run {self._order.rerun} again: {self._order.experiment}" if self._order.rerun else ""
            dialog.border_title = plain(again or f"Launch {self._order.experiment}{origin}", 60)
            dialog.border_subtitle = plain(
                f"{key_display('enter')} launch   tab next   {key_display('ctrl+y')} copy command   esc close"
            )
            with Horizontal():
                yield Static("Device", classes="label", markup=False)
                yield DeviceChoice()
            yield LinesPane(self._change_lines, id="changes")
            with Horizontal():
                yield Static("Change", classes="label", markup=False)
                yield CompletingInput(self, placeholder="optimizer.lr=0.01", id="setting")
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

    def on_mount(self) -> None:
        for pane in self.query(LinesPane):
            pane.can_focus = False
        self.take_snapshot(self._app.snapshot)
        if not self._app.snapshot.devices:
            self._ask_devices()
        self.query_one("#seeds", LineInput).disabled = self._order.base is not None  # the seed is that of the run
        if self._order.rerun is not None:
            self._look_for_differences(self._order.rerun)
        self.call_after_refresh(self._check)  # not before it is mounted
        self.call_after_refresh(self._redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._redraw)

    # devices

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the devices as they are now; the choice stays where the person put it."""
        found = [*snapshot.devices[1:], *snapshot.devices[:1]]
        if not found or found == list(self.devices.items):
            return
        given = self._order.device if not self.devices.items else None
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
        if self._order.base is not None:
            return self._order.base.device
        experiment = self._app.store.experiment(self._order.experiment)
        return experiment.settings.device if experiment else "auto"

    @work(thread=True, exclusive=True, exit_on_error=False, group="devices")
    def _ask_devices(self) -> None:
        self._app.store.refresh_devices()
        self.app.call_from_thread(self.take_snapshot, self._app.store.snapshot)

    @on(DeviceChoice.Highlighted)
    def _device_chosen(self) -> None:
        self.devices.moved = True
        self._change_order()

    @work(thread=True, exit_on_error=False, group="differences")
    def _look_for_differences(self, run_id: str) -> None:
        found = rerun_differences(self._app.store, run_id)
        self.app.call_from_thread(self._tell_differences, found)

    def _tell_differences(self, found: tuple[str, ...]) -> None:
        self._differs = found
        if self.is_mounted:
            self._redraw()

    # the order

    def _change_order(self, overrides: tuple[str, ...] | None = None) -> None:
        """Take the inputs into the order, and check it."""
        device = self.devices.current
        seeds = self.query_one("#seeds", LineInput).value.strip()
        tags = self.query_one("#tags", LineInput).value.replace(",", " ").split()
        self._order = dataclasses.replace(
            self._order,
            overrides=self._order.overrides if overrides is None else overrides,
            device=device.name if device is not None and self.devices.moved else None,
            seeds=int(seeds) if seeds.isdecimal() and int(seeds) > 0 else None,
            note=self.query_one("#note", LineInput).value.strip(),
            tags=tuple(tags),
        )
        self._error = None
        self._check()
        self._redraw()

    @on(Input.Changed)
    def _input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id == "setting":
            self._pick = 0
            self._error = None
            self.set_timer(CHECK_SECONDS, self._check)
        else:
            self._change_order()

    def _check(self) -> None:
        file = self._app.snapshot.file
        if file is not None and self.is_mounted:
            self._check_later(self._order, self.typed.value)

    @work(thread=True, exclusive=True, exit_on_error=False, group="check")
    def _check_later(self, order: Order, typed: str) -> None:
        file = self._app.store.snapshot.file
        if file is not None:
            with self._working:
                checked = check(file, order, typed)
            self.post_message(self.Resolved(checked, typed))

    @on(Resolved)
    def _resolved(self, message: Resolved) -> None:
        if message.typed == self.typed.value and message.checked.order == self._order:
            self._checked, self._typed_at = message.checked, message.typed
            self._redraw()

    def _redraw(self) -> None:
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
        return change_lines(self._order, self._checked, ink)

    def _below_lines(self, width: int, ink: Inks) -> list[Line]:
        """What is wrong, or what may be typed next, or what the launch comes to."""
        checked = self._checked
        error = self._error or (checked.error if checked else None)
        if self._busy:
            return note_line("launching", ink.accent, ink)
        if checked is not None and checked.completions and self.typed.has_focus:
            return completion_lines(checked, self._pick, width, ink)
        if error is not None:
            return error_lines(error, width, ink)
        if checked is not None and checked.many > 1:
            folds = len({settings.data.get("fold") for settings in checked.settings})
            words = f"makes {checked.many:,} runs, one after another" + (f": {folds} folds" if folds > 1 else "")
            return note_line(words, ink.warning, ink)
        return difference_lines(self._differs, width, ink)

    def _command_lines(self, width: int, ink: Inks) -> list[Line]:
        return [[(fit(line, width), ink.muted)] for line in wrap(safe(self.command_text), width, 3)]

    @property
    def command_text(self) -> str:
        """The headless command that does the same."""
        return command_line(self._app.store, self._order)

    # actions

    def action_change(self) -> None:
        """Go to the setting line."""
        self.set_focus(self.typed)

    def action_copy(self) -> None:
        """Copy the headless command to the clipboard, through the terminal (OSC 52)."""
        self.app.copy_to_clipboard(self.command_text)
        self.notify("The command is in the clipboard")

    def action_close(self) -> None:
        """Close without launching."""
        if not self._busy:
            self.dismiss()

    def pick(self, by: int) -> bool:
        """Go to another completion; also where there is none the key is the line's."""
        many = len(self._checked.completions) if self._checked else 0
        if many:
            self._pick = (self._pick + by) % many
            self._redraw()
        return True

    def complete(self) -> bool:
        """Take the picked completion into the setting line; whether there was one."""
        file, typed = self._app.snapshot.file, self.typed.value
        if file is not None and self._typed_at != typed:  # faster than the thread that checks
            self._checked, self._typed_at = check(file, self._order, typed), typed
        checked = self._checked
        if checked is None or not checked.completions:
            return False
        name = checked.completions[self._pick][0]
        text = name if "=" in name else f"{name}="
        if text == self.typed.value:
            return False
        self.typed.value = text
        self.typed.cursor_position = len(text)
        return True

    def take_back(self) -> None:
        """Take the last changed setting back into the line."""
        if self._order.overrides:
            last = self._order.overrides[-1]
            self._change_order(self._order.overrides[:-1])
            self.typed.value = last
            self.typed.cursor_position = len(last)

    def action_launch(self) -> None:
        """Take a typed setting, or launch."""
        if self._busy:
            return
        if self.typed.has_focus and self.typed.value.strip():
            self._take_setting()
            return
        if (problem := self._unsound()) is not None:
            self._error = problem
            self._redraw()
            return
        self._busy = True
        self._redraw()
        self._launch(self._order)

    def _take_setting(self) -> None:
        text = self.typed.value.strip()
        key, equals, value = text.partition("=")
        if not equals or not value.strip():
            if not self.complete():
                self._error = EngineError(
                    f"{key.strip()!r} has no value yet", hint="write key=value, such as optimizer.lr=0.01"
                )
                self._redraw()
            return
        file = self._app.snapshot.file
        key, value = key.strip(), value.strip()
        kept = tuple(o for o in self._order.overrides if o.partition("=")[0] != key)
        if file is not None:
            checked = check(file, dataclasses.replace(self._order, overrides=(*kept, f"{key}={value}")))
            if checked.error is not None:
                self._error = checked.error
                self._redraw()
                return
        self.typed.value = ""
        self._change_order((*kept, f"{key}={value}"))

    def _unsound(self) -> EngineError | None:
        device = self.devices.current
        if device is not None and self.devices.moved and not device.free:
            return EngineError(f"{device.name} is {device.why}", hint="choose another device")
        seeds = self.query_one("#seeds", LineInput).value.strip()
        if seeds and self._order.seeds is None:
            return EngineError(f"seeds is a number from 1 on, not {seeds!r}")
        return None

    @work(thread=True, exclusive=True, exit_on_error=False, group="launch")
    def _launch(self, order: Order) -> None:
        store = self._app.store
        file = store.snapshot.file
        assert file is not None
        try:
            with self._working:
                launched = carry_out(store, file, order)
        except EngineError as error:
            self.post_message(self.Ended(None, error))
        except OSError as error:
            self.post_message(self.Ended(None, EngineError(f"could not be launched: {error}")))
        else:
            self.post_message(self.Ended(launched))

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self._busy = False
        self._app.look_again()
        launched = message.launched
        if launched is None:
            self._error = message.error
            self._redraw()
            return
        app = self._app
        app.notify(launched.words)
        self.dismiss()
        if launched.run:
            app.call_later(app.open_run, launched.run)
        else:
            app.action_go("runs")
