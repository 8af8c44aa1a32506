"""Makes docs/recipes.md from run folders, and reruns some of its rows.

    python docs/recipes.py collect [--runs DIR]        read the runs, write docs/recipes.json and docs/recipes.md
    python docs/recipes.py check [--count 3] [NAME…]   rerun rows that need no GPU, drawn at random, and compare
    python docs/recipes.py todo [--runs DIR]           the commands of the rows that no run has shown yet

What a row is to reach stands in docs/recipes.toml; what it reached is read from the newest runs of its experiment whose
settings are those of the experiment as it stands.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import tomli

from engine import experiments
from engine.jsonio import plain
from engine.runs import Run, RunsFolder, each_run
from engine.series import read_records, series_path
from engine.settings import DataOptions, Settings

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "docs"
ENGINE = [sys.executable, "-P", "-c", "import sys; from engine.cli.start import main; sys.exit(main())"]
_CLOSE = 0.01
"""How far a rerun may be from what was recorded: on another machine sums come in another order."""
_FALLS = 0.9
"""The mean loss of a short run's last tenth may be at most this share of the first tenth's."""
_ONE_BATCH = ("-s", "train.overfit_batches=1", "-s", "train.epochs=1000", "-s", "train.steps=100")
_BY_HEART = 0.99
"""The accuracy on one batch that a network has to reach."""


@dataclass(frozen=True)
class Recipe:
    """A row of docs/recipes.toml."""

    experiment: str
    metric: str
    reported: str = ""
    least: float | None = None
    most: float | None = None
    cpu: bool = False
    seeds: int | None = None
    short: int | None = None
    falls: bool = True
    after: str | None = None
    without: str | None = None

    def reached(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        parts = [
            f"≥ {self.least:g}" if self.least is not None else "",
            f"≤ {self.most:g}" if self.most is not None else "",
        ]
        return " and ".join(part for part in parts if part)

    def command(self, *more: str) -> list[str]:
        """The arguments of `engine` that train it."""
        seeds = ["--seeds", str(self.seeds)] if self.seeds else []
        origin = ["--from", self.after] if self.after else []
        return ["train", self.experiment, *seeds, *origin, *more]


@dataclass(frozen=True)
class Begun:
    """How a recipe that needs a GPU begins on a CPU."""

    run: str
    steps: int
    value: float
    """The mean loss of the last tenth of the steps over the first tenth's, or the accuracy on one batch."""
    seconds: float
    command: str


@dataclass
class Shown:
    """What runs have shown of a recipe."""

    experiment: str
    metric: str
    runs: list[str] = field(default_factory=list)
    value: float | None = None
    deviation: float | None = None
    seconds: float | None = None
    device: str = ""
    loss_ratio: Begun | None = None
    one_batch: Begun | None = None


def recipes() -> list[Recipe]:
    """All rows."""
    table = tomli.loads((HERE / "recipes.toml").read_text(encoding="utf-8"))
    return [Recipe(**row) for row in table["recipe"]]


# ------------------------------------------------------------------------------------------------- what runs have shown


def shown(recipe: Recipe, runs: list[Run], file: experiments.ExperimentFile) -> Shown:
    """The newest complete set of runs of a recipe."""
    result = Shown(recipe.experiment, recipe.metric)
    if recipe.experiment not in file.experiments:
        return result
    wanted = [plain(settings) for settings in experiments.expand(file, recipe.experiment, (), recipe.seeds)]
    own = [run for run in runs if run.info.experiment == recipe.experiment and run.status == "finished"]
    found = [next((run for run in reversed(own) if _same(run.info.settings, settings)), None) for settings in wanted]
    complete = [run for run in found if run is not None]
    if len(complete) == len(wanted):
        values = [float(run.state.metrics[recipe.metric]) for run in complete if recipe.metric in run.state.metrics]
        if len(values) == len(wanted):
            result.runs = [run.id for run in complete]
            result.value = statistics.fmean(values)
            result.deviation = statistics.stdev(values) if len(values) > 1 else None
            result.seconds = statistics.fmean([run.state.seconds for run in complete])
            result.device = complete[0].state.device or ""
    if recipe.short is not None:
        result.loss_ratio, result.one_batch = _loss_ratio(own, recipe.short), _one_batch(own)
    return result


