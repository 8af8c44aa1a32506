"""The row of a run: what lists, filters and orders know of it; metrics and settings are packed, their keys shared."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from engine.digest import blake2b
from engine.extremes import extremes_of
from engine.jsonio import number
from engine.records import ALIVE
from engine.run import Run

_NOTE_CHARACTERS = 200

keysets: dict[bytes, tuple[str, ...]] = {}
"""Content hash to keys: rows of like runs store their values only."""

_decode = msgspec.msgpack.Decoder(tuple).decode
_recent: dict[str, tuple[bytes, tuple[Any, ...]]] = {}


class Row(msgspec.Struct, array_like=True, dict=True, kw_only=True):
    """What lists show of a run. Times are Unix seconds; `seconds` is the time spent training."""

    run: str
    experiment: str = ""
    state: str = "unreadable"
    """As shown to people: `lost` and `stopping` are derived already."""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    device: str = ""
    host: str = ""
    user: str = ""
    data: str = ""
    model: str = ""
    epoch: float = 0.0
    total_epochs: float | None = None
    step: int = 0
    total_steps: int | None = None
    samples_per_second: float | None = None
    seconds_left: float | None = None
    best: float | None = None
    best_epoch: float | None = None
    monitor: str | None = None
    mode: str | None = None
    tags: tuple[str, ...] = ()
    star: bool = False
    name: str = ""
    archived: bool = False
    parent: str | None = None
    group: str | None = None
    seed: int = 0
    cause: str | None = None
    cause_kind: str | None = None
    note: str = ""
    stamp: bytes = b""
    packed_metrics: bytes = b""
    packed_settings: bytes = b""
    packed_bests: bytes = b""
    packed_at_best: bytes = b""

    @functools.cached_property
    def metrics(self) -> dict[str, float]:
        """The newest value of each metric, test metrics included."""
        return _unpack(self.packed_metrics)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that have a value, under dotted keys (`optimizer.lr`); without description and motivation."""
        return _unpack(self.packed_settings)

    @functools.cached_property
    def bests(self) -> dict[str, float]:
        """The best value of each metric over all evaluations."""
        return _unpack(self.packed_bests)

    @functools.cached_property
    def at_best(self) -> dict[str, float]:
        """The value of each metric at the evaluation of the best checkpoint."""
        return _unpack(self.packed_at_best)

    @property
    def live(self) -> bool:
        """Whether a worker is at it."""
        return self.state in ALIVE


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables; lists stay whole, keys without a value are left out."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _pack(values: Mapping[str, Any]) -> bytes:
    keys = tuple(values)
    identity = _keyset_identity(keys)
    keysets[identity] = keys
    try:
        return identity + msgspec.msgpack.encode(list(values.values()))
    except (OverflowError, TypeError, UnicodeEncodeError):  # integers beyond 64 bit, foreign types
        return identity + msgspec.msgpack.encode([ascii(value) for value in values.values()])


@functools.lru_cache(4096)
def _keyset_identity(keys: tuple[str, ...]) -> bytes:
    return blake2b("\0".join(keys).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def place_of(packed: bytes, key: str) -> int | None:
    """Where the value of a key stands among those packed; None where it is not there."""
    keys = keysets.get(packed[:8], ())
    return keys.index(key) if key in keys else None


def unpacked(field: str, packed: bytes) -> tuple[Any, ...]:
    """The values of a packed field; those decoded last are kept, for a row is asked for several keys in turn."""
    recent = _recent.get(field)
    if recent is not None and recent[0] is packed:
        return recent[1]
    values: tuple[Any, ...] = _decode(packed[8:])
    _recent[field] = (packed, values)
    return values


def column(rows: Iterable[Row], field: str, key: str) -> list[Any]:
    """The value of one key in a packed field of each row; None where a row lacks it.

    Args:
        field: `packed_metrics`, `packed_settings`, `packed_bests` or `packed_at_best`.
    """
    packed_in = operator.attrgetter(field)
    places: dict[bytes, int | None] = {b"": None}
    values: list[Any] = []
    for row in rows:  # thousands at a key press; to keep what is decoded would take five times as long as decoding
        packed: bytes = packed_in(row)
        identity = packed[:8]
        if identity not in places:
            places[identity] = place_of(packed, key)
        place = places[identity]
        values.append(None if place is None else _decode(packed[8:])[place])
    return values


def metric_names(rows: Iterable[Row]) -> set[str]:
    """Every metric that any of `rows` has."""
    return _names({row.packed_metrics[:8] for row in rows})


def setting_names(rows: Iterable[Row]) -> set[str]:
    """Every dotted setting that any of `rows` has."""
    return _names({row.packed_settings[:8] for row in rows})


def _names(identities: Iterable[bytes]) -> set[str]:
    return {key for identity in identities for key in keysets.get(identity, ())}


def _unpack(packed: bytes) -> dict[str, Any]:
    if not packed:
        return {}
    return dict(zip(keysets[packed[:8]], _decode(packed[8:]), strict=True))


def make_row(run: Run, stamp: bytes = b"") -> Row:
    """The row of a run as its folder shows it now."""
    info, state, marks = run.info, run.state, run.marks
    settings, best = info.settings, state.best or {}
    bests, at_best = extremes_of(run)
    return Row(
        run=run.id,
        experiment=info.experiment,
        state=run.status,
        created=info.created or state.created or 0.0,
        started=state.started,
        ended=state.ended,
        seconds=state.seconds,
        device=state.device or str(info.device.get("name") or info.device.get("kind") or ""),
        host=state.host or info.host,
        user=info.user,
        data=_name(settings.get("data")),
        model=_name(settings.get("model")),
        epoch=state.epoch,
        total_epochs=state.total_epochs,
        step=state.step,
        total_steps=state.total_steps,
        samples_per_second=state.samples_per_second,
        seconds_left=state.seconds_left,
        best=number(best["value"]) if "value" in best else None,
        best_epoch=number(best["epoch"]) if "epoch" in best else None,
        monitor=_text(best.get("monitor")),
        mode=_text(best.get("mode")),
        tags=tuple(marks.tags if run.paths.marks.exists() else info.tags),
        star=marks.star,
        name=marks.name,
        archived=marks.archived,
        parent=info.parent,
        group=info.group,
        seed=info.seed,
        cause=state.cause or ("; ".join(run.problems) or None),
        cause_kind=state.cause_kind,
        note=info.note[:_NOTE_CHARACTERS],
        stamp=stamp,
        packed_metrics=_pack({name: number(value) for name, value in state.metrics.items()}),
        packed_settings=_pack(
            {key: value for key, value in flatten(settings) if key not in ("description", "motivation")}
        ),
        packed_bests=_pack(bests),
        packed_at_best=_pack(at_best),
    )


def _name(table: Any) -> str:
    return str(table.get("name", "")) if isinstance(table, dict) else ""


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
