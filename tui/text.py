"""The only way from data to the screen: text that cannot act on the terminal, measured and cut in cells."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from engine.text import printable
from tui.theme import ascii_mode

_SPACES = str.maketrans({"\n": " ", "\t": " ", "\r": " "})
_JOINED = re.compile("(?<=[\u2190-\u2bff\U0001f000-\U0001faff\ufe0f])\u200d|\ufe0f")
"""What makes several emoji one, or a sign an emoji: terminals do not agree on how many cells that takes."""
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def safe(text: object, width: int | None = None) -> str:
    """`text` on one line with everything that could act on a terminal, or hide in it, shown as an escape.

    Args:
        text: anything; `str()` of it is shown.
        width: cut to so many cells, with an ellipsis where something was left out.

    Returns:
        Plain text. It is not markup: wrap it in `Text` or `Content`, never in a markup string.
    """
    raw = str(text)
    if raw.isascii() and raw.isprintable():
        clean = raw
    else:
        clean = _JOINED.sub("", printable(raw.translate(_SPACES)))
        if ascii_mode():
            clean = clean.encode("ascii", "backslashreplace").decode()
    return clean if width is None else fit(clean, width)


def fit(text: str, width: int) -> str:
    """`text` in at most `width` cells; where it is cut, an ellipsis ends it."""
    if width <= 0:
        return ""
    # not by the number of characters: marks that combine take no cell
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    mark = ellipsis_mark()
    room = width - len(mark)
    if room <= 0:
        return mark[:width]
    return set_cell_size(text, room).rstrip() + mark


def shortened(text: str, width: int) -> str:
    """Safe `text` in at most `width` cells, more of its end than of its beginning: names differ at their ends."""
    if cell_len(text) <= width:
        return text
    mark = ellipsis_mark()
    head = max(0, width - len(mark)) // 4
    tail = text
    while tail and cell_len(tail) > width - len(mark) - head:
        tail = tail[1:]
    return fit(set_cell_size(text, head).rstrip() + mark + tail.lstrip(), width)


def told_apart(names: Sequence[str], width: int) -> list[str]:
    """Safe names in at most `width` cells each; of those too long first that is left out which all have in common."""
    before = _shared(names)
    after = _shared([name[:before:-1] for name in names])
    return [_bare(name, before, after, width) for name in names]


def _shared(names: Sequence[str]) -> int:
    """How many characters whole parts take that several names begin with."""
    if len(names) < 2:
        return 0
    first, last = min(names), max(names)
    alike = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    found = first[:alike]
    return max(found.rfind(separator) for separator in "/._-: ") + 1


def _bare(name: str, before: int, after: int, width: int) -> str:
    mark = ellipsis_mark()
    for begin, end in ((0, len(name)), (before, len(name)), (before, len(name) - after)):
        text = (mark if begin else "") + name[begin:end] + (mark if end < len(name) else "")
        if cell_len(text) <= width:
            return text
    return shortened(text, width)


def ellipsis_mark() -> str:
    """What stands for text that was left out."""
    return "~" if ascii_mode() else "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` cut or filled to exactly `width` cells; numbers go to the right."""
    text = fit(text, width)
    spaces = " " * (width - (len(text) if text.isascii() else cell_len(text)))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int, most: int = 100) -> list[str]:
    """Safe `text` broken at spaces into at most `most` lines of at most `width` cells; the last one is cut."""
    lines: list[str] = []
    line = ""
    width = max(1, width)
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cell_len(word) > width:
            head = set_cell_size(word, width).rstrip()
            if not head or len(head) >= len(word):
                break
            lines.append(head)
            word = word[len(head) :]
        line = word
    if line:
        lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), width)]
    return [fit(line, width) for line in lines]


def age(then: float | None, now: float | None = None) -> str:
    """How long ago `then` (Unix seconds) was: `now`, `3 min`, `5 h`, `2 d`, `7 wk`; a dash when unknown."""
    if not then or not math.isfinite(then):
        return dash()
    seconds = max(0.0, (time.time() if now is None else now) - then)
    if seconds < _MINUTE:
        return "now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h"
    if seconds < 14 * _DAY:
        return f"{seconds // _DAY:.0f} d"
    return f"{seconds // (7 * _DAY):.0f} wk"


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: `8 s`, `3:07`, `2:05:09`, `3 d 4 h`."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return dash()
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def number(value: float | int | None, digits: int = 4) -> str:
    """A metric's value in at most 9 characters: shares with `digits` decimals, large and small numbers shortened."""
    if value is None:
        return dash()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size and (size < 1e-3 or size >= 999_999.5):
        decimals = 2 if 1e-99 < size < 1e99 else 1
        return f"{value:.{decimals}e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.{max(0, digits - 2)}f}"
    return f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share as `46.9 %`."""
    if share is None or not math.isfinite(share):
        return dash()
    return f"{100 * share:.1f} %"


def size(count: float | None) -> str:
    """A number of bytes as `61.2 GB` (decimal units, as makers of GPUs and disks count)."""
    if count is None:
        return dash()
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return dash()


def setting(value: object) -> str:
    """A setting's value as it would be written in `experiments.toml`, safe for the screen."""
    if value is None:
        return dash()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return safe("[" + ", ".join(setting(item) for item in value) + "]")
    if isinstance(value, dict):
        return safe(" ".join(f"{key} {setting(item)}" for key, item in value.items()))
    return safe(value)


def dash() -> str:
    """What stands where there is no value."""
    return "-" if ascii_mode() else "–"
