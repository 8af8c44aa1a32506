"""Is this box ready, and if not, why: what `engine doctor` looks at. Imports nothing heavy itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.data_folder import data_root
from engine.disk import free_bytes
from engine.errors import EngineError
from engine.runs import RunsFolder

TORCH_SECONDS = 120.0
_SMALL_DISK = 5_000_000_000
_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "textual", "matplotlib", "safetensors", "msgspec")
_ASK_TORCH = """
import json, torch
found = {"version": torch.__version__, "cuda": torch.version.cuda, "threads": torch.get_num_threads()}
found["available"] = torch.cuda.is_available()
found["gpus"] = torch.cuda.device_count() if found["available"] else 0
try:
    import torchvision
    from torchvision.ops import nms
    nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    found["torchvision"] = torchvision.__version__
except Exception as error:
    found["trouble"] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


class Check(msgspec.Struct):
    """One thing that was looked at."""

    name: str
    level: str
    """ok | warning | error"""
    message: str
    hint: str = ""


def examine(runs: RunsFolder, experiments: Path | None = None) -> Iterator[Check]:
    """Look at this box, one check after the other; those that take long come last."""
    yield _python()
    yield from _packages()
    yield _runs_folder(runs)
    yield _disk(runs)
    yield _experiments(experiments)
    yield _data()
    yield _terminal()
    yield from _tmux()
    yield _editor()
    yield from _limits()
    yield from _devices()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", f"{version} at {sys.executable}")


