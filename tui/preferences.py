"""What the program remembers of a person: theme and mouse, in `$XDG_CONFIG_HOME/dltui/settings.json`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine.jsonio import read_json, write_json


@dataclass
class Preferences:
    """Choices that outlive the program; what cannot be read or written is passed over."""

    theme: str = ""
    """A theme's name; the program's dark one when empty."""
    details: bool = False
    """Whether the details are shown in place of the list on a narrow terminal."""

    @classmethod
    def load(cls) -> Preferences:
        """Read them; anything missing or foreign counts as not chosen."""
        try:
            content: Any = read_json(_path())
        except (OSError, ValueError):
            return cls()
        if not isinstance(content, dict):
            return cls()
        known: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        return cls(
            **{key: value for key, value in content.items() if key in known and isinstance(value, type(known[key]))}
        )

    def save(self) -> None:
        """Write them, if the folder can be written."""
        path = _path()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, asdict(self))


def _path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path("~/.config").expanduser()) / "dltui" / "settings.json"
