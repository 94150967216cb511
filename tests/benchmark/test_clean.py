"""`bench clean`: leftovers and the cache's oldest values go; results, runs and what is in use stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from run_contents import contents

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.value_cache import ValueCache


class Place:
    """An organiser's folders with leftovers of every kind among what must stay."""

    def __init__(self, root: Path) -> None:
        self.root, self.runs, self.private = root, root / "runs", root / "private"
        self.cache = ValueCache(self.private / "cache")
        for i in range(4):
            self.cache.put([i], np.full(100, float(i)))
            os.utime(self.cache._path([i]), (1000.0 + i,) * 2)
        for name in ("toy/a/toy-1/test/result.json", "toy/a/toy-1/test/per_case.csv", "logs/toy--a.log"):
            self.write(self.private / name)
        for run in ("merged", "unmerged"):
            self.write(self.runs / run / "shards/001-of-001/volumes/a.npy")
            self.write(self.runs / run / "plan.json")
        for name in ("run.json", "volumes/a.npy", "cases/a.json"):
            self.write(self.runs / "merged" / name)
        self.aside = self.write(self.private / "cache/ab/x.corrupt")
        self.old = self.write(self.runs / "merged/volumes/.tmp-012-a.npy")
        os.utime(self.old, (time.time() - 4000,) * 2)
        self.young = self.write(self.runs / "merged/volumes/.tmp-013-a.npy")

    @staticmethod
    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
        return path

    def clean(self, *options: str) -> int:
        return cli.run(["clean", "--runs", str(self.runs), "--private", str(self.private), *options])

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


GOES = {
    "private/cache/ab/x.corrupt",
    "runs/merged/volumes/.tmp-012-a.npy",
    "runs/merged/shards/001-of-001/volumes/a.npy",
}


def test_leftovers_go_and_everything_else_stays(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = place.files()
    assert place.clean() == 0
    assert before - place.files() == GOES
    out = capsys.readouterr().out
    assert "shards of a merged run: 1 removed" in out
    assert out.endswith("0.0 MB removed\n")


def test_a_dry_run_says_the_same_and_removes_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(place.root)
    assert place.clean("--dry-run", "--cache-limit", "0") == 0
    assert contents(place.root) == before
    out = capsys.readouterr().out
    assert all(name in out for name in ("x.corrupt", ".tmp-012", "merged/shards", "cache beyond its limit: 4 would go"))
    assert "unmerged" not in out


def test_the_oldest_values_of_the_cache_go_until_it_fits(place: Place) -> None:
    assert place.clean("--cache-limit", str(2 * 832 / 1e9)) == 0
    assert [place.cache.get([i]) is None for i in range(4)] == [True, True, False, False]


def test_shards_of_a_run_at_work_stay(place: Place) -> None:
    with only_process(place.runs / "merged"):
        place.clean()
    assert (place.runs / "merged/shards").is_dir()


def test_a_link_to_shards_elsewhere_is_not_followed(place: Place) -> None:
    elsewhere = place.runs.parent / "elsewhere"
    (place.runs / "merged/shards").rename(elsewhere)
    (place.runs / "merged/shards").symlink_to(elsewhere)
    place.clean()
    assert (elsewhere / "001-of-001/volumes/a.npy").exists()


def test_a_cleaned_run_is_still_complete(run_copy: Path, tmp_path: Path) -> None:
    summary = RunFolder(run_copy).summary()
    assert cli.run(["clean", "--runs", str(tmp_path), "--private", str(tmp_path / "none")]) == 0
    assert RunFolder(run_copy).summary() == summary
    assert RunFolder(run_copy).unfinished() == []


@pytest.mark.parametrize("limit", ["-1", "nan", "much"])
def test_a_wrong_limit_is_refused(place: Place, limit: str) -> None:
    before = place.files()
    assert place.clean("--cache-limit", limit) == 2
    assert place.files() == before
