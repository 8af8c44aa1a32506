"""The head of a run's screen as lines: what it is, how far it is, how it ended."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style

from tui.run_store import RunSnapshot
from tui.scores import UNSEEN, parted, told
from tui.text import age, dash, duration, fit, number, safe, wrap
from tui.theme import Inks, ascii_mode, symbol
from tui.widgets.table import Line

_TOLD = ("cer", "rmse", "bits_per_character", "accuracy", "r2", "macro_f1", "perplexity", "texts", "loss")
"""The scores that the head of a run has."""
_SCORE = 12
"""Cells that the best value takes at the end of the first line."""
MOST_CAUSE = 6
MOST_HINT = 4


def head_lines(
    snapshot: RunSnapshot, width: int, ink: Inks, *, low: bool = False, now: float | None = None
) -> list[Line]:
    """The lines above the tabs, each at most `width` cells."""
    lines = [_identity(snapshot, width, ink)]
    if low:
        return lines
    if snapshot.alive or snapshot.status == "queued":
        lines.append(_progress(snapshot, width, ink))
    else:
        lines += _ending(snapshot, width, ink, time.time() if now is None else now)
    if snapshot.read_only:
        lines.append([(f" {symbol('warning')} ", ink.warning), (fit(safe(snapshot.read_only), width - 4), ink.warning)])
    for problem in snapshot.run.problems[:2]:
        if problem not in (snapshot.state.cause, snapshot.read_only):
            lines.append([(f" {symbol('warning')} ", ink.bad), (fit(safe(problem), width - 4), ink.bad)])
    return lines


def line_width(line: Sequence[tuple[str, Style]]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def spread(left: Line, right: Line, width: int, ink: Inks) -> Line:
    """A line with a part at each end; the right one is left out where there is no room."""
    space = width - line_width(left) - line_width(right) - 1
    return [*left, (" " * space, ink.text), *right] if space >= 2 else left


# ---------------------------------------------------------------------------------------------------- first line


def _identity(snapshot: RunSnapshot, width: int, ink: Inks) -> Line:
    star = f" {symbol('star')}" if snapshot.marks.star else ""
    status = snapshot.status
    state: Line = [(f"{symbol(status)} {status}", ink.state(status))]
    device = device_name(snapshot)
    room = width - len(snapshot.id) - len(status) - len(device) - 12
    name = fit(safe(snapshot.info.experiment), max(4, min(40, room)))
    left: Line = [(f" {snapshot.id}", ink.strong), (star, ink.star), (f"  {name}  ", ink.text), *state]
    if device and line_width(left) + len(device) + 3 <= width:
        left.append((f"   {device}", ink.muted))
    origin = f"   from {safe(snapshot.info.parent)}" if snapshot.info.parent else ""
    if origin and line_width(left) + cell_len(origin) <= width - _SCORE:
        left.append((origin, ink.muted))
    for right in _best_words(snapshot, ink):
        line = spread(left, right, width, ink)
        if line is not left:
            return line
    if line_width(left) > width:
        left = [(f" {snapshot.id} ", ink.strong), (symbol(status), ink.state(status)), (f" {name}", ink.text)]
    marks = " ".join([*([safe(snapshot.marks.name)] if snapshot.marks.name else []), *map(safe, snapshot.marks.tags)])
    return spread(left, [(fit(marks, 40), ink.muted)], width, ink) if marks else left


def device_name(snapshot: RunSnapshot) -> str:
    """What the run computes on: `cpu`, `gpu0`; nothing when unknown."""
    name = snapshot.state.device or str(snapshot.info.device.get("name") or "")
    return safe(name.replace("cuda:", "gpu"))


def _best_words(snapshot: RunSnapshot, ink: Inks) -> list[Line]:
    """The best value so far, in words of falling length."""
    best = snapshot.best
    if best is None:
        return []
    monitor, value, epoch, step = best
    where = f" at epoch {epochs(epoch)}" if math.isfinite(epoch) else f" at step {step:,}"
    mark: Line = [(f"{symbol('star')} ", ink.star)]
    full: Line = [
        ("best ", ink.muted),
        (f"{safe(monitor)} ", ink.muted),
        (number(value), ink.strong),
        (where, ink.muted),
    ]
    return [full, [*mark, (number(value), ink.strong), (where, ink.muted)], [*mark, (number(value), ink.strong)]]


# --------------------------------------------------------------------------------------------------- second line


def epochs(value: float) -> str:
    """An epoch count: whole ones without decimals."""
    if not math.isfinite(value):
        return dash()
    return f"{value:,.0f}" if abs(value - round(value)) < 0.05 or value >= 100 else f"{value:.1f}"


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A Unix time as local time; empty when there is none, or none that a clock can show."""
    try:
        return time.strftime(form, time.localtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):
        return ""


