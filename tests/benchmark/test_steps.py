"""kill -9 at every named step of generating and scoring: a resume ends with the bytes of an undisturbed run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_contents import contents

from fundus2oct.benchmark import cli, steps
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics import weight_registry

GENERATE_STEPS = [
    "plan written",
    "photograph handed over",
    "photograph handed over:3",
    "volume written",
    "volume written:2",
    "record written",
    "record written:3",
    "run.json written",
]
SCORE_STEPS = [
    "value cached",
    "value cached:4",
    "chunk scored",
    "per_case.csv written",
    "per_patient.npz written",
    "sums written",
    "result.json written",
    "submission.toml written",
    "record published",
]
ELSEWHERE = ["case merged", "shard entered", "submission done", "eye made", "pictures.json written"]
"""Killed at in test_shard_merge.py, test_feature_ledger.py, test_score_all.py and test_pictures.py."""


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    """No weights are installed: FVD is null with a reason."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(weight_registry.CACHE_VARIABLE, os.devnull)
        yield


def kill_at(name: str, folder: Path, *arguments: str) -> None:
    """Run `bench` in a process that is killed at a step, and see that it was."""
    place = folder / "step"
    command = [sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", *arguments]
    killed = subprocess.run(
        command, env=os.environ | {"BENCH_KILL_AT": name, "BENCH_STEP_FILE": str(place)}, check=False
    )
    assert (killed.returncode, place.read_text()) == (-9, name.partition(":")[0])


def score_call(run: Path, data: Path, folder: Path) -> list[str]:
    places = ["--private", str(folder / "private"), "--results", str(folder / "results")]
    return ["score", str(run), "--data", str(data), *places]


@pytest.fixture(scope="module")
def undisturbed(finished_run: Path, small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The private and public files of a scoring that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    cli.run(["--quiet", *score_call(finished_run, small.folder, folder)])
    return contents(folder / "private", folder / "results")


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATE_STEPS)
def test_a_run_killed_at_any_step_is_resumed_to_the_same_bytes(
    finished_run: Path, small: Dataset, tmp_path: Path, name: str
) -> None:
    plugin, run = finished_run.parent / "plugin", tmp_path / "run"
    call = ["generate", str(plugin), "--data", str(small.folder), "--out", str(run), "--device", "cpu"]
    kill_at(name, tmp_path, *call)
    assert cli.run(["--quiet", *call]) == 4
    assert contents(run) == contents(finished_run)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORE_STEPS)
def test_a_scoring_killed_at_any_step_is_resumed_to_the_same_bytes(
    finished_run: Path, small: Dataset, warm_cache: Path, tmp_path: Path, undisturbed: dict[str, bytes], name: str
) -> None:
    if not name.startswith("value cached"):
        shutil.copytree(warm_cache, tmp_path / "private/cache")
    call = score_call(finished_run, small.folder, tmp_path)
    kill_at(name, tmp_path, *call)
    assert cli.run(["--quiet", *call]) == 4
    assert contents(tmp_path / "private", tmp_path / "results") == undisturbed


def test_every_step_in_the_code_is_killed_at() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(steps.__file__).parent.glob("*.py"))
    named = set(re.findall(r'\bstep\("([^"]+)"\)', source))
    assert named == {name.partition(":")[0] for name in GENERATE_STEPS + SCORE_STEPS + ELSEWHERE}


def test_a_step_says_its_name_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps.step("quiet")
    monkeypatch.setenv("BENCH_STEP_FILE", str(tmp_path / "step"))
    steps.step("loud")
    assert (tmp_path / "step").read_text() == "loud"
