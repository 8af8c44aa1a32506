"""Which score of a run is shown where there is room for one; the engine sorts and summarises by the same rules."""

from engine.scores import (
    FIRST,
    LOWER,
    ORDER,
    UNSEEN,
    first_of,
    is_validation,
    parted,
    score_on_test,
    smaller_is_better,
    told,
)

__all__ = [
    "FIRST",
    "LOWER",
    "ORDER",
    "UNSEEN",
    "first_of",
    "is_validation",
    "parted",
    "score_on_test",
    "smaller_is_better",
    "told",
]
