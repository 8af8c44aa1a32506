"""The state of the training loop in one block, saved with each checkpoint as it stands; and when things are due."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class LoopState:
    """All that changes from step to step, apart from weights and random states."""

    epoch: int = 0
    """Whole epochs done."""
    batch: int = 0
    """Batches of the present epoch done."""
    step: int = 0
    """Optimizer steps done."""
    samples: int = 0
    """Samples seen, repetitions included."""
    seconds: float = 0.0
    """Time spent training over all sittings."""
    evaluated_step: int = 0
    """The step last evaluated, so that a resumed run does not evaluate it again."""
    best: dict[str, Any] | None = None
    """{"monitor", "mode", "value", "epoch", "step"} of the best evaluation so far."""
    stopping_best: float | None = None
    """Early stopping: the best value it has seen."""
    stopping_stale: int = 0
    """Early stopping: evaluations since then."""
    metrics: dict[str, float] = field(default_factory=dict)
    """The newest value of each metric."""
    best_metrics: dict[str, float] = field(default_factory=dict)
    """The best value of each metric over all evaluations."""
    metrics_at_best: dict[str, float] = field(default_factory=dict)
    """The value of each metric at the evaluation that `best` tells of."""
    loss_sum: float = 0.0
    """Sum of the batch losses since the last evaluation, with their count: the train loss the diagnosis sees."""
    accuracy_sum: float = 0.0
    loss_count: int = 0
    accuracy_count: int = 0
    """The same for the share of right answers, where the task has it."""
    times: dict[str, float] = field(default_factory=dict)
    """Seconds that each part of the training has taken: data, forward, backward, update, evaluation, checkpoint."""
    lr: float | None = None
    """The learning rate that the last step was made with."""
    schedule_units: int = 0
    """Steps or epochs the scheduler has been advanced by."""
    findings: list[str] = field(default_factory=list)
    """Findings already told, so that none is told twice."""
    diagnosis: dict[str, float] = field(default_factory=dict)
    """What the diagnosis remembers from one evaluation to the next."""

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> LoopState:
        """The state with these saved values; unknown ones, of another version, are passed over."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in saved.items() if key in known})


@dataclass(frozen=True)
class Every:
    """How often something is done: every so many epochs or optimizer steps."""

    count: int
    unit: str
    """epoch | step"""

    def due(self, state: LoopState) -> bool:
        """Whether it is to be done now."""
        if self.unit == "step":
            return state.step > 0 and state.step % self.count == 0
        return state.batch == 0 and state.epoch > 0 and state.epoch % self.count == 0


def every(text: str) -> Every:
    """Read "10 epochs", "1 epoch", "500 steps".

    Raises:
        SettingsError: anything else.
    """
    from engine.rules import parse_every

    return Every(*parse_every(text))
