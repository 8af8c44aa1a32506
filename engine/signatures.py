"""Names and arguments of optimizers, schedulers, losses, models and data sets, read from their sources with `ast`.

Nothing is imported: of torch and torchvision only the folder of the top-level package is asked for. Of a source file
only the lines of one signature are parsed, so that a signature takes well under a millisecond.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SettingsError, nearest
from engine.sources import Parameter, Signature, class_signature, function_signature, text_of
from engine.text import printable

__all__ = ["Parameter", "Signature", "dataset", "loss", "model", "names", "optimizer", "own_module", "scheduler"]

TASK = "classification"
"""What is learnt where neither the settings nor the data set say."""
_OWN = {"data": "load", "model": "build"}
_NOT_SETTABLE = {
    "data": {"task"},
    "optimizer": {"params"},
    "scheduler": {"optimizer", "last_epoch", "verbose"},
    "loss": {"size_average", "reduce"},
    "torchvision": {"num_classes", "weights", "weights_backbone", "progress"},
}


def optimizer(name: str) -> Signature:
    """The signature of a torch.optim class.

    Raises:
        SettingsError: there is no such class; the hint has the nearest name.
    """
    modules = _optimizer_modules()
    _known("torch.optim has no optimizer", name, list(modules))
    return _settable(class_signature(_package("torch") / "optim" / f"{modules[name]}.py", name, name), "optimizer")


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
    return _settable(class_signature(_package("torch") / "optim" / "lr_scheduler.py", name, name), "scheduler")


_REFUSED_SCHEDULERS = {
    "LambdaLR": "is given a function, which cannot be written in a file or saved in a checkpoint",
    "MultiplicativeLR": "is given a function, which cannot be written in a file or saved in a checkpoint",
    "SequentialLR": "is made of other schedulers, which a table cannot name yet",
    "ChainedScheduler": "is made of other schedulers, which a table cannot name yet",
}


def loss(name: str) -> Signature:
    """The signature of a torch.nn loss, inherited arguments included.

    Raises:
        SettingsError: there is no such loss, or no task takes it.
    """
    _known("torch.nn has no loss", name, names("loss"))
    return _settable(class_signature(_package("torch") / "nn" / "modules" / "loss.py", name, name), "loss")


def dataset(name: str, folder: Path) -> Signature:
    """The signature of a data set: `load` of a module in engine/data, or `package.module:callable` found in `folder`.

    Raises:
        SettingsError: there is none of that name, or its source cannot be read.
    """
    return _settable(_component("data", name, folder), "data")


class TaskSignature(msgspec.Struct, frozen=True):
    """What a task says of itself: the constants of its file."""

    name: str
    losses: tuple[str, ...]
    """The losses it can be trained with, the usual one first."""
    scores: tuple[str, ...]
    """What an evaluation during training measures of a split."""
    trained: tuple[str, ...]
    """What each training step measures."""
    monitor: str
    """The score that decides which checkpoint is best."""
    file: Path

    def measures(self, metric: str) -> bool:
        """Whether a metric such as "val/accuracy" is measured."""
        split, _, score = metric.partition("/")
        return score in (self.trained if split == "train" else self.scores)


def task(name: str, folder: Path) -> TaskSignature:
    """A task: a file of engine/tasks, or `package.module:Class` found in `folder`.

    Raises:
        SettingsError: there is none of that name, or its file lacks a constant.
    """
    if ":" not in name:
        _known("there is no task", name.replace("-", "_"), tasks())
        return _task(name.replace("-", "_"), _TASKS / f"{name.replace('-', '_')}.py")
    module, _ = split_spec(name)
    file = user_file(module, folder)
    if file is None:
        raise SettingsError(
            f"'{printable(name)}': there is no {module.replace('.', '/')}.py in {folder}",
            hint=f"known tasks: {', '.join(tasks())}",
        )
    return _task(name, file)


def tasks() -> list[str]:
    """The names of the engine's own tasks."""
    return list(_tasks_at(_TASKS.stat().st_mtime))


_TASKS = Path(__file__).parent / "tasks"


@lru_cache(maxsize=8)
def _tasks_at(_stamp: float) -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in _TASKS.glob("[!_]*.py")))


def _task(name: str, file: Path) -> TaskSignature:
    text = text_of(file)
    found = {key: _constant(text, key) for key in ("LOSSES", "SCORES", "TRAINED", "MONITOR")}
    for key, value in found.items():
        if not value or not isinstance(value, str if key == "MONITOR" else tuple):
            _refuse_broken(file, text)
            raise SettingsError(
                f"{file}: the task '{printable(name)}' does not say its {key}",
                hint="a task's file has the constants LOSSES, SCORES, TRAINED (tuples of strings) and MONITOR",
            )
    return TaskSignature(name, found["LOSSES"], found["SCORES"], found["TRAINED"], found["MONITOR"], file)


