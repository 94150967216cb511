"""The part `resamples` of `pairwise.json`: who is drawn, what is counted, and files from before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scored_folders import PATIENTS, Write

from fundus2oct.benchmark import board_comparison
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.pairwise_file import check_pairwise, read_pairwise
from fundus2oct.benchmark.ranking_file import RankingRule
from fundus2oct.benchmark.scored_run import find_scored_runs


def resamples(tmp_path: Path, rule: RankingRule | None = None) -> dict[str, Any]:
    runs = board_comparison.boards(find_scored_runs(tmp_path / "private"))[0]
    document = check_pairwise(board_comparison.make_document(runs, rule), where="test")
    found: dict[str, Any] = document["resamples"]
    return found


def test_a_far_entry_has_its_rank_in_every_draw_and_near_ones_share_theirs(write: Write, tmp_path: Path) -> None:
    for method, quality in (("a", 0.0), ("b", 0.05), ("c", 5.0)):
        write(method, quality)
    told = resamples(tmp_path)
    ssim = told["metrics"]["ssim"]
    assert ssim["ranks"][2] == {"first": 3, "counts": [told["resamples"]]}
    assert [sum(ranks["counts"]) for ranks in ssim["ranks"]] == [told["resamples"]] * 3
    assert min(ssim["ranks"][0]["counts"]) > 0
    assert ssim["tau"]["low"] == pytest.approx(1 / 3)
    assert ssim["tau"]["high"] == 1.0


def test_controls_and_refused_entries_are_not_drawn(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 1.0), write("c", 2.0, kind="trivial")
    write("d", 0.5, eligible={"value": False, "reasons": ["x"]})
    assert {tuple(found["entries"]) for found in resamples(tmp_path)["metrics"].values()} == {(0, 1)}


def test_a_board_of_one_ranked_entry_has_no_ranks_to_draw(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 1.0, kind="trivial")
    told = resamples(tmp_path)
    assert (told["metrics"], told["rules"]) == ({}, {})


def test_ranks_of_the_headline_metrics_are_put_together(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 5.0)
    rules = resamples(tmp_path)["rules"]
    assert {name: found["metrics"] for name, found in rules.items()} == {
        "mean-rank": ["fvd", "ssim", "psnr"],
        "median-rank": ["fvd", "ssim", "psnr"],
    }
    assert rules["mean-rank"]["ranks"][0] == {"first": 1, "counts": [2000]}


def test_the_organisers_metrics_are_put_together_where_he_names_several(write: Write, tmp_path: Path) -> None:
    write("a"), write("b", 5.0)
    rule = RankingRule(metrics=("ssim", "psnr"), rule="mean-rank")
    assert resamples(tmp_path, rule)["rules"]["mean-rank"]["metrics"] == ["ssim", "psnr"]


def test_the_command_reads_the_organisers_rule(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a"), write("b", 5.0)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/ranking.toml").write_text('rule = "mean-rank"\nmetrics = ["fvd", "psnr"]')
    options = ["--private", str(tmp_path / "private"), "--results", str(tmp_path / "results"), "--json"]
    assert run(["compare", "--all", *options]) == 0
    (path,) = json.loads(capsys.readouterr().out)
    assert read_pairwise(Path(path))["resamples"]["rules"]["median-rank"]["metrics"] == ["fvd", "psnr"]


def test_nothing_per_patient_is_told(write: Write, tmp_path: Path) -> None:
    write("a"), write("b")
    text = json.dumps(resamples(tmp_path))
    assert not [patient for patient in PATIENTS if patient in text]


def test_a_file_of_the_first_version_is_read_without_resamples(write: Write, tmp_path: Path) -> None:
    write("a"), write("b")
    runs = board_comparison.boards(find_scored_runs(tmp_path / "private"))[0]
    document = board_comparison.make_document(runs) | {"schema_version": 1}
    del document["resamples"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    assert "resamples" not in read_pairwise(path)
