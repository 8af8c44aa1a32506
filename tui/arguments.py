"""The arguments of the `dltui` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.main import Options


def parse(arguments: Sequence[str], options: Options) -> Options:
    """`options` with what the arguments change of them, `[serve] [RUN]` among them taken apart."""
    parser = _parser()
    parser.parse_intermixed_args(arguments, namespace=options)
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
    parser.add_argument("--port", type=_port, metavar="N", help="the port that `serve` takes (a free one)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="the folder of runs (./runs)")
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
