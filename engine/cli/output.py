"""How results are written: aligned tables, JSON, CSV; colours only for a terminal; never a byte it cannot take."""

from __future__ import annotations

import codecs
import io
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from engine.jsonio import encode, plain
from engine.text import escaped_json, printable, printable_lines, shorten, width

_ASCII = {
    "…": "...", "–": "-", "—": "-", "·": "|", "×": "x", "✓": "v", "✗": "x", "●": "*", "◐": "~", "■": "#", "★": "*",
    "→": "->", "≥": ">=", "≤": "<=", "±": "+-", "⏎": "|", "°": " ", "─": "-", "│": "|", "█": "#", "▌": "|",
    "“": '"', "”": '"', "’": "'", "µ": "u", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+",
    "┴": "+", "┼": "+",
}  # fmt: skip
COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2", "bold": "1"}
STATES = {
    "running": ("●", "green"), "starting": ("●", "green"), "stopping": ("●", "yellow"), "queued": ("◐", "cyan"),
    "finished": ("✓", "green"), "failed": ("✗", "red"), "stopped": ("■", "yellow"), "lost": ("?", "red"),
    "unreadable": ("!", "red"),
}  # fmt: skip


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or f"\\u{ord(c):04x}" for c in missing), error.end


codecs.register_error("dltui", _fall_back)


def prepare_streams() -> None:
    """Make stdout and stderr take any text: in a terminal without UTF-8, symbols become ASCII and the rest escapes."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    plain_text = _plain_locale()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii" if plain_text else None, errors="dltui")


def ascii_only() -> bool:
    """Whether the terminal is thought to show nothing but ASCII."""
    return (getattr(sys.stderr, "encoding", None) or "ascii").lower().replace("-", "") not in ("utf8", "utf16", "utf32")


def _plain_locale() -> bool:
    """Whether the user's locale is C: Python itself then assumes UTF-8, which the terminal may not show."""
    names = os.environ
    if names.get("LC_ALL"):
        return names["LC_ALL"] in ("C", "POSIX")
    if names.get("LC_CTYPE") and names["LC_CTYPE"] != "C.UTF-8":  # set so by Python when it is started in C
        return names["LC_CTYPE"] in ("C", "POSIX")
    return names.get("LANG") in ("C", "POSIX")


