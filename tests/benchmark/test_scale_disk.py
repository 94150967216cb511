"""Folders that cannot be written and disks that are full: one line, and what was there stays."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from run_contents import contents

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.feature_ledger import FeatureLedger
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.shard import Shard
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.frechet_distance import FeatureStatistics, feature_statistics


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something at ``folder``, for root alone; skipped by name elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, which not even root may write to."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield


@pytest.fixture
def shards(finished_run: Path, small: Dataset, tmp_path: Path) -> Path:
    """A run of two shards."""
    reference = resolve(str(finished_run.parent / "plugin"))
    for index in (1, 2):
        generate_run(reference, small, "test", tmp_path / "run", shard=Shard(index, 2))
    return tmp_path / "run"


@pytest.mark.slow
def test_a_merge_on_a_full_disk_leaves_whole_files_and_goes_on_elsewhere(
    shards: Path, finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=2900k", "tmpfs") as disk:
        shutil.copytree(shards, disk / "run")
        assert cli.run(["--quiet", "merge", str(disk / "run")]) == 3
        assert "E_DISK: cannot write: No space left on device" in capsys.readouterr().err
        assert not list(disk.rglob(".tmp-*"))
        shutil.copytree(disk / "run", tmp_path / "larger")
    assert cli.run(["--quiet", "merge", str(tmp_path / "larger")]) == 4
    merged = {n: d for n, d in contents(tmp_path / "larger").items() if "shards" not in n}
    assert {name.partition("/")[2]: data for name, data in merged.items()} == {
        name.partition("/")[2]: data for name, data in contents(finished_run).items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", ["merge", "generate", "score"])
def test_a_run_that_cannot_be_written_is_one_line(
    shards: Path, finished_run: Path, small: Dataset, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin, data = str(finished_run.parent / "plugin"), ["--data", str(small.folder)]
    places = [f"--{name}={shards / name}" for name in ("runs", "private", "results")]
    call = {
        "merge": ["merge", str(shards)],
        "generate": ["generate", plugin, *data, "--out", str(shards / "other"), "--device", "cpu"],
        "score": ["score", "--all", str(finished_run.parent), *data, *places],
    }[command]
    before = contents(shards)
    with read_only(shards):
        assert cli.run(["--quiet", *call]) == 3
    assert "E_DISK" in capsys.readouterr().err
    assert contents(shards) == before


def fill(ledger: FeatureLedger, statistics: FeatureStatistics) -> None:
    """Enter more than there is room for."""
    for shard in range(1, 9):
        ledger.enter(shard, "0" * 64, statistics)


def test_a_full_disk_under_the_ledger_keeps_what_was_entered(tmp_path: Path) -> None:
    statistics = feature_statistics(np.random.default_rng(0).normal(size=(200, 128)))
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=300k", "tmpfs") as disk:
        ledger = FeatureLedger(disk / "ledger")
        assert ledger.enter(0, "0" * 64, statistics)
        with pytest.raises(BenchError, match="E_DISK: cannot write: No space left"):
            fill(ledger, statistics)
        assert ledger.missing(1) == []
        assert not list(disk.rglob(".tmp-*"))
