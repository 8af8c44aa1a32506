"""Which score of a run is shown where there is room for one: that of its task, of whichever split is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable

FIRST = ("cer", "rmse", "bits_per_character", "accuracy")
"""What says most of a task, of each task one; classifiers have none of those before accuracy."""
ORDER = (
    *FIRST, "macro_f1", "balanced_accuracy", "macro_precision", "macro_recall", "weighted_f1", "auc",
    "perplexity", "token_accuracy", "texts", "r2", "mae", "loss",
)  # fmt: skip
"""In what order scores are told."""
UNSEEN = "_unseen"
"""What the name of a score ends with that leaves out samples standing in the train split too."""
LOWER = ("loss", "error", "perplexity", "bits_per_character", "cer", "wer", "rmse", "mae")
"""What the names of scores end with of which less is better."""
_SPLITS = ("train", "val", "test", "train_split")


def parted(metric: str) -> tuple[str, str]:
    """`val/accuracy` as its split and its name; no split where it is of none."""
    split, slash, name = metric.partition("/")
    return (split, name) if slash and (split in _SPLITS or is_validation(split)) else ("", metric)


def is_validation(split: str) -> bool:
    """Whether a split is the validation set, or one of several."""
    return split == "val" or split.startswith("val_")


def first_of(names: Collection[str], monitor: str = "") -> str:
    """The score that says most: that of the task, else what is monitored, else the loss; empty where there is none.

    Args:
        names: of the scores there are, without their split.
        monitor: what decides which checkpoint is the best.
    """
    return next((name for name in (*FIRST, parted(monitor)[1], "macro_f1", "r2", "loss") if name in names), "")


def told(names: Iterable[str]) -> list[str]:
    """Scores in the order they are told: each before itself without the samples that stand in the train split too."""
    known = list(dict.fromkeys(names))
    ordered = [base + ending for base in ORDER for ending in ("", UNSEEN) if base + ending in known]
    return ordered + [name for name in known if name not in ordered]


def smaller_is_better(metric: str) -> bool:
    """Whether less of a score is better, by its name."""
    return metric.removesuffix(UNSEEN).endswith(LOWER)


def score_on_test(metrics: Collection[str], monitor: str | None) -> str:
    """The name of the score on the test split that stands beside the best one; empty where there is none.

    Accuracy for classifiers; for the others what is monitored, so that both are of the same kind.
    """
    names = [name for metric in metrics for split, name in (parted(metric),) if split == "test"]
    wanted = parted(monitor or "")[1]
    first = first_of(names, wanted)
    name = wanted if first != "accuracy" and wanted in names else first
    return f"test/{name}" if name else ""
