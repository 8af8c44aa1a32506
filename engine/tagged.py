"""Python values as JSON that gives back the same values: tuples, maps with other keys than text, NaN, tensors by name.

A value that JSON has no form for becomes a one-entry map whose key starts with "$": {"$tuple": [1, 2]}. Tensors go to a
separate table and leave their name behind; no pickle anywhere.
"""

from __future__ import annotations

import base64
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SMALL = 2**63


class UnsavableError(TypeError):
    """A value that a checkpoint has no form for; the message says where it stands and what it is."""


def encode(value: Any, tensors: dict[str, torch.Tensor], path: str = "") -> Any:
    """What `decode` turns back into `value`, made of lists, maps with text keys, text, numbers, booleans and None.

    Args:
        value: what is to be kept.
        tensors: receives every tensor met, by its path in `value`.
        path: where `value` stands; the names of its tensors begin with it.

    Raises:
        UnsavableError: a function, a foreign object.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int:
        return value if -_SMALL <= value < _SMALL else {"$int": hex(value)}
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": "nan" if math.isnan(value) else str(value)}
    if isinstance(value, (list, tuple, dict, set, frozenset, deque)):
        return _container(value, tensors, path)
    return _scalar(value, tensors, path)


def _container(value: Any, tensors: dict[str, torch.Tensor], path: str) -> Any:
    kind = type(value)
    if kind is list:
        return _items(value, tensors, path)
    if kind is dict and all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(item, tensors, f"{path}/{key}") for key, item in value.items()}
    if kind in _MAPS:
        return {_MAPS[kind]: _pairs(value, tensors, path)}
    if kind is defaultdict:  # its factory is the owner's, who makes a new one
        return {"$map": _pairs(value, tensors, path)}
    if kind in (set, frozenset):
        return {"$" + kind.__name__: _items(sorted(value, key=repr), tensors, path)}
    if kind is tuple:
        return {"$tuple": _items(value, tensors, path)}
    if kind is deque:
        return {"$deque": [value.maxlen, _items(value, tensors, path)]}
    raise UnsavableError(f"{path.lstrip('/')}: a {kind.__module__}.{kind.__qualname__} cannot be saved")


_MAPS: dict[type, str] = {dict: "$map", OrderedDict: "$ordered", Counter: "$counter"}


def _items(value: Any, tensors: dict[str, torch.Tensor], path: str) -> list[Any]:
    return [encode(item, tensors, f"{path}/{index}") for index, item in enumerate(value)]


def _pairs(value: dict[Any, Any], tensors: dict[str, torch.Tensor], path: str) -> list[Any]:
    return [
        [encode(key, tensors, f"{path}/{key}(key)"), encode(item, tensors, f"{path}/{key}")]
        for key, item in value.items()
    ]


def _scalar(value: Any, tensors: dict[str, torch.Tensor], path: str) -> Any:
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return _tensor(value, tensors, path)
    if isinstance(value, torch.dtype):
        return {"$dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"$device": str(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"$array": _tensor(torch.from_numpy(np.ascontiguousarray(value)), tensors, path)["$tensor"]}
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return {"$numpy": [str(value.dtype), encode(value.item(), tensors, path)]}
    if isinstance(value, complex):
        return {"$complex": [encode(value.real, tensors), encode(value.imag, tensors)]}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise UnsavableError(f"{path.lstrip('/')}: {_described(value)} cannot be saved")


def _tensor(value: torch.Tensor, tensors: dict[str, torch.Tensor], path: str) -> dict[str, Any]:
    import torch

    if value.layout is not torch.strided or value.is_quantized or value.is_complex():
        raise UnsavableError(f"{path.lstrip('/')}: a {value.layout} tensor of {value.dtype} cannot be saved")
    name = path.lstrip("/") or "value"
    while name in tensors:
        name += "+"
    tensors[name] = value
    return {"$tensor": name}


def _described(value: Any) -> str:
    if callable(value):
        return f"the function {getattr(value, '__qualname__', type(value).__qualname__)}"
    return f"a {type(value).__module__}.{type(value).__qualname__}"


def decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The value that `encode` made `value` of.

    Raises:
        ValueError: an unknown tag, or a tensor that is not in `tensors`: the file is damaged or of a newer version.
    """
    if isinstance(value, list):
        return [decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        key = next(iter(value))
        if key.startswith("$"):
            return _decode_tag(key, value[key], tensors)
    return {key: decode(item, tensors) for key, item in value.items()}


def _decode_tag(tag: str, content: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if tag in _TABLED:
        return _TABLED[tag](content)
    if tag in ("$tensor", "$array"):
        if content not in tensors:
            raise ValueError(f"the tensor {content!r} is missing")
        return tensors[content] if tag == "$tensor" else tensors[content].numpy()
    if tag in ("$map", "$ordered", "$counter"):
        kind = {"$map": dict, "$ordered": OrderedDict, "$counter": Counter}[tag]
        pairs = [(decode(key, tensors), decode(item, tensors)) for key, item in content]
        return kind(dict(pairs)) if tag == "$counter" else kind(pairs)
    if tag in ("$tuple", "$set", "$frozenset"):
        kind_of = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}[tag]
        return kind_of(decode(content, tensors))
    if tag == "$deque":
        return deque(decode(content[1], tensors), content[0])
    if tag == "$complex":
        return complex(decode(content[0], tensors), decode(content[1], tensors))
    if tag == "$numpy":
        import numpy as np

        return np.dtype(content[0]).type(decode(content[1], tensors))
    raise ValueError(f"unknown tag {tag!r}: made by a newer version?")


def _dtype(name: str) -> Any:
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ValueError(f"unknown dtype {name!r}")
    return found


def _device(name: str) -> Any:
    import torch

    return torch.device(name)


_TABLED: dict[str, Callable[[Any], Any]] = {
    "$int": lambda content: int(content, 16),
    "$float": lambda content: _WORDS[content],
    "$bytes": base64.b64decode,
    "$dtype": _dtype,
    "$device": _device,
}
