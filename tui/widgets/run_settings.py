"""The settings of a run as they were resolved, what is no default marked; and where the run came from."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from tui.run_store import RunSnapshot
from tui.text import pad, safe, setting, wrap
from tui.theme import Inks, symbol
from tui.widgets.run_tab import LinesTab, notice
from tui.widgets.run_words import moment
from tui.widgets.table import Line

KEY = 20
"""Cells of the keys."""
COLUMN = 48
"""Cells that a column of settings wants at least."""
_TABLES = ("data", "model", "loss", "optimizer", "scheduler", "train", "evaluate", "checkpoint")


class SettingsTab(LinesTab):
    """run.json, readable."""

    NAME = "settings"
    TITLE = "Settings"

    def content(self, snapshot: RunSnapshot) -> object:
        """run.json is written once; only limits may grow."""
        return (snapshot.info, snapshot.limits)

    def lines(self, snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
        """All settings by table."""
        return settings_lines(snapshot, width, ink)


@functools.cache
def _defaults() -> dict[str, Any]:
    """The defaults of every setting, by table."""
    from engine.settings import DataOptions, Settings

    plain = msgspec.to_builtins(Settings())
    options = msgspec.to_builtins(DataOptions(name=""))
    del options["name"]
    return {**plain, "data": options, "optimizer": {}, "loss": {}, "model": {}, "scheduler": {}}


def settings_lines(snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    """All settings and the origin of the run; in two columns where there is room."""
    if not snapshot.info.settings:
        return notice("run.json holds no settings", width, ink, bad=True)
    entries = [*_settings(snapshot), *_origin(snapshot)]
    columns = max(1, min(4, width // COLUMN))
    each = width // columns
    groups = [
        _laid_out([e for e in entries if e[0] == name], each - 1, ink) for name in dict.fromkeys(e[0] for e in entries)
    ]
    legend: Line = [(symbol("dot"), ink.accent), (" differs from the default", ink.muted)]
    return [legend, [], *_in_columns(groups, columns, each, ink)]


Entry = tuple[str, str, str, bool]
"""Group, key, value, whether it is no default."""


def _settings(snapshot: RunSnapshot) -> list[Entry]:
    settings, defaults = snapshot.info.settings, _defaults()
    entries: list[Entry] = []
    for key in (k for k in settings if k not in _TABLES):
        value = settings[key]
        entries.append(("run", key, setting(value), value != defaults.get(key)))
    for table in _TABLES:
        content = settings.get(table)
        if not isinstance(content, dict):
            if table != "scheduler" or content is not None:
                entries.append((table, "", setting(content), content is not None))
            continue
        for key, value in _flat(content):
            grown = snapshot.limits.get(f"{table}.{key}")
            shown = (
                setting(value) if grown is None else f"{setting(value)} {symbol('right')} {setting(grown)} on resuming"
            )
            if (table, key, value) == ("train", "batch_size", "max"):
                shown = _largest(snapshot)
            default = _known(defaults.get(table), key)
            entries.append((table, key, shown, grown is not None or value != default))
    return entries


def _largest(snapshot: RunSnapshot) -> str:
    """The batch that was found to fit, where it has been looked for already."""
    from engine.batch_size import found_batch_size

    found = found_batch_size(snapshot.run.paths)
    return "max" if found is None else f"max ({found:,} fit)"


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


_NOTHING = object()


def _known(defaults: Any, key: str) -> Any:
    for part in key.split("."):
        defaults = defaults.get(part, _NOTHING) if isinstance(defaults, dict) else _NOTHING
    return defaults


def _origin(snapshot: RunSnapshot) -> list[Entry]:
    info, git = snapshot.info, snapshot.info.git
    entries: list[Entry] = [
        ("origin", "command", " ".join(info.argv), True),
        ("origin", "parent", info.parent or "", True),
        ("origin", "group", info.group or "", True),
        ("origin", "created", moment(info.created), True),
        ("origin", "host, user", ", ".join(part for part in (info.host, info.user) if part), True),
        ("origin", "device", _device(info.device), True),
        ("origin", "folder", info.folder, True),
        ("origin", "working folder", info.cwd if info.cwd != info.folder else "", True),
        ("origin", "python", info.python, True),
        ("origin", "data fingerprint", info.data_fingerprint or "", True),
        ("origin", "git commit", str(git.get("commit") or "")[:12] if git else "not in a git repository", True),
    ]
    if git and git.get("dirty"):
        patch = (
            "code.patch beside run.json holds the changes"
            if snapshot.run.paths.code_patch.exists()
            else "changed files"
        )
        entries.append(("origin", "uncommitted", patch, True))
    entries += [("origin", f"code {name}", digest[:12], True) for name, digest in info.code.items()]
    entries += [("versions", name, version, True) for name, version in info.versions.items()]
    return [(group, key, safe(value), lit) for group, key, value, lit in entries if value]


def _device(device: dict[str, Any]) -> str:
    words = [str(device[key]) for key in ("name", "title", "uuid") if device.get(key)]
    return ", ".join(dict.fromkeys(words))


def _laid_out(entries: list[Entry], width: int, ink: Inks) -> list[Line]:
    """Entries under the titles of their groups, values broken over lines where they are long."""
    lines: list[Line] = []
    group = ""
    for of, key, value, lit in entries:
        if of != group:
            if lines:
                lines.append([])
            lines.append([(f" {of}", ink.strong)])
            group = of
        wide = min(KEY, max(8, width // 3))
        for position, row in enumerate(wrap(value, max(8, width - wide - 3), 8) or [""]):
            shown = pad(safe(key), wide) if not position else " " * wide
            marked = lit and not position and of not in ("origin", "versions")
            lines.append(
                [
                    (symbol("dot") if marked else " ", ink.accent),
                    (f"{shown}  ", ink.muted),
                    (row, (ink.accent if of != "origin" else ink.text) if lit else ink.muted),
                ]
            )
            if of == "versions":
                lines[-1][-1] = (row, ink.text)
    return lines


def _in_columns(groups: list[list[Line]], columns: int, each: int, ink: Inks) -> list[Line]:
    """Groups in as many columns, in their order, of about the same height."""
    from tui.widgets.run_words import line_width

    total = sum(len(group) + 1 for group in groups)
    stacks: list[list[Line]] = [[]]
    for group in groups:
        over = len(stacks[-1]) + len(group) / 2 > total / columns
        if stacks[-1] and over and len(stacks) < columns:
            stacks.append([])
        stacks[-1] += [*([[]] if stacks[-1] else []), *group]
    lines: list[Line] = []
    for index in range(max(map(len, stacks))):
        line: Line = []
        for position, stack in enumerate(stacks):
            part = stack[index] if index < len(stack) else []
            blank = " " * (each - line_width(part)) if position < len(stacks) - 1 else ""
            line += [*part, (blank, ink.text)]
        lines.append(line)
    return lines
