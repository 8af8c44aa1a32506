"""The `dltui` command: reads its arguments, checks that there is a terminal, and starts the app as fast as can be."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the terminal UI; returns the exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before the app has taken the keyboard over
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    gc.disable()  # nothing of what is made while starting is garbage; the app enables it after its first paint
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json and not options.once:
        parser.error("--json goes with --once")
    if options.keys:
        from tui.keymap import template

        print(template(), end="")
        return 0
    if options.once:
        return _once(options)
    problem = _terminal_problem()
    if problem:
        print(f"dltui: {problem}", file=sys.stderr)
        return USAGE
    _fit_colours(os.environ)
    from tui.app import DltuiApp
    from tui.store import Store

    store = Store(options.runs, options.file)
    store.load()
    app = DltuiApp(store, open_run=options.run)
    app.run()
    if app.return_code:
        return app.return_code
    _say_goodbye(store)
    return 0


def _fit_colours(environ: MutableMapping[str, str]) -> None:
    """Inside GNU screen, whatever terminal it is in, 256 colours: it takes the millions for something else."""
    if environ.get("STY") and not environ.get("TMUX"):
        environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")


def _once(options: argparse.Namespace) -> int:
    """Tell without a screen."""
    from tui.once import tell
    from tui.store import Store

    store = Store(options.runs, options.file)
    store.load()
    try:
        return tell(store, options.run, as_json=options.json)
    except BrokenPipeError:  # `dltui --once | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dltui",
        description="A terminal experiment manager for deep learning. The `engine` command does the same headlessly.",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="open this run, such as e0042")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="the folder of runs (./runs)")
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="the experiments (./experiments.toml, else the packaged)"
    )
    parser.add_argument("--keys", action="store_true", help="print all keys, as a file to change them with, and exit")
    parser.add_argument("--once", action="store_true", help="print what the screens show as plain lines, and exit")
    parser.add_argument("--json", action="store_true", help="with --once: as one JSON object")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    return parser


class _Version(argparse.Action):
    """Prints the version; looking it up costs milliseconds that other starts need not pay."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"dltui {version('dltui')}")
        parser.exit()


def _terminal_problem() -> str:
    """Why a full-screen program cannot run here; empty when it can."""
    instead = "`dltui --once`, `engine runs` and the other commands of `engine` work without one"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return f"this is not a terminal; {instead}"
    if os.environ.get("TERM", "") in ("dumb", "unknown", ""):
        return f"the terminal (TERM={os.environ.get('TERM', '')}) cannot show full screens; {instead}"
    return ""


def _say_goodbye(store: object) -> None:
    from tui.store import Store

    assert isinstance(store, Store)
    running = store.snapshot.running
    if running:
        runs = "1 run goes" if running == 1 else f"{running} runs go"
        print(f"{runs} on without dltui; `dltui` or `engine runs` shows how far, `engine stop RUN` stops one")


if __name__ == "__main__":
    sys.exit(main())
