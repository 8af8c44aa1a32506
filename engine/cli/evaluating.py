"""Verbs about data and answers: data, evaluate, predict."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.balance import balance
from engine.cli.common import Place, checkpoint_argument, complete_either, table_options, verb
from engine.cli.output import Column, count_text, metric_text, note, say, say_csv, say_json, say_table
from engine.errors import NotFoundError, UsageError, nearest
from engine.rules import SPLIT
from engine.runs import RUN_ID, Run
from engine.signatures import TASK, task_of_dataset
from engine.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from engine.settings import Settings


def _complete_data(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from engine.signatures import names

    own = [CompletionItem(name, help="data set") for name in names("data") if name.startswith(incomplete)]
    return own + complete_either(ctx, parameter, incomplete)


@verb("data")
@click.argument("name", metavar="NAME", shell_complete=_complete_data)
@click.option(
    "-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="An argument of the data set or experiment."
)
@click.option("--samples", type=click.IntRange(1), metavar="N", help="Show N rows of a split instead.")
@click.option("--split", default="train", show_default=True, metavar="SPLIT", help="With --samples: of this split.")
@click.option("--class", "label", metavar="CLASS", help="With --samples: of this class only.")
@click.option("--start", type=click.IntRange(0), default=0, metavar="K", help="With --samples: pass over K of them.")
@click.option("--wrong", is_flag=True, help="With --samples of a run: those it answers wrong.")
@click.option("--predicted", metavar="CLASS", help="With --samples of a run: those it takes for CLASS.")
@click.option("--step", type=int, metavar="STEP", help="With --samples of a run: by its evaluation after this step.")
@click.option("--png", type=click.Path(), metavar="DIR", help="With --samples: write their images to DIR.")
@table_options
def data_(
    place: Place,
    name: str,
    overrides: tuple[str, ...],
    samples: int | None,
    split: str,
    label: str | None,
    start: int,
    wrong: bool,
    predicted: str | None,
    step: int | None,
    png: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Classes by split, shapes, the majority class, duplicates across splits, imbalance; or rows of a split.

    NAME is a data set (its own splits), an experiment or a run (their splits).
    """
    if samples is not None:
        from engine.cli.looking import say_rows
        from engine.data_rows import Asked

        asked = Asked({"val": "validation"}.get(split, split), label, start, samples, wrong, predicted, step)
        say_rows(place, data_source(place, name, overrides), asked, png, as_json=as_json, as_csv=as_csv)
        return
    source = data_source(place, name, overrides)
    summary = _summary(place, source)
    if as_json:
        say_json({**summary, "name": name, "data": summary.get("name"), "balance": balance(summary)})
        return
    if as_csv:
        splits = {split: content.get("classes") or {} for split, content in summary["splits"].items()}
        records = [{"class": c, **{s: own.get(c, 0) for s, own in splits.items()}} for c in summary["classes"]]
        say_csv(["class", *splits], records)
        return
    from engine.cli.show import say_data

    say_data(summary)


@dataclass
class DataSource:
    """The data that a name on the command line means."""

    load: Callable[[], Settings]
    folder: Path
    """Where relative paths and the user's own data sets are found."""
    own: bool = False
    """The data set's own splits, not those of a run."""
    run: Run | None = None

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, read when they are needed: a run's summary is shown without them."""
        return self.load()

    @property
    def table(self) -> dict[str, Any]:
        """What tells its summary from others: the `data` table, with the task where that is no classification."""
        settings = self.settings
        return settings.data if settings.task == TASK else {**settings.data, "task": settings.task}


