"""`bench compare --all`: one file a board, rank intervals and tiers, and what it keeps to itself."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scored_folders import PATIENTS, Write, measured

from fundus2oct.benchmark import board_comparison, comparison
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.disclosure import round_numbers
from fundus2oct.benchmark.entry_status import StatusChange, append_status
from fundus2oct.benchmark.pairwise_file import check_pairwise
from fundus2oct.benchmark.scored_run import find_scored_runs, read_scored_run
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError


def document(tmp_path: Path) -> dict[str, Any]:
    runs = board_comparison.boards(find_scored_runs(tmp_path / "private"))[0]
    return check_pairwise(board_comparison.make_document(runs), where="test")


def test_all_pairs_go_into_one_file_per_board(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method, quality in (("a", 0.0), ("b", 0.1), ("c", 4.0)):
        write(method, quality)
    write("elsewhere", protocol__container="jpeg")
    options = ["--private", str(tmp_path / "private"), "--results", str(tmp_path / "results")]
    assert run(["compare", "--all", *options]) == 0
    files = sorted((tmp_path / "results" / "pairwise" / "toy-1").iterdir())
    assert len(files) == 2
    assert all(file.name.startswith("test-") for file in files)
    before = [file.read_bytes() for file in files]
    assert run(["compare", "--all", *options]) == 0
    assert [file.read_bytes() for file in files] == before
    assert "3 entries" in capsys.readouterr().out


def test_rank_intervals_and_tiers_tell_the_far_entry_apart(write: Write, tmp_path: Path) -> None:
    for method, quality in (("a", 0.0), ("b", 0.0), ("c", 5.0)):
        write(method, quality)
    ssim = document(tmp_path)["metrics"]["ssim"]
    assert ssim["rank_intervals"] == [[1, 2], [1, 2], [3, 3]]
    assert ssim["tiers"] == [1, 1, 2]
    assert [(pair["a"], pair["b"], pair["better"]) for pair in ssim["pairs"]] == [
        (0, 1, None),
        (0, 2, "a"),
        (1, 2, "a"),
    ]


def test_controls_are_compared_and_never_ranked(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 5.0), write("c", 2.0, kind="trivial")
    ssim = document(tmp_path)["metrics"]["ssim"]
    assert len(ssim["pairs"]) == 3
    assert ssim["rank_intervals"] == [[1, 1], [2, 2], None]
    assert ssim["tiers"] == [1, 2, None]


def test_a_run_with_too_many_failures_is_not_ranked(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", cases={"expected": 18, "scored": 16, "failed": 2, "failures": {"E_CRASH": 2}})
    assert [entry["is_ranked"] for entry in document(tmp_path)["entries"]] == [True, False]


def written(tmp_path: Path) -> dict[str, Any]:
    """What the command writes for the one board."""
    options = ["--private", str(tmp_path / "private"), "--results", str(tmp_path / "results")]
    assert run(["--quiet", "compare", "--all", *options]) == 0
    (path,) = (tmp_path / "results/pairwise/toy-1").iterdir()
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_a_withdrawn_entry_is_compared_and_not_ranked(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 5.0)
    (tmp_path / "results/team/a/results").mkdir(parents=True)
    change = StatusChange(status="withdrawn", date=date(2026, 3, 1), reason="a bug")
    append_status(tmp_path / "results/team/a", change)
    found = written(tmp_path)
    assert [entry["is_ranked"] for entry in found["entries"]] == [False, True]
    assert found["metrics"]["ssim"]["rank_intervals"] == [None, [1, 1]]


def test_comparisons_are_rounded_as_the_records_are(write: Write, tmp_path: Path) -> None:
    rule = {"per_case": False, "pictures": False, "digits": 3}
    write("a", protocol__disclosure=rule), write("b", 5.0, protocol__disclosure=rule)
    exact = document(tmp_path)["metrics"]
    assert written(tmp_path)["metrics"] == round_numbers(exact, 3) != exact


def test_tiers_of_fvd_wait_for_the_bias_matched_distance(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 5.0)
    fvd = document(tmp_path)["metrics"]["fvd"]
    assert fvd["tiers"] == [None, None]
    assert fvd["tiers_reason"] == comparison.NO_BIAS_MATCHED
    assert fvd["rank_intervals"] == [[1, 1], [2, 2]]


@pytest.mark.parametrize(("matched", "tiers"), [((1.0, 2.0), [1, 2]), ((2.0, 1.0), [1, 1])])
def test_a_tier_of_fvd_needs_the_bias_matched_sign(
    write: Write, monkeypatch: pytest.MonkeyPatch, matched: tuple[float, float], tiers: list[int]
) -> None:
    runs = [read_scored_run(write("a")), read_scored_run(write("b", 5.0))]
    for scored, value in zip(runs, matched, strict=True):
        scored.result["metrics"]["matched"] = measured("v", value)
    card = next(card for card in CARDS if card.name == "fvd")
    partner = replace(card, name="matched", jackknife=f"fundus2oct.metrics.{comparison.BIAS_MATCHED_JACKKNIFE}")
    monkeypatch.setattr(comparison, "CARDS", (card, partner))
    fvd = comparison.compare_all(card, runs)
    assert fvd["tiers"] == tiers
    assert fvd["pairs"][0]["order_agrees"] is (tiers == [1, 2])
    assert [told["reason"] for told in fvd["held_back"]] == ["order depends on finite-sample bias"] * (tiers == [1, 1])


def test_another_entry_changes_no_difference(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 0.5)
    before = document(tmp_path)["metrics"]["ssim"]["pairs"][0]
    write("c", 1.0)
    after = document(tmp_path)["metrics"]["ssim"]["pairs"][0]
    names = ("difference", "standard_error", "interval")
    assert [after[name] for name in names] == [before[name] for name in names]


def test_nothing_per_patient_is_in_the_file(write: Write, tmp_path: Path) -> None:
    write("a"), write("b")
    text = json.dumps(document(tmp_path))
    assert not [patient for patient in PATIENTS if patient in text]


def test_a_broken_file_is_named_by_its_place(write: Write, tmp_path: Path) -> None:
    write("a"), write("b")
    broken = copy.deepcopy(document(tmp_path))
    broken["metrics"]["ssim"]["pairs"][0]["p"] = 2
    with pytest.raises(BenchError, match=r"E_SCHEMA.*ssim.*pairs\[0\]\.p"):
        check_pairwise(broken, where="file")
