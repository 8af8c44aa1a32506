"""The answers that an evaluation shows, most wrong first: classes, texts, quantities; and text a model goes on with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from engine.jsonio import number
from tui.data_words import rows_of
from tui.text import dash, ellipsis_mark, fit, pad, safe
from tui.text import number as shown
from tui.text_marks import Marked, compared, mistakes
from tui.theme import Inks, ascii_mode, bar, symbol
from tui.widgets.table import Line

MOST_SAMPLES = 200
MOST_TEXT = 4_000
"""Characters of a text that are drawn."""
LABEL = 11
"""Cells of what stands before texts below each other."""
MOST_BAR = 16
Sample = dict[str, Any]


def sample_lines(table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """The samples of an evaluation file as its task wants them seen."""
    samples = rows_of(table.get("samples"))[:MOST_SAMPLES]
    if not samples:
        return []
    if any("error" in sample for sample in samples):
        lines = _quantities(samples, table, width, ink)
    elif table.get("confusion") or any("probability" in sample for sample in samples):
        lines = _classes(sorted(samples, key=_surest_mistakes), width, ink)
    else:
        lines = _texts(sorted(samples, key=_mistakes, reverse=True), width, ink)
    if any(sample.get("image") for sample in samples):
        lines += [[], [(fit(" v shows the images; their files are in evaluation/inputs", width), ink.muted)]]
    return lines


def generated_lines(table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """Texts that a model went on with: what it was given is muted, what it wrote is not."""
    lines: list[Line] = []
    for found in rows_of(table.get("generated")):
        prompt, text = str(found.get("prompt") or ""), str(found.get("text") or "")
        lines += [[], [(fit(" what the model goes on with, drawn by its probabilities", width), ink.muted)]]
        lines += _gone_on(prompt, text, width - 4, ink)
    return lines


def _gone_on(prompt: str, text: str, width: int, ink: Inks) -> list[Line]:
    """A text as it was written, broken where it breaks and where the width ends."""
    whole = (prompt + text)[:MOST_TEXT]
    lines: list[Line] = []
    for begin, end in _breaks(whole, max(8, width)):
        split = min(max(begin, len(prompt)), end)
        lines.append([("   ", ink.text), (safe(whole[begin:split]), ink.muted), (safe(whole[split:end]), ink.text)])
    return lines


def _breaks(text: str, width: int) -> Iterable[tuple[int, int]]:
    """Where the lines of a text begin and end."""
    begin = 0
    for paragraph in text.split("\n"):
        end = begin + len(paragraph)
        while end - begin > width or cell_len(safe(text[begin:end])) > width:
            stop = begin + max(1, min(width, end - begin))
            while stop - begin > 1 and cell_len(safe(text[begin:stop])) > width:
                stop -= 1
            space = text.rfind(" ", begin + 1, stop + 1)
            stop = space if space > begin else stop
            yield begin, stop
            begin = stop + (text[stop : stop + 1] == " ")
        yield begin, end
        begin = end + 1


# ------------------------------------------------------------------------------------------------------------- classes


def _name(sample: Sample) -> str:
    """What was asked: a text, else the row."""
    if sample.get("input") is not None:
        return safe(sample["input"])
    row = sample.get("row", "")
    return f"row {row:,}" if isinstance(row, int) else f"row {safe(row)}"


def _is_right(sample: Sample) -> bool:
    return bool(sample.get("true") == sample.get("predicted"))


def _surest_mistakes(sample: Sample) -> tuple[bool, float]:
    """Wrong answers come first, the surest of them before all; of those that are right the least sure."""
    right, probability = _is_right(sample), number(sample.get("probability"))
    sure = probability if math.isfinite(probability) else 0.0
    return right, sure if right else -sure


def _classes(samples: Sequence[Sample], width: int, ink: Inks) -> list[Line]:
    """What was asked, what is true, what was answered, how sure; right and wrong by symbol and colour."""
    names = [_name(sample) for sample in samples]
    label = min(18, max(5, max((len(safe(s.get("true", ""))) for s in samples), default=5)))
    label = max(label, 9)
    room = max(6, min(max(map(len, names)), width - 2 * label - 18))
    title = f"   {pad('sample', room)}  {pad('true', label)}  {pad('predicted', label)}  {'sure':>6}"
    lines: list[Line] = [[(fit(title, width), ink.muted)]]
    for sample, text in zip(samples, names, strict=True):
        right = _is_right(sample)
        probability = number(sample.get("probability"))
        sure = f"{100 * probability:.0f} %" if probability == probability else dash()
        lines.append(
            [
                _mark(right, ink),
                (f"{pad(text, room)}  ", ink.text),
                (f"{pad(safe(sample.get('true', '')), label)}  ", ink.muted),
                (f"{pad(safe(sample.get('predicted', '')), label)}  ", ink.text if right else ink.bad),
                (f"{sure:>6}", ink.muted),
            ]
        )
    return lines


def _mark(right: bool, ink: Inks) -> tuple[str, Style]:
    return (f" {symbol('finished')} ", ink.good) if right else (f" {symbol('failed')} ", ink.bad)


# --------------------------------------------------------------------------------------------------------------- texts


def _mistakes(sample: Sample) -> float:
    """How many characters of a text are wrong: what the file says, else those that differ."""
    stated = number(sample.get("errors"))
    if math.isfinite(stated):
        return stated
    return mistakes(*_pair(sample), aligned=True)


def _pair(sample: Sample) -> tuple[str, str]:
    return str(sample.get("true") or "")[:MOST_TEXT], str(sample.get("predicted") or "")[:MOST_TEXT]


def _texts(samples: Sequence[Sample], width: int, ink: Inks) -> list[Line]:
    """True and predicted texts side by side where all of them fit, else below each other."""
    names = [_name(sample) for sample in samples]
    longest = max(9, *(cell_len(visible(text)) for sample in samples for text in _pair(sample)))
    room = max(6, *map(cell_len, names))
    if 3 + room + 2 * (longest + 2) + 8 <= width:
        return _beside(samples, names, room, longest, ink)
    return _below(samples, width, ink)


def _beside(samples: Sequence[Sample], names: Sequence[str], room: int, longest: int, ink: Inks) -> list[Line]:
    title = f"   {pad('sample', room)}  {pad('true', longest)}  {pad('predicted', longest)}  {'errors':>6}"
    lines: list[Line] = [[(title, ink.muted)]]
    for sample, name in zip(samples, names, strict=True):
        true, predicted = compared(*_pair(sample), aligned="errors" not in sample)
        lines.append(
            [
                _mark(not _mistakes(sample), ink),
                (f"{pad(name, room)}  ", ink.text),
                *_inked(true, longest + 2, ink.muted, wrong_style(ink.warning)),
                *_inked(predicted, longest + 2, ink.text, wrong_style(ink.bad)),
                (f"{_mistakes(sample):>6,.0f}", ink.muted),
            ]
        )
    return lines


def _below(samples: Sequence[Sample], width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    room = max(8, width - 4 - LABEL)
    for position, sample in enumerate(samples):
        pair = _pair(sample)
        true, predicted = compared(*pair, aligned="errors" not in sample)
        count = _mistakes(sample)
        said = f"{count:,.0f} of {len(pair[0]):,} characters wrong" if count else "no error"
        name = "" if sample.get("input") is not None else f"{_name(sample)}   "
        lines += [[]] if position else []
        lines.append([_mark(not count, ink), (fit(name + said, width - 4), ink.muted)])
        if sample.get("input") is not None:
            lines.append([_label("input", ink), (fit(visible(str(sample["input"])), room), ink.muted)])
        lines.append([_label("true", ink), *_inked(true, room, ink.text, wrong_style(ink.warning))])
        lines.append([_label("predicted", ink), *_inked(predicted, room, ink.text, wrong_style(ink.bad))])
    return lines


def _label(text: str, ink: Inks) -> tuple[str, Style]:
    return f"   {pad(text, LABEL)}", ink.muted


def wrong_style(style: Style) -> Style:
    """Wrong characters are underlined, so that they are told without colours too."""
    return style + Style(underline=True)


def visible(text: str) -> str:
    """A text's beginning, ends of lines seen."""
    return safe(text[:MOST_TEXT].replace("\n", " " if ascii_mode() else "↵"))


