"""Where a run comes from: the code's commit and uncommitted changes, the versions, the environment it was given."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.git import OUTPUT_LIMIT, GitCommand, repository

PATCH_LIMIT = OUTPUT_LIMIT
"""Bytes of uncommitted changes kept in code.patch."""

GIT_SECONDS = 2.0
"""How long git may take; a huge repository must not hold up a launch."""

UNTRACKED_LIMIT = 200

_PACKAGES = ("dltui", "torch", "torchvision", "numpy", "scikit-learn", "msgspec", "safetensors")

_NAMES = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR VIRTUAL_ENV LD_LIBRARY_PATH LD_PRELOAD PYTHONPATH
    PYTHONHASHSEED PYTHONWARNINGS PYTHONPYCACHEPREFIX PYTHONDONTWRITEBYTECODE CUDA_HOME CUDA_PATH CUDA_CACHE_PATH
    CUDA_LAUNCH_BLOCKING CUDA_MODULE_LOADING CUBLAS_WORKSPACE_CONFIG HF_HOME HF_HUB_OFFLINE HF_DATASETS_OFFLINE
    MPLBACKEND MPLCONFIGDIR SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy
    https_proxy no_proxy NO_COLOR MALLOC_ARENA_MAX
"""
_PREFIXES = """
    LC_ XDG_ DLTUI_ CONDA_ OMP_ MKL_ OPENBLAS_ KMP_ GOMP_ NUMEXPR_ TORCH_ TORCHINDUCTOR_ PYTORCH_ TRITON_ NCCL_
    NVIDIA_ SLURM_ UV_
"""
_ALLOWED = frozenset(_NAMES.split())
_ALLOWED_PREFIXES = tuple(_PREFIXES.split())
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE|JWT|AUTH|COOKIE|SESSION", re.IGNORECASE
)
_OWN_DESCRIPTORS = ("DLTUI_LOCK_FD", "DLTUI_LEASE_FD")


def environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables a worker is given: those that decide how it computes, never a token.

    `DLTUI_PASS` names more of them, separated by commas.
    """
    source = os.environ if source is None else source
    more = {name.strip() for name in source.get("DLTUI_PASS", "").split(",")}
    allowed = {name: value for name, value in source.items() if name in more or _allowed(name, value)}
    if allowed.get("PYTHONPATH"):
        # an empty part would mean the working directory, which differs in the worker
        parts = [str(Path(part).absolute()) for part in allowed["PYTHONPATH"].split(os.pathsep) if part]
        allowed["PYTHONPATH"] = os.pathsep.join(parts)
    return dict(sorted(allowed.items()))


def _allowed(name: str, value: str) -> bool:
    if name in _OWN_DESCRIPTORS or _SECRET.search(name):
        return False
    if "://" in value and "@" in value:
        return False  # a URL with a password in it
    return name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages training rests on, by the names of their metadata folders."""
    wanted = {name.replace("-", "_"): name for name in _PACKAGES}
    found = {"python": platform.python_version(), "system": f"{os.uname().sysname} {os.uname().release}"}
    for folder in sys.path:
        for entry in _names(folder):
            stem, dot, kind = entry.rpartition(".")
            name, dash, version = stem.partition("-")
            package = wanted.get(name.lower().replace(".", "_"))
            if package and dot and dash and kind == "dist-info":
                found.setdefault(package, version)
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []


def code_files(settings: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """SHA-256 of the user's own modules that the settings name (`package.module:callable`), by path below `folder`."""
    found: dict[str, str] = {}
    for table in ("data", "model"):
        name = (settings.get(table) or {}).get("name")
        if not isinstance(name, str) or ":" not in name or name.startswith("torchvision:"):
            continue
        module = Path(*name.partition(":")[0].split("."))
        for candidate in (module.with_suffix(".py"), module / "__init__.py"):
            try:
                found[str(candidate)] = hashlib.sha256((folder / candidate).read_bytes()).hexdigest()
                break
            except OSError:
                continue
    return found


def changed_code(recorded: Mapping[str, str], settings: Mapping[str, Any], folder: Path) -> list[str]:
    """Which of the user's modules differ from what was recorded at launch; for the worker's warning."""
    now = code_files(settings, folder)
    return sorted(path for path in {*recorded, *now} if recorded.get(path) != now.get(path))


class GitQuery:
    """What git says of a folder, asked in the background from the moment this is made."""

    def __init__(self, folder: Path, leave_out: Path | None = None) -> None:
        """Start asking.

        Args:
            folder: the folder whose repository is meant.
            leave_out: a folder inside it whose files are nobody's code (the runs).
        """
        self._leave_out = leave_out
        self._deadline = time.monotonic() + GIT_SECONDS
        self._root = repository(folder)
        self._commands: dict[str, GitCommand] = {}
        if self._root is not None:
            self._commands = {name: GitCommand(self._root, command) for name, command in _GIT.items()}

    def result(self) -> tuple[dict[str, Any] | None, bytes]:
        """(the `git` entry of run.json, the uncommitted changes as a patch), after two seconds at most."""
        if self._root is None:
            return None, b""
        outputs = {name: command.wait(self._deadline) for name, command in self._commands.items()}
        commit, patch, status = outputs["commit"], outputs["patch"], outputs["status"]
        if all(output is None for output in outputs.values()):
            return {"commit": None, "dirty": None, "problem": "git did not answer for this folder"}, b""
        entry: dict[str, Any] = {
            "commit": (commit or b"").decode(errors="replace").strip() or None,
            "dirty": None if patch is None else bool(patch),
            "diff_sha256": hashlib.sha256(patch).hexdigest() if patch else None,
            "untracked": self._untracked(status or b""),
        }
        if patch is None or status is None:
            entry["problem"] = (
                f"git took longer than {GIT_SECONDS:g} s or failed; the uncommitted changes are not recorded"
            )
        if patch is not None and len(patch) > PATCH_LIMIT:
            entry["truncated"] = True
        return entry, (patch or b"")[:PATCH_LIMIT]

    def _untracked(self, status: bytes) -> list[str]:
        assert self._root is not None
        names = [os.fsdecode(line[3:]) for line in status.split(b"\0") if line.startswith(b"?? ")]
        if self._leave_out is not None:
            left_out = self._leave_out.resolve()
            names = [name for name in names if not (self._root / name).resolve().is_relative_to(left_out)]
        return [name.encode(errors="replace").decode() for name in names[:UNTRACKED_LIMIT]]


_GIT = {
    "commit": ("rev-parse", "--verify", "HEAD"),
    "patch": ("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color"),
    "status": ("status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules"),
}