def colourful(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """`text` in a colour, where colours are shown."""
    if not colour or not text or not colourful(stream or sys.stdout):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """A line on stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line on stderr, for people: scripts read stdout."""
    sys.stdout.flush()
    sys.stderr.write(printable_lines(text) + "\n")
    sys.stderr.flush()


def hint_lines(hint: str) -> list[str]:
    """A hint, indented."""
    return [f"  {printable(line)}" for line in hint.splitlines()]


def json_text(value: Any, *, indent: int = 0) -> str:
    """`value` as JSON with invisible characters escaped; non-finite numbers as "NaN", "inf", "-inf"."""
    try:
        text = encode(value, indent=indent).decode()
    except UnicodeEncodeError:  # bytes of a command line that are not UTF-8
        import json

        text = json.dumps(plain(value), indent=indent or None)
    return escaped_json(text)


def say_json(value: Any) -> None:
    """`value` as JSON on stdout, on one line, in UTF-8 whatever the locale is."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    line = json_text(value) + "\n"
    if buffer is None:
        sys.stdout.write(line)
    else:
        buffer.write(line.encode("utf-8", "backslashreplace"))
        buffer.flush()


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    key: str
    """Its name in JSON and CSV."""
    title: str = ""
    right: bool = False
    least: int = 8
    """Cells it keeps when the terminal is narrow."""


Cell = str | tuple[str, str]
"""Text, or text and its colour."""


def say_table(columns: Sequence[Column], lines: Sequence[Sequence[Cell]], *, gap: int = 2) -> None:
    """Write aligned lines under a header; in a terminal too narrow for them the widest columns are shortened."""
    texts = [[printable(cell[0] if isinstance(cell, tuple) else cell) for cell in line] for line in lines]
    titles = [printable(column.title or column.key) for column in columns]  # metrics' names are titles too
    widths = [max([width(title), *(width(line[i]) for line in texts)]) for i, title in enumerate(titles)]
    if sys.stdout.isatty():
        _squeeze(widths, columns, _terminal_width() - gap * (len(columns) - 1))
    say(paint(_line(titles, widths, columns, gap).rstrip(), "dim"))
    for line, cells in zip(texts, lines, strict=True):
        colours = [cell[1] if isinstance(cell, tuple) else "" for cell in cells]
        say(_line(line, widths, columns, gap, colours).rstrip())


def _terminal_width() -> int:
    import shutil

    return max(20, shutil.get_terminal_size((80, 24)).columns)


def _squeeze(widths: list[int], columns: Sequence[Column], room: int) -> None:
    while sum(widths) > room:
        over = [(w, i) for i, w in enumerate(widths) if w > (w if columns[i].right else columns[i].least)]
        if not over:
            return
        widest, place = max(over)
        widths[place] = max(columns[place].least, widest - (sum(widths) - room))


def _line(
    texts: Sequence[str], widths: Sequence[int], columns: Sequence[Column], gap: int, colours: Sequence[str] = ()
) -> str:
    parts = []
    for i, text in enumerate(texts):
        shown = shorten(text, widths[i])
        space = " " * (widths[i] - width(shown))
        coloured = paint(shown, colours[i]) if colours else shown
        parts.append(space + coloured if columns[i].right else coloured + space)
    return (" " * gap).join(parts)


def say_csv(keys: Sequence[str], records: Iterable[Mapping[str, Any]]) -> None:
    """Write records as CSV with a header; lists are joined by blanks, non-finite numbers written as in JSON.

    A file gets texts as they are; what a terminal would act on is escaped there.
    """
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    shown = printable if sys.stdout.isatty() else str
    writer.writerow([shown(key) for key in keys])
    for record in records:
        values = [_csv_value(record.get(key)) for key in keys]
        writer.writerow([shown(value) if isinstance(value, str) else value for value in values])


def _csv_value(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return " ".join(str(plain(item)) for item in value)
    if isinstance(value, dict):
        return encode(value).decode()
    return plain(value)


def state_cell(state: str) -> Cell:
    """A state with its symbol and colour."""
    symbol, colour = STATES.get(state, ("?", ""))
    return f"{symbol} {state}", colour


def number_text(value: Any) -> str:
    """A number for people: four decimals, or three digits where that says more; "–" for none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return printable(value)
    if isinstance(value, int) or (value == value and abs(value) < 1e15 and value == int(value)):
        return f"{int(value)}"
    if value != value or abs(value) == float("inf"):
        return str(plain(float(value)))
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"


def setting_text(value: Any) -> str:
    """A setting as it would be written: numbers exactly, lists with commas, tables as `key=value`."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting_text, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={setting_text(item)}" for key, item in value.items())
    return printable(value)


def metric_text(value: Any) -> str:
    """A metric: always four decimals, so that a column lines up."""
    if isinstance(value, float) and value == value and 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}"
    return "0.0000" if value == 0 and isinstance(value, float) else number_text(value)


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `8.4 s`, `4 min 10 s`, `3 h 05 min`, `2 d 3 h`."""
    if seconds is None or seconds != seconds:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def ago(moment: float | None) -> str:
    """How long ago a moment was, in its largest unit."""
    if not moment:
        return "–"
    seconds = max(0.0, time.time() - moment)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "now"


def size_text(count: float | None) -> str:
    """Bytes for people: `532 B`, `12.4 MB`."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count_text(count: int | None) -> str:
    """A count with thousands apart: `12,036`."""
    return "–" if count is None else f"{count:,}"
