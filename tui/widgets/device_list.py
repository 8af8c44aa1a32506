"""Devices in a list to choose one from."""

from __future__ import annotations

from rich.cells import cell_len

from engine.devices import Device
from tui.text import dash, pad, safe, size
from tui.theme import Inks, symbol
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


def free_words(device: Device) -> str:
    """That it is free, which is of trainings that are seen: it may be busy with other programs all the same."""
    return "free, but busy" if device.strained else "free"


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
        state = f"{symbol('finished')} {free_words(item)}" if item.free else f"{symbol('failed')} {safe(item.why)}"
        room = max(0, width - 7)
        facts = _facts(item, room - 3 - cell_len(state)) if width < 84 else _aligned(item)
        line: Line = [
            (pad(short_name(item), 6) + " ", ink.strong if item.free else ink.muted),
            (pad(facts, min(cell_len(facts), room)), text),
        ]
        left = room - cell_len(facts) - 3
        if left > 3:
            line.append((f"   {safe(state, left)}", ink.good if item.free else ink.bad))
        return line


def _aligned(item: Device) -> str:
    busy, used = pad(load(item), 5, right=True), pad(memory(item), 17, right=True)
    return f"{pad(safe(item.title), 22)}  load {busy}  {used}"


def _facts(item: Device, room: int) -> str:
    """As much of kind, load and memory as leaves room for whether it is free: that decides, and who has it."""
    dot = f" {symbol('dot')} "
    told = [f"load {load(item)}", memory(item)]
    for facts in ([safe(item.title, 28), *told], [safe(item.title, 14), *told], told):
        if cell_len(words := dot.join(part for part in facts if part)) <= room:
            return words
    return told[0]
