"""Looking at samples: rows of a data set, and what a run's evaluations answered to the samples they kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.answers import ORDERS, History, confused_pairs, confusion_of, histories, read_evaluations
from engine.cli.common import Place, run_argument, table_options, verb
from engine.cli.output import Column, count_text, say, say_csv, say_json, say_table
from engine.errors import NotFoundError
from engine.text import printable

if TYPE_CHECKING:
    from engine.cli.evaluating import DataSource
    from engine.data_rows import Asked


def say_rows(place: Place, source: DataSource, asked: Asked, png: str | None, *, as_json: bool, as_csv: bool) -> None:
    """Rows of a split, from what is kept beside the runs where it is there; images as files."""
    answer = _rows(place, source, asked, None if png is None else Path(png))
    if as_json:
        say_json(answer)
        return
    if as_csv:
        say_csv(["row", "true", "predicted", "input", "image"], answer["samples"])
        return
    answered = any("predicted" in sample for sample in answer["samples"])
    columns = [Column("row", right=True), Column("true"), *([Column("predicted")] if answered else [])]
    lines = [
        [str(s["row"]), str(s["true"]), *([str(s.get("predicted", ""))] if answered else []),
         str(s["input"] or s.get("image") or "")]
        for s in answer["samples"]
    ]  # fmt: skip
    say_table([*columns, Column("input", least=12)], lines)
    of_class = f" of class {printable(asked.label)}" if asked.label is not None else ""
    say(f"  {len(lines):,} of {answer['total']:,} rows{of_class} in {printable(asked.split)}")


def _rows(place: Place, source: DataSource, asked: Asked, png: Path | None) -> dict[str, Any]:
    from engine.data_rows import answers_of, keep_rows, kept_rows, list_rows
    from engine.summary import summary_key

    settings, runs = source.settings, place.runs
    key = summary_key(source.table, source.folder, data_dir=settings.data_dir, own=source.own)
    folder = runs.own / "samples" / key
    answered = None if source.run is None else answers_of(source.run, asked)
    stamp = "" if answered is None else answered.stamp
    found = kept_rows(folder, asked, stamp) if png is None else None
    if found is None:
        from engine.splits import prepare, prepare_own

        prepared = (prepare_own if source.own else prepare)(settings, source.folder)
        kept = folder if runs.root.is_dir() else None
        found = list_rows(prepared, asked, kept if png is None else png, answered)
        if png is None and kept is not None:
            keep_rows(kept, asked, found, stamp)
    return found


@verb("answers")
@run_argument
@click.option("--split", metavar="SPLIT", help="Of this split; the one evaluated most often when left out.")
@click.option("--class", "label", metavar="CLASS", help="Samples of this class, or taken for it.")
@click.option("--wrong", is_flag=True, help="Samples whose last answer is wrong.")
@click.option("--pairs", is_flag=True, help="The classes confused most, in the last evaluation, instead.")
@click.option("--sort", type=click.Choice(ORDERS), default=ORDERS[0], show_default=True, help="With --pairs.")
@click.option("--step", type=int, metavar="STEP", help="Up to the evaluation after this step.")
@table_options
def answers_(
    place: Place,
    run: str,
    split: str | None,
    label: str | None,
    wrong: bool,
    pairs: bool,
    sort: str,
    step: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """What a run's evaluations answered to the samples they kept, and since when each is right."""
    found = place.find(run)
    wanted = {"val": "validation"}.get(split or "", split) or _most_evaluated(found.paths.evaluation)
    contents = list(read_evaluations(found.paths.evaluation, wanted, step))
    if not contents:
        upto = "" if step is None else f" up to step {step}"
        raise NotFoundError(f"{found.id} has no evaluation of a {wanted} split{upto}", hint="engine evaluate makes one")
    if pairs:
        _say_pairs(contents[-1], sort, as_json=as_json, as_csv=as_csv)
        return
    known = [h for h in histories(contents).values() if _fits(h, label, wrong)]
    _say_histories(known, as_json=as_json, as_csv=as_csv)


def _most_evaluated(folder: Path) -> str:
    from engine.answers import evaluation_files

    counts = {split: len(evaluation_files(folder, split)) for split in ("validation", "test", "train")}
    return max(counts, key=counts.__getitem__)


def _fits(history: History, label: str | None, wrong: bool) -> bool:
    last = history.answers[-1]
    return (label is None or label in (history.true, last.predicted)) and not (wrong and last.right)


def _say_pairs(content: dict[str, Any], order: str, *, as_json: bool, as_csv: bool) -> None:
    counts, classes = confusion_of(content)
    found = confused_pairs(counts, order)
    records = [
        {"true": classes[p.true], "predicted": classes[p.predicted], "count": p.count, "share": p.share} for p in found
    ]
    if as_json:
        say_json({"step": content.get("step"), "epoch": content.get("epoch"), "pairs": records})
    elif as_csv:
        say_csv(["true", "predicted", "count", "share"], records)
    else:
        columns = [Column("true"), Column("predicted"), Column("count", right=True), Column("share", right=True)]
        lines = [[classes[p.true], classes[p.predicted], count_text(p.count), f"{100 * p.share:.1f} %"] for p in found]
        say_table(columns, lines)


def _say_histories(found: list[History], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        say_json([_record(history) for history in found])
        return
    if as_csv:
        keys = ["row", "step", "epoch", "true", "predicted", "probability"]
        rows = [
            {"row": h.row, "step": a.step, "epoch": a.epoch, "true": h.true, "predicted": a.predicted,
             "probability": a.probability}
            for h in found
            for a in h.answers
        ]  # fmt: skip
        say_csv(keys, rows)
        return
    columns = [Column("row", right=True), Column("true"), Column("predicted"), Column("right since", right=True)]
    lines = [
        [str(h.row), h.true, h.answers[-1].predicted, f"epoch {h.since.epoch:g}" if h.since else "–",
         str(len(h.answers)), h.input or h.image or ""]
        for h in found
    ]  # fmt: skip
    say_table([*columns, Column("evaluations", right=True), Column("input", least=12)], lines)


def _record(history: History) -> dict[str, Any]:
    answers = [
        {"step": a.step, "epoch": a.epoch, "predicted": a.predicted, "probability": a.probability}
        for a in history.answers
    ]
    since = history.since
    return {
        "row": history.row, "true": history.true, "input": history.input, "image": history.image,
        "right_since": since.epoch if since else None, "answers": answers,
    }  # fmt: skip
