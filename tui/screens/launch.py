"""The launch dialog: enter launches what `launch_form` asks for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.errors import EngineError
from tui.launching import Launched, Order, carry_out, check
from tui.screens.launch_form import LaunchForm
from tui.widgets.line_input import LineInput


class LaunchScreen(LaunchForm):
    """Asks nothing that has a default: enter launches at once."""

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
            "plus,slash",
            "change",
            "change a setting",
            id="launch.change",
            tooltip="Type key=value; names are completed",
        ),
        Binding(
            "y,ctrl+y", "copy", "copy command", id="launch.copy", tooltip="Copy the headless command to the clipboard"
        ),
    ]

    @dataclass
    class Ended(Message):
        """Launching came to an end."""

        launched: Launched | None
        error: EngineError | None = None

    def action_change(self) -> None:
        """Go to the setting line."""
        self.set_focus(self.typed)

    def on_key(self, event: events.Key) -> None:
        """What is typed while the devices have the keys is a change: it would be lost, and enter would launch."""
        typed = event.character if event.is_printable and event.key not in self.active_bindings else None
        if typed and typed.isalpha() and self.focused is self.devices:
            event.stop()
            self.set_focus(self.typed)
            self.typed.insert_text_at_cursor(typed)

    def action_copy(self) -> None:
        """Copy the headless command to the clipboard, through the terminal (OSC 52)."""
        self.app.copy_to_clipboard(self.command_text)
        self.notify("The command is in the clipboard")

    def action_close(self) -> None:
        """Close without launching."""
        if not self.busy:
            self.dismiss()

    def action_launch(self) -> None:
        """Take a typed setting, or launch."""
        if self.busy:
            return
        if self.typed.has_focus and self.typed.value.strip():
            self._take_setting()
            return
        if (problem := self._unsound()) is not None:
            self.error = problem
            self.redraw()
            return
        self.busy = True
        self.redraw()
        self._launch(self.order)

    def _take_setting(self) -> None:
        text = self.typed.value.strip()
        key, equals, value = text.partition("=")
        if not equals or not value.strip():
            if not self.complete():
                self.error = EngineError(
                    f"{key.strip()!r} has no value yet", hint="write key=value, such as optimizer.lr=0.01"
                )
                self.redraw()
            return
        file = self.dltui.snapshot.file
        key, value = key.strip(), value.strip()
        kept = tuple(o for o in self.order.overrides if o.partition("=")[0] != key)
        if file is not None:
            checked = check(file, dataclasses.replace(self.order, overrides=(*kept, f"{key}={value}")))
            if checked.error is not None:
                self.error = checked.error
                self.redraw()
                return
        self.typed.value = ""
        self.change_order((*kept, f"{key}={value}"))

    def _unsound(self) -> EngineError | None:
        device = self.devices.current
        if device is not None and self.devices.moved and not device.free:
            return EngineError(f"{device.name} is {device.why}", hint="choose another device")
        seeds = self.query_one("#seeds", LineInput).value.strip()
        if seeds and self.order.seeds is None:
            return EngineError(f"seeds is a number from 1 on, not {seeds!r}")
        return None

    @work(thread=True, exclusive=True, exit_on_error=False, group="launch")
    def _launch(self, order: Order) -> None:
        store = self.dltui.store
        file = store.snapshot.file
        assert file is not None
        try:
            with self.working:
                launched = carry_out(store, file, order)
        except EngineError as error:
            self.post_message(self.Ended(None, error))
        except OSError as error:
            self.post_message(self.Ended(None, EngineError(f"could not be launched: {error}")))
        else:
            self.post_message(self.Ended(launched))

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.busy = False
        self.dltui.look_again()
        launched = message.launched
        if launched is None:
            self.error = message.error
            self.redraw()
            return
        app = self.dltui
        app.notify(launched.words)
        self.dismiss()
        if launched.run:
            app.call_later(app.open_run, launched.run, instead=True)
        else:
            app.action_go("runs")
