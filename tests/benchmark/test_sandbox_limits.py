"""Limits from a file: what is named is taken, what is wrong is named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_folders import write_plugin

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.sandbox_limits import Limits, read_limits, resource_limits, tasks_of_user
from fundus2oct.metrics.errors import BenchError


def written(folder: Path, text: str) -> Path:
    path = folder / "limits.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_names_is_taken_and_the_rest_stays(tmp_path: Path) -> None:
    found = read_limits(written(tmp_path, "memory_bytes = 1000\ncase_seconds = 5\n"))
    assert found == Limits(memory_bytes=1000, case_seconds=5.0)
    assert isinstance(found.case_seconds, float)


WRONG = {
    "unknown": ("memory = 1", "E_CONFIG: limit 'memory' .* one of start_seconds"),
    "zero": ("processes = 0", "E_CONFIG: limit 'processes' .* a whole number above 0"),
    "fraction of a file": ("open_files = 1.5", "E_CONFIG: .* a whole number above 0 .* 1.5"),
    "not a number": ("case_seconds = nan", "E_CONFIG: .* a number above 0 .* nan"),
    "true": ("threads = true", "E_CONFIG: .* a whole number"),
    "text": ("threads = '2'", "E_CONFIG: .* a whole number"),
    "infinite": ("run_seconds = inf", "E_CONFIG: .* a number above 0 .* inf"),
    "not TOML": ("threads 2", "E_FORMAT: not valid TOML"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_limit_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BenchError) as caught:
        read_limits(written(tmp_path, text))
    assert re.match(words, caught.value.line())


def test_the_command_keeps_them_in_the_plan_and_a_typed_one_wins(small: Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, "case_seconds = 5\nthreads = 1\n")
    run = tmp_path / "run"
    arguments = [
        "--quiet",
        "generate",
        str(write_plugin(tmp_path / "p")),
        "--data",
        str(small.folder),
        "--out",
        str(run),
    ]
    assert cli.run([*arguments, "--limits", str(path), "--case-seconds", "7"]) == 0
    limits = RunFolder(run).plan()["limits"]
    assert limits == vars(Limits(case_seconds=7.0, threads=1))


def test_a_gpu_has_no_limit_of_addresses() -> None:
    assert "as" in resource_limits(Limits(), device="cpu")
    assert "as" not in resource_limits(Limits(), device="cuda:1")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_user_runs_already_counts_on_top() -> None:
    before = tasks_of_user()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert tasks_of_user() >= 1 + len(os.listdir("/proc/self/task"))
        child.communicate(b"\n")
    assert before >= 1
    assert resource_limits(Limits(processes=9), device="cpu", tasks=5)["nproc"] == 14
