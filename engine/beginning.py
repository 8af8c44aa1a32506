"""Where a sitting begins: at the run's own last checkpoint, at another run's, or at the start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch

from engine import checkpoint, provenance
from engine.checkpoint import Loaded
from engine.checkpoints import list_checkpoints, parse_reference, set_link, sweep_leftovers
from engine.errors import RunError, SettingsError
from engine.extremes import from_events
from engine.layer_series import cut_layers
from engine.loop_state import LoopState
from engine.optim import learning_rate, restore_optimizer
from engine.origins import weights_file, weights_of
from engine.parts import prefix_of
from engine.randomness import restore_random_states
from engine.runs import Run, RunsFolder, append_event, read_events
from engine.series import cut_series
from engine.session import Session
from engine.settings import Settings


def begin(session: Session) -> None:
    """Bring a session to where it goes on from, cutting off what was logged after that.

    Raises:
        EngineError: another run's checkpoint was asked for and is missing, damaged, or does not fit.
        OSError: the disk is full or the folder is not writable.
    """
    sweep_leftovers(session.paths)
    own = _newest_whole(session)
    if own is not None:
        _restore(session, own, source=session.paths.id)
        session.saved_step = own.step
        _recall_extremes(session)
        _repair_links(session)
    elif session.info.parent:
        _continue_parent(session, session.info.parent)
    elif session.settings.init_from:
        _take_weights(session, session.settings.init_from)
        if session.average is not None:
            session.average.restore(session.model.state_dict())
    started_before = session.paths.events.exists() and session.paths.series.exists()
    _cut(session)
    if own is not None or started_before:
        source = own.folder.name if own is not None else session.info.parent or "the start"
        append_event(session.paths, "resumed", step=session.loop.step, epoch=session.epochs_done, **{"from": source})
        print(f"going on from {source}, step {session.loop.step:,}", flush=True)
    else:
        append_event(session.paths, "started", device=str(session.parts.device), seed=session.settings.seed)
    if session.loop.step:
        _tell_short_schedule(session)
    _tell_changed_code(session)


def _tell_changed_code(session: Session) -> None:
    """A module that was edited after the launch, in a queue or before a resume, is not the one that is recorded."""
    info = session.info
    changed = provenance.changed_code(info.code, info.settings, Path(info.folder or ".")) if info.code else []
    if changed:
        _warn(session, f"{', '.join(changed)}: edited since the launch; what trains is not the code that is recorded")


def _tell_short_schedule(session: Session) -> None:
    """A schedule fitted to a length is over before the end of a run that goes on for longer: the rate stays."""
    schedule, end = session.schedule, session.limits.steps
    if schedule is None or schedule.units is None:
        return
    fitted = schedule.units * (1 if schedule.interval == "step" else session.steps_per_epoch)
    length = f"the schedule was fitted to {schedule.units:,} {schedule.interval}s"
    own = "a new run with init_from has one of its own"
    if session.loop.step >= fitted:
        rate = learning_rate(session.optimizer)
        _warn(session, f"the learning rate stays at {rate:.3g}: {length} and is over; {own}")
    elif end is None or end > fitted:
        at = f"{schedule.interval} {schedule.units:,}"
        _warn(session, f"from {at} on the learning rate stays as it is then: {length}; {own}")


def _cut(session: Session) -> None:
    """Drop what was logged after the checkpoint, and an evaluation at its very step that it does not know of."""
    series, loop = session.paths.series, session.loop
    cut_series(series, loop.step)
    cut_layers(series, loop.step)
    if loop.evaluated_step != loop.step:
        for split in session.parts.splits:
            cut_series(series / prefix_of(split), loop.step - 1)


def _newest_whole(session: Session) -> Loaded | None:
    """The newest checkpoint that is undamaged; each damaged one is told of."""
    for info in reversed(list_checkpoints(session.paths)):
        try:
            return checkpoint.load(info.folder)
        except RunError as error:
            append_event(session.paths, "warning", message=f"{error.message}; the checkpoint before it is taken")
            print(f"warning: {error.message}", flush=True)
            info.folder.rename(info.folder.with_name(f".damaged-{info.folder.name}"))
    return None


def _restore(session: Session, loaded: Loaded, source: str) -> None:
    checkpoint.load_weights(session.model, loaded.model, source)
    training = loaded.training
    if session.average is not None:
        session.average.restore(session.model.state_dict())
    if training.get("weights") is not None:
        checkpoint.load_weights(session.model, training["weights"], source)
    restore_optimizer(session.optimizer, training["optimizer"])
    if session.schedule is not None and training["schedule"] is not None:
        session.schedule.restore(training["schedule"])
    if session.stepper.scaler is not None and training["scaler"] is not None:
        session.stepper.scaler.load_state_dict(training["scaler"])
    if session.parts.device.type == "cpu":
        torch.set_num_threads(training["threads"])
    restore_random_states(training["random"], session.parts.device)
    session.loop = LoopState.restored(loaded.loop)


def _recall_extremes(session: Session) -> None:
    """A checkpoint of a version that did not keep the best values leaves them to the events before it."""
    loop = session.loop
    if loop.evaluated_step and not loop.best_metrics:
        events = [event for event in read_events(session.paths)[0] if (event.get("step") or 0) <= loop.step]
        loop.best_metrics, loop.metrics_at_best = from_events(events, (loop.best or {}).get("step"))


def _repair_links(session: Session) -> None:
    """A kill may have come between a checkpoint and the symlinks to it."""
    by_step = {info.step: info for info in list_checkpoints(session.paths)}
    best = session.loop.best
    assert session.saved_step is not None
    set_link(session.paths, "last", by_step[session.saved_step].folder.name)
    if best is not None and best["step"] in by_step:
        set_link(session.paths, "best", by_step[best["step"]].folder.name)


def _continue_parent(session: Session, reference: str) -> None:
    """Take everything over from another run, then let this run's own settings win where they differ."""
    run_id, name = parse_reference(reference)
    runs = RunsFolder(session.paths.folder.parent)
    parent = runs.find(run_id)
    info, loaded = checkpoint.load_named(parent.paths, name)
    before = _settings_of(parent)
    fresh = {key: group.copy() for key, group in enumerate(session.optimizer.param_groups)}
    same_optimizer = before.optimizer.get("name") == session.settings.optimizer.get("name")
    same_schedule = before.scheduler == session.settings.scheduler
    initial = session.optimizer.state_dict()
    if not same_schedule or session.schedule is None:
        loaded.training["schedule"] = None
    if (session.stepper.scaler is None) != (loaded.training["scaler"] is None):
        loaded.training["scaler"] = None
    if not same_optimizer:
        _warn(session, f"{run_id} used {before.optimizer.get('name')}: the optimizer's state begins anew")
        loaded.training["optimizer"] = initial
    if not same_schedule:
        _warn(session, f"the scheduler is not that of {run_id}: it begins anew")
    _restore(session, loaded, f"{run_id}:{info.folder.name}")
    _apply_own(session, before, fresh, same_schedule)
    _forget_standing(session.loop, same_schedule)


