"""Seconds a volume: measured by the harness, filed beside the record, never in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fundus2oct.benchmark.generation import seconds_used
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.timing_file import case_seconds, file_timing, note_seconds, read_timing, run_timing
from fundus2oct.metrics.errors import BenchError


def note(run: Path, **seconds: float) -> None:
    lines = (json.dumps({"case_id": name, "seconds": value}) for name, value in seconds.items())
    (run / "timing.jsonl").write_text("\n".join(lines) + "\n")


def test_a_case_that_was_redone_counts_once_with_its_last_time(run_copy: Path) -> None:
    text = (run_copy / "timing.jsonl").read_text()
    (run_copy / "timing.jsonl").write_text(text + '{"case_id": "toy-test-000", "seconds": 99.0}\n')
    assert case_seconds(run_copy)["toy-test-000"] == 99.0
    assert len(case_seconds(run_copy)) == 3


DAMAGED = {
    "cut by a kill": '{"case_id": "toy-test-000", "sec',
    "a flipped byte": '{"case_id": "toy-test-000"; "seconds": 99.0}',
    "no text": "\udcff",
    "another thing": '["toy-test-000", 99.0]',
    "no number": '{"case_id": "toy-test-000", "seconds": NaN}',
    "a time before time": '{"case_id": "toy-test-000", "seconds": -99.0}',
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_costs_its_own_time_alone(run_copy: Path, line: str) -> None:
    before = case_seconds(run_copy)
    with open(run_copy / "timing.jsonl", "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{line}\n")
    assert case_seconds(run_copy) == before
    assert seconds_used(run_copy) == pytest.approx(sum(before.values()))
    note_seconds(run_copy, "toy-test-001", 7.0)
    assert case_seconds(run_copy) == before | {"toy-test-001": 7.0}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "timing.jsonl").symlink_to("/dev/full")
    with pytest.raises(BenchError, match="E_DISK: cannot write: No space left"):
        note_seconds(tmp_path, "a", 1.0)


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
