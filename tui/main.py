"""The `dltui` command: reads its arguments, checks that there is a terminal, and starts the app as fast as can be."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from types import SimpleNamespace

from tui.terminal import end_with_the_other_program, shown_elsewhere

USAGE = 2
INTERRUPTED = 130


class Options(SimpleNamespace):
    """What the command was asked for; these are the answers where it was given no arguments."""

    run: str | None = None
    runs = Path("runs")
    file: Path | None = None
    keys = once = json = serve = False
    port = 0


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
    _spare_tls()
    from tui.app import DltuiApp
    from tui.store import Store

    store = Store(options.runs, options.file)
    store.load(first=1)  # the one whose details are shown
    app = DltuiApp(store, open_run=options.run)
    if shown_elsewhere():
        end_with_the_other_program()
    app.run()
    if app.return_code:
        return app.return_code
    if not shown_elsewhere():
        _say_goodbye(store)
    return 0


def _serve(options: Options) -> int:
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


def _options(arguments: Sequence[str] | None) -> Options:
    """The arguments; without any, no parser is imported."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        return Options()
    from tui.arguments import parse

    return parse(given, Options())


def _spare_tls() -> None:
    """Import asyncio without TLS, which this process never speaks and which takes as long as drawing the screen."""
    if "asyncio" not in sys.modules and "ssl" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]
        try:
            import asyncio  # noqa: F401
        finally:
            del sys.modules["ssl"]


def _once(options: Options) -> int:
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
