"""Seconds a volume: measured by the harness, filed beside the record, never in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.timing_file import case_seconds, file_timing, read_timing, run_timing
from fundus2oct.metrics.errors import BenchError


def note(run: Path, **seconds: float) -> None:
    lines = (json.dumps({"case_id": name, "seconds": value}) for name, value in seconds.items())
    (run / "timing.jsonl").write_text("\n".join(lines) + "\n")


def test_a_case_that_was_redone_counts_once_with_its_last_time(run_copy: Path) -> None:
    text = (run_copy / "timing.jsonl").read_text()
    (run_copy / "timing.jsonl").write_text(text + '{"case_id": "toy-test-000", "seconds": 99.0}\n')
    assert case_seconds(run_copy)["toy-test-000"] == 99.0
    assert len(case_seconds(run_copy)) == 3


def test_median_and_slowest_are_filed_and_read_back_and_nobody_is_named(run_copy: Path, tmp_path: Path) -> None:
    note(run_copy, a=1.0, b=2.0, c=9.0)
    timing = run_timing(RunFolder(run_copy))
    assert timing is not None
    assert (timing["median_seconds"], timing["slowest_seconds"], timing["cases"]) == (2.0, 9.0, 3)
    file_timing(tmp_path / "0001-abcdef01.json", timing)
    assert read_timing(tmp_path / "0001-abcdef01.json") == timing
    assert set(timing) == {
        "schema", "schema_version", "device", "threads", "cases", "median_seconds", "slowest_seconds",
    }  # fmt: skip


def test_a_timing_that_is_there_stays(run_copy: Path, tmp_path: Path) -> None:
    timing = run_timing(RunFolder(run_copy))
    assert timing is not None
    file_timing(tmp_path / "0001-abcdef01.json", timing)
    file_timing(tmp_path / "0001-abcdef01.json", timing | {"median_seconds": 0.0})
    assert read_timing(tmp_path / "0001-abcdef01.json") == timing


def test_pictures_that_were_handed_in_have_no_timing(run_copy: Path, tmp_path: Path) -> None:
    (run_copy / "timing.jsonl").unlink()
    assert run_timing(RunFolder(run_copy)) is None
    assert read_timing(tmp_path / "0001-abcdef01.json") is None


def test_an_edited_timing_is_held_against_its_schema(tmp_path: Path) -> None:
    (tmp_path / "0001-abcdef01.timing.json").write_text('{"schema": "fundus2oct-timing", "median_seconds": -1}')
    with pytest.raises(BenchError, match="E_SCHEMA"):
        read_timing(tmp_path / "0001-abcdef01.json")
