"""`bench compare A B`: the table from private score folders, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scored_folders import EYES, PATIENTS, Write, measured

from fundus2oct.benchmark import comparison
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.scored_run import read_scored_run
from fundus2oct.benchmark.scoring import set_value
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError


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
