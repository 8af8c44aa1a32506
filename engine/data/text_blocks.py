"""Any text as blocks of characters, each to be predicted from those before it in its block."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data_folder import absent, locate
from engine.dataset import Dataset, Split
from engine.errors import DataError, SettingsError
from engine.sequences import encode_texts, tokens, vocabulary_of
from engine.stratify import share_of

TASK = "next_token"
ADDRESS = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
FILES = ("text/shakespeare.txt.gz",)

_DEFAULT = "text/shakespeare.txt.gz"
_MOST_BYTES = 64 * 2**20
_MOST_TOKENS = 100_000_000
"""Of all blocks together; inputs and labels take 16 bytes for each."""
_LONGEST = 1_000_000
_ONE_BLOCK = "the text fits into one block, which is the train and the test split: scores say what was learnt by heart"

Tokens = NDArray[np.int64]


def load(
    root: Path,
    *,
    path: str = "text/shakespeare.txt.gz",
    text: str | None = None,
    block: int = 128,
    stride: int | None = None,
    test_share: float = 0.1,
    validation_share: float = 0.1,
) -> Dataset:
    """A text cut into blocks of characters: at each character, the next one is to be predicted.

    The text's end is the test split, what comes before it the validation split, the rest the train split: three
    pieces as they stand in the text, so that no block of one lies between blocks of another. The vocabulary is the
    train split's. The last block of a split may be shorter.

    Args:
        root: the data folder, which a relative path starts from.
        path: a text file in UTF-8, plain or gzip.
        text: the text itself instead of a file. One that fits into a single block is the train and the test split.
        block: characters in a block.
        stride: characters from the start of a train block to that of the next; `block` when absent. Blocks of the
            other splits never overlap.
        test_share: share of the text, at its end, that is the test split.
        validation_share: share of the rest, at its end, that is the validation split; with 0 there is none.

    Raises:
        DataError: the file is missing, no text, too large or too short.
        SettingsError: an argument out of its range.
    """
    stride = block if stride is None else stride
    _check(block, stride, test_share, validation_share)
    content = _read(root, path) if text is None else text
    where = f"the text of {path}" if text is None else "data.text"
    _check_length(content, where, block, given=text is not None)
    if text is not None and len(text) <= block + 1:
        parts, note = {"train": text, "test": text}, _ONE_BLOCK
    else:
        parts, note = _parts(content, test_share, validation_share), ""
    # a replacement character is what an unknown one is shown as: it is no character of its own
    vocabulary = vocabulary_of([parts["train"].replace("\N{REPLACEMENT CHARACTER}", "")])
    block = min(block, max(len(part) for part in parts.values()) - 1)
    splits = {
        name: _blocks(_tokens(part, vocabulary), block, min(stride, block) if name == "train" else block)
        for name, part in parts.items()
    }
    return Dataset(
        "sequence",
        splits,
        vocabulary,
        vocabulary=vocabulary,
        note=note,
        encode=lambda given: _encode(given, vocabulary),
    )


def _check(block: int, stride: int, test_share: float, validation_share: float) -> None:
    where = "data set 'text_blocks'"
    if not 1 <= block <= _LONGEST:
        raise SettingsError(f"{where}: block = {block}; it must be from 1 to {_LONGEST:,} characters")
    if not 1 <= stride <= block:
        raise SettingsError(
            f"{where}: stride = {stride}; it must be from 1 to block ({block})",
            hint="a larger one would leave characters out",
        )
    if not 0 < test_share < 1:
        raise SettingsError(f"{where}: test_share = {test_share}; it is a share of the text, above 0 and below 1")
    if not 0 <= validation_share < 1:
        raise SettingsError(f"{where}: validation_share = {validation_share}; it is a share from 0 to below 1")


# ---------------------------------------------------------------------------------------------------------------- text


def _read(root: Path, path: str) -> str:
    found = locate(path, root)
    if found is None:
        hint = "set data.path to a text file: absolute, or relative to one of the two"
        if path == _DEFAULT:
            hint = f"download {ADDRESS}, pack it with gzip and name it {root / path}; or set data.path to any text file"
        raise DataError(absent("file", path, root), hint=hint)
    content = _bytes(found)
    try:
        return content.decode("utf-8").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{found} is not UTF-8: byte {error.start:,} (of the text, from 0) is 0x{content[error.start]:02x}",
            hint="save it as UTF-8, such as by: iconv -f latin1 -t utf-8 FILE",
        ) from None


def _bytes(path: Path) -> bytes:
    """The content of a file, unpacked where it is gzip's; no more of it than the limit."""
    try:
        with open(path, "rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"  # no UTF-8 text begins so
        with gzip.open(path) if packed else open(path, "rb") as file:
            content: bytes = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="check the file, or set data.path to another") from None
    if len(content) > _MOST_BYTES:
        raise DataError(
            f"{path} holds more than {_MOST_BYTES // 2**20} MiB of text, the most that is read",
            hint="cut it, or set data.path to a smaller one",
        )
    return content


