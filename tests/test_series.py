"""Series on disk: names, appends that survive kills and full disks, and cutting without loss."""

from __future__ import annotations

import errno
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.series import RECORD, SeriesWriter, cut_series, list_series, read_records, series_name, series_path
from tests.helpers import environment, wait_until


def filled(folder: Path, name: str, steps: int) -> Path:
    """A series with the steps 1 to `steps`."""
    with SeriesWriter(folder) as writer:
        for step in range(1, steps + 1):
            writer.log(step, {name: step / 2}, time=float(step))
    return series_path(folder, name)


part = st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text and text.isprintable() and text.strip())


@given(st.lists(part, min_size=1, max_size=3).map("/".join))
def test_every_name_has_a_file_of_its_own_below_the_folder(name: str) -> None:
    folder = Path("/somewhere/series")
    path = series_path(folder, name)
    assert series_name(folder, path) == name
    assert ".." not in path.parts
    assert path.is_relative_to(folder)
    assert not any(part.startswith(".") for part in path.relative_to(folder).parts), "hidden files are not listed"


@pytest.mark.parametrize("name", ["", "/", "a//b", "/a", "a/"])
def test_names_with_empty_parts_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError):
        series_path(tmp_path, name)


def test_points_are_in_the_file_when_log_returns(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path)
    before = time.time()
    writer.log(7, {"train/loss": math.nan, "../up": 1.0, ".cut/x": 2.0})
    assert list_series(tmp_path) == ["../up", ".cut/x", "train/loss"]
    (record,) = read_records(series_path(tmp_path, "train/loss"))
    assert record["step"] == 7
    assert before <= record["time"] <= time.time()
    assert math.isnan(record["value"])
    writer.close()
    assert len(read_records(tmp_path / "missing.f8")) == 0


def test_records_are_read_in_parts(tmp_path: Path) -> None:
    path = filled(tmp_path, "a", 10)
    assert read_records(path, 8)["step"].tolist() == [9, 10]
    assert read_records(path, 2, 3)["value"].tolist() == [1.5, 2.0, 2.5]
    assert len(read_records(path, 11)) == 0


def test_half_a_record_is_passed_over_and_mended(tmp_path: Path) -> None:
    path = filled(tmp_path, "a", 3)
    with open(path, "ab") as file:
        file.write(b"half a rec")
    assert len(read_records(path)) == 3
    with SeriesWriter(tmp_path) as writer:
        writer.log(4, {"a": 9.0})
    assert read_records(path)["step"].tolist() == [1, 2, 3, 4]


def test_a_killed_writer_leaves_every_point_readable(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.series import SeriesWriter\n"
        "w = SeriesWriter(Path(sys.argv[1]))\n"
        "for step in range(10**9): w.log(step, {'a': step, 'b': -step})"
    )
    writer = subprocess.Popen([sys.executable, "-P", "-c", code, str(tmp_path)], env=environment())
    wait_until(lambda: len(read_records(series_path(tmp_path, "b"))) > 1000, 30)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    a, b = read_records(series_path(tmp_path, "a")), read_records(series_path(tmp_path, "b"))
    assert len(a) - len(b) in (0, 1), "at most the point that was being written is missing"
    assert np.array_equal(a["step"], np.arange(len(a)))
    assert np.array_equal(b["value"], -np.arange(len(b), dtype=float))


def test_a_full_disk_is_an_error_and_leaves_whole_records(tmp_path: Path) -> None:
    """A limit on file sizes cuts a write short in the middle of a record, as a full disk does."""
    code = (
        "import sys, resource; from pathlib import Path; from engine.series import SeriesWriter\n"
        "w = SeriesWriter(Path(sys.argv[1])); resource.setrlimit(resource.RLIMIT_FSIZE, (100, -1))\n"
        "try:\n    for step in range(9): w.log(step, {'a': 1.0})\n"
        "except OSError as error: print(step, error.errno)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path)], env=environment(), capture_output=True, text=True, check=True
    )
    step, number = done.stdout.split()
    assert step == "4"
    assert int(number) in (errno.ENOSPC, errno.EFBIG)
    path = series_path(tmp_path, "a")
    assert path.stat().st_size == 4 * RECORD.size
    with SeriesWriter(tmp_path) as writer:
        writer.log(4, {"a": 2.0})
    assert read_records(path)["step"].tolist() == [0, 1, 2, 3, 4]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100


def test_cutting_keeps_the_old_files_whole(tmp_path: Path) -> None:
    path, other, late = filled(tmp_path, "train/loss", 10), filled(tmp_path, "val/loss", 4), filled(tmp_path, "late", 2)
    with SeriesWriter(tmp_path) as writer:
        writer.log(50, {"only/later": 1.0})
    open_before = os.open(path, os.O_RDONLY)
    attic = cut_series(tmp_path, 4)
    assert attic == tmp_path / ".cut" / "1"
    assert os.fstat(open_before).st_size == 10 * RECORD.size, "no reader sees a file shrink"
    os.close(open_before)
    assert read_records(path)["step"].tolist() == [1, 2, 3, 4] == read_records(other)["step"].tolist()
    assert len(read_records(attic / "train" / "loss.f8")) == 10
    assert len(read_records(late)) == 2
    assert list_series(tmp_path) == ["late", "train/loss", "val/loss"], "nothing is left of what came later"
    assert len(read_records(attic / "only" / "later.f8")) == 1
    assert cut_series(tmp_path, 4) is None
    assert cut_series(tmp_path, 2) == tmp_path / ".cut" / "2"


def test_a_kill_while_cutting_leaves_each_series_old_or_new(tmp_path: Path) -> None:
    names = [f"s/{number:03d}" for number in range(300)]
    with SeriesWriter(tmp_path) as writer:
        for step in range(1, 6):
            writer.log(step, dict.fromkeys(names, 1.0))
    code = (
        "import sys; from pathlib import Path; from engine.series import cut_series; print('go', flush=True);"
        "cut_series(Path(sys.argv[1]), 3)"
    )
    cutter = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path)], env=environment(), stdout=subprocess.PIPE, text=True
    )
    wait_until(lambda: (tmp_path / ".cut" / "1").exists(), 30)
    cutter.send_signal(signal.SIGKILL)
    cutter.communicate()
    lengths = {name: len(read_records(series_path(tmp_path, name))) for name in names}
    assert set(lengths.values()) <= {3, 5}
    cut_series(tmp_path, 3)
    assert {len(read_records(series_path(tmp_path, name))) for name in names} == {3}
    kept = [path for path in (tmp_path / ".cut").rglob("*.f8") if len(read_records(path)) == 5]
    assert len({path.name for path in kept}) == len(names), "every old file is kept whole somewhere"


def test_cutting_works_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    path = filled(tmp_path, "a", 5)
    monkeypatch.setattr(os, "link", refuse)
    attic = cut_series(tmp_path, 2)
    assert attic is not None
    assert len(read_records(path)) == 2
    assert len(read_records(attic / "a.f8")) == 5


def test_importing_and_writing_series_needs_no_numpy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import engine.series as s; folder = Path(sys.argv[1]);"
        "s.SeriesWriter(folder).log(1, {'a': 1}); print(s.list_series(folder), 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path)], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['a'] False"
