"""The app: themes, the main screens, the thread that watches the runs folder, and what works everywhere."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.notifications import Notification, Notify
from textual.screen import Screen

from engine.preferences import keys_path
from tui.app_keys import APP_KEYS
from tui.ends import Teller
from tui.key_order import KeyOrder
from tui.looks import LookingApp
from tui.messages import SnapshotTaken
from tui.palettes import DARK, themes
from tui.preferences import Preferences
from tui.store import DEVICE_SECONDS, Snapshot, Store
from tui.terminal import suspend_in_turn, terminal_is_gone
from tui.text import safe
from tui.undo import UndoStack

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.notifications import SeverityLevel
    from textual.worker import Worker

    from tui.run_view import View

TICK_SECONDS = 1.0
"""How often live runs are looked at."""


def _experiments() -> Screen[None]:
    from tui.screens.experiments import ExperimentsScreen

    return ExperimentsScreen()


def _runs() -> Screen[None]:
    from tui.screens.runs import RunsScreen

    return RunsScreen()


def _devices() -> Screen[None]:
    from tui.screens.devices import DevicesScreen

    return DevicesScreen()


def _provider() -> type[Provider]:
    from tui.commands import Everything

    return Everything


class Toasted(Notification):
    """A toast that knows what it is about."""

    topic = ""
    """Of one topic only the last toast stands; empty for those that all stand."""


class DltuiApp(LookingApp):
    """Experiments, runs and devices; each main screen is a mode of its own."""

    TITLE = "dltui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "experiments": _experiments,
        "runs": _runs,
        "devices": _devices,
    }
    DEFAULT_MODE = "experiments"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_provider}
    COMMAND_PALETTE_DISPLAY = "^p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  (no ClassVar in Textual)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [*APP_KEYS]

    def __init__(self, store: Store, *, open_run: str | None = None) -> None:
        super().__init__()
        self.store = store
        """What the screens read."""
        self.preferences = Preferences.load()
        self.undo_stack = UndoStack()
        self._teller = Teller(self)
        self._open_run = open_run
        self._wake = threading.Event()
        self._leaving = threading.Event()
        self._keys = KeyOrder(self, super().on_event)
        for theme in themes():
            self.register_theme(theme)
        wanted = self.preferences.theme
        # set before anything is styled: as an ordinary assignment it would have all styles parsed a second time
        self.set_reactive(App.theme, wanted if wanted in self.available_themes else DARK)
        self.stylesheet.set_variables(self.get_css_variables())
        self.install_filters()

    def on_mount(self) -> None:
        if self._driver is not None:
            suspend_in_turn(self._driver)
        self._take_keys()
        if self._open_run is not None:
            self.open_run(self._open_run)
        self.app_resume_signal.subscribe(self, lambda _: self.repaint())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc.freeze()
        gc.enable()
        self.watch_store()
        if self.preferences.written:
            self._check_settings()

    # the person's own keys and settings

    def _take_keys(self) -> None:
        """Take the keys of keys.toml; what is wrong with them is looked for when there is time."""
        if self.preferences.problem:
            self.notify(self.preferences.problem, title="settings.json", severity="warning", timeout=12)
        if not os.path.lexists(keys_path()):
            return
        from tui.keymap import read, usable

        given, trouble = read()
        if trouble:
            self.notify(trouble, title="keys.toml", severity="warning", timeout=12)
        if given:
            self.set_keymap(usable(given))
            self._check_keys(given)

    @work(thread=True, exit_on_error=False, group="keys")
    def _check_keys(self, given: dict[str, str]) -> None:
        from tui.keymap import problems

        found = problems(given)
        if found:
            more = [f"and {len(found) - 6} more"] if len(found) > 6 else []
            words = "\n".join([*found[:6], *more])
            self.call_from_thread(self.notify, words, title="keys.toml", severity="warning", timeout=15)

    @work(thread=True, exit_on_error=False, group="settings")
    def _check_settings(self) -> None:
        found = Preferences.problems(self.available_themes)
        if found:
            words = "\n".join(found[:6])
            self.call_from_thread(self.notify, words, title="settings.json", severity="warning", timeout=15)

    def key(self, binding: str, usual: str) -> str:
        """How the key of a binding is written now; `usual` is its own one, where the person has not changed it."""
        from tui.widgets.footer import key_display

        return key_display(self._keymap.get(binding, usual).split(",")[0])

    # the store

    @work(thread=True, exclusive=True, exit_on_error=False, group="store")
    def watch_store(self) -> None:
        """Verify all runs, then look once a second at what may have changed, until the app ends."""
        import time

        from textual.worker import get_current_worker

        worker = get_current_worker()
        if self.store.refresh_file():
            self._tell()
        for changed in self.store.verify():
            if self._leaving.is_set() or worker.is_cancelled:
                return
            if changed:
                self._tell()
        self._tell()
        self._check_experiments(worker)
        asked = 0.0
        while not (self._leaving.is_set() or worker.is_cancelled):
            changed = self.store.refresh()
            if self.store.unchecked:
                self._check_experiments(worker)
            if time.monotonic() - asked >= self.device_seconds and not self._leaving.is_set():
                asked = time.monotonic()
                changed = self.store.refresh_devices() or changed
            if changed:
                self._tell()
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()
            if not self.is_headless and terminal_is_gone():
                self.call_from_thread(self.exit)
                return

    def _check_experiments(self, worker: Worker[Any]) -> None:
        """Check every experiment against what it names; it takes a while, and nothing waits for it."""
        for changed in self.store.check_experiments():
            if self._leaving.is_set() or worker.is_cancelled:
                return
            if changed:
                self._tell()

    device_seconds = DEVICE_SECONDS
    """How often the devices are asked; a screen that shows them asks more often."""

    def look_again(self) -> None:
        """Look at the runs folder now rather than at the next tick."""
        self._wake.set()

    def _tell(self) -> None:
        self.post_message(SnapshotTaken(self.store.snapshot))

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Hand the snapshot to the screens in sight; the others take it when they come back."""
        if not self.is_running:  # the screens are being taken down
            return
        self._teller.look(message.snapshot)
        for screen in self.screen_stack:
            take = getattr(screen, "take_snapshot", None)
            if take is not None and screen.is_mounted:
                take(message.snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self.store.snapshot

    async def on_event(self, event: events.Event) -> None:
        """As in every app, but for what is typed: that is given out in order."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._keys.take(event)
        else:
            await super().on_event(event)

    # going places

    def action_go(self, mode: str) -> None:
        """Show a main screen; from a screen above it, come back down to it."""
        if self.current_mode != mode:
            self.switch_mode(mode)
        elif len(self.screen_stack) > 1:
            while len(self.screen_stack) > 1:
                self.pop_screen()

    def show_runs(self, view: View) -> None:
        """Show the runs that `view` asks for."""
        from tui.screens.runs import RunsScreen

        self.action_go("runs")
        if isinstance(self.screen, RunsScreen):
            self.screen.show_asked(view)

    def open_run(self, run_id: str, *, instead: bool = False) -> None:
        """Show a run; a toast says when there is none of that id.

        Args:
            instead: take the place of a run in sight: `esc` then leads to where that one was opened.
        """
        if getattr(self.screen, "run_id", None) == run_id:
            return  # a double click is two clicks
        from engine.errors import EngineError

        try:
            self.store.runs.find(run_id)
        except EngineError as error:
            self.complain(error)
            return
        from tui.screens.run import RunScreen

        if instead and isinstance(self.screen, RunScreen):
            self.switch_screen(RunScreen(run_id))
        else:
            self.push_screen(RunScreen(run_id))

    async def action_back(self) -> None:
        """Leave a screen that stands on another; on a main screen nothing happens."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_journal(self) -> None:
        """Show the journal entries."""
        from tui.screens.journal import JournalScreen

        if not isinstance(self.screen, JournalScreen):
            self.push_screen(JournalScreen())

    def action_undo(self) -> None:
        """Take the last change to runs back."""
        from tui.undo import undo_last

        undo_last(self)

    def action_help(self) -> None:
        """Show the keys of the present screen."""
        from tui.screens.help import HelpScreen, sections

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(sections(self.screen)))

    async def action_quit(self) -> None:
        """End at once; trainings go on."""
        self.on_unmount()
        self.exit()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()
        self._teller.close()

    # saying things

    def copy(self, text: str, what: str) -> None:
        """Copy to the clipboard, and say what was copied."""
        from tui.clipboard import copy

        copy(self, text, what)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
        topic: str = "",
    ) -> None:
        """Show a toast; its text is plain, whatever it holds.

        Args:
            topic: the toast takes the place of the one before it of the same topic.
        """
        text = "\n".join(safe(line) for line in message.splitlines())
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        toast = Toasted(text, safe(title), severity, seconds)
        toast.topic = topic
        self.post_message(Notify(toast))

    def on_notify(self, event: Notify) -> None:
        """Before a toast is shown, take away the one that it takes the place of."""
        topic = getattr(event.notification, "topic", "")
        for shown in [each for each in self._notifications if topic and getattr(each, "topic", "") == topic]:
            self._unnotify(shown, refresh=False)
            self.screen.query(f"#--textual-toast-{shown.identity}").remove()

    def _remedy(self, action: str) -> str:
        """What to do about an error by a key, where there is one for it."""
        keys = {"stop": ("runs.stop", "S", "stops it"), "star": ("runs.star", "*", "takes the star")}
        if action not in keys:
            return ""
        binding, usual, words = keys[action]
        return f"{self.key(binding, usual)} {words}"

    def complain(self, error: Exception) -> None:
        """Show an error with what can be done about it."""
        message = getattr(error, "message", str(error))
        hint = self._remedy(getattr(error, "remedy", "")) or getattr(error, "hint", "")
        self.notify(
            f"{message}\n{hint}" if hint else message,
            title=getattr(error, "title", "Error"),
            severity="error",
            timeout=8,
        )

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: tui.commands offers what there is."""
        return ()