_TOLD = ("description", "motivation", "tags", "device")


def _same(one: Any, other: Any) -> bool:
    """Whether two settings train the same; words about them and the device do not count.

    What a run made before a setting existed does not say is that setting's default.
    """
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    usual = experiments.flatten(plain(Settings())) | {
        f"data.{key}": value for key, value in plain(DataOptions(name="")).items()
    }
    before, now = experiments.flatten(one), experiments.flatten(other)
    return all(before.get(key, usual.get(key)) == value for key, value in now.items() if key not in _TOLD)


def _loss_ratio(runs: list[Run], steps: int) -> Begun | None:
    """How the loss of the newest run of so many steps fell."""
    long = [run for run in runs if not _of_one_batch(run) and (run.state.step or 0) >= steps]
    if not long:
        return None
    losses = read_records(series_path(long[-1].paths.series, "train/loss"))["value"]
    tenth = max(1, len(losses) // 10)
    return _begun(long[-1], float(np.mean(losses[-tenth:]) / np.mean(losses[:tenth])))


def _one_batch(runs: list[Run]) -> Begun | None:
    """What the newest run on a single batch scored on it."""
    single = [run for run in runs if _of_one_batch(run)]
    return _begun(single[-1], float(single[-1].state.metrics["train_split/accuracy"])) if single else None


def _of_one_batch(run: Run) -> bool:
    return bool(run.info.settings.get("train", {}).get("overfit_batches") == 1)


def _begun(run: Run, value: float) -> Begun:
    steps = run.state.step or 0
    # a run that went on for longer equals one that had the higher limit from the start
    words = [f"train.steps={steps}" if word.startswith("train.steps=") else word for word in run.info.argv]
    return Begun(run.id, steps, value, run.state.seconds, shlex.join(words))


# ------------------------------------------------------------------------------------------------------------- the page


def collect(runs_folder: Path) -> None:
    """Write docs/recipes.json and docs/recipes.md."""
    file = experiments.load(ROOT / "experiments.toml")
    runs = sorted(each_run(RunsFolder(runs_folder)), key=lambda run: run.id)
    found = [shown(recipe, runs, file) for recipe in recipes()]
    content = {"machine": _machine(), "rows": [asdict(row) for row in found]}
    (HERE / "recipes.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (HERE / "recipes.md").write_text(page(recipes(), found, _machine()), encoding="utf-8")


def _machine() -> str:
    import torch

    python = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{platform.machine()}, {torch.get_num_threads()} threads, {python}"


def page(rows: list[Recipe], found: list[Shown], machine: str) -> str:
    """The text of docs/recipes.md."""
    lines = [
        "# Recipes and what they reach",
        "",
        "Made by `docs/recipes.py collect` from run folders; `make recipes-check` reruns three rows at random and",
        "compares. *Seconds* are of one run, on the machine named at the end, beside other work. A row that needs a",
        "GPU and was not trained to its end shows how it begins on a CPU: the mean loss of the last tenth of its steps",
        f"over that of the first ({_FALLS:g} or less is asked), and the accuracy on one batch learnt by heart",
        f"({_BY_HEART:g} or more is asked).",
        "",
        "| system | reported | to reach | reached | seconds | command |",
        "|---|---|---|---|---:|---|",
    ]
    lines += [_line(recipe, row) for recipe, row in zip(rows, found, strict=True)]
    lines += ["", f"Machine: {machine}.", ""]
    return "\n".join(lines)


def _line(recipe: Recipe, row: Shown) -> str:
    begun = [part for part in (row.loss_ratio, row.one_batch) if part is not None and row.value is None]
    seconds = "; ".join(f"{part.seconds:.0f}" for part in begun) if row.seconds is None else f"{row.seconds:.0f}"
    commands = [part.command for part in begun] or [shlex.join(["engine", *recipe.command()])]
    cells = [recipe.experiment, recipe.reported, f"{recipe.metric} {recipe.wanted}".strip(), _reached(recipe, row)]
    return f"| {' | '.join(cells)} | {seconds} | {'; '.join(f'`{command}`' for command in commands)} |"


def _reached(recipe: Recipe, row: Shown) -> str:
    if row.value is not None:
        spread = "" if row.deviation is None else f" ± {row.deviation:.4f} ({len(row.runs)} runs)"
        return f"{row.value:.4f}{spread}{_missed(recipe.reached(row.value))}"
    if recipe.without is not None:
        return f"not trained: {recipe.without} was not at hand"
    words = []
    if row.loss_ratio is not None:
        good = not recipe.falls or row.loss_ratio.value <= _FALLS
        words.append(f"loss × {row.loss_ratio.value:.2f} in {row.loss_ratio.steps} steps{_missed(good)}")
    if row.one_batch is not None:
        good = not recipe.falls or row.one_batch.value >= _BY_HEART
        words.append(f"one batch {row.one_batch.value:.2f}{_missed(good)}")
    return f"begins: {'; '.join(words)}" if words else "not shown yet"


def _missed(good: bool) -> str:
    return "" if good else " — missed"


# ------------------------------------------------------------------------------------------------------------ rerunning


def todo(runs_folder: Path) -> None:
    """Print the commands of the rows that no run has shown yet."""
    file = experiments.load(ROOT / "experiments.toml")
    runs = sorted(each_run(RunsFolder(runs_folder)), key=lambda run: run.id)
    for recipe in recipes():
        row = shown(recipe, runs, file)
        if row.value is None and recipe.cpu:
            print("engine", shlex.join(recipe.command()))
        elif row.value is None and recipe.short is not None:
            if row.loss_ratio is None:
                print("engine", shlex.join(recipe.command("-s", f"train.steps={recipe.short}")))
            if row.one_batch is None:
                print("engine", shlex.join(recipe.command(*_ONE_BATCH)))


def check(names: list[str], count: int, seed: int | None) -> int:
    """Rerun rows and compare them with what is recorded and with what they are to reach; returns an exit code."""
    recorded = {
        (row["experiment"], row["metric"]): row for row in json.loads((HERE / "recipes.json").read_text())["rows"]
    }
    candidates = [r for r in recipes() if r.cpu and recorded.get((r.experiment, r.metric), {}).get("value") is not None]
    drawn = [r for r in candidates if r.experiment in names] if names else []
    if not names:
        drawn = random.Random(seed).sample(candidates, min(count, len(candidates)))
    failed = 0
    for recipe in drawn:
        value = _rerun(recipe)
        before = recorded[recipe.experiment, recipe.metric]["value"]
        good = value is not None and recipe.reached(value) and abs(value - before) <= _CLOSE
        failed += not good
        now = "did not finish" if value is None else f"{value:.4f}"
        print(
            f"{'ok ' if good else 'BAD'} {recipe.experiment:<24} {recipe.metric} {now}, recorded {before:.4f}",
            flush=True,
        )
    return 1 if failed else 0


def _rerun(recipe: Recipe) -> float | None:
    with tempfile.TemporaryDirectory() as folder:
        if recipe.after is not None:
            _train(["train", recipe.after], folder)
        value = _train(recipe.command(), folder).get(recipe.metric)
        return None if value is None else float(value)


def _train(arguments: list[str], folder: str) -> dict[str, Any]:
    """The metrics of what `engine` trains in a folder; none where it does not finish."""
    command = [*ENGINE, "--file", str(ROOT / "experiments.toml"), *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=_environment())
    last = done.stdout.strip().splitlines()[-1:] or ["{}"]
    return {} if done.returncode else dict(json.loads(last[0]).get("metrics", {}))


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("collect", "todo"):
        verbs.add_parser(verb).add_argument("--runs", type=Path, default=Path("runs"))
    checking = verbs.add_parser("check")
    checking.add_argument("--count", type=int, default=3)
    checking.add_argument("--seed", type=int)
    checking.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.verb == "check":
        return check(given.names, given.count, given.seed)
    (collect if given.verb == "collect" else todo)(given.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