def rate(value: float | None, unit: str = "samples/s") -> str:
    """A speed: `12.4k samples/s`."""
    if value is None or not math.isfinite(value):
        return ""
    shown = f"{value / 1e6:.1f}M" if value >= 1e6 else f"{value / 1e3:.1f}k" if value >= 1e4 else f"{value:,.0f}"
    return f"{shown} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def time_left(seconds: float | None) -> str:
    """`18 min left`, as exact as can be known."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds)):.0f} s left"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min left"
    if seconds < 2 * 86400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min left"
    return f"{seconds / 86400:.1f} d left"


def _counted(snapshot: RunSnapshot) -> str:
    state = snapshot.state
    if state.total_epochs and math.isfinite(state.epoch) and math.isfinite(state.total_epochs):
        done = state.epoch if state.epoch >= state.total_epochs else math.floor(state.epoch * 10 + 1e-9) / 10
        shown = epochs(done) if state.total_epochs <= 20 else f"{math.floor(done):,}"
        return f"epoch {shown}/{epochs(state.total_epochs)}"
    if state.total_steps:
        return f"step {state.step:,}/{state.total_steps:,}"
    return f"epoch {epochs(state.epoch)}" if state.epoch else f"step {state.step:,}" if state.step else ""


def _progress(snapshot: RunSnapshot, width: int, ink: Inks) -> Line:
    """The bar, and how far, how fast, how long still."""
    if not snapshot.state.step:
        return _waiting(snapshot, width, ink)
    unit = {"image": "images/s", "images": "images/s"}.get(str(snapshot.data.table.get("kind")), "samples/s")
    facts = [_counted(snapshot), rate(snapshot.state.samples_per_second, unit)]
    if snapshot.status == "stopping":
        facts.append("stopping: saves a checkpoint first")
    else:
        facts.append(time_left(snapshot.state.seconds_left))
    facts = [fact for fact in facts if fact]
    share = snapshot.progress
    while facts and sum(len(fact) + 3 for fact in facts) > width - (18 if share is not None else 2):
        facts.pop(1 if len(facts) > 1 else 0)
    words = "   ".join(facts)
    last = ink.warning if snapshot.status == "stopping" else ink.muted
    if share is None:
        return [(f" {words}", last)]
    percent = f"{100 * share:3.0f} %"
    room = max(0, width - len(words) - len(percent) - 7)
    return [(" ", ink.text), *progress_bar(share, room, ink), (f"  {percent}", ink.text), (f"   {words}", last)]


def progress_bar(share: float, width: int, ink: Inks) -> Line:
    """A thin bar of `width` cells."""
    halves = round(share * width * 2)
    full, half = divmod(halves, 2)
    done = symbol("bar") * full + (symbol("bar-end") if half and full < width else "")
    return [(done, ink.bar), (symbol("rule") * (width - len(done)), ink.track)]


def _waiting(snapshot: RunSnapshot, width: int, ink: Inks) -> Line:
    """Before the first step: what is awaited, and the newest word of the worker."""
    if snapshot.status == "queued":
        return [(fit(" waiting in the queue for a free device", width), ink.warning)]
    words = " waiting for the first step" + ("" if ascii_mode() else "…")
    if snapshot.log_end:
        return [(f"{words}  ", ink.text), (fit(safe(snapshot.log_end[-1]), max(0, width - len(words) - 3)), ink.muted)]
    return [(words, ink.text)]


# -------------------------------------------------------------------------------------------------- how it ended


def _ending(snapshot: RunSnapshot, width: int, ink: Inks, now: float) -> list[Line]:
    if snapshot.status == "lost":
        return _lost(snapshot, width, ink)
    if snapshot.status == "unreadable":
        return [[(fit(" what this folder says of its state cannot be read", width), ink.bad)]]
    if snapshot.status == "failed":
        return _failed(snapshot, width, ink, now)
    return [_scores(snapshot, width, ink, now), *_stop_cause(snapshot, width, ink)]


def _when(snapshot: RunSnapshot, now: float) -> str:
    state = snapshot.state
    when = age(state.ended or state.updated, now)
    ago = "" if when == dash() else ", just now" if when == "now" else f", {when} ago"
    took = f" after {duration(state.seconds)}" if state.seconds else ""
    return f"{took}{ago}"


def _scores(snapshot: RunSnapshot, width: int, ink: Inks, now: float) -> Line:
    """Duration, test metrics, and what always answering the majority class scores; as much as there is room for."""
    counted = _counted(snapshot)
    line: Line = [(f" {counted}" if counted else f" {snapshot.status}", ink.text), (_when(snapshot, now), ink.muted)]
    room = width - line_width(line) - 4
    for tail in _score_parts(snapshot, ink):
        if line_width(tail) <= room:
            return spread(line, tail, width, ink)
    return [(fit("".join(text for text, _ in line), width), ink.text)]


def _score_parts(snapshot: RunSnapshot, ink: Inks) -> list[Line]:
    """The scores in forms of falling length."""
    names = [name for split, name in map(parted, snapshot.state.metrics) if split == "test"]
    shown = [f"test/{name}" for name in told(names) if name.removesuffix(UNSEEN) in _TOLD][:2]
    scores: list[Line] = [[(f"{name} ", ink.muted), (number(snapshot.metric(name)), ink.strong)] for name in shown]
    if not scores:
        return []
    baseline, majority = snapshot.baseline("test"), snapshot.majority
    more = [("   ", ink.muted), *scores[1]] if len(scores) > 1 else []
    if shown[0] != "test/accuracy" or baseline is None:
        return [[*scores[0], *more], scores[0]]
    answer = fit(safe(majority[0]), 16) if majority else "the largest class"
    long = (f" {symbol('dot')} always answering {answer} {number(baseline, 3)}", ink.muted)
    short = (f" {symbol('dot')} majority {number(baseline, 3)}", ink.muted)
    return [[*scores[0], long, *more], [*scores[0], long], [*scores[0], short], scores[0]]


def _stop_cause(snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    cause = snapshot.state.cause
    return [[(f" {line}", ink.muted)] for line in wrap(safe(cause), width - 2, 2)] if cause else []


def _failed(snapshot: RunSnapshot, width: int, ink: Inks, now: float) -> list[Line]:
    """The cause and what to do, in full as far as is sensible; the log's end where there is no better word."""
    state = snapshot.state
    cause = state.cause or "it ended without saying why"
    lines: list[Line] = []
    for text in cause.splitlines():
        lines += [[(f" {line}", ink.bad)] for line in wrap(safe(text), width - 2, MOST_CAUSE)]
    for text in snapshot.hint.splitlines():
        lines += [[(f" {line}", ink.text)] for line in wrap(safe(text), width - 2, MOST_HINT)]
    counted = _counted(snapshot)
    where = f"at {counted}" if counted and state.step else "before the first step"
    lines = lines[: MOST_CAUSE + MOST_HINT]
    code = f" {symbol('dot')} exit code {state.exit_code}" if state.exit_code not in (None, 0) else ""
    lines.append(
        [(fit(f" failed {where}{_when(snapshot, now)}{code} {symbol('dot')} the log says more", width), ink.muted)]
    )
    return lines


def _lost(snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    state = snapshot.state
    when = age(state.updated)
    seen = "" if when == dash() else f", last seen {when} ago" if when != "now" else ", last seen just now"
    counted = _counted(snapshot)
    line = f" the worker died without a word{f' at {counted}' if counted else ''}{seen}"
    lines: list[Line] = [[(fit(line, width), ink.bad)]]
    if snapshot.log_end:
        for position, text in enumerate(snapshot.log_end[-3:]):
            label = " its last words: " if not position else " " * 17
            lines.append([(label, ink.muted), (fit(safe(text), max(4, width - 19)), ink.text)])
    return lines


def finding_text(message: str, epoch: float | None, step: int | None) -> str:
    """A finding with where it was found, unless it says so itself."""
    text = safe(message)
    if "epoch" in text or "step" in text:
        return text
    if epoch:
        return f"{text} (epoch {epochs(epoch)})"
    return f"{text} (step {step:,})" if step else text
