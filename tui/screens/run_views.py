"""The dialog of saved views: switch to one, save the present one, delete one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from engine.errors import EngineError
from engine.runs import RunsFolder
from engine.saved_views import SavedViews
from tui.run_view import View
from tui.text import fit, pad, safe, wrap
from tui.theme import Inks, inks, symbol
from tui.widgets.footer import key_display
from tui.widgets.line_list import LineList
from tui.widgets.table import Line, plain

Chosen = tuple[str, View]


@dataclass(frozen=True)
class Entry:
    """A view as the list offers it; the plain one has no name."""

    name: str
    view: View


class ViewList(LineList[Entry]):
    """The saved views, each with what it shows."""

    def __init__(self, present: str) -> None:
        super().__init__(id="views")
        self.titled = False
        self._present = present

    def draw_item(self, item: Entry, width: int, ink: Inks) -> Line:
        """A mark at the present one, the name, and what the view is."""
        name = min(28, max(8, width // 3))
        here = bool(item.name) and item.name == self._present
        return [
            (f"{symbol('selected') if here else ' '} ", ink.accent),
            (pad(safe(item.name or "all runs"), name), ink.strong if item.name else ink.text),
            (fit(f"  {words_of(item.view)}", max(0, width - name - 2)), ink.muted),
        ]


def words_of(view: View) -> str:
    """What a view is, on a line."""
    arrows = {True: symbol("down"), False: symbol("up")}
    parts = [f"/ {view.filter}"] if view.filter else []
    parts += [f"of {view.experiment}"] if view.experiment else []
    if view.orders != View().orders:
        parts.append("by " + ", ".join(f"{order.key} {arrows[order.descending]}" for order in view.orders))
    parts += [f"gathered by {', '.join(view.groups)}"] if view.groups else []
    parts += [f"{len(view.columns)} columns"] if view.columns else []
    return safe("   ".join(parts)) or "newest first"


class ViewsScreen(ModalScreen[Chosen | None]):
    """The name and the view to switch to, or None.

    Args:
        runs: the folder that the views belong to.
        view: what is shown now, which can be saved.
        present: the name of the view chosen last.
        plain: what is shown where no view is chosen.
    """

    CSS = """
    ViewsScreen .dialog { width: 84; }
    ViewsScreen ViewList { height: 12; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "show", id="views.choose", tooltip="Show the view under the cursor"),
        Binding("s", "save", "save this one", id="views.save", tooltip="Save what is shown now under a name"),
        Binding("d,delete", "delete", "delete", id="views.delete", tooltip="Delete the view under the cursor"),
        Binding("escape,q,v", "cancel", "close", id="views.cancel", tooltip="Close without a change"),
    ]

    views = getters.query_one("#views", ViewList)

    def __init__(self, runs: RunsFolder, view: View, present: str = "", plain: View | None = None) -> None:
        super().__init__()
        self._saved = SavedViews(runs)
        self._view = view
        self._present = present
        self._plain = View() if plain is None else plain

    def compose(self) -> ComposeResult:
        """The views in a frame."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain("Views")
            dialog.border_subtitle = plain(f"{key_display('enter')} show   s save this one   d delete   esc close")
            yield ViewList(self._present)

    def on_mount(self) -> None:
        self._look(self._present)

    def _look(self, at: str = "") -> None:
        """List the views as the file has them now."""
        views, ink = self.views, inks(self.app)
        try:
            saved = self._saved.all()
        except EngineError as error:
            views.empty = [[(line, ink.bad)] for line in wrap(safe(error.message), 76)]
            views.empty += [[(line, ink.muted)] for line in wrap(safe(error.hint), 76)]
            views.set_items([])
            return
        entries = [Entry("", self._plain), *(Entry(name, view) for name, view in saved.items())]
        views.set_items(entries, next((i for i, entry in enumerate(entries) if entry.name == at), 0))
        views.refresh()

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Show the view under the cursor."""
        current = self.views.current
        self.dismiss((current.name, current.view) if current is not None else None)

    def action_save(self) -> None:
        """Ask for a name and save what is shown now."""
        from tui.screens.confirm import PromptScreen

        current = self.views.current
        name = self._present or (current.name if current is not None else "")
        prompt = PromptScreen("Save this view as", name, placeholder="a name; one that is taken is replaced")
        self.app.push_screen(prompt, self._save)

    def _save(self, name: str | None) -> None:
        if not name:
            return
        try:
            self._saved.save(name, self._view)
        except EngineError as error:
            self._complain(error)
            return
        self.notify(f"Saved as {name}; engine runs --view shows it too")
        self.dismiss((name, self._view))

    def action_delete(self) -> None:
        """Ask, then delete the view under the cursor."""
        from tui.screens.confirm import ConfirmScreen

        current = self.views.current
        if current is None or not current.name:
            self.notify("This one is always there")
            return
        question = ConfirmScreen(f"Delete the view {current.name}?", words_of(current.view), yes="delete")
        self.app.push_screen(question, lambda yes: self._delete(current.name) if yes else None)

    def _delete(self, name: str) -> None:
        try:
            self._saved.delete(name)
        except EngineError as error:
            self._complain(error)
        self._look()

    def _complain(self, error: EngineError) -> None:
        from typing import cast

        from tui.app import DltuiApp

        cast("DltuiApp", self.app).complain(error)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)
