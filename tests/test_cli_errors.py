"""How errors reach people: exit codes, one message and a hint on stderr, never a traceback; and any terminal's text."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli_world import make_world
from tests.helpers import engine_command, environment, run_engine


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated runs that no test changes."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["runz"], 2, "did you mean 'runs'?"),
        (["qqq"], 2, "engine --help"),
        (["runs", "--jsno"], 2, "--json"),
        (["--rums", "x", "runs"], 2, "--runs"),
        (["show"], 2, "NAME|RUN"),
        (["runs", "--where", "val/accuracy >"], 2, "column 15"),
        (["runs", "--sort", "val/acuracy"], 2, "did you mean 'val/accuracy'?"),
        (["runs", "--limit", "none"], 2, "--limit"),
        (["runs", "--runs", "experiments.toml"], 2, "not a folder"),
        (["list", "--file", "nowhere.toml"], 3, "nowhere.toml"),
        (["show", "digits-mpl"], 3, "did you mean 'digits-mlp'?"),
        (["show", "e0099"], 3, "no run 'e0099'"),
        (["show", "e0099", "--json"], 3, "no run 'e0099'"),
        (["metrics", "e0001", "val/acuracy"], 3, "did you mean 'val/accuracy'?"),
        (["plot", "e0001", "-m", "none"], 3, "no series"),
        (["checkpoints", "e0099"], 3, "e0099"),
        (["data", "digitz"], 3, "did you mean 'digits'?"),
        (["train"], 2, "engine list"),
        (["train", "e0001"], 2, "--resume e0001"),
        (["train", "digits-mpl"], 3, "did you mean 'digits-mlp'?"),
        (["train", "digits-mlp", "-s", "optimizer.lrr=1"], 2, "did you mean 'lr'?"),
        (["train", "digits-mlp", "-s", "train.epochs=many"], 2, "train.epochs"),
        (["train", "digits-broken"], 2, "did you mean 'Adam'?"),
        (["train", "digits-mlp", "--device", "cuda:77"], 2, "cuda:77"),
        (["train", "digits-long", "--resume", "e0001"], 2, "'digits-mlp'"),
        (["train", "--resume", "e0001", "-s", "optimizer.lr=1"], 2, "train.epochs"),
        (["train", "--resume", "e0099"], 3, "e0099"),
        (["train", "--resume", "e0001", "--seeds", "2"], 2, "--resume"),
        (["train", "--from", "e0001:none"], 3, "none"),
        (["stop", "e0001"], 1, "ended already"),
        (["checkpoint", "e0001"], 1, "ended already"),
        (["evaluate", "e0001", "--split", "tset"], 2, "tset"),
        (["wait", "e0001", "e0002"], 1, ""),
        (["wait", "e0003"], 130, ""),
        (["wait", "e0001"], 0, ""),
        (["completion", "tcsh"], 2, "bash"),
        (["check", "digits-broken", "--quick"], 2, ""),
    ],
)
def test_exit_codes_and_messages(world: Path, arguments: list[str], code: int, words: str) -> None:
    done = run_engine(*arguments, cwd=world)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    if code in (2, 3) and arguments[0] != "check":
        assert done.stderr.startswith("engine: ")
        assert done.stdout == ""


def test_every_verb_has_a_help_that_names_its_options(world: Path) -> None:
    from engine.cli.main import VERBS

    overview = run_engine("--help", cwd=world)
    for verb, (_, text) in VERBS.items():
        assert f"  {verb} " in overview.stdout
        assert text in overview.stdout
        done = run_engine(verb, "--help", cwd=world)
        assert done.returncode == 0
        assert done.stdout.startswith(f"Usage: engine {verb}")
        assert "--runs DIR" in done.stdout
    assert all(len(line) <= 80 for line in overview.stdout.splitlines())
    assert run_engine("--version", cwd=world).stdout.startswith("engine ")


def test_an_unexpected_error_is_an_apology_with_the_traceback_in_a_file(world: Path, tmp_path: Path) -> None:
    code = (
        "import sys; import engine.index as index; from engine.cli.main import main\n"
        "def refresh(*_, **__): raise ZeroDivisionError('an odd\\x1b thing')\n"
        "index.RunIndex.refresh = refresh\n"
        "sys.exit(main(['runs']))"
    )
    command = [*engine_command()[:3], code]
    done = subprocess.run(
        command, cwd=world, env=environment(XDG_CACHE_HOME=str(tmp_path)), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    saved = list((tmp_path / "dltui").glob("error-*.txt"))
    assert len(saved) == 1
    assert str(saved[0]) in done.stderr
    assert "ZeroDivisionError" in saved[0].read_text()


def test_a_closed_pipe_is_quiet(world: Path) -> None:
    process = subprocess.Popen(
        engine_command("runs", "--json"), cwd=world, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_message(world: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            engine_command("runs", "--json"),
            cwd=world,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("engine: No space left")
    assert "Traceback" not in done.stderr


def test_closed_standard_streams_do_no_harm(world: Path) -> None:
    for closing in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        words = " ".join(f"'{word}'" for word in engine_command("runs"))
        done = subprocess.run(
            ["sh", "-c", f"{words} {closing}"], cwd=world, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, closing
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "xx_YY.nonsense"])
def test_any_locale_works(tmp_path: Path, locale: str) -> None:
    make_world(tmp_path, ["finished"])
    marked = run_engine("mark", "e0001", "--name", "grün ★ 名", "--star", cwd=tmp_path)
    assert marked.returncode == 0
    for arguments in (["runs"], ["show", "e0001"], ["list"], ["mark", "e0001"], ["plot", "e0001"], ["--help"]):
        done = run_engine(*arguments, cwd=tmp_path, LC_ALL=locale)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii() == (locale in ("C", "POSIX")) or arguments in (["list"], ["--help"])
    assert json.loads(run_engine("runs", "--json", cwd=tmp_path, LC_ALL=locale).stdout)[0]["name"] == "grün ★ 名"
    narrow = run_engine("mark", "e0001", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert narrow.returncode == 0
    assert "gr\\u00fcn * \\u540d" in narrow.stdout


def test_arguments_that_are_not_utf8(world: Path) -> None:
    command = [os.fsencode(word) for word in engine_command("show")] + [b"bad\xff\x1b[2J"]
    done = subprocess.run(command, cwd=world, env=environment(), capture_output=True)
    assert done.returncode == 3
    assert b"\x1b" not in done.stderr
    assert b"\xff" not in done.stderr


def test_ctrl_c_while_waiting_ends_quietly_with_130(tmp_path: Path) -> None:
    make_world(tmp_path, ["finished"])
    run = tmp_path / "runs/e0001"
    state = json.loads((run / "state.json").read_text())
    (run / "state.json").write_text(json.dumps({**state, "state": "queued"}))
    process = subprocess.Popen(
        engine_command("log", "e0001", "-f"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "training digits-mlp\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip() == ""


def test_reading_never_writes_into_a_foreign_folder(tmp_path: Path) -> None:
    """No runs folder appears because somebody looked."""
    (tmp_path / "experiments.toml").write_text("")
    for arguments in (["runs"], ["list"], ["data", "iris"], ["doctor", "--help"]):
        assert run_engine(*arguments, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["experiments.toml"]


def test_help_of_a_broken_file_still_works(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text("[experiments.x\n")
    done = run_engine("list", cwd=tmp_path)
    assert done.returncode == 2
    assert "experiments.toml" in done.stderr
    assert run_engine("runs", cwd=tmp_path).returncode == 0
    assert run_engine("data", "iris", "--json", cwd=tmp_path).returncode == 0


def test_ctrl_c_while_the_command_starts_is_quiet(world: Path) -> None:
    for delay in range(0, 120, 8):
        process = subprocess.Popen(
            engine_command("runs"), cwd=world, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.03 + delay / 1000)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        if process.returncode == -signal.SIGINT or "init_import_site" in said:
            continue  # Python itself was still starting
        assert process.returncode in (130, 0), said
        assert said.strip() == ""


def test_an_empty_folder_name_is_not_the_current_folder(world: Path) -> None:
    for option in ("--runs", "--file"):
        done = run_engine("runs", option, "", cwd=world)
        assert done.returncode == 2
        assert option in done.stderr


def test_a_query_of_what_no_run_has_says_so(world: Path) -> None:
    done = run_engine("runs", "--where", "val/acuracy > 0.1", cwd=world)
    assert done.returncode == 0
    assert "no run has 'val/acuracy'; did you mean 'val/accuracy'?" in done.stderr


def test_csv_on_a_terminal_cannot_act_on_it(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text(
        '[experiments.odd]\ndescription = "a\\u001b[31mred"\ndata = "digits"\nmodel = "mlp"\n'
    )
    shown = subprocess.run(
        ["script", "-qec", shlex.join(engine_command("list", "--csv")), "/dev/null"],
        cwd=tmp_path, env=environment(), capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    assert b"red" in shown
    assert b"\x1b" not in shown
    piped = run_engine("list", "--csv", cwd=tmp_path).stdout
    assert "\x1b[31mred" in piped, "a file gets the text as it is"
