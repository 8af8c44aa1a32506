"""Where the ticks of an axis stand and how they are labelled: 1-2-5 steps, decades, and clock steps for time."""

from __future__ import annotations

import math
import time as clock

_CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
_DAY = 86400.0
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def nice_step(span: float, count: int) -> float:
    """The least of 1, 2, 5 times a power of ten that divides `span` into at most `count` parts; 1 for no span."""
    if not (span > 0 and math.isfinite(span)):
        return 1.0
    rough = span / max(1, count)
    if rough < 1e-300:
        return 1e-300
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 5.0):
        if rough <= factor * power * (1 + 1e-9):
            return factor * power
    return 10.0 * power


def ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of a nice step within `low`…`high`, at most about `count`."""
    return multiples(low, high, nice_step(high - low, count))


def multiples(low: float, high: float, step: float) -> list[float]:
    """The multiples of `step` within `low`…`high`."""
    if not (step > 0 and math.isfinite(low) and math.isfinite(high) and (high - low) / step < 1000):
        return []
    first = math.ceil(low / step - 1e-6)
    last = math.floor(high / step + 1e-6)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Ticks between two positive numbers on a logarithmic axis: decades, thinned or with 2 and 5 between them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / max(1, count)))
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        places = [f * 10.0**d for d in range(first, last + 1) if d % every == 0 for f in factors if -307 < d < 308]
        places = [p for p in places if low * (1 - 1e-9) <= p <= high * (1 + 1e-9)]
        if len(places) >= min(3, count):
            return places if len(places) <= count + 1 else [p for p in places if _is_decade(p)] or places[:count]
    return places if len(places) > 1 else [place for place in ticks(low, high, count) if place > 0]


def _is_decade(value: float) -> bool:
    exponent = math.log10(value)
    return abs(exponent - round(exponent)) < 1e-9


def labels(values: list[float], step: float | None = None) -> list[str]:
    """Compact labels, alike among themselves: `0.25`, `12.5k`, `2e-4`."""
    if not values:
        return []
    greatest = max(abs(v) for v in values)
    step = step or (abs(values[1] - values[0]) if len(values) > 1 else greatest) or 1.0
    if greatest >= 1e15 or (0 < greatest < 1e-2 and step < 0.999e-3):
        return [_power(v, step) for v in values]
    if greatest >= 1e4:
        unit, letter = next(u for u in _UNITS if greatest >= u[0])
        return ["0" if v == 0 else f"{v / unit:.{_decimals(step / unit)}f}{letter}" for v in values]
    decimals = _decimals(step)
    return [f"{v + 0.0:.{decimals}f}" if v else f"{0:.{decimals}f}" for v in values]


def _decimals(step: float) -> int:
    if step <= 0:
        return 0
    for decimals in range(7):
        scaled = step * 10**decimals
        if abs(scaled - round(scaled)) < 1e-6 * max(1.0, scaled) and round(scaled) > 0:
            return decimals
    return 7


def _power(value: float, step: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, min(6, math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9)))
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def log_labels(values: list[float]) -> list[str]:
    """Labels of ticks on a logarithmic axis, each by itself: `1e-4`, `0.02`, `5`, `20k`; exact if these are alike."""
    found = [_log_label(value) for value in values]
    return found if len(set(found)) == len(found) else labels(values)


def _log_label(value: float) -> str:
    if value < 1e-3 or value >= 1e15:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    for unit, letter in _UNITS:
        if value >= unit and value >= 1e4:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def clock_step(span: float, count: int) -> float:
    """A step in seconds that people read from a clock."""
    rough = span / max(1, count)
    if rough < 1:
        return nice_step(span, count)
    for step in _CLOCK:
        if rough <= step:
            return float(step)
    return _DAY * max(1.0, nice_step(span / _DAY, count))


def duration_labels(values: list[float], step: float) -> list[str]:
    """Labels of seconds since the start: `30s`, `5m`, `1h30`, `2d`; the unit comes from the step."""
    return [_duration(value, step) for value in values]


def _duration(seconds: float, step: float) -> str:
    if seconds == 0:
        return "0"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if step < 1 or seconds < 60:
        return f"{sign}{seconds:.{_decimals(step)}f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{sign}{minutes}m" + (f"{rest:02d}" if rest else "")
    hours, minutes = divmod(minutes, 60)
    if hours < 48 or step < 3600:
        return f"{sign}{hours}h" + (f"{minutes:02d}" if minutes else "")
    days, hours = divmod(hours, 24)
    return f"{sign}{days}d" + (f"{hours}h" if hours else "")


def wall_ticks(low: float, high: float, count: int) -> tuple[list[float], float]:
    """Ticks at round local times between two Unix times, and their step in seconds: whole ones, as labels tell."""
    step = max(1.0, clock_step(high - low, count))
    try:
        offset = float(clock.localtime(low).tm_gmtoff)
    except (OverflowError, ValueError, OSError):
        return [], step
    return [tick - offset for tick in multiples(low + offset, high + offset, step)], step


def wall_labels(values: list[float], step: float) -> list[str]:
    """Local times: `14:30`, with seconds for small steps, the date for steps of a day."""
    pattern = "%d %b" if step >= _DAY else "%H:%M" if step >= 60 else "%H:%M:%S"
    try:
        return [clock.strftime(pattern, clock.localtime(value)) for value in values]
    except (OverflowError, ValueError, OSError):
        return ["" for _ in values]
