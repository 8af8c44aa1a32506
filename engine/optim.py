"""Building a run's optimizer, scheduler and loss from their tables, and calling them as cheaply as torch allows."""

from __future__ import annotations

import contextlib
import fnmatch
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from engine.errors import SettingsError, nearest

PER_STEP = frozenset({"OneCycleLR", "CyclicLR"})
"""Schedulers whose unit is an optimizer step; the others advance once an epoch unless `interval` says so."""

_FUNCTIONS = frozenset({"LambdaLR", "MultiplicativeLR"})


def build_optimizer(
    table: Mapping[str, Any], parameters: Iterable[tuple[str, torch.nn.Parameter]]
) -> torch.optim.Optimizer:
    """The torch.optim optimizer of a table, for the parameters that require gradients.

    Args:
        table: its name and arguments; `groups` is a list of tables, each with `params` and arguments of their own.
        parameters: of the model, with their names.

    Raises:
        SettingsError: there is no such optimizer, it refuses its arguments or the model's parameters, or a group's
            patterns fit none of them.
    """
    _spare_dynamo()
    name, arguments = _split(table, "optimizer")
    kind = _class(torch.optim, name, torch.optim.Optimizer, "optimizer")
    trained = [(own, p) for own, p in parameters if p.requires_grad]
    if not trained:
        raise SettingsError("the model has no trainable parameters", hint="there is nothing for an optimizer to do")
    groups = _grouped(trained, arguments.pop("groups", None) or [])
    try:
        built: torch.optim.Optimizer = kind(groups, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SettingsError(f"optimizer {name}: {error}", hint=_own_arguments(kind)) from error
    if all(p.device.type == "cpu" for _, p in trained):
        for group in built.param_groups:
            if group.get("foreach", True) is None:
                group["foreach"] = False  # what torch comes to on a CPU, after asking each tensor at each step
    return built


def _grouped(trained: list[tuple[str, torch.nn.Parameter]], wanted: list[dict[str, Any]]) -> list[Any]:
    """The parameters as torch takes them: those of each group with its own arguments, first match first; then the rest,
    which leads the list because its rate is the one that is shown."""
    left = list(trained)
    groups: list[dict[str, Any]] = []
    for number, given in enumerate(wanted):
        patterns = given["params"] if isinstance(given["params"], list) else [given["params"]]
        taken = [(name, p) for name, p in left if any(matches(name, p, pattern) for pattern in patterns)]
        if not taken:
            raise SettingsError(
                f"optimizer.groups: no trained parameter is left for group {number + 1}, {', '.join(patterns)}",
                hint=f"the model's parameters: {', '.join(name for name, _ in trained[:12])}"
                f"{', …' if len(trained) > 12 else ''}",
            )
        names = {name for name, _ in taken}
        left = [(name, p) for name, p in left if name not in names]
        groups.append({**given, "params": [p for _, p in taken]})
    if not groups:
        return [p for _, p in left]
    return [{"params": [p for _, p in left]}, *groups] if left else groups


def matches(name: str, parameter: torch.Tensor, pattern: str) -> bool:
    """Whether a parameter is meant by a pattern: its name with * and ?, or "1d" for biases and norms."""
    return parameter.dim() <= 1 if pattern == "1d" else fnmatch.fnmatchcase(name, pattern)


def _spare_dynamo() -> None:
    """Keep four methods of the optimizers from importing torch's compiler, which takes longer than many a run.

    They are wrapped to be left out of compilation, and the wrapper is made at the first call. Nothing is compiled here:
    the plain function will do.
    """
    for name in ("add_param_group", "state_dict", "load_state_dict", "zero_grad"):
        plain = inspect.unwrap(getattr(torch.optim.Optimizer, name))
        plain.__dict__.setdefault("__dynamo_disable", plain)


def step_function(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """A function that does one optimizer step, its gradients being there.

    For torch's own optimizers the step itself, without the wrappers for profiling and compilation: they cost as much as
    a small model's whole update, and import the compiler.
    """
    kind = type(optimizer)
    plain = inspect.unwrap(kind.step)
    own = kind.__module__.split(".")[:2] == ["torch", "optim"]
    if not own or optimizer.defaults.get("differentiable") or list(inspect.signature(plain).parameters)[:1] != ["self"]:
        return optimizer.step
    optimizer._opt_called = True  # type: ignore[attr-defined]  # else every scheduler would warn of a missing step

    @torch.no_grad()
    def step() -> None:
        plain(optimizer)

    return step


def needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a step evaluates the loss several times (LBFGS)."""
    return isinstance(optimizer, torch.optim.LBFGS)


class Schedule:
    """A torch scheduler with the moments it is advanced at."""

    def __init__(self, scheduler: Any, interval: str, units: int | None) -> None:
        self.scheduler = scheduler
        self.interval = interval
        """epoch | step | metric (ReduceLROnPlateau: after each evaluation)"""
        self.units = units
        """So many units were fitted to the run's length; beyond them the rate stays."""

    def advance(self, done: int, metric: float | None = None) -> None:
        """Advance by one unit, `done` units having been done before."""
        if self.units is not None and done >= self.units:
            return
        with warnings.catch_warnings():
            # with loss scaling the very first optimizer step may be left out, which torch takes for a wrong order
            warnings.filterwarnings("ignore", message="(Detected call of|Seems like)", category=UserWarning)
            if self.interval == "metric":
                self.scheduler.step(metric)
            else:
                self.scheduler.step()

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"state": self.scheduler.state_dict(), "units": self.units}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a kept state."""
        self.scheduler.load_state_dict(state["state"])
        self.units = state["units"]


def build_schedule(
    table: Mapping[str, Any] | None,
    optimizer: torch.optim.Optimizer,
    *,
    steps: int | None,
    epochs: int | None,
    mode: str,
) -> Schedule | None:
    """The scheduler of a table.

    Args:
        table: its settings; None for a constant rate.
        optimizer: what it acts on.
        steps: the run's optimizer steps; None when only time ends it.
        epochs: the run's epochs, begun ones included.
        mode: "max" or "min", of the metric that ReduceLROnPlateau watches.

    Raises:
        SettingsError: there is no such scheduler, it refuses its arguments, or needs what settings cannot hold.
    """
    if table is None:
        return None
    name, arguments = _split(table, "scheduler")
    if name in _FUNCTIONS:
        raise SettingsError(
            f"scheduler {name} takes a Python function, which neither settings nor a checkpoint can hold",
            hint="StepLR, MultiStepLR, LinearLR or CosineAnnealingLR may do the same",
        )
    kind = _class(torch.optim.lr_scheduler, name, torch.optim.lr_scheduler.LRScheduler, "scheduler")
    own = "metric" if name == "ReduceLROnPlateau" else "step" if name in PER_STEP else "epoch"
    interval = arguments.pop("interval", own) if own != "metric" else own
    if name == "ReduceLROnPlateau":
        arguments.pop("interval", None)
        arguments["mode"] = table.get("mode") or mode
    units = _fit(name, kind, arguments, steps if interval == "step" else epochs)
    try:
        return Schedule(kind(optimizer, **arguments), interval, units)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise SettingsError(f"scheduler {name}: {error}", hint=_own_arguments(kind)) from error


def _fit(name: str, kind: type, arguments: dict[str, Any], length: int | None) -> int | None:
    """Fill in the arguments that mean the length of the run; returns it where one was filled in."""
    parameters = inspect.signature(kind).parameters
    wanted = [key for key in ("total_steps", "T_max") if key in parameters and arguments.get(key) == "auto"]
    if "T_max" in parameters and arguments.get("T_max") is None:
        wanted.append("T_max")
    if name == "OneCycleLR" and not any(arguments.get(key) for key in ("total_steps", "epochs", "steps_per_epoch")):
        wanted.append("total_steps")
    if not wanted:
        return arguments.get("total_steps") if name == "OneCycleLR" else None
    if length is None:
        raise SettingsError(
            f"scheduler {name}: {wanted[0]} cannot be fitted to a run without an end",
            hint=f"give train.epochs or train.steps, or a number for {wanted[0]}",
        )
    arguments.update(dict.fromkeys(wanted, max(1, length)))
    return max(1, length)


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate of the first group."""
    return float(optimizer.param_groups[0]["lr"])


def warmup_factor(step: int, steps: int) -> float:
    """What the learning rate of the step after `step` ones is multiplied by, where the first `steps` warm it up."""
    return 1.0 if step >= steps else (step + 1) / steps


@contextlib.contextmanager
def warmed_up(optimizer: torch.optim.Optimizer, step: int, steps: int) -> Iterator[None]:
    """The rates of the step after `step` ones; afterwards they are as they were, so that schedulers see none of it."""
    rates = [group["lr"] for group in optimizer.param_groups]
    factor = warmup_factor(step, steps)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take up a kept state exactly: torch casts what it loads to the parameters' type, which some states do not have.

    Raises:
        SettingsError: the state is another optimizer's or another model's.
    """
    _spare_dynamo()
    try:
        optimizer.load_state_dict(saved)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise SettingsError(f"the optimizer's state does not fit: {error}") from error
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, state in saved["state"].items():
        parameter = parameters[index]
        for key, value in state.items() if isinstance(state, dict) else ():
            loaded = optimizer.state[parameter].get(key)
            if isinstance(value, torch.Tensor) and isinstance(loaded, torch.Tensor) and loaded.dtype != value.dtype:
                optimizer.state[parameter][key] = value.to(loaded.device)


def _split(table: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    arguments = dict(table)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise SettingsError(f"{kind} has no name")
    return name, arguments


def _class(module: Any, name: str, base: type, kind: str) -> Any:
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, base) or found is base or name.startswith("_"):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, base)]
        raise SettingsError(f"there is no {kind} {name!r} in torch", hint=nearest(name, known))
    return found


def _own_arguments(kind: type) -> str:
    names = [key for key in inspect.signature(kind).parameters if key not in ("params", "optimizer", "last_epoch")]
    return "its arguments: " + ", ".join(names)
