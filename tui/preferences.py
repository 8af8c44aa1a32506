"""What a person likes: `$XDG_CONFIG_HOME/dltui/settings.json`; the program writes only what it changes itself."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, fields
from typing import Any

from engine import preferences as stored
from engine.errors import SettingsError
from engine.jsonio import write_json

OWN = ("theme", "details")
"""What the program changes by itself; everything else in the file is the person's."""


@dataclass
class Preferences:
    """Choices that outlive the program; what cannot be read counts as not chosen, and is never written over."""

    theme: str = ""
    """A theme's name; the program's dark one when empty."""
    details: bool = False
    """Whether the details are shown in place of the list on a narrow terminal."""
    open_folder: str = "shell"
    """How a run's folder is opened: shell, editor, say, or a command that takes the folder as its last argument."""
    problem: str = field(default="", compare=False)
    """Why the file cannot be read; empty when it can."""

    @classmethod
    def load(cls) -> Preferences:
        """Read them; anything missing or foreign counts as not chosen."""
        try:
            content = stored.read()
        except SettingsError as error:
            return cls(problem=str(error))
        usual: dict[str, Any] = {f.name: f.default for f in fields(cls) if f.name != "problem"}
        taken = {key: value for key, value in content.items() if key in usual and isinstance(value, type(usual[key]))}
        return cls(**taken)

    def save(self) -> None:
        """Write what the program changes, if the file can be read and written; what else stands in it stays."""
        with contextlib.suppress(OSError, SettingsError):
            content: dict[str, Any] = stored.read()
            path = stored.settings_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {**content, **{name: getattr(self, name) for name in OWN}})
