"""Devices in a list: to choose one from, or with all that is known of each."""

from __future__ import annotations

from engine.devices import Device
from tui.text import dash, pad, safe, size
from tui.theme import Inks, bar, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import Line


def short_name(device: Device) -> str:
    """`gpu0` or `cpu`."""
    return device.name.replace("cuda:", "gpu")


def load(device: Device) -> str:
    """Its load now, in percent."""
    return dash() if device.utilization is None else f"{device.utilization:.0f} %"


def memory(device: Device) -> str:
    """Memory in use of all there is."""
    if device.memory_total is None:
        return dash()
    return f"{size(device.memory_used)} of {size(device.memory_total)}"


class DeviceChoice(LineList[Device]):
    """The devices of the launch dialog; busy ones are shown with the reason, and passed over."""

    def __init__(self) -> None:
        super().__init__(id="device")
        self.titled = False
        self.moved = False
        """Whether the person chose one."""

    def choosable(self, item: Device) -> bool:
        """Only free devices can be chosen."""
        return item.free

    def action_move(self, by: int) -> None:
        """Go to the next free device in that direction."""
        index = self.cursor + by
        while 0 <= index < len(self.items):
            if self.items[index].free:
                self.moved = True
                self.move_to(index)
                return
            index += by

    def draw_item(self, item: Device, width: int, ink: Inks) -> Line:
        """Name, kind, load, memory, and whether it is free."""
        text = ink.text if item.free else ink.muted
        dot = f" {symbol('dot')} "
        if width >= 84:
            busy, used = pad(load(item), 5, right=True), pad(memory(item), 17, right=True)
            facts = f"{pad(safe(item.title), 22)}  load {busy}  {used}"
        else:
            facts = dot.join(part for part in (safe(item.title, 28), f"load {load(item)}", memory(item)) if part)
        state = f"{symbol('finished')} free" if item.free else f"{symbol('failed')} {safe(item.why)}"
        room = max(0, width - 7)
        line: Line = [
            (pad(short_name(item), 6) + " ", ink.strong if item.free else ink.muted),
            (pad(facts, min(len(facts), room)), text),
        ]
        left = room - len(facts) - 3
        if left > 3:
            line.append((f"   {safe(state, left)}", ink.good if item.free else ink.bad))
        return line


def device_lines(device: Device, width: int, ink: Inks, history: tuple[float, ...] = ()) -> list[Line]:
    """All that is known of a device: load and memory as bars, temperature, power, who uses it."""
    state, style = ("free", ink.good) if device.free else (safe(device.why), ink.warning)
    room = max(4, min(40, width - 44))
    lines: list[Line] = [
        [
            (pad(short_name(device), 7), ink.strong),
            (pad(safe(device.title), 30), ink.text),
            (safe(state, max(0, width - 37)), style),
        ]
    ]
    if device.utilization is not None:
        lines.append(_gauge("load", device.utilization / 100, load(device), room, ink))
    if device.memory_total:
        lines.append(_gauge("memory", (device.memory_used or 0) / device.memory_total, memory(device), room, ink))
    more = []
    if device.temperature is not None:
        more.append(f"{device.temperature:.0f} {symbol('degree')}C")
    if device.power is not None:
        more.append(f"{device.power:.0f} W")
    if device.uuid:
        more.append(safe(device.uuid))
    if more:
        lines.append([("       ", ink.text), (safe("   ".join(more), max(0, width - 7)), ink.muted)])
    lines += _process_lines(device, width, ink)
    return [*lines, []]


def _gauge(label: str, share: float, words: str, room: int, ink: Inks) -> Line:
    full = bar(share, room).rstrip()
    rest = symbol("track") * (room - len(full))
    return [
        ("       ", ink.text),
        (pad(label, 8), ink.muted),
        (full, ink.bar),
        (rest, ink.track),
        (f"  {words}", ink.text),
    ]


def _process_lines(device: Device, width: int, ink: Inks) -> list[Line]:
    lines: list[Line] = []
    if device.lease is not None:
        run, user = device.lease.get("run") or "a run", device.lease.get("user") or "somebody"
        lines.append(
            [
                ("       ", ink.text),
                (pad("held by", 8), ink.muted),
                (safe(f"{run} of {user}", max(0, width - 15)), ink.accent),
            ]
        )
    for process in device.processes:
        words = [f"{process.get('pid')}", process.get("user") or "?", process.get("run") or process.get("name") or "?"]
        used = size(process.get("memory")) if process.get("memory") else ""
        line = f"{words[0]:>8}  {pad(safe(words[1]), 12)}  {pad(safe(words[2]), 24)}  {used}"
        lines.append(
            [("       ", ink.text), (safe(line, max(0, width - 7)), ink.text if process.get("run") else ink.muted)]
        )
    return lines
