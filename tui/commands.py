"""What the command palette offers: the actions of the present screen, experiments, runs and themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.text import safe

if TYPE_CHECKING:
    from tui.app import DltuiApp

MOST_RUNS = 30
"""Runs offered for one query."""


@dataclass(frozen=True)
class Command:
    """One entry: what is shown and searched, what it does, and a line of help."""

    text: str
    run: Callable[[], Any]
    help: str = ""


class Everything(Provider):
    """Actions first; experiments, runs and themes when something is typed."""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    async def discover(self) -> Hits:
        """What is shown before anything is typed: the actions."""
        for command in self.actions():
            yield DiscoveryHit(Text(safe(command.text)), command.run, text=safe(command.text), help=safe(command.help))

    async def search(self, query: str) -> Hits:
        """Everything that fits `query`, the best first."""
        matcher = self.matcher(query)
        for command in (*self.actions(), *self.themes(), *self.experiments()):
            score = matcher.match(command.text)
            if score > 0:
                yield self._hit(score, command)
        for command in self.runs(query):
            yield self._hit(max(0.2, matcher.match(command.text)), command)

    @staticmethod
    def _hit(score: float, command: Command) -> Hit:
        return Hit(score, Text(safe(command.text)), command.run, text=safe(command.text), help=safe(command.help))

    def actions(self) -> Iterator[Command]:
        """What the keys of the present screen do."""
        seen: set[str] = set()
        screen = self.screen
        for active in sorted(screen.active_bindings.values(), key=lambda item: item.node is screen.app):
            binding = active.binding
            moving = (binding.id or "").startswith(("list.", "pane."))
            if binding.system or moving or not binding.tooltip or binding.action in seen or not active.enabled:
                continue
            if binding.action == "command_palette":
                continue
            seen.add(binding.action)
            run = partial(self.app.run_action, binding.action, active.node)
            title = binding.description[:1].upper() + binding.description[1:]
            yield Command(title, run, binding.tooltip)

    def themes(self) -> Iterator[Command]:
        """The themes there are."""
        for name in self.app.available_themes:
            yield Command(f"Theme {name}", partial(self.dltui.use_theme, name), "Use these colours, now and later")

    def experiments(self) -> Iterator[Command]:
        """Launching each experiment."""
        for entry in self.dltui.snapshot.experiments:
            if not entry.problem:
                words = " ".join(part for part in (entry.data, entry.model) if part)
                yield Command(f"Launch {entry.name}", partial(self._launch, entry.name), words)

    def runs(self, query: str) -> Iterator[Command]:
        """Opening the newest runs that hold the words of `query`."""
        from tui.run_view import View, apply

        for row in apply(self.dltui.snapshot.rows, View(filter=f"{query} ", archived=True)).rows[:MOST_RUNS]:
            text = f"{row.run} {row.experiment} {row.name}".strip()
            yield Command(text, partial(self.dltui.open_run, row.run), f"Open this run, {row.state}")

    def _launch(self, name: str) -> None:
        from tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(name))