def _refuse_broken(file: Path, text: str) -> None:
    """Where something is not found in a file that is no Python, say that instead.

    Raises:
        SettingsError: the file has a syntax error.
    """
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise SettingsError(f"{file}:{error.lineno}: {printable(error.msg)}", hint="correct the file") from None


@lru_cache(maxsize=512)
def _constant(text: str, name: str) -> Any:
    """The literal value that a module gives a name at its top; None where there is none."""
    match = re.search(rf"^{name}\s*(?::[^=\n]*)?=\s*(\([^)]*\)|[^\n#]+)", text, re.MULTILINE)
    try:
        return ast.literal_eval(match[1].strip()) if match else None
    except (ValueError, SyntaxError):
        return None


def task_of_dataset(name: str, folder: Path) -> str:
    """The task a data set is made for: the `TASK` of its file, else classification."""
    try:
        file = dataset(name, folder).file
    except SettingsError:
        return TASK
    found = _constant(text_of(file), "TASK")
    return found if isinstance(found, str) else TASK


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
        refused = (*_REFUSED_SCHEDULERS, "LRScheduler")
        return sorted(n for n in exported if n[:1].isupper() and n not in refused)
    if kind == "loss":
        return list(_losses(tuple(tasks())))
    if kind == "torchvision":
        return sorted(f"torchvision:{n}" for n in _torchvision_files())
    return sorted(_own_files(kind))


@lru_cache(maxsize=4)
def _losses(known: tuple[str, ...]) -> tuple[str, ...]:
    """The torch.nn losses that some task takes."""
    exported = _exported(_package("torch") / "nn" / "modules" / "loss.py")
    taken = {loss for name in known for loss in task(name, Path()).losses}
    return tuple(sorted(n for n in exported if n in taken))


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


@lru_cache(maxsize=1)
def _optimizer_modules() -> dict[str, str]:
    tree = ast.parse(text_of(_package("torch") / "optim" / "__init__.py"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch.optim."):
            module = (node.module or "").removeprefix("torch.optim.")
            found.update({alias.name: module for alias in node.names if alias.name[:1].isupper()})
    return {name: module for name, module in found.items() if name != "Optimizer"}


@lru_cache(maxsize=64)
def _exported(file: Path) -> tuple[str, ...]:
    match = re.search(r"^__all__\s*=\s*\[(.*?)\]", text_of(file), re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"""["'](\w+)["']""", match[1])) if match else ()


@lru_cache(maxsize=1)
def _torchvision_files() -> dict[str, Path]:
    folder = _package("torchvision") / "models"
    modules = re.findall(r"^from \.(\w+) import \*", text_of(folder / "__init__.py"), re.MULTILINE)
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
    return {file.stem: file for file in files if start.search(text_of(file))}


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
    return function_signature(known[module], _OWN[kind], name, skip=1)


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
    text = text_of(file)
    if re.search(rf"^(async )?def {attribute}\(", text, re.MULTILINE):
        return function_signature(file, attribute, name, skip=1)
    if re.search(rf"^class {attribute}\b", text, re.MULTILINE):
        return class_signature(file, attribute, name, skip=2)
    if re.search(rf"\b{attribute}\b", text):
        return Signature(name, {}, accepts_any=True, file=file)  # imported or made there: only running it tells
    _refuse_broken(file, text)
    defined = re.findall(r"^(?:def|class) ([^\W_]\w*)", text, re.MULTILINE)
    raise SettingsError(f"{file} has no '{attribute}'", hint=nearest(attribute, defined))


def _torchvision(name: str) -> Signature:
    files = _torchvision_files()
    short = name.partition(":")[2]
    if short not in files:
        raise SettingsError(f"torchvision.models has no '{printable(short)}'", hint=nearest(short, list(files)))
    file = files[short]
    own = function_signature(file, short, name, skip=0)
    parameters = dict(own.parameters)
    returned = re.search(
        rf"^def {short}\([^:]*?\) *-> *(\w+) *:|^def {short}\(.*?\) *-> *(\w+) *:",
        text_of(file),
        re.MULTILINE | re.DOTALL,
    )
    if own.accepts_any and returned:
        inner = class_signature(file, returned[1] or returned[2], name)
        parameters |= {n: p for n, p in inner.parameters.items() if p.has_default}
    return _settable(Signature(name, parameters, accepts_any=False, file=file, doc=own.doc), "torchvision")


def _settable(signature: Signature, kind: str) -> Signature:
    """Without the arguments that the engine itself gives."""
    kept = {name: p for name, p in signature.parameters.items() if name not in _NOT_SETTABLE[kind]}
    return msgspec.structs.replace(signature, parameters=kept)
