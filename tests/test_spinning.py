"""Threads of a parallel loop spin while the machine is free, and sleep while other programs need it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.helpers import environment

BEGIN = """
import json, os, time
import engine.spinning as spinning
import torch

watch = spinning.Spinning(seconds=0.01)
"""
LOOP = """
others = [0.0]
spinning.Spinning._others = lambda self: others[0]
torch.set_num_threads(2)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 5), torch.nn.ReLU())
images = torch.rand(16, 3, 32, 32)

def tasks():
    return os.listdir("/proc/self/task")

def went_to_sleep():
    team = [task for task in tasks() if int(task) != watch._thread.native_id]
    lines = [line for task in team for line in open(f"/proc/self/task/{task}/status")]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))

def steps():
    before = went_to_sleep()
    for _ in range(20):
        model(images).sum().backward()
    return went_to_sleep() - before

def until(condition):
    while not condition():
        time.sleep(0.01)

watch.__enter__()
steps()
free, threads = steps(), len(tasks())
others[0] = 1.0
until(lambda: watch.asleep and len(tasks()) >= threads + 2)
busy = steps()
others[0] = 0.2
until(lambda: len(tasks()) >= threads + 2)
between = watch.asleep
others[0] = 0.0
until(lambda: not watch.asleep and len(tasks()) <= threads)
again = steps()
watch.__exit__()
print(json.dumps({"free": free, "busy": busy, "between": between, "again": again}))
"""
REAL = """
watch.__enter__()
while not watch.asleep:
    time.sleep(0.01)
watch.__exit__()
print(json.dumps(not watch.asleep))
"""
OWN = """
spinning._used = lambda cores: time.process_time()
watch = spinning.Spinning(seconds=0.01)
sum(range(3_000_000))
print(json.dumps(watch._others()))
"""


def run(script: str) -> object:
    """What a script prints, in a process of its own: libgomp is set up once in each."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        capture_output=True, text=True, timeout=280, env={**environment(), "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("threads", "sleeps_soon"), [(None, False), (1, True)])
def test_a_team_that_leaves_cores_over_sleeps_soon_from_the_beginning(threads: int | None, sleeps_soon: bool) -> None:
    script = f"import json, os\nfrom engine.spinning import Spinning\nSpinning({threads})\n"
    script += "print(json.dumps('GOMP_SPINCOUNT' in os.environ))"
    own = {key: value for key, value in environment().items() if key not in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")}
    for variables in (own, {**own, "OMP_NUM_THREADS": "1"}):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=variables)
        assert json.loads(done.stdout) is (sleeps_soon or "OMP_NUM_THREADS" in variables), done.stderr


@pytest.fixture
def burner() -> Iterator[None]:
    """Other programs that use two cores."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.timeout(300)  # threads that spin make little way on a machine that is not free
@pytest.mark.skipif(len(os.sched_getaffinity(0)) != 2, reason="the team has a thread for each of two cores")
def test_threads_that_wait_sleep_while_others_need_the_cores_and_spin_again() -> None:
    found = run(LOOP)
    assert isinstance(found, dict)
    assert found["busy"] > 3 * max(found["free"], found["again"]), found
    assert found["between"], "a moment of less load changes nothing"


@pytest.mark.usefixtures("burner")
def test_what_other_programs_use_is_seen() -> None:
    assert run(REAL) is True


def test_what_the_process_itself_uses_is_not_taken_for_that_of_others() -> None:
    others = run(OWN)
    assert isinstance(others, float)
    assert abs(others) < 0.05
