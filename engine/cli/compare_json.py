"""A comparison of runs as an object for `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.class_scores import ClassComparison, changes
from engine.code_diff import CodeDiff
from engine.paired_answers import ModelTest
from engine.scored import SCORES
from engine.significance import Significance


def as_object(
    result: dict[str, Any],
    tested: Significance,
    models: Sequence[ModelTest],
    by_class: ClassComparison | None,
    code: Sequence[CodeDiff] | None,
) -> dict[str, Any]:
    """Everything: `classes` and `code` only where they were asked for."""
    found = {**result, "significance": _significance(tested), "models": [_model(test) for test in models]}
    if by_class is not None:
        found["classes"] = _classes(by_class)
    if code is not None:
        found["code"] = [msgspec.to_builtins(diff) for diff in code]
    return found


def _significance(found: Significance) -> dict[str, Any]:
    groups = [
        {**msgspec.to_builtins(group),
         "metrics": {key: {"mean": group.mean(key), "deviation": group.deviation(key)} for key in group.values}}
        for group in found.groups
    ]  # fmt: skip
    return {"groups": groups, "tests": [msgspec.to_builtins(test) for test in found.contrasts], "told": found.told}


def _model(test: ModelTest) -> dict[str, Any]:
    return {**msgspec.to_builtins(test), "verdict": test.verdict}


def _classes(found: ClassComparison) -> dict[str, Any]:
    runs = [one.run for one in found.scored]
    base = found.of(found.base)
    compared = [one for one in found.scored if base is not None and one is not base and one.run not in found.refused]
    return {
        "split": found.split,
        "missing": found.missing,
        "refused": found.refused,
        "told": found.told,
        "scores": {
            name: {run: {score: found.value(run, name, score) for score in (*SCORES, "support")} for run in runs}
            for name in found.classes
        },
        "deltas": {
            name: {one.run: {score: found.difference(one.run, name, score) for score in SCORES} for one in compared}
            for name in found.classes
        },
        "confusion": {
            one.run: [msgspec.to_builtins(change) for change in changes(base, one)] for one in compared if base
        },
    }
