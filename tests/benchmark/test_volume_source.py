"""A finished run as a source of volumes: checked against its record, its dataset and its split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.run_folder import RunFolder, record_checksum
from fundus2oct.benchmark.volume import volume_digest
from fundus2oct.benchmark.volume_source import run_source
from fundus2oct.metrics.errors import BenchError


def edit(path: Path, *keys: str, value: Any) -> None:
    """Set one value in a run's JSON file, as a program with a mistake would have written it."""
    document = json.loads(path.read_text())
    del document["checksum"]
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(document | {"checksum": record_checksum(document)}))


def test_volumes_failures_and_provenance_come_from_the_run(finished_run: Path, small: Dataset) -> None:
    source = run_source(RunFolder(finished_run), small, "test")
    volume = source.get("toy-test-000")
    assert volume is not None
    assert volume_digest(volume) == RunFolder(finished_run).summary()["cases"]["toy-test-000"]["digest"]
    assert source.get("toy-test-001") is None
    assert source.failure_counts() == {"E_PLUGIN": 1}
    assert (source.provenance["seed"], source.provenance["isolation"], source.container) == (0, "none", "raw")


def test_an_unfinished_run_is_refused(run_copy: Path, small: Dataset) -> None:
    (run_copy / "run.json").unlink()
    with pytest.raises(BenchError, match=r"E_INCOMPLETE: .*run the same"):
        run_source(RunFolder(run_copy), small, "test")


def test_another_split_is_refused(finished_run: Path, small: Dataset) -> None:
    with pytest.raises(BenchError, match=r"E_CHANGED: .*another split .*expected: test \| found: train"):
        run_source(RunFolder(finished_run), small, "train")


def test_other_photographs_are_refused(finished_run: Path, small_copy: Dataset) -> None:
    (small_copy.folder / "fundus/toy-test-000.png").write_bytes(
        (small_copy.folder / "fundus/toy-test-001.png").read_bytes()
    )
    with pytest.raises(BenchError, match="E_CHANGED: the run was made for another inputs_hash"):
        run_source(RunFolder(finished_run), read_dataset(small_copy.folder), "test")


def test_an_altered_volume_is_refused_when_it_is_read(run_copy: Path, small: Dataset) -> None:
    source = run_source(RunFolder(run_copy), small, "test")
    path = RunFolder(run_copy).volume_path("toy-test-000")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BenchError, match=r"E_CHANGED: volume differs .*toy-test-000\.npy .*bench generate"):
        source.get("toy-test-000")


def test_a_missing_volume_is_refused_when_it_is_read(run_copy: Path, small: Dataset) -> None:
    source = run_source(RunFolder(run_copy), small, "test")
    RunFolder(run_copy).volume_path("toy-test-002").unlink()
    with pytest.raises(BenchError, match=r"E_MISSING: .*toy-test-002\.npy"):
        source.get("toy-test-002")


def test_a_summary_without_a_case_is_refused(run_copy: Path, small: Dataset) -> None:
    edit(run_copy / "run.json", "cases", value={})
    with pytest.raises(BenchError, match=r"E_CHANGED: run\.json lacks a case .*toy-test-000"):
        run_source(RunFolder(run_copy), small, "test")


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("team", "../../elsewhere", "E_NAME"),
        ("method", "", "E_NAME"),
        ("title", "a\u202eb", "E_NAME"),
        ("kind", "winner", "E_MANIFEST"),
        ("links", ["javascript:alert(1)"], "E_LINK"),
        ("score", 1.0, "E_MANIFEST"),
    ],
)
def test_a_run_from_elsewhere_cannot_name_its_entry_badly(
    run_copy: Path, small: Dataset, key: str, value: Any, code: str
) -> None:
    edit(run_copy / "plan.json", "submission", key, value=value)
    with pytest.raises(BenchError, match=rf"^{code}: .*plan\.json"):
        run_source(RunFolder(run_copy), small, "test")
