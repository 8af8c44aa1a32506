"""The real functions behind the names of data sets and models. Calling them may import torch and the user's code."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from engine import signatures
from engine.errors import EngineError, SettingsError, nearest
from engine.text import printable

if TYPE_CHECKING:
    import torch

    from engine.dataset import Dataset


def load_dataset_function(name: str, folder: Path) -> Callable[..., Dataset]:
    """The function that loads a data set: called with the data folder and the data set's own arguments.

    Args:
        name: a module of engine/data, or `package.module:callable`.
        folder: where the user's modules are; appended to sys.path.

    Raises:
        SettingsError: there is none of that name, or the user's module cannot be imported: which file, which line, why.
    """
    return _function("data", "load", name, folder)


def load_model_function(name: str, folder: Path) -> Callable[..., torch.nn.Module]:
    """The function that builds a model: called with an `InputSpec` and the model's own arguments.

    Args:
        name: a module of engine/models, `torchvision:NAME`, or `package.module:callable`.
        folder: where the user's modules are; appended to sys.path.

    Raises:
        SettingsError: there is none of that name, or the user's module cannot be imported: which file, which line, why.
    """
    if name.startswith("torchvision:"):
        signatures.model(name, folder)  # an unknown name is told with the nearest known one
        from engine.torchvision_models import builder

        return builder(name.partition(":")[2])
    return _function("models", "build", name, folder)


def load_task_class(name: str, folder: Path) -> Callable[..., Any]:
    """The class of a task: called with a data set and a device.

    Args:
        name: a module of engine/tasks, or `package.module:Class`.
        folder: where the user's modules are; appended to sys.path.

    Raises:
        SettingsError: there is none of that name, or the user's module cannot be imported: which file, which line, why.
    """
    found = signatures.task(name, folder)
    if ":" in name:
        return _of_user(name, folder)
    from engine.task import Task

    module = importlib.import_module(f"engine.tasks.{found.name}")
    kinds = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Task)]
    own: Callable[..., Any] = next(kind for kind in kinds if kind.__module__ == module.__name__)
    return own


def _function(package: str, function: str, name: str, folder: Path) -> Callable[..., Any]:
    kind = "data" if package == "data" else "model"
    if ":" in name:
        return _of_user(name, folder)
    module = signatures.own_module(kind, name)
    if module is None:
        (signatures.dataset if kind == "data" else signatures.model)(name, folder)  # raises, naming the nearest
        raise SettingsError(f"there is no {kind} '{printable(name)}'")
    loaded: Callable[..., Any] = getattr(importlib.import_module(f"engine.{package}.{module}"), function)
    return loaded


def _of_user(name: str, folder: Path) -> Callable[..., Any]:
    module_name, attribute = signatures.split_spec(name)
    file = signatures.user_file(module_name, folder)
    if file is None:
        raise SettingsError(f"'{printable(name)}': there is no {module_name.replace('.', '/')}.py in {folder}")
    module = _import(module_name, file, folder)
    found = getattr(module, attribute, None)
    if found is None:
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise SettingsError(f"{file} has no '{attribute}'", hint=nearest(attribute, public))
    if not callable(found):
        raise SettingsError(f"'{attribute}' in {file} is not a function or class, but {type(found).__name__}")
    called: Callable[..., Any] = found
    return called


def _import(name: str, file: Path, folder: Path) -> ModuleType:
    """Import the user's module; a file of theirs is found even where an installed module has its name."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at the end: their random.py must not become everybody's random
    top = name.partition(".")[0]
    own = folder in file.parents
    _refuse_hidden(top, file, folder, own)
    try:
        if own and top not in sys.modules:
            _load_top(top, folder)
        return importlib.import_module(name)
    except EngineError:
        raise
    except Exception as error:  # whatever the user's module does wrong is told as that
        raise _import_error(name, file, folder, error) from error


def _refuse_hidden(top: str, file: Path, folder: Path, own: bool) -> None:
    loaded = sys.modules.get(top)
    if not own or loaded is None:
        return
    places = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", ())]
    if not any(place and folder in Path(place).parents for place in places):
        raise SettingsError(
            f"{file}: a module named '{top}' is part of the program or of Python", hint="give your file another name"
        )


def _load_top(top: str, folder: Path) -> None:
    spec = importlib.machinery.PathFinder.find_spec(top, [str(folder)])
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[top] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[top]
        raise


def _import_error(name: str, file: Path, folder: Path, error: Exception) -> SettingsError:
    if isinstance(error, SyntaxError) and error.filename:
        return SettingsError(f"{error.filename}:{error.lineno}: {printable(error.msg)}", hint="correct the file")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if folder in Path(frame.filename).parents]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(file)
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"install {error.name}, or put {error.name}.py into {folder}"
        return SettingsError(f"{place}: importing {name} failed: no module named '{error.name}'", hint=hint)
    return SettingsError(f"{place}: importing {name} failed: {type(error).__name__}: {printable(error)}")
