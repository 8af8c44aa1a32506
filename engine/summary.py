"""What a data set is made of (classes, counts, duplicates), kept beside the runs so that it is shown without loading.

Looking up a kept summary imports neither numpy nor the data set: the terminal UI does it at each move of the cursor.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.data_folder import data_root, locate
from engine.digest import blake2b
from engine.errors import EngineError
from engine.jsonio import encode, read_json, write_json
from engine.records import RunPaths
from engine.runs import RunsFolder
from engine.settings import DataOptions, Settings

if TYPE_CHECKING:
    from engine.dataset import Split
    from engine.splits import Prepared

VERSION = 2
"""Part of every key: counted up when summaries or splits come to mean something else."""

_IRRELEVANT = {"pad_to", "bucket", "leak", "resize", "augment", "normalize", "near_duplicates"}
"""Options that change neither splits nor counts."""

_FOLDERS = 5_000
"""Most folders of a data folder that a quick fingerprint looks at."""


def summarise(prepared: Prepared) -> dict[str, Any]:
    """What data.json holds: classes and counts by split, shapes, the majority class, duplicates across splits."""
    dataset, source = prepared.dataset, prepared.source
    train = _counts(source, dataset.classes)
    summary: dict[str, Any] = {
        "name": prepared.options.name,
        "kind": dataset.kind,
        "shape": list(dataset.splits["train"].inputs.shape[1:]),
        "classes": list(dataset.classes),
        "splits": {name: _counts(dataset.splits[name], dataset.classes) for name in _in_order(dataset.splits)},
        "labels": source.form,
        "majority": _majority(train) if source.form == "class" else None,
        "duplicates": prepared.duplicates,
        "duplicate_inputs": prepared.duplicate_inputs,
        "fingerprint": prepared.fingerprint,
        "note": dataset.note,
        "seconds": round(prepared.seconds, 3),
    }
    if source is not dataset.splits["train"] and len(source) != len(dataset.splits["train"]):
        summary["source"] = {"train": train}
    if dataset.columns:
        summary["columns"] = list(dataset.columns)
    if dataset.vocabulary:
        summary["vocabulary"] = len(dataset.vocabulary)
        strange = {name: _strange(split) for name, split in dataset.splits.items()}
        for name in filter(strange.__getitem__, strange):
            summary["splits"][name]["strange"] = strange[name]
    return summary


def _in_order(splits: Mapping[str, Split]) -> list[str]:
    return sorted(splits, key=lambda name: (name != "train", name == "test"))


def _counts(split: Split, classes: tuple[str, ...]) -> dict[str, Any]:
    """How many samples a split has of each class, how many tokens of each symbol, or what its quantities are like."""
    import numpy as np

    if split.form == "numbers":
        return {"count": len(split), "quantities": _quantities(split, classes)}
    labels = split.labels
    if split.label_lengths is not None:  # padding counts for nothing
        labels = labels[np.arange(labels.shape[1]) < split.label_lengths[:, None]]
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return {"count": len(split), "classes": dict(zip(classes, counts, strict=True))}


def _strange(split: Split) -> int:
    """Samples with a character that is not in the vocabulary."""
    from engine.sequences import UNKNOWN

    return int((split.inputs == UNKNOWN).any(1).sum())


def _quantities(split: Split, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Mean, deviation and range of each quantity."""
    columns = split.labels.reshape(len(split), -1).astype("f8").T
    return {
        name: {
            "mean": float(values.mean()),
            "deviation": float(values.std()),
            "least": float(values.min()),
            "most": float(values.max()),
        }
        for name, values in zip(names, columns, strict=True)
    }


def _majority(train: dict[str, Any]) -> dict[str, Any]:
    """The most frequent class and its share of the split."""
    largest = max(train["classes"], key=train["classes"].__getitem__)
    return {"class": largest, "share": train["classes"][largest] / train["count"]}


# ------------------------------------------------------------------------------------------------------ kept summaries


def cached(
    runs: RunsFolder, data_table: Mapping[str, Any], folder: Path, *, data_dir: str | None = None, own: bool = False
) -> dict[str, Any] | None:
    """The kept summary of a `data` table, if there is one and the data has not changed since.

    Args:
        runs: beside whose runs summaries are kept.
        data_table: of the settings; whether defaults are filled in makes no difference.
        folder: where experiments.toml lies.
        data_dir: of the settings.
        own: the data set's own splits are meant, not those of a run.
    """
    path = _path(runs, summary_key(data_table, folder, data_dir=data_dir, own=own))
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def store(
    runs: RunsFolder,
    data_table: Mapping[str, Any],
    folder: Path,
    summary: Mapping[str, Any],
    *,
    data_dir: str | None = None,
    own: bool = False,
) -> None:
    """Keep a summary for `cached`; where the folder cannot be written it is simply not kept."""
    path = _path(runs, summary_key(data_table, folder, data_dir=data_dir, own=own))
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(summary))


