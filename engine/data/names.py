"""Surnames of 18 languages, spelt in Latin letters; nearly half of them Russian."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

from engine.data_folder import require, verify
from engine.dataset import Dataset
from engine.errors import DataError
from engine.sequences import text_dataset

ADDRESS = "https://raw.githubusercontent.com/hunkim/PyTorchZeroToAll/master/data/"
FILES = ("names/names_train.csv.gz", "names/names_test.csv.gz")
SHA256 = {
    "names_train.csv.gz": "49b4bf41dce5bfeac989b46ca37cf7baccd9a0d2a855df82f86de67a9376268f",
    "names_test.csv.gz": "57d7758db533a42c99d513b2341a7e7b0f55c1e0e7d233b1ef6a4fa2f1adf753",
}


def load(root: Path) -> Dataset:
    """Surnames of 18 languages, 13,374 to train and 6,700 to test; nearly half of them Russian.

    Args:
        root: the data folder; names/names_train.csv.gz and names_test.csv.gz are downloaded into it when absent.

    Raises:
        DataError: a file is absent and cannot be downloaded, or is damaged.
    """
    train, test = (_rows(root, relative) for relative in FILES)
    return text_dataset({"train": train, "test": test})


def _rows(root: Path, relative: str) -> list[tuple[str, str]]:
    name = Path(relative).name
    url, sha256 = ADDRESS + name, SHA256[name]
    otherwise = 'try the generated stand-in: data.name = "names-demo"'
    path = require(root, relative, url, sha256=sha256, otherwise=otherwise)
    try:
        packed = path.read_bytes()
        verify(path, packed, url, sha256=sha256)
        text = gzip.decompress(packed).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="delete it and run again") from error
    return [(name, language) for name, language in csv.reader(io.StringIO(text))]