def _check_length(content: str, where: str, block: int, *, given: bool) -> None:
    if not content:
        raise DataError(f"{where} is empty", hint="give a text of at least two characters")
    if len(content) < 2 or (not given and len(content) <= block):
        needed = 2 if given else block + 1
        raise DataError(
            f"{where} has {len(content):,} character{'s' if len(content) != 1 else ''}; "
            + ("there is none to predict" if given else f"a block of {block:,} and the one after it need {needed:,}"),
            hint="give a longer text" if len(content) < 2 else f"set data.block to {len(content) - 1} or less",
        )


def _parts(content: str, test_share: float, validation_share: float) -> dict[str, str]:
    """The text of each split."""
    before_test = len(content) - share_of(len(content), test_share)
    train = before_test - share_of(before_test, validation_share)
    parts = {"train": content[:train], "validation": content[train:before_test], "test": content[before_test:]}
    if not validation_share:
        del parts["validation"]
    for name, part in parts.items():
        if len(part) < 2:
            raise DataError(
                f"the {name} split would have {len(part)} of the {len(content):,} characters; it needs 2",
                hint="give a longer text, or change data.test_share and data.validation_share",
            )
    return parts


# -------------------------------------------------------------------------------------------------------------- blocks


def _tokens(text: str, vocabulary: tuple[str, ...]) -> Tokens:
    rows, _ = tokens([text], vocabulary, len(text))
    return rows.reshape(-1)


def _blocks(text: Tokens, block: int, stride: int) -> Split:
    """Tokens (n,) as blocks: inputs and, one further, labels, both (blocks, block) and 0 behind their lengths."""
    last = len(text) - 1  # the last token follows, and is followed by none
    starts = np.arange(1 + math.ceil(max(0, last - block) / stride)) * stride
    if len(starts) * block > _MOST_TOKENS:
        raise DataError(
            f"{len(starts):,} blocks of {block:,} characters are more than {_MOST_TOKENS:,} in all",
            hint="set a larger data.stride, or a shorter text",
        )
    lengths = np.minimum(block, last - starts)
    inside = np.arange(block) < lengths[:, None]
    places = np.where(inside, starts[:, None] + np.arange(block), 0)
    inputs, labels = np.where(inside, text[places], 0), np.where(inside, text[places + 1], 0)
    return Split(inputs, labels, lengths=lengths, label_lengths=lengths)


def _encode(given: list[str], vocabulary: tuple[str, ...]) -> Split:
    """Texts from a command line as a split with labels 0.

    Raises:
        DataError: a text is empty, or has no character of the train split.
    """
    split = encode_texts(given, vocabulary)
    return Split(split.inputs, np.zeros_like(split.inputs), lengths=split.lengths, label_lengths=split.lengths)
