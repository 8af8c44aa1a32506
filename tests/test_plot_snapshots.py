"""How charts, bars and matrices look: pictures of them on dark and light, without colour, in ASCII."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.theme import Theme

from tui.plots.bars import Bars, bars_of
from tui.plots.chart import Baseline, Chart, Curve, Mark
from tui.plots.matrix import Matrix
from tui.series import FixedSeries
from tui.xaxis import XAxis

Compare = Callable[..., bool]
COUNTS = {
    "Russian": 5645,
    "English": 2200,
    "Arabic": 1200,
    "Japanese": 595,
    "German": 434,
    "Italian": 425,
    "Czech": 311,
}


class Gallery(App[None]):
    """Two charts, bars and a matrix."""

    CSS = "Grid { grid-size: 2; } Chart, Bars, Matrix { border: round $foreground 30%; padding: 0 1; height: 1fr; }"

    def __init__(self, theme: str, ascii_only: bool = False) -> None:
        super().__init__()
        self.register_theme(Theme("dark", "#6cb6ff", background="#13161b", foreground="#d7dce2"))
        self.register_theme(Theme("light", "#0b62c1", background="#fbfbfa", foreground="#23282f", dark=False))
        self.theme, self.ascii_only = theme, ascii_only

    def compose(self) -> ComposeResult:
        with Grid():
            yield self.loss()
            yield self.accuracy()
            yield Bars(bars_of({"train": COUNTS}), ascii_only=self.ascii_only)
            yield Matrix([[90, 8, 2], [4, 96, 0], [15, 5, 80]], ["cat", "dog", "ship"], ascii_only=self.ascii_only)

    def loss(self) -> Chart:
        step = np.arange(1, 2001)
        raw = 0.1 + 2 * np.exp(-step / 400) + np.abs(np.sin(step * 12.9898) * 0.3)
        evaluated = np.arange(50, 2001, 50)
        val = 0.3 + 1.8 * np.exp(-evaluated / 350) + 2e-4 * np.maximum(0, evaluated - 900)
        chart = Chart("loss", live=True, ascii_only=self.ascii_only)
        chart.set_curves(
            [Curve("train", FixedSeries(step, raw), smooth=0.9), Curve("val", FixedSeries(evaluated, val))]
        )
        chart.set_marks([Mark(900, label="resumed", color="muted")])
        return chart

    def accuracy(self) -> Chart:
        step = np.arange(50, 2001, 50)
        val = 0.93 - 0.8 * np.exp(-step / 400)
        chart = Chart("accuracy", ascii_only=self.ascii_only)
        chart.set_curves([Curve("val", FixedSeries(step, val), "curve-1", steps_per_epoch=50)])
        chart.set_marks([Mark(1900, float(val[37]), "0.923")])
        chart.set_baselines([Baseline(0.469, "majority 0.469")])
        chart.change(x_axis=XAxis.EPOCH)
        return chart


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_gallery_in_colour(snap_compare: Compare, theme: str) -> None:
    assert snap_compare(Gallery(theme), terminal_size=(120, 34))


def test_the_gallery_in_ascii(snap_compare: Compare) -> None:
    assert snap_compare(Gallery("dark", ascii_only=True), terminal_size=(120, 34))


def test_the_gallery_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Gallery("dark"), terminal_size=(80, 24))
