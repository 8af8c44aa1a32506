"""Names and arguments of optimizers, schedulers, losses, models and data sets, read from their sources with `ast`.

Nothing is imported: of torch and torchvision only the folder of the top-level package is asked for. Of a source file
only the lines of one signature are parsed, so that a signature takes well under a millisecond.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import SettingsError, nearest
from engine.text import printable

KINDS = ("optimizer", "scheduler", "loss", "data", "model")
_OWN = {"data": "load", "model": "build"}
_NOT_SETTABLE = {
    "optimizer": {"params"},
    "scheduler": {"optimizer", "last_epoch", "verbose"},
    "loss": {"size_average", "reduce"},
    "torchvision": {"num_classes", "weights", "weights_backbone", "progress"},
}


@dataclass(frozen=True)
class Parameter:
    """One argument: its annotation as text, and its default where that is a literal."""

    name: str
    annotation: str
    default: Any
    has_default: bool
    literal: bool = True
    """Whether `default` is known; False when the source computes it."""


@dataclass(frozen=True)
class Signature:
    """What something named in `experiments.toml` takes; arguments that the engine itself gives are left out."""

    name: str
    parameters: dict[str, Parameter]
    accepts_any: bool
    """Whether arguments beyond `parameters` are taken (`**kwargs`)."""
    file: Path
    doc: str = ""
    """First line of its docstring."""


def optimizer(name: str) -> Signature:
    """The signature of a torch.optim class.

    Raises:
        SettingsError: there is no such class; the hint has the nearest name.
    """
    modules = _optimizer_modules()
    _known("torch.optim has no optimizer", name, list(modules))
    return _class_signature(_package("torch") / "optim" / f"{modules[name]}.py", name, "optimizer")


def scheduler(name: str) -> Signature:
    """The signature of a torch.optim.lr_scheduler class.

    Raises:
        SettingsError: there is no such class, or it takes functions or other schedulers, which no file can hold.
    """
    if name in _REFUSED_SCHEDULERS:
        raise SettingsError(
            f"the scheduler {name} {_REFUSED_SCHEDULERS[name]}", hint=f"known: {', '.join(names('scheduler'))}"
        )
    _known("torch.optim.lr_scheduler has no scheduler", name, names("scheduler"))
    return _class_signature(_package("torch") / "optim" / "lr_scheduler.py", name, "scheduler")


_REFUSED_SCHEDULERS = {
    "LambdaLR": "is given a function, which cannot be written in a file or saved in a checkpoint",
    "MultiplicativeLR": "is given a function, which cannot be written in a file or saved in a checkpoint",
    "SequentialLR": "is made of other schedulers, which a table cannot name yet",
    "ChainedScheduler": "is made of other schedulers, which a table cannot name yet",
}


def loss(name: str) -> Signature:
    """The signature of a torch.nn loss, inherited arguments included.

    Raises:
        SettingsError: there is no such loss.
    """
    _known("torch.nn has no loss", name, names("loss"))
    return _class_signature(_package("torch") / "nn" / "modules" / "loss.py", name, "loss")


def dataset(name: str, folder: Path) -> Signature:
    """The signature of a data set: `load` of a module in engine/data, or `package.module:callable` found in `folder`.

    Raises:
        SettingsError: there is none of that name, or its source cannot be read.
    """
    return _component("data", name, folder)


def model(name: str, folder: Path) -> Signature:
    """The signature of a model: `build` of a module in engine/models, `torchvision:NAME`, or `package.module:callable`.

    Raises:
        SettingsError: there is none of that name, or its source cannot be read.
    """
    if name.startswith("torchvision:"):
        return _torchvision(name)
    return _component("model", name, folder)


def names(kind: str) -> list[str]:
    """The known names of a kind: optimizer, scheduler, loss, data, model (the engine's own), torchvision."""
    if kind == "optimizer":
        return sorted(_optimizer_modules())
    if kind == "scheduler":
        exported = _exported(_package("torch") / "optim" / "lr_scheduler.py")
        return sorted(n for n in exported if n not in _REFUSED_SCHEDULERS and n != "LRScheduler" and n[:1].isupper())
    if kind == "loss":
        return sorted(n for n in _exported(_package("torch") / "nn" / "modules" / "loss.py") if n.endswith("Loss"))
    if kind == "torchvision":
        return sorted(f"torchvision:{n}" for n in _torchvision_files())
    return sorted(_own_files(kind))


# ------------------------------------------------------------------------------------------------ where the sources are


@lru_cache(maxsize=8)
def _package(name: str) -> Path:
    spec = _find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"{name} is not installed here", hint=f"pip install {name}")
    return Path(next(iter(spec.submodule_search_locations)))


