"""Near duplicates, kept as one JSON file for each fingerprint of the data: they take seconds to find."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.jsonio import read_json, write_json

VERSION = 1
"""Counted up when what counts as near changes: what was found before is found anew."""


def cached(path: Path, fingerprint: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, or gave for the same data before.

    Args:
        path: the cache folder; near-duplicates/FINGERPRINT.json in it is read, or made. Where that cannot be written,
            nothing is kept; where it cannot be read, it is made anew.
        fingerprint: of the data, its order and splits, such as `engine.duplicates.fingerprint` gives.
        make: finds the near duplicates.
    """
    file = path / "near-duplicates" / f"{fingerprint}.json"
    kept = _kept(file)
    if kept is not None:
        return kept
    found = make()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"version": VERSION, "found": found})
    return found


def _kept(file: Path) -> dict[str, Any] | None:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        return None
    found = content.get("found")
    return found if isinstance(found, dict) else None
