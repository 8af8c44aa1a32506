"""Text from data, made safe for a terminal: no control bytes, no direction overrides; and how wide it is there."""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters (C0, DEL, C1), direction overrides and isolates, invisible characters, line separators, lone
surrogates and tags. The joiners U+200C and U+200D stay: scripts and emoji need them."""

_NAMED = {"\n": "\\n", "\t": " ", "\r": "\\r"}


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was not UTF-8
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: object) -> str:
    """`text` on one line, with everything that could act on a terminal or hide in it shown as an escape."""
    return _UNSAFE.sub(_escape, str(text))


def printable_lines(text: str) -> str:
    """Like `printable`, line by line: newlines stay, a carriage return ends what it overwrites (progress bars)."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(printable(line.rstrip("\r").rpartition("\r")[2]) for line in lines)


def escaped_json(text: str) -> str:
    """JSON of the same meaning that can be read on a terminal: whatever acts or hides there as JSON's own escape."""
    return "\n".join(_UNSAFE.sub(_json_escape, line) for line in text.split("\n"))


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def width(text: str) -> int:
    """Terminal cells that `text` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200c\u200d\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, cells: int) -> str:
    """`text` in at most `cells` cells, an ellipsis at the end where something was left out."""
    if cells <= 0:
        return ""
    if width(text) <= cells:
        return text
    taken, kept = 0, []
    for character in text:
        taken += _cells(character)
        if taken > cells - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"
