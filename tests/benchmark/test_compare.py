"""`bench compare`: tables and files from private score folders, refusals, and what makes equal bytes."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fundus2oct.benchmark import comparison, pairwise_file
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.pairwise_file import check_pairwise, make_document
from fundus2oct.benchmark.result_file import check_result
from fundus2oct.benchmark.scored_run import find_scored_runs, read_scored_run
from fundus2oct.benchmark.scoring import set_value
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.durable_file import write_json
from fundus2oct.metrics.errors import BenchError

PATIENTS = np.array([f"p{i:02d}" for i in range(12)])
EYES = np.tile([1, 2], 6)
HARD = np.random.default_rng(99).normal(size=12)
"""What makes a patient hard for every entry."""
METRICS = ("fvd", "ssim", "psnr")

Write = Callable[..., Path]


def measured(version: str, value: float | None) -> dict[str, Any]:
    reason = "weights are missing" if value is None else None
    return {"version": version, "value": value, "reason": reason, "n_cases": 18, "n_patients": 12, "uncertainty": None}


def make_result(method: str, values: dict[str, float | None], kind: str) -> dict[str, Any]:
    versions = {card.name: card.version for card in CARDS if card.name in values}
    entry = {"team": "team", "method": method, "kind": kind, "title": "", "description": "", "licence": ""}
    return {
        "schema": "fundus2oct-result",
        "schema_version": 1,
        "entry": entry | {"external_data": "", "links": []},
        "phase": "test",
        "dataset": {
            "name": "toy",
            "version": "1",
            "title": "",
            "description": "",
            "licence": "",
            "pictures_may_be_published": True,
            "split": "test",
            "inputs_hash": "0" * 64,
            "truth_hash": "1" * 64,
            "n_cases": 18,
            "n_patients": 12,
        },
        "protocol": {
            "container": "raw",
            "failure_policy": "",
            "headline_mean": "",
            "metric_versions": versions,
        },
        "run": {
            "generator": "x:y",
            "generator_hash": None,
            "seed": 0,
            "isolation": "none",
            "versions": {},
            "volumes_hash": "2" * 64,
        },
        "cases": {"expected": 18, "scored": 18, "failed": 0, "failures": {}},
        "metrics": {name: measured(versions[name], value) for name, value in values.items()},
        "eligible": {"value": None, "reasons": []},
        "flags": [],
        "sample": None,
        "versions": {},
    }


def per_patient(method: str, quality: float, is_copy: bool) -> tuple[dict[str, Any], dict[str, float]]:
    """Arrays and values of an entry: lower FVD, higher SSIM and PSNR with lower ``quality``."""
    rng = np.random.default_rng(sum(map(ord, method)))
    own = HARD + 0.3 * rng.normal(size=12) + quality
    arrays: dict[str, Any] = {f"{name}.patients": PATIENTS for name in METRICS}
    arrays |= {f"{name}.n": EYES for name in METRICS}
    arrays |= {"ssim.mean": 0.6 - 0.02 * own, "psnr.mean": 20 - own}
    weights = EYES / EYES.sum()
    total = 100 + float(own @ weights)
    arrays["fvd.delete_one"] = (total - own * weights) / 1 + 1e-3 * own
    if is_copy:
        total, arrays["fvd.delete_one"] = 0.0, np.zeros(12)
    values = {"fvd": total, "ssim": float(arrays["ssim.mean"].mean()), "psnr": float(arrays["psnr.mean"].mean())}
    return arrays, values


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a score folder below ``private`` and returns it."""

    def make(
        method: str, quality: float = 0.0, *, kind: str = "submission", is_copy: bool = False, **changes: Any
    ) -> Path:
        arrays, values = per_patient(method, quality, is_copy)
        result = make_result(method, dict(values), kind)
        for path, value in changes.items():
            place: Any = result
            *parents, last = path.split("__")
            for parent in parents:
                place = place[parent]
            place[last] = value
        folder = tmp_path / "private" / "team" / method / "toy-1" / "test"
        folder.mkdir(parents=True)
        write_json(folder / "result.json", check_result(result, where=method))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        (folder / "per_patient.npz").write_bytes(buffer.getvalue())
        return folder

    return make


def document(tmp_path: Path) -> dict[str, Any]:
    runs = pairwise_file.boards(find_scored_runs(tmp_path / "private"))[0]
    return check_pairwise(make_document(runs), where="test")


