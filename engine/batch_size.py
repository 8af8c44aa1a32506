"""Finding the largest batch that fits: `python -P -m engine.batch_size RUNDIR LEAST MOST` tries sizes in a process of
its own, because running out of memory may take the process with it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import EngineError, RunError, SettingsError
from engine.interrupts import Interrupts, Stopped
from engine.jsonio import read_json, write_json
from engine.memory import available_memory, is_out_of_memory
from engine.records import RunPaths
from engine.runs import append_event, load_run
from engine.settings import Settings

_MARGIN = 0.95
"""Share of what fitted that is taken, because memory fragments as training goes on; of small batches all is taken."""

_FINE = 16
"""The search ends when the largest that fits is known to one part in so many."""

_USABLE = 0.9
"""Share of the free memory of a machine without a GPU that a trial may take."""


class BatchTooLargeError(EngineError):
    """Not even a batch of one sample fits into memory."""


def with_batch_size(settings: Settings, paths: RunPaths, interrupts: Interrupts) -> Settings:
    """`settings` with a number for train.batch_size; where it is "max", the largest that fits is found, once a run.

    Raises:
        BatchTooLargeError: not even one sample fits.
        Stopped: a stop was asked for meanwhile.
    """
    if settings.train.batch_size != "max":
        return settings
    samples = found_batch_size(paths)
    if samples is None:
        print("train.batch_size = max: trying sizes", flush=True)
        samples = _found(paths, interrupts)
        write_json(_file(paths), {"samples": samples})
        append_event(paths, "batch_size", samples=samples)
    print(f"train.batch_size = {samples:,}", flush=True)
    return msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, batch_size=samples))


def settled(settings: Settings, paths: RunPaths) -> Settings:
    """`settings` of a run that has begun, with the batch size that was found for it.

    Raises:
        RunError: none was found yet.
    """
    if settings.train.batch_size != "max":
        return settings
    samples = found_batch_size(paths)
    if samples is None:
        raise RunError(f"{paths.id}: its largest batch was not found yet", hint="train it first")
    return msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, batch_size=samples))


def _file(paths: RunPaths) -> Path:
    return paths.folder / "batch_size.json"


def found_batch_size(paths: RunPaths) -> int | None:
    """The largest batch that was found for a run; None where none was looked for, or not yet."""
    try:
        samples = read_json(_file(paths))["samples"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return samples if isinstance(samples, int) and samples > 0 else None


@dataclass
class _Bounds:
    """What is known of the largest batch."""

    most: int | None = None
    """Samples of the train split: a larger batch there cannot be."""
    fits: int = 0
    fails: int | None = None
    trying: int | None = None
    """A size whose outcome is not known yet; where nothing more is said, it was the process's end."""
    reason: str = ""

    def note(self, said: dict[str, Any]) -> None:
        """Take up what a process that tries sizes said.

        Raises:
            SettingsError: it could not build what it was to try.
        """
        kind, samples = str(said.get("outcome")), int(said.get("samples", 0))
        if kind == "most":
            self.most = samples
        elif kind == "trying":
            self.trying = samples
        elif kind == "fits":
            self.fits, self.trying = samples, None
        elif kind == "fails":
            self.fails, self.trying, self.reason = samples, None, str(said.get("reason", ""))
        elif kind == "error":
            raise SettingsError(str(said.get("message")), hint=str(said.get("hint", "")))

    @property
    def next(self) -> int | None:
        """The size to try next; None when the largest is known closely enough."""
        if self.fails is None:
            wanted = max(1, 2 * self.fits)
            if self.most is None:
                return wanted
            return None if self.fits >= self.most else min(wanted, self.most)
        if self.fails - self.fits <= max(1, self.fits // _FINE):
            return None
        return (self.fits + self.fails) // 2


def _found(paths: RunPaths, interrupts: Interrupts) -> int:
    """Double the size until it does not fit, then halve the gap; a trial that ends its process did not fit."""
    bounds = _Bounds()
    while bounds.next is not None:
        before = (bounds.fits, bounds.fails)
        _one_process(paths, bounds, interrupts)
        if bounds.trying is not None:
            bounds.fails, bounds.trying = bounds.trying, None
            bounds.reason = "the process was ended, most likely for its memory"
            print(f"  {bounds.fails:,} does not fit: {bounds.reason}", flush=True)
        elif (bounds.fits, bounds.fails) == before and bounds.next is not None:
            raise BatchTooLargeError(
                "the largest batch cannot be found: the process that tries sizes ended before its first trial",
                hint="log.txt has what it said; set train.batch_size to a number",
            )
    if not bounds.fits:
        raise BatchTooLargeError(
            f"not even a batch of one sample fits into memory: {bounds.reason}",
            hint="a smaller model or smaller inputs; train.precision = bf16 and train.checkpoint_gradients = true need"
            " less",
        )
    if bounds.fails is None or bounds.fits < 2 * _FINE:
        return bounds.fits
    return int(bounds.fits * _MARGIN) // 8 * 8


def _one_process(paths: RunPaths, bounds: _Bounds, interrupts: Interrupts) -> None:
    """Let a process try sizes until it has found the largest, or has ended over it."""
    known = [str(bounds.fits), str(bounds.fails or 0)]
    command = [sys.executable, "-P", "-m", "engine.batch_size", str(paths.folder), *known]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                interrupts.poll()
                if interrupts.stop:
                    raise Stopped
                if line.startswith("{"):
                    bounds.note(json.loads(line))
                    _tell(bounds, line)
        finally:
            process.kill()


def _tell(bounds: _Bounds, line: str) -> None:
    if '"fits"' in line:
        print(f"  {bounds.fits:,} fits", flush=True)
    elif '"fails"' in line:
        print(f"  {bounds.fails or 0:,} does not fit: {bounds.reason}", flush=True)


# ---------------------------------------------------------------------------------------- the process that tries sizes


def main(argv: list[str]) -> int:
    """Try sizes for the run in `argv[0]`, the largest known to fit and the smallest known not to being the others."""
    from engine.trial_step import TrialSteps

    paths, bounds = RunPaths(Path(argv[0])), _Bounds(fits=int(argv[1]), fails=int(argv[2]) or None)
    _say("trying", bounds.next or 1)  # building the model may be too much already
    try:
        if not str(load_run(paths).state.device).startswith("cuda"):
            _limit_memory()
        steps = TrialSteps(paths)
    except EngineError as error:
        print(json.dumps({"outcome": "error", "message": error.message, "hint": error.hint}), flush=True)
        return error.exit_code
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _say("fails", 1, str(error).strip().splitlines()[0][:200])
        return 0
    bounds.most = steps.most
    _say("most", steps.most)
    while (size := bounds.next) is not None:
        _say("trying", size)
        reason = steps.attempt(size)
        if reason is None:
            bounds.fits = size
            _say("fits", size)
        else:
            bounds.fails = size
            _say("fails", size, reason)
    return 0


def _say(outcome: str, samples: int, reason: str = "") -> None:
    print(json.dumps({"outcome": outcome, "samples": samples, "reason": reason}), flush=True)


def _limit_memory() -> None:
    """Let an allocation beyond the free memory fail, instead of driving others out of it."""
    import psutil

    allowed = psutil.Process().memory_info().data + int(available_memory() * _USABLE)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [allowed, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
