"""A run's folder: plan first, records that notice damage, `run.json` last, one process at a time."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fundus2oct.benchmark.run_folder import PLAN_SCHEMA, RunFolder, case_seed, read_record
from fundus2oct.metrics.errors import BenchError

GREY = np.full((6, 320, 448), 7, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (6, 320, 448), np.uint8)


def plan_of(*case_ids: str, **others: Any) -> dict[str, Any]:
    cases = [{"case_id": case_id, "seed": 1} for case_id in case_ids]
    walls = {"generator": {"target": "a:b", "isolation": "bubblewrap"}, "limits": {"case_seconds": 9.0}}
    return {"schema": PLAN_SCHEMA, "schema_version": 1, "cases": cases, "seed": 0, **walls, **others}


def begun(folder: Path, *case_ids: str) -> RunFolder:
    run = RunFolder(folder)
    with run.locked():
        run.begin(plan_of(*case_ids))
    return run


def test_a_seed_belongs_to_run_case_and_sample_alone() -> None:
    seeds = {case_seed(seed, case_id, sample) for seed in (0, 1) for case_id in ("a", "b") for sample in (0, 1)}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    # printf '["fundus2oct-seed",0,"toy-test-000",0]' | sha256sum, first 16 digits, halved
    assert case_seed(0, "toy-test-000") == 4546566635184746820


def test_an_equal_plan_resumes_and_another_is_refused_by_name(tmp_path: Path) -> None:
    run = begun(tmp_path, "a")
    run.begin(plan_of("a"))
    with pytest.raises(BenchError, match=r"^E_CHANGED: .*another cases, seed .*plan\.json.*--out"):
        run.begin(plan_of("b") | {"seed": 1})


def test_a_run_is_resumed_behind_its_own_walls_only(tmp_path: Path) -> None:
    run = begun(tmp_path, "a")
    with pytest.raises(BenchError, match=r"another isolation .*bubblewrap.*none.*type --sandbox bubblewrap to go on"):
        run.begin(plan_of("a", generator={"target": "a:b", "isolation": "none"}))


def test_a_finished_run_says_behind_which_walls_and_limits(tmp_path: Path) -> None:
    run = begun(tmp_path, "a")
    run.store_failure("a", "E_CRASH")
    summary = run.finish()
    assert (summary["generator"]["isolation"], summary["limits"]) == ("bubblewrap", {"case_seconds": 9.0})


def test_cases_without_a_plan_are_not_taken_over(tmp_path: Path) -> None:
    begun(tmp_path, "a").store_failure("a", "E_CRASH")
    (tmp_path / "plan.json").unlink()
    with pytest.raises(BenchError, match="E_CHANGED: cases without a plan"):
        begun(tmp_path, "a")


def test_records_of_volumes_and_failures_are_read_back(tmp_path: Path) -> None:
    run = begun(tmp_path, "a", "b")
    stored = run.store_volume("a", NOISE), run.store_failure("b", "E_TIMEOUT")
    assert (run.record("a"), run.record("b")) == stored
    assert run.unfinished() == []


RECORD_DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "half": b'{"case_id": "a",',
    "not UTF-8": b"\xff\xfe",
    "a list": b"[]",
    "nested": b"[" * 100_000,
    "another record": b'{"case_id": "a", "code": "E_CRASH", "digest": null, "constant": false, "checksum": "0"}',
    "neither volume nor code": b'{"case_id": "a", "code": null, "digest": null, "constant": false}',
    "unknown key": b'{"case_id": "a", "score": 1, "checksum": ""}',
}


@pytest.mark.parametrize("damage", RECORD_DAMAGE.values(), ids=RECORD_DAMAGE.keys())
def test_a_damaged_record_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    run = begun(tmp_path, "a")
    run.store_volume("a", NOISE)
    (tmp_path / "cases/a.json").write_bytes(damage)
    assert run.record("a") is None


def test_a_flipped_bit_anywhere_in_a_record_is_noticed(tmp_path: Path) -> None:
    run = begun(tmp_path, "a")
    run.store_failure("a", "E_CRASH")
    path = tmp_path / "cases/a.json"
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        record = run.record("a")
        assert record is None or json.loads(whole) == json.loads(path.read_bytes())


def test_a_flipped_bit_in_a_volume_is_noticed(tmp_path: Path) -> None:
    run = begun(tmp_path, "a")
    run.store_volume("a", NOISE)
    with open(run.volume_path("a"), "r+b") as file:
        file.seek(5000)
        file.write(bytes([file.read(1)[0] ^ 1]))
    assert run.record("a") is None


def test_the_record_of_another_case_is_not_taken(tmp_path: Path) -> None:
    run = begun(tmp_path, "a", "b")
    run.store_failure("a", "E_CRASH")
    (tmp_path / "cases/a.json").rename(tmp_path / "cases/b.json")
    assert run.unfinished() == ["a", "b"]


def test_a_run_is_complete_with_its_last_record_only(tmp_path: Path) -> None:
    run = begun(tmp_path, "a", "b")
    run.store_volume("a", NOISE)
    with pytest.raises(BenchError, match="E_MISSING: 1 cases have no record"):
        run.finish()
    with pytest.raises(BenchError, match=r"E_INCOMPLETE: .*run the same"):
        run.summary()


def test_a_complete_run_with_a_damaged_case_is_no_longer_complete(run_copy: Path) -> None:
    run = RunFolder(run_copy)
    run.volume_path("toy-test-000").unlink()
    assert run.unfinished() == ["toy-test-000"]
    assert not (run_copy / "run.json").exists()


FLAGS: dict[str, tuple[list[Any], list[str]]] = {
    "different": ([NOISE, NOISE[::-1]], []),
    "one case": ([NOISE], []),
    "same for all": ([NOISE, NOISE], ["same-volume-for-all-cases"]),
    "one constant": ([NOISE, GREY], ["constant-volumes"]),
    "all constant and the same": ([GREY, GREY], ["constant-volumes", "same-volume-for-all-cases"]),
    "same but for a failure": ([NOISE, NOISE, None], ["same-volume-for-all-cases"]),
    "all failed": ([None, None], []),
}


@pytest.mark.parametrize(("volumes", "flags"), FLAGS.values(), ids=FLAGS.keys())
def test_constant_and_repeated_volumes_are_flagged(tmp_path: Path, volumes: list[Any], flags: list[str]) -> None:
    run = begun(tmp_path, *"abc"[: len(volumes)])
    for case_id, volume in zip("abc", volumes, strict=False):
        _ = run.store_failure(case_id, "E_CRASH") if volume is None else run.store_volume(case_id, volume)
    assert run.finish()["flags"] == flags


def test_a_second_process_is_refused_and_the_lock_is_free_afterwards(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).locked(),
        pytest.raises(BenchError, match="E_LOCKED"),
        RunFolder(tmp_path).locked(),
    ):
        pass
    with RunFolder(tmp_path).locked():
        assert (tmp_path / "volumes").is_dir()


def test_what_a_killed_writer_left_is_swept_under_the_lock(tmp_path: Path) -> None:
    begun(tmp_path, "a")
    (tmp_path / "volumes/.tmp-0123-a.npy").write_bytes(b"half")
    with RunFolder(tmp_path).locked():
        assert list((tmp_path / "volumes").iterdir()) == []


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(BenchError, match="E_DISK"), RunFolder(tmp_path / "run").locked():
        pass


RECORDS: dict[str, tuple[bytes, str]] = {
    "half written": (b'{"schema": "fundus2oct-plan"', "E_FORMAT"),
    "another schema": (b'{"schema": "fundus2oct-run", "schema_version": 1}', "E_FORMAT"),
    "a list": (b"[]", "E_FORMAT"),
    "nested": (b"[" * 100_000, "E_FORMAT"),
    "newer": (b'{"schema": "fundus2oct-plan", "schema_version": 2}', "E_VERSION"),
    "empty": (b"", "E_EMPTY"),
}


@pytest.mark.parametrize(("data", "code"), RECORDS.values(), ids=RECORDS.keys())
def test_a_broken_plan_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "plan.json").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^{code}: .*plan\.json"):
        read_record(tmp_path / "plan.json", PLAN_SCHEMA)


@pytest.mark.parametrize("name", ["plan.json", "run.json"])
def test_a_flipped_bit_anywhere_in_plan_or_summary_is_noticed(tmp_path: Path, name: str) -> None:
    run = begun(tmp_path, "a")
    run.store_failure("a", "E_CRASH")
    run.finish()
    read = run.plan if name == "plan.json" else run.summary
    whole, before = (tmp_path / name).read_bytes(), read()
    assert "checksum" not in before
    for i in range(len(whole)):
        (tmp_path / name).write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with contextlib.suppress(BenchError):
            assert read() == before


EDITS: dict[str, tuple[str, str]] = {
    "a seed": ('"seed": 0', '"seed": 7'),
    "not a number": ('"seed": 0', '"seed": NaN'),
    "half a character": ('"seed": 0', '"seed": "\\ud800"'),
    "no checksum": ('"checksum"', '"sum"'),
}


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS.keys())
def test_an_edited_plan_is_one_clear_line(tmp_path: Path, old: str, new: str) -> None:
    run = begun(tmp_path, "a")
    run.plan_path.write_text(run.plan_path.read_text().replace(old, new))
    with pytest.raises(
        BenchError, match=r"^E_CHANGED: edited or damaged after .*plan\.json .*fix: remove the run's"
    ) as e:
        run.begin(plan_of("a"))
    assert e.value.exit_code == 3


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_a_cut_summary_is_one_clear_line_and_is_written_anew(tmp_path: Path, share: float) -> None:
    run = begun(tmp_path, "a")
    run.store_failure("a", "E_CRASH")
    summary, path = run.finish(), tmp_path / "run.json"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BenchError, match=r"^E_(EMPTY|FORMAT): .*run\.json"):
        run.summary()
    assert run.unfinished() == []
    assert run.finish() == run.summary() == summary
