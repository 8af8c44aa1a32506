"""The keys by which runs are filtered, ordered, grouped and shown: a run's own facts, every metric, every setting.

state                   a fact of every run (`KEYS`)
val/accuracy            a metric: its newest value, the same as val/accuracy:last
val/accuracy:best       its best value over all evaluations
train/loss:at_best      its value at the evaluation of the best checkpoint
optimizer.lr, or lr     a setting
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from engine.errors import UsageError, nearest
from engine.extremes import measured_once
from engine.rows import Row, column, keysets, metric_names, place_of, setting_names, unpacked
from engine.scores import parted, score_on_test

Getter = Callable[[Row, float], Any]

ASPECTS = {"last": "packed_metrics", "best": "packed_bests", "at_best": "packed_at_best"}
"""What of a metric may be asked for, after a colon, and where a row keeps it."""

_FIXED: dict[str, tuple[Getter, str]] = {
    "run": (lambda row, now: row.run, "id"),
    "experiment": (lambda row, now: row.experiment, "text"),
    "state": (lambda row, now: row.state, "state"),
    "status": (lambda row, now: row.state, "state"),
    "tag": (lambda row, now: row.tags, "texts"),
    "tags": (lambda row, now: row.tags, "texts"),
    "name": (lambda row, now: row.name or row.experiment, "text"),
    "age": (lambda row, now: now - (row.started or row.created) if row.created else None, "age"),
    "started": (lambda row, now: row.started, "moment"),
    "created": (lambda row, now: row.created, "moment"),
    "ended": (lambda row, now: row.ended, "moment"),
    "star": (lambda row, now: row.star, "yes or no"),
    "archived": (lambda row, now: row.archived, "yes or no"),
    "device": (lambda row, now: row.device, "text"),
    "host": (lambda row, now: row.host, "text"),
    "user": (lambda row, now: row.user, "text"),
    "seconds": (lambda row, now: row.seconds, "duration"),
    "time": (lambda row, now: row.seconds, "duration"),
    "epoch": (lambda row, now: row.epoch, "number"),
    "step": (lambda row, now: row.step, "number"),
    "best": (lambda row, now: row.best, "score"),
    "test": (lambda row, now: test_score(row)[1], "score"),
    "best_epoch": (lambda row, now: row.best_epoch, "number"),
    "monitor": (lambda row, now: row.monitor, "text"),
    "parent": (lambda row, now: row.parent, "text"),
    "group": (lambda row, now: row.group, "text"),
    "seed": (lambda row, now: row.seed, "count"),
    "cause": (lambda row, now: row.cause, "text"),
    "note": (lambda row, now: row.note, "text"),
    "data": (lambda row, now: row.data, "text"),
    "model": (lambda row, now: row.model, "text"),
    "disk": (lambda row, now: row.__dict__.get("disk"), "bytes"),
}
KEYS = tuple(_FIXED)
"""The keys every run has; besides them each metric and each setting is a key. `disk` has a value once engine.usage has
counted."""
_SYNONYMS = frozenset({"status", "tag", "seconds"})
"""Written otherwise in `KEYS` too: not offered twice."""
_TABLES = ("optimizer", "train", "model", "data", "scheduler", "loss", "checkpoint", "evaluate")


def kind_of(key: str) -> str:
    """What the values of a key are: id, text, texts, state, age, moment, duration, bytes, score, number, metric, …"""
    if key in _FIXED:
        return _FIXED[key][1]
    return "metric" if "/" in key or _aspect(key) is not None else "setting"


def getter(key: str) -> Getter:
    """How to take `key` from a row: a fact of every run, a metric, a setting (`optimizer.lr`, or `lr`)."""
    if key in _FIXED:
        return _FIXED[key][0]
    sources = _sources(key)
    if len(sources) == 1:
        field, name = sources[0]
        return _taker(field, name)
    takers = [_taker(field, name) for field, name in sources]

    def get(row: Row, now: float) -> Any:
        for take in takers:
            value = take(row, now)
            if value is not None:
                return value
        return None

    return get


def values_in(rows: Sequence[Row], key: str, now: float) -> list[Any]:
    """The value of `key` in each of many rows; as `getter` has it, but faster."""
    if key in _FIXED:
        take = _FIXED[key][0]
        return [take(row, now) for row in rows]
    settings = setting_names(rows)
    values: list[Any] = [None] * len(rows)
    for field, name in _sources(key):
        if field == "packed_settings" and name not in settings:
            continue
        found = column(rows, field, name)
        values = [b if a is None else a for a, b in zip(values, found, strict=True)]
        if None not in values:
            break
    return values


def _sources(key: str) -> list[tuple[str, str]]:
    """Where the value of a metric or setting is looked for: a packed field, and the full name in it."""
    if (asked := _aspect(key)) is not None:
        return [asked, ("packed_metrics", key)]  # a metric's own name may end like an aspect
    if "/" in key:
        return [("packed_metrics", key)]
    if "." in key:
        return [("packed_settings", key)]
    # a setting without its table, else a metric without a split
    tables = [("packed_settings", name) for name in (key, *(f"{table}.{key}" for table in _TABLES))]
    return [*tables, ("packed_metrics", key)]


def _aspect(key: str) -> tuple[str, str] | None:
    """`val/accuracy:best` as where its best is kept, and the metric; None for a key without an aspect."""
    metric, _, aspect = key.rpartition(":")
    return (ASPECTS[aspect], metric) if metric and aspect in ASPECTS else None


def _taker(field: str, key: str) -> Getter:
    places: dict[bytes, int | None] = {b"": None}
    packed_in = operator.attrgetter(field)

    def take(row: Row, now: float) -> Any:
        packed: bytes = packed_in(row)
        identity = packed[:8]
        if identity not in places:
            places[identity] = place_of(packed, key)
        place = places[identity]
        return None if place is None else unpacked(field, packed)[place]

    return take


def best_score(row: Row) -> tuple[str, float | None]:
    """The metric that a run's best checkpoint is judged by (without its split), and its best value."""
    return _name(row.monitor), row.best