def _find_spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _known(sentence: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise SettingsError(f"{sentence} '{printable(name)}'", hint=nearest(name, known))


@lru_cache(maxsize=256)
def _read(file: Path, _stamp: float) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _text(file: Path) -> str:
    try:
        return _read(file, file.stat().st_mtime)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=1)
def _optimizer_modules() -> dict[str, str]:
    tree = ast.parse(_text(_package("torch") / "optim" / "__init__.py"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch.optim."):
            module = (node.module or "").removeprefix("torch.optim.")
            found.update({alias.name: module for alias in node.names if alias.name[:1].isupper()})
    return {name: module for name, module in found.items() if name != "Optimizer"}


@lru_cache(maxsize=64)
def _exported(file: Path) -> tuple[str, ...]:
    match = re.search(r"^__all__\s*=\s*\[(.*?)\]", _text(file), re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"""["'](\w+)["']""", match[1])) if match else ()


@lru_cache(maxsize=1)
def _torchvision_files() -> dict[str, Path]:
    folder = _package("torchvision") / "models"
    modules = re.findall(r"^from \.(\w+) import \*", _text(folder / "__init__.py"), re.MULTILINE)
    files = [folder / f"{module}.py" for module in modules if (folder / f"{module}.py").is_file()]
    return {name: file for file in files for name in _exported(file) if name[:1].islower()}


def _own_files(kind: str) -> dict[str, Path]:
    """Modules of engine/data or engine/models that have the agreed function."""
    return dict(_own_files_at(kind, _own_folder(kind).stat().st_mtime))


def _own_folder(kind: str) -> Path:
    return Path(__file__).parent / ("data" if kind == "data" else "models")


@lru_cache(maxsize=8)
def _own_files_at(kind: str, _stamp: float) -> dict[str, Path]:
    start = re.compile(rf"^def {_OWN[kind]}\(", re.MULTILINE)
    files = sorted(_own_folder(kind).glob("[!_]*.py"))
    return {file.stem: file for file in files if start.search(_text(file))}


def own_module(kind: str, name: str) -> str | None:
    """The module of engine/data or engine/models that `name` means ("names-demo" is names_demo), if there is one."""
    stem = name.replace("-", "_")
    return stem if stem in _own_files(kind) else None


# ------------------------------------------------------------------------------------------------- data sets and models


def _component(kind: str, name: str, folder: Path) -> Signature:
    if ":" in name:
        return _of_user(kind, name, folder)
    known = _own_files(kind)
    what = "data set" if kind == "data" else "model"
    module = own_module(kind, name)
    if module is None:
        beside = user_file(name, folder)
        if beside is not None:
            raise SettingsError(
                f"{what} '{printable(name)}' has no ':callable'",
                hint=f"write '{printable(name)}:NAME' for a function in {beside}",
            )
        raise SettingsError(
            f"there is no {what} '{printable(name)}'", hint=nearest(name.replace("-", "_"), list(known))
        )
    return _function_signature(known[module], _OWN[kind], name, skip=1)


_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def user_file(module: str, folder: Path) -> Path | None:
    """The source of `package.module` beside experiments.toml, else of an installed package; None when there is none."""
    if not _DOTTED.fullmatch(module):
        return None
    parts = module.split(".")
    found = _source(folder, parts)
    if found is None and (spec := _find_spec(parts[0])) is not None:
        if spec.submodule_search_locations and len(parts) > 1:
            found = next((f for root in spec.submodule_search_locations if (f := _source(Path(root), parts[1:]))), None)
        elif len(parts) == 1 and spec.origin and spec.origin.endswith(".py"):
            found = Path(spec.origin)
    return found


def _source(root: Path, parts: list[str]) -> Path | None:
    base = root.joinpath(*parts)
    for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
        try:
            if file.is_file():
                return file
        except (OSError, ValueError):
            return None
    return None


def split_spec(name: str) -> tuple[str, str]:
    """The module and the callable of `package.module:callable`.

    Raises:
        SettingsError: it is not written so.
    """
    module, _, attribute = name.partition(":")
    if not _DOTTED.fullmatch(module) or not attribute.isidentifier():
        raise SettingsError(f"'{printable(name)}' is not a name of the form package.module:callable")
    return module, attribute


def _of_user(kind: str, name: str, folder: Path) -> Signature:
    module, attribute = split_spec(name)
    file = user_file(module, folder)
    if file is None:
        raise SettingsError(
            f"'{printable(name)}': there is no {module.replace('.', '/')}.py in {folder}",
            hint=f"known {'data sets' if kind == 'data' else 'models'}: {', '.join(_own_files(kind))}",
        )
    text = _text(file)
    if re.search(rf"^(async )?def {attribute}\(", text, re.MULTILINE):
        return _function_signature(file, attribute, name, skip=1)
    if re.search(rf"^class {attribute}\b", text, re.MULTILINE):
        return _class_signature(file, attribute, kind, name=name, skip=2)
    if re.search(rf"\b{attribute}\b", text):
        return Signature(name, {}, accepts_any=True, file=file)  # imported or made there: only running it tells
    defined = re.findall(r"^(?:def|class) ([^\W_]\w*)", text, re.MULTILINE)
    raise SettingsError(f"{file} has no '{attribute}'", hint=nearest(attribute, defined))


def _torchvision(name: str) -> Signature:
    files = _torchvision_files()
    short = name.partition(":")[2]
    if short not in files:
        raise SettingsError(f"torchvision.models has no '{printable(short)}'", hint=nearest(short, list(files)))
    file = files[short]
    own = _function_signature(file, short, name, skip=0)
    parameters = dict(own.parameters)
    returned = re.search(
        rf"^def {short}\([^:]*?\) *-> *(\w+) *:|^def {short}\(.*?\) *-> *(\w+) *:",
        _text(file),
        re.MULTILINE | re.DOTALL,
    )
    if own.accepts_any and returned:
        inner = _class_signature(file, returned[1] or returned[2], "torchvision")
        parameters |= {n: p for n, p in inner.parameters.items() if p.has_default}
    kept = {n: p for n, p in parameters.items() if n not in _NOT_SETTABLE["torchvision"]}
    return Signature(name, kept, accepts_any=False, file=file, doc=own.doc)


# ------------------------------------------------------------------------------------------------------ reading sources


@lru_cache(maxsize=256)
def _function_signature(file: Path, function: str, name: str, skip: int, stamp: float | None = None) -> Signature:
    if stamp is None:
        return _function_signature(file, function, name, skip, _stamp(file))
    text = _text(file)
    match = re.search(rf"^(async )?def {function}\(", text, re.MULTILINE)
    if match is None:
        raise SettingsError(f"{file} has no function '{function}'")
    node, end = _parse_head(text, match.start(), file)
    parameters, any_ = _parameters(node, skip)
    return Signature(name, parameters, any_, file, _doc(text[end : end + 2000]))


def _stamp(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None


def _class_signature(file: Path, class_: str, kind: str, *, name: str = "", skip: int = 1) -> Signature:
    found = _class_parameters(file, class_, skip, _stamp(file))
    refused = _NOT_SETTABLE.get(kind, set())
    parameters = {n: p for n, p in found[0].items() if n not in refused}
    return Signature(name or class_, parameters, found[1], file, found[2])


@lru_cache(maxsize=256)
def _class_parameters(file: Path, class_: str, skip: int, stamp: float) -> tuple[dict[str, Parameter], bool, str]:
    """Arguments of a class's `__init__`, its own or the nearest one inherited within the file or a sibling of it."""
    text, doc, seen = _text(file), "", set()
    while (match := re.search(rf"^class {class_}\b([^:]*):", text, re.MULTILINE)) and class_ not in seen:
        seen.add(class_)
        after = re.compile(r"^[^\s#)\]}]", re.MULTILINE).search(text, match.end())
        body_end = after.start() if after else len(text)
        doc = doc or _doc(text[match.end() : match.end() + 2000])
        init = re.compile(r"^[ \t]+def __init__\(", re.MULTILINE).search(text, match.end(), body_end)
        if init:
            node, _ = _parse_head(text, init.start(), file)
            return (*_parameters(node, skip), doc)
        base = re.search(r"\(\s*(?:[\w.]*\.)?(\w+)", match[1])
        if base is None:
            break
        class_ = base[1]
        sibling = re.search(rf"^from \.(\w+) import [^\n]*\b{class_}\b", text, re.MULTILINE)
        if sibling and (other := file.with_name(f"{sibling[1]}.py")).is_file():
            text = _text(other)
    return {}, True, doc


def _parse_head(text: str, start: int, file: Path) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]:
    """Parse one `def …:` head from `start`; returns it and where its body begins."""
    for end in _line_ends(text, start):
        head = text[start:end].strip()
        if not head.endswith(":"):
            head = head.partition("#")[0].rstrip()  # a comment behind the colon
        if not head.endswith(":"):
            continue
        try:
            node = ast.parse(f"{head} ...").body[0]
        except (SyntaxError, ValueError):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return node, end
    line = text.count("\n", 0, start) + 1
    raise SettingsError(f"{file}:{line}: this function's arguments cannot be read")


def _line_ends(text: str, start: int, most: int = 200) -> Iterator[int]:
    for _ in range(most):
        start = text.find("\n", start)
        if start < 0:
            yield len(text)
            return
        start += 1
        yield start


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, skip: int) -> tuple[dict[str, Parameter], bool]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*defaults, *arguments.defaults], strict=True))[skip:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = {argument.arg: _parameter(argument, default) for argument, default in pairs}
    return found, arguments.kwarg is not None


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    annotation = ast.unparse(argument.annotation) if argument.annotation else ""
    if default is None:
        return Parameter(argument.arg, annotation, None, has_default=False)
    try:
        return Parameter(argument.arg, annotation, _value(default), has_default=True)
    except ValueError:
        return Parameter(argument.arg, annotation, None, has_default=True, literal=False)


def _value(node: ast.expr) -> Any:
    """A literal, or arithmetic on literals such as `1.0 / 3`; tuples become lists.

    Raises:
        ValueError: it is anything else.
    """
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            a, b = _value(left), _value(right)
            if isinstance(a, (int, float)) and isinstance(b, (int, float)) and b:
                return a / b
            raise ValueError
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_value(item) for item in items]
    value = ast.literal_eval(node)
    if value is None or isinstance(value, (str, int, float, dict)):
        return value
    raise ValueError


def _doc(text: str) -> str:
    match = re.match(r"""\s*[rR]?(?:\"\"\"|''')\s*(.+)""", text)
    if match is None:
        return ""
    return match[1].split('"""')[0].split("'''")[0].strip()