def _settings_of(run: Run) -> Settings:
    try:
        return msgspec.convert(run.info.settings, Settings)
    except msgspec.ValidationError:
        return Settings()


def _apply_own(session: Session, before: Settings, fresh: dict[int, dict[str, object]], same_schedule: bool) -> None:
    """Arguments of the optimizer that this run gives otherwise than its parent did."""
    own, theirs = session.settings.optimizer, before.optimizer
    changed = {key for key in own if own[key] != theirs.get(key) and key != "name"}
    if not same_schedule:
        changed |= {"lr", "initial_lr"}
    for number, group in enumerate(session.optimizer.param_groups):
        for key in changed:
            if key in fresh[number]:
                group[key] = fresh[number][key]
    if "lr" in changed and same_schedule and session.schedule is not None:
        scheduler = session.schedule.scheduler
        if hasattr(scheduler, "base_lrs"):
            scheduler.base_lrs = [group["lr"] for group in session.optimizer.param_groups]


def _forget_standing(loop: LoopState, same_schedule: bool) -> None:
    """What the parent had reached is its own: its best checkpoint does not lie in this run's folder."""
    loop.best, loop.stopping_best, loop.stopping_stale = None, None, 0
    loop.best_metrics, loop.metrics_at_best = {}, {}
    loop.seconds, loop.findings, loop.diagnosis = 0.0, [], {}
    loop.evaluated_step = loop.step
    if not same_schedule:
        loop.schedule_units = 0


def _take_weights(session: Session, reference: str) -> None:
    if reference.endswith(".safetensors"):
        folder = Path(session.info.folder) if session.info.folder else Path.cwd()
        _take_fitting(session, weights_file(reference, folder))
        return
    run, name = weights_of(RunsFolder(session.paths.folder.parent), reference)
    info, loaded = checkpoint.load_named(run.paths, name, weights_only=True)
    checkpoint.load_weights(session.model, loaded.model, f"{run.id}:{info.folder.name}")
    print(f"weights of {run.id}, {info.folder.name}", flush=True)


def _take_fitting(session: Session, file: Path) -> None:
    """The weights of a file, pretrained elsewhere; layers of another shape, such as the last one, keep their own."""
    given = checkpoint.read_weights(file)
    own = session.model.state_dict()
    fitting = {name: value for name, value in given.items() if name in own and value.shape == own[name].shape}
    if not fitting:
        raise SettingsError(
            f"init_from: {file} has no weights of this model",
            hint=f"the file has {', '.join(list(given)[:4])} …; the model {', '.join(list(own)[:4])} …",
        )
    session.model.load_state_dict(fitting, strict=False)
    left = [name for name in own if name not in fitting]
    print(f"weights of {file}: {len(fitting)} of {len(own)} tensors", flush=True)
    if left:
        shown = ", ".join(left[:6]) + (", …" if len(left) > 6 else "")
        _warn(session, f"not in {file.name}, or of another shape there, so begun anew: {shown}")


def _warn(session: Session, message: str) -> None:
    append_event(session.paths, "warning", message=message, step=session.loop.step)
    print(f"warning: {message}", flush=True)