def summary_key(data_table: Mapping[str, Any], folder: Path, *, data_dir: str | None = None, own: bool = False) -> str:
    """What tells the summary of one `data` table over these files from any other: 32 hexadecimal digits."""
    table = _essential(data_table, folder, own=own)
    stamp = quick_fingerprint(Settings(data=dict(data_table), data_dir=data_dir), folder)
    content = encode([VERSION, sorted(table.items()), stamp, own])
    return blake2b(content, digest_size=16).hexdigest()


def _path(runs: RunsFolder, key: str) -> Path:
    return runs.own / "data" / f"{key}.json"


def _essential(table: Mapping[str, Any], folder: Path, *, own: bool) -> dict[str, Any]:
    """The entries of a `data` table that decide its summary, those left at their defaults taken out."""
    options = dict(zip(DataOptions.__struct_fields__[1:], DataOptions.__struct_defaults__, strict=True))
    defaults = options | _argument_defaults(str(table.get("name")), folder)
    kept = {k: v for k, v in table.items() if k not in _IRRELEVANT and not (k in defaults and v == defaults[k])}
    return {k: v for k, v in kept.items() if not (own and k in options)}


def _argument_defaults(name: str, folder: Path) -> dict[str, Any]:
    from engine import signatures

    try:
        parameters = signatures.dataset(name, folder).parameters.values()
    except EngineError:
        return {}
    return {p.name: p.default for p in parameters if p.has_default and p.literal}


# ---------------------------------------------------------------------------------------- what the files look like now


def data_changed(paths: RunPaths, fingerprint: str) -> bool:
    """Whether a run was trained on other data than that of `fingerprint`; no where it does not tell."""
    try:
        content = read_json(paths.data)
    except (OSError, ValueError):
        return False
    known = content.get("fingerprint") if isinstance(content, dict) else None
    return isinstance(known, str) and known != fingerprint


def quick_fingerprint(settings: Settings, folder: Path) -> str:
    """Sizes and times of the files a data set is made of, its source included: changes when one does; loads nothing.

    Of a folder of images the folders' times count, which change when files come, go or are renamed.
    """
    root = data_root(settings.data_dir)
    digest = blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=16)
    for path in _files(settings.data, root, folder):
        digest.update(f"{path}\0{_stamp(path)}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def _files(table: Mapping[str, Any], root: Path, folder: Path) -> Iterator[Path]:
    source = _source(str(table.get("name")), folder)
    if source is not None:
        yield source
        for relative in _declared(source, _time(source)):
            yield root / relative
            yield root / f"{relative}.gz"
    given = table.get("path")
    found = locate(given, folder, root) if isinstance(given, str) else None
    if found is not None:
        yield found
        yield from _folders(found)


def _source(name: str, folder: Path) -> Path | None:
    """The module a data set is in, the engine's own or the user's."""
    from engine import signatures

    if ":" in name:
        return signatures.user_file(name.partition(":")[0], folder)
    module = signatures.own_module("data", name)
    return Path(__file__).parent / "data" / f"{module}.py" if module else None


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _declared(source: Path, _changed: int) -> tuple[str, ...]:
    """The `FILES` of a data set's module: paths in the data folder, a tuple of strings."""
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ()
    match = re.search(r"^FILES\s*=\s*(\([^)]*\))", text, re.MULTILINE)
    try:
        files = ast.literal_eval(match[1]) if match else ()
    except (ValueError, SyntaxError):
        return ()
    return tuple(f for f in files if isinstance(f, str)) if isinstance(files, tuple) else ()


def _folders(path: Path) -> Iterator[Path]:
    """The folders inside `path`, however deep, up to a number that keeps this quick."""
    waiting, seen = [str(path)], 0
    while waiting and seen < _FOLDERS:
        try:
            with os.scandir(waiting.pop()) as entries:
                inside = sorted(entry.path for entry in entries if entry.is_dir())
        except OSError:
            continue
        seen += len(inside)
        waiting.extend(inside)
        yield from map(Path, inside)
