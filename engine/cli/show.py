"""`engine show`: settings, layers and data of an experiment or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.batch_size import found_batch_size
from engine.cli.common import Place, complete_either, json_option, missing, verb
from engine.cli.output import (
    STATES,
    Column,
    ago,
    count_text,
    duration,
    metric_text,
    number_text,
    paint,
    say,
    say_json,
    say_table,
    setting_text,
    size_text,
)
from engine.data_notes import strange_characters
from engine.errors import NotFoundError
from engine.jsonio import number, read_json
from engine.row_record import iso
from engine.runs import RUN_ID, Run, finite_metrics
from engine.text import printable


@verb("show")
@click.argument("name", metavar="NAME|RUN", shell_complete=complete_either)
@click.option("--settings", "only_settings", is_flag=True, help="The settings alone: no data or model is loaded.")
@json_option
def show_(place: Place, name: str, only_settings: bool, as_json: bool) -> None:
    """Settings, model table and data summary of an experiment or a run."""
    if not RUN_ID.fullmatch(name) and name in {*place.experiments.experiments, *place.experiments.broken}:
        _show_experiment(place, name, only_settings, as_json)
        return
    try:
        run = place.find(name)
    except NotFoundError:
        if RUN_ID.fullmatch(name):
            raise
        raise missing(name, place) from None
    found = run_record(run)
    if as_json:
        say_json(found)
    else:
        _say_run(run, found, only_settings)


def _optional(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def run_record(run: Run) -> dict[str, Any]:
    """A run as `engine show RUN --json` shows it."""
    info, state = run.info, run.state
    model = _optional(run.paths.model)
    return {
        "run": run.id, "experiment": info.experiment, "settings": info.settings, "state": run.status,
        "cause": state.cause, "cause_kind": state.cause_kind, "metrics": finite_metrics(state.metrics),
        "best": state.best, "parent": info.parent, "group": info.group,
        "parameters": model.get("parameters") if isinstance(model, dict) else None,
        "epoch": state.epoch, "step": state.step, "total_epochs": state.total_epochs, "total_steps": state.total_steps,
        "batch_size": found_batch_size(run.paths) or info.settings.get("train", {}).get("batch_size"),
        "seconds": state.seconds, "created": iso(info.created), "started": iso(state.started),
        "ended": iso(state.ended),
        "device": state.device or info.device.get("name"), "seed": info.seed, "argv": info.argv, "git": info.git,
        "host": state.host or info.host, "user": info.user, "pid": state.pid, "versions": info.versions,
        "data_fingerprint": info.data_fingerprint, "note": info.note, "name": run.marks.name, "tags": run.marks.tags,
        "star": run.marks.star, "archived": run.marks.archived, "folder": str(run.paths.folder),
        "problems": list(run.problems), "model": model, "data": _optional(run.paths.data),
    }  # fmt: skip


def _say_run(run: Run, found: dict[str, Any], only_settings: bool) -> None:
    if only_settings:
        say_settings(run.info.settings)
        return
    symbol, colour = STATES.get(found["state"], ("?", ""))
    title = f"{run.id} {run.info.experiment}" + (f" “{run.marks.name}”" if run.marks.name else "")
    star = " ★" if run.marks.star else ""
    say(f"{paint(printable(title), 'bold')}  {paint(f'{symbol} {run.status}', colour)}{star}")
    state, best = run.state, run.state.best
    facts = {
        "why": state.cause,
        "device": found["device"],
        "trained": f"epoch {number_text(state.epoch)}, step {count_text(state.step)}, {duration(state.seconds)}",
        "launched": ago(run.info.created) + (f" by {run.info.user}@{run.info.host}" if run.info.user else ""),
        "best": best_text(best) if best else "",
        "batch": f"{found['batch_size']:,}, the largest that fits" if found_batch_size(run.paths) else "",
        "continues": run.info.parent,
        "group": run.info.group,
        "tags": " ".join(run.marks.tags),
        "note": run.info.note,
        "command": " ".join(run.info.argv) if run.info.group is None else f"engine rerun {run.id}",
        "folder": str(run.paths.folder),
        "problems": "; ".join(run.problems),
    }
    _say_facts(facts)
    if found["metrics"]:
        _say_title("metrics")
        _say_facts(
            {
                name: metric_text(value) if "/" in name else setting_text(value)
                for name, value in sorted(found["metrics"].items())
            }
        )
    _say_title("settings")
    say_settings(run.info.settings)
    say_model(found["model"])
    say_data(found["data"])


def best_text(best: dict[str, Any]) -> str:
    """The best value of the monitored metric: `val/accuracy 0.9130 at epoch 38`."""
    value, epoch = number(best.get("value")), number_text(best.get("epoch"))
    return printable(f"{best.get('monitor')} {metric_text(value)} at epoch {epoch}")


def _say_title(text: str) -> None:
    say()
    say(paint(text, "bold"))


def _say_facts(facts: dict[str, Any]) -> None:
    shown = {key: value for key, value in facts.items() if value not in (None, "", [])}
    longest = max(map(len, shown), default=0)
    for key, value in shown.items():
        say(f"  {printable(key):<{longest}}  {printable(value)}")


def say_settings(settings: dict[str, Any]) -> None:
    """Settings, one dotted key a line; what has no value is left out."""
    from engine.index import flatten

    _say_facts({key: setting_text(value) for key, value in flatten(settings)})


def say_model(model: Any) -> None:
    """A layer table with its totals; nothing when there is none or it cannot be understood."""
    if not isinstance(model, dict) or not isinstance(model.get("layers"), list):
        return
    _say_title("model")
    lines = [
        [
            f"  {layer.get('name', '')}",
            str(layer.get("type", "")),
            " × ".join(map(str, layer.get("output_shape") or ())),
            "shared" if layer.get("reused") else count_text(layer.get("parameters")),
        ]
        for layer in model["layers"]
        if isinstance(layer, dict)
    ]
    columns = [Column("layer", "  layer"), Column("type"), Column("output"), Column("parameters", right=True)]
    say_table(columns, lines)
    stored = model.get("bytes")
    sizes = stored if isinstance(stored, dict) else {}
    say(
        f"  {count_text(model.get('parameters'))} parameters, {count_text(model.get('trainable'))} trainable; "
        + ", ".join(f"{key.replace('_', ' and ')} {size_text(value)}" for key, value in sizes.items())
    )


def say_data(data: Any) -> None:
    """Classes by split, the majority, and the duplicates; nothing when there is no summary."""
    if not isinstance(data, dict) or not isinstance(data.get("splits"), dict):
        return
    _say_title("data")
    splits = {name: split for name, split in data["splits"].items() if isinstance(split, dict)}
    shape = " × ".join(map(str, data.get("shape") or ()))
    say(f"  {printable(data.get('name', ''))}  {printable(data.get('kind', ''))} {shape}")
    if data.get("labels") == "numbers":
        _say_quantities(splits)
        _say_data_notes(data)
        return
    classes = data.get("classes") or []
    first = next(iter(splits.values()), {}).get("classes") or {}
    order = sorted(classes, key=lambda c: -first.get(c, 0))
    total = sum(first.values()) or 1
    lines = []
    for name in order[:40]:
        share = first.get(name, 0) / total
        counts = [count_text((split.get("classes") or {}).get(name, 0)) for split in splits.values()]
        lines.append(
            [f"  {_named(name)}", *counts, f"{100 * share:.1f} %", "█" * round(30 * share / _top_share(first))]
        )
    if len(order) > 40:
        lines.append([f"  … {len(order) - 40} more", *[""] * (len(splits) + 2)])
    lines.append(["  all", *[count_text(split.get("count")) for split in splits.values()], "", ""])
    columns = [Column("class", "  class"), *(Column(name, right=True) for name in splits)]
    say_table([*columns, Column("share", "share", right=True), Column("bar", " ")], lines)
    _say_balance(data)
    _say_data_notes(data)


def _say_balance(data: dict[str, Any]) -> None:
    from engine.balance import balance

    total = len(data.get("classes") or [])
    for split, found in balance(data).items():
        ratio, effective = _tenth(found["imbalance"]), _tenth(found["effective"])
        say(f"  {printable(split)}: imbalance ratio {ratio}, effective number of classes {effective} of {total}")


def _tenth(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _named(symbol: str) -> str:
    """A class or character by a name that can be seen."""
    return {"": "(none)", " ": "(space)", "\n": "(new line)", "\t": "(tab)"}.get(symbol, symbol)


def _top_share(counts: dict[str, int]) -> float:
    return max(counts.values(), default=1) / (sum(counts.values()) or 1) or 1.0


def _say_data_notes(data: dict[str, Any]) -> None:
    majority = data.get("majority")
    if isinstance(majority, dict):
        share = 100 * float(majority.get("share") or 0)
        say(f"  always answering {printable(majority.get('class'))} would be right on {share:.1f} % of the train split")
    for pair, found in (data.get("duplicates") or {}).items():
        if isinstance(found, dict) and found.get("rows"):
            text = f"  {printable(pair)}: {count_text(found['rows'])} rows of one are in the other"
            say(paint(f"{text} ({count_text(found.get('distinct'))} distinct)", "yellow"))
    for pair, found in (data.get("near_duplicates") or {}).items():
        same = ((data.get("duplicate_inputs") or {}).get(pair) or {}).get("rows", 0)
        more = (found.get("rows") or 0) - same if isinstance(found, dict) else 0
        if more > 0:
            say(paint(f"  {printable(pair)}: {count_text(more)} more are nearly the same", "yellow"))
    for words in strange_characters(data):
        say(paint(f"  {printable(words)}", "yellow"))
    if data.get("note"):
        say(f"  {printable(data['note'])}")


def _say_quantities(splits: dict[str, Any]) -> None:
    """Of quantities to be learnt: mean, deviation and range in each split."""
    lines = []
    for split, content in splits.items():
        for name, stated in (content.get("quantities") or {}).items():
            values = [metric_text(stated.get(key)) for key in ("mean", "deviation", "least", "most")]
            lines.append([f"  {name}", split, count_text(content.get("count")), *values])
    columns = [Column("quantity", "  quantity"), Column("split")]
    say_table(
        [*columns, *(Column(key, right=True) for key in ("samples", "mean", "deviation", "least", "most"))], lines
    )


def _show_experiment(place: Place, name: str, only_settings: bool, as_json: bool) -> None:
    from engine.experiments import resolve

    file = place.experiments
    experiment = file.get(name)
    settings = experiment.settings if experiment.command is not None else resolve(file, name)
    model = data = None
    if experiment.command is None and not only_settings:
        from engine.cli.checking import describe

        model, data = describe(settings, file.folder, place.runs)
    runs = [row.run for row in place.rows() if row.experiment == name]
    if as_json:
        parameters = model.get("parameters") if model else None
        say_json(
            {"name": name, "description": settings.description, "motivation": settings.motivation,
             "tags": settings.tags, "extends": experiment.extends, "settings": settings, "seeds": experiment.seeds,
             "matrix": experiment.matrix, "sweep": experiment.sweep, "command": experiment.command, "runs": runs,
             "parameters": parameters, "model": model, "data": data, "file": str(file.path)}
        )  # fmt: skip
        return
    import msgspec

    say(paint(printable(name), "bold") + f"  {printable(settings.description)}")
    _say_facts(
        {
            "motivation": settings.motivation,
            "extends": experiment.extends,
            "runs": " ".join(runs[-20:]),
            "seeds": experiment.seeds,
            "matrix": setting_text(experiment.matrix) if experiment.matrix else None,
            "file": file.path,
        }
    )
    _say_title("settings")
    say_settings({k: v for k, v in msgspec.to_builtins(settings).items() if k not in ("description", "motivation")})
    say_model(model)
    say_data(data)
