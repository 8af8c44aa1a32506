"""`engine lr-find`: the learning rate range test, drawn in the terminal."""

from __future__ import annotations

import math
import shutil
import sys
from typing import TYPE_CHECKING

import click

from engine.cli.common import Place, complete_names, complete_settings, json_option, verb
from engine.cli.evaluating import borrowed
from engine.cli.output import ascii_only, colourful, note, say, say_json
from engine.errors import EngineError
from engine.text import printable

if TYPE_CHECKING:
    from engine.lr_find import RangeTest


@verb("lr-find")
@click.argument("name", metavar="NAME", shell_complete=complete_names)
@click.option("-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", shell_complete=complete_settings,
              help="Change a setting, as for train.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda:N or auto.")
@click.option("--low", type=float, default=1e-6, show_default=True, metavar="RATE", help="The first learning rate.")
@click.option("--high", type=float, default=1.0, show_default=True, metavar="RATE", help="The last learning rate.")
@click.option("--steps", type=click.IntRange(20, 100_000), default=120, show_default=True, help="Steps in all.")
@json_option
def lr_find_(
    place: Place,
    name: str,
    overrides: tuple[str, ...],
    device: str,
    low: float,
    high: float,
    steps: int,
    as_json: bool,
) -> None:
    """Find a learning rate: train for some steps while the rate grows, and look at the loss.

    No run is made. The rate at which the loss falls fastest is a good one to begin with; a tenth of the rate at which
    it is lowest is the careful choice.
    """
    from engine.experiments import resolve
    from engine.lr_find import range_test

    settings = resolve(place.experiments, name, overrides)
    with borrowed(device, f"range test of {name}", place.experiments.folder) as given:
        found = range_test(settings, place.experiments.folder, given, low=low, high=high, steps=steps)
    if as_json:
        say_json(
            {"experiment": name, "lr": found.steepest, "careful": found.lowest, "diverged": found.diverged,
             "rates": found.rates, "losses": found.losses, "smoothed": found.smoothed}
        )  # fmt: skip
        return
    _say(name, found)
    if found.steepest is None:
        raise EngineError(
            f"the loss falls at no rate from {low:g} to {high:g}",
            hint="try other bounds: --low, --high; or look at the model and the data",
        )


def _say(name: str, found: RangeTest) -> None:
    import numpy as np

    from engine.curves import Curve
    from engine.plotting import draw

    shown = [(math.log10(rate), loss) for rate, loss in zip(found.rates, found.smoothed, strict=True)
             if math.isfinite(loss)]  # fmt: skip
    curve = Curve("mean loss", np.array([x for x, _ in shown]), np.array([y for _, y in shown]))
    size = shutil.get_terminal_size((100, 30))
    title = f"{printable(name)}: loss over log10 of the learning rate"
    say(draw([curve], title, axis="log10 of the learning rate", width=size.columns, height=min(20, size.lines - 6),
             colour=colourful(sys.stdout), plain=ascii_only()))  # fmt: skip
    if found.diverged is not None:
        say(f"  the loss grows beyond all bounds at {found.diverged:.2g}")
    if found.lowest is not None:
        say(f"  careful            {found.lowest:.2g}   a tenth of where the loss is lowest")
    if found.steepest is not None:
        say(f"  falls fastest at   {found.steepest:.2g}")
        note(f"engine train {printable(name)} -s optimizer.lr={found.steepest:.2g}")
