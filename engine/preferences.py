"""The person's own settings, `$XDG_CONFIG_HOME/dltui/settings.json`: where they are, and what they say of notices."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SettingsError, nearest
from engine.jsonio import read_json


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table `notify`: how it is told that a run has ended."""

    toast: bool = True
    """A line within the program."""
    bell: bool = True
    """The terminal's bell."""
    desktop: str | bool = False
    """A notice on the desktop, shown by the terminal: true, or "osc9", "osc777", "both"."""
    ntfy: str = ""
    """A topic of ntfy.sh, or the URL of a topic elsewhere."""
    webhook: str = ""
    """A URL that gets a JSON object; chats that show `text` or `content` show it."""

    @property
    def desktop_kind(self) -> str:
        """auto | osc9 | osc777 | both; empty for none."""
        return ("auto" if self.desktop else "") if isinstance(self.desktop, bool) else self.desktop

    @property
    def posts(self) -> bool:
        """Whether something goes out over the network."""
        return bool(self.ntfy or self.webhook)


_MEND = "mend or remove it; until then the usual settings hold"


def folder() -> Path:
    """Where the person's settings and keys lie."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path("~/.config").expanduser()) / "dltui"


def keys_path() -> Path:
    """The file of keys."""
    return folder() / "keys.toml"


def settings_path() -> Path:
    """The file of settings."""
    return folder() / "settings.json"


def read() -> dict[str, Any]:
    """The content of the file; empty without one.

    Raises:
        SettingsError: it is no JSON object, or cannot be read.
    """
    path = settings_path()
    try:
        content = read_json(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", hint="the program's own settings hold") from error
    except ValueError as error:
        raise SettingsError(f"{str(error)[:200]}", hint=_MEND) from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: not a JSON object", hint=_MEND)
    return content


def notify(content: Mapping[str, Any] | None = None) -> Notify:
    """The table `notify`.

    Raises:
        SettingsError: it cannot be read, or says what is not known.
    """
    table = (read() if content is None else content).get("notify", {})
    where = f"{settings_path()}: notify"
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is not an object", hint='such as { "bell": true, "ntfy": "my-topic" }')
    for key in table:
        if key not in Notify.__struct_fields__:
            raise SettingsError(f"{where}.{key} is not known", hint=nearest(key, Notify.__struct_fields__))
    try:
        found = msgspec.convert(table, Notify)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}", hint="docs/settings.md tells what it takes") from None
    if found.desktop_kind not in ("", "auto", "osc9", "osc777", "both"):
        raise SettingsError(f"{where}.desktop = {found.desktop!r}", hint="true, false, osc9, osc777 or both")
    return found