def _inked(pieces: Marked, width: int, plain: Style, wrong: Style) -> Line:
    """A marked text in exactly `width` cells; where it is cut, an ellipsis ends it."""
    line: Line = []
    left = width
    for text, mark in pieces:
        text = visible(text)
        cells = cell_len(text)
        style = wrong if mark else plain
        if cells > left:
            end = ellipsis_mark()
            return [*line, (set_cell_size(text, max(0, left - len(end))), style), (end[:left], plain)]
        line.append((text, style))
        left -= cells
    return [*line, (" " * left, plain)]


# ---------------------------------------------------------------------------------------------------------- quantities


def _quantities(samples: list[Sample], table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    """True and predicted quantities, and how far they are apart."""
    samples = sorted(samples, key=lambda sample: _distance(sample), reverse=True)
    texts = [(_name(s), _figures(s.get("true")), _figures(s.get("predicted"))) for s in samples]
    label = min(max(9, *(cell_len(t) for _, *pair in texts for t in pair)), max(9, width // 3))
    errors = [number(sample.get("error")) for sample in samples]
    room = max(6, min(max(cell_len(name) for name, _, _ in texts), width - 2 * label - 17))
    cells = max(0, min(MOST_BAR, width - room - 2 * label - 19))
    most = max((e for e in errors if math.isfinite(e)), default=0.0)
    title = f" {pad('sample', room)}  {pad('true', label, right=True)}  {pad('predicted', label, right=True)}  "
    lines: list[Line] = [*_units(table, width, ink), [(fit(f"{title}{'error':>8}", width), ink.muted)]]
    for (name, true, predicted), error in zip(texts, errors, strict=True):
        length = error / most if most > 0 else 0.0
        lines.append(
            [
                (f" {pad(name, room)}  ", ink.muted),
                (f"{pad(true, label, right=True)}  ", ink.text),
                (f"{pad(predicted, label, right=True)}  ", ink.strong),
                (f"{shown(error, 3):>8}", ink.text),
                (f"  {bar(length if math.isfinite(length) else 1.0, cells)}" if cells >= 4 else "", ink.bar),
            ]
        )
    return lines


def _distance(sample: Sample) -> float:
    error = number(sample.get("error"))
    return error if error == error else math.inf


def _units(table: dict[str, Any], width: int, ink: Inks) -> list[Line]:
    names = table.get("quantities")
    named = f"{', '.join(safe(name) for name in names)}; " if isinstance(names, list) and names else ""
    return [[(fit(f" {named}errors in standard deviations of the train split", width), ink.muted)], []]


def _figures(value: Any) -> str:
    """Quantities as the other numbers on screen; what is none stays as it is."""
    words = str("" if value is None else value).split(", ")
    try:
        return "  ".join(shown(float(word)) for word in words)
    except ValueError:
        return safe(value)
