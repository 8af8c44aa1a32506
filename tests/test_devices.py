"""Devices through the real NVML bindings, over a stand-in for NVIDIA's library built from nvml.c."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine import leases
from engine.devices import Device
from engine.launch import stop, wait
from engine.runs import RunsFolder, load_run
from tests.helpers import environment, wait_until
from tests.stand_in.box import H200, T4, TWO, Box, box, library
from tests.stand_in.running import WORKER, Runner, runner

__all__ = ["box", "library", "runner"]


def test_gpus_are_shown_with_what_they_can_say(box: Box) -> None:
    cpu, first, second = box.devices()
    assert (cpu["name"], cpu["kind"], cpu["free"], cpu["uuid"]) == ("cpu", "cpu", True, None)
    assert "core" in cpu["title"]
    assert 0 < cpu["memory_used"] < cpu["memory_total"]
    assert (first["name"], first["index"], first["uuid"], first["title"]) == ("cuda:0", 0, H200, "NVIDIA H200")
    assert (first["memory_total"], first["memory_used"], first["free"]) == (150_000_000_000, 1000, True)
    assert (first["utilization"], first["temperature"], first["power"]) == (37, 55, 320.5)
    assert (second["utilization"], second["temperature"], second["power"]) == (None, None, None), "it cannot say"


def test_auto_takes_the_free_gpu_with_most_memory(box: Box) -> None:
    assert box.choose("auto") == ["cuda:0", H200]
    box.say(TWO + f"process 0 {os.getpid()} 4096\n")
    assert box.choose("auto") == ["cuda:1", T4]
    assert box.choose(T4) == ["cuda:1", T4]
    assert box.choose("cpu") == ["cpu", None]


def test_auto_passes_over_a_gpu_that_something_unseen_works_on(box: Box) -> None:
    box.say(TWO.replace("|1000|37|", "|1000|99|"))
    assert [found["free"] for found in box.devices()[1:]] == [True, True], "no process is seen"
    assert box.choose("auto") == ["cuda:1", T4]
    box.say(TWO.replace("|1000|37|", "|100000000000|0|"))
    assert box.choose("auto") == ["cuda:1", T4], "most of its memory is taken"
    box.say(TWO.replace("|1000|37|", "|1000|99|").replace("|0|-1|", "|9000000000|-1|"))
    assert box.choose("auto") == ["cuda:0", H200], "where all are worked on, the most memory"


def test_who_computes_on_a_gpu_is_named(box: Box) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "train.py", "--token=x"])
    box.say(TWO + f"process 0 {sleeper.pid} 4096\nprocess 0 4194305 1\nprocess 1 {sleeper.pid} 1\n")
    wait_until(lambda: Path(f"/proc/{sleeper.pid}/cmdline").read_bytes().endswith(b"token=x\0"), 10)
    shown = box.devices()[1]["processes"]
    assert shown[0]["pid"] == sleeper.pid
    assert shown[0]["name"] == f"{Path(sys.executable).name} train.py", "without its arguments"
    assert shown[1] == {
        "pid": 4194305, "user": None, "name": None, "run": None, "folder": None, "memory": 1,
    }, "gone, or out of sight"  # fmt: skip
    code, words = box.choose("cuda:0")
    assert code == 4
    assert f"train.py of {shown[0]['user']} (process {sleeper.pid})" in words
    code, words = box.choose("auto")
    assert code == 4
    assert "no GPU is free: cuda:0 (NVIDIA H200) is used by" in words
    assert "cuda:1 (NVIDIA T4) is used by" in words
    assert "--device cpu" in words
    sleeper.kill()
    sleeper.wait()


def test_a_held_gpu_is_not_free(box: Box) -> None:
    descriptor = leases.acquire(Device(name="x", kind="cuda", uuid=H200), "e0042", "/runs/e0042")
    _, first, second = box.devices()
    assert (first["free"], second["free"]) == (False, True)
    assert first["lease"]["run"] == "e0042"
    assert "held by e0042" in box.choose("cuda:0")[1]
    assert box.choose("auto") == ["cuda:1", T4]
    os.close(descriptor)
    assert box.choose("auto") == ["cuda:0", H200]


def test_what_does_not_exist_is_wrong_usage(box: Box) -> None:
    for spec in ("cuda:2", "GPU-unknown", "banana", "cuda", ""):
        code, words = box.choose(spec)
        assert code == 2
        assert f"cuda:1 (NVIDIA T4, {T4})" in words


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", [T4]),
        ("1,0", [T4, H200]),
        (f"{T4}", [T4]),
        ("GPU-bbbb", [T4]),
        ("1,7,0", [T4]),
        ("0,0", [H200]),
        ("", []),
        ("-1", []),
    ],
)
def test_cuda_visible_devices_is_honoured(box: Box, visible: str, expected: list[str]) -> None:
    found = box.devices(CUDA_VISIBLE_DEVICES=visible)[1:]
    assert [device["uuid"] for device in found] == expected
    assert [device["name"] for device in found] == [f"cuda:{number}" for number in range(len(expected))]
    if expected:
        assert box.choose("cuda:0", CUDA_VISIBLE_DEVICES=visible) == ["cuda:0", expected[0]]
    else:
        assert box.choose("auto", CUDA_VISIBLE_DEVICES=visible) == ["cpu", None], "GPUs were ruled out on purpose"


def test_a_wrong_cuda_visible_devices_is_no_quiet_cpu(box: Box) -> None:
    code, words = box.choose("auto", CUDA_VISIBLE_DEVICES="7")
    assert code == 4
    assert "CUDA_VISIBLE_DEVICES=7 names none" in words


def test_a_hanging_driver_is_waited_for_once(box: Box) -> None:
    box.say(TWO + "hang DeviceGetMemoryInfo\n")
    times, found, problem = box.run(
        "times = []\n"
        "for _ in range(3):\n"
        "    start = time.monotonic(); found = devices.devices(0.5); times.append(time.monotonic() - start)\n"
        "print(json.dumps([times, [device.name for device in found], devices.problem()]))"
    )
    assert found == ["cpu"]
    assert "hangs" in problem
    assert times[0] >= 0.5
    assert max(times[1:]) < 0.4
    code, words = box.choose("auto")
    assert code == 4
    assert "--device cpu" in words


@pytest.mark.parametrize(
    ("error", "words"),
    [(18, "reboot"), (9, "not loaded"), (999, "NVML fails")],
)
def test_a_failing_driver_is_no_quiet_cpu(box: Box, error: int, words: str) -> None:
    box.say(TWO + f"error Init {error}\n")
    assert [device["name"] for device in box.devices()] == ["cpu"]
    for spec in ("auto", "cuda:0", H200):
        code, message = box.choose(spec)
        assert code == 4
        assert words in message
    assert box.choose("cpu") == ["cpu", None]
    assert box.choose("banana")[0] == 2


def test_a_driver_that_vanishes_and_comes_back_is_followed(box: Box) -> None:
    counts = box.run(
        f"from pathlib import Path; plan = Path({str(box.plan)!r}); whole = plan.read_text(); seen = []\n"
        "for text in (whole, whole + 'error DeviceGetCount 1\\n', whole):\n"
        "    plan.write_text(text); seen.append([len(devices.devices()), devices.problem() is None])\n"
        "print(json.dumps(seen))"
    )
    assert counts == [[3, True], [1, False], [3, True]]


@pytest.mark.parametrize("function", ["DeviceGetHandleByIndex", "DeviceGetUUID", "DeviceGetComputeRunningProcesses"])
def test_a_lost_gpu_is_out_of_order_and_the_others_work(box: Box, function: str) -> None:
    box.say(TWO + f"error {function} 15 0\n")
    _, lost, whole = box.devices()
    assert not lost["free"]
    assert "out of order" in lost["why"]
    assert whole["free"]
    assert box.choose("auto") == ["cuda:1", T4]


def test_queries_that_fail_leave_a_gap_only(box: Box) -> None:
    functions = ("Name", "MemoryInfo", "UtilizationRates", "Temperature", "PowerUsage")
    box.say(TWO + "".join(f"error DeviceGet{name} 3\n" for name in functions))
    first = box.devices()[1]
    assert first["free"]
    assert (first["title"], first["memory_total"], first["utilization"]) == ("NVIDIA GPU", None, None)


def test_a_crowded_gpu_whose_processes_cannot_be_listed_is_not_free(box: Box) -> None:
    hidden = "error DeviceGetComputeRunningProcesses 3\n"
    box.say(TWO.replace("|1000|", "|75000000000|") + hidden)
    _, first, second = box.devices()
    assert "50% of its memory" in first["why"]
    assert second["free"]


def test_a_gpu_cut_into_instances_shows_those(box: Box) -> None:
    box.say(f"gpu {H200}|NVIDIA H100|80000000000|0|-1|40|-1\nmig 0 MIG-1111\nmig 0 MIG-2222\n")
    found = box.devices()[1:]
    assert [(device["name"], device["uuid"], device["index"]) for device in found] == [
        ("cuda:0", "MIG-1111", 0),
        ("cuda:1", "MIG-2222", 0),
    ]
    assert box.choose("MIG-2222") == ["cuda:1", "MIG-2222"]


def test_no_library_means_no_gpus_and_no_fuss(tmp_path: Path) -> None:
    without = Box(tmp_path, tmp_path / "gpus.txt")
    if len(without.devices()) > 1:
        pytest.skip("this machine has GPUs")
    assert without.choose("auto") == ["cpu", None]
    assert without.run("devices.devices(); print(json.dumps(devices.problem()))") is None
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    code, words = without.choose("auto")
    assert code == 4
    assert "cannot be loaded" in words


def test_a_tick_is_cheap(box: Box) -> None:
    best = box.run(
        "times = []\n"
        "for _ in range(20):\n"
        "    start = time.perf_counter(); devices.devices(); times.append(time.perf_counter() - start)\n"
        "print(json.dumps(min(times)))"
    )
    assert best < 0.02


def test_torch_that_sees_no_gpu_is_an_error_that_says_what_to_install(box: Box) -> None:
    code, words = box.run(
        "import types; from engine.errors import EngineError\n"
        "cuda = types.SimpleNamespace(is_available=lambda: False)\n"
        "torch = types.SimpleNamespace(cuda=cuda, version=types.SimpleNamespace(cuda='13.0'), __version__='2.9')\n"
        "sys.modules['torch'] = torch\n"
        "devices.check_torch_sees('cpu')\n"
        "try: devices.check_torch_sees('cuda:0'); print('[0, \"\"]')\n"
        "except EngineError as error: print(json.dumps([error.exit_code, str(error)]))"
    )
    assert code == 4
    assert "torch 2.9 (CUDA 13.0) cannot use cuda:0" in words
    assert "550.54.14" in words
    assert "https://download.pytorch.org/whl/cu124" in words


LAUNCH = f"""
from pathlib import Path
from engine.launch import LaunchRequest, launch
from engine.runs import RunsFolder
from engine.settings import Settings
from engine.errors import EngineError
try:
    request = LaunchRequest("x", Settings(), Path(sys.argv[1]), argv=("x",))
    print(json.dumps([0, launch(RunsFolder(request.folder / "runs"), request, worker={WORKER!r}).id]))
