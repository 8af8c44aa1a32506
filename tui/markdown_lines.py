"""Markdown as lines for a pane: headings, lists, tables, code and emphasis; nothing in it acts on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from tui.text import safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.table import Line

if TYPE_CHECKING:
    from markdown_it.token import Token

COMFORTABLE = 100
"""Text is not set wider than this; tables and code may be."""
MOST_PARSED = 300_000
"""Characters beyond which a text is shown as it was written."""
_BOLD, _ITALIC, _STRUCK = Style(bold=True), Style(italic=True), Style(strike=True)
_LEAST = 6
"""Cells that a column of a table keeps."""
_FEW, _COLUMN = 4, 40
"""Columns of a table that is never parted, and the cells that one of a wider table keeps before it is parted."""
_LONG_WORD = 16
"""A longer word may be broken before other columns are made narrower than theirs."""


def markdown_lines(text: str, width: int, ink: Inks) -> list[Line]:
    """The text, set for a width."""
    if len(text) > MOST_PARSED:
        return plain_lines(text, width, ink)
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    return _Setter(max(12, width - 2), ink).lines(parser.parse(text))


def plain_lines(text: str, width: int, ink: Inks) -> list[Line]:
    """The text line by line, as it was written."""
    lines: list[Line] = []
    for raw in text.splitlines():
        indent = min(len(raw) - len(raw.lstrip(" ")), width // 3)
        rows = wrap(safe(raw), max(8, min(COMFORTABLE, width - 2) - indent), 400) or [""]
        lines += [[(" " * (1 + indent) + row, ink.text)] for row in rows]
    return lines


class _Setter:
    """Sets the blocks of one text, one below the other."""

    def __init__(self, width: int, ink: Inks) -> None:
        self.width, self.ink = width, ink
        self.out: list[Line] = []
        self._prefixes: list[str] = []
        """What stands before every line: of quotes and lists."""
        self._bullets: list[int | None] = []
        """Of each list that is open the next number; None of one without numbers."""
        self._mark = ""
        """What stands before the next line only."""
        self._tight = False

    def lines(self, tokens: Sequence[Token]) -> list[Line]:
        """All of them."""
        at = 0
        while at < len(tokens):
            at = self._block(tokens, at)
        return self.out

    def _block(self, tokens: Sequence[Token], at: int) -> int:
        """Set what begins at a token; the place of the next."""
        token = tokens[at]
        kind = token.type
        if kind == "heading_open":
            self._heading(tokens[at + 1], int(token.tag[1:]))
            return at + 3
        if kind == "paragraph_open":
            self._paragraph(tokens[at + 1], tight=token.hidden)
            return at + 3
        if kind in ("fence", "code_block"):
            self._code(token.content)
        elif kind == "hr":
            self._gap()
            self._add([(symbol("rule") * min(COMFORTABLE, self._room()), self.ink.faint)])
        elif kind == "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            self._table(tokens[at:end])
            return end + 1
        else:
            self._nest(token)
        return at + 1

    def _nest(self, token: Token) -> None:
        """Quotes and lists begin or end."""
        kind = token.type
        if kind == "blockquote_open":
            self._gap()
            self._prefixes.append(f"{symbol('vertical')} ")
        elif kind == "bullet_list_open" or kind == "ordered_list_open":
            if not self._bullets:
                self._gap()
            self._bullets.append(int(token.attrGet("start") or 1) if kind == "ordered_list_open" else None)
        elif kind == "list_item_open":
            number = self._bullets[-1]
            self._mark = f"{symbol('dot')} " if number is None else f"{number}. "
            self._bullets[-1] = None if number is None else number + 1
            self._prefixes.append(" " * len(self._mark))
        elif kind in ("blockquote_close", "list_item_close"):
            self._prefixes.pop()
            self._mark = ""
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._bullets.pop()

    # lines

    def _room(self) -> int:
        return max(8, self.width - sum(map(len, self._prefixes)))

    def _gap(self) -> None:
        """An empty line between blocks."""
        if self.out and self.out[-1] and not self._mark:
            self.out.append([])

    def _add(self, line: Line) -> None:
        prefix = "".join(self._prefixes)
        if self._mark:
            prefix, self._mark = prefix[: len(prefix) - len(self._mark)] + self._mark, ""
        self.out.append([(f" {prefix}", self.ink.muted), *line])

    # blocks

    def _heading(self, inline: Token, level: int) -> None:
        self._gap()
        style = (self.ink.strong + Style(underline=level == 1)) if level < 3 else self.ink.strong
        for line in _wrapped(self._pieces(inline, style), min(COMFORTABLE, self._room())):
            self._add(line)

    def _paragraph(self, inline: Token, *, tight: bool) -> None:
        if not tight:
            self._gap()
        for line in _wrapped(self._pieces(inline, self.ink.text), min(COMFORTABLE, self._room())) or [[]]:
            self._add(line)

    def _code(self, content: str) -> None:
        self._gap()
        room = self._room() - 2
        for raw in content.rstrip("\n").split("\n"):
            text = safe(raw.expandtabs(4))
            for start in range(0, max(1, len(text)), max(1, room)):
                self._add([(f"  {text[start : start + room]}", self.ink.accent)])

    def _table(self, tokens: Sequence[Token]) -> None:
        rows: list[list[Line]] = []
        right: list[bool] = []
        for place, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                style = self.ink.muted if token.type == "th_open" else self.ink.text
                rows[-1].append(self._pieces(tokens[place + 1], style))
                if len(rows) == 1:
                    right.append("right" in str(token.attrGet("style") or ""))
        for columns in _parted(rows, self._room()):
            self._gap()
            part = [[row[place] for place in columns if place < len(row)] for row in rows]
            widths = _squeezed(part, self._room())
            for row in part:
                if any(row):  # a head may be empty
                    self._row(row, widths, [right[place] for place in columns])

    def _row(self, row: Sequence[Line], widths: Sequence[int], right: Sequence[bool]) -> None:
        """A row; cells that do not fit go on below."""
        broken = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=False)]
        for at in range(max(1, *map(len, broken)) if broken else 0):
            line: Line = []
            for place, (cell, width) in enumerate(zip(broken, widths, strict=False)):
                pieces = cell[at] if at < len(cell) else []
                space = (" " * (width - _cells(pieces)), self.ink.text)
                line += [space, *pieces] if right[place] else [*pieces, space]
                line.append(("  ", self.ink.text))
            self._add(line)

    # words

    def _pieces(self, inline: Token, style: Style) -> Line:
        """The words of a paragraph with their styles."""
        pieces: Line = []
        styles = [style]
        links: list[str] = []
        for token in inline.children or ():
            kind = token.type
            if kind in ("strong_open", "em_open", "s_open"):
                more = {"strong_open": _BOLD, "em_open": _ITALIC, "s_open": _STRUCK}[kind]
                styles.append(styles[-1] + more)
            elif kind in ("strong_close", "em_close", "s_close"):
                styles.pop()
            elif kind == "link_open":
                links.append(str(token.attrGet("href") or ""))
                styles.append(styles[-1] + self.ink.accent)
            elif kind == "link_close":
                styles.pop()
                pieces.append((f" ({safe(links.pop())})", self.ink.muted))
            else:
                pieces.append(self._leaf(token, styles[-1]))
        return pieces

    def _leaf(self, token: Token, style: Style) -> tuple[str, Style]:
        if token.type == "softbreak":
            return " ", style
        if token.type == "hardbreak":
            return "\n", style
        if token.type == "code_inline":
            return safe(token.content), self.ink.accent
        if token.type == "image":
            return f"[{safe(token.content)}: {safe(token.attrGet('src') or '')}]", self.ink.muted
        return safe(token.content), style


def _cells(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


def _wrapped(pieces: Line, width: int) -> list[Line]:
    """Words in lines of a width; a word that is longer is broken."""
    lines: list[Line] = [[]]
    used, space = 0, False
    for text, style in pieces:
        if text == "\n":
            lines.append([])
            used, space = 0, False
            continue
        for at, word in enumerate(text.split(" ")):
            space = space or at > 0
            if not word:
                continue
            gap = 1 if space and used else 0
            if used + gap + cell_len(word) > width and used:
                lines.append([])
                used, gap = 0, 0
            for piece in _broken(word, width):
                if used + gap + cell_len(piece) > width:
                    lines.append([])
                    used, gap = 0, 0
                lines[-1].append((" " * gap + piece, style))
                used, gap = used + gap + cell_len(piece), 0
            space = False
    return [line for line in lines if line]


_JOINTS = "._/:,=-"


def _broken(word: str, width: int) -> list[str]:
    """Pieces of a word that fit; after a dot, a slash or the like where there is one in the last two thirds."""
    pieces = []
    while cell_len(word) > width:
        head = set_cell_size(word, width).rstrip() or word[:1]
        joint = max(head.rfind(mark) for mark in _JOINTS) + 1
        if joint > len(head) // 3:
            head = head[:joint]
        pieces.append(head)
        word = word[len(head) :]
    return [*pieces, word] if word else pieces


def _parted(rows: Sequence[Sequence[Line]], room: int) -> list[list[int]]:
    """The columns of a table, in parts that fit: each begins with the first column, and they stand below one another.

    A table of few columns is one part: its cells go on below.
    """
    count = max((len(row) for row in rows), default=0)
    widths = [min(_COLUMN, max(_cells(row[i]) for row in rows if i < len(row))) + 2 for i in range(count)]
    if sum(widths) <= room or (count <= _FEW and count * (_LEAST + 2) <= room):
        return [list(range(count))]
    parts = [[0]]
    for place in range(1, count):
        if len(parts[-1]) > 1 and sum(widths[known] for known in parts[-1]) + widths[place] > room:
            parts.append([0])
        parts[-1].append(place)
    return parts


def _squeezed(rows: Sequence[Sequence[Line]], room: int) -> list[int]:
    """Widths of columns that fit: the widest made narrower first, and words broken only where nothing else helps."""
    count = max((len(row) for row in rows), default=0)
    columns = [[row[i] for row in rows if i < len(row)] for i in range(count)]
    widths = [max([1, *map(_cells, column)]) for column in columns]
    words = [max([_LEAST, *(_longest(cell) for cell in column)]) for column in columns]
    for least in ([min(word, _LONG_WORD) for word in words], [_LEAST] * count):
        while sum(widths) + 2 * count > room:
            spare = [width - low for width, low in zip(widths, least, strict=True)]
            if max(spare, default=0) <= 0:
                break
            wide = max((width, i) for i, width in enumerate(widths) if spare[i] > 0)[1]
            widths[wide] -= 1
    return widths


def _longest(cell: Line) -> int:
    return max((cell_len(word) for text, _ in cell for word in text.split()), default=0)