@functools.lru_cache(1024)
def _name(metric: str | None) -> str:
    return parted(metric or "")[1]


def test_score(row: Row) -> tuple[str, float | None]:
    """The score on the test split that stands beside the best one (without its split), and its value."""
    metric, name = _tested(row.packed_metrics[:8], row.monitor)
    return name, _metric(metric)(row, 0.0) if metric else None


@functools.lru_cache(1024)
def _tested(identity: bytes, monitor: str | None) -> tuple[str, str]:
    metric = score_on_test(keysets.get(identity, ()), monitor)
    return metric, parted(metric)[1]


@functools.lru_cache(1024)
def _metric(metric: str) -> Getter:
    return getter(metric)


def known_keys(rows: Iterable[Row], *, aspects: bool = True) -> list[str]:
    """Every key that any of `rows` has: facts, then metrics with their aspects, then settings."""
    rows = list(rows)
    metrics = sorted(metric_names(rows))
    if aspects:
        metrics = [name for metric in metrics for name in (metric, *_aspects_of(metric))]
    return [*(key for key in KEYS if key not in _SYNONYMS), *metrics, *sorted(setting_names(rows))]


def _aspects_of(metric: str) -> tuple[str, ...]:
    return () if measured_once(metric) else (f"{metric}:best", f"{metric}:at_best")


def values_of(key: str, rows: Sequence[Row], now: float, most: int = 200) -> list[tuple[Any, int]]:
    """The values of a key that occur, most frequent first, each with how many runs have it; lists count by item."""
    counted: Counter[Any] = Counter()
    for value in values_in(rows, key, now):
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if item is not None and item != "" and item == item and isinstance(item, (str, int, float)):
                counted[item] += 1
    return counted.most_common(most)


def lacking(key: str, rows: Sequence[Row]) -> str | None:
    """What is nearest to a key that none of `rows` has, as a hint; None for one that a run has or might have."""
    if key in _FIXED or not rows:
        return None
    metrics, settings = _names_in(rows)
    if any(name in (settings if field == "packed_settings" else metrics) for field, name in _sources(key)):
        return None
    return nearest(key, sorted({*KEYS, *metrics, *settings})) or "no run has any metric yet"


_named: tuple[Sequence[Row], set[str], set[str]] = ((), set(), set())


def _names_in(rows: Sequence[Row]) -> tuple[set[str], set[str]]:
    """The metrics and the settings of `rows`; of the same snapshot again, as at each key typed, they are known."""
    global _named
    known = _named
    if known[0] is not rows:
        known = (rows, metric_names(rows), setting_names(rows))
        if isinstance(rows, tuple):
            _named = known
    return known[1], known[2]


def check_key(key: str, rows: Sequence[Row]) -> None:
    """Refuse a key that none of `rows` has.

    Raises:
        UsageError: it names the nearest one.
    """
    if (hint := lacking(key, rows)) is not None:
        raise UsageError(f"no run has {key!r}", hint=hint)