def test_the_table_tells_which_entry_is_better(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(write("good")), str(write("bad", 3.0))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A = team/good, B = team/bad, 12 patients, intervals 95 % by patient"
    assert [line.split()[-1] for line in lines[2:]] == ["A", "A", "A"]


def test_entries_may_be_named_below_the_private_folder(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("good"), write("bad", 3.0)
    private = str(tmp_path / "private")
    assert run(["compare", "team/good", "team/bad", "--private", private, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ssim = next(row for row in told["metrics"] if row["metric"] == "ssim")
    assert ssim["difference"] == pytest.approx(ssim["a"] - ssim["b"])
    assert ssim["interval"][0] < ssim["difference"] < ssim["interval"][1]
    assert ssim["p"] < 0.01


def test_comparing_back_changes_the_sign(write: Write) -> None:
    a, b = read_scored_run(write("good")), read_scored_run(write("bad", 1.0))
    for there, back in zip(comparison.compare_two(a, b), comparison.compare_two(b, a), strict=True):
        assert there["difference"] == -back["difference"]
        assert there["standard_error"] == pytest.approx(back["standard_error"])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"dataset__truth_hash": "9" * 64}, "truth hash"),
        ({"dataset__split": "val"}, "split"),
        ({"protocol__container": "jpeg"}, "container"),
        ({"metrics__ssim__version": "ssim-other"}, "metric versions"),
    ],
)
def test_runs_that_are_not_comparable_are_refused(
    write: Write, capsys: pytest.CaptureFixture[str], change: dict[str, Any], what: str
) -> None:
    assert run(["compare", str(write("good")), str(write("other", **change))]) == 3
    assert f"E_CHANGED: the runs differ in {what}" in capsys.readouterr().err


def test_a_copy_of_the_truth_gets_no_interval(write: Write) -> None:
    a, copied = read_scored_run(write("good")), read_scored_run(write("copy", is_copy=True, kind="oracle"))
    fvd = comparison.compare_two(a, copied)[0]
    assert fvd["interval"] is None
    assert "copy of the truth" in fvd["reason"]


def test_two_entries_are_tested_by_swaps_where_their_features_were_kept(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    whose = []

    def noted(card: Any, truth: Any, generated: Any, patients: Any) -> float:
        whose.append(patients.tolist())
        return set_value(card, truth, generated, patients)

    monkeypatch.setattr(comparison, "set_value", noted)
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(18, 4))
    runs = [read_scored_run(write("good")), read_scored_run(write("bad", 3.0))]
    for scored, shift in zip(runs, (0.0, 3.0), strict=True):
        kept = {"truth": truth, "generated": truth + rng.normal(size=truth.shape) + shift}
        arrays = kept | {"patients": np.repeat(PATIENTS, EYES)}
        version = CARDS[0].features_version
        with_features = dict(scored.per_patient) | {f"{version}.{name}": array for name, array in arrays.items()}
        object.__setattr__(scored, "per_patient", with_features)
    fvd = comparison.compare_two(*runs)[0]
    assert fvd["test"] == "patient swaps"
    assert fvd["p"] < 0.01
    assert fvd["interval"] is not None
    assert whose[0] == np.repeat(PATIENTS, EYES).tolist()


def test_a_missing_value_is_told_with_its_reason(write: Write) -> None:
    a, b = read_scored_run(write("good")), read_scored_run(write("none", metrics__fvd=measured(CARDS[0].version, None)))
    fvd = comparison.compare_two(a, b)[0]
    assert (fvd["b"], fvd["difference"], fvd["reason"]) == (None, None, comparison.NO_VALUE)


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


def test_other_patients_are_refused(write: Write) -> None:
    a, b = read_scored_run(write("a")), read_scored_run(write("b"))
    other = dict(b.per_patient) | {"ssim.patients": PATIENTS[::-1]}
    with pytest.raises(BenchError, match="E_CHANGED: other patients than team/a"):
        comparison.compare_two(a, type(b)(folder=b.folder, result=b.result, per_patient=other))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compare"], 2, "give either two entries to compare, or --all"),
        (["compare", "a", "b", "--all"], 2, "give either two entries"),
        (["compare", "team/x", "team/y", "--private", "nowhere"], 3, "E_RESULTS: not one scored run"),
        (["compare", "--all", "--private", "nowhere"], 3, "E_RESULTS: no scored run found"),
    ],
)
def test_a_wrong_call_ends_in_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    assert message in capsys.readouterr().err


def test_a_damaged_file_of_patients_is_named(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write("a")
    (folder / "per_patient.npz").write_bytes(b"PK\x03\x04 torn")
    assert run(["compare", str(folder), str(folder)]) == 3
    assert "E_FORMAT: cannot be read" in capsys.readouterr().err
