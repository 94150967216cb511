"""Shards of a run: each worker writes its own files; merged, they are byte for byte the run of one worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_contents import contents

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.run_folder import RunFolder, record_checksum
from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.shard_merge import merge_run
from fundus2oct.metrics.errors import BenchError

pytestmark = pytest.mark.slow
COUNT = 4
"""More than cases: a share may be empty."""


@pytest.fixture(scope="module")
def sharded(finished_run: Path, small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, made by four workers and not merged. Not to be written to."""
    run = tmp_path_factory.mktemp("sharded") / "run"
    reference = resolve(str(finished_run.parent / "plugin"))
    for index in range(1, COUNT + 1):
        generate_run(reference, small, "test", run, shard=Shard(index, COUNT))
    return run


@pytest.fixture
def shards(sharded: Path, tmp_path: Path) -> Path:
    """The shards in a run's folder that a test may change."""
    shutil.copytree(sharded, tmp_path / "run")
    return tmp_path / "run"


def of_run(folder: Path) -> dict[str, bytes]:
    """What is compared of a run, without its shards."""
    return {name: data for name, data in contents(folder).items() if not name.startswith("run/shards/")}


def seal(path: Path, **changes: Any) -> None:
    """Change a record and its checksum with it."""
    document = json.loads(path.read_text()) | changes
    document.pop("checksum")
    path.write_text(json.dumps(document | {"checksum": record_checksum(document)}))


def test_workers_share_the_cases_and_write_apart(sharded: Path) -> None:
    shares = [RunFolder(path).case_ids() for path in sorted((sharded / "shards").iterdir())]
    assert sorted(case_id for share in shares for case_id in share) == [f"toy-test-00{i}" for i in range(3)]
    assert [path.name for path in sharded.iterdir()] == ["shards"]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_of_a_run_differ_by_one_case_at_most(count: int) -> None:
    names = [f"case-{number}" for number in range(24)]
    shares = [Shard(index, count).share(names) for index in range(1, count + 1)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert shares == [Shard(index, count).share(reversed(names)) for index in range(1, count + 1)]


def test_merged_shards_are_the_run_of_one_worker_byte_by_byte(shards: Path, finished_run: Path) -> None:
    merge_run(shards)
    assert of_run(shards) == of_run(finished_run)
    assert "no retina here" in (shards / "private.log").read_text()
    assert len((shards / "timing.jsonl").read_text().splitlines()) == 3


@pytest.mark.usefixtures("toy_metrics")
def test_a_merged_run_scores_to_the_same_bytes(shards: Path, finished_run: Path, small: Dataset) -> None:
    assert cli.run(["--quiet", "merge", str(shards)]) == 4
    found = []
    for name, run in (("merged", shards), ("alone", finished_run)):
        place = shards.parent / name
        places = ["--private", str(place / "private"), "--results", str(place / "results")]
        assert cli.run(["--quiet", "score", str(run), "--data", str(small.folder), *places]) == 4
        files = contents(place / "private", place / "results")
        found.append({file: data for file, data in files.items() if ".timing" not in file})
    assert found[0] == found[1]
    assert any(name.endswith("result.json") for name in found[0])


def test_merging_again_changes_nothing_and_mends_what_was_damaged(shards: Path, finished_run: Path) -> None:
    merge_run(shards)
    merge_run(shards)
    path = RunFolder(shards).volume_path("toy-test-000")
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    merge_run(shards)
    assert of_run(shards) == of_run(finished_run)


def _shard(run: Path, index: int) -> Path:
    return run / "shards" / Shard(index, COUNT).folder_name


def _with_cases(run: Path) -> list[Path]:
    return [path for path in sorted((run / "shards").iterdir()) if RunFolder(path).case_ids()]


def _copy_cases(run: Path) -> None:
    first, second = _with_cases(run)[:2]
    seal(second / "plan.json", cases=RunFolder(first).plan()["cases"] + RunFolder(second).plan()["cases"])


def _drop_case(run: Path) -> None:
    seal(_with_cases(run)[0] / "plan.json", cases=[])


def _damage(run: Path) -> None:
    path = next(iter(sorted((run / "shards").rglob("volumes/*.npy"))))
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "none": (lambda run: shutil.rmtree(run / "shards"), "E_MISSING: no shards"),
    "one absent": (lambda run: shutil.rmtree(_shard(run, 3)), r"E_MISSING: 1 of 4 shards are missing .*--shard 3/4"),
    "two divisions": (lambda run: shutil.copytree(_shard(run, 1), run / "shards/001-of-002"), "E_CHANGED: .*divisions"),
    "not complete": (lambda run: (_shard(run, 2) / "run.json").unlink(), "E_INCOMPLETE"),
    "another seed": (
        lambda run: seal(_shard(run, 2) / "plan.json", seed=9),
        "E_CHANGED: .*another seed than the first",
    ),
    "a case twice": (_copy_cases, "E_DUPLICATE: a case is in two shards"),
    "a case nowhere": (_drop_case, "E_CHANGED: the shards' cases are not those of the plan"),
    "a damaged volume": (_damage, "E_CHANGED: a case of this shard is damaged"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG.keys())
def test_shards_that_do_not_fit_are_refused_and_make_no_run(
    shards: Path, change: Callable[[Path], Any], words: str
) -> None:
    change(shards)
    with pytest.raises(BenchError, match=words):
        merge_run(shards)
    assert not (shards / "run.json").exists()


def test_an_unmerged_run_is_not_scored(shards: Path, small: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["score", str(shards), "--data", str(small.folder)]) == 3
    assert f"E_INCOMPLETE: the shards of this run are not merged | where: {shards} | fix: bench merge" in (
        capsys.readouterr().err
    )


def test_the_command_line_takes_a_shard(finished_run: Path, small: Dataset, tmp_path: Path, sharded: Path) -> None:
    plugin, run = finished_run.parent / "plugin", tmp_path / "run"
    call = ["--quiet", "generate", str(plugin), "--data", str(small.folder), "--out", str(run), "--device", "cpu"]
    assert cli.run([*call, "--shard", "2/4"]) in (0, 4)
    assert contents(_shard(run, 2)) == contents(_shard(sharded, 2))


@pytest.mark.parametrize(
    "name", ["plan written", "case merged", "volume written:2", "record written", "run.json written"]
)
def test_a_merge_killed_at_any_step_is_resumed_to_the_same_bytes(shards: Path, finished_run: Path, name: str) -> None:
    command = [sys.executable, "-m", "fundus2oct.benchmark.cli", "--quiet", "merge", str(shards)]
    killed = subprocess.run(command, env=os.environ | {"BENCH_KILL_AT": name}, check=False)
    assert killed.returncode == -9
    assert cli.run(["--quiet", "merge", str(shards)]) == 4
    assert of_run(shards) == of_run(finished_run)
