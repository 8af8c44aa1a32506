"""The list of the Devices screen: what each kind of its lines looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.devices import Device
from engine.time_split import shares
from tui.box_rows import COLUMNS, BoxRow
from tui.device_history import MINUTES
from tui.plots.sparkline import sparkline
from tui.text import dash, fit, pad, percent, safe, size
from tui.theme import Inks, ascii_mode, bar, symbol
from tui.widgets.device_list import free_words, load, memory, short_name
from tui.widgets.line_list import LineList
from tui.widgets.table import Cell, Column, Line, arrange, draw_row

_INDENT = 7
_FILLS = {"data": "█", "forward": "▓", "backward": "▒", "update": "░", "evaluation": "▚", "checkpoint": "▪"}
_LETTERS = {"data": "d", "forward": "f", "backward": "b", "update": "u", "evaluation": "e", "checkpoint": "c"}


class BoxList(LineList[BoxRow]):
    """Devices and what is on them; the cursor passes over lines that only tell."""

    def __init__(self) -> None:
        super().__init__(id="devices", classes="panel")
        self.titled = False

    def choosable(self, item: BoxRow) -> bool:
        """Only devices, processes and runs can be chosen."""
        return item.choosable

    def show_rows(self, rows: Sequence[BoxRow]) -> None:
        """Show other lines; the cursor stays on what it stood on, or goes to its device."""
        before = self.current
        at = None if before is None else _place(rows, before)
        if at is None:
            at = next((i for i, row in enumerate(rows) if row.choosable), 0)
        self.set_items(rows, at)

    def action_move(self, by: int) -> None:
        """Go to the next line in that direction that can be chosen; past the last one, scroll on."""
        step = 1 if by > 0 else -1
        index = self.cursor + by
        while 0 <= index < len(self.items) and not self.items[index].choosable:
            index += step
        if 0 <= index < len(self.items):
            self.move_to(index)
        else:
            self.scroll_to(y=round(self.scroll_y) + step, animate=False, force=True)

    def move_to(self, index: int) -> None:
        """Put the cursor on the line, or on the nearest above it that can be chosen."""
        index = max(0, min(index, len(self.items) - 1))
        while index > 0 and not self.items[index].choosable:
            index -= 1
        super().move_to(index)

    def draw_item(self, item: BoxRow, width: int, ink: Inks) -> Line:
        """One line, by its kind."""
        return _DRAWN[item.kind](item, width, ink)


def _place(rows: Sequence[BoxRow], before: BoxRow) -> int | None:
    """Where the line is now; where it has gone, its device."""
    keys = [row.key for row in rows]
    for key in (before.key, ("device", before.key[1], "")):
        if key in keys:
            return keys.index(key)
    return None


def _spark(values: tuple[float, ...], width: int) -> str:
    """The last minutes; right-aligned, so that now is always in the same place."""
    drawn = sparkline(values, min(width, len(values)), low=0.0, high=1.0, ascii_only=ascii_mode())
    return drawn.rjust(width)


def _state(device: Device, ink: Inks) -> Cell:
    if device.free:
        return f"{symbol('finished')} {free_words(device)}", ink.warning if device.strained else ink.good
    # who uses it is listed below it
    why = "in use" if device.processes and device.lease is None else device.why
    return f"{symbol('failed')} {safe(why)}", ink.warning


def _heat(device: Device) -> str:
    return "" if device.temperature is None else f"{device.temperature:.0f} {symbol('degree')}C".replace("  ", " ")


def _power(device: Device, of: str = " of ") -> str:
    if device.power is None:
        return ""
    return f"{device.power:.0f}{of}{device.power_limit:.0f} W" if device.power_limit else f"{device.power:.0f} W"


def _device(item: BoxRow, width: int, ink: Inks) -> Line:
    device = item.device
    assert device is not None
    average = "" if device.load_average is None else f"load average {device.load_average:.1f}"
    facts = [safe(device.title, 40), _heat(device), _power(device), average]
    if width >= 120 and device.uuid:
        facts.append(safe(device.uuid, 44))
    text = "   ".join(fact for fact in facts if fact)
    state, style = _state(device, ink)
    line: Line = [(pad(short_name(device), 6) + " ", ink.strong), (fit(text, width - _INDENT), ink.text)]
    left = width - _INDENT - len(text) - 3
    if left > 5:
        line.append((f"   {fit(state, left)}", style))
    return line


def _close(item: BoxRow, width: int, ink: Inks) -> Line:
    device = item.device
    assert device is not None
    used = (
        dash()
        if device.memory_total is None
        else f"{_gigabytes(device.memory_used)}/{_gigabytes(device.memory_total)} GB"
    )
    state, style = _state(device, ink)
    columns = (
        Column("name", "", 5),
        Column("title", "", 14, 24, rank=8),
        Column("load", "", 5, right=True),
        Column("loads", "", 8, 24, rank=4),
        Column("memory", "", 10, right=True, rank=1),
        Column("memories", "", 3, 12, rank=6),
        Column("heat", "", 5, right=True, rank=5),
        Column("power", "", 9, right=True, rank=7),
        Column("state", "", 10, 40),
    )
    arranged = arrange(columns, width)
    cells = {column.key: cells for column, cells in arranged}
    values = {
        "name": (short_name(device), ink.strong),
        "title": (safe(device.title, 40), ink.muted),
        "load": (load(device), ink.text),
        "loads": (_spark(item.loads, cells.get("loads", 0)), ink.bar),
        "memory": (used, ink.text),
        "memories": (_spark(item.memories, cells.get("memories", 0)), ink.bar),
        "heat": (_heat(device), ink.muted),
        "power": (_power(device, "/"), ink.muted),
        "state": (state, style),
    }
    return draw_row(arranged, values, ink.text)


def _gigabytes(count: int | None) -> str:
    return dash() if count is None else f"{count / 1e9:.0f}"


def _gauge(label: str, share: float, words: str, history: tuple[float, ...], width: int, ink: Inks) -> Line:
    """A bar, its number, and the last minutes beside it where there is room."""
    told = f" last {MINUTES:.0f} min"
    spark = min(COLUMNS, width - _INDENT - 8 - 18 - 20) if width >= 70 else 0
    room = max(4, min(40, width - _INDENT - 8 - 20 - (spark + 2 if spark else 0)))
    if spark and width - _INDENT - 8 - room - 20 - spark - 2 < len(told):
        spark -= len(told)
    full = bar(share, room).rstrip()
    line: Line = [
        (" " * _INDENT, ink.text),
        (pad(label, 8), ink.muted),
        (full, ink.bar),
        (symbol("track") * (room - len(full)), ink.track),
        (f"  {pad(words, 18)}", ink.text),
    ]
    if spark > 3:
        line += [(f"  {_spark(history, spark)}", ink.bar), (told if label == "load" else "", ink.faint)]
    return line


def _load(item: BoxRow, width: int, ink: Inks) -> Line:
    device = item.device
    assert device is not None
    return _gauge("load", (device.utilization or 0.0) / 100, load(device), item.loads, width, ink)


def _memory(item: BoxRow, width: int, ink: Inks) -> Line:
    device = item.device
    assert device is not None
    share = (device.memory_used or 0) / (device.memory_total or 1)
    return _gauge("memory", share, memory(device), item.memories, width, ink)


def _cores(item: BoxRow, width: int, ink: Inks) -> Line:
    device = item.device
    assert device is not None
    room = max(1, width - _INDENT - 8)
    drawn = sparkline([core / 100 for core in device.cores], room, low=0.0, high=1.0, ascii_only=ascii_mode())
    words = f"  busiest {max(device.cores):.0f} %"
    line: Line = [(" " * _INDENT, ink.text), (pad("cores", 8), ink.muted), (drawn, ink.bar)]
    return [*line, (words, ink.faint)] if len(drawn) + len(words) <= room else line


def _process(item: BoxRow, width: int, ink: Inks) -> Line:
    process, live = item.process or {}, item.live
    run = item.run or str(process.get("run") or "")
    what = f"{run} {live.experiment}" if live is not None else run
    name = process.get("name") or ("" if process.get("user") else "hidden or gone")
    columns = (
        Column("pid", "", _INDENT, right=True),
        Column("user", "", 6, 12, rank=1),
        Column("run", "", 5, 36, rank=2 if not run else 0),
        Column("name", "", 8, 60, rank=3 if run else 0),
        Column("memory", "", 8, right=True, rank=1),
    )
    shown = [column for column in columns if run or column.key != "run"]
    values = {
        "pid": (str(process.get("pid") or "?"), ink.muted),
        "user": (safe(process.get("user") or "?"), ink.text),
        "run": (safe(what), ink.accent if item.run else ink.muted),
        "name": (safe(name), ink.muted),
        "memory": (size(process.get("memory")) if process.get("memory") else "", ink.text),
    }
    return draw_row(arrange(shown, width), values, ink.text)


def _run(item: BoxRow, width: int, ink: Inks) -> Line:
    live = item.live
    assert live is not None
    done = f"   {percent(live.share)}" if live.share is not None else ""
    text = safe(f"{live.run}  {live.experiment}", max(0, width - _INDENT - 2 - len(done)))
    mark = (f"{symbol(live.state)} ", ink.state(live.state))
    return [(" " * _INDENT, ink.text), mark, (text, ink.accent), (done, ink.muted)]


def _time(item: BoxRow, width: int, ink: Inks) -> Line:
    """Where the time of a run goes: a bar in parts, and each part by name, so that it needs no colour."""
    live = item.live
    assert live is not None
    parts = shares(live.seconds)
    fills = _LETTERS if ascii_mode() else _FILLS
    words = [f"{fills[part]} {part} {100 * share:.0f} %" for part, share in parts.items()]
    told = "  ".join(words)
    room = width - _INDENT - 8
    if len(told) > room:  # without a bar its fillings need no telling; what is least is left out
        told = _as_many([f"{part} {100 * share:.0f} %" for part, share in parts.items()], room)
    cells = min(30, room - len(told) - 2)
    line: Line = [(" " * _INDENT, ink.text), (pad("time", 8), ink.muted)]
    if cells >= 6:
        line += [(pad(parts_bar(parts, cells, fills), cells) + "  ", ink.bar)]
    return [*line, (fit(told, room), ink.muted)]


def _as_many(words: Sequence[str], room: int) -> str:
    """As many words as there is room for, the first of them."""
    told = ""
    for word in words:
        longer = f"{told}  {word}" if told else word
        if len(longer) > room:
            break
        told = longer
    return told


def parts_bar(parts: dict[str, float], cells: int, fills: dict[str, str]) -> str:
    """A bar of `cells` cells divided by shares; each part has a filling of its own."""
    drawn, reached, total = "", 0, 0.0
    for part, share in parts.items():
        total += share
        upto = round(total * cells)
        drawn += fills[part] * (upto - reached)
        reached = upto
    return drawn


def _disk(item: BoxRow, width: int, ink: Inks) -> Line:
    disk = item.disk
    assert disk is not None
    taken = "being counted" if disk.runs is None else f"runs take {size(disk.runs)}"
    words = f"{taken}   {size(disk.free)} of {size(disk.total)} free   {safe(disk.folder)}"
    full = disk.free is not None and disk.total and disk.free < 0.05 * disk.total
    return [(pad("disk", 6) + " ", ink.strong), (fit(words, width - _INDENT), ink.warning if full else ink.text)]


def _words(item: BoxRow, width: int, ink: Inks) -> Line:
    return [(fit(item.words, width), ink.warning if item.kind == "problem" else ink.muted)]


def _gap(_item: BoxRow, _width: int, _ink: Inks) -> Line:
    return []


_DRAWN: dict[str, Callable[[BoxRow, int, Inks], Line]] = {
    "device": _device, "close": _close, "load": _load, "memory": _memory, "cores": _cores, "process": _process,
    "run": _run, "time": _time, "disk": _disk, "words": _words, "problem": _words,
    "gap": _gap,
}  # fmt: skip
