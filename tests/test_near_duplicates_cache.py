"""What was found of near duplicates is kept by fingerprint, and made anew where it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine import near_duplicates_cache
from engine.near_duplicates_cache import cached

RESULT = {"train/test": {"rows": 2, "pairs": [[1, 2, 0.0], [3, 4, 0.125]]}}


def never() -> dict[str, Any]:
    pytest.fail("made again")


def test_what_was_found_is_kept_by_fingerprint(tmp_path: Path) -> None:
    assert cached(tmp_path / "cache", "ab12", lambda: RESULT) == RESULT
    assert [p.name for p in (tmp_path / "cache" / "near-duplicates").iterdir()] == ["ab12.json"]
    assert cached(tmp_path / "cache", "ab12", never) == RESULT
    assert cached(tmp_path / "cache", "cd34", dict) == {} == cached(tmp_path / "cache", "cd34", never)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"version": 1}', b'{"version": 1, "found": 3}', b"\xff"])
def test_what_cannot_be_read_is_made_anew(content: bytes, tmp_path: Path) -> None:
    cached(tmp_path, "ab12", lambda: RESULT)
    (tmp_path / "near-duplicates" / "ab12.json").write_bytes(content)
    assert cached(tmp_path, "ab12", lambda: {"new": {}}) == {"new": {}}
    assert cached(tmp_path, "ab12", never) == {"new": {}}


def test_what_an_older_version_found_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path, "ab12", lambda: RESULT)
    monkeypatch.setattr(near_duplicates_cache, "VERSION", near_duplicates_cache.VERSION + 1)
    assert cached(tmp_path, "ab12", dict) == {}


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", Path(os.devnull)):
        assert cached(folder, "ab12", lambda: RESULT) == RESULT
    (tmp_path / "cache" / "near-duplicates" / "ab12.json").mkdir(parents=True)
    assert cached(tmp_path / "cache", "ab12", lambda: RESULT) == RESULT
    assert [p.name for p in (tmp_path / "cache" / "near-duplicates").iterdir()] == ["ab12.json"], "something was left"


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        cached(tmp_path, "ab12", lambda: (_ for _ in ()).throw(MemoryError()))
    assert not (tmp_path / "near-duplicates").exists()
