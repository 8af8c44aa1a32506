"""The errors a user can meet. Each names what went wrong, where, and what to do next; each knows its exit code."""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """Base of every error that reaches a user as a message rather than as a traceback."""

    exit_code = 1
    title = "Failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What went wrong and where, one or more lines."""
        self.hint = hint
        """What to do next; empty where there is nothing to add."""

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(EngineError):
    """A command line or request that cannot be carried out as it was given."""

    exit_code = 2
    title = "Wrong usage"


class SettingsError(EngineError):
    """Settings that cannot be used: an unknown key, a wrong type, an impossible value."""

    exit_code = 2
    title = "Wrong settings"


class DataError(EngineError):
    """A data set that is missing, damaged or cannot be learnt from."""

    exit_code = 1
    title = "Data"


class NotFoundError(EngineError):
    """A run, experiment, checkpoint or file that does not exist."""

    exit_code = 3
    title = "Not found"


class NoDeviceError(EngineError):
    """The device asked for is busy, gone or was never there."""

    exit_code = 4
    title = "No device free"


class RunError(EngineError):
    """A run that cannot do what was asked in the state it is in (alive elsewhere, read-only, damaged)."""

    exit_code = 1
    title = "Run"

    def __init__(self, message: str, *, hint: str = "", remedy: str = "") -> None:
        super().__init__(message, hint=hint)
        self.remedy = remedy
        """The action that the hint is the command of, stop or star, for programs with keys; empty for none."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name is meant: `did you mean 'adam'?`, or the list of all when none is near.

    Args:
        name: what was written.
        known: the valid names.

    Returns:
        One sentence without a trailing full stop; empty when nothing is known.
    """
    import difflib

    from engine.text import printable

    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean '{printable(folded[close[0]])}'?"
    if not known:
        return ""
    shown = ", ".join(printable(k) for k in sorted(known)[:40])
    return f"known: {shown}{', …' if len(known) > 40 else ''}"
