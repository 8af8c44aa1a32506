"""What a person likes: `$XDG_CONFIG_HOME/dltui/settings.json`; the program writes only what it changes itself."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine import preferences as stored
from engine.errors import SettingsError
from engine.jsonio import write_json

_NOTIFY = "notify"
_MEANT = {"theme": "a theme's name", "details": "true or false", "open_folder": "shell, editor, say, or a command"}
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
    written: bool = field(default=False, compare=False)
    """Whether there is anything in the file."""

    @classmethod
    def load(cls) -> Preferences:
        """Read them; anything missing or foreign counts as not chosen."""
        try:
            content = stored.read()
        except SettingsError as error:
            return cls(problem=str(error))
        usual: dict[str, Any] = {f.name: f.default for f in fields(cls) if f.compare}
        taken = {key: value for key, value in content.items() if key in usual and isinstance(value, type(usual[key]))}
        return cls(**taken, written=bool(content))

    @classmethod
    def problems(cls, themes: Collection[str]) -> list[str]:
        """What is not known in a file that can be read, a sentence each; without one, nothing."""
        from engine.errors import nearest

        try:
            content = stored.read()
        except SettingsError:
            return []  # told already
        known = [*_MEANT, _NOTIFY]
        said = []
        for key, value in content.items():
            if key not in known:
                said.append(f"{key} is not known; {nearest(key, known)}")
            elif key in _MEANT and not isinstance(value, type(getattr(cls, key))):
                said.append(f"{key} = {str(value)[:40]!r}: it takes {_MEANT[key]}")
        theme = content.get("theme")
        if isinstance(theme, str) and theme and theme not in themes:
            said.append(f"there is no theme {theme!r}; {nearest(theme, list(themes))}")
        return [*said, *_notify_problems(content)]

    def save(self) -> None:
        """Write what the program changes, if the file can be read and written; what else stands in it stays."""
        with contextlib.suppress(OSError, SettingsError):
            content: dict[str, Any] = stored.read()
            path = stored.settings_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {**content, **{name: getattr(self, name) for name in OWN}})


def _notify_problems(content: Mapping[str, Any]) -> list[str]:
    """What is wrong with how ends are told: nobody would see it before nothing was told of an end."""
    if _NOTIFY not in content:
        return []
    from engine.notices import check_url

    try:
        ways = stored.notify(content)
        if "://" in ways.ntfy:
            check_url(ways.ntfy, "notify.ntfy")
        if ways.webhook:
            check_url(ways.webhook, "notify.webhook")
    except SettingsError as error:
        words = error.message.removeprefix(f"{stored.settings_path()}: ")
        return [f"{words}; {error.hint}" if error.hint else words]
    return []
