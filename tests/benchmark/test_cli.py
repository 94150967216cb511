"""The command `bench` as a whole: one line an error, documented exit codes, late imports, a closed pipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from fundus2oct.benchmark import cli
from fundus2oct.metrics.errors import BenchError, BenchErrors, ExitCode


def raising(error: BaseException) -> Callable[[], Any]:
    def command() -> None:
        raise error

    return command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Make `bench list` do something else."""

    def replace(function: Callable[[], Any]) -> None:
        made = click.Command("list", callback=function)
        monkeypatch.setattr(cli.LateGroup, "get_command", lambda group, context, name: made)

    return replace


ERRORS: dict[str, tuple[BaseException, int, str]] = {
    "a user's mistake": (BenchError("E_SHAPE", "wrong shape", where="a.npy"), 3, "E_SHAPE: wrong shape | where: a.npy"),
    "another code": (BenchError("E_X", "x", exit_code=ExitCode.LIMIT_EXCEEDED), 6, "E_X: x"),
    "interrupted": (KeyboardInterrupt(), 130, "E_INTERRUPTED: interrupted | fix: run the same command again to go on"),
    "a defect": (ZeroDivisionError("ha\nha"), 1, "E_INTERNAL: ZeroDivisionError: ha ha | fix: "),
    "no memory": (MemoryError(), 1, "E_INTERNAL: MemoryError"),
}


@pytest.mark.parametrize(("error", "code", "words"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_is_one_line_and_a_code(
    command: Any, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    command(raising(error))
    assert cli.run(["list"]) == code
    out, err = capsys.readouterr()
    assert (out, err.strip().count("\n")) == ("", 0)
    assert err.strip().startswith(words)


def test_several_errors_are_a_line_each_and_a_sum(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command(raising(BenchErrors([BenchError("E_A", "a"), BenchError("E_B", "b")], where="data")))
    assert cli.run(["list"]) == 3
    assert capsys.readouterr().err.splitlines() == ["E_A: a", "E_B: b", "E_MANY: 2 problems found | where: data"]


@pytest.mark.parametrize(("arguments", "variable"), [(["--debug", "list"], ""), (["list"], "1")])
def test_debug_shows_the_traceback(
    command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any, arguments: list[str], variable: str
) -> None:
    monkeypatch.setenv("BENCH_DEBUG", variable)
    command(raising(ZeroDivisionError("why")))
    assert cli.run(arguments) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (ExitCode.CASES_FAILED, 4), (ExitCode.OK, 0), ("text", 0)])
def test_a_command_may_return_its_exit_code(command: Any, returned: Any, code: int) -> None:
    command(lambda: returned)
    assert cli.run(["list"]) == code


USAGE: dict[str, tuple[list[str], str]] = {
    "no such command": (["liszt"], "No such command 'liszt'"),
    "no such option": (["list", "--jsn"], "--jsn"),
    "data is missing": (["generate", "ridge"], "--data"),
    "a negative seed": (["generate", "ridge", "--data", "d", "--seed", "-1"], "--seed"),
    "no time at all": (["generate", "ridge", "--data", "d", "--case-seconds", "0"], "--case-seconds"),
    "a limit that is no number": (["generate", "ridge", "--data", "d", "--case-seconds", "nan"], "nan"),
    "an endless limit": (["generate", "ridge", "--data", "d", "--case-seconds", "inf"], "--case-seconds"),
}


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE.keys())
def test_a_wrong_call_is_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert cli.run(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example:" in out
    assert f"bench {name}" in out


def test_the_list_of_commands_is_shown_without_importing_them() -> None:
    code = "import sys; from fundus2oct.benchmark import cli; cli.run(['--help'])\n"
    code += (
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'PIL'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_generators_are_listed_for_people_and_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["list"]) == 0
    assert "fundus2oct/ridge" in capsys.readouterr().out
    assert cli.run(["list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ridge"]["target"] == "fundus2oct.baselines.ridge:make_generator"


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "fundus2oct.benchmark.cli", "list", "--json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_batch_systems_signal_is_an_interruption() -> None:
    code = "import os, signal, click; from fundus2oct.benchmark import cli\n"
    code += "command = click.Command('list', callback=lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
    code += "cli.LateGroup.get_command = lambda group, context, name: command; cli.main(['list'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.INTERRUPTED
    assert "run the same command again" in done.stderr
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
