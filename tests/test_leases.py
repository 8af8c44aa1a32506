"""Leases and locks between real processes: one winner, gone with its holder, safe from other users."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import leases, locks
from engine.devices import Device
from engine.errors import NoDeviceError, RunError
from engine.runs import RunPaths
from tests.helpers import environment, wait_until

UUID = "GPU-11111111-2222-3333-4444-555555555555"
GPU = Device(name="cuda:0", kind="cuda", uuid=UUID, title="NVIDIA H200", index=0)
TAKE = f"""
import sys, time
from engine import leases
from engine.devices import Device
from engine.errors import NoDeviceError
gpu = Device(name="cuda:0", kind="cuda", uuid={UUID!r}, title="NVIDIA H200", index=0)
try:
    descriptor = leases.acquire(gpu, sys.argv[1], "/runs/" + sys.argv[1])
except NoDeviceError as error:
    print("refused", error.message, flush=True)
    sys.exit(4)
print("held", flush=True)
sys.stdin.read()
"""


def taker(run: str, **extra: str) -> subprocess.Popen[str]:
    """A process that takes the lease and keeps it until its standard input closes."""
    command = [sys.executable, "-P", "-c", TAKE, run]
    return subprocess.Popen(command, env=environment(**extra), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_thirty_at_once_one_wins() -> None:
    racers = [taker(f"e{number:04d}") for number in range(30)]
    words = [first_line(racer) for racer in racers]
    assert words.count("held") == 1
    winner = words.index("held")
    assert all(word.startswith("refused") for index, word in enumerate(words) if index != winner)
    for racer in racers:
        racer.communicate()
    with_lease = leases.acquire(GPU, "e0099", "/runs/e0099")
    os.close(with_lease)


def test_a_holder_is_named_and_its_death_frees_the_lease() -> None:
    process = taker("e0042")
    assert first_line(process) == "held"
    held = leases.holder(UUID)
    assert held is not None
    assert (held["run"], held["pid"]) == ("e0042", process.pid)
    with pytest.raises(NoDeviceError, match=rf"held by e0042 of \w+ \(process {process.pid}\)") as caught:
        leases.acquire(GPU, "e0043", "/runs/e0043")
    assert caught.value.exit_code == 4
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = time.monotonic()
    os.close(leases.acquire(GPU, "e0043", "/runs/e0043"))
    assert time.monotonic() - before < 0.5
    assert leases.holder(UUID) is None
    process.communicate()


def test_asking_who_holds_it_never_makes_a_taker_fail() -> None:
    asking = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from engine import leases\nwhile True: leases.holder({UUID!r})"],
        env=environment(),
    )
    os.close(leases.acquire(GPU, "a", "a"))
    for _ in range(200):
        os.close(leases.acquire(GPU, "a", "a"))
    asking.kill()
    asking.wait()


def test_a_child_forked_later_does_not_keep_it(tmp_path: Path) -> None:
    code = (
        f"import os, sys; os.environ[{locks.LEASE_VARIABLE!r}] = sys.argv[1]; from pathlib import Path;"
        "from engine import leases; from engine.runs import RunPaths; leases.hold(RunPaths(Path(sys.argv[2])))\n"
        "if os.fork() == 0: os.setsid()\n"
        "os.write(1, b'%d\\n' % os.getpid()); sys.stdin.read()"  # in one piece: two processes write
    )
    descriptor = leases.acquire(GPU, "e0001", tmp_path)
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(descriptor), str(tmp_path)],
        env=environment(), pass_fds=[descriptor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(descriptor)
    pids = {int(first_line(worker)), int(first_line(worker))}
    (child,) = pids - {worker.pid}
    assert leases.holder(UUID) is not None, "the worker holds what it was handed"
    with pytest.raises(RunError):
        locks.lock_run(RunPaths(tmp_path))
    os.kill(worker.pid, signal.SIGKILL)
    os.waitpid(worker.pid, 0)
    worker.returncode = -9
    assert Path(f"/proc/{child}").exists()
    os.close(leases.acquire(GPU, "e0002", tmp_path))
    os.close(locks.lock_run(RunPaths(tmp_path)))
    os.kill(child, signal.SIGKILL)
    worker.communicate()


def test_a_file_swapped_while_waiting_is_not_taken_for_the_lease() -> None:
    os.close(leases.acquire(GPU, "a", "a"))
    (folder,) = leases.folders()
    old = os.open(folder / UUID, os.O_RDONLY)
    fcntl.flock(old, fcntl.LOCK_EX)
    (folder / UUID).unlink()
    first = leases.acquire(GPU, "b", "b")
    with pytest.raises(NoDeviceError, match="held by b"):
        leases.acquire(GPU, "c", "c")
    os.close(old)
    os.close(first)


def test_the_folder_is_open_to_all_users_and_sticky() -> None:
    os.close(leases.acquire(GPU, "a", "a"))
    (folder,) = leases.folders()
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert (folder / UUID).stat().st_mode & 0o777 == 0o666


def test_looking_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_LEASES", str(tmp_path / "leases"))
    assert leases.holder(UUID) is None
    assert not (tmp_path / "leases").exists()


def test_contents_nobody_can_trust_name_nobody() -> None:
    descriptor = leases.acquire(GPU, "a", "a")
    (folder,) = leases.folders()
    for content in (b"", b"{", b"[]", b'{"run": "e0666", "boot_id": "of yesterday"}'):
        (folder / UUID).write_bytes(content)
        assert leases.holder(UUID) == {"run": None, "user": None, "pid": None}
    with pytest.raises(NoDeviceError, match="held by another run"):
        leases.acquire(GPU, "b", "b")
    os.close(descriptor)


def test_a_folder_that_others_could_tamper_with_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path)
    for folder in (open_to_all, linked):
        monkeypatch.setenv("DLTUI_LEASES", str(folder))
        monkeypatch.setattr(leases, "_CANDIDATES", ())
        assert leases.folders() == []
        with pytest.raises(NoDeviceError, match="no local folder for GPU leases"):
            leases.acquire(GPU, "a", "a")


def test_the_first_candidate_that_works_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLTUI_LEASES")
    first, second = tmp_path / "none" / "dltui", tmp_path / "dltui"
    monkeypatch.setattr(leases, "_CANDIDATES", (first, second))
    assert leases.folders() == [second], "a parent that does not exist is not made"
    held = leases.acquire(GPU, "e0001", "r")
    first.parent.mkdir()
    assert leases.folders() == [first, second]
    with pytest.raises(NoDeviceError, match="held by e0001"):
        leases.acquire(GPU, "e0002", "r")
    os.close(held)


def test_network_file_systems_are_told_apart(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 0:40 / /home rw - nfs4 server:/home rw\n"
        "24 23 0:41 / /home/local\\040disk rw shared:1 - xfs /dev/sdb rw\n"
    )
    assert leases.is_network(Path("/home/anna/leases"), mounts)
    assert not leases.is_network(Path("/home/local disk/leases"), mounts)
    assert not leases.is_network(Path("/homework"), mounts)
    assert not leases.is_network(Path("/var/tmp/dltui"), mounts)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_users_share_the_leases_of_a_box() -> None:
    """Both ways: a file made by root is locked by another user, and the other way round."""
    base = Path("/tmp") / f"dltui-leases-{os.getpid()}"
    env = {"DLTUI_LEASES": str(base), "HOME": "/"}
    code = "import os; os.setgid(65534); os.setuid(65534)\n" + TAKE

    def own(run: str) -> subprocess.Popen[str]:
        return taker(run, **env)

    def other(run: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", "from engine import leases, devices\n" + code, run],
            env=environment(**env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    try:
        for taking, second in ((own, other), (other, own)):
            (base / UUID).unlink(missing_ok=True)
            first = taking("first")
            assert first_line(first) == "held"
            refused = second("late")
            assert first_line(refused).startswith("refused")
            refused.communicate()
            first.communicate()
            then = second("then")
            assert first_line(then) == "held"
            then.communicate()
    finally:
        for path in base.iterdir():
            path.unlink()
        base.rmdir()


def test_a_stale_variable_does_not_pass_for_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from pathlib import Path; from engine import leases; from engine.runs import RunPaths;"
        "leases.hold(RunPaths(Path(sys.argv[1]))); print('held', flush=True); sys.stdin.read()"
    )
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path)],
        env=environment(**{locks.LOCK_VARIABLE: "0", locks.LEASE_VARIABLE: "999"}),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first_line(worker) == "held"
    with pytest.raises(RunError, match=f"process {worker.pid} on "):
        locks.lock_run(RunPaths(tmp_path))
    worker.communicate()
    os.close(wait_until(lambda: locks.lock_run(RunPaths(tmp_path)), 5))