def data_source(place: Place, name: str, overrides: tuple[str, ...]) -> DataSource:
    """The data that NAME means: a data set's, an experiment's or a run's.

    Raises:
        NotFoundError: there is none of that name.
    """
    from engine.experiments import resolve, settings_from_run
    from engine.signatures import names, own_module

    if own_module("data", name) is not None or ":" in name:
        return DataSource(lambda: _data_set(place, name, overrides), place.folder, own=True)
    if name in {*place.experiments.experiments, *place.experiments.broken}:
        return DataSource(lambda: resolve(place.experiments, name, overrides), place.experiments.folder)
    try:
        run = place.find(name)
    except NotFoundError:
        if RUN_ID.fullmatch(name):
            raise
        known = [*names("data"), *place.experiments.experiments]
        raise NotFoundError(f"no data set, experiment or run {name!r}", hint=nearest(name, known)) from None
    return DataSource(lambda: settings_from_run(run.info), Path(run.info.folder or "."), run=run)


def _summary(place: Place, source: DataSource) -> dict[str, Any]:
    from engine.jsonio import read_json

    found = None
    if source.run is not None:
        with contextlib.suppress(OSError, ValueError):
            found = read_json(source.run.paths.data)
    return found if isinstance(found, dict) else _of_settings(place, source)


def _data_set(place: Place, name: str, overrides: tuple[str, ...]) -> Settings:
    from engine.settings import Settings

    table: dict[str, Any] = {"name": name}
    for rule in overrides:
        key, equals, text = rule.partition("=")
        if not equals:
            raise UsageError(f"-s {rule}: write KEY=VALUE")
        table[key.strip().removeprefix("data.")] = _value(text.strip())
    task = str(table.pop("task", "")) or task_of_dataset(name, place.folder)
    return Settings(data=table, task=task)


def _value(text: str) -> Any:
    """A TOML value; what is none is text."""
    import tomli

    try:
        return tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        return text


def _of_settings(place: Place, source: DataSource) -> dict[str, Any]:
    from engine.summary import cached, store

    settings, folder, own = source.settings, source.folder, source.own
    summary = cached(place.runs, source.table, folder, data_dir=settings.data_dir, own=own)
    if summary is None:
        from engine import leaks
        from engine.splits import prepare, prepare_own
        from engine.summary import summarise

        prepared = (prepare_own if own else prepare)(settings, folder)
        summary = summarise(prepared)
        summary["near_duplicates"] = leaks.near(prepared, place.runs.own)
        if place.runs.root.is_dir():
            store(place.runs, source.table, folder, summary, data_dir=settings.data_dir, own=own)
    return summary


