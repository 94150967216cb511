"""`bench leaderboard`: what goes to stdout, what ends with which code, what stays untouched."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.local_server import open_server
from fundus2oct.metrics.errors import BenchError, ExitCode

MakeResult = Callable[..., dict]


def build(results: Path, out: Path, *options: str) -> int:
    """Run the command in this process and return its exit code."""
    return cli.run([*options, "leaderboard", "build", str(results), "--out", str(out)])


def test_build_prints_the_path_of_the_first_page_alone(
    tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "site") == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'site' / 'index.html'}\n"
    assert "1\xa0board, 1 entry; next: bench leaderboard serve" in printed.err
    assert Path(printed.out.strip()).is_file()


def test_quiet_says_nothing_on_stderr(tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "site", "--quiet") == ExitCode.OK
    assert capsys.readouterr().err == ""


def test_bad_files_are_all_named_and_the_old_site_stays(
    tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    good = publish_result(result("a", 1.0), tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "site") == ExitCode.OK
    before = (tmp_path / "site" / "index.html").read_bytes()
    good.write_text(json.dumps(result("a", 1.0) | {"schema_version": 99}))
    good.with_name("0002-00000000.json").write_text("{")
    assert build(tmp_path / "results", tmp_path / "site") == ExitCode.INVALID
    printed = capsys.readouterr().err
    assert f"where: {good}" in printed
    assert "0002-00000000.json" in printed
    assert (tmp_path / "site" / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "site"]


def test_a_missing_folder_of_results_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(tmp_path / "nowhere", tmp_path / "site") == ExitCode.INVALID
    assert capsys.readouterr().err.startswith("E_RESULTS: no such folder of results")


def test_the_site_may_not_lie_inside_the_results(
    tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "results" / "site") == ExitCode.INVALID
    assert "E_SITE: site and results overlap" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["build"], ["serve"]])
def test_help_holds_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["leaderboard", *command, "--help"]) == ExitCode.OK
    assert f"Example:\n    bench leaderboard {command[0] if command else 'build'} demo/" in capsys.readouterr().out


def test_the_server_listens_to_this_machine_alone(site: Callable[..., Path], result: MakeResult) -> None:
    with open_server(site(result("a", 1.0)), 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/index.html") as answer:
            assert b"Content-Security-Policy" in answer.read()
        server.shutdown()
        thread.join()


def test_a_folder_that_is_no_site_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_SITE: no site here .* fix: run `bench leaderboard build"):
        open_server(tmp_path, 0)


def test_a_port_that_is_taken_is_named(site: Callable[..., Path], result: MakeResult) -> None:
    folder = site(result("a", 1.0))
    with open_server(folder, 0) as server, pytest.raises(BenchError, match=f"E_PORT: .*127.0.0.1:{server.server_port}"):
        open_server(folder, server.server_port)


def test_building_a_site_loads_no_torch_and_no_pandas() -> None:
    code = (
        "import sys, pkgutil, importlib, fundus2oct.leaderboard as package\n"
        "from fundus2oct.metrics import catalogue\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'{package.__name__}.{module.name}')\n"
        "print(sorted({'torch', 'torchvision', 'pandas'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
