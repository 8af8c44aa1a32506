"""Lines of handwriting put together from images of single characters (glyphs)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Glyphs = NDArray[np.uint8]
"""(n, height, width), white on black."""
Draws = np.random.RandomState
"""Its draws of a seed are promised to stay the same, unlike those of numpy's Generator."""


@dataclass(frozen=True)
class LineForm:
    """How lines may look."""

    min_length: int
    """Characters."""
    max_length: int
    min_overlap: float
    """Share of a glyph's width that the next glyph lies on; one value a line."""
    max_overlap: float


@dataclass(frozen=True)
class LinePlan:
    """What stands where in n lines."""

    glyphs: NDArray[np.int64]
    """(n, max_length) the row of each glyph, -1 behind the end of a line."""
    lengths: NDArray[np.int64]
    """(n,) characters."""
    steps: NDArray[np.int64]
    """(n,) columns from the start of one glyph to that of the next."""


@dataclass(frozen=True)
class LineArrays:
    """n lines and what is written in them."""

    images: NDArray[np.uint8]
    """(n, 1, height, glyph width × max_length); lines begin at column 0, the rest is 0."""
    labels: NDArray[np.int64]
    """(n, max_length) tokens: the class of each character plus 1, 0 behind the end of a line."""
    label_lengths: NDArray[np.int64]
    """(n,) characters."""
    positions: NDArray[np.float32]
    """(n, max_length) column at the centre of each glyph, 0 behind the end of a line."""


def draw_lines(plan: LinePlan, glyphs: Glyphs) -> NDArray[np.uint8]:
    """The images of a plan, (n, 1, height, width × max_length); where glyphs overlap, the brighter pixel counts."""
    height, width = glyphs.shape[1:]
    count, most = plan.glyphs.shape
    canvas = np.zeros((count, height, width * most), np.uint8)
    for step in np.unique(plan.steps).tolist():
        lines = np.flatnonzero(plan.steps == step)  # their glyphs all begin at the same columns
        for place in range(most):
            here = lines[plan.lengths[lines] > place]
            columns = slice(place * step, place * step + width)
            canvas[here, :, columns] = np.maximum(canvas[here, :, columns], glyphs[plan.glyphs[here, place]])
    return canvas[:, None]


def make_lines(
    glyphs: Glyphs,
    glyph_labels: NDArray[np.int64],
    count: int,
    form: LineForm,
    generator: Draws,
    draw: Callable[[LinePlan, Glyphs], NDArray[np.uint8]] = draw_lines,
) -> LineArrays:
    """Random lines of the glyphs given.

    Args:
        glyphs: (m, height, width) images.
        glyph_labels: (m,) class of each.
        count: lines to make.
        form: their lengths and overlaps, both drawn uniformly.
        generator: of every choice; the same state gives the same lines.
        draw: what makes the images of a plan.
    """
    plan = plan_lines(glyph_labels, count, form, glyphs.shape[2], generator)
    written = plan.glyphs >= 0
    centres = np.arange(form.max_length) * plan.steps[:, None] + (glyphs.shape[2] - 1) / 2
    return LineArrays(
        draw(plan, glyphs),
        np.where(written, glyph_labels[plan.glyphs] + 1, 0),
        plan.lengths,
        np.where(written, centres, 0).astype(np.float32),
    )


def plan_lines(glyph_labels: NDArray[np.int64], count: int, form: LineForm, width: int, generator: Draws) -> LinePlan:
    """Draw what stands where in `count` lines of glyphs of `width` columns.

    Each character is drawn uniformly from the classes there are, then its glyph from those of the class. An overlap is
    rounded down to whole columns.
    """
    lengths = generator.randint(form.min_length, form.max_length + 1, count, dtype=np.int64)
    overlaps = generator.uniform(form.min_overlap, form.max_overlap, count)
    glyphs = _draw_glyphs(glyph_labels, (count, form.max_length), generator)
    glyphs[np.arange(form.max_length) >= lengths[:, None]] = -1
    return LinePlan(glyphs, lengths, width - (overlaps * width).astype(np.int64))


def _draw_glyphs(labels: NDArray[np.int64], shape: tuple[int, int], generator: Draws) -> NDArray[np.int64]:
    """Rows of glyphs, every class as likely as any other."""
    _, first, counts = np.unique(np.sort(labels), return_index=True, return_counts=True)
    classes = generator.randint(len(counts), size=shape)
    within = (generator.random_sample(shape) * counts[classes]).astype(np.int64)
    rows: NDArray[np.int64] = np.argsort(labels, kind="stable")[first[classes] + within]
    return rows