def _packages() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Check("packages", "error", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    yield Check("packages", "ok", ", ".join(found))


def _runs_folder(runs: RunsFolder) -> Check:
    root = runs.root.absolute()
    nearest = next(folder for folder in (root, *root.parents) if folder.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Check("runs", "error", f"{root} cannot be written", "give another folder with --runs DIR")
    count = len(runs.ids())
    where = f"{root}, {count} run{'s' * (count != 1)}" if root.exists() else f"{root}, made at the first launch"
    return Check("runs", "ok", where)


def _disk(runs: RunsFolder) -> Check:
    free = free_bytes(runs.root)
    if free is None:
        return Check("disk", "warning", "the free space cannot be told")
    message = f"{free / 1e9:.1f} GB free for runs"
    if free < _SMALL_DISK:
        level = "error" if free < _SMALL_DISK / 50 else "warning"
        return Check("disk", level, message, "checkpoints need room: engine prune RUN..., engine rm --empty-trash")
    return Check("disk", "ok", message)


def _experiments(explicit: Path | None) -> Check:
    from engine.experiments import find_file, load

    try:
        file = load(find_file(explicit, Path.cwd()))
    except EngineError as error:
        return Check("experiments", "error", error.message.splitlines()[0], error.hint)
    where = "those that come with the program" if file.packaged else str(file.path)
    if file.problems:
        first = file.problems[0]
        return Check(
            "experiments", "warning", f"{where}: {len(file.problems)} problems; {first}", "engine check lists all"
        )
    return Check("experiments", "ok", f"{len(file.experiments)} in {where}")


def _data() -> Check:
    root = data_root()
    if not root.is_dir():
        hint = "data sets are downloaded there when first used; DLTUI_DATA names another folder"
        return Check("data", "ok", f"{root} does not exist yet", hint)
    try:
        names = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        return Check("data", "error", f"{root} cannot be read: {error.strerror}", "set DLTUI_DATA to a readable folder")
    writable = os.access(root, os.W_OK)
    hint = "" if writable else "it is read-only: missing data sets cannot be downloaded into it"
    return Check("data", "ok" if writable else "warning", f"{root}: {', '.join(names[:12]) or 'empty'}", hint)


def _terminal() -> Check:
    term = os.environ.get("TERM", "")
    size = shutil.get_terminal_size((0, 0))
    colours = "true colour" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else (
        "256 colours" if "256" in term else "few colours")  # fmt: skip
    encoding = (os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "").upper()
    utf8 = "UTF-8" in encoding or "UTF8" in encoding
    message = f"TERM={term or 'unset'}, {colours}, {'UTF-8' if utf8 else 'no UTF-8 locale'}"
    if size.columns:
        message += f", {size.columns}×{size.lines}"
    if term in ("", "dumb"):
        return Check("terminal", "warning", message, "dltui needs a real terminal; the engine command does not")
    if not utf8:
        return Check("terminal", "warning", message, "set LANG=C.UTF-8 for curves in braille; ASCII is used otherwise")
    if size.columns and (size.columns < 80 or size.lines < 24):
        return Check("terminal", "warning", message, "80×24 is the least that shows everything")
    return Check("terminal", "ok", message)


def _tmux() -> Iterator[Check]:
    if not os.environ.get("TMUX"):
        if os.environ.get("SSH_CONNECTION"):
            yield Check("tmux", "ok", "over SSH, outside tmux; runs go on without it, only the screen is lost")
        return
    term = os.environ.get("TERM", "")
    if not term.startswith(("tmux", "screen")) or "256color" not in term:
        yield Check(
            "tmux", "warning", f"inside tmux with TERM={term}", "in ~/.tmux.conf: set -g default-terminal tmux-256color"
        )
    elif os.environ.get("COLORTERM") not in ("truecolor", "24bit"):
        hint = "for true colour: set -as terminal-features ',*:RGB' and set-environment -g COLORTERM truecolor"
        yield Check("tmux", "ok", "inside tmux, 256 colours", hint)
    else:
        yield Check("tmux", "ok", "inside tmux")


def _editor() -> Check:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        program = named.split()[0]
        if shutil.which(program):
            return Check("editor", "ok", named)
        return Check("editor", "warning", f"{named} is not found", "set EDITOR to an installed one")
    found = next((name for name in ("nano", "vim", "vi") if shutil.which(name)), None)
    if found:
        return Check("editor", "ok", f"{found}; EDITOR would name another")
    return Check("editor", "warning", "none found", "set EDITOR; engine note RUN --text works without")


def _limits() -> Iterator[Check]:
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < 512:
        yield Check("limits", "warning", f"only {files} open files allowed", "ulimit -n 4096")
    try:
        settings = Path("/etc/systemd/logind.conf").read_text(errors="replace")
    except OSError:
        return
    if any(line.replace(" ", "").lower() == "killuserprocesses=yes" for line in settings.splitlines()):
        yield Check(
            "logout", "warning", "this box ends your processes when you log out", "loginctl enable-linger keeps them"
        )


def _devices() -> Iterator[Check]:
    from engine import leases
    from engine.devices import devices, problem

    found = devices()
    gpus = found[1:]
    if trouble := problem():
        yield Check("nvml", "warning" if not gpus else "error", trouble)
    for gpu in gpus:
        yield Check(gpu.name, "ok", f"{gpu.title}: {'free' if gpu.free else gpu.why}")
    if gpus and not leases.folders():
        hint = "an administrator may make /run/lock/dltui with mode 1777"
        yield Check("leases", "error", "no folder for the leases of GPUs", hint)
    yield Check("cpu", "ok", found[0].title)
    yield from _torch(len(gpus))


def _torch(gpus: int) -> Iterator[Check]:
    from engine.devices import driver

    asked = _ask_torch()
    if isinstance(asked, str):
        yield Check("torch", "error", f"cannot be imported: {asked}", "reinstall torch")
        return
    built = f"torch {asked['version']}, {'CUDA ' + asked['cuda'] if asked['cuda'] else 'for the CPU only'}"
    if gpus and not asked["available"]:
        version, newest = driver()
        message = (
            f"{built}, sees none of the {gpus} GPUs; driver {version or 'unknown'} takes CUDA up to {newest or '?'}"
        )
        wheel = f"cu{newest.replace('.', '')}" if newest else "…"
        hint = f"pip install torch torchvision --index-url https://download.pytorch.org/whl/{wheel}"
        yield Check("torch", "error", message, hint)
    else:
        where = f"sees {asked['gpus']} GPUs" if asked["available"] else "computes on the CPU"
        yield Check("torch", "ok", f"{built}, {where}, {asked['threads']} threads")
    if asked.get("trouble"):
        hint = "torch and torchvision must be a matching pair, from the same index"
        yield Check("torchvision", "error", str(asked["trouble"])[:300], hint)


def _ask_torch() -> dict[str, Any] | str:
    """What torch says of itself, from a process of its own: a broken one may crash."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", _ASK_TORCH],
            capture_output=True,
            text=True,
            timeout=TORCH_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"it ended with exit code {done.returncode}"
    return answer if isinstance(answer, dict) else "no answer"