@verb("evaluate")
@checkpoint_argument
@click.option("--split", default="test", show_default=True, metavar="SPLIT", help="test, validation or train.")
@click.option("--device", default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda:N or auto.")
@table_options
def evaluate_(place: Place, run: str, split: str, device: str, as_json: bool, as_csv: bool) -> None:
    """Score a checkpoint (the best) on a split: metrics, per-class scores, confusion matrix.

    The outcome is also kept in the run's evaluation folder.
    """
    found, checkpoint = place.find_checkpoint(run)
    wanted = {"val": "validation", "valid": "validation"}.get(split, split)
    if not SPLIT.fullmatch(wanted):
        raise UsageError(f"there is no split {split!r}", hint="test, validation or train; val_NAME of several")
    with borrowed(device, f"evaluation of {found.id}", found.paths.folder) as name:
        from engine.evaluate import evaluate_run

        content = evaluate_run(found, checkpoint, wanted, name)
    if content.get("data_changed"):
        note(f"warning: the data is not what {found.id} was trained on: its fingerprint has changed")
    if as_json:
        say_json({"run": found.id, **content})
    elif as_csv:
        say_csv(["class", "precision", "recall", "f1", "support"], content.get("per_class") or [])
    else:
        _say_evaluation(found, content)


@contextlib.contextmanager
def borrowed(wanted: str, purpose: str, folder: Path) -> Iterator[str]:
    """A device for as long as the block lasts, by the name that torch has for it; a GPU is leased like a training's."""
    from engine import leases
    from engine.devices import check_torch_sees, choose
    from engine.start import device_variables

    device = choose(wanted)
    if device.uuid is None:
        if wanted == "auto":
            note("on the CPU: there is no GPU here")
        yield "cpu"
        return
    lease = leases.acquire(device, purpose, folder)
    try:
        os.environ.update(device_variables(device))
        check_torch_sees(device.name)
        yield device.name
    finally:
        os.close(lease)


def _say_evaluation(run: Run, content: dict[str, Any]) -> None:
    from engine.jsonio import number

    where = f"epoch {content.get('epoch'):g}, step {content.get('step')}"
    say(f"{run.id} {content.get('checkpoint') or ''} ({where}) on {content.get('split')}")
    for key, value in (content.get("metrics") or {}).items():
        say(f"  {printable(key):<28} {metric_text(number(value))}")
    say()
    columns = [Column("class")] + [Column(key, right=True) for key in ("precision", "recall", "f1", "support")]
    lines = [
        [str(row.get("class")), *(metric_text(number(row.get(key))) for key in ("precision", "recall", "f1")),
         count_text(row.get("support"))]
        for row in content.get("per_class") or []
    ]  # fmt: skip
    if lines:
        say_table(columns, lines)
        _say_confusion(content)
    else:
        _say_samples(content)


_SAMPLES = 10


def _say_samples(content: dict[str, Any]) -> None:
    """Some answers beside the truth, where there are no classes to list."""
    samples = [sample for sample in content.get("samples") or [] if isinstance(sample, dict)][:_SAMPLES]
    if samples:
        say()
        columns = [Column("true"), Column("predicted"), Column("input", least=12)]
        say_table(
            columns, [[str(sample.get(key) or "") for key in ("true", "predicted", "input")] for sample in samples]
        )
    for made in content.get("generated") or []:
        say()
        say(f"  {printable(made.get('prompt'))} → {printable(made.get('text'))}")


def _say_confusion(content: dict[str, Any]) -> None:
    from engine.answers import confused_pairs, confusion_of

    counts, classes = confusion_of(content)
    pairs = confused_pairs(counts)
    if pairs:
        say()
        say("most frequent mistakes")
        for pair in pairs[:5]:
            say(f"  {pair.count:>6,} × {printable(classes[pair.true])} taken for {printable(classes[pair.predicted])}")


@verb("predict")
@checkpoint_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Show the N likeliest.")
@table_options
def predict_(place: Place, run: str, inputs: tuple[str, ...], top: int, as_json: bool, as_csv: bool) -> None:
    """Let a checkpoint (the best) answer: text, image files, or numbers separated by commas.

    - reads one input a line from stdin; write -- before inputs that begin with a minus.
    """
    found, checkpoint = place.find_checkpoint(run)
    given: list[str] = []
    for item in inputs:
        given += sys.stdin.read().splitlines() if item == "-" else [item]
    if not given:
        raise UsageError("there is nothing to predict")
    from engine.evaluate import predict

    answers = predict(found, given, checkpoint)
    for answer in answers:
        if count := answer.get("unknown_characters"):
            characters = "a character" if count == 1 else f"{count} characters"
            note(f"warning: {printable(answer['input'])}: {characters} not in the vocabulary, read as unknown")
    if as_json:
        say_json(answers)
        return
    if as_csv:
        say_csv(["input", "predicted", "probability"], answers)
        return
    if not any("probability" in answer for answer in answers):
        plain = [[str(answer["input"]), str(answer["predicted"])] for answer in answers]
        say_table([Column("input", least=12), Column("predicted")], plain)
        return
    columns = [Column("input", least=12), Column("predicted"), Column("probability", right=True), Column("then")]
    lines = []
    for answer in answers:
        others = [f"{name} {100 * share:.1f} %" for name, share in (answer.get("top") or [])[1:top]]
        share = f"{100 * answer['probability']:.1f} %" if "probability" in answer else ""
        lines.append([str(answer["input"]), str(answer["predicted"]), share, ", ".join(others)])
    say_table(columns, lines)
