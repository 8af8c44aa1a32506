"""The `dltui` command: reads its arguments, checks that there is a terminal, and starts the app as fast as can be."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from tui.terminal import end_with_the_other_program, shown_elsewhere

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
    options = _options(arguments)
    if options.keys:
        from tui.keymap import template

        print(template(), end="")
        return 0
    if options.once:
        return _once(options)
    if options.serve:
        return _serve(options)
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
    if shown_elsewhere():
        end_with_the_other_program()
    app.run()
    if app.return_code:
        return app.return_code
    if not shown_elsewhere():
        _say_goodbye(store)
    return 0


def _serve(options: argparse.Namespace) -> int:
    """Run the web server until it is told to end."""
    gc.enable()
    from engine.errors import EngineError
    from tui.serve.command import serve_in_browser
    from tui.store import Store

    arguments = ["--runs", str(options.runs), *(["--file", str(options.file)] if options.file else [])]
    try:
        serve_in_browser([*arguments, *([options.run] if options.run else [])], options.port)
    except EngineError as error:
        print(f"dltui: {error}", file=sys.stderr)
        return error.exit_code
    store = Store(options.runs, options.file)
    store.load()
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


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, `[serve] [RUN]` among them taken apart."""
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    words: list[str] = options.words
    options.serve = words[:1] == ["serve"]
    rest = words[options.serve :]
    options.run = rest[0] if rest else None
    if len(rest) > 1:
        parser.error(f"one run at a time, not {' '.join(rest)}")
    if options.json and not options.once:
        parser.error("--json goes with --once")
    if options.once and options.serve:
        parser.error("--once and serve do not go together: the one prints and ends, the other shows the screens")
    if options.port and not options.serve:
        parser.error("--port goes with `dltui serve`: nothing listens otherwise")
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dltui",
        usage="dltui [serve [--port N]] [RUN] [--runs DIR] [--file FILE]",
        description="A terminal experiment manager for deep learning. The `engine` command does the same headlessly.",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="[serve] [RUN]",
        help="serve: show the app in a browser on this machine; RUN: open this run, such as e0042",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="the port that `serve` takes (a free one)")
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
    if shown_elsewhere():
        return ""
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
