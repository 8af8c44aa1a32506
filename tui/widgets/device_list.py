"""Devices in a list to choose one from."""

from __future__ import annotations

from engine.devices import Device
from tui.text import dash, pad, safe, size
from tui.theme import Inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import Line

_BUSY = 80.0
"""Percent of load from which on a new training would have to share."""


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


def free_words(device: Device) -> str:
    """That it is free, which is of trainings: the processor may be busy with other programs all the same."""
    busy = device.kind == "cpu" and (device.utilization or 0.0) >= _BUSY
    return "free, but busy" if busy else "free"


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
        state = f"{symbol('finished')} {free_words(item)}" if item.free else f"{symbol('failed')} {safe(item.why)}"
        room = max(0, width - 7)
        line: Line = [
            (pad(short_name(item), 6) + " ", ink.strong if item.free else ink.muted),
            (pad(facts, min(len(facts), room)), text),
        ]
        left = room - len(facts) - 3
        if left > 3:
            line.append((f"   {safe(state, left)}", ink.good if item.free else ink.bad))
        return line
