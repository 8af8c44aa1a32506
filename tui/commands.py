"""What the command palette offers: the actions of the present screen, experiments, runs and themes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.text import safe

if TYPE_CHECKING:
    from textual.binding import ActiveBinding, Binding
    from textual.screen import Screen

    from engine.rows import Row
    from tui.app import DltuiApp

MOST = 30
"""Runs, and experiments, offered for one query."""
TOLD = 0.7
"""What a match in the line of help is worth beside one in the name."""


@dataclass(frozen=True)
class Command:
    """One entry: what is shown and searched, what it does, and a line of help, which is searched too."""

    text: str
    run: Callable[[], Any]
    help: str = ""
    key: str = ""
    """What does the same without the palette."""

    @property
    def shown(self) -> Text:
        """The words, and the key behind them."""
        return Text.assemble(safe(self.text), (f"   {self.key}" if self.key else "", "dim"))


class Everything(Provider):
    """Actions first; experiments, runs and themes when something is typed."""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    async def startup(self) -> None:
        """Gather what the search looks through, while nothing is typed yet; a thread, for 10,000 runs take a moment."""
        await asyncio.to_thread(lambda: [_searched(row) for row in self.dltui.snapshot.rows])

    async def discover(self) -> Hits:
        """What is shown before anything is typed: the actions."""
        for command in self.actions():
            yield DiscoveryHit(command.shown, command.run, text=safe(command.text), help=_plain(command.help))

    async def search(self, query: str) -> Hits:
        """Everything that fits `query`, the best first."""
        matcher = self.matcher(query)
        for command in (*self.actions(), *self.themes()):
            score = matcher.match(command.text) or _told_of(query, command)
            if score > 0:
                yield self._hit(score, command)
        for score, command in (*self.experiments(query), *self.runs(query)):
            yield self._hit(score, command)

    @staticmethod
    def _hit(score: float, command: Command) -> Hit:
        return Hit(score, command.shown, command.run, text=safe(command.text), help=_plain(command.help))

    def actions(self) -> Iterator[Command]:
        """What the keys of the present screen do."""
        from tui.widgets.footer import key_display

        seen: set[str] = set()
        screen = self.screen
        for active in sorted(screen.active_bindings.values(), key=partial(_rank, screen)):
            binding = active.binding
            moving = (binding.id or "").startswith(("list.", "pane."))
            if binding.system or moving or not binding.tooltip or binding.action in seen or not active.enabled:
                continue
            if binding.action == "command_palette":
                continue
            seen.add(binding.action)
            run = partial(self.app.run_action, binding.action, active.node)
            yield Command(_title(binding), run, binding.tooltip, key_display(binding.key))
        yield from self._shadowed(seen)

    def _shadowed(self, seen: set[str]) -> Iterator[Command]:
        """What the screen can do by a key that something in it has taken."""
        for _, binding in self.screen._bindings:
            plain = binding.action.isidentifier() and binding.tooltip and not binding.system
            if plain and binding.action not in seen and self.screen.check_action(binding.action, ()):
                seen.add(binding.action)
                yield Command(
                    _title(binding), partial(self.app.run_action, binding.action, self.screen), binding.tooltip
                )
        for text, act, words in getattr(self.screen, "without_a_key", list)():
            yield Command(text, act, words)

    def themes(self) -> Iterator[Command]:
        """The themes there are, those made for this program first."""
        for name in sorted(self.app.available_themes, key=lambda name: not name.startswith("dltui")):
            yield Command(f"Theme {name}", partial(self.dltui.use_theme, name), "Use these colours, now and later")

    def experiments(self, query: str) -> Iterator[tuple[float, Command]]:
        """Launching the experiments that fit `query`, and their runs."""
        from tui.matching import best

        entries = self.dltui.snapshot.experiments
        texts = [f"launch {entry.name} {entry.data} {entry.model}".casefold() for entry in entries]
        for score, at in best(query, texts, MOST):
            entry = entries[at]
            words = " ".join(part for part in (entry.data, entry.model) if part)
            if not entry.problem:
                yield score, Command(f"Launch {entry.name}", partial(self._launch, entry.name), words)
            if entry.runs:
                show = partial(self._show_runs, entry.name)
                many = f"{entry.runs} run{'s' * (entry.runs != 1)}"
                yield score * 0.99, Command(f"Runs of {entry.name}", show, many)

    def runs(self, query: str) -> Iterator[tuple[float, Command]]:
        """Opening the runs that fit `query`, the best first, of equal ones the newest."""
        from tui.matching import best

        rows = self.dltui.snapshot.rows[::-1]
        for score, at in best(query, [_searched(row) for row in rows], MOST):
            row = rows[at]
            text = f"Open {row.run} {row.experiment} {row.name}".strip()
            yield score, Command(text, partial(self.dltui.open_run, row.run), f"{row.state} {' '.join(row.tags)}")

    def _show_runs(self, name: str) -> None:
        from tui.run_view import View

        self.dltui.show_runs(View(experiment=name))

    def _launch(self, name: str) -> None:
        from tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(name))


def _rank(screen: Screen[Any], active: ActiveBinding) -> tuple[bool, bool]:
    """The present screen's actions that its footer shows first, then its others; those of every screen last."""
    return active.node is screen.app, not active.binding.show


def _told_of(query: str, command: Command) -> float:
    """How well a command fits by its line of help: somebody who looks for it need not know what it is called."""
    from tui.matching import HOLDS, best

    found = best(query, [f"{command.text} {command.help}".casefold()], 1)
    return found[0][0] * TOLD if found and found[0][0] >= HOLDS else 0.0


def _title(binding: Binding) -> str:
    return binding.description[:1].upper() + binding.description[1:]


def _searched(row: Row) -> str:
    """What of a run is looked through, in small letters; kept with the row."""
    kept: str | None = row.__dict__.get("_palette_text")
    if kept is None:
        parts = ("open", row.run, row.experiment, row.name, *row.tags, row.state, row.data, row.model)
        kept = row.__dict__["_palette_text"] = " ".join(parts).casefold()
    return kept


def _plain(text: str) -> str:
    """A line of help that Textual, which takes it for markup, shows as it stands."""
    return safe(text).replace("[", "\\[")
