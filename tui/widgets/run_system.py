"""What was measured of the machine while a run trained: speed, load, memory."""

from __future__ import annotations

from tui.run_panels import Panel, system_panels
from tui.run_store import RunSnapshot
from tui.widgets.run_curves import CurvesTab


class SystemTab(CurvesTab):
    """The charts of `time/*` and `system/*`."""

    NAME = "system"
    TITLE = "System"
    nothing = "Nothing was measured of speed or machine."

    def automatic_panels(self, snapshot: RunSnapshot) -> list[Panel]:
        """Speed first, then the rest by name."""
        return system_panels(snapshot.series)

    def names(self, snapshot: RunSnapshot) -> list[str]:
        """What was measured of speed and machine."""
        return [name for name in snapshot.series if name.startswith(("time/", "system/"))]
