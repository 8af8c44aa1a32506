"""Views that people saved under a name, in `runs/.dltui/views.json`, which is left alone where it cannot be read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import EngineError, NotFoundError, RunError, UsageError, nearest
from engine.jsonio import read_json, write_json
from engine.runs import RunsFolder, locked
from engine.view import View

FORMAT = 1
LONGEST_NAME = 60


class _File(msgspec.Struct, kw_only=True):
    format: int = FORMAT
    views: dict[str, View] = msgspec.field(default_factory=dict)


class SavedViews:
    """The saved views of a runs folder; every call reads the file anew, for others may have changed it."""

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs

    @property
    def path(self) -> Path:
        """The file."""
        return self._runs.own / "views.json"

    def all(self) -> dict[str, View]:
        """All views by name, in the order of their names.

        Raises:
            RunError: the file is there and cannot be read; it is left as it is.
        """
        views = self._read().views
        return {name: views[name] for name in sorted(views, key=str.casefold)}

    def get(self, name: str) -> View:
        """One view.

        Raises:
            NotFoundError: there is none of that name.
            RunError: the file cannot be read.
        """
        views = self.all()
        if name not in views:
            hint = nearest(name, list(views)) or "none is saved yet; --save-view NAME saves one"
            raise NotFoundError(f"no view {name!r} in {self.path}", hint=hint)
        return views[name]

    def save(self, name: str, view: View) -> None:
        """Keep a view under a name, in place of one that has it.

        Raises:
            UsageError: no name, or one that is too long.
            RunError: the file cannot be read, or cannot be written.
        """
        name = name.strip()
        if not name or len(name) > LONGEST_NAME:
            raise UsageError(f"the name of a view has 1 to {LONGEST_NAME} characters, not {len(name)}")
        self._change(name, view)

    def delete(self, name: str) -> None:
        """Forget a view.

        Raises:
            NotFoundError: there is none of that name.
            RunError: the file cannot be read, or cannot be written.
        """
        self.get(name)
        self._change(name, None)

    def _change(self, name: str, view: View | None) -> None:
        try:
            self._runs.own.mkdir(parents=True, exist_ok=True)
            with locked(self._runs.own / "views.lock"):
                file = self._read()
                file.views.pop(name, None)
                if view is not None:
                    file.views[name] = view
                write_json(self.path, msgspec.to_builtins(file))
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}") from error

    def _read(self) -> _File:
        try:
            content = read_json(self.path)
        except FileNotFoundError:
            return _File()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        except ValueError as error:
            raise self._unreadable(str(error).rpartition("(")[2].rstrip(")")) from None
        if isinstance(content, dict) and isinstance(version := content.get("format"), int) and version > FORMAT:
            raise self._unreadable(f"it has format {version}; this version reads up to {FORMAT}")
        try:
            return msgspec.convert(content, _File)
        except ValueError as error:
            raise self._unreadable(str(error)) from None

    def _unreadable(self, why: str) -> EngineError:
        return RunError(
            f"the saved views cannot be read: {why}",
            hint=f"{self.path} is left as it is; mend it, or move it away to begin anew",
        )
