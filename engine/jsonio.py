"""JSON as run folders and `--json` write it: non-finite numbers as "NaN", "inf", "-inf"; files replaced atomically."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any

import msgspec

_NON_FINITE = {"NaN": math.nan, "inf": math.inf, "-inf": -math.inf}


def plain(value: Any) -> Any:
    """Turn structs, paths, tuples and non-finite floats into what JSON can say.

    Raises:
        TypeError: a value of a type that JSON has no form for.
    """
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, msgspec.Struct):
        return {f: plain(getattr(value, f)) for f in value.__struct_fields__}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())  # numpy's scalars and arrays, without importing numpy
    return plain(msgspec.to_builtins(value))


def number(value: Any) -> float:
    """Read a number that may have been written as "NaN", "inf" or "-inf"; anything else unreadable is NaN."""
    if isinstance(value, str):
        return _NON_FINITE.get(value, math.nan)
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def encode(value: Any, *, indent: int = 0) -> bytes:
    """`value` as UTF-8 JSON, on one line or indented; bytes of file names that are not UTF-8 become "?"."""
    content = plain(value)
    try:
        data = msgspec.json.encode(content)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_encodable(content))
    return msgspec.json.format(data, indent=indent) if indent else data


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_encodable(v) for v in value]
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return value


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """Replace `path` atomically by `value` as indented JSON; with `durable`, also after a loss of power."""
    write_bytes(path, encode(value, indent=1) + b"\n", durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace `path` atomically: no reader ever sees a part of it, and a full disk leaves the old one whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON (cut off, foreign).
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as JSON ({error})") from None
    except RecursionError:
        raise ValueError(f"{path}: not readable as JSON (nested too deeply)") from None
