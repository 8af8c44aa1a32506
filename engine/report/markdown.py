"""A journal page as Markdown: what people read, edit and keep beside the code."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from engine.jsonio import encode, number
from engine.report.gather import Page
from engine.runs import Run
from engine.significance import Group, Significance
from engine.text import printable

Figures = Sequence[tuple[str, str]]
"""Caption and path relative to the page of each figure."""

_MOST_TOLD = 5
"""Differences of a run that are told in its row."""
_TELLING = re.compile(r"\b(data|model|loss|optimizer|scheduler)\.name\b|\bseed =")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def escaped(text: object) -> str:
    """`text` on one line, as Markdown shows it literally, in a table too."""
    return _SPECIAL.sub(r"\\\1", " ".join(printable(text).split()))


def code(text: object) -> str:
    """`text` in a code span, whatever it holds; in a table too."""
    plain = " ".join(printable(text).split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}" if plain else ""


def markdown(page: Page, figures: Figures = ()) -> str:
    """The whole page."""
    parts = [
        f"# {escaped(page.title)}",
        _facts(page),
        _words(page, "Motivation"),
        _differences(page),
        *([_settings(page)] if page.differences and len(page.differences) > 1 else []),
        *([_metrics(page)] if page.metrics and len(page.runs) > 1 else []),
        *([_repeated(page.repeated)] if page.repeated else []),
        *([_figures(figures)] if figures else []),
        _words(page, "Results"),
        _words(page, "Interpretation"),
        _shared(page),
        _commands(page),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; the columns of `right` hold numbers."""
    rule = ["---:" if i in right else "---" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


# --------------------------------------------------------------------------------------------------------------- parts


def _facts(page: Page) -> str:
    started = [run.state.started or run.info.created for run in page.runs]
    ended = [run.state.ended for run in page.runs]
    origins = dict.fromkeys(
        f"{run.id} continues {run.info.parent}" if run.info.parent else f"{run.id} begins with {origin}"
        for run in page.runs
        if run.info.parent or (origin := run.info.settings.get("init_from"))
    )
    commits = dict.fromkeys(commit for run in page.runs if (commit := _commit(run)))
    machines = dict.fromkeys(f"{run.state.device or '?'} on {run.state.host or run.info.host}" for run in page.runs)
    facts = {
        "Runs": ", ".join(_titled(run) for run in page.runs),
        "Start": moment(min(filter(None, started), default=None)),
        "End": moment(max(filter(None, ended))) if all(ended) else "not all have ended",
        "Data": "; ".join(map(escaped, page.data)),
        "Continues": "; ".join(map(escaped, origins)),
        "Code": ", ".join(map(code, commits)),
        "Ran on": "; ".join(map(escaped, machines)),
    }
    return table(["", ""], [[f"**{key}**", value] for key, value in facts.items() if value])


def _titled(run: Run) -> str:
    name = f" “{escaped(run.marks.name)}”" if run.marks.name else ""
    state = "" if run.status == "finished" else f" ({run.status})"
    return f"{run.id}{name}{state}"


def _commit(run: Run) -> str:
    git = run.info.git or {}
    commit = str(git.get("commit") or "")[:12]
    return f"{commit} with uncommitted changes" if commit and git.get("dirty") else commit


def moment(seconds: float | None) -> str:
    """A point in time in the local zone: 2026-03-01 14:05."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _words(page: Page, section: str) -> str:
    """What the runs' notes say, or an empty place to write in."""
    said = page.words.get(section) or []
    named = len(page.runs) > 1
    texts = [f"**{run}**\n\n{text}" if named else text for run, text in said]
    return "\n\n".join([f"## {section}", *texts]) + ("" if texts else "\n")


def _differences(page: Page) -> str:
    """One row a run: in what it differs from the first, and what it reached."""
    monitors = list(dict.fromkeys(str((run.state.best or {}).get("monitor") or "") for run in page.runs))
    best = f"best {monitors[0]}" if len(monitors) == 1 and monitors[0] else "best"
    scores = [key for key in ("test/accuracy", "test/loss") if key in page.metrics]
    key = next((key for key in page.metrics if key.startswith("test/")), None)
    test = scores[0] if scores else key
    head = ["run", "experiment", "difference", escaped(best), *([escaped(test)] if test else []), "epochs", "minutes"]
    rows = [
        [
            run.id,
            escaped(run.info.experiment),
            _difference(page, run),
            _best(run, with_name=best == "best"),
            *([_value(page.metrics[test].get(run.id))] if test else []),
            f"{run.state.epoch:.4g}",
            f"{run.state.seconds / 60:.1f}",
        ]
        for run in page.runs
    ]
    return f"## Runs\n\n{table(head, rows, right=range(3, len(head)))}"


def _difference(page: Page, run: Run) -> str:
    """What is set otherwise than in the first run, whose own values stand there for comparison."""
    first = page.runs[0]
    told = []
    for key, row in page.differences.items():
        if run is first or row.get(run.id) != row.get(first.id) or (run.id in row) != (first.id in row):
            absent = [] if key == "code" else [f"no {code(key)}"]  # it had some, of a state that is not known
            told += [code(f"{key} = {setting(row[run.id])}")] if run.id in row else absent
    if not page.differences:
        return "" if len(page.runs) == 1 else "the same settings"
    return ", ".join(_few(told)) or "as the first"


def _few(told: list[str]) -> list[str]:
    """Of many differences those that say most; the table of settings has them all."""
    if len(told) <= _MOST_TOLD:
        return told
    ordered = sorted(told, key=lambda words: _TELLING.search(words) is None)
    return [*ordered[: _MOST_TOLD - 1], f"and {len(told) - _MOST_TOLD + 1} more"]


def _best(run: Run, *, with_name: bool) -> str:
    best = run.state.best or {}
    if "value" not in best:
        return ""
    name = f"{escaped(best.get('monitor'))} " if with_name else ""
    return f"{name}{_value(number(best.get('value')))} at epoch {number(best.get('epoch')):.4g}"


def _settings(page: Page) -> str:
    head = ["setting", *(run.id for run in page.runs)]
    rows = [
        [code(key), *(code(setting(row[run.id])) if run.id in row else "–" for run in page.runs)]
        for key, row in page.differences.items()
    ]
    return f"## Settings that differ\n\n{table(head, rows)}"


def _metrics(page: Page) -> str:
    """Every score, with the differences to the first run's."""
    first = page.runs[0].id
    head = ["metric", *(run.id for run in page.runs)]
    rows = []
    for key, row in page.metrics.items():
        deltas = page.deltas.get(key, {})
        cells = [_value(row.get(first))]
        for run in page.runs[1:]:
            delta = f" ({deltas[run.id]:+.4f})" if run.id in deltas else ""
            cells.append(_value(row.get(run.id)) + delta)
        rows.append([escaped(key), *cells])
    told = [f"{escaped(words[:1].upper() + words[1:])}." for words in page.unlike]
    return "\n\n".join(["## Metrics", table(head, rows, right=range(1, len(head))), *told])


def _repeated(found: Significance) -> str:
    """Mean and deviation of each group, and whether it differs from the first one by more than chance."""
    head = ["score of", "mean ± standard deviation", "difference", "95 % interval", "p", ""]
    rows = [
        [escaped(f"{key}, {group.name}"), *_spread(found, group, key)]
        for key in found.metrics
        for group in found.groups
        if key in group.values
    ]
    if not found.contrasts:
        head, rows = head[:2], [row[:2] for row in rows]
    members = [f"- {escaped(group.name)}: {', '.join(group.runs)}" for group in found.groups]
    names = dict.fromkeys(test.test for test in found.contrasts if test.test)
    told = [*(f"Tested by {name}." for name in names), *(f"{words}." for words in found.told)]
    parts = ["## Repeated runs", "\n".join(members), table(head, rows, right=[1, 2, 3, 4]), *map(escaped, told)]
    return "\n\n".join(parts)


def _spread(found: Significance, group: Group, key: str) -> list[str]:
    deviation = group.deviation(key)
    mean = _value(group.mean(key)) + ("" if deviation is None else f" ± {deviation:.4f}")
    test = next((one for one in found.contrasts if one.group == group.name and one.metric == key), None)
    if test is None:
        return [mean, "", "", "", ""]
    between = "" if test.low is None or test.high is None else f"{test.low:+.4f} … {test.high:+.4f}"
    p = "" if test.p is None else "< 0.001" if test.p < 0.001 else f"{test.p:.3f}"
    return [mean, f"{test.difference:+.4f}", between, p, test.verdict]


def _figures(figures: Figures) -> str:
    return "\n\n".join(["## Curves", *(f"![{escaped(caption)}]({path})" for caption, path in figures)])


def _shared(page: Page) -> str:
    if not page.shared:
        return ""
    title = "Settings" if len(page.runs) == 1 else "Settings that all share"
    rows = [[code(key), code(setting(value))] for key, value in page.shared.items()]
    return f"## {title}\n\nWhat is not listed is at its default.\n\n{table(['setting', 'value'], rows)}"


def _commands(page: Page) -> str:
    import shlex

    from engine.resume import limits

    lines = []
    for run in page.runs:
        lines += [f"{shlex.join(run.info.argv)}  # {run.id}"] if run.info.argv else []
        if grown := limits(run.paths):
            longer = " ".join(f"-s {key}={value:g}" for key, value in grown.items())
            lines.append(f"engine train --resume {run.id} {longer}")
    content = "\n".join(printable(line) for line in lines)
    fence = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", content)), default=0))
    return f"## Commands\n\n{fence}sh\n{content}\n{fence}" if lines else ""


# -------------------------------------------------------------------------------------------------------------- values


def setting(value: Any) -> str:
    """A setting's value as it stands in a file of settings."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else encode(value).decode()


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
