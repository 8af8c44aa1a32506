"""One sample in lines: its label and answer, its input, and what was answered to it at each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.cells import cell_len
from rich.style import Style

from engine.answers import History
from tui.samples import MOST_TEXT, Sample
from tui.text import dash, pad, safe, wrap
from tui.text_marks import Marked, compared, mistakes
from tui.theme import Inks, symbol
from tui.widgets.run_samples import visible, wrong_style
from tui.widgets.run_words import epochs
from tui.widgets.table import Line

MOST_EPOCHS = 2_000
"""Epochs listed for one sample."""
MOST_LINES = 40
"""Lines of a text beside the one it should be."""


def preview(sample: Sample | None, history: History | None) -> Callable[[int, Inks], list[Line]]:
    """What draws a sample for a width: its input, label and answer, and what was answered at each epoch."""

    def build(width: int, ink: Inks) -> list[Line]:
        if sample is None:
            return []
        lines: list[Line] = [[(f"row {sample.row:,}", ink.muted)]]
        if sample.text and sample.predicted is not None:
            lines += _text_answer(sample, width, ink)
        else:
            lines += _labelled("true", sample.true, width, ink, ink.text)
        if sample.predicted is not None and not sample.text:
            style = ink.bad if sample.right is False else ink.good if sample.right else ink.text
            lines += _labelled("predicted", sample.predicted, width, ink, style)
        if math.isfinite(sample.probability):
            lines += _labelled("sure", f"{100 * sample.probability:.1f} %", width, ink, ink.text)
        if sample.input is not None:
            lines += [[], *([(row, ink.text)] for row in _text_lines(sample.input, width))]
        return lines + _history_lines(history, sample, width, ink)

    return build


def _labelled(label: str, text: str, width: int, ink: Inks, style: Style) -> list[Line]:
    rows = wrap(safe(text[:4_000]), max(4, width - 11), 40) or [dash()]
    return [[(pad(label if not position else "", 11), ink.muted), (row, style)] for position, row in enumerate(rows)]


def _text_answer(sample: Sample, width: int, ink: Inks) -> list[Line]:
    """What a text should be and what it was taken for, the wrong characters of both marked, and how many they are."""
    true, given = sample.true[:MOST_TEXT], (sample.predicted or "")[:MOST_TEXT]
    missed, wrong = compared(true, given, aligned=sample.aligned)
    lines = _marked("true", missed, width, ink.text, wrong_style(ink.warning), ink)
    lines += _marked("predicted", wrong, width, ink.text, wrong_style(ink.bad), ink)
    said = f"{sample.errors:,.0f} of {len(true):,} characters" if sample.errors else "none"
    return [*lines, [(pad("wrong", 11), ink.muted), (said, ink.bad if sample.errors else ink.good)]]


def _marked(label: str, pieces: Marked, width: int, plain: Style, wrong: Style, ink: Inks) -> list[Line]:
    """A text in pieces, broken where the width ends."""
    room, left = max(4, width - 12), 0
    lines: list[Line] = []
    for text, mark in pieces:
        for character in visible(text):
            cells = cell_len(character)
            if cells > left:
                if len(lines) == MOST_LINES:
                    return lines
                lines.append([(pad("" if lines else label, 11), ink.muted)])
                left = room
            style = wrong if mark else plain
            last, known = lines[-1][-1]
            if len(lines[-1]) > 1 and known == style:
                lines[-1][-1] = (last + character, style)
            else:
                lines[-1].append((character, style))
            left -= cells
    return lines or [[(pad(label, 11), ink.muted), (dash()[0], ink.muted)]]


def _text_lines(text: str, width: int) -> list[str]:
    """A text as it was written: its own lines, each broken at the width."""
    lines: list[str] = []
    for line in text.split("\n")[:400]:
        lines += wrap(safe(line), max(4, width - 1), 100) or [""]
    return lines


def _history_lines(history: History | None, sample: Sample, width: int, ink: Inks) -> list[Line]:
    """What was answered at each evaluated epoch, and since when it is right."""
    if history is None or len(history.answers) < 2:
        return []
    since = history.since
    words = f"right since epoch {epochs(since.epoch)}" if since else "wrong at the end"
    changes = history.flips
    many = f"changed {changes} {'time' if changes == 1 else 'times'}" if changes else "never changed"
    lines: list[Line] = [[], [(words, ink.good if since else ink.bad)]]
    lines += [] if sample.text else [[(many, ink.muted)]]
    lines.append(
        [(f"{'epoch':>8}  {pad('predicted', max(9, width - 20))}{'wrong' if sample.text else 'sure':>7}", ink.muted)]
    )
    for answer in history.answers[-MOST_EPOCHS:]:
        mark, style = (symbol("finished"), ink.good) if answer.right else (symbol("failed"), ink.bad)
        sure = f"{100 * answer.probability:.0f} %" if math.isfinite(answer.probability) else ""
        if sample.text:
            pair = history.true[:MOST_TEXT], answer.predicted[:MOST_TEXT]
            sure = f"{mistakes(*pair, aligned=sample.aligned):,}"
        lines.append(
            [
                (f"{epochs(answer.epoch):>6}", ink.muted),
                (f" {mark} ", style),
                (pad(safe(answer.predicted[:200]), max(10, width - 19)), ink.text if answer.right else ink.bad),
                (f"{sure:>7}", ink.muted),
            ]
        )
    return lines
