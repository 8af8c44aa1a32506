"""Sequences that ask the terminal for more than text: clipboard and desktop notices, through tmux and screen too."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from engine.text import printable

BELL = "\a"
_OSC9 = ("iTerm.app", "WezTerm", "ghostty", "kitty", "WarpTerminal")
_OSC9_TERMS = ("kitty", "ghostty", "wezterm")
"""What stands in $TERM of those that name themselves there: over SSH nothing else is known of them."""
_OSC777 = ("foot", "vte", "rxvt", "gnome")
_SCREEN_PART = 700
"""Screen takes at most 768 bytes of a string that is meant for the terminal outside."""


def outside(sequence: str, environ: Mapping[str, str]) -> str:
    """`sequence` so that tmux (with allow-passthrough) and screen hand it on to the terminal they run in."""
    if environ.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    if environ.get("STY"):
        parts = [sequence[at : at + _SCREEN_PART] for at in range(0, len(sequence), _SCREEN_PART)]
        return "".join(f"\x1bP{part}\x1b\\" for part in parts)
    return sequence


def clipboard(text: str, environ: Mapping[str, str]) -> str:
    """What puts `text` into the clipboard (OSC 52); in tmux as its own business and as the outer terminal's."""
    content = base64.b64encode(text.encode("utf-8", "replace")).decode()
    sequence = f"\x1b]52;c;{content}\a"
    wrapped = outside(sequence, environ)
    return sequence if wrapped == sequence else sequence + wrapped


def desktop_notice(title: str, text: str, environ: Mapping[str, str], how: str = "auto") -> str:
    """What shows a notice on the desktop: OSC 9, OSC 777, or both where the terminal is not known to take one.

    Args:
        title: what happened.
        text: more of it.
        environ: the environment, which names the terminal.
        how: auto | osc9 | osc777 | both
    """
    title, text = (printable(words).replace(";", ",") for words in (title, text))
    nine = f"\x1b]9;{title}: {text}\a" if text else f"\x1b]9;{title}\a"
    seven = f"\x1b]777;notify;{title};{text}\a"
    chosen = _kind(environ) if how == "auto" else how
    wanted = {"osc9": [nine], "osc777": [seven]}.get(chosen, [nine, seven])
    return "".join(outside(sequence, environ) for sequence in wanted)


def _kind(environ: Mapping[str, str]) -> str:
    program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if program in _OSC9 or any(name in term for name in _OSC9_TERMS) or environ.get("WT_SESSION"):
        return "osc9"
    if environ.get("VTE_VERSION") or term.startswith(_OSC777):
        return "osc777"
    return "both"
