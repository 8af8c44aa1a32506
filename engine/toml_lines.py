"""Reading a TOML file with errors that say where; and finding the line of a key, which the parser does not tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.errors import NotFoundError, SettingsError
from engine.text import printable

Path_ = tuple[str, ...]


def shown_path(path: Path) -> str:
    """A path as messages show it: relative where it lies below the current folder."""
    try:
        return printable(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return printable(path)


def read(path: Path) -> tuple[dict[str, Any], str]:
    """The content of a TOML file as data and as text.

    Raises:
        NotFoundError: there is no such file.
        SettingsError: it cannot be read, is not UTF-8 or is not TOML; the message has file, line, column and the line.
    """
    import tomli

    text = _decode(path, _bytes(path))
    try:
        return tomli.loads(text), text
    except tomli.TOMLDecodeError as error:
        raise _broken(path, text, error) from None
    except RecursionError as error:
        raise SettingsError(f"{shown_path(path)}: {error}", hint="no setting is nested that deep") from None
    except ValueError as error:  # such as an integer of more digits than Python converts
        raise SettingsError(f"{shown_path(path)}: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"there is no {shown_path(path)}", hint="give an existing file with --file FILE") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{shown_path(path)} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _decode(path: Path, content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SettingsError(f"{shown_path(path)} is UTF-16", hint="TOML files are UTF-8: save it as that")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        byte = content[error.start]
        raise SettingsError(
            f"{shown_path(path)}:{line}:{column}: byte 0x{byte:02x} is not UTF-8",
            hint="TOML files are UTF-8: save it as that",
        ) from None


def _broken(path: Path, text: str, error: Exception) -> SettingsError:
    message = re.sub(r" \(at .*\)$", "", str(error))
    line, column = getattr(error, "lineno", None), getattr(error, "colno", None)
    if line is None and (match := re.search(r"line (\d+), column (\d+)", str(error))):
        line, column = int(match[1]), int(match[2])
    lines = text.splitlines() or [""]
    line, column = line or len(lines), column or 1
    shown = printable(lines[min(line, len(lines)) - 1])
    return SettingsError(
        f"{shown_path(path)}:{line}:{column}: {printable(message)}\n    {shown[:160]}",
        hint="the file is not TOML there",
    )


_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_OTHER = re.compile(r"""[^\s,\[\]{}#="']+(?: [0-9][^\s,\]}#]*)?""")


class LineMap:
    """Where each key of a TOML text stands; the text is scanned when the first line is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path_, int] | None = None

    def line(self, path: Path_) -> int | None:
        """The line of the key at `path`, or of the nearest table around it; None when even that is not there."""
        if self._lines is None:
            self._lines = _Scanner(self._text).scan()
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return None


class _Scanner:
    """Walks a valid TOML text, noting the first line of each key."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path_, int] = {}
        self.counted, self.line = 0, 1

    def scan(self) -> dict[Path_, int]:
        table: Path_ = ()
        self.skip()
        while self.at < len(self.text):
            before = self.at
            if self.text[self.at] == "[":
                while self.peek() == "[":
                    self.at += 1
                table = self.keys(())
                while self.peek() == "]":
                    self.at += 1
            else:
                self.pair(table)
            self.skip()
            if self.at == before:
                break  # not valid after all: what is known so far must do
        return self.lines

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def keys(self, above: Path_) -> Path_:
        """A dotted key; every part of it is noted."""
        path = above
        while True:
            self.skip()
            start = self.at
            match = _STRING.match(self.text, start) or _BARE.match(self.text, start)
            if match is None:
                return path
            self.at = match.end()
            path = (*path, _unquoted(match[0]))
            self.note(path, start)
            self.skip()
            if self.peek() != ".":
                return path
            self.at += 1

    def note(self, path: Path_, position: int) -> None:
        self.line += self.text.count("\n", self.counted, position)
        self.counted = position
        self.lines.setdefault(path, self.line)

    def pair(self, table: Path_) -> None:
        path = self.keys(table)
        if self.peek() == "=":
            self.at += 1
            self.value(path)

    def value(self, path: Path_) -> None:
        self.skip()
        if self.peek() == "{":
            self.inline(path)
        elif self.peek() == "[":
            self.array()
        else:
            match = _STRING.match(self.text, self.at) or _OTHER.match(self.text, self.at)
            self.at = match.end() if match else self.at

    def inline(self, path: Path_) -> None:
        self.at += 1
        self.skip()
        while self.peek() not in ("}", ""):
            before = self.at
            self.pair(path)
            self.separator()
            if self.at == before:
                return
        self.at += 1

    def array(self) -> None:
        """Keys inside an array have no path of their own: it is only walked to its end."""
        depth = 0
        while self.at < len(self.text):
            self.skip()
            character = self.peek()
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
            match = (
                None if character in "[]{},=" else _STRING.match(self.text, self.at) or _OTHER.match(self.text, self.at)
            )
            self.at = match.end() if match else self.at + 1
            if depth == 0:
                return

    def separator(self) -> None:
        self.skip()
        if self.peek() == ",":
            self.at += 1
            self.skip()


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] != '"':
        return key
    import tomli

    try:
        return str(tomli.loads(f"v = {key}")["v"])
    except tomli.TOMLDecodeError:
        return key