except EngineError as error:
    print(json.dumps([error.exit_code, error.message]))
"""


def launched(box: Box, runs: RunsFolder, plan: str) -> list[Any]:
    code = f"sys.argv[1:] = [{str(runs.root.parent)!r}]\n" + LAUNCH
    found = box.run(code, DLTUI_STUB=plan)
    assert isinstance(found, list)
    return found


def test_a_run_gets_its_gpu_alone_and_its_death_frees_it(box: Box, runner: Runner) -> None:
    runs = runner.runs
    assert launched(box, runs, "wait") == [0, "e0001"]
    assert launched(box, runs, "wait") == [0, "e0002"]
    first, second = runs.paths("e0001"), runs.paths("e0002")
    for paths in (first, second):
        wait_until(lambda paths=paths: load_run(paths).status == "running", 30)
    assert [load_run(paths).info.device["uuid"] for paths in (first, second)] == [H200, T4]
    state = load_run(first).state
    env = Path(f"/proc/{state.pid}/environ").read_bytes().split(b"\0")
    assert f"CUDA_VISIBLE_DEVICES={H200}".encode() in env
    assert b"CUDA_DEVICE_ORDER=PCI_BUS_ID" in env
    code, words = launched(box, runs, "wait")
    assert code == 4
    assert "e0001 of" in words
    assert "e0002 of" in words
    assert runs.ids() == ["e0001", "e0002"], "no folder is made for a run that cannot start"
    held = leases.holder(H200)
    assert held is not None
    assert (held["run"], held["pid"]) == ("e0001", state.pid)
    assert state.pid is not None
    os.kill(state.pid, signal.SIGKILL)
    before = time.monotonic()
    wait_until(lambda: leases.holder(H200) is None, 5)
    assert time.monotonic() - before < 0.5
    stop(load_run(second))
    assert wait(second, 30).status == "stopped"
    assert wait(first, 30).status == "failed"


def test_launchers_at_once_share_the_gpus_out(box: Box, runner: Runner) -> None:
    code = f"import json, sys\nsys.argv[1:] = [{str(runner.folder)!r}]\n" + LAUNCH
    env = environment(**box.variables, DLTUI_STUB="wait")
    env.pop("CUDA_VISIBLE_DEVICES", None)
    command = [sys.executable, "-P", "-c", code]
    racers = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    answers = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sorted(answer[0] for answer in answers) == [0, 0, 4, 4, 4, 4]
    taken = {load_run(runner.runs.paths(answer[1])).info.device["uuid"] for answer in answers if answer[0] == 0}
    assert taken == {H200, T4}


def test_a_loader_that_outlives_its_worker_keeps_no_gpu(box: Box, runner: Runner) -> None:
    assert launched(box, runner.runs, "orphan") == [0, "e0001"]
    paths = runner.runs.paths("e0001")
    (orphan,) = wait_until(lambda: list(runner.folder.glob("orphan-*")), 30)
    pid = load_run(paths).state.pid or wait_until(lambda: load_run(paths).state.pid, 30)
    os.kill(pid, signal.SIGKILL)
    wait(paths, 30)
    assert Path(f"/proc/{orphan.name.partition('-')[2]}").exists()
    assert leases.holder(H200) is None
    os.kill(int(orphan.name.partition("-")[2]), signal.SIGKILL)


WATCH = """
from pathlib import Path
from engine.machine_watch import MachineWatch
from engine.records import RunPaths
from engine.series import list_series, read_records, series_path
paths, steps = RunPaths(Path(FOLDER)), [3, 3, 5, 5, 5, 9]
watch = MachineWatch(paths, lambda: steps.pop(0) if len(steps) > 1 else steps[0], seconds=0.01)
watch.start()
deadline = time.monotonic() + 30
def points(name): return read_records(series_path(paths.series, name))
while time.monotonic() < deadline and (len(steps) > 1 or len(points("system/memory_gib")) < 2): time.sleep(0.01)
watch.stop()
print(json.dumps({n: [points(n)["step"].tolist(), points(n)["value"].tolist()] for n in list_series(paths.series)}))
"""


def test_what_a_training_costs_its_gpu_is_sampled_once_a_step(box: Box, tmp_path: Path) -> None:
    found = box.run(WATCH.replace("FOLDER", repr(str(tmp_path))), CUDA_VISIBLE_DEVICES=H200)
    assert found.pop("system/cpu_percent")[0] == [5, 9], "not again at the step that it began with"
    steps, memory = found.pop("system/memory_gib")
    assert steps == [5, 9]
    assert all(0 < value < 64 for value in memory)
    assert {name: values[0] for name, (_, values) in found.items()} == {
        "system/gpu_percent": 37,
        "system/gpu_memory_gib": 1000 / 2**30,
        "system/gpu_temperature_c": 55,
        "system/gpu_power_w": 320.5,
    }


def test_what_the_driver_cannot_say_of_a_gpu_is_left_out(box: Box, tmp_path: Path) -> None:
    found = box.run(WATCH.replace("FOLDER", repr(str(tmp_path))), CUDA_VISIBLE_DEVICES=T4)
    assert sorted(found) == ["system/cpu_percent", "system/gpu_memory_gib", "system/memory_gib"]
